/* activation - an element-wise function, or softmax over the last dimension, as a layer of its own. */
#include "layer.h"

typedef struct { fire_attr_text activation; } activation_attrs;

static const fire_attr attrs[] = {
    {"activation", FIRE_ATTR_TEXT, offsetof(activation_attrs, activation), 0, 0, 0, "linear", FIRE_ACTIVATION_CHOICES,
     "its name; step is 1 where x >= 0, else 0, with gradient zero"},
    {0},
};

static fire_value activation_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const activation_attrs *t = attrs_;
    return fire_activate(b->g, t->activation, in[0]);
}

const fire_layer fire_layer_activation = {
    .name = "Activation", .help = "an activation by name",
    .attrs = attrs, .attr_size = sizeof(activation_attrs), .min_in = 1, .max_in = 1, .passes_mask = true, .build = activation_build,
    .examples = {"[5] activation=relu", "[5] activation=softmax", "[3,4] activation=sigmoid", "[5] activation=tanh", "[5] activation=step", "[5]", "[6] activation=gelu",
                 "[6] activation=silu", "[6] activation=glu", "[6] activation=sparse_plus", "[6] activation=squareplus", "[6] activation=hard_shrink"},
};
