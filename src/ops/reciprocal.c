/* reciprocal - y = 1 / x, element by element. */
#include "op.h"
#include <math.h>

static double reciprocal_of(double x) { return 1 / x; }
static void reciprocal_run(const fire_call *call) { fire_run_unary(call, reciprocal_of); }

/* -dy y^2. */
static void reciprocal_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value y = n->out[0];
    fire_value square = fire_apply(g, "Mul", 2, FIRE_IN(y, y), NULL);
    dx[0] = fire_apply(g, "Neg", 1, FIRE_IN(fire_apply(g, "Mul", 2, FIRE_IN(square, dy[0]), NULL)), NULL);
}

const fire_op fire_op_reciprocal = {
    .name = "Reciprocal", .help = "1 / x",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same_float, .run = reciprocal_run, .grad = reciprocal_grad,
    .examples = {"[7]", "[2,3,4]"},
};
