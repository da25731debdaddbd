/* mean_absolute_error - mean of |y_true - y_pred|. */
#include "metric.h"
#include <math.h>

static double value(const void *attrs_, const fire_row *r) {
    double sum = 0;
    for (int64_t k = 0; k < r->width; k++) {
        sum += fabs(fire_true(r, k) - fire_pred(r, k));
    }
    return sum / (double)r->width;
}
FIRE_MEAN_METRIC(value)

const fire_metric fire_metric_mean_absolute_error = {
    .name = "MeanAbsoluteError", .alias = "mean_absolute_error|mae", .help = "mean of absolute differences",
    .sums = fire_metric_two_sums, .add = mean_add, .result = fire_metric_ratio,
};
