/* mean_absolute_error - mean of |y_true - y_pred| over the last axis. */
#include "loss.h"

static fire_value mean_absolute_error_build(fire_graph *g, const void *attrs_, fire_value y_true, fire_value *y_pred) {
    return fire_mean_last(g, fire_one(g, "Abs", fire_two(g, "Sub", *y_pred, y_true)));
}

const fire_loss fire_loss_mean_absolute_error = {
    .name = "MeanAbsoluteError", .alias = "mean_absolute_error|mae", .help = "mean of absolute differences",
    .target_shape = fire_target_like_pred, .build = mean_absolute_error_build, .examples = {"[3]", "[1]", "[4,3]"},
};
