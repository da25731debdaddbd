/* binary_accuracy - share of predictions on the side of the threshold that the target is on. */
#include "metric.h"
#include <math.h>

typedef struct { double threshold; } accuracy_attrs;

static const fire_attr attrs[] = {
    {"threshold", FIRE_ATTR_FLOAT, offsetof(accuracy_attrs, threshold), 0.5, 0, 1, NULL, NULL, "a prediction above it counts as 1"},
    {0},
};

static double value(const void *attrs_, const fire_row *r) {
    double sum = 0;
    for (int64_t k = 0; k < r->width; k++) {
        sum += fire_true(r, k) == (fire_pred(r, k) > ((const accuracy_attrs *)attrs_)->threshold);
    }
    return sum / (double)r->width;
}
FIRE_MEAN_METRIC(value)

const fire_metric fire_metric_binary_accuracy = {
    .name = "BinaryAccuracy", .alias = "binary_accuracy", .help = "share of yes-or-no answers that are right",
    .attrs = attrs, .attr_size = sizeof(accuracy_attrs),
    .sums = fire_metric_two_sums, .add = mean_add, .result = fire_metric_ratio,
};
