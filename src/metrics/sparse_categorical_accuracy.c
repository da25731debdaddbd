/* sparse_categorical_accuracy - share of rows whose largest prediction is that of the class told. */
#include "metric.h"

static void accuracy_add(const void *attrs, const fire_tensor *y_true, const fire_tensor *y_pred, const fire_tensor *w, double *sums) {
    int64_t width, rows = fire_metric_rows(y_pred, &width);
    for (int64_t r = 0; r < rows; r++) {
        double weight = fire_metric_weight(w, y_pred, rows, r);
        if (fire_get(y_true, r) == (double)fire_argmax(y_pred, r * width, width)) sums[0] += weight;
        sums[1] += weight;
    }
}

const fire_metric fire_metric_sparse_categorical_accuracy = {
    .name = "SparseCategoricalAccuracy", .alias = "sparse_categorical_accuracy", .help = "share of right classes, for class numbers", .class_index = true,
    .sums = fire_metric_two_sums, .add = accuracy_add, .result = fire_metric_ratio,
};
