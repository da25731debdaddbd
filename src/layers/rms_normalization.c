/* rms_normalization - x / sqrt(mean of x^2 + epsilon) * scale, the mean being that of each row over the dimensions `axis`. */
#include "compose.h"
#include "op.h"

typedef struct { fire_ints axis; double epsilon; } norm_attrs;

static const fire_attr attrs[] = {
    {"axis", FIRE_ATTR_INTS, offsetof(norm_attrs, axis), 0, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, "[-1]", .help = "dimensions that are normalized together"},
    {"epsilon", FIRE_ATTR_FLOAT, offsetof(norm_attrs, epsilon), 1e-6, 0, 1e9, .help = "added to the mean of squares"},
    {0},
};

static fire_status norm_check(const void *attrs_, fire_error *err) {
    const norm_attrs *t = attrs_;
    return t->axis.n ? FIRE_OK : fire_fail(err, FIRE_E_ATTRIBUTE, "axis is empty; give the dimensions to normalize over, as in axis=[-1]");
}

static fire_value norm_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const norm_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_shape s = fire_shape_of(g, in[0]), width;
    int perm[FIRE_MAX_RANK], back[FIRE_MAX_RANK];
    if (!fire_axes_last(g, "RMSNormalization", &t->axis, s, perm, back, &width)) return 0;
    fire_value scale = fire_weight(b, "scale", width, (fire_how){"ones"}, true), x = fire_permute(g, in[0], perm);
    uint32_t last = ((1u << width.rank) - 1) << (s.rank - width.rank);
    fire_value mean = fire_over(g, "ReduceMean", fire_two(g, "Mul", x, x), last, true);
    fire_value root = fire_one(g, "Sqrt", fire_plus(g, mean, t->epsilon));
    return fire_permute(g, fire_two(g, "Mul", fire_two(g, "Div", x, root), scale), back);
}

const fire_layer fire_layer_rms_normalization = {
    .name = "RMSNormalization", .help = "scales each row to a mean square of 1",
    .attrs = attrs, .attr_size = sizeof(norm_attrs), .min_in = 1, .max_in = 1, .passes_mask = true, .check = norm_check, .build = norm_build,
    .examples = {"[5]", "[3,4]", "[3,4] axis=[1,2] epsilon=0.001", "[3,4] axis=[1]"},
};
