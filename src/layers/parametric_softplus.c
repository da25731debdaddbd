/* parametric_softplus - alpha log(1 + exp(beta x)), alpha and beta being learned for each place of a row or in common along the shared axes. Keras 1 had it.
** McFarland, Cui and
** Butts, Inferring Nonlinear Neuronal Computation Based on Physiologically Plausible Inputs, 2013. */
#include "compose.h"

typedef struct {
    fire_attr_text alpha_initializer, beta_initializer;
    fire_ints shared_axes;
} softplus_attrs;

#define AT(field) offsetof(softplus_attrs, field)
static const fire_attr attrs[] = {
    {"alpha_initializer", FIRE_ATTR_TEXT, AT(alpha_initializer), 0, 0, 0, "Constant value=0.2", NULL, "first values of alpha"},
    {"beta_initializer", FIRE_ATTR_TEXT, AT(beta_initializer), 0, 0, 0, "Constant value=5", NULL, "first values of beta"},
    {"shared_axes", FIRE_ATTR_INTS, AT(shared_axes), 0, 1, FIRE_MAX_RANK - 1, "[]", NULL, "dimensions along which the form is one; 1 is the first after the batch"},
    {0},
};

static fire_status softplus_check(const void *attrs_, fire_error *err) {
    const softplus_attrs *t = attrs_;
    fire_status s = fire_init_check(t->alpha_initializer, err);
    return s ? s : fire_init_check(t->beta_initializer, err);
}

static fire_value softplus_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const softplus_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_shape shape;
    if (!fire_place_shape(g, "ParametricSoftplus", in[0], &t->shared_axes, &shape)) return 0;
    fire_value alpha = fire_weight(b, "alpha", shape, (fire_how){t->alpha_initializer}, true), beta = fire_weight(b, "beta", shape, (fire_how){t->beta_initializer}, true);
    return fire_two(g, "Mul", fire_one(g, "Softplus", fire_two(g, "Mul", in[0], beta)), alpha);
}

const fire_layer fire_layer_parametric_softplus = {
    .name = "ParametricSoftplus", .help = "alpha log(1 + exp(beta x)), with alpha and beta learned",
    .attrs = attrs, .attr_size = sizeof(softplus_attrs), .min_in = 1, .max_in = 1, .passes_mask = true, .check = softplus_check, .build = softplus_build,
    .examples = {"[5]", "[3,4] shared_axes=[1] alpha_initializer=\"Constant value=0.7\" beta_initializer=\"Constant value=1.3\""},
};
