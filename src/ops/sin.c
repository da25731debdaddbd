/* sin - y = sin x, element by element. */
#include "op.h"
#include <math.h>

static double sin_of(double x) { return sin(x); }
static void sin_run(const fire_call *call) { fire_run_unary(call, sin_of); }

static void sin_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value x = n->in[0];
    dx[0] = fire_apply(g, "Mul", 2, FIRE_IN(fire_apply(g, "Cos", 1, &x, NULL), dy[0]), NULL);
}

const fire_op fire_op_sin = {
    .name = "Sin", .help = "sine of x in radians",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same_float, .run = sin_run, .grad = sin_grad,
    .examples = {"[7]", "[2,3,4]"},
};
