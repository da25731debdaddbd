/* onnx_lift_shape.c - ONNX operators about shapes and places, in all opsets from 7. */
#include "formats/onnx_lift.h"
#include "small.h"
#include <stdio.h>

/* Old opsets give as an attribute what is an input now: put ints there, if the node has them. */
static void ints_to_input(fire_import *b, fire_lift *n, const char *name, int at) {
    const fire_onnx_attr *a = fire_lift_attr(n, name);
    if (!a || b->g->first.status) return;
    fire_value *in = fire_arena_alloc(&b->arena, FIRE_MAX_IN, sizeof *in, &b->g->first);
    if (!in) return;
    for (int64_t i = 0; i < n->n_in && i < FIRE_MAX_IN; i++) in[i] = n->in[i];
    in[at] = fire_import_ints(b, a->n_ints, a->ints);
    n->in = in;
    if (n->n_in <= at) n->n_in = at + 1;
}

void fire_lift_constant(fire_import *b, fire_lift *n) {
    if (n->n_attrs < 1 || n->n_out < 1) { fire_import_fail(b, FIRE_E_CORRUPT, "has no value"); return; }
    const fire_onnx_attr *a = n->attr;
    fire_graph *g = b->g;
    if (fire_span_is(a->name, "value") && a->type == FIRE_IS_TENSOR) n->out[0] = fire_import_tensor(b, &a->tensor, "the constant");
    else if (fire_span_is(a->name, "value_int") && a->type == FIRE_IS_INT) n->out[0] = fire_graph_const(g, FIRE_I64, (fire_shape){0}, &a->number);
    else if (fire_span_is(a->name, "value_float") && a->type == FIRE_IS_FLOAT) n->out[0] = fire_graph_const(g, FIRE_F32, (fire_shape){0}, &a->value);
    else if (fire_span_is(a->name, "value_ints") && a->type == FIRE_IS_INTS) n->out[0] = fire_import_ints(b, a->n_ints, a->ints);
    else if (fire_span_is(a->name, "value_floats") && a->type == FIRE_IS_FLOATS) n->out[0] = fire_graph_const(g, FIRE_F32, (fire_shape){1, {a->n_floats}}, a->floats);
    else if (fire_span_is(a->name, "value_string") && a->type == FIRE_IS_TEXT) n->out[0] = fire_import_texts(b, (fire_shape){0}, &a->text);
    else if (fire_span_is(a->name, "value_strings") && a->type == FIRE_IS_TEXTS) n->out[0] = fire_import_texts(b, (fire_shape){1, {a->n_texts}}, a->texts);
    else fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "this kind of constant is not supported");
}

/* A constant tensor of whole numbers as a shape. */
static bool shape_from(fire_import *b, fire_value v, fire_shape *s) {
    const fire_tensor *t = fire_import_numbers(b, v);
    if (!t) return false;
    int64_t n = fire_count(&t->shape);
    if (t->shape.rank > 1 || n > FIRE_MAX_RANK || (t->type != FIRE_I64 && t->type != FIRE_I32)) {
        fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "a shape of %lld numbers in %d dimensions", (long long)n, (int)t->shape.rank);
        return false;
    }
    s->rank = (int32_t)n;
    for (int d = 0; d < n; d++) s->dim[d] = fire_whole(fire_get(t, d));
    return true;
}

void fire_lift_constant_of_shape(fire_import *b, fire_lift *n) {
    fire_shape s = {0};
    const fire_onnx_attr *a = fire_lift_attr(n, "value");
    float zero = 0;
    fire_value v = a ? fire_import_tensor(b, &a->tensor, "the value") : fire_graph_const(b->g, FIRE_F32, (fire_shape){0}, &zero);
    const fire_type type = fire_import_type(b, v);
    v = fire_import_reshape(b, v, (fire_shape){0});
    if (fire_import_twin(b, fire_lift_in(n, 0))) { n->out[0] = fire_import_two(b, "Expand", v, n->in[0]); return; }
    if (!shape_from(b, fire_lift_in(n, 0), &s) || b->g->first.status) return;
    n->out[0] = fire_import_as(b, fire_import_two(b, "Expand", v, fire_import_ints(b, s.rank, s.dim)), type);
}

