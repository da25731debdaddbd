/* sparse_top_k_categorical_accuracy - share of rows whose class is among the k largest predictions; ties are. */
#include "metric.h"
#include <math.h>

typedef struct { int64_t k; } top_attrs;

static const fire_attr attrs[] = {
    {"k", FIRE_ATTR_INT, offsetof(top_attrs, k), 5, 1, 1 << 24, NULL, NULL, "how many of the largest predictions are looked at"},
    {0},
};

static double value(const void *attrs_, const fire_row *r) {
    int64_t c = (int64_t)fire_get(r->y_true, r->index);
    if (c < 0 || c >= r->width) return 0;
    double p = fire_pred(r, c);
    if (!isfinite(p)) return 0;
    int64_t above = 0;
    for (int64_t k = 0; k < r->width; k++) above += fire_pred(r, k) > p;
    return above < ((const top_attrs *)attrs_)->k;
}
FIRE_MEAN_METRIC(value)

const fire_metric fire_metric_sparse_top_k_categorical_accuracy = {
    .name = "SparseTopKCategoricalAccuracy", .alias = "sparse_top_k_categorical_accuracy", .help = "share of classes among the best k, for class numbers", .class_index = true,
    .attrs = attrs, .attr_size = sizeof(top_attrs),
    .sums = fire_metric_two_sums, .add = mean_add, .result = fire_metric_ratio,
};
