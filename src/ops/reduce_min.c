/* reduce_min - the smallest along some axes, which must not be empty. A NaN comes through. */
#include "reduce.h"
#include <math.h>

static fire_status reduce_min_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    uint32_t mask;
    fire_status s = fire_reduce_infer(attrs, n_in, in, out, err);
    if (!s) s = fire_reduce_mask(attrs, n_in, in, &mask, err);
    if (s) return s;
    for (int d = 0; d < in[0].shape.rank; d++)
        if ((mask >> d & 1) && in[0].shape.dim[d] == 0) {
            char text[FIRE_SHAPE_TEXT];
            return fire_fail(err, FIRE_E_SHAPE, "%s has nothing along axis %d", fire_shape_text(&in[0].shape, text), d);
        }
    return FIRE_OK;
}

static double fold(double best, double x) { return x < best || x != x ? x : best; }
static int64_t fold_long(int64_t best, int64_t x) { return x < best ? x : best; }
static void reduce_min_run(const fire_call *call) {
    const double *best = call->scratch;
    if (fire_reduce_whole(call, INT64_MAX, fold_long)) return;
    fire_reduce_run(call, INFINITY, fold);
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++) fire_put(&call->out[0], i, best[i]);
}

/* The gradient goes to the smallest element; several share it evenly. */
static void reduce_min_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value x = n->in[0], y = fire_reduce_kept(g, n, n->out[0]), d = fire_reduce_kept(g, n, dy[0]);
    const char *to = fire_type_of(g, x) == FIRE_F64 ? "to=11" : "to=1";
    fire_value smallest = fire_apply(g, "Cast", 1, FIRE_IN(fire_apply(g, "Equal", 2, FIRE_IN(x, y), NULL)), to);
    fire_value share = fire_apply(g, "Div", 2, FIRE_IN(d, fire_sum_like(g, smallest, d)), NULL);
    dx[0] = fire_apply(g, "Mul", 2, FIRE_IN(smallest, share), NULL);
}

const fire_op fire_op_reduce_min = {
    .name = "ReduceMin", .values = 2, .help = "smallest along axes",
    .min_in = 1, .max_in = 2, .n_out = 1, .attrs = fire_reduce_table, .attr_size = sizeof(fire_reduce_attrs),
    .infer = reduce_min_infer, .run = reduce_min_run, .scratch = fire_reduce_scratch, .grad = reduce_min_grad, .flops = fire_reduce_flops,
    .examples = {"[2,3,4] i64[1]{1}", "[2,3,4] i64[1]{0} keepdims=0", "[2,3] keepdims=0", "[2,3,4] i64[2]{-1,0}", "[2,3] i64[0]{}", "[4,3] - noop_with_empty_axes=1", "[33,20] i64[1]{0} keepdims=0", "i64[2,3] i64[1]{1}", "[]"},
};
