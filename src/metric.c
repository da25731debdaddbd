/* metric.c - the table of metrics, means over rows, and what several metrics ask of a row. */
#include "metric.h"
#include "loss.h"
#include <math.h>
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

int64_t fire_metric_rows(const fire_tensor *y_pred, int64_t *width) {
    const fire_shape *s = &y_pred->shape;
    *width = s->dim[s->rank - 1];
    int64_t rows = 1;
    for (int d = 0; d + 1 < s->rank; d++) rows *= s->dim[d];
    return rows;
}

/* One number of t [n, ...] for row `row` of `rows`: the first dimensions of both are the same. */
static double spread(const fire_tensor *t, int64_t rows, int64_t row) {
    int64_t n = fire_count(&t->shape);
    return n >= rows ? fire_get(t, row * (n / rows)) : fire_get(t, row / (rows / n));
}
double fire_metric_weight(const fire_weights *w, const fire_tensor *y_pred, int64_t rows, int64_t row) {
    double weight = w->row.data ? spread(&w->row, rows, row) : 1;
    return w->mask.data && fire_count(&w->mask.shape) <= rows ? weight * spread(&w->mask, rows, row) : weight;
}

int64_t fire_metric_two_sums(const void *attrs, const fire_shape *pred) { return 2; }
void fire_metric_ratio(const void *attrs, const fire_shape *pred, const double *sums, double *out) { *out = fire_ratio(sums[0], sums[1]); }

void fire_metric_mean(const void *attrs, int64_t axis, double (*value)(const void *attrs, const fire_row *r), const fire_tensor *y_true, const fire_tensor *y_pred,
                      const fire_weights *w, double *sums) {
    const fire_shape *s = &y_pred->shape;
    int at = s->rank - 1;
    (void)fire_axis(axis, s->rank, &at, NULL);
    fire_row r = {.y_true = y_true, .y_pred = y_pred, .step = 1, .width = s->dim[at]};
    int64_t rows = 1;
    for (int d = 0; d < s->rank; d++)
        if (d != at) rows *= s->dim[d];
    for (int d = at + 1; d < s->rank; d++) r.step *= s->dim[d];
    for (; r.index < rows; r.index++) {
        double weight = fire_metric_weight(w, y_pred, rows, r.index);
        r.at = r.index / r.step * r.step * r.width + r.index % r.step;
        if (weight != 0) sums[0] += weight * value(attrs, &r);
        sums[1] += weight;
    }
}

fire_status fire_metric_axis(int64_t axis, const fire_shape *pred, fire_error *err) {
    int at = 1;
    fire_status s = pred ? fire_axis(axis, pred->rank + 1, &at, err) : FIRE_OK;
    return s ? s : at ? FIRE_OK : fire_fail(err, FIRE_E_ATTRIBUTE, "axis is the batch; give another dimension of the output");
}

double fire_row_square(const fire_row *r) {
    double sum = 0;
    for (int64_t k = 0; k < r->width; k++) {
        double d = fire_true(r, k) - fire_pred(r, k);
        sum += d * d;
    }
    return sum / (double)r->width;
}

double fire_row_log_sum(const fire_row *r) {
    double top = -INFINITY, sum = 0;
    for (int64_t k = 0; k < r->width; k++) top = fmax(top, fire_pred(r, k));
    for (int64_t k = 0; k < r->width; k++) sum += exp(fire_pred(r, k) - top);
    return top + log(sum);
}

const fire_attr fire_top_table[] = {
    {"k", FIRE_ATTR_INT, offsetof(fire_top_attrs, k), 5, 1, 1 << 24, NULL, NULL, "how many of the largest predictions are looked at"},
    {0},
};
double fire_row_in_top(const fire_row *r, int64_t c, int64_t k) {
    double p = fire_pred(r, c);
    if (!isfinite(p)) return 0;
    int64_t above = 0;
    for (int64_t i = 0; i < r->width; i++) above += fire_pred(r, i) > p;
    return above < k;
}