void fire_lift_shape(fire_import *b, fire_lift *n) {
    if (b->g->first.status) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]);
    int64_t from = fire_lift_int(n, "start", 0), to = fire_lift_int(n, "end", s.rank);
    if (from < 0) from += s.rank;
    if (to < 0) to += s.rank;
    if (from < 0) from = 0;
    if (to > s.rank) to = s.rank;
    if (to < from) to = from;
    n->out[0] = fire_import_sizes(b, n->in[0], from, to);
}

void fire_lift_size(fire_import *b, fire_lift *n) {
    if (!fire_import_concrete(b, n->in[0])) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]);
    n->out[0] = fire_graph_const(b->g, FIRE_I64, (fire_shape){0}, &(int64_t){fire_count(&s)});
}

void fire_lift_squeeze(fire_import *b, fire_lift *n) { ints_to_input(b, n, "axes", 1); fire_lift_same(b, n, n->op, "axes"); }

/* The largest or smallest of nothing: the number that any other replaces, in the shape that a sum would have. */
static void empty_extreme(fire_import *b, fire_lift *n, fire_type type) {
    const bool max = !strcmp(n->op, "ReduceMax");
    fire_value x = n->in[0];
    n->in[0] = fire_import_cast(b, x, FIRE_F64);
    fire_lift_same(b, n, "ReduceSum", "axes");
    if (b->g->first.status) return;
    fire_tensor v = {type, {0}, fire_arena_alloc(&b->g->arena, 1, 8, &b->g->first)};
    if (!v.data) return;
    fire_put(&v, 0, type == FIRE_F32 || type == FIRE_F64 ? (max ? -INFINITY : INFINITY) : type == FIRE_BOOL ? !max : max ? (type == FIRE_U8 || type == FIRE_U16 || type == FIRE_U32 || type == FIRE_U64 ? 0
             : type == FIRE_I8 ? -128 : type == FIRE_I16 ? -32768 : type == FIRE_I32 ? (double)INT32_MIN : -INFINITY)
             : type == FIRE_U8 ? 255 : type == FIRE_I8 ? 127 : type == FIRE_U16 ? 65535 : type == FIRE_I16 ? 32767 : type == FIRE_I32 ? (double)INT32_MAX : type == FIRE_U32 ? (double)UINT32_MAX : INFINITY);
    fire_shape s = fire_shape_of(b->g, n->out[0]);
    n->out[0] = fire_import_two(b, "Expand", fire_graph_borrow(b->g, type, v.shape, v.data), fire_import_ints(b, s.rank, s.dim));
}

void fire_lift_reduce(fire_import *b, fire_lift *n) {
    ints_to_input(b, n, "axes", 1);
    if (b->g->first.status) return;
    const bool extreme = !strcmp(n->op, "ReduceMax") || !strcmp(n->op, "ReduceMin");
    const fire_type type = fire_type_of(b->g, n->in[0]);
    fire_shape s = fire_shape_of(b->g, n->in[0]);
    if (extreme && fire_count(&s) == 0) { empty_extreme(b, n, type); return; }
    if (extreme && type == FIRE_BOOL) n->in[0] = fire_import_cast(b, n->in[0], FIRE_U8);
    if (strcmp(n->op, "ReduceLogSum")) fire_lift_same(b, n, n->op, "axes");
    else {
        fire_lift_same(b, n, "ReduceSum", "axes");
        n->out[0] = fire_import_one(b, "Log", n->out[0]);
    }
    if (extreme && type == FIRE_BOOL) n->out[0] = fire_import_cast(b, n->out[0], FIRE_BOOL);
}

