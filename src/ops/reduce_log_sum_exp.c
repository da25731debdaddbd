/* reduce_log_sum_exp - the logarithm of the sum of e^x along some axes. */
#include "reduce.h"
#include <math.h>

static fire_status log_sum_exp_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_want_float(&in[0], "input", err);
    return s ? s : fire_reduce_infer(attrs, n_in, in, out, err);
}

/* The logarithm of a sum from those of its two parts, without overflow. */
static double fold(double sum, double x) {
    double top = x > sum ? x : sum, low = x > sum ? sum : x;
    return x != x ? x : low == -INFINITY ? top : top == INFINITY ? top : top + log1p(exp(low - top));
}
static void log_sum_exp_run(const fire_call *call) {
    const double *sum = call->scratch;
    fire_reduce_run(call, -INFINITY, fold);
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++) fire_put(&call->out[0], i, sum[i]);
}

/* dy e^(x - y). */
static void log_sum_exp_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value x = n->in[0], y = fire_reduce_kept(g, n, n->out[0]), d = fire_reduce_kept(g, n, dy[0]);
    fire_value share = fire_apply(g, "Exp", 1, FIRE_IN(fire_apply(g, "Sub", 2, FIRE_IN(x, y), NULL)), NULL);
    dx[0] = fire_apply(g, "Mul", 2, FIRE_IN(share, d), NULL);
}

const fire_op fire_op_reduce_log_sum_exp = {
    .name = "ReduceLogSumExp", .values = 2, .help = "logarithm of the sum of exp(x) along axes",
    .min_in = 1, .max_in = 2, .n_out = 1, .attrs = fire_reduce_table, .attr_size = sizeof(fire_reduce_attrs),
    .infer = log_sum_exp_infer, .run = log_sum_exp_run, .scratch = fire_reduce_scratch, .grad = log_sum_exp_grad, .flops = fire_reduce_flops,
    .examples = {"[2,3,4] i64[1]{1}", "[2,3,4] i64[1]{0} keepdims=0", "[2,3] keepdims=0", "[2,3,4] i64[2]{-1,0}", "[2,3] i64[0]{}", "[4,3] - noop_with_empty_axes=1", "[33,20] i64[1]{0} keepdims=0", "[]"},
};
