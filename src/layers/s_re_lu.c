/* s_re_lu - x between the thresholds t_left and t_left + |t_right|, with slope a_left below and a_right above them, all four learned for each place of
** a row or in common along the shared axes. Keras 1 had it. Jin et al., Deep Learning with S-shaped Rectified Linear Activation Units, 2015. */
#include "compose.h"

typedef struct {
    fire_attr_text t_left, a_left, t_right, a_right;
    fire_ints shared_axes;
} srelu_attrs;

#define AT(field) offsetof(srelu_attrs, field)
static const fire_attr attrs[] = {
    {"t_left_initializer", FIRE_ATTR_TEXT, AT(t_left), 0, 0, 0, "zeros", NULL, "first values of the lower threshold"},
    {"a_left_initializer", FIRE_ATTR_TEXT, AT(a_left), 0, 0, 0, "glorot_uniform", NULL, "first values of the slope below it"},
    {"t_right_initializer", FIRE_ATTR_TEXT, AT(t_right), 0, 0, 0, "glorot_uniform", NULL, "first values of the upper threshold's distance"},
    {"a_right_initializer", FIRE_ATTR_TEXT, AT(a_right), 0, 0, 0, "ones", NULL, "first values of the slope above it"},
    {"shared_axes", FIRE_ATTR_INTS, AT(shared_axes), 0, 1, FIRE_MAX_RANK - 1, "[]", NULL, "dimensions along which the form is one; 1 is the first after the batch"},
    {0},
};

static fire_status srelu_check(const void *attrs_, fire_error *err) {
    const srelu_attrs *t = attrs_;
    fire_status s = fire_init_check(t->t_left, err);
    if (!s) s = fire_init_check(t->a_left, err);
    if (!s) s = fire_init_check(t->t_right, err);
    return s ? s : fire_init_check(t->a_right, err);
}

static fire_value srelu_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const srelu_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_shape shape;
    if (!fire_place_shape(g, "SReLU", in[0], &t->shared_axes, &shape)) return 0;
    fire_value low = fire_weight(b, "t_left", shape, (fire_how){t->t_left}, true), below = fire_weight(b, "a_left", shape, (fire_how){t->a_left}, true);
    fire_value wide = fire_weight(b, "t_right", shape, (fire_how){t->t_right}, true), above = fire_weight(b, "a_right", shape, (fire_how){t->a_right}, true);
    wide = fire_one(g, "Abs", wide);
    fire_value z = fire_two(g, "Sub", in[0], low), positive = fire_one(g, "Relu", z);
    fire_value left = fire_two(g, "Mul", fire_one(g, "Neg", fire_one(g, "Relu", fire_one(g, "Neg", z))), below);
    fire_value beyond = fire_one(g, "Relu", fire_two(g, "Sub", z, wide));
    fire_value y = fire_two(g, "Add", fire_two(g, "Sub", positive, beyond), fire_two(g, "Mul", beyond, above));
    return fire_two(g, "Add", fire_two(g, "Add", y, left), low);
}

const fire_layer fire_layer_s_re_lu = {
    .name = "SReLU", .help = "x between two learned thresholds, learned slopes outside of them",
    .attrs = attrs, .attr_size = sizeof(srelu_attrs), .min_in = 1, .max_in = 1, .passes_mask = true, .check = srelu_check, .build = srelu_build,
    .examples = {"[5]", "[3,4] t_left_initializer=\"Constant value=-0.3\" a_left_initializer=\"Constant value=0.2\"", "[2,3,4] shared_axes=[1,2] a_right_initializer=\"Constant value=0.4\""},
};
