/* atanh - y = the number whose hyperbolic tangent is x, element by element. */
#include "op.h"
#include <math.h>

static double atanh_of(double x) { return atanh(x); }
static void atanh_run(const fire_call *call) { fire_run_unary(call, atanh_of); }

/* 1 / (1 - x^2). */
static void atanh_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value x = n->in[0], one = fire_graph_scalar(g, fire_type_of(g, x), 1), square = fire_apply(g, "Mul", 2, FIRE_IN(x, x), NULL);
    fire_value under = fire_apply(g, "Sub", 2, FIRE_IN(one, square), NULL);
    dx[0] = fire_apply(g, "Div", 2, FIRE_IN(dy[0], under), NULL);
}

const fire_op fire_op_atanh = {
    .name = "Atanh", .help = "inverse hyperbolic tangent",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same_float, .run = atanh_run, .grad = atanh_grad,
    .examples = {"[5]{-0.7,-0.3,0.2,0.5,0.8}", "[2,2]{0.1,-0.1,0.6,0}"},
};
