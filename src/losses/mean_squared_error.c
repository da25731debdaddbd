/* mean_squared_error - mean of (y_true - y_pred)^2 over the last axis. */
#include "loss.h"

static fire_value mse_build(fire_graph *g, const void *attrs, fire_value y_true, fire_value *y_pred) {
    fire_value d = fire_apply(g, "Sub", 2, FIRE_IN(*y_pred, y_true), NULL);
    return fire_mean_last(g, fire_apply(g, "Mul", 2, FIRE_IN(d, d), NULL));
}

const fire_loss fire_loss_mean_squared_error = {
    .name = "MeanSquaredError", .alias = "mean_squared_error|mse", .help = "mean of squared differences",
    .target_shape = fire_target_like_pred, .build = mse_build, .examples = {"[3]", "[1]", "[4,3]"},
};
