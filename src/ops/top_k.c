/* top_k - the k largest (or smallest) along an axis, in order, and where they stand; of equals the first comes first. */
#include "op.h"

typedef struct { int64_t axis, largest, sorted; } top_k_attrs;
static const fire_attr attrs_of_top_k[] = {
    {"axis", FIRE_ATTR_INT, offsetof(top_k_attrs, axis), -1, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, .help = "dimension that is searched"},
    {"largest", FIRE_ATTR_INT, offsetof(top_k_attrs, largest), 1, 0, 1, .help = "the largest, else the smallest"},
    {"sorted", FIRE_ATTR_INT, offsetof(top_k_attrs, sorted), 1, 0, 1, .help = "in order (they are anyway)"},
    {0},
};

static fire_status top_k_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    int axis;
    fire_status s = fire_want_number(&in[0], "input", err);
    if (!s) s = fire_axis(((const top_k_attrs *)attrs)->axis, in[0].shape.rank, &axis, err);
    if (s) return s;
    if (in[1].type != FIRE_I64 || !in[1].data || fire_count(&in[1].shape) != 1) return fire_fail(err, FIRE_E_SHAPE, "k is not one constant int64");
    int64_t k = *(const int64_t *)in[1].data, size = in[0].shape.dim[axis];
    if (k < 0 || (size >= 0 && k > size)) return fire_fail(err, FIRE_E_SHAPE, "k is %lld, expected 0 to %lld", (long long)k, (long long)size);
    out[0].type = in[0].type;
    out[1].type = FIRE_I64;
    out[0].shape = in[0].shape;
    out[0].shape.dim[axis] = k;
    out[1].shape = out[0].shape;
    return FIRE_OK;
}

static size_t top_k_scratch(const fire_call *call) { return (size_t)*(const int64_t *)call->in[1].data * sizeof(int64_t); }

static void top_k_run(const fire_call *call) {
    const top_k_attrs *t = call->attrs;
    const fire_shape *s = &call->in[0].shape;
    int axis = 0;
    (void)fire_axis(t->axis, s->rank, &axis, NULL);
    int64_t outer = 1, size = s->dim[axis], step = 1, k = call->out[0].shape.dim[axis], *best = call->scratch;
    for (int d = 0; d < axis; d++) outer *= s->dim[d];
    for (int d = axis + 1; d < s->rank; d++) step *= s->dim[d];
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < step && k > 0; i++) {
            int64_t n = 0; /* best[0..n) is in order; a new element moves up as far as it is better */
            for (int64_t e = 0; e < size; e++) {
                double x = fire_get(&call->in[0], (o * size + e) * step + i);
                int64_t at = n < k ? n++ : k;
                for (; at > 0; at--) {
                    double y = fire_get(&call->in[0], (o * size + best[at - 1]) * step + i);
                    if (!(t->largest ? x > y : x < y)) break;
                    if (at < k) best[at] = best[at - 1];
                }
                if (at < k) best[at] = e;
            }
            for (int64_t j = 0; j < k; j++) {
                fire_move(&call->out[0], (o * k + j) * step + i, &call->in[0], (o * size + best[j]) * step + i);
                ((int64_t *)call->out[1].data)[(o * k + j) * step + i] = best[j];
            }
        }
}

static void top_k_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    char text[FIRE_ATTRS_TEXT];
    if (dy[0]) dx[0] = fire_apply(g, "TopKGrad", 3, FIRE_IN(dy[0], n->out[1], n->in[0]), fire_node_attrs(n, text));
}

const fire_op fire_op_top_k = {
    .name = "TopK", .values = 2, .help = "the k largest along an axis, and their indices",
    .min_in = 2, .max_in = 2, .n_out = 2, .attrs = attrs_of_top_k, .attr_size = sizeof(top_k_attrs),
    .infer = top_k_infer, .run = top_k_run, .scratch = top_k_scratch, .grad = top_k_grad,
    .examples = {"[7] i64[1]{3}", "[4,10] i64[1]{1}", "[2,5,4] i64[1]{2} axis=1", "[4,10] i64[1]{10} largest=0", "i64[9]<4 i64[1]{5}"},
};

/* TopKGrad: dy put where TopK took it from, 0 elsewhere. Inputs are dy, the indices, and x, of which only the shape matters. */
static fire_status top_k_grad_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_want_float(&in[0], "gradient", err);
    int axis;
    if (!s) s = fire_axis(((const top_k_attrs *)attrs)->axis, in[2].shape.rank, &axis, err);
    if (s) return s;
    fire_shape same = in[0].shape;
    if (same.rank == in[2].shape.rank) same.dim[axis] = in[2].shape.dim[axis];
    if (in[1].type != FIRE_I64 || !fire_same_shape(&in[0].shape, &in[1].shape) || !fire_same_shape(&same, &in[2].shape))
        return fire_fail(err, FIRE_E_SHAPE, "gradient, indices and input do not fit");
    out[0].type = in[0].type;
    out[0].shape = in[2].shape;
    return FIRE_OK;
}

static void top_k_grad_run(const fire_call *call) {
    const fire_shape *s = &call->out[0].shape;
    int axis = 0;
    (void)fire_axis(((const top_k_attrs *)call->attrs)->axis, s->rank, &axis, NULL);
    int64_t outer = 1, size = s->dim[axis], step = 1, k = call->in[0].shape.dim[axis];
    for (int d = 0; d < axis; d++) outer *= s->dim[d];
    for (int d = axis + 1; d < s->rank; d++) step *= s->dim[d];
    for (int64_t i = 0, n = fire_count(s); i < n; i++) fire_put(&call->out[0], i, 0);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t j = 0; j < k; j++)
            for (int64_t i = 0; i < step; i++) {
                int64_t from = (o * k + j) * step + i, e = ((const int64_t *)call->in[1].data)[from];
                if (e >= 0 && e < size) fire_move(&call->out[0], (o * size + e) * step + i, &call->in[0], from);
            }
}

const fire_op fire_op_top_k_grad = {
    .name = "TopKGrad", .domain = FIRE_DOMAIN, .help = "gradient of TopK, from dy, the indices and the shape of the input",
    .min_in = 3, .max_in = 3, .n_out = 1, .shape_only = 4, .attrs = attrs_of_top_k, .attr_size = sizeof(top_k_attrs),
    .infer = top_k_grad_infer, .run = top_k_grad_run,
    .examples = {"[3] i64[3]<7 [7]", "[2,2] i64[2,2]<5 [2,5]"},
};
