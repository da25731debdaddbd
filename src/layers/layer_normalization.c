/* layer_normalization - (x - mean) / sqrt(variance + epsilon) * gamma + beta, the moments being those of each row over the dimensions `axis`. */
#include "compose.h"
#include "op.h"
#include <stdio.h>

typedef struct {
    fire_ints axis;
    double epsilon;
    bool center, scale;
    fire_attr_text beta_initializer, gamma_initializer;
    fire_attr_text beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint;
} norm_attrs;

#define AT(field) offsetof(norm_attrs, field)
static const fire_attr attrs[] = {
    {"axis", FIRE_ATTR_INTS, AT(axis), 0, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, "[-1]", .help = "dimensions that are normalized together"},
    {"epsilon", FIRE_ATTR_FLOAT, AT(epsilon), 0.001, 0, 1e9, .help = "added to the variance"},
    {"center", FIRE_ATTR_BOOL, AT(center), 1, 0, 1, .help = "add beta"},
    {"scale", FIRE_ATTR_BOOL, AT(scale), 1, 0, 1, .help = "multiply by gamma"},
    {"beta_initializer", FIRE_ATTR_TEXT, AT(beta_initializer), .text = "zeros", .help = "first values of beta"},
    {"gamma_initializer", FIRE_ATTR_TEXT, AT(gamma_initializer), .text = "ones", .help = "first values of gamma"},
    {"beta_regularizer", FIRE_ATTR_TEXT, AT(beta_regularizer), .text = "", .help = "penalty on beta"},
    {"gamma_regularizer", FIRE_ATTR_TEXT, AT(gamma_regularizer), .text = "", .help = "penalty on gamma"},
    {"beta_constraint", FIRE_ATTR_TEXT, AT(beta_constraint), .text = "", .help = "what beta is held to"},
    {"gamma_constraint", FIRE_ATTR_TEXT, AT(gamma_constraint), .text = "", .help = "what gamma is held to"},
    {0},
};

static fire_status norm_check(const void *attrs_, fire_error *err) {
    const norm_attrs *t = attrs_;
    if (t->axis.n == 0) return fire_fail(err, FIRE_E_ATTRIBUTE, "axis is empty; give the dimensions to normalize over, as in axis=[-1]");
    fire_status s = fire_init_check(t->beta_initializer, err);
    return s ? s : fire_init_check(t->gamma_initializer, err);
}

static fire_value norm_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const norm_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_shape s = fire_shape_of(g, in[0]), width;
    int perm[FIRE_MAX_RANK], back[FIRE_MAX_RANK];
    if (!fire_axes_last(g, "LayerNormalization", &t->axis, s, perm, back, &width)) return 0;
    fire_value gamma = t->scale ? fire_weight(b, "gamma", width, (fire_how){t->gamma_initializer, t->gamma_regularizer, t->gamma_constraint}, true)
                                : fire_filled(g, fire_type_of(g, in[0]), width, 1);
    fire_value beta = t->center ? fire_weight(b, "beta", width, (fire_how){t->beta_initializer, t->beta_regularizer, t->beta_constraint}, true) : 0;
    char text[80], number[FIRE_NUMBER_TEXT];
    snprintf(text, sizeof text, "axis=-%d epsilon=%s", (int)width.rank, fire_number_text(t->epsilon, number));
    fire_value y = fire_apply(g, "LayerNormalization", 3, FIRE_IN(fire_permute(g, in[0], perm), gamma, beta), text);
    return fire_permute(g, y, back);
}

const fire_layer fire_layer_layer_normalization = {
    .name = "LayerNormalization", .help = "shifts and scales each row to mean 0 and variance 1",
    .attrs = attrs, .attr_size = sizeof(norm_attrs), .min_in = 1, .max_in = 1, .passes_mask = true, .check = norm_check, .build = norm_build,
    .examples = {"[6]", "[3,4]", "[3,4] axis=[1,2]", "[3,4] axis=[1]", "[6] center=0", "[6] scale=0 epsilon=0.1", "[2,3,4] axis=[-1,1]", "[3,4] center=0 scale=0"},
};
