/* kl_divergence - sum of y_true log(y_true / y_pred) over the last axis; both are cut to [1e-7, 1]. */
#include "loss.h"

static fire_value kl_divergence_build(fire_graph *g, const void *attrs_, fire_value y_true, fire_value *y_pred) {
    fire_value t = fire_clip(g, y_true, FIRE_EPSILON, 1), p = fire_clip(g, *y_pred, FIRE_EPSILON, 1);
    fire_value d = fire_two(g, "Sub", fire_one(g, "Log", t), fire_one(g, "Log", p));
    return fire_sum_last(g, fire_two(g, "Mul", t, d), false);
}

const fire_loss fire_loss_kl_divergence = {
    .name = "KLDivergence", .alias = "kl_divergence|kld|kullback_leibler_divergence", .help = "divergence of two distributions",
    .target_shape = fire_target_like_pred, .build = kl_divergence_build, .examples = {"[3]", "[1]", "[4,3]"},
};
