/* mean_squared_logarithmic_error - mean of (log(1 + y_true) - log(1 + y_pred))^2 over the last axis; numbers below 1e-7 count as that. */
#include "loss.h"

static fire_value log_of(fire_graph *g, fire_value x) {
    return fire_one(g, "Log", fire_two(g, "Add", fire_clip(g, x, FIRE_EPSILON, INFINITY), fire_number(g, x, 1)));
}

static fire_value mean_squared_logarithmic_error_build(fire_graph *g, const void *attrs_, fire_value y_true, fire_value *y_pred) {
    fire_value d = fire_two(g, "Sub", log_of(g, y_true), log_of(g, *y_pred));
    return fire_mean_last(g, fire_two(g, "Mul", d, d));
}

const fire_loss fire_loss_mean_squared_logarithmic_error = {
    .name = "MeanSquaredLogarithmicError", .alias = "mean_squared_logarithmic_error|msle", .help = "mean of squared differences of logarithms",
    .target_shape = fire_target_like_pred, .build = mean_squared_logarithmic_error_build, .examples = {"[3]", "[1]", "[4,3]"},
};
