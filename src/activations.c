/* activations.c - activations by their Keras names, one row each. */
#include "layer.h"
#include "op.h"
#include <string.h>

static fire_value linear(fire_graph *g, fire_value x) { return x; }
static fire_value relu(fire_graph *g, fire_value x) { return fire_apply(g, "Relu", 1, &x, NULL); }
static fire_value sigmoid(fire_graph *g, fire_value x) { return fire_apply(g, "Sigmoid", 1, &x, NULL); }
static fire_value softmax(fire_graph *g, fire_value x) { return fire_apply(g, "Softmax", 1, &x, "axis=-1"); }
static fire_value tanh_(fire_graph *g, fire_value x) { return fire_apply(g, "Tanh", 1, &x, NULL); }

/* A comparison has no gradient, so none flows through. */
static fire_value step(fire_graph *g, fire_value x) {
    fire_type type = fire_type_of(g, x);
    fire_value above = fire_apply(g, "GreaterOrEqual", 2, FIRE_IN(x, fire_graph_scalar(g, type, 0)), NULL);
    return fire_apply(g, "Cast", 1, &above, type == FIRE_F64 ? "to=11" : "to=1");
}

/* logits: the operator whose input is worth more than its output, to losses and to rawPrediction. */
static const struct { const char *name; fire_value (*build)(fire_graph *g, fire_value x); const char *logits; } activations[] = {
    {"linear", linear, NULL}, {"relu", relu, NULL}, {"sigmoid", sigmoid, "Sigmoid"},
    {"softmax", softmax, "Softmax"}, {"step", step, NULL}, {"tanh", tanh_, NULL},
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
    for (int i = 0; n && i < N_ACTIVATIONS; i++)
        if (activations[i].logits && !strcmp(activations[i].logits, n->op->name) && (!activation || !strcmp(activation, activations[i].name)))
            return n->in[0];
    return 0;
}
