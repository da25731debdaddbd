/* mish - y = x tanh(log(1 + e^x)), element by element. */
#include "op.h"
#include <math.h>

/* tanh(log(1 + e^x)) = n / (n + 2) with n = e^x (e^x + 2); it is 1 long before x = 40. */
static double squash(double x) {
    double e = exp(fmin(x, 40)), n = e * (e + 2);
    return x != x ? x : n / (n + 2);
}

static double mish_of(double x) { return x * squash(x); }
static void mish_run(const fire_call *call) {
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++) fire_put(&call->out[0], i, mish_of(fire_get(&call->in[0], i)));
}

static void mish_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    dx[0] = fire_apply(g, "MishGrad", 2, FIRE_IN(n->in[0], dy[0]), NULL);
}

const fire_op fire_op_mish = {
    .name = "Mish", .help = "x tanh(softplus(x))",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same_float, .run = mish_run, .grad = mish_grad,
    .examples = {"[7]", "[2,3,4]", "[4]{-30,-5,5,30}"},
};

/* dx = dy dy/dx, from x and dy. */
static double mish_slope(double x) { double s = squash(x), p = x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
    return s + x * p * (1 - s) * (1 + s);
 }
static void mish_grad_run(const fire_call *call) {
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++)
        fire_put(&call->out[0], i, fire_get(&call->in[1], i) * mish_slope(fire_get(&call->in[0], i)));
}

const fire_op fire_op_mish_grad = {
    .name = "MishGrad", .domain = FIRE_DOMAIN, .help = "gradient of Mish, from its input x and dy",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 3,
    .infer = fire_infer_same_float, .run = mish_grad_run,
    .examples = {"[7] [7]", "[2,3,4] [2,3,4]", "[4]{-30,-5,5,30} [4]"},
};
