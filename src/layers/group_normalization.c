/* group_normalization - the indices of `axis` fall into groups of neighbours; each row is normalized over a group and all other dimensions, then
** gamma and beta act on each index.
*/
#include "compose.h"
#include "op.h"
#include <stdio.h>

typedef struct {
    int64_t groups, axis;
    double epsilon;
    bool center, scale;
    fire_attr_text beta_initializer, gamma_initializer;
    fire_attr_text beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint;
} norm_attrs;

#define AT(field) offsetof(norm_attrs, field)
static const fire_attr attrs[] = {
    {"groups", FIRE_ATTR_INT, AT(groups), 32, -1, 1 << 24, .help = "number of groups; -1: each index is one"},
    {"axis", FIRE_ATTR_INT, AT(axis), -1, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, .help = "dimension that is cut into groups"},
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
    if (t->groups == 0) return fire_fail(err, FIRE_E_ATTRIBUTE, "groups is 0, expected at least 1, or -1 for one per index");
    fire_status s = fire_init_check(t->beta_initializer, err);
    return s ? s : fire_init_check(t->gamma_initializer, err);
}

static fire_value norm_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const norm_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_shape s = fire_shape_of(g, in[0]), width = {1, {0}}, last = s;
    int axis = fire_layer_axis(g, "GroupNormalization", t->axis, s), perm[FIRE_MAX_RANK], back[FIRE_MAX_RANK];
    if (axis < 0) return 0;
    int64_t c = width.dim[0] = s.dim[axis], groups = t->groups == -1 ? c : t->groups, others = 1;
    if (groups < 1 || c % groups)
        return fire_graph_fail(g, FIRE_E_ATTRIBUTE, "GroupNormalization '%s': %lld indices do not fall into %lld groups", g->layer, (long long)c, (long long)groups);
    for (int d = 0; d < s.rank; d++) { /* the axis last, and back */
        perm[d] = d == s.rank - 1 ? axis : d < axis ? d : d + 1;
        back[perm[d]] = d;
        last.dim[d] = s.dim[perm[d]];
        if (d && d != axis) others *= s.dim[d]; /* at most the numbers of the input */
    }
    fire_value gamma = t->scale ? fire_weight(b, "gamma", width, (fire_how){t->gamma_initializer, t->gamma_regularizer, t->gamma_constraint}, true) : 0;
    fire_value beta = t->center ? fire_weight(b, "beta", width, (fire_how){t->beta_initializer, t->beta_regularizer, t->beta_constraint}, true) : 0;
    fire_value x = fire_reshape(g, fire_permute(g, in[0], perm), (fire_shape){4, {-1, others, groups, c / groups}});
    x = fire_reshape(g, fire_permute(g, x, (const int[]){0, 2, 1, 3}), (fire_shape){3, {-1, groups, others * (c / groups)}});
    if (g->first.status) return 0;
    char text[80], number[FIRE_NUMBER_TEXT];
    snprintf(text, sizeof text, "axis=-1 epsilon=%s", fire_number_text(t->epsilon, number));
    x = fire_apply(g, "LayerNormalization", 2, FIRE_IN(x, fire_filled(g, fire_type_of(g, x), (fire_shape){1, {others * (c / groups)}}, 1)), text);
    x = fire_permute(g, fire_reshape(g, x, (fire_shape){4, {-1, groups, others, c / groups}}), (const int[]){0, 2, 1, 3});
    x = fire_reshape(g, x, last);
    if (gamma) x = fire_two(g, "Mul", x, gamma);
    if (beta) x = fire_two(g, "Add", x, beta);
    return fire_permute(g, x, back);
}

const fire_layer fire_layer_group_normalization = {
    .name = "GroupNormalization", .help = "shifts and scales groups of channels of each row to mean 0 and variance 1",
    .attrs = attrs, .attr_size = sizeof(norm_attrs), .min_in = 1, .max_in = 1, .passes_mask = true, .check = norm_check, .build = norm_build,
    .examples = {"[3,6] groups=2", "[2,3,4] groups=4", "[6] groups=3 center=0", "[4,3] groups=2 axis=1", "[3,4] groups=-1 scale=0", "[3,2] groups=1 epsilon=0.1"},
};
