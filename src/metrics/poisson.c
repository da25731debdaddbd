/* poisson - mean of y_pred - y_true log(y_pred + 1e-7). */
#include "metric.h"
#include <math.h>

static double value(const void *attrs_, const fire_row *r) {
    double sum = 0;
    for (int64_t k = 0; k < r->width; k++) {
        sum += fire_pred(r, k) - fire_true(r, k) * log(fire_pred(r, k) + 1e-7);
    }
    return sum / (double)r->width;
}
FIRE_MEAN_METRIC(value)

const fire_metric fire_metric_poisson = {
    .name = "Poisson", .alias = "poisson", .help = "for counts; y_pred is the expected one",
    .sums = fire_metric_two_sums, .add = mean_add, .result = fire_metric_ratio,
};
