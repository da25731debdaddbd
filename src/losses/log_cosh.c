/* log_cosh - mean of log(cosh(y_pred - y_true)) over the last axis: square / 2 near 0, like the absolute error far from it. */
#include "loss.h"

static fire_value log_cosh_build(fire_graph *g, const void *attrs_, fire_value y_true, fire_value *y_pred) {
    /* log cosh d = d + log(1 + e^-2d) - log 2, which does not overflow. */
    fire_value d = fire_two(g, "Sub", *y_pred, y_true);
    fire_value far = fire_two(g, "Add", d, fire_one(g, "Softplus", fire_two(g, "Mul", d, fire_number(g, d, -2))));
    return fire_mean_last(g, fire_two(g, "Sub", far, fire_number(g, d, 0.69314718055994530942)));
}

const fire_loss fire_loss_log_cosh = {
    .name = "LogCosh", .alias = "log_cosh|logcosh", .help = "logarithm of the hyperbolic cosine of differences",
    .target_shape = fire_target_like_pred, .build = log_cosh_build, .examples = {"[3]", "[1]", "[4,3]"},
};
