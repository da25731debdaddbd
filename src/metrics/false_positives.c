/* false_positives - how many (by their weights) are predicted but not true, at one or several thresholds. */
#include "metric.h"

static void result(const void *attrs, const fire_shape *pred, const double *sums, double *out) {
    for (int64_t k = 0, n = fire_counts_thresholds(attrs, pred); k < n; k++) out[k] = sums[4 * k + FIRE_FP];
}

const fire_metric fire_metric_false_positives = {
    .name = "FalsePositives", .alias = "false_positives", .help = "how many are predicted but not true",
    .attrs = fire_thresholds_table, .attr_size = sizeof(fire_counts_attrs), .check = fire_counts_check,
    .sums = fire_counts_sums, .add = fire_counts_add, .results = fire_counts_thresholds, .result = result,
};
