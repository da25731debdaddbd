/* selu - y = gamma x above 0, gamma alpha (e^x - 1) below, element by element. */
#include "op.h"
#include <math.h>

typedef struct { double alpha, gamma; } selu_attrs;
static const fire_attr attrs_of_selu[] = {
    {"alpha", FIRE_ATTR_FLOAT, offsetof(selu_attrs, alpha), 1.67326319217681884765625, 0, 0, .help = "see gamma"},
    {"gamma", FIRE_ATTR_FLOAT, offsetof(selu_attrs, gamma), 1.05070102214813232421875, 0, 0, .help = "-alpha gamma is the limit for x far below 0"},
    {0},
};

static double selu_of(const selu_attrs *t, double x) { return t->gamma * (x > 0 || x != x ? x : t->alpha * expm1(x)); }
static void selu_run(const fire_call *call) {
    const selu_attrs *t = call->attrs;
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++) fire_put(&call->out[0], i, selu_of(t, fire_get(&call->in[0], i)));
}

static void selu_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    char text[FIRE_ATTRS_TEXT];
    dx[0] = fire_apply(g, "SeluGrad", 2, FIRE_IN(n->in[0], dy[0]), fire_node_attrs(n, text));
}

const fire_op fire_op_selu = {
    .name = "Selu", .help = "gamma x above 0, gamma alpha (exp(x) - 1) below",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1, .attrs = attrs_of_selu, .attr_size = sizeof(selu_attrs),
    .infer = fire_infer_same_float, .run = selu_run, .grad = selu_grad,
    .examples = {"[7]", "[2,3,4] alpha=1.5 gamma=0.9"},
};

/* dx = dy dy/dx, from x and dy. */
static double selu_slope(const selu_attrs *t, double x) { return t->gamma * (x > 0 || x != x ? 1 : t->alpha * exp(x)); }
static void selu_grad_run(const fire_call *call) {
    const selu_attrs *t = call->attrs;
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++)
        fire_put(&call->out[0], i, fire_get(&call->in[1], i) * selu_slope(t, fire_get(&call->in[0], i)));
}

const fire_op fire_op_selu_grad = {
    .name = "SeluGrad", .domain = FIRE_DOMAIN, .help = "gradient of Selu, from its input x and dy",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 3, .attrs = attrs_of_selu, .attr_size = sizeof(selu_attrs),
    .infer = fire_infer_same_float, .run = selu_grad_run,
    .examples = {"[7] [7]", "[2,3,4] [2,3,4] alpha=1.5 gamma=0.9"},
};
