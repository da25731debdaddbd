/* reduce_mean - the mean along some axes; of nothing it is NaN. */
#include "reduce.h"

static fire_status reduce_mean_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_want_float(&in[0], "input", err);
    return s ? s : fire_reduce_infer(attrs, n_in, in, out, err);
}

static double fold(double sum, double x) { return sum + x; }
static void reduce_mean_run(const fire_call *call) {
    const double *sum = call->scratch;
    double each = (double)fire_reduce_run(call, 0, fold);
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++) fire_put(&call->out[0], i, sum[i] / each);
}

/* dx = dy / count. The batch may be part of the count, which is known when it runs: then it is the sum of as many ones. */
static void reduce_mean_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value x = n->in[0], d = fire_reduce_kept(g, n, dy[0]);
    fire_value one = fire_apply(g, "ExpandLike", 2, FIRE_IN(fire_graph_scalar(g, fire_type_of(g, x), 1), x), NULL);
    fire_value count = fire_sum_like(g, one, d);
    dx[0] = fire_apply(g, "ExpandLike", 2, FIRE_IN(fire_apply(g, "Div", 2, FIRE_IN(d, count), NULL), x), NULL);
}

const fire_op fire_op_reduce_mean = {
    .name = "ReduceMean", .values = 2, .help = "mean along axes",
    .min_in = 1, .max_in = 2, .n_out = 1, .attrs = fire_reduce_table, .attr_size = sizeof(fire_reduce_attrs),
    .infer = reduce_mean_infer, .run = reduce_mean_run, .scratch = fire_reduce_scratch, .grad = reduce_mean_grad, .flops = fire_reduce_flops,
    .examples = {"[2,3,4] i64[1]{1}", "[2,3,4] i64[1]{0} keepdims=0", "[2,3] keepdims=0", "[2,3,4] i64[2]{-1,0}", "[2,3] i64[0]{}", "[4,3] - noop_with_empty_axes=1", "[33,20] i64[1]{0} keepdims=0", "[]"},
};
