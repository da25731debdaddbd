/* tanh - y = tanh x, element by element. */
#include "op.h"
#include <math.h>

static double tanh_of(double x) { return tanh(x); }
static void tanh_run(const fire_call *call) { fire_run_unary(call, tanh_of); }

/* In terms of y, so that x need not be kept. */
static void tanh_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    dx[0] = fire_apply(g, "TanhGrad", 2, FIRE_IN(n->out[0], dy[0]), NULL);
}

const fire_op fire_op_tanh = {
    .name = "Tanh", .help = "hyperbolic tangent",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same_float, .run = tanh_run, .grad = tanh_grad,
    .examples = {"[7]", "[2,3,4]"},
};

/* dx = dy (1 - y^2). */
static double tanh_slope(double y, double dy) { return dy * (1 - y * y); }
static void tanh_grad_run(const fire_call *call) { fire_run_binary(call, tanh_slope); }

const fire_op fire_op_tanh_grad = {
    .name = "TanhGrad", .domain = FIRE_DOMAIN, .help = "gradient of Tanh, from its output y and dy: dy (1 - y^2)",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 3,
    .infer = fire_infer_same_float, .run = tanh_grad_run,
    .examples = {"[7] [7]", "[2,3,4] [2,3,4]"},
};
