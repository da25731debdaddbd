/* batch_normalization - (x - mean) / sqrt(variance + epsilon) * gamma + beta for each index of `axis`. Training takes the moments of the batch and
** lets the moving ones follow; otherwise, and in a frozen layer, the moving ones count.
*/
#include "compose.h"
#include "network.h"

typedef struct {
    int64_t axis;
    double momentum, epsilon;
    bool center, scale, synchronized;
    fire_attr_text beta_initializer, gamma_initializer, mean_initializer, variance_initializer;
    fire_attr_text beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint;
} norm_attrs;

#define AT(field) offsetof(norm_attrs, field)
static const fire_attr attrs[] = {
    {"axis", FIRE_ATTR_INT, AT(axis), -1, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, .help = "dimension whose indices have moments of their own"},
    {"momentum", FIRE_ATTR_FLOAT, AT(momentum), 0.99, 0, 1, .help = "share of the moving moments that stays at each step"},
    {"epsilon", FIRE_ATTR_FLOAT, AT(epsilon), 0.001, 0, 1e9, .help = "added to the variance"},
    {"center", FIRE_ATTR_BOOL, AT(center), 1, 0, 1, .help = "add beta"},
    {"scale", FIRE_ATTR_BOOL, AT(scale), 1, 0, 1, .help = "multiply by gamma"},
    {"beta_initializer", FIRE_ATTR_TEXT, AT(beta_initializer), .text = "zeros", .help = "first values of beta"},
    {"gamma_initializer", FIRE_ATTR_TEXT, AT(gamma_initializer), .text = "ones", .help = "first values of gamma"},
    {"moving_mean_initializer", FIRE_ATTR_TEXT, AT(mean_initializer), .text = "zeros", .help = "first values of the moving mean"},
    {"moving_variance_initializer", FIRE_ATTR_TEXT, AT(variance_initializer), .text = "ones", .help = "first values of the moving variance"},
    {"beta_regularizer", FIRE_ATTR_TEXT, AT(beta_regularizer), .text = "", .help = "penalty on beta"},
    {"gamma_regularizer", FIRE_ATTR_TEXT, AT(gamma_regularizer), .text = "", .help = "penalty on gamma"},
    {"beta_constraint", FIRE_ATTR_TEXT, AT(beta_constraint), .text = "", .help = "what beta is held to"},
    {"gamma_constraint", FIRE_ATTR_TEXT, AT(gamma_constraint), .text = "", .help = "what gamma is held to"},
    {"synchronized", FIRE_ATTR_BOOL, AT(synchronized), 0, 0, 1, .help = "take the moments over all workers"},
    {0},
};

static fire_status norm_check(const void *attrs_, fire_error *err) {
    const norm_attrs *t = attrs_;
    fire_status s = fire_init_check(t->beta_initializer, err);
    if (!s) s = fire_init_check(t->gamma_initializer, err);
    if (!s) s = fire_init_check(t->mean_initializer, err);
    return s ? s : fire_init_check(t->variance_initializer, err);
}

static fire_value all_slices(fire_graph *g, fire_value v, bool synchronized) { return fire_apply(g, "BatchSum", 1, &v, synchronized ? "synchronized=1" : ""); }

/* The moments of x [..., c] over the batch; steps that the mask leaves out do not count. Weights are added in Keras' way, with 1e-7 below. */
static void moments(fire_build *b, fire_value x, bool joined, fire_value *mean, fire_value *variance) {
    fire_graph *g = b->g;
    int rank = fire_shape_of(g, x).rank;
    uint32_t others = (1u << (rank - 1)) - 1;
    if (b->mask[0]) {
        fire_value weight = fire_unsqueeze(g, fire_cast(g, b->mask[0], fire_type_of(g, x)), 1u << (rank - 1));
        fire_value ones = fire_two(g, "ExpandLike", weight, x);
        fire_value total = fire_plus(g, all_slices(g, fire_over(g, "ReduceSum", ones, others, false), joined), 1e-7);
        *mean = fire_two(g, "Div", all_slices(g, fire_over(g, "ReduceSum", fire_two(g, "Mul", x, weight), others, false), joined), total);
        fire_value d = fire_two(g, "Sub", x, *mean);
        *variance = fire_two(g, "Div", all_slices(g, fire_over(g, "ReduceSum", fire_two(g, "Mul", fire_two(g, "Mul", d, d), weight), others, false), joined), total);
        return;
    }
    fire_value part[FIRE_MAX_OUT];
    if (fire_apply_all(g, "ChannelMoments", 1, &x, NULL, part)) return;
    fire_value own = fire_two(g, "CountLike", x, part[0]), count = all_slices(g, own, joined);
    *mean = fire_two(g, "Div", all_slices(g, part[0], joined), count);
    /* A slice's squares are about its own mean: moved to the common one. */
    fire_value away = fire_two(g, "Sub", fire_two(g, "Div", part[0], own), *mean);
    fire_value squares = fire_two(g, "Add", part[1], fire_two(g, "Mul", fire_two(g, "Mul", away, away), own));
    *variance = fire_two(g, "Div", all_slices(g, squares, joined), count);
}

