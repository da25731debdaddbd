/* dense - y = activation(x w + b), with w [features, units] and b [units]; x may have more dimensions before the last. */
#include "compose.h"
#include "kernel_bias.h"
#include <string.h>

typedef struct {
    int64_t units;
    fire_attr_text activation;
    bool use_bias;
    fire_kernel_bias held;
} dense_attrs;

#define AT(field) offsetof(dense_attrs, field)
static const fire_attr attrs[] = {
    {"units", FIRE_ATTR_INT, AT(units), 0, 1, 1 << 24, NULL, NULL, "width of the output; must be given"},
    {"activation", FIRE_ATTR_TEXT, AT(activation), 0, 0, 0, "linear", FIRE_ACTIVATION_CHOICES, "applied to the result"},
    {"use_bias", FIRE_ATTR_BOOL, AT(use_bias), 1, 0, 1, NULL, NULL, "add b"},
    FIRE_KERNEL_BIAS(AT(held)),
    {0},
};

static fire_status dense_check(const void *attrs_, fire_error *err) {
    const dense_attrs *t = attrs_;
    if (t->units == 0) return fire_fail(err, FIRE_E_ATTRIBUTE, "units is missing; give the width of the output, as in units=10");
    return fire_kernel_bias_check(&t->held, err);
}

static fire_value dense_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const dense_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_shape x = fire_shape_of(g, in[0]);
    if (x.rank < 2) return fire_graph_fail(g, FIRE_E_SHAPE, "Dense '%s': needs rows of at least one number, [n, features]; the input is [n]", g->layer);
    fire_value w = fire_weight(b, "kernel", (fire_shape){2, {x.dim[x.rank - 1], t->units}}, fire_kernel_how(&t->held), true);
    fire_value c = t->use_bias ? fire_weight(b, "bias", (fire_shape){1, {t->units}}, fire_bias_how(&t->held), true) : 0;
    if (!c) return fire_activate(g, t->activation, fire_apply(g, "MatMul", 2, FIRE_IN(in[0], w), NULL));
    if (x.rank == 2) return fire_activate(g, t->activation, fire_apply(g, "Gemm", 3, FIRE_IN(in[0], w, c), NULL));
    /* More dimensions are rows as well: one product with its bias, and the activations that the planner joins to it. */
    fire_shape end = x;
    end.dim[x.rank - 1] = t->units;
    bool joined = !strcmp(t->activation, "relu") || !strcmp(t->activation, "tanh");
    fire_value y = fire_apply(g, "Gemm", 3, FIRE_IN(fire_reshape(g, in[0], (fire_shape){2, {-1, x.dim[x.rank - 1]}}), w, c), NULL);
    if (joined) y = fire_activate(g, t->activation, y);
    y = fire_reshape(g, y, end);
    return joined ? y : fire_activate(g, t->activation, y);
}

const fire_layer fire_layer_dense = {
    .name = "Dense", .help = "fully connected layer",
    .attrs = attrs, .attr_size = sizeof(dense_attrs), .min_in = 1, .max_in = 1, .passes_mask = true, .check = dense_check, .build = dense_build,
    .examples = {"[4] units=5", "[4] units=3 use_bias=0", "[7] units=6 activation=relu", "[5] units=3 activation=softmax",
                 "[3,4] units=2 activation=tanh", "[4] units=1 activation=sigmoid kernel_initializer=\"RandomNormal stddev=0.1\"",
                 "[5] units=3 kernel_regularizer=\"L1L2 l1=0.01 l2=0.02\" bias_regularizer=L2 kernel_constraint=\"MaxNorm max_value=0.5\" bias_constraint=NonNeg"},
};
