/* true_negatives - how many (by their weights) are neither predicted nor true, at one or several thresholds. */
#include "metric.h"

static void result(const void *attrs, const fire_shape *pred, const double *sums, double *out) {
    for (int64_t k = 0, n = fire_counts_thresholds(attrs, pred); k < n; k++) out[k] = sums[4 * k + FIRE_TN];
}

const fire_metric fire_metric_true_negatives = {
    .name = "TrueNegatives", .alias = "true_negatives", .help = "how many are neither predicted nor true",
    .attrs = fire_thresholds_table, .attr_size = sizeof(fire_counts_attrs), .check = fire_counts_check,
    .sums = fire_counts_sums, .add = fire_counts_add, .results = fire_counts_thresholds, .result = result,
};
