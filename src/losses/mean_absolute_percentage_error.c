/* mean_absolute_percentage_error - 100 times the mean of |y_true - y_pred| / |y_true| over the last axis. */
#include "loss.h"

static fire_value mean_absolute_percentage_error_build(fire_graph *g, const void *attrs_, fire_value y_true, fire_value *y_pred) {
    fire_value size = fire_clip(g, fire_one(g, "Abs", y_true), FIRE_EPSILON, INFINITY);
    fire_value part = fire_two(g, "Div", fire_one(g, "Abs", fire_two(g, "Sub", y_true, *y_pred)), size);
    return fire_two(g, "Mul", fire_mean_last(g, part), fire_number(g, *y_pred, 100));
}

const fire_loss fire_loss_mean_absolute_percentage_error = {
    .name = "MeanAbsolutePercentageError", .alias = "mean_absolute_percentage_error|mape", .help = "mean of differences in percent of the target",
    .target_shape = fire_target_like_pred, .build = mean_absolute_percentage_error_build, .examples = {"[3]", "[1]", "[4,3]"},
};
