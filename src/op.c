/* op.c - the table of operators and what operator files share. */
#include "op.h"
#include <assert.h>
#include <string.h>

#define FIRE_OP(symbol) extern const fire_op fire_op_##symbol;
#include "ops/ops.def"
#undef FIRE_OP
const fire_op *const fire_ops[] = {
#define FIRE_OP(symbol) &fire_op_##symbol,
#include "ops/ops.def"
#undef FIRE_OP
    NULL};

const fire_op *fire_op_named(const char *name) {
    int low = 0, high = (int)(sizeof fire_ops / sizeof *fire_ops) - 1;
    while (low < high) {
        int mid = (low + high) / 2, c = strcmp(name, fire_ops[mid]->name);
        if (c == 0) return fire_ops[mid];
        if (c < 0) high = mid;
        else low = mid + 1;
    }
    return NULL;
}

const fire_op *fire_op_find(const char *domain, const char *name) {
    const fire_op *op = fire_op_named(name);
    if (!domain || !*domain || !strcmp(domain, "ai.onnx")) return op && !op->domain ? op : NULL;
    return op && op->domain && !strcmp(op->domain, domain) ? op : NULL;
}

fire_status fire_shape_check(const char *what, fire_type type, const fire_shape *s, fire_error *err) {
    char text[FIRE_SHAPE_TEXT];
    if (s->rank < 0 || s->rank > FIRE_MAX_RANK)
        return fire_fail(err, FIRE_E_UNSUPPORTED, "%s: %d dimensions, expected at most %d", what, (int)s->rank, FIRE_MAX_RANK);
    /* The batch counts as one row here; the plan checks again when it is known. Zero dimensions must not hide huge ones: strides
    ** are products too. 2^60 bytes leave room for sums of a few such sizes. */
    int64_t bytes = (int64_t)fire_type_size(type);
    for (int i = 0; i < s->rank; i++) {
        int64_t d = s->dim[i] == -1 || s->dim[i] == 0 ? 1 : s->dim[i];
        if (d < 0) return fire_fail(err, FIRE_E_SHAPE, "%s: shape %s has a negative dimension", what, fire_shape_text(s, text));
        if (!fire_mul(bytes, d, &bytes) || bytes > (int64_t)1 << 60)
            return fire_fail(err, FIRE_E_SHAPE, "%s: shape %s is too large", what, fire_shape_text(s, text));
    }
    return FIRE_OK;
}

fire_status fire_op_infer(const fire_op *op, const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    assert(n_in <= FIRE_MAX_IN || op->max_in <= FIRE_MAX_IN);
    if (n_in < op->min_in || n_in > op->max_in) {
        if (op->min_in == op->max_in) return fire_fail(err, FIRE_E_USAGE, "%s: takes %d inputs, got %d", op->name, op->min_in, n_in);
        return fire_fail(err, FIRE_E_USAGE, "%s: takes %d to %d inputs, got %d", op->name, op->min_in, op->max_in, n_in);
    }
    for (int i = 0; i < op->min_in; i++)
        if (!in[i].type) return fire_fail(err, FIRE_E_USAGE, "%s: input %d is missing", op->name, i);
    fire_error why = {0};
    for (int i = 0; i < op->n_out; i++) out[i] = (fire_tensor){0};
    if (op->infer(attrs, n_in, in, out, &why)) return fire_fail(err, why.code, "%s: %s", op->name, why.message);
    for (int i = 0; i < op->n_out; i++) {
        assert(fire_type_size(out[i].type));
        fire_status s = fire_shape_check(op->name, out[i].type, &out[i].shape, err);
        if (s) return s;
    }
    return FIRE_OK;
}

/* ---- types ---- */

fire_status fire_want_float(const fire_tensor *t, const char *what, fire_error *err) {
    if (t->type == FIRE_F32 || t->type == FIRE_F64) return FIRE_OK;
    return fire_fail(err, FIRE_E_SHAPE, "%s is %s, expected float32 or float64", what, fire_type_text(t->type));
}
fire_status fire_want_number(const fire_tensor *t, const char *what, fire_error *err) {
    if (t->type != FIRE_BOOL && fire_type_size(t->type)) return FIRE_OK;
    return fire_fail(err, FIRE_E_SHAPE, "%s is %s, expected a number", what, fire_type_text(t->type));
}
fire_status fire_want_index(const fire_tensor *t, const char *what, fire_error *err) {
    if (t->type == FIRE_I32 || t->type == FIRE_I64) return FIRE_OK;
    return fire_fail(err, FIRE_E_SHAPE, "%s is %s, expected int32 or int64", what, fire_type_text(t->type));
}
fire_status fire_want_same_type(int n_in, const fire_tensor *in, fire_error *err) {
    for (int i = 1; i < n_in; i++)
        if (in[i].type && in[i].type != in[0].type)
            return fire_fail(err, FIRE_E_SHAPE, "types %s and %s differ", fire_type_text(in[0].type), fire_type_text(in[i].type));
    return FIRE_OK;
}

