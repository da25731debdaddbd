/* leaky_relu - y = x above 0, alpha x below, element by element. */
#include "op.h"
#include <math.h>

typedef struct { double alpha; } leaky_relu_attrs;
static const fire_attr attrs_of_leaky_relu[] = {
    {"alpha", FIRE_ATTR_FLOAT, offsetof(leaky_relu_attrs, alpha), 0.01, 0, 0, .help = "slope below 0"},
    {0},
};

static double leaky_relu_of(const leaky_relu_attrs *t, double x) { return x > 0 || x != x ? x : t->alpha * x; }
static void leaky_relu_run(const fire_call *call) {
    const leaky_relu_attrs *t = call->attrs;
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++) fire_put(&call->out[0], i, leaky_relu_of(t, fire_get(&call->in[0], i)));
}

static void leaky_relu_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    char text[FIRE_ATTRS_TEXT];
    dx[0] = fire_apply(g, "LeakyReluGrad", 2, FIRE_IN(n->in[0], dy[0]), fire_node_attrs(n, text));
}

const fire_op fire_op_leaky_relu = {
    .name = "LeakyRelu", .help = "x above 0, alpha x below",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1, .attrs = attrs_of_leaky_relu, .attr_size = sizeof(leaky_relu_attrs),
    .infer = fire_infer_same_float, .run = leaky_relu_run, .grad = leaky_relu_grad,
    .examples = {"[7]", "[2,3,4] alpha=0.3"},
};

/* dx = dy dy/dx, from x and dy. */
static double leaky_relu_slope(const leaky_relu_attrs *t, double x) { return x > 0 ? 1 : t->alpha; }
static void leaky_relu_grad_run(const fire_call *call) {
    const leaky_relu_attrs *t = call->attrs;
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++)
        fire_put(&call->out[0], i, fire_get(&call->in[1], i) * leaky_relu_slope(t, fire_get(&call->in[0], i)));
}

const fire_op fire_op_leaky_relu_grad = {
    .name = "LeakyReluGrad", .domain = FIRE_DOMAIN, .help = "gradient of LeakyRelu, from its input x and dy",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 3, .attrs = attrs_of_leaky_relu, .attr_size = sizeof(leaky_relu_attrs),
    .infer = fire_infer_same_float, .run = leaky_relu_grad_run,
    .examples = {"[7] [7]", "[2,3,4] [2,3,4] alpha=0.3"},
};
