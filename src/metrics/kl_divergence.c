/* kl_divergence - mean over rows of the sum of y_true log(y_true / y_pred); both are cut to [1e-7, 1]. */
#include "metric.h"
#include <math.h>

static double value(const void *attrs_, const fire_row *r) {
    double sum = 0;
    for (int64_t k = 0; k < r->width; k++) {
        double t = fmin(fmax(fire_true(r, k), 1e-7), 1), p = fmin(fmax(fire_pred(r, k), 1e-7), 1);
        sum += t * log(t / p);
    }
    return sum;
}
FIRE_MEAN_METRIC(value)

const fire_metric fire_metric_kl_divergence = {
    .name = "KLDivergence", .alias = "kl_divergence|kld|kullback_leibler_divergence", .help = "divergence of two distributions",
    .sums = fire_metric_two_sums, .add = mean_add, .result = fire_metric_ratio,
};
