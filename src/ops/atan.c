/* atan - y = arc tangent of x, element by element. */
#include "op.h"
#include <math.h>

static double atan_of(double x) { return atan(x); }
static void atan_run(const fire_call *call) { fire_run_unary(call, atan_of); }

/* 1 / (1 + x^2). */
static void atan_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value x = n->in[0], one = fire_graph_scalar(g, fire_type_of(g, x), 1), square = fire_apply(g, "Mul", 2, FIRE_IN(x, x), NULL);
    fire_value under = fire_apply(g, "Add", 2, FIRE_IN(one, square), NULL);
    dx[0] = fire_apply(g, "Div", 2, FIRE_IN(dy[0], under), NULL);
}

const fire_op fire_op_atan = {
    .name = "Atan", .help = "inverse tangent, in radians",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same_float, .run = atan_run, .grad = atan_grad,
    .examples = {"[7]", "[2,3,4]"},
};
