/* sub - y = a - b, with broadcasting. */
#include "op.h"

static double sub_of(double a, double b) { return a - b; }
static void sub_run(const fire_call *call) { fire_run_binary_whole(call, sub_of, fire_whole_sub); }

static void sub_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    dx[0] = fire_sum_like(g, dy[0], n->in[0]);
    dx[1] = fire_apply(g, "Neg", 1, FIRE_IN(fire_sum_like(g, dy[0], n->in[1])), NULL);
}

const fire_op fire_op_sub = {
    .name = "Sub", .help = "a - b",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 3,
    .infer = fire_infer_broadcast, .run = sub_run, .grad = sub_grad,
    .examples = {"[2,3] [2,3]", "[4,3] [3]", "[3] [4,3]", "[2,1,3] [4,1]", "[] [2,2]", "i64[3] i64[1]"},
};
