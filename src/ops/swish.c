/* swish - y = x / (1 + e^-(alpha x)), element by element; SiLU when alpha is 1. */
#include "op.h"
#include <math.h>

typedef struct { double alpha; } swish_attrs;
static const fire_attr attrs_of_swish[] = {
    {"alpha", FIRE_ATTR_FLOAT, offsetof(swish_attrs, alpha), 1, 0, 0, .help = "factor of x in the sigmoid"},
    {0},
};

static double gate(double x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }

static double swish_of(const swish_attrs *t, double x) { return x * gate(t->alpha * x); }
static void swish_run(const fire_call *call) {
    const swish_attrs *t = call->attrs;
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++) fire_put(&call->out[0], i, swish_of(t, fire_get(&call->in[0], i)));
}

static void swish_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    char text[FIRE_ATTRS_TEXT];
    dx[0] = fire_apply(g, "SwishGrad", 2, FIRE_IN(n->in[0], dy[0]), fire_node_attrs(n, text));
}

/* ONNX has it since opset 24; before, it is a product. */
static void swish_lower(fire_graph *g, const fire_node *n, const fire_value *in, fire_value *out) {
    double alpha = ((const swish_attrs *)n->attrs)->alpha;
    fire_value z = in[0];
    if (alpha != 1) z = fire_apply(g, "Mul", 2, FIRE_IN(z, fire_graph_scalar(g, fire_type_of(g, z), alpha)), NULL);
    out[0] = fire_apply(g, "Mul", 2, FIRE_IN(in[0], fire_apply(g, "Sigmoid", 1, &z, NULL)), NULL);
}

const fire_op fire_op_swish = {
    .name = "Swish", .help = "x sigmoid(alpha x)",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1, .attrs = attrs_of_swish, .attr_size = sizeof(swish_attrs),
    .infer = fire_infer_same_float, .run = swish_run, .grad = swish_grad, .lower = swish_lower,
    .examples = {"[7]", "[2,3,4] alpha=1.7"},
};

/* dx = dy dy/dx, from x and dy. */
static double swish_slope(const swish_attrs *t, double x) { double s = gate(t->alpha * x);
    return s + t->alpha * x * s * (1 - s);
 }
static void swish_grad_run(const fire_call *call) {
    const swish_attrs *t = call->attrs;
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++)
        fire_put(&call->out[0], i, fire_get(&call->in[1], i) * swish_slope(t, fire_get(&call->in[0], i)));
}

const fire_op fire_op_swish_grad = {
    .name = "SwishGrad", .domain = FIRE_DOMAIN, .help = "gradient of Swish, from its input x and dy",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 3, .attrs = attrs_of_swish, .attr_size = sizeof(swish_attrs),
    .infer = fire_infer_same_float, .run = swish_grad_run,
    .examples = {"[7] [7]", "[2,3,4] [2,3,4] alpha=1.7"},
};
