/* sparse_categorical_accuracy - share of rows whose largest prediction is that of the class told. */
#include "metric.h"
#include <math.h>

static double value(const void *attrs_, const fire_row *r) {
    return fire_get(r->y_true, r->index) == (double)fire_argmax(r->y_pred, r->at, r->width);
}
FIRE_MEAN_METRIC(value)

const fire_metric fire_metric_sparse_categorical_accuracy = {
    .name = "SparseCategoricalAccuracy", .alias = "sparse_categorical_accuracy", .help = "share of right classes, for class numbers", .class_index = true,
    .sums = fire_metric_two_sums, .add = mean_add, .result = fire_metric_ratio,
};
