/* sigmoid - y = 1 / (1 + e^-x), element by element. */
#include "op.h"
#include <math.h>

static double sigmoid_of(double x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }
static void sigmoid_run(const fire_call *call) { fire_run_unary(call, sigmoid_of); }

/* In terms of y, so that x need not be kept. */
static void sigmoid_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    dx[0] = fire_apply(g, "SigmoidGrad", 2, FIRE_IN(n->out[0], dy[0]), NULL);
}

const fire_op fire_op_sigmoid = {
    .name = "Sigmoid", .help = "1 / (1 + exp(-x))",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same_float, .run = sigmoid_run, .grad = sigmoid_grad,
    .examples = {"[7]", "[2,3,4]"},
};

/* dx = dy y (1 - y). */
static double sigmoid_slope(double y, double dy) { return dy * y * (1 - y); }
static void sigmoid_grad_run(const fire_call *call) { fire_run_binary(call, sigmoid_slope); }

const fire_op fire_op_sigmoid_grad = {
    .name = "SigmoidGrad", .domain = FIRE_DOMAIN, .help = "gradient of Sigmoid, from its output y and dy: dy y (1 - y)",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 3,
    .infer = fire_infer_same_float, .run = sigmoid_grad_run,
    .examples = {"[7] [7]", "[2,3,4] [2,3,4]"},
};
