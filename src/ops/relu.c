/* relu - y = max(x, 0), element by element. */
#include "op.h"

static double relu_of(double x) { return x > 0 || x != x ? x : 0; }
static void relu_run(const fire_call *call) { fire_run_unary(call, relu_of); }

/* The slope is read off y, not x, so that x need not be kept for the way back. */
static void relu_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    dx[0] = fire_apply(g, "ReluGrad", 2, FIRE_IN(n->out[0], dy[0]), NULL);
}

const fire_op fire_op_relu = {
    .name = "Relu", .help = "max(x, 0)",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same, .run = relu_run, .grad = relu_grad,
    .examples = {"[7]", "[2,3,4]", "i32[5]"},
};

/* dx = dy where y > 0, else 0. */
static double relu_slope(double y, double dy) { return y > 0 ? dy : 0; }
static void relu_grad_run(const fire_call *call) { fire_run_binary(call, relu_slope); }

const fire_op fire_op_relu_grad = {
    .name = "ReluGrad", .domain = FIRE_DOMAIN, .help = "gradient of Relu, from its output y and dy: dy where y > 0, else 0",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 3,
    .infer = fire_infer_same_float, .run = relu_grad_run,
    .examples = {"[7] [7]", "[2,3,4] [2,3,4]"},
};
