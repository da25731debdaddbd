/* group_normalization - the indices of `axis` fall into groups of neighbours; each row is normalized over a group and all other dimensions, then
** gamma and beta act on each index.
*/
#include "compose.h"
#include "op.h"
#include "scale_shift.h"
#include <stdio.h>

typedef struct {
    int64_t groups, axis;
    fire_scale_shift held;
} norm_attrs;

#define AT(field) offsetof(norm_attrs, field)
static const fire_attr attrs[] = {
    {"groups", FIRE_ATTR_INT, AT(groups), 32, -1, 1 << 24, .help = "number of groups; -1: each index is one"},
    {"axis", FIRE_ATTR_INT, AT(axis), -1, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, .help = "dimension that is cut into groups"},
    FIRE_SCALE_SHIFT(AT(held)),
    {0},
};

static fire_status norm_check(const void *attrs_, fire_error *err) {
    const norm_attrs *t = attrs_;
    if (t->groups == 0) return fire_fail(err, FIRE_E_ATTRIBUTE, "groups is 0, expected at least 1, or -1 for one per index");
    return fire_scale_shift_check(&t->held, err);
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
    fire_value gamma = fire_scale_shift_gamma(b, &t->held, width);
    fire_value beta = fire_scale_shift_beta(b, &t->held, width);
    fire_value x = fire_reshape(g, fire_permute(g, in[0], perm), (fire_shape){4, {-1, others, groups, c / groups}});
    x = fire_reshape(g, fire_permute(g, x, (const int[]){0, 2, 1, 3}), (fire_shape){3, {-1, groups, others * (c / groups)}});
    if (g->first.status) return 0;
    char text[80], number[FIRE_NUMBER_TEXT];
    snprintf(text, sizeof text, "axis=-1 epsilon=%s", fire_number_text(t->held.epsilon, number));
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