void fire_lift_slice(fire_import *b, fire_lift *n) {
    ints_to_input(b, n, "starts", 1);
    ints_to_input(b, n, "ends", 2);
    ints_to_input(b, n, "axes", 3);
    fire_lift_same(b, n, n->op, "starts|ends|axes");
}

/* Before opset 18 a list of 1: `split` (attribute, then input); later num_outputs, the last part being smaller. */
void fire_lift_split(fire_import *b, fire_lift *n) {
    ints_to_input(b, n, "split", 1);
    if (b->g->first.status) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]);
    int axis;
    if (fire_axis(fire_lift_int(n, "axis", 0), s.rank, &axis, &b->g->first)) return;
    const fire_tensor *sizes = n->n_in > 1 && n->in[1] ? fire_import_numbers(b, n->in[1]) : NULL;
    if (b->g->first.status) return;
    int64_t parts = n->n_out, each = parts ? (s.dim[axis] + parts - 1) / parts : 0;
    if (s.dim[axis] < 0) { (void)fire_import_concrete(b, n->in[0]); return; }
    fire_tensor own = sizes ? *sizes : (fire_tensor){0};
    if (sizes && fire_count(&own.shape) != parts) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "%lld sizes for %lld outputs", (long long)fire_count(&own.shape), (long long)parts); return; }
    for (int64_t k = 0, at = 0; k < parts; k++) {
        int64_t size = sizes ? fire_whole(fire_get(&own, k)) : each, end;
        if (size < 0 || !fire_add(at, size, &end) || (sizes && end > s.dim[axis])) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the sizes do not fit"); return; }
        if (end > s.dim[axis]) end = s.dim[axis];
        n->out[k] = fire_import_slice(b, n->in[0], axis, at < s.dim[axis] ? at : s.dim[axis], end);
        at = end;
    }
}

/* Axis by axis: [outer, size] as [outer, 1, size], repeated, and joined again. */
void fire_lift_tile(fire_import *b, fire_lift *n) {
    fire_shape times = {0};
    fire_value x = n->in[0];
    if (!shape_from(b, fire_lift_in(n, 1), &times) || !fire_import_concrete(b, x)) return;
    fire_shape s = fire_shape_of(b->g, x), y = s;
    if (times.rank != s.rank) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "%d repeats for %d dimensions", (int)times.rank, (int)s.rank); return; }
    for (int d = 0; d < s.rank; d++) {
        if (times.dim[d] < 0 || !fire_mul(y.dim[d], times.dim[d], &y.dim[d])) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "a repeat of %lld", (long long)times.dim[d]); return; }
        if (times.dim[d] == 1) continue;
        int64_t outer = 1, inner = 1;
        bool fits = true;
        for (int k = 0; k < d; k++) fits &= fire_mul(outer, y.dim[k], &outer);
        for (int k = d; k < s.rank; k++) fits &= fire_mul(inner, s.dim[k], &inner);
        if (!fits) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the result is too large"); return; }
        x = fire_import_reshape(b, x, (fire_shape){3, {outer, 1, inner}});
        x = fire_import_two(b, "Expand", x, fire_import_ints(b, 3, (int64_t[]){outer, times.dim[d], inner}));
    }
    n->out[0] = fire_import_reshape(b, x, y);
}

void fire_lift_depth_to_space(fire_import *b, fire_lift *n) {
    if (!fire_import_is_rows(b, n->in[0])) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]);
    int64_t k = fire_lift_int(n, "blocksize", 0);
    bool crd = fire_lift_text(n, "mode", "CRD");
    if (s.rank != 4 || k < 1 || k > 1 << 15 || s.dim[1] % (k * k) || s.dim[2] > INT32_MAX || s.dim[3] > INT32_MAX) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "blocks of %lld do not fit", (long long)k); return; }
    int64_t c = s.dim[1] / (k * k);
    fire_value x = fire_import_reshape(b, n->in[0], crd ? (fire_shape){6, {s.dim[0], c, k, k, s.dim[2], s.dim[3]}} : (fire_shape){6, {s.dim[0], k, k, c, s.dim[2], s.dim[3]}});
    x = fire_import_permute(b, x, crd ? (int[]){0, 1, 4, 2, 5, 3} : (int[]){0, 3, 4, 1, 5, 2});
    n->out[0] = fire_import_reshape(b, x, (fire_shape){4, {s.dim[0], c, s.dim[2] * k, s.dim[3] * k}});
}

