/* reduce_l1 - the sum of |x| along some axes. */
#include "reduce.h"
#include <math.h>

static double fold(double sum, double x) { return sum + fabs(x); }
static void reduce_l1_run(const fire_call *call) {
    const double *sum = call->scratch;
    fire_reduce_run(call, 0, fold);
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++) fire_put(&call->out[0], i, sum[i]);
}

static void reduce_l1_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value x = n->in[0], d = fire_reduce_kept(g, n, dy[0]);
    dx[0] = fire_apply(g, "Mul", 2, FIRE_IN(fire_apply(g, "Sign", 1, &x, NULL), d), NULL);
}

const fire_op fire_op_reduce_l1 = {
    .name = "ReduceL1", .values = 2, .help = "sum of |x| along axes",
    .min_in = 1, .max_in = 2, .n_out = 1, .attrs = fire_reduce_table, .attr_size = sizeof(fire_reduce_attrs),
    .infer = fire_reduce_infer, .run = reduce_l1_run, .scratch = fire_reduce_scratch, .grad = reduce_l1_grad, .flops = fire_reduce_flops,
    .examples = {"[2,3,4] i64[1]{1}", "[2,3,4] i64[1]{0} keepdims=0", "[2,3] keepdims=0", "[2,3,4] i64[2]{-1,0}", "[2,3] i64[0]{}", "[4,3] - noop_with_empty_axes=1", "[33,20] i64[1]{0} keepdims=0", "[]"},
};
