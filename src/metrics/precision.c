/* precision - share of what is predicted that is true, at one or several thresholds; 0 where there is nothing. */
#include "metric.h"

static void result(const void *attrs, const fire_shape *pred, const double *sums, double *out) {
    for (int64_t k = 0, n = fire_counts_thresholds(attrs, pred); k < n; k++) out[k] = fire_ratio(sums[4 * k + FIRE_TP], sums[4 * k + FIRE_TP] + sums[4 * k + FIRE_FP]);
}

const fire_metric fire_metric_precision = {
    .name = "Precision", .alias = "precision", .help = "share of what is predicted that is true",
    .attrs = fire_precision_table, .attr_size = sizeof(fire_counts_attrs), .check = fire_counts_check,
    .sums = fire_counts_sums, .add = fire_counts_add, .results = fire_counts_thresholds, .result = result,
};
