/* recall - share of what is true that is predicted, at one or several thresholds; 0 where there is nothing. */
#include "metric.h"

static void result(const void *attrs, const fire_shape *pred, const double *sums, double *out) {
    for (int64_t k = 0, n = fire_counts_thresholds(attrs, pred); k < n; k++) out[k] = fire_ratio(sums[4 * k + FIRE_TP], sums[4 * k + FIRE_TP] + sums[4 * k + FIRE_FN]);
}

const fire_metric fire_metric_recall = {
    .name = "Recall", .alias = "recall", .help = "share of what is true that is predicted",
    .attrs = fire_precision_table, .attr_size = sizeof(fire_counts_attrs), .check = fire_counts_check,
    .sums = fire_counts_sums, .add = fire_counts_add, .results = fire_counts_thresholds, .result = result,
};
