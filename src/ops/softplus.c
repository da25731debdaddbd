/* softplus - y = log(1 + e^x), element by element. */
#include "op.h"
#include <math.h>

static double softplus_of(double x) { return (x > 0 || x != x ? x : 0) + log1p(exp(-fabs(x))); }
static void softplus_run(const fire_call *call) { fire_run_unary(call, softplus_of); }

static void softplus_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value x = n->in[0];
    dx[0] = fire_apply(g, "Mul", 2, FIRE_IN(fire_apply(g, "Sigmoid", 1, &x, NULL), dy[0]), NULL);
}

const fire_op fire_op_softplus = {
    .name = "Softplus", .help = "log(1 + exp(x))",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same_float, .run = softplus_run, .grad = softplus_grad,
    .examples = {"[7]", "[2,3,4]"},
};
