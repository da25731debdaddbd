/* metric.h - what a metric file sees: one per file in src/metrics/, one line in metrics.def. The state is an array of sums, so
** shards and workers add theirs and the result is exact. Names and meanings are Keras 3's. */
#ifndef FIRE_METRIC_H
#define FIRE_METRIC_H
#include "graph.h"

typedef struct fire_metric {
    const char *name;        /* Keras' class: "SparseCategoricalAccuracy" */
    const char *alias;       /* history name and compile name: "sparse_categorical_accuracy", "mae" */
    const char *help;
    const fire_attr *attrs;
    size_t attr_size;
    /* Number of sums for predictions of this shape (without batch). */
    int64_t (*sums)(const void *attrs, const fire_shape *pred);
    /* Add rows: y_true as the loss takes it, y_pred [n, ...]; w [n], row weights, data NULL: all 1. */
    void (*add)(const void *attrs, const fire_tensor *y_true, const fire_tensor *y_pred, const fire_tensor *w, double *sums);
    double (*result)(const void *attrs, const double *sums);
} fire_metric;
extern const fire_metric *const fire_metrics[];
/* fire_metric_find - by name or alias. "accuracy" (and "acc") becomes the binary, categorical or sparse one that fits the shapes of
** predictions and targets (without batch), as in Keras. */
const fire_metric *fire_metric_find(const char *name, const fire_shape *pred, const fire_shape *target, bool class_index);
#endif
