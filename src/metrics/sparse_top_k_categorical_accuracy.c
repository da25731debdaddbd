/* sparse_top_k_categorical_accuracy - share of rows whose class is among the k largest predictions; ties are. */
#include "metric.h"

static double value(const void *attrs_, const fire_row *r) {
    int64_t c = (int64_t)fire_get(r->y_true, r->index);
    if (c < 0 || c >= r->width) return 0;
    return fire_row_in_top(r, c, ((const fire_top_attrs *)attrs_)->k);
}
FIRE_MEAN_METRIC(value)

const fire_metric fire_metric_sparse_top_k_categorical_accuracy = {
    .name = "SparseTopKCategoricalAccuracy", .alias = "sparse_top_k_categorical_accuracy", .help = "share of classes among the best k, for class numbers", .class_index = true,
    .attrs = fire_top_table, .attr_size = sizeof(fire_top_attrs),
    .sums = fire_metric_two_sums, .add = mean_add, .result = fire_metric_ratio,
};
