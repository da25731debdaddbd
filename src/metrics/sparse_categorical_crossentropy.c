/* sparse_categorical_crossentropy - mean over rows of -log p[y_true], y_true being class numbers. */
#include "metric.h"
#include <math.h>

typedef struct { bool from_logits; } scce_attrs;

static const fire_attr attrs[] = {
    {"from_logits", FIRE_ATTR_BOOL, offsetof(scce_attrs, from_logits), 0, 0, 1, NULL, NULL, "y_pred is what a softmax would see"},
    {0},
};

static double value(const void *attrs_, const fire_row *r) {
    int64_t c = (int64_t)fire_get(r->y_true, r->index);
    if (c < 0 || c >= r->width) return NAN;
    if (((const scce_attrs *)attrs_)->from_logits) return fire_row_log_sum(r) - fire_pred(r, c);
    double sum = 0; /* Keras: the softmax of the logarithm of what is cut */
    for (int64_t k = 0; k < r->width; k++) sum += fmin(fmax(fire_pred(r, k), 1e-7), 1 - 1e-7);
    return log(sum) - log(fmin(fmax(fire_pred(r, c), 1e-7), 1 - 1e-7));
}
FIRE_MEAN_METRIC(value)

const fire_metric fire_metric_sparse_categorical_crossentropy = {
    .name = "SparseCategoricalCrossentropy", .alias = "sparse_categorical_crossentropy", .help = "logarithmic loss, for class numbers", .class_index = true,
    .attrs = attrs, .attr_size = sizeof(scce_attrs),
    .sums = fire_metric_two_sums, .add = mean_add, .result = fire_metric_ratio,
};
