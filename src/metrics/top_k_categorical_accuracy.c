/* top_k_categorical_accuracy - share of rows in which the largest target is among the k largest predictions; ties are. */
#include "metric.h"

static double value(const void *attrs_, const fire_row *r) {
    int64_t c = fire_argmax(r->y_true, r->at, r->width);
    return fire_row_in_top(r, c, ((const fire_top_attrs *)attrs_)->k);
}
FIRE_MEAN_METRIC(value)

const fire_metric fire_metric_top_k_categorical_accuracy = {
    .name = "TopKCategoricalAccuracy", .alias = "top_k_categorical_accuracy", .help = "share of classes among the best k, for one-hot targets",
    .attrs = fire_top_table, .attr_size = sizeof(fire_top_attrs),
    .sums = fire_metric_two_sums, .add = mean_add, .result = fire_metric_ratio,
};