void fire_lift_space_to_depth(fire_import *b, fire_lift *n) {
    if (!fire_import_is_rows(b, n->in[0])) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]);
    int64_t k = fire_lift_int(n, "blocksize", 0);
    if (s.rank != 4 || k < 1 || k > 1 << 15 || s.dim[1] > 1 << 30 || s.dim[2] % k || s.dim[3] % k) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "blocks of %lld do not fit", (long long)k); return; }
    fire_value x = fire_import_reshape(b, n->in[0], (fire_shape){6, {s.dim[0], s.dim[1], s.dim[2] / k, k, s.dim[3] / k, k}});
    x = fire_import_permute(b, x, fire_lift_text(n, "mode", "CRD") ? (int[]){0, 1, 3, 5, 2, 4} : (int[]){0, 3, 5, 1, 2, 4});
    n->out[0] = fire_import_reshape(b, x, (fire_shape){4, {s.dim[0], s.dim[1] * k * k, s.dim[2] / k, s.dim[3] / k}});
}

void fire_lift_pad(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *value = fire_lift_attr(n, "value");
    if (n->opset < 11) {
        ints_to_input(b, n, "pads", 1);
        if (value && !b->g->first.status) {
            fire_value *in = fire_arena_alloc(&b->arena, 3, sizeof *in, &b->g->first);
            if (!in) return;
            in[0] = n->in[0], in[1] = fire_lift_in(n, 1), in[2] = fire_import_like(b, n->in[0], (double)value->value);
            n->in = in;
            n->n_in = 3;
        }
    }
    fire_lift_same(b, n, n->op, "pads|value");
}

/* Upsample, and Resize of opset 10 (scales as its second input), map places without a shift. */
void fire_lift_resize(fire_import *b, fire_lift *n) {
    fire_value in[4] = {n->in[0]};
    fire_lift to = *n;
    const bool old = n->opset < 11 || !strcmp(n->op, "Upsample");
    if (!old) { fire_lift_same(b, n, "Resize", NULL); return; }
    const fire_onnx_attr *scales = fire_lift_attr(n, "scales"), *mode = fire_lift_attr(n, "mode");
    in[2] = scales ? fire_graph_const(b->g, FIRE_F32, (fire_shape){1, {scales->n_floats}}, scales->floats) : fire_lift_in(n, 1);
    bool linear = mode && (fire_span_is(mode->text, "linear") || fire_span_is(mode->text, "bilinear"));
    to.out[0] = fire_import_apply(b, "Resize", 3, in, "mode=%s coordinate_transformation_mode=asymmetric nearest_mode=floor", linear ? "linear" : "nearest");
}

/* Between numbers; texts are for onnx_lift_text.c. */
void fire_lift_cast(fire_import *b, fire_lift *n) {
    int64_t to = fire_lift_int(n, "to", 0);
    if (!strcmp(n->op, "CastLike")) to = n->n_in > 1 && n->in[1] > 0 ? (int64_t)fire_import_type(b, n->in[1]) : 0;
    if (b->g->first.status) return;
    if (b->layers && (to == FIRE_F16 || to == FIRE_BF16)) to = FIRE_F32;
    if (n->n_in < 1 || n->in[0] <= 0) { fire_import_fail(b, FIRE_E_CORRUPT, "has no input"); return; }
    if (to < 1 || to > FIRE_F6_E3M2 || !fire_import_storage((fire_type)to)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "element type %lld is not supported", (long long)to); return; }
    const fire_type from = fire_import_type(b, n->in[0]);
    if (from == (fire_type)to) n->out[0] = fire_import_as(b, fire_import_one(b, "Identity", n->in[0]), from);
    else if (from == FIRE_TEXT || to == FIRE_TEXT) fire_import_cast_text(b, n, (fire_type)to);
    else {
        fire_value x = fire_import_widen(b, n->in[0]);
        const int round = fire_lift_text(n, "round_mode", "nearest") ? 0 : fire_lift_text(n, "round_mode", "down") ? 2 : 1;
        n->out[0] = fire_small_find((fire_type)to) ? fire_import_narrow(b, x, (fire_type)to, fire_lift_int(n, "saturate", 1), round) : fire_import_cast(b, x, (fire_type)to);
    }
}