/* ---- axes ---- */

fire_status fire_axis(int64_t axis, int rank, int *out, fire_error *err) {
    if (axis < -rank || axis >= rank) {
        if (rank == 0) return fire_fail(err, FIRE_E_SHAPE, "axis %lld, but the input is a scalar", (long long)axis);
        return fire_fail(err, FIRE_E_SHAPE, "axis %lld, expected %d to %d", (long long)axis, -rank, rank - 1);
    }
    *out = (int)(axis < 0 ? axis + rank : axis);
    return FIRE_OK;
}

fire_status fire_axes(const fire_tensor *t, int rank, uint32_t *mask, fire_error *err) {
    *mask = 0;
    fire_status s = fire_want_index(t, "axes", err);
    if (s) return s;
    if (!t->data) return fire_fail(err, FIRE_E_UNSUPPORTED, "axes must be a constant");
    if (t->shape.rank > 1) return fire_fail(err, FIRE_E_SHAPE, "axes have %d dimensions, expected 1", (int)t->shape.rank);
    for (int64_t i = 0, n = fire_count(&t->shape); i < n; i++) {
        int a = 0;
        int64_t axis = t->type == FIRE_I64 ? ((const int64_t *)t->data)[i] : ((const int32_t *)t->data)[i];
        if ((s = fire_axis(axis, rank, &a, err))) return s;
        if (*mask >> a & 1) return fire_fail(err, FIRE_E_SHAPE, "axis %d is given twice", a);
        *mask |= 1u << a;
    }
    return FIRE_OK;
}

/* ---- broadcasting ---- */

fire_status fire_broadcast_shape(const fire_shape *a, const fire_shape *b, fire_shape *out, fire_error *err) {
    fire_shape y = {.rank = a->rank > b->rank ? a->rank : b->rank};
    for (int i = 1; i <= y.rank; i++) { /* i counts from the last dimension */
        int64_t p = i <= a->rank ? a->dim[a->rank - i] : 1, q = i <= b->rank ? b->dim[b->rank - i] : 1;
        if (p != q && p != 1 && q != 1) {
            char ta[FIRE_SHAPE_TEXT], tb[FIRE_SHAPE_TEXT];
            return fire_fail(err, FIRE_E_SHAPE, "%s and %s do not fit", fire_shape_text(a, ta), fire_shape_text(b, tb));
        }
        y.dim[y.rank - i] = p == 1 ? q : p;
    }
    *out = y;
    return FIRE_OK;
}

fire_walk fire_walk_start(const fire_shape *over, int n, const fire_tensor *t) {
    fire_walk w = {.rank = over->rank, .n = n};
    assert(n <= FIRE_MAX_WALK);
    for (int d = 0; d < over->rank; d++) w.dim[d] = over->dim[d];
    for (int k = 0; k < n; k++) {
        int64_t stride = 1;
        for (int i = 1; i <= t[k].shape.rank; i++) {
            int64_t size = t[k].shape.dim[t[k].shape.rank - i];
            if (i <= over->rank) w.stride[k][over->rank - i] = size == 1 ? 0 : stride;
            stride *= size;
        }
    }
    return w;
}

void fire_walk_next(fire_walk *w) {
    for (int d = w->rank - 1; d >= 0; d--) {
        w->at[d]++;
        for (int k = 0; k < w->n; k++) w->i[k] += w->stride[k][d];
        if (w->at[d] < w->dim[d]) return;
        for (int k = 0; k < w->n; k++) w->i[k] -= w->stride[k][d] * w->dim[d];
        w->at[d] = 0;
    }
}

/* ---- infer functions that many operators use ---- */

fire_status fire_infer_same(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_want_number(&in[0], "input", err);
    if (!s) s = fire_want_same_type(n_in, in, err);
    if (s) return s;
    for (int i = 1; i < n_in; i++)
        if (in[i].type && !fire_same_shape(&in[0].shape, &in[i].shape)) {
            char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
            return fire_fail(err, FIRE_E_SHAPE, "shapes %s and %s differ", fire_shape_text(&in[0].shape, a), fire_shape_text(&in[i].shape, b));
        }
    out[0].type = in[0].type;
    out[0].shape = in[0].shape;
    return FIRE_OK;
}

fire_status fire_infer_same_float(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_want_float(&in[0], "input", err);
    return s ? s : fire_infer_same(attrs, n_in, in, out, err);
}

