/* sum_like - x summed down to the shape of another tensor, of which nothing else is read: what broadcasting did, backwards. */
#include "op.h"

static fire_status sum_like_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_shape y;
    fire_status s = fire_want_number(&in[0], "input", err);
    if (s) return s;
    out[0].type = in[0].type;
    out[0].shape = in[1].shape;
    if (fire_broadcast_shape(&in[0].shape, &in[1].shape, &y, NULL) || !fire_same_shape(&y, &in[0].shape)) {
        char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
        return fire_fail(err, FIRE_E_SHAPE, "%s cannot be summed to %s", fire_shape_text(&in[0].shape, a), fire_shape_text(&in[1].shape, b));
    }
    return FIRE_OK;
}

static size_t sum_like_scratch(const fire_call *call) { return (size_t)fire_count(&call->out[0].shape) * sizeof(double); }

static void sum_like_run(const fire_call *call) {
    const fire_tensor *x = &call->in[0], *y = &call->out[0];
    double *sum = call->scratch;
    int64_t n = fire_count(&y->shape);
    fire_walk w = fire_walk_start(&x->shape, 1, y);
    for (int64_t i = 0; i < n; i++) sum[i] = 0;
    for (int64_t e = 0, count = fire_count(&x->shape); e < count; e++, fire_walk_next(&w)) sum[w.i[0]] += fire_get(x, e);
    for (int64_t i = 0; i < n; i++) fire_put(y, i, sum[i]);
}

static void sum_like_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    dx[0] = fire_apply(g, "ExpandLike", 2, FIRE_IN(dy[0], n->in[0]), NULL);
}

static int64_t sum_like_flops(const fire_call *call) { return fire_count(&call->in[0].shape); }

const fire_op fire_op_sum_like = {
    .name = "SumLike", .domain = FIRE_DOMAIN, .help = "x summed down to the shape of another tensor",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 1, .shape_only = 2,
    .infer = sum_like_infer, .run = sum_like_run, .scratch = sum_like_scratch, .grad = sum_like_grad, .flops = sum_like_flops,
    .examples = {"[2,3] []", "[4,3] [3]", "[2,3] [2,1]", "[4,2,3] [1,3]", "[2,3] [2,3]", "[33,20] [20]", "i64[3,2] i64[2]"},
};
