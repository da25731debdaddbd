/* top_k_categorical_accuracy - share of rows in which the largest target is among the k largest predictions; ties are. */
#include "metric.h"
#include <math.h>

typedef struct { int64_t k; } top_attrs;

static const fire_attr attrs[] = {
    {"k", FIRE_ATTR_INT, offsetof(top_attrs, k), 5, 1, 1 << 24, NULL, NULL, "how many of the largest predictions are looked at"},
    {0},
};

static double value(const void *attrs_, const fire_row *r) {
    int64_t c = fire_argmax(r->y_true, r->at, r->width);
    double p = fire_pred(r, c);
    if (!isfinite(p)) return 0;
    int64_t above = 0;
    for (int64_t k = 0; k < r->width; k++) above += fire_pred(r, k) > p;
    return above < ((const top_attrs *)attrs_)->k;
}
FIRE_MEAN_METRIC(value)

const fire_metric fire_metric_top_k_categorical_accuracy = {
    .name = "TopKCategoricalAccuracy", .alias = "top_k_categorical_accuracy", .help = "share of classes among the best k, for one-hot targets",
    .attrs = attrs, .attr_size = sizeof(top_attrs),
    .sums = fire_metric_two_sums, .add = mean_add, .result = fire_metric_ratio,
};
