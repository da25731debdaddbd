/* categorical_hinge - mean over rows of max(1 + the best score of another class - that of the right one, 0); y_true is one-hot. */
#include "metric.h"
#include <math.h>

static double value(const void *attrs_, const fire_row *r) {
    double right = 0, best = -INFINITY;
    for (int64_t k = 0; k < r->width; k++) {
        right += fire_true(r, k) * fire_pred(r, k);
        best = fmax(best, (1 - fire_true(r, k)) * fire_pred(r, k));
    }
    return fmax(best - right + 1, 0);
}
FIRE_MEAN_METRIC(value)

const fire_metric fire_metric_categorical_hinge = {
    .name = "CategoricalHinge", .alias = "categorical_hinge", .help = "margin between classes, for one-hot targets",
    .sums = fire_metric_two_sums, .add = mean_add, .result = fire_metric_ratio,
};
