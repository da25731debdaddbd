/* squared_hinge - mean of max(1 - y_true y_pred, 0)^2; y_true is -1 or 1, and 0 counts as -1. */
#include "metric.h"
#include <math.h>

static double value(const void *attrs_, const fire_row *r) {
    double sum = 0;
    for (int64_t k = 0; k < r->width; k++) {
        double t = fire_true(r, k), m = fmax(1 - (t == 0 ? -1 : t) * fire_pred(r, k), 0);
        sum += m * m;
    }
    return sum / (double)r->width;
}
FIRE_MEAN_METRIC(value)

const fire_metric fire_metric_squared_hinge = {
    .name = "SquaredHinge", .alias = "squared_hinge", .help = "for targets -1 and 1 (or 0 and 1)",
    .sums = fire_metric_two_sums, .add = mean_add, .result = fire_metric_ratio,
};
