/* exp - y = e^x, element by element. */
#include "op.h"
#include <math.h>

static double exp_of(double x) { return exp(x); }
static void exp_run(const fire_call *call) { fire_run_unary(call, exp_of); }

static void exp_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    dx[0] = fire_apply(g, "Mul", 2, FIRE_IN(dy[0], n->out[0]), NULL);
}

const fire_op fire_op_exp = {
    .name = "Exp", .help = "e to the power of x",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same_float, .run = exp_run, .grad = exp_grad,
    .examples = {"[7]", "[2,3,4]"},
};
