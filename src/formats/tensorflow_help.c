/* tensorflow_help.c - what lifts of TensorFlow operators share. */
#include "formats/tensorflow_help.h"

bool fire_tf_has(fire_import *b, const fire_lift *n, int64_t count) {
    if (b->g->first.status) return false;
    if (n->n_in < count) { fire_import_fail(b, FIRE_E_CORRUPT, "has %lld inputs, expected %lld", (long long)n->n_in, (long long)count); return false; }
    for (int64_t i = 0; i < count; i++) {
        if (!n->in[i]) { fire_import_fail(b, FIRE_E_CORRUPT, "its input %lld has no value", (long long)i); return false; }
        /* Sizes are multiplied freely from here on: those of an empty tensor may be any. */
        const fire_shape s = fire_shape_of(b->g, n->in[i]);
        int64_t size = 1;
        for (int d = 0; d < s.rank; d++)
            if (s.dim[d] > 0 && (!fire_mul(size, s.dim[d], &size) || size > (int64_t)1 << 46)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "its input %lld is too large", (long long)i); return false; }
    }
    return true;
}

bool fire_tf_numbers(fire_import *b, fire_value v, fire_tensor *t) {
    const fire_tensor *known = fire_import_numbers(b, v);
    if (known) *t = *known;
    else if (!b->g->first.status) fire_import_fail(b, FIRE_E_CORRUPT, "an input has no value");
    return known != NULL;
}

bool fire_tf_list(fire_import *b, fire_value v, int64_t most, int64_t *to, int64_t *count) {
    fire_tensor t;
    if (!fire_tf_numbers(b, v, &t)) return false;
    *count = fire_count(&t.shape);
    if (*count > most || fire_tf_float(t.type)) { fire_tf_fail(b, "%lld numbers of type %s, expected at most %lld whole ones", (long long)*count, fire_type_text(t.type), (long long)most); return false; }
    for (int64_t i = 0; i < *count; i++) to[i] = fire_whole(fire_get(&t, i));
    return true;
}

bool fire_tf_sizes(fire_import *b, fire_value v, int64_t most, int64_t *to, int64_t *count) {
    const int64_t *twin = b->g->first.status ? NULL : fire_import_twin(b, v);
    if (!twin) return fire_tf_list(b, v, most, to, count);
    const fire_type type = fire_type_of(b->g, v);
    const fire_tensor t = b->g->value[v].tensor, other = {type, t.shape, (void *)twin};
    *count = fire_count(&t.shape);
    if (*count > most || (type != FIRE_I32 && type != FIRE_I64)) return fire_tf_list(b, v, most, to, count); /* which fails */
    for (int64_t i = 0; i < *count; i++) {
        const int64_t a = fire_whole(fire_get(&t, i)), z = fire_whole(fire_get(&other, i));
        if (a != z && (a != FIRE_IMPORT_BATCH || z != FIRE_IMPORT_OTHER)) return fire_tf_list(b, v, most, to, count);
        to[i] = a == z ? a : -1;
    }
    return true;
}

bool fire_tf_whole(fire_import *b, fire_value v, int64_t *to) {
    int64_t n;
    if (!fire_tf_list(b, v, 1, to, &n)) return false;
    if (n != 1) fire_tf_fail(b, "an input is empty, expected one number");
    return n == 1;
}

bool fire_tf_axis(fire_import *b, fire_value v, int rank, int *axis) {
    int64_t at;
    return fire_tf_whole(b, v, &at) && !fire_axis(at, rank, axis, &b->g->first);
}

bool fire_tf_spend(fire_import *b, int64_t work) {
    if (b->g->first.status) return false;
    if (work < 0 || work > b->work_left) { fire_tf_fail(b, "it takes too long"); return false; }
    b->work_left -= work;
    return true;
}

