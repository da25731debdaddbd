/* mean_absolute_percentage_error - 100 times the mean of |y_true - y_pred| / |y_true|. */
#include "metric.h"
#include <math.h>

static double value(const void *attrs_, const fire_row *r) {
    double sum = 0;
    for (int64_t k = 0; k < r->width; k++) {
        double t = fire_true(r, k);
        sum += fabs(t - fire_pred(r, k)) / fmax(fabs(t), 1e-7);
    }
    return 100 * sum / (double)r->width;
}
FIRE_MEAN_METRIC(value)

const fire_metric fire_metric_mean_absolute_percentage_error = {
    .name = "MeanAbsolutePercentageError", .alias = "mean_absolute_percentage_error|mape", .help = "mean of differences in percent of the target",
    .sums = fire_metric_two_sums, .add = mean_add, .result = fire_metric_ratio,
};
