/* elu - y = x above 0, alpha (e^x - 1) below, element by element. */
#include "op.h"
#include <math.h>

typedef struct { double alpha; } elu_attrs;
static const fire_attr attrs_of_elu[] = {
    {"alpha", FIRE_ATTR_FLOAT, offsetof(elu_attrs, alpha), 1, 0, 0, .help = "-alpha is the limit for x far below 0"},
    {0},
};

static double elu_of(const elu_attrs *t, double x) { return x > 0 || x != x ? x : t->alpha * expm1(x); }
static void elu_run(const fire_call *call) {
    const elu_attrs *t = call->attrs;
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++) fire_put(&call->out[0], i, elu_of(t, fire_get(&call->in[0], i)));
}

static void elu_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    char text[FIRE_ATTRS_TEXT];
    dx[0] = fire_apply(g, "EluGrad", 2, FIRE_IN(n->in[0], dy[0]), fire_node_attrs(n, text));
}

const fire_op fire_op_elu = {
    .name = "Elu", .help = "x above 0, alpha (exp(x) - 1) below",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1, .attrs = attrs_of_elu, .attr_size = sizeof(elu_attrs),
    .infer = fire_infer_same_float, .run = elu_run, .grad = elu_grad,
    .examples = {"[7]", "[2,3,4] alpha=0.7"},
};

/* dx = dy dy/dx, from x and dy. */
static double elu_slope(const elu_attrs *t, double x) { return x > 0 || x != x ? 1 : t->alpha * exp(x); }
static void elu_grad_run(const fire_call *call) {
    const elu_attrs *t = call->attrs;
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++)
        fire_put(&call->out[0], i, fire_get(&call->in[1], i) * elu_slope(t, fire_get(&call->in[0], i)));
}

const fire_op fire_op_elu_grad = {
    .name = "EluGrad", .domain = FIRE_DOMAIN, .help = "gradient of Elu, from its input x and dy",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 3, .attrs = attrs_of_elu, .attr_size = sizeof(elu_attrs),
    .infer = fire_infer_same_float, .run = elu_grad_run,
    .examples = {"[7] [7]", "[2,3,4] [2,3,4] alpha=0.7"},
};
