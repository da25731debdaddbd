/* sinh - y = sinh x, element by element. */
#include "op.h"
#include <math.h>

static double sinh_of(double x) { return sinh(x); }
static void sinh_run(const fire_call *call) { fire_run_unary(call, sinh_of); }

/* cosh x. */
static void sinh_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value x = n->in[0];
    dx[0] = fire_apply(g, "Mul", 2, FIRE_IN(fire_apply(g, "Cosh", 1, &x, NULL), dy[0]), NULL);
}

const fire_op fire_op_sinh = {
    .name = "Sinh", .help = "hyperbolic sine",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same_float, .run = sinh_run, .grad = sinh_grad,
    .examples = {"[7]", "[2,3,4]"},
};
