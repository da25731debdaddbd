/* gelu - y = x times the share of a normal distribution below x, element by element. */
#include "op.h"
#include <math.h>

typedef struct { fire_attr_text approximate; } gelu_attrs;
static const fire_attr attrs_of_gelu[] = {
    {"approximate", FIRE_ATTR_TEXT, offsetof(gelu_attrs, approximate), 0, 0, 0, "none", "none|tanh", "tanh: the share by a formula with tanh"},
    {0},
};

#define ROOT_2_PI 0.79788456080286535588 /* sqrt(2 / pi) */
#define CUBIC 0.044715

/* (1 + erf(x / sqrt 2)) / 2; or (1 + tanh u) / 2, which is the sigmoid of 2 u. */
static double share(const gelu_attrs *t, double x) {
    if (*t->approximate != 't') return 0.5 * erfc(-0.70710678118654752440 * x);
    double u = 2 * ROOT_2_PI * (x + CUBIC * x * x * x);
    return u >= 0 ? 1 / (1 + exp(-u)) : exp(u) / (1 + exp(u));
}

static double gelu_of(const gelu_attrs *t, double x) { return x * share(t, x); }
static void gelu_run(const fire_call *call) {
    const gelu_attrs *t = call->attrs;
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++) fire_put(&call->out[0], i, gelu_of(t, fire_get(&call->in[0], i)));
}

static void gelu_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    char text[FIRE_ATTRS_TEXT];
    dx[0] = fire_apply(g, "GeluGrad", 2, FIRE_IN(n->in[0], dy[0]), fire_node_attrs(n, text));
}

/* ONNX has it since opset 20. */
static void gelu_lower(fire_graph *g, const fire_node *n, const fire_value *in, fire_value *out) {
    bool by_tanh = *((const gelu_attrs *)n->attrs)->approximate == 't';
    fire_value x = in[0], u = x;
    fire_type type = fire_type_of(g, x);
    if (by_tanh) {
        fire_value cube = fire_apply(g, "Mul", 2, FIRE_IN(fire_apply(g, "Mul", 2, FIRE_IN(x, x), NULL), x), NULL);
        u = fire_apply(g, "Add", 2, FIRE_IN(x, fire_apply(g, "Mul", 2, FIRE_IN(cube, fire_graph_scalar(g, type, CUBIC)), NULL)), NULL);
    }
    u = fire_apply(g, "Mul", 2, FIRE_IN(u, fire_graph_scalar(g, type, by_tanh ? ROOT_2_PI : 0.70710678118654752440)), NULL);
    u = fire_apply(g, by_tanh ? "Tanh" : "Erf", 1, &u, NULL);
    u = fire_apply(g, "Add", 2, FIRE_IN(u, fire_graph_scalar(g, type, 1)), NULL);
    out[0] = fire_apply(g, "Mul", 2, FIRE_IN(fire_apply(g, "Mul", 2, FIRE_IN(x, u), NULL), fire_graph_scalar(g, type, 0.5)), NULL);
}

const fire_op fire_op_gelu = {
    .name = "Gelu", .help = "x times the share of a normal distribution below x",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1, .attrs = attrs_of_gelu, .attr_size = sizeof(gelu_attrs),
    .infer = fire_infer_same_float, .run = gelu_run, .grad = gelu_grad, .lower = gelu_lower,
    .examples = {"[7]", "[2,3,4]", "[2,3,4] approximate=tanh", "[4]{-12,-4,4,12}"},
};

/* dx = dy dy/dx, from x and dy. */
static double gelu_slope(const gelu_attrs *t, double x) { double s = share(t, x);
    if (*t->approximate == 't') return s + x * s * (1 - s) * 2 * ROOT_2_PI * (1 + 3 * CUBIC * x * x);
    return s + x * 0.39894228040143267794 * exp(-0.5 * x * x); /* 1 / sqrt(2 pi) */
 }
static void gelu_grad_run(const fire_call *call) {
    const gelu_attrs *t = call->attrs;
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++)
        fire_put(&call->out[0], i, fire_get(&call->in[1], i) * gelu_slope(t, fire_get(&call->in[0], i)));
}

const fire_op fire_op_gelu_grad = {
    .name = "GeluGrad", .domain = FIRE_DOMAIN, .help = "gradient of Gelu, from its input x and dy",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 3, .attrs = attrs_of_gelu, .attr_size = sizeof(gelu_attrs),
    .infer = fire_infer_same_float, .run = gelu_grad_run,
    .examples = {"[7] [7]", "[2,3,4] [2,3,4]", "[2,3,4] [2,3,4] approximate=tanh", "[4]{-12,-4,4,12} [4]"},
};
