/* asinh - y = the number whose hyperbolic sine is x, element by element. */
#include "op.h"
#include <math.h>

static double asinh_of(double x) { return asinh(x); }
static void asinh_run(const fire_call *call) { fire_run_unary(call, asinh_of); }

/* 1 / sqrt(x^2 + 1). */
static void asinh_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value x = n->in[0], one = fire_graph_scalar(g, fire_type_of(g, x), 1), square = fire_apply(g, "Mul", 2, FIRE_IN(x, x), NULL);
    fire_value under = fire_apply(g, "Add", 2, FIRE_IN(square, one), NULL);
    dx[0] = fire_apply(g, "Div", 2, FIRE_IN(dy[0], fire_apply(g, "Sqrt", 1, &under, NULL)), NULL);
}

const fire_op fire_op_asinh = {
    .name = "Asinh", .help = "inverse hyperbolic sine",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same_float, .run = asinh_run, .grad = asinh_grad,
    .examples = {"[7]", "[2,3,4]"},
};
