/* mean_squared_error - mean of (y_true - y_pred)^2. */
#include "metric.h"

static double value(const void *attrs_, const fire_row *r) { return fire_row_square(r); }
FIRE_MEAN_METRIC(value)

const fire_metric fire_metric_mean_squared_error = {
    .name = "MeanSquaredError", .alias = "mean_squared_error|mse", .help = "mean of squared differences",
    .sums = fire_metric_two_sums, .add = mean_add, .result = fire_metric_ratio,
};
