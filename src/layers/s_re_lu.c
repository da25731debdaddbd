/* s_re_lu - SReLU and ParametricSoftplus: activations whose form is learned, for each place of a row or in common along the shared axes. Keras 1 had
** them.
**
** SReLU, Jin et al. 2015: x between the thresholds t_left and t_left + |t_right|, with slope a_left below and a_right above them.
** ParametricSoftplus, McFarland et al. 2013: alpha log(1 + exp(beta x)).
*/
#include "compose.h"

typedef char text[FIRE_ATTR_TEXT_SIZE];
typedef struct { text t_left, a_left, t_right, a_right; fire_ints shared_axes; } learned_attrs;

#define AT(field) offsetof(learned_attrs, field)
#define SHARED {"shared_axes", FIRE_ATTR_INTS, AT(shared_axes), 0, 1, FIRE_MAX_RANK - 1, "[]", NULL, "dimensions along which the form is one; 1 is the first after the batch"}
static const fire_attr srelu_table[] = {
    {"t_left_initializer", FIRE_ATTR_TEXT, AT(t_left), 0, 0, 0, "zeros", NULL, "first values of the lower threshold"},
    {"a_left_initializer", FIRE_ATTR_TEXT, AT(a_left), 0, 0, 0, "glorot_uniform", NULL, "first values of the slope below it"},
    {"t_right_initializer", FIRE_ATTR_TEXT, AT(t_right), 0, 0, 0, "glorot_uniform", NULL, "first values of the upper threshold's distance"},
    {"a_right_initializer", FIRE_ATTR_TEXT, AT(a_right), 0, 0, 0, "ones", NULL, "first values of the slope above it"},
    SHARED, {0},
};
static const fire_attr softplus_table[] = {
    {"alpha_initializer", FIRE_ATTR_TEXT, AT(t_left), 0, 0, 0, "Constant value=0.2", NULL, "first values of alpha"},
    {"beta_initializer", FIRE_ATTR_TEXT, AT(a_left), 0, 0, 0, "Constant value=5", NULL, "first values of beta"},
    SHARED, {0},
};

static fire_status srelu_check(const void *attrs_, fire_error *err) {
    const learned_attrs *t = attrs_;
    fire_status s = fire_init_check(t->t_left, err);
    if (!s) s = fire_init_check(t->a_left, err);
    if (!s) s = fire_init_check(t->t_right, err);
    return s ? s : fire_init_check(t->a_right, err);
}
static fire_status softplus_check(const void *attrs_, fire_error *err) {
    const learned_attrs *t = attrs_;
    fire_status s = fire_init_check(t->t_left, err);
    return s ? s : fire_init_check(t->a_left, err);
}

/* The shape of one of the weights; false: the graph has failed. */
static bool form(fire_graph *g, const char *layer, const fire_ints *shared, fire_value x, fire_shape *form) {
    fire_shape rows = fire_shape_of(g, x);
    if (g->first.status) return false;
    *form = (fire_shape){.rank = rows.rank - 1};
    for (int d = 0; d < form->rank; d++) form->dim[d] = rows.dim[d + 1];
    for (int i = 0; i < shared->n; i++) {
        if (shared->v[i] > form->rank) {
            fire_graph_fail(g, FIRE_E_ATTRIBUTE, "%s '%s': shared_axes has %lld, expected 1 to %d", layer, g->layer, (long long)shared->v[i], (int)form->rank);
            return false;
        }
        form->dim[shared->v[i] - 1] = 1;
    }
    return true;
}

static fire_value srelu_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const learned_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_shape shape;
    if (!form(g, "SReLU", &t->shared_axes, in[0], &shape)) return 0;
    fire_value low = fire_weight(b, "t_left", shape, (fire_how){t->t_left}, true), below = fire_weight(b, "a_left", shape, (fire_how){t->a_left}, true);
    fire_value wide = fire_weight(b, "t_right", shape, (fire_how){t->t_right}, true), above = fire_weight(b, "a_right", shape, (fire_how){t->a_right}, true);
    wide = fire_one(g, "Abs", wide);
    fire_value z = fire_two(g, "Sub", in[0], low), positive = fire_one(g, "Relu", z);
    fire_value left = fire_two(g, "Mul", fire_one(g, "Neg", fire_one(g, "Relu", fire_one(g, "Neg", z))), below);
    fire_value beyond = fire_one(g, "Relu", fire_two(g, "Sub", z, wide));
    fire_value y = fire_two(g, "Add", fire_two(g, "Sub", positive, beyond), fire_two(g, "Mul", beyond, above));
    return fire_two(g, "Add", fire_two(g, "Add", y, left), low);
}

static fire_value softplus_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const learned_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_shape shape;
    if (!form(g, "ParametricSoftplus", &t->shared_axes, in[0], &shape)) return 0;
    fire_value alpha = fire_weight(b, "alpha", shape, (fire_how){t->t_left}, true), beta = fire_weight(b, "beta", shape, (fire_how){t->a_left}, true);
    return fire_two(g, "Mul", fire_one(g, "Softplus", fire_two(g, "Mul", in[0], beta)), alpha);
}

const fire_layer fire_layer_s_re_lu = {
    .name = "SReLU", .help = "x between two learned thresholds, learned slopes outside of them",
    .attrs = srelu_table, .attr_size = sizeof(learned_attrs), .min_in = 1, .max_in = 1, .passes_mask = true, .check = srelu_check, .build = srelu_build,
    .examples = {"[5]", "[3,4] t_left_initializer=\"Constant value=-0.3\" a_left_initializer=\"Constant value=0.2\"", "[2,3,4] shared_axes=[1,2] a_right_initializer=\"Constant value=0.4\""},
};
const fire_layer fire_layer_parametric_softplus = {
    .name = "ParametricSoftplus", .help = "alpha log(1 + exp(beta x)), with alpha and beta learned",
    .attrs = softplus_table, .attr_size = sizeof(learned_attrs), .min_in = 1, .max_in = 1, .passes_mask = true, .check = softplus_check, .build = softplus_build,
    .examples = {"[5]", "[3,4] shared_axes=[1] alpha_initializer=\"Constant value=0.7\" beta_initializer=\"Constant value=1.3\""},
};
