/* metric.h - what a metric file sees: one per file in src/metrics/, one line in metrics.def. The state is an array of sums, so
** shards and workers add theirs and the result is exact. Names and meanings are Keras 3's. */
#ifndef FIRE_METRIC_H
#define FIRE_METRIC_H
#include "op.h"

typedef struct fire_metric {
    const char *name;        /* Keras' class: "SparseCategoricalAccuracy" */
    const char *alias;       /* history and compile names, separated by '|': "mean_squared_error|mse" */
    const char *help;
    const fire_attr *attrs;
    size_t attr_size;
    bool class_index;        /* y_true holds class numbers: the shape of y_pred without its last dimension; else shapes are equal */
    /* Number of sums for predictions of this shape (without batch). */
    int64_t (*sums)(const void *attrs, const fire_shape *pred);
    /* Add rows: y_true as the loss takes it, y_pred [n, ...]; w [n], row weights, data NULL: all 1. */
    void (*add)(const void *attrs, const fire_tensor *y_true, const fire_tensor *y_pred, const fire_tensor *w, double *sums);
    double (*result)(const void *attrs, const double *sums);
} fire_metric;
extern const fire_metric *const fire_metrics[];
/* fire_metric_find - by name or alias. "accuracy" (and "acc") becomes the binary, categorical or sparse one that fits the shapes of
** predictions and targets (without batch), as in Keras; NULL without shapes. */
const fire_metric *fire_metric_find(const char *name, const fire_shape *pred, const fire_shape *target, bool class_index);

/* Shared by metric files that are a mean: sums[0] holds weighted values, sums[1] weights. */
int64_t fire_metric_two_sums(const void *attrs, const fire_shape *pred);
double fire_metric_ratio(const void *attrs, const double *sums);
/* Predictions [n, ..., width] as rows of `width`; the weight of such a row is that of its n. */
int64_t fire_metric_rows(const fire_tensor *y_pred, int64_t *width);
double fire_metric_weight(const fire_tensor *w, const fire_tensor *y_pred, int64_t rows, int64_t row);
/* fire_argmax - index of the largest of `width` numbers from t[first]; the first of equals. */
static inline int64_t fire_argmax(const fire_tensor *t, int64_t first, int64_t width) {
    int64_t best = 0;
    for (int64_t i = 1; i < width; i++)
        if (fire_get(t, first + i) > fire_get(t, first + best)) best = i;
    return best;
}
#endif
