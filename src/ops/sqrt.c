/* sqrt - y = square root of x, element by element. */
#include "op.h"
#include <math.h>

static double sqrt_of(double x) { return sqrt(x); }
static void sqrt_run(const fire_call *call) { fire_run_unary(call, sqrt_of); }

static void sqrt_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value half = fire_graph_scalar(g, fire_type_of(g, dy[0]), 0.5);
    dx[0] = fire_apply(g, "Div", 2, FIRE_IN(fire_apply(g, "Mul", 2, FIRE_IN(dy[0], half), NULL), n->out[0]), NULL);
}

const fire_op fire_op_sqrt = {
    .name = "Sqrt", .help = "square root",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same_float, .run = sqrt_run, .grad = sqrt_grad,
    .examples = {"[7]>0", "[2,3,4]>0"},
};
