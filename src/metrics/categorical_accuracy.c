/* categorical_accuracy - share of rows whose largest prediction is where the largest target is. */
#include "metric.h"
#include <math.h>

static double value(const void *attrs_, const fire_row *r) {
    return fire_argmax(r->y_true, r->at, r->width) == fire_argmax(r->y_pred, r->at, r->width);
}
FIRE_MEAN_METRIC(value)

const fire_metric fire_metric_categorical_accuracy = {
    .name = "CategoricalAccuracy", .alias = "categorical_accuracy", .help = "share of right classes, for one-hot targets",
    .sums = fire_metric_two_sums, .add = mean_add, .result = fire_metric_ratio,
};
