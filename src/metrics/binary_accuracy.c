/* binary_accuracy - share of predictions on the side of the threshold that the target is on. */
#include "metric.h"

typedef struct { double threshold; } accuracy_attrs;

static const fire_attr attrs[] = {
    {"threshold", FIRE_ATTR_FLOAT, offsetof(accuracy_attrs, threshold), 0.5, 0, 1, NULL, NULL, "a prediction above it counts as 1"},
    {0},
};

static void accuracy_add(const void *attrs_, const fire_tensor *y_true, const fire_tensor *y_pred, const fire_tensor *w, double *sums) {
    const accuracy_attrs *t = attrs_;
    int64_t width, rows = fire_metric_rows(y_pred, &width);
    for (int64_t r = 0; r < rows; r++) {
        double right = 0, weight = fire_metric_weight(w, y_pred, rows, r);
        for (int64_t i = r * width; i < (r + 1) * width; i++) right += fire_get(y_true, i) == (fire_get(y_pred, i) > t->threshold);
        sums[0] += weight * right / (double)width;
        sums[1] += weight;
    }
}

const fire_metric fire_metric_binary_accuracy = {
    .name = "BinaryAccuracy", .alias = "binary_accuracy", .help = "share of yes-or-no answers that are right",
    .attrs = attrs, .attr_size = sizeof(accuracy_attrs), .sums = fire_metric_two_sums, .add = accuracy_add, .result = fire_metric_ratio,
};
