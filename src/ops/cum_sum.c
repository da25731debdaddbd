/* cum_sum - y[k] = x[0] + ... + x[k] along an axis: exclusive leaves x[k] out, reverse adds from the end. */
#include "cumulative.h"

static void cum_sum_run(const fire_call *call) { fire_cumulative_run(call, false); }

/* The sum of dy from the other end. */
static void cum_sum_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    dx[0] = fire_apply(g, "CumSum", 2, FIRE_IN(dy[0], n->in[1]), fire_cumulative_back(n->attrs));
}

const fire_op fire_op_cum_sum = {
    .name = "CumSum", .values = 2, .help = "running sum along an axis",
    .min_in = 2, .max_in = 2, .n_out = 1, .attrs = fire_attrs_of_cumulative, .attr_size = sizeof(fire_cumulative_attrs),
    .infer = fire_cumulative_infer, .run = cum_sum_run, .grad = cum_sum_grad,
    .examples = {"[5] i64[]{0}", "[2,3,4] i64[]{1}", "[2,3] i32[]{-1} reverse=1", "[2,3] i64[]{0} exclusive=1", "[4] i64[]{0} exclusive=1 reverse=1", "i64[2,3] i64[]{1}"},
};
