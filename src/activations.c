/* activations.c - activations by their Keras names, one row each. */
#include "kernel.h"
#include "layer.h"
#include "op.h"
#include <string.h>

static fire_value scalar(fire_graph *g, fire_value like, double v) { return fire_graph_scalar(g, fire_type_of(g, like), v); }
static fire_value one(fire_graph *g, const char *op, fire_value x, const char *attrs) { return fire_apply(g, op, 1, &x, attrs); }
static fire_value two(fire_graph *g, const char *op, fire_value a, fire_value b) { return fire_apply(g, op, 2, FIRE_IN(a, b), NULL); }

static fire_value linear(fire_graph *g, fire_value x) { return x; }
static fire_value elu(fire_graph *g, fire_value x) { return one(g, "Elu", x, NULL); }
static fire_value exponential(fire_graph *g, fire_value x) { return one(g, "Exp", x, NULL); }
static fire_value gelu(fire_graph *g, fire_value x) { return one(g, "Gelu", x, NULL); }
static fire_value gelu_tanh(fire_graph *g, fire_value x) { return one(g, "Gelu", x, "approximate=tanh"); }
static fire_value hard_sigmoid(fire_graph *g, fire_value x) { return one(g, "HardSigmoid", x, "alpha=0.16666666666666666"); }
static fire_value hard_sigmoid_keras2(fire_graph *g, fire_value x) { return one(g, "HardSigmoid", x, "alpha=0.2"); }
static fire_value hard_silu(fire_graph *g, fire_value x) { return one(g, "HardSwish", x, NULL); }
static fire_value leaky_relu(fire_graph *g, fire_value x) { return one(g, "LeakyRelu", x, "alpha=0.2"); }
static fire_value log_softmax(fire_graph *g, fire_value x) { return one(g, "LogSoftmax", x, "axis=-1"); }
static fire_value mish(fire_graph *g, fire_value x) { return one(g, "Mish", x, NULL); }
static fire_value relu(fire_graph *g, fire_value x) { return one(g, "Relu", x, NULL); }
static fire_value selu(fire_graph *g, fire_value x) { return one(g, "Selu", x, "alpha=1.6732632423543772 gamma=1.0507009873554805"); }
static fire_value sigmoid(fire_graph *g, fire_value x) { return one(g, "Sigmoid", x, NULL); }
static fire_value silu(fire_graph *g, fire_value x) { return one(g, "Swish", x, NULL); }
static fire_value softmax(fire_graph *g, fire_value x) { return one(g, "Softmax", x, "axis=-1"); }
static fire_value softplus(fire_graph *g, fire_value x) { return one(g, "Softplus", x, NULL); }
static fire_value softsign(fire_graph *g, fire_value x) { return one(g, "Softsign", x, NULL); }
static fire_value sparse_sigmoid(fire_graph *g, fire_value x) { return one(g, "HardSigmoid", x, "alpha=0.5 beta=0.5"); }
static fire_value tanh_(fire_graph *g, fire_value x) { return one(g, "Tanh", x, NULL); }

static fire_value clip(fire_graph *g, fire_value x, double low, double high) { return fire_apply(g, "Clip", 3, FIRE_IN(x, scalar(g, x, low), scalar(g, x, high)), NULL); }
static fire_value relu6(fire_graph *g, fire_value x) { return clip(g, x, 0, 6); }
static fire_value hard_tanh(fire_graph *g, fire_value x) { return clip(g, x, -1, 1); }
static fire_value soft_shrink(fire_graph *g, fire_value x) { return two(g, "Sub", x, clip(g, x, -0.5, 0.5)); }
static fire_value hard_shrink(fire_graph *g, fire_value x) {
    return fire_apply(g, "Where", 3, FIRE_IN(two(g, "Greater", one(g, "Abs", x, NULL), scalar(g, x, 0.5)), x, scalar(g, x, 0)), NULL);
}
static fire_value tanh_shrink(fire_graph *g, fire_value x) { return two(g, "Sub", x, one(g, "Tanh", x, NULL)); }
static fire_value log_sigmoid(fire_graph *g, fire_value x) { return one(g, "Neg", one(g, "Softplus", one(g, "Neg", x, NULL), NULL), NULL); }
/* (x + sqrt(x^2 + 4)) / 2 */
static fire_value squareplus(fire_graph *g, fire_value x) {
    fire_value root = one(g, "Sqrt", two(g, "Add", two(g, "Mul", x, x), scalar(g, x, 4)), NULL);
    return two(g, "Mul", two(g, "Add", x, root), scalar(g, x, 0.5));
}
/* 0 up to -1, x from 1 on, (x + 1)^2 / 4 between */
static fire_value sparse_plus(fire_graph *g, fire_value x) {
    fire_value half = two(g, "Add", clip(g, x, -1, 1), scalar(g, x, 1));
    fire_value middle = two(g, "Mul", two(g, "Mul", half, half), scalar(g, x, 0.25));
    return fire_apply(g, "Where", 3, FIRE_IN(two(g, "Greater", x, scalar(g, x, 1)), x, middle), NULL);
}
/* The first half of the last dimension times the sigmoid of the second. */
static fire_value glu(fire_graph *g, fire_value x) {
    fire_shape s = fire_shape_of(g, x);
    char text[FIRE_SHAPE_TEXT];
    int64_t width = s.rank ? s.dim[s.rank - 1] : 0;
    if (width < 2 || width % 2) return fire_graph_fail(g, FIRE_E_SHAPE, "glu halves the last dimension, which must be even; the input is %s", fire_shape_text(&s, text));
    fire_shape single = {1, {1}};
    int64_t half = width / 2, zero = 0, axis = -1;
    fire_value from = fire_graph_const(g, FIRE_I64, single, &zero), mid = fire_graph_const(g, FIRE_I64, single, &half), end = fire_graph_const(g, FIRE_I64, single, &width);
    fire_value axes = fire_graph_const(g, FIRE_I64, single, &axis);
    fire_value a = fire_apply(g, "Slice", 4, FIRE_IN(x, from, mid, axes), NULL), b = fire_apply(g, "Slice", 4, FIRE_IN(x, mid, end, axes), NULL);
    return two(g, "Mul", a, one(g, "Sigmoid", b, NULL));
}
/* A comparison has no gradient, so none flows through. */
static fire_value step(fire_graph *g, fire_value x) {
    return one(g, "Cast", two(g, "GreaterOrEqual", x, scalar(g, x, 0)), fire_type_of(g, x) == FIRE_F64 ? "to=11" : "to=1");
}

