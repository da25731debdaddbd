/* metric.c - the table of metrics. */
#include "metric.h"
#include "loss.h"
#include <string.h>

#define FIRE_METRIC(symbol) extern const fire_metric fire_metric_##symbol;
#include "metrics/metrics.def"
#undef FIRE_METRIC
const fire_metric *const fire_metrics[] = {
#define FIRE_METRIC(symbol) &fire_metric_##symbol,
#include "metrics/metrics.def"
#undef FIRE_METRIC
    NULL};

const fire_metric *fire_metric_find(const char *name, const fire_shape *pred, const fire_shape *target, bool class_index) {
    if (fire_same_word(name, "accuracy") || fire_same_word(name, "acc")) {
        if (!pred || !target) return NULL;
        bool one = pred->rank > 0 && pred->dim[pred->rank - 1] == 1;
        name = class_index ? "SparseCategoricalAccuracy" : one ? "BinaryAccuracy" : "CategoricalAccuracy";
    }
    for (const fire_metric *const *p = fire_metrics; *p; p++)
        if (fire_same_word((*p)->name, name) || fire_alias_has((*p)->alias, name)) return *p;
    return NULL;
}

int64_t fire_metric_two_sums(const void *attrs, const fire_shape *pred) { return 2; }
double fire_metric_ratio(const void *attrs, const double *sums) { return sums[1] > 0 ? sums[0] / sums[1] : 0; }
int64_t fire_metric_rows(const fire_tensor *y_pred, int64_t *width) {
    const fire_shape *s = &y_pred->shape;
    *width = s->dim[s->rank - 1];
    int64_t rows = 1;
    for (int d = 0; d + 1 < s->rank; d++) rows *= s->dim[d];
    return rows;
}
double fire_metric_weight(const fire_tensor *w, const fire_tensor *y_pred, int64_t rows, int64_t row) {
    return w->data ? fire_get(w, row / (rows / y_pred->shape.dim[0])) : 1;
}
