/* log_cosh_error - mean of log(cosh(y_pred - y_true)). */
#include "metric.h"
#include <math.h>

static double value(const void *attrs_, const fire_row *r) {
    double sum = 0;
    for (int64_t k = 0; k < r->width; k++) {
        double d = fabs(fire_pred(r, k) - fire_true(r, k)); /* log cosh d = d + log(1 + e^-2d) - log 2 */
        sum += d + log1p(exp(-2 * d)) - 0.69314718055994530942;
    }
    return sum / (double)r->width;
}
FIRE_MEAN_METRIC(value)

const fire_metric fire_metric_log_cosh_error = {
    .name = "LogCoshError", .alias = "logcosh|log_cosh", .help = "logarithm of the hyperbolic cosine of differences", .history = "logcosh",
    .sums = fire_metric_two_sums, .add = mean_add, .result = fire_metric_ratio,
};
