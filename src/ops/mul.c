/* mul - y = a b, with broadcasting. */
#include "op.h"

static double mul_of(double a, double b) { return a * b; }
static void mul_run(const fire_call *call) { fire_run_binary_whole(call, mul_of, fire_whole_mul); }

static void mul_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    dx[0] = fire_sum_like(g, fire_apply(g, "Mul", 2, FIRE_IN(dy[0], n->in[1]), NULL), n->in[0]);
    dx[1] = fire_sum_like(g, fire_apply(g, "Mul", 2, FIRE_IN(dy[0], n->in[0]), NULL), n->in[1]);
}

const fire_op fire_op_mul = {
    .name = "Mul", .help = "a times b",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 3,
    .infer = fire_infer_broadcast, .run = mul_run, .grad = mul_grad,
    .examples = {"[2,3] [2,3]", "[4,3] [3]", "[3] [4,3]", "[2,1,3] [4,1]", "[] [2,2]", "i64[3] i64[1]"},
};
