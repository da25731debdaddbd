/* reduce_sum - the sum along some axes. */
#include "reduce.h"

static double fold(double sum, double x) { return sum + x; }
static void reduce_sum_run(const fire_call *call) {
    const double *sum = call->scratch;
    if (fire_reduce_whole(call, 0, fire_whole_add)) return;
    fire_reduce_run(call, 0, fold);
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++) fire_put(&call->out[0], i, sum[i]);
}

static void reduce_sum_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    dx[0] = fire_apply(g, "ExpandLike", 2, FIRE_IN(fire_reduce_kept(g, n, dy[0]), n->in[0]), NULL);
}

const fire_op fire_op_reduce_sum = {
    .name = "ReduceSum", .values = 2, .help = "sum along axes",
    .min_in = 1, .max_in = 2, .n_out = 1, .attrs = fire_reduce_table, .attr_size = sizeof(fire_reduce_attrs),
    .infer = fire_reduce_infer, .run = reduce_sum_run, .scratch = fire_reduce_scratch, .grad = reduce_sum_grad, .flops = fire_reduce_flops,
    .examples = {"[2,3,4] i64[1]{1}", "[2,3,4] i64[1]{0} keepdims=0", "[2,3] keepdims=0", "[2,3,4] i64[2]{-1,0}", "[2,3] i64[0]{}", "[4,3] - noop_with_empty_axes=1", "[33,20] i64[1]{0} keepdims=0", "i64[2,3] i64[1]{1}", "[]"},
};