/* logits: the operator whose input is worth more than its output, to losses and to rawPrediction. FIRE_ACTIVATION_CHOICES has the same names. */
static const struct { const char *name; fire_value (*build)(fire_graph *g, fire_value x); const char *logits; } activations[] = {
    {"celu", elu, NULL}, {"elu", elu, NULL}, {"exponential", exponential, NULL}, {"gelu", gelu, NULL}, {"gelu_tanh", gelu_tanh, NULL}, {"glu", glu, NULL},
    {"hard_shrink", hard_shrink, NULL}, {"hard_sigmoid", hard_sigmoid, NULL}, {"hard_sigmoid_keras2", hard_sigmoid_keras2, NULL},
    {"hard_silu", hard_silu, NULL}, {"hard_swish", hard_silu, NULL},
    {"hard_tanh", hard_tanh, NULL}, {"leaky_relu", leaky_relu, NULL}, {"linear", linear, NULL}, {"log_sigmoid", log_sigmoid, NULL},
    {"log_softmax", log_softmax, NULL}, {"mish", mish, NULL}, {"relu", relu, NULL}, {"relu6", relu6, NULL}, {"selu", selu, NULL},
    {"sigmoid", sigmoid, "Sigmoid"}, {"silu", silu, NULL}, {"soft_shrink", soft_shrink, NULL}, {"softmax", softmax, "Softmax"},
    {"softplus", softplus, NULL}, {"softsign", softsign, NULL}, {"sparse_plus", sparse_plus, NULL}, {"sparse_sigmoid", sparse_sigmoid, NULL},
    {"squareplus", squareplus, NULL}, {"step", step, NULL}, {"swish", silu, NULL}, {"tanh", tanh_, NULL}, {"tanh_shrink", tanh_shrink, NULL},
};
enum { N_ACTIVATIONS = sizeof activations / sizeof *activations };

fire_value fire_activate(fire_graph *g, const char *activation, fire_value x) {
    if (g->first.status) return 0;
    for (int i = 0; i < N_ACTIVATIONS; i++)
        if (!strcmp(activations[i].name, activation)) return activations[i].build(g, x);
    char shown[80];
    return fire_graph_fail(g, FIRE_E_UNKNOWN_NAME, "no activation named '%s'; choose one of " FIRE_ACTIVATION_CHOICES,
                           fire_escape(shown, sizeof shown, activation, strlen(activation)));
}

fire_value fire_logits(const fire_graph *g, fire_value y, const char *activation) {
    const fire_node *n = g->first.status ? NULL : fire_producer(g, y);
    if (n && !strcmp(n->op->name, "Softmax")) { /* over another dimension it gives no probabilities of classes */
        double axis = fire_kernel_number("Softmax", n->attrs, "axis");
        if (axis != -1 && axis != fire_shape_of(g, y).rank - 1) return 0;
    }
    for (int i = 0; n && i < N_ACTIVATIONS; i++)
        if (activations[i].logits && !strcmp(activations[i].logits, n->op->name) && (!activation || !strcmp(activation, activations[i].name)))
            return n->in[0];
    return 0;
}
