/* cosh - y = cosh x, element by element. */
#include "op.h"
#include <math.h>

static double cosh_of(double x) { return cosh(x); }
static void cosh_run(const fire_call *call) { fire_run_unary(call, cosh_of); }

/* sinh x. */
static void cosh_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value x = n->in[0];
    dx[0] = fire_apply(g, "Mul", 2, FIRE_IN(fire_apply(g, "Sinh", 1, &x, NULL), dy[0]), NULL);
}

const fire_op fire_op_cosh = {
    .name = "Cosh", .help = "hyperbolic cosine",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same_float, .run = cosh_run, .grad = cosh_grad,
    .examples = {"[7]", "[2,3,4]"},
};
