/* metric_counts.c - true and false positives and negatives above thresholds. */
#include "metric.h"
#include <math.h>

#define AT(field) offsetof(fire_counts_attrs, field)
#define THRESHOLDS {"thresholds", FIRE_ATTR_FLOATS, AT(thresholds), 0, 0, 1, "[]", NULL, "a prediction above it counts as 1: one number (0.5 without) or several, for as many results"}
const fire_attr fire_thresholds_table[] = {THRESHOLDS, {0}};
const fire_attr fire_precision_table[] = {
    THRESHOLDS,
    {"top_k", FIRE_ATTR_INT, AT(top_k), -1, 1, 1 << 24, NULL, NULL, "only the k largest predictions of a row count as 1"},
    {"class_id", FIRE_ATTR_INT, AT(class_id), -1, 0, 1 << 24, NULL, NULL, "look at this class alone"},
    {0},
};

/* The table of thresholds alone leaves the others zero: top_k 0 and class_id 0 would mean something, top_k tells them apart. */
static bool has_class(const fire_counts_attrs *t) { return t->top_k != 0 && t->class_id >= 0; }

fire_status fire_counts_check(const void *attrs, const fire_shape *pred, fire_error *err) {
    const fire_counts_attrs *t = attrs;
    int64_t width = pred && pred->rank ? pred->dim[pred->rank - 1] : 0;
    if (!pred || !t->top_k) return FIRE_OK;
    if (t->class_id >= width) return fire_fail(err, FIRE_E_ATTRIBUTE, "class_id is %lld, expected a number below %lld, the width of the output", (long long)t->class_id, (long long)width);
    if (t->top_k > width) return fire_fail(err, FIRE_E_ATTRIBUTE, "top_k is %lld, expected at most %lld, the width of the output", (long long)t->top_k, (long long)width);
    return FIRE_OK;
}
int64_t fire_counts_thresholds(const void *attrs, const fire_shape *pred) {
    const fire_counts_attrs *t = attrs;
    return t->thresholds.n ? t->thresholds.n : 1;
}
int64_t fire_counts_sums(const void *attrs, const fire_shape *pred) { return 4 * fire_counts_thresholds(attrs, pred); }

/* Whether number i is one of the k largest of a row; of equals the first ones are. */
static bool among(const fire_tensor *p, int64_t first, int64_t width, int64_t i, int64_t k) {
    double x = fire_get(p, i);
    int64_t before = 0;
    for (int64_t j = first; j < first + width && before < k; j++) before += fire_get(p, j) > x || (fire_get(p, j) == x && j < i);
    return before < k;
}

void fire_counts_add(const void *attrs, const fire_tensor *y_true, const fire_tensor *y_pred, const fire_weights *w, double *sums) {
    const fire_counts_attrs *t = attrs;
    int64_t width, rows = fire_metric_rows(y_pred, &width), n = fire_counts_thresholds(attrs, NULL);
    int64_t from = has_class(t) ? t->class_id : 0, to = has_class(t) ? from + 1 : width;
    for (int64_t r = 0; r < rows; r++) {
        double weight = fire_metric_weight(w, y_pred, rows, r);
        for (int64_t i = r * width + from; i < r * width + to && weight != 0; i++) {
            double p = fire_get(y_pred, i);
            bool is = fire_get(y_true, i) != 0, in = t->top_k <= 0 || among(y_pred, r * width, width, i, t->top_k);
            for (int64_t k = 0; k < n; k++) {
                double threshold = t->thresholds.n ? t->thresholds.v[k] : t->top_k > 0 ? -INFINITY : 0.5;
                bool said = in && p > threshold;
                sums[4 * k + (said ? (is ? FIRE_TP : FIRE_FP) : is ? FIRE_FN : FIRE_TN)] += weight;
            }
        }
    }
}

/* F scores. */
static int64_t width_of(const fire_shape *pred) { return pred->dim[pred->rank - 1]; }
int64_t fire_f_results(const void *attrs_, const fire_shape *pred) { return *((const fire_f_attrs *)attrs_)->average == 'n' ? width_of(pred) : 1; }
int64_t fire_f_sums(const void *attrs_, const fire_shape *pred) { return 4 * width_of(pred); }

/* For each class true positives, false positives, false negatives, and how often it is true. */
void fire_f_add(const void *attrs_, const fire_tensor *y_true, const fire_tensor *y_pred, const fire_weights *w, double *sums) {
    const fire_f_attrs *t = attrs_;
    int64_t width, rows = fire_metric_rows(y_pred, &width);
    for (int64_t r = 0; r < rows; r++) {
        double weight = fire_metric_weight(w, y_pred, rows, r), top = t->threshold >= 0 ? t->threshold : fire_get(y_pred, r * width + fire_argmax(y_pred, r * width, width));
        for (int64_t k = 0; k < width && weight != 0; k++) {
            double y = fire_get(y_true, r * width + k), p = fire_get(y_pred, r * width + k);
            double said = t->threshold >= 0 ? p > top : p >= top && fabs(p) > 1e-9; /* a row of zeros predicts nothing */
            sums[4 * k] += weight * said * y;
            sums[4 * k + 1] += weight * said * (1 - y);
            sums[4 * k + 2] += weight * (1 - said) * y;
            sums[4 * k + 3] += weight * y;
        }
    }
}

static double score(double beta, double tp, double fp, double fn) {
    double precision = tp / (tp + fp + 1e-7), recall = tp / (tp + fn + 1e-7), b = beta * beta;
    return (1 + b) * precision * recall / (b * precision + recall + 1e-7);
}

void fire_f_score(const fire_f_attrs *t, double beta, const fire_shape *pred, const double *sums, double *out) {
    int64_t n = width_of(pred);
    double all[4] = {0}, mean = 0;
    for (int64_t k = 0; k < 4 * n; k++) all[k % 4] += sums[k];
    for (int64_t k = 0; k < n; k++) {
        double f = score(beta, sums[4 * k], sums[4 * k + 1], sums[4 * k + 2]);
        if (*t->average == 'n') out[k] = f;
        mean += *t->average == 'w' ? f * sums[4 * k + 3] / (all[3] + 1e-7) : f / (double)n;
    }
    if (*t->average == 'n') return;
    *out = t->average[1] == 'i' ? score(beta, all[0], all[1], all[2]) : mean;
}
