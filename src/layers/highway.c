/* highway - t activation(x w + b) + (1 - t) x with t = sigmoid(x w_carry + b_carry). Keras 1 had it. Srivastava et al., Highway Networks, 2015. */
#include "compose.h"
#include "kernel_bias.h"
#include <stdio.h>

typedef struct {
    double transform_bias;
    fire_attr_text activation;
    bool use_bias;
    fire_kernel_bias held;
} highway_attrs;

#define AT(field) offsetof(highway_attrs, field)
static const fire_attr attrs[] = {
    {"activation", FIRE_ATTR_TEXT, AT(activation), 0, 0, 0, "linear", FIRE_ACTIVATION_CHOICES, "applied to what may take the place of x"},
    {"use_bias", FIRE_ATTR_BOOL, AT(use_bias), 1, 0, 1, NULL, NULL, "add b and b_carry"},
    {"transform_bias", FIRE_ATTR_FLOAT, AT(transform_bias), -2, -1e30, 1e30, NULL, NULL, "first value of b_carry: below 0 most of x is carried"},
    FIRE_KERNEL_BIAS(AT(held)),
    {0},
};

static fire_status highway_check(const void *attrs_, fire_error *err) {
    const highway_attrs *t = attrs_;
    return fire_kernel_bias_check(&t->held, err);
}

static fire_value highway_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const highway_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_shape x = fire_shape_of(g, in[0]);
    if (x.rank != 2) return fire_graph_fail(g, FIRE_E_SHAPE, "Highway '%s': needs rows of features, [n, features]; the input has %d dimensions", g->layer, (int)x.rank);
    char carry[64];
    snprintf(carry, sizeof carry, "Constant value=%.17g", t->transform_bias);
    fire_shape square = {2, {x.dim[1], x.dim[1]}}, row = {1, {x.dim[1]}};
    fire_value w = fire_weight(b, "kernel", square, fire_kernel_how(&t->held), true);
    fire_value w_carry = fire_weight(b, "carry_kernel", square, (fire_how){t->held.kernel_initializer, t->held.kernel_regularizer, NULL}, true);
    fire_value y, gate;
    if (t->use_bias) {
        fire_value c = fire_weight(b, "bias", row, fire_bias_how(&t->held), true);
        fire_value c_carry = fire_weight(b, "carry_bias", row, (fire_how){carry, NULL, NULL}, true);
        y = fire_apply(g, "Gemm", 3, FIRE_IN(in[0], w, c), NULL);
        gate = fire_apply(g, "Gemm", 3, FIRE_IN(in[0], w_carry, c_carry), NULL);
    } else {
        y = fire_two(g, "MatMul", in[0], w);
        gate = fire_two(g, "MatMul", in[0], w_carry);
    }
    gate = fire_activate(g, "sigmoid", gate);
    y = fire_two(g, "Sub", fire_activate(g, t->activation, y), in[0]);
    return fire_two(g, "Add", in[0], fire_two(g, "Mul", gate, y));
}

const fire_layer fire_layer_highway = {
    .name = "Highway", .help = "a dense layer behind a gate that carries the input on",
    .attrs = attrs, .attr_size = sizeof(highway_attrs), .min_in = 1, .max_in = 1, .check = highway_check, .build = highway_build,
    .examples = {"[4] activation=tanh", "[3] use_bias=0", "[5] activation=sigmoid transform_bias=0.5 kernel_regularizer=L2"},
};