fire_value fire_import_widen(fire_import *b, fire_value x) {
    const fire_type type = fire_import_type(b, x);
    return b->g->first.status || !fire_small_find(type) ? x : fire_import_apply(b, "Widen", 1, &x, "type=%d", (int)type);
}
fire_value fire_import_narrow(fire_import *b, fire_value x, fire_type to, bool saturate, int round) {
    return fire_import_as(b, fire_import_apply(b, "Narrow", 1, &x, "type=%d saturate=%d round=%d", (int)to, saturate, round), to);
}

void fire_lift_identity(fire_import *b, fire_lift *n) { n->out[0] = n->n_in && n->in[0] < 0 ? n->in[0] : fire_import_one(b, "Identity", n->in[0]); }

void fire_lift_range(fire_import *b, fire_lift *n) {
    fire_value in[3] = {fire_lift_in(n, 0), fire_lift_in(n, 1), fire_lift_in(n, 2)};
    if (!fire_import_known(b, 3, in) || !in[0] || !in[1] || !in[2]) return;
    fire_tensor t[3];
    for (int i = 0; i < 3; i++) {
        t[i] = b->g->value[in[i]].tensor;
        if (fire_count(&t[i].shape) != 1 || t[i].type != t[0].type) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "wants three numbers of one type"); return; }
    }
    double from = fire_get(&t[0], 0), to = fire_get(&t[1], 0), step = fire_get(&t[2], 0), count = step != 0 ? ceil((to - from) / step) : NAN;
    const int64_t size = (int64_t)fire_type_size(t[0].type);
    if (!(count <= (double)(b->bytes_left / size))) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "%g numbers from %g to %g by %g", count, from, to, step); return; }
    fire_tensor y = {t[0].type, {1, {count > 0 ? (int64_t)count : 0}}, NULL};
    b->bytes_left -= y.shape.dim[0] * size;
    if (!(y.data = fire_arena_alloc(&b->g->arena, (size_t)y.shape.dim[0], (size_t)size, &b->g->first))) return;
    for (int64_t i = 0; i < y.shape.dim[0]; i++) fire_put(&y, i, from + (double)i * step);
    n->out[0] = fire_graph_borrow(b->g, y.type, y.shape, y.data);
}

void fire_lift_non_zero(fire_import *b, fire_lift *n) {
    const fire_tensor *t = fire_import_numbers(b, n->in[0]);
    if (!t) return;
    fire_tensor x = *t;
    int64_t total = fire_count(&x.shape), count = 0, rank = x.shape.rank ? x.shape.rank : 1;
    for (int64_t i = 0; i < total; i++) count += fire_get(&x, i) != 0;
    int64_t *y = fire_arena_alloc(&b->g->arena, (size_t)(count * rank), sizeof *y, &b->g->first), k = 0;
    if (!y) return;
    for (int64_t i = 0; i < total; i++) {
        if (fire_get(&x, i) == 0) continue;
        int64_t rest = i;
        for (int64_t d = rank - 1; d >= 0; d--) {
            int64_t size = x.shape.rank ? x.shape.dim[d] : 1;
            y[d * count + k] = rest % size;
            rest /= size;
        }
        k++;
    }
    n->out[0] = fire_graph_borrow(b->g, FIRE_I64, (fire_shape){2, {rank, count}}, y);
}

