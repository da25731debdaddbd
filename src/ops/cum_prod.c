/* cum_prod - y[k] = x[0] ... x[k] along an axis: exclusive leaves x[k] out, reverse multiplies from the end. */
#include "cumulative.h"

static void cum_prod_run(const fire_call *call) { fire_cumulative_run(call, true); }

/* x stands in every product from its place on: what dy * y adds up to from the other end, over x. Not a number where x is 0. */
static void cum_prod_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value x = n->in[0], axis = n->in[1], each = fire_apply(g, "Mul", 2, FIRE_IN(dy[0], n->out[0]), NULL);
    dx[0] = fire_apply(g, "Div", 2, FIRE_IN(fire_apply(g, "CumSum", 2, FIRE_IN(each, axis), fire_cumulative_back(n->attrs)), x), NULL);
}

const fire_op fire_op_cum_prod = {
    .name = "CumProd", .values = 2, .help = "running product along an axis",
    .min_in = 2, .max_in = 2, .n_out = 1, .attrs = fire_attrs_of_cumulative, .attr_size = sizeof(fire_cumulative_attrs),
    .infer = fire_cumulative_infer, .run = cum_prod_run, .grad = cum_prod_grad,
    .examples = {"[5] i64[]{0}", "[2,3,4] i64[]{1}", "[2,3] i32[]{-1} reverse=1", "[2,3] i64[]{0} exclusive=1", "[4] i64[]{0} exclusive=1 reverse=1", "i64[2,3] i64[]{1}"},
};
