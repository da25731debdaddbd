/* root_mean_squared_error - the root of the mean of (y_true - y_pred)^2. */
#include "metric.h"
#include <math.h>

static void root(const void *attrs_, const fire_shape *pred, const double *sums, double *out) { *out = sqrt(fire_ratio(sums[0], sums[1])); }

static double value(const void *attrs_, const fire_row *r) { return fire_row_square(r); }
FIRE_MEAN_METRIC(value)

const fire_metric fire_metric_root_mean_squared_error = {
    .name = "RootMeanSquaredError", .alias = "root_mean_squared_error|rmse", .help = "root of the mean of squared differences",
    .sums = fire_metric_two_sums, .add = mean_add, .result = root,
};