static fire_value norm_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const norm_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_value x = in[0];
    fire_shape s = fire_shape_of(g, x), width = {1, {0}};
    int axis = fire_layer_axis(g, "BatchNormalization", t->axis, s), perm[FIRE_MAX_RANK], back[FIRE_MAX_RANK];
    if (axis < 0) return 0;
    width.dim[0] = s.dim[axis];
    if (b->mask[0] && fire_shape_of(g, b->mask[0]).rank != s.rank - 1)
        return fire_graph_fail(g, FIRE_E_SHAPE, "BatchNormalization '%s': a mask of %d dimensions for an input of %d", g->layer, fire_shape_of(g, b->mask[0]).rank, s.rank);
    fire_value gamma = t->scale ? fire_weight(b, "gamma", width, (fire_how){t->gamma_initializer, t->gamma_regularizer, t->gamma_constraint}, true) : 0;
    fire_value beta = t->center ? fire_weight(b, "beta", width, (fire_how){t->beta_initializer, t->beta_regularizer, t->beta_constraint}, true) : 0;
    fire_value moving_mean = fire_weight(b, "moving_mean", width, (fire_how){t->mean_initializer}, false), mean = moving_mean;
    fire_value moving_variance = fire_weight(b, "moving_variance", width, (fire_how){t->variance_initializer}, false), variance = moving_variance;
    if (g->first.status) return 0;
    for (int d = 0; d < s.rank; d++) { /* the axis last, and back */
        perm[d] = d == s.rank - 1 ? axis : d < axis ? d : d + 1;
        back[perm[d]] = d;
    }
    x = fire_permute(g, x, perm);
    bool batch = b->training && b->net->layer[b->layer].trainable;
    if (batch) {
        moments(b, x, t->synchronized, &mean, &variance);
        int first = t->scale + t->center;
        fire_update(b, first, fire_two(g, "Add", fire_times(g, moving_mean, t->momentum), fire_times(g, mean, 1 - t->momentum)));
        fire_update(b, first + 1, fire_two(g, "Add", fire_times(g, moving_variance, t->momentum), fire_times(g, variance, 1 - t->momentum)));
    }
    fire_value deviation = fire_one(g, "Sqrt", fire_plus(g, variance, t->epsilon));
    fire_value scale = fire_two(g, "Div", gamma ? gamma : fire_number(g, x, 1), deviation), y;
    if (batch) y = fire_apply(g, "ChannelAffine", 4, FIRE_IN(x, scale, beta, mean), NULL);
    else {
        fire_value shift = fire_two(g, "Mul", mean, scale);
        shift = beta ? fire_two(g, "Sub", beta, shift) : fire_one(g, "Neg", shift);
        y = fire_two(g, "Add", fire_two(g, "Mul", x, scale), shift);
    }
    return fire_permute(g, y, back);
}

const fire_layer fire_layer_batch_normalization = {
    .name = "BatchNormalization", .help = "shifts and scales to mean 0 and variance 1 over the batch",
    .attrs = attrs, .attr_size = sizeof(norm_attrs), .min_in = 1, .max_in = 1, .passes_mask = true, .check = norm_check, .build = norm_build,
    .examples = {"[5]", "[3,2,4] momentum=0.9", "[5] center=0", "[5] scale=0 epsilon=0.01", "[3,4] axis=1", "[4] center=0 scale=0"},
};