bool fire_tf_new(fire_import *b, fire_type type, fire_shape shape, fire_tensor *t) {
    int64_t bytes = (int64_t)fire_type_size(type);
    if (b->g->first.status || fire_shape_check("the result", type, &shape, &b->g->first)) return false;
    for (int d = 0; d < shape.rank; d++)
        if (shape.dim[d] < 0 || !fire_mul(bytes, shape.dim[d], &bytes)) { fire_tf_fail(b, "its result has no size that can be counted"); return false; }
    if (bytes > b->bytes_left) { fire_tf_fail(b, "a result of %lld bytes is too large", (long long)bytes); return false; }
    b->bytes_left -= bytes;
    *t = (fire_tensor){type, shape, fire_arena_alloc(&b->g->arena, (size_t)(bytes ? bytes : 1), 1, &b->g->first)};
    if (t->data) memset(t->data, 0, (size_t)bytes);
    return t->data != NULL;
}

fire_value fire_tf_index(fire_import *b, fire_type type, fire_shape shape, const int64_t *v) {
    fire_tensor t;
    if (type != FIRE_I32) type = FIRE_I64;
    if (!fire_tf_new(b, type, shape, &t)) return 0;
    for (int64_t i = 0, n = fire_count(&shape); i < n; i++)
        if (type == FIRE_I64) ((int64_t *)t.data)[i] = v[i];
        else ((int32_t *)t.data)[i] = v[i] > INT32_MAX ? INT32_MAX : v[i] < INT32_MIN ? INT32_MIN : (int32_t)v[i];
    return fire_tf_keep(b, &t);
}

fire_value fire_tf_expand(fire_import *b, fire_value x, fire_shape to) {
    if (b->g->first.status) return 0;
    fire_shape s = fire_shape_of(b->g, x);
    return fire_same_shape(&s, &to) ? x : fire_import_two(b, "Expand", x, fire_import_ints(b, to.rank, to.dim));
}
fire_value fire_tf_fill(fire_import *b, fire_type type, fire_shape shape, double v) { return fire_tf_expand(b, fire_graph_scalar(b->g, type, v), shape); }
fire_value fire_tf_times(fire_import *b, fire_value x, double v) { return fire_import_two(b, "Mul", x, fire_import_like(b, x, v)); }
fire_value fire_tf_plus(fire_import *b, fire_value x, double v) { return fire_import_two(b, "Add", x, fire_import_like(b, x, v)); }
fire_value fire_tf_where(fire_import *b, fire_value c, fire_value x, fire_value y) { return fire_import_apply(b, "Where", 3, FIRE_IN(c, x, y), " "); }
fire_value fire_tf_gather(fire_import *b, fire_value x, fire_value index, int axis) { return fire_import_apply(b, "Gather", 2, FIRE_IN(x, index), "axis=%d", axis); }

fire_value fire_tf_concat(fire_import *b, int64_t n, const fire_value *x, int axis) {
    fire_value y = x[0];
    for (int64_t i = 1; i < n && !b->g->first.status;) {
        fire_value in[FIRE_MAX_IN] = {y};
        int k = 1;
        while (k < FIRE_MAX_IN && i < n) in[k++] = x[i++];
        y = fire_import_apply(b, "Concat", k, in, "axis=%d", axis);
    }
    return y;
}

fire_value fire_tf_turned(fire_import *b, fire_value x) {
    int perm[FIRE_MAX_RANK], rank = fire_tf_shape(b, x).rank;
    if (rank < 2) return x;
    for (int d = 0; d < rank; d++) perm[d] = d;
    perm[rank - 1] = rank - 2, perm[rank - 2] = rank - 1;
    return fire_import_permute(b, x, perm);
}

fire_value fire_tf_matmul_of(fire_import *b, fire_value x, fire_value y) {
    if (b->g->first.status) return 0;
    const fire_type type = fire_type_of(b->g, x);
    if (fire_tf_float(type)) return fire_import_two(b, "MatMul", x, y);
    return fire_import_cast(b, fire_import_two(b, "MatMul", fire_import_cast(b, x, FIRE_F64), fire_import_cast(b, y, FIRE_F64)), type);
}