void fire_lift_compress(fire_import *b, fire_lift *n) {
    const fire_tensor *t = fire_import_numbers(b, fire_lift_in(n, 1));
    if (!t) return;
    fire_tensor which = *t;
    fire_value x = n->in[0];
    int axis = 0;
    if (!fire_lift_attr(n, "axis")) {
        if (!fire_import_concrete(b, x)) return;
        fire_shape s = fire_shape_of(b->g, x);
        x = fire_import_reshape(b, x, (fire_shape){1, {fire_count(&s)}});
    }
    if (b->g->first.status || fire_axis(fire_lift_int(n, "axis", 0), fire_shape_of(b->g, x).rank, &axis, &b->g->first)) return;
    int64_t total = fire_count(&which.shape), count = 0, size = fire_shape_of(b->g, x).dim[axis];
    int64_t *pick = fire_arena_alloc(&b->arena, (size_t)total, sizeof *pick, &b->g->first);
    if (!pick) return;
    for (int64_t i = 0; i < total && (size < 0 || i < size); i++)
        if (fire_get(&which, i) != 0) pick[count++] = i;
    n->out[0] = fire_import_apply(b, "Gather", 2, FIRE_IN(x, fire_import_ints(b, count, pick)), "axis=%d", axis);
}

/* A mask that is made of the two last dimensions, and Where. */
void fire_lift_trilu(fire_import *b, fire_lift *n) {
    if (b->g->first.status) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]);
    int64_t k = 0;
    if (n->n_in > 1 && n->in[1]) {
        const fire_tensor *t = fire_import_numbers(b, n->in[1]);
        if (!t) return;
        k = fire_count(&t->shape) == 1 ? fire_whole(fire_get(t, 0)) : 0;
    }
    const bool upper = fire_lift_int(n, "upper", 1);
    int64_t rows = s.rank > 1 ? s.dim[s.rank - 2] : -1, columns = s.rank > 1 ? s.dim[s.rank - 1] : -1, bytes;
    if (rows < 0 || columns < 0 || !fire_mul(rows, columns, &bytes)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the matrix has no known size"); return; }
    uint8_t *keep = fire_arena_alloc(&b->g->arena, (size_t)bytes, 1, &b->g->first);
    if (!keep) return;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) keep[i * columns + j] = upper ? (double)j - (double)i >= (double)k : (double)j - (double)i <= (double)k;
    fire_value mask = fire_graph_borrow(b->g, FIRE_BOOL, (fire_shape){2, {rows, columns}}, keep);
    n->out[0] = fire_import_apply(b, "Where", 3, FIRE_IN(mask, n->in[0], fire_import_like(b, n->in[0], 0)), " ");
}

void fire_lift_eye_like(fire_import *b, fire_lift *n) {
    if (!fire_import_concrete(b, n->in[0])) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]);
    const fire_type type = (fire_type)fire_lift_int(n, "dtype", fire_type_of(b->g, n->in[0]));
    int64_t k = fire_lift_int(n, "k", 0);
    if (s.rank != 2 || !fire_type_size(type)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "wants a matrix of a type that is supported"); return; }
    fire_tensor y = {type, s, fire_arena_alloc(&b->g->arena, (size_t)fire_count(&s), fire_type_size(type), &b->g->first)};
    if (!y.data) return;
    for (int64_t i = 0; i < s.dim[0]; i++)
        for (int64_t j = 0; j < s.dim[1]; j++) fire_put(&y, i * s.dim[1] + j, (double)j - (double)i == (double)k);
    n->out[0] = fire_graph_borrow(b->g, type, s, y.data);
}

void fire_lift_scatter(fire_import *b, fire_lift *n) { fire_lift_same(b, n, "ScatterElements", NULL); }