fire_status fire_infer_broadcast(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_want_number(&in[0], "input", err);
    if (!s) s = fire_want_same_type(n_in, in, err);
    out[0].type = in[0].type;
    out[0].shape = in[0].shape;
    for (int i = 1; i < n_in && !s; i++)
        if (in[i].type) s = fire_broadcast_shape(&out[0].shape, &in[i].shape, &out[0].shape, err);
    return s;
}

fire_status fire_infer_compare(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_infer_broadcast(attrs, n_in, in, out, err);
    out[0].type = FIRE_BOOL;
    return s;
}

/* ---- kernels of one formula ---- */

void fire_run_unary(const fire_call *call, double (*f)(double)) {
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++) fire_put(&call->out[0], i, f(fire_get(&call->in[0], i)));
}

void fire_run_binary(const fire_call *call, double (*f)(double, double)) {
    const fire_tensor *y = &call->out[0];
    fire_walk w = fire_walk_start(&y->shape, 2, call->in);
    for (int64_t e = 0, n = fire_count(&y->shape); e < n; e++, fire_walk_next(&w))
        fire_put(y, e, f(fire_get(&call->in[0], w.i[0]), fire_get(&call->in[1], w.i[1])));
}

void fire_run_unary_whole(const fire_call *call, double (*f)(double), int64_t (*g)(int64_t)) {
    if (call->in[0].type != FIRE_I64) {
        fire_run_unary(call, f);
        return;
    }
    int64_t *y = call->out[0].data;
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++) y[i] = g(fire_whole_at(&call->in[0], i));
}

void fire_run_binary_whole(const fire_call *call, double (*f)(double, double), int64_t (*g)(int64_t, int64_t)) {
    const fire_tensor *y = &call->out[0];
    if (call->in[0].type != FIRE_I64) {
        fire_run_binary(call, f);
        return;
    }
    fire_walk w = fire_walk_start(&y->shape, 2, call->in);
    for (int64_t e = 0, n = fire_count(&y->shape); e < n; e++, fire_walk_next(&w)) {
        const int64_t v = g(fire_whole_at(&call->in[0], w.i[0]), fire_whole_at(&call->in[1], w.i[1]));
        if (y->type == FIRE_I64) ((int64_t *)y->data)[e] = v;
        else fire_put(y, e, (double)v); /* the truth of a comparison */
    }
}

void fire_run_copy(const fire_call *call) {
    size_t bytes = (size_t)fire_count(&call->out[0].shape) * fire_type_size(call->out[0].type);
    if (bytes && call->out[0].data != call->in[0].data) memcpy(call->out[0].data, call->in[0].data, bytes);
}

/* ---- gradients ---- */

const char *fire_node_attrs(const fire_node *n, char buf[FIRE_ATTRS_TEXT]) {
    size_t length = fire_attrs_write(n->op->attrs, n->attrs, false, buf, FIRE_ATTRS_TEXT);
    assert(length < FIRE_ATTRS_TEXT);
    (void)length;
    return buf;
}

fire_value fire_axes_const(fire_graph *g, uint32_t mask) {
    int64_t axis[32];
    fire_shape s = {.rank = 1};
    for (int a = 0; a < 32; a++)
        if (mask >> a & 1) axis[s.dim[0]++] = a;
    return fire_graph_const(g, FIRE_I64, s, axis);
}

fire_value fire_sum_like(fire_graph *g, fire_value dy, fire_value x) {
    if (g->first.status || !dy) return 0;
    fire_shape a = fire_shape_of(g, dy), b = fire_shape_of(g, x);
    return fire_same_shape(&a, &b) ? dy : fire_apply(g, "SumLike", 2, FIRE_IN(dy, x), NULL);
}

fire_status fire_infer_drawn(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    fire_status s = fire_want_float(&in[0], "input", err);
    if (s) return s;
    if (in[1].type != FIRE_I64 || in[1].shape.rank != 1 || in[0].shape.rank < 1 || in[1].shape.dim[0] != in[0].shape.dim[0])
        return fire_fail(err, FIRE_E_SHAPE, "rows %s need one int64 id each, got %s %s", fire_shape_text(&in[0].shape, a),
                         fire_type_text(in[1].type), fire_shape_text(&in[1].shape, b));
    if (in[2].type != FIRE_I64 || in[2].shape.rank != 1 || in[2].shape.dim[0] != 2)
        return fire_fail(err, FIRE_E_SHAPE, "seed and epoch are %s %s, expected int64 [2]", fire_type_text(in[2].type), fire_shape_text(&in[2].shape, b));
    out[0].type = in[0].type;
    out[0].shape = in[0].shape;
    return FIRE_OK;
}
