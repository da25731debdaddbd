/* layer_normalization - (x - mean) / sqrt(variance + epsilon) * gamma + beta, the moments being those of each row over the dimensions `axis`. */
#include "compose.h"
#include "op.h"
#include "scale_shift.h"
#include <stdio.h>

typedef struct {
    fire_ints axis;
    fire_scale_shift held;
} norm_attrs;

#define AT(field) offsetof(norm_attrs, field)
static const fire_attr attrs[] = {
    {"axis", FIRE_ATTR_INTS, AT(axis), 0, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, "[-1]", .help = "dimensions that are normalized together"},
    FIRE_SCALE_SHIFT(AT(held)),
    {0},
};

static fire_status norm_check(const void *attrs_, fire_error *err) {
    const norm_attrs *t = attrs_;
    if (t->axis.n == 0) return fire_fail(err, FIRE_E_ATTRIBUTE, "axis is empty; give the dimensions to normalize over, as in axis=[-1]");
    return fire_scale_shift_check(&t->held, err);
}

static fire_value norm_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const norm_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_shape s = fire_shape_of(g, in[0]), width;
    int perm[FIRE_MAX_RANK], back[FIRE_MAX_RANK];
    if (!fire_axes_last(g, "LayerNormalization", &t->axis, s, perm, back, &width)) return 0;
    fire_value gamma = t->held.scale ? fire_scale_shift_gamma(b, &t->held, width) : fire_filled(g, fire_type_of(g, in[0]), width, 1);
    fire_value beta = fire_scale_shift_beta(b, &t->held, width);
    char text[80], number[FIRE_NUMBER_TEXT];
    snprintf(text, sizeof text, "axis=-%d epsilon=%s", (int)width.rank, fire_number_text(t->held.epsilon, number));
    fire_value y = fire_apply(g, "LayerNormalization", 3, FIRE_IN(fire_permute(g, in[0], perm), gamma, beta), text);
    return fire_permute(g, y, back);
}

const fire_layer fire_layer_layer_normalization = {
    .name = "LayerNormalization", .help = "shifts and scales each row to mean 0 and variance 1",
    .attrs = attrs, .attr_size = sizeof(norm_attrs), .min_in = 1, .max_in = 1, .passes_mask = true, .check = norm_check, .build = norm_build,
    .examples = {"[6]", "[3,4]", "[3,4] axis=[1,2]", "[3,4] axis=[1]", "[6] center=0", "[6] scale=0 epsilon=0.1", "[2,3,4] axis=[-1,1]", "[3,4] center=0 scale=0"},
};