/* Any type of number may say the depth and the indices. */
void fire_lift_one_hot(fire_import *b, fire_lift *n) {
    const fire_tensor *depth = fire_import_numbers(b, fire_lift_in(n, 1));
    if (!depth || fire_count(&depth->shape) != 1) return;
    n->in[1] = fire_graph_const(b->g, FIRE_I64, (fire_shape){0}, &(int64_t){fire_whole(fire_get(depth, 0))});
    n->in[0] = fire_import_cast(b, n->in[0], FIRE_I64);
    fire_lift_same(b, n, n->op, NULL);
}

void fire_lift_top_k(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *k = fire_lift_attr(n, "k");
    fire_value in[2] = {n->in[0], fire_lift_in(n, 1)};
    if (k) in[1] = fire_import_ints(b, 1, &k->number);
    n->in = in;
    n->n_in = 2;
    fire_lift_same(b, n, n->op, "k");
    n->in = NULL;
    n->n_in = 0;
}

/* Before opset 7 broadcasting was asked for: `axis` says where the second input's dimensions begin. */
void fire_lift_binary(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *axis = fire_lift_attr(n, "axis");
    if (axis && n->n_in == 2 && !b->g->first.status) {
        fire_shape x = fire_shape_of(b->g, n->in[0]), y = fire_shape_of(b->g, n->in[1]);
        int at;
        if (fire_axis(axis->number, x.rank, &at, &b->g->first)) return;
        while (y.rank > 0 && y.rank < x.rank - at) y.dim[y.rank++] = 1;
        if (!fire_import_concrete(b, n->in[1])) return;
        n->in[1] = fire_import_reshape(b, n->in[1], y);
    }
    fire_lift_same(b, n, n->op, "axis|broadcast");
}
void fire_lift_gemm(fire_import *b, fire_lift *n) { fire_lift_same(b, n, n->op, "broadcast"); }
void fire_lift_reshape(fire_import *b, fire_lift *n) {
    ints_to_input(b, n, "shape", 1);
    if (b->layers && fire_lift_in(n, 1)) n->in[1] = fire_import_free_batch(b, n->in[0], n->in[1]);
    fire_lift_same(b, n, n->op, "shape");
}

/* layout 1 has the batch before the steps: [b, s, i] and states [b, d, h]. */
void fire_lift_recurrent(fire_import *b, fire_lift *n) {
    const bool batch_first = fire_lift_int(n, "layout", 0);
    static const int swap[3] = {1, 0, 2}, back[4] = {2, 0, 1, 3};
    if (batch_first) {
        n->in[0] = fire_import_permute(b, n->in[0], swap);
        for (int i = 5; i <= 6; i++)
            if (fire_lift_in(n, i)) n->in[i] = fire_import_permute(b, n->in[i], swap);
    }
    if (!fire_import_recurrent(b, n)) fire_lift_same(b, n, n->op, "layout");
    if (!batch_first || b->g->first.status) return;
    if (n->out[0]) n->out[0] = fire_import_permute(b, n->out[0], back);
    for (int k = 1; k <= 2; k++)
        if (n->out[k]) n->out[k] = fire_import_permute(b, n->out[k], swap);
}

/* Bytes are compared as floats, which hold them exactly. */
void fire_lift_max_pool(fire_import *b, fire_lift *n) {
    if (b->g->first.status) return;
    const fire_type type = fire_type_of(b->g, n->in[0]);
    const bool bytes = type == FIRE_U8 || type == FIRE_I8;
    if (bytes) n->in[0] = fire_import_cast(b, n->in[0], FIRE_F32);
    fire_lift_same(b, n, n->op, NULL);
    if (bytes) n->out[0] = fire_import_cast(b, n->out[0], type);
    if (n->n_out < 2 || !n->node->out[1].size || b->g->first.status) return;
    fire_value out[FIRE_MAX_OUT + 1] = {0};
    fire_lift places = *n;
    places.out = out;
    fire_lift_same(b, &places, "MaxPoolPlaces", NULL);
    n->out[1] = out[0];
}
