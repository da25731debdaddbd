/* mean_squared_logarithmic_error - mean of (log(1 + y_true) - log(1 + y_pred))^2; numbers below 1e-7 count as that. */
#include "metric.h"
#include <math.h>

static double value(const void *attrs_, const fire_row *r) {
    double sum = 0;
    for (int64_t k = 0; k < r->width; k++) {
        double d = log(fmax(fire_true(r, k), 1e-7) + 1) - log(fmax(fire_pred(r, k), 1e-7) + 1);
        sum += d * d;
    }
    return sum / (double)r->width;
}
FIRE_MEAN_METRIC(value)

const fire_metric fire_metric_mean_squared_logarithmic_error = {
    .name = "MeanSquaredLogarithmicError", .alias = "mean_squared_logarithmic_error|msle", .help = "mean of squared differences of logarithms",
    .sums = fire_metric_two_sums, .add = mean_add, .result = fire_metric_ratio,
};
