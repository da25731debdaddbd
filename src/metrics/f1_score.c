/* f1_score - the harmonic mean of precision and recall, of each class; the predicted class is the largest prediction, or all above a threshold are. */
#include "metric.h"
#include <math.h>

typedef struct { char average[FIRE_ATTR_TEXT_SIZE]; double threshold; } f_attrs;

#define AT(field) offsetof(f_attrs, field)
static const fire_attr attrs[] = {
    {"average", FIRE_ATTR_TEXT, AT(average), 0, 0, 0, "none", "none|micro|macro|weighted", "none: a result for each class; micro: of all counts; macro: mean of classes; weighted: by their rows"},
    {"threshold", FIRE_ATTR_FLOAT, AT(threshold), -1, 0, 1, NULL, NULL, "what is above it is predicted; without it the largest is"},
    {0},
};

static int64_t width_of(const fire_shape *pred) { return pred->dim[pred->rank - 1]; }
static int64_t f_results(const void *attrs_, const fire_shape *pred) { return *((const f_attrs *)attrs_)->average == 'n' ? width_of(pred) : 1; }
static int64_t f_sums(const void *attrs_, const fire_shape *pred) { return 4 * width_of(pred); }

/* For each class true positives, false positives, false negatives, and how often it is true. */
static void f_add(const void *attrs_, const fire_tensor *y_true, const fire_tensor *y_pred, const fire_weights *w, double *sums) {
    const f_attrs *t = attrs_;
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

static double score(const f_attrs *t, double tp, double fp, double fn) {
    double precision = tp / (tp + fp + 1e-7), recall = tp / (tp + fn + 1e-7), b = 1;
    return (1 + b) * precision * recall / (b * precision + recall + 1e-7);
}

static void f_result(const void *attrs_, const fire_shape *pred, const double *sums, double *out) {
    const f_attrs *t = attrs_;
    int64_t n = width_of(pred);
    double all[4] = {0}, mean = 0;
    for (int64_t k = 0; k < 4 * n; k++) all[k % 4] += sums[k];
    for (int64_t k = 0; k < n; k++) {
        double f = score(t, sums[4 * k], sums[4 * k + 1], sums[4 * k + 2]);
        if (*t->average == 'n') out[k] = f;
        mean += *t->average == 'w' ? f * sums[4 * k + 3] / (all[3] + 1e-7) : f / (double)n;
    }
    if (*t->average == 'n') return;
    *out = t->average[1] == 'i' ? score(t, all[0], all[1], all[2]) : mean;
}

const fire_metric fire_metric_f1_score = {
    .name = "F1Score", .alias = "f1_score|f1", .help = "harmonic mean of precision and recall",
    .attrs = attrs, .attr_size = sizeof(f_attrs), .sums = f_sums, .add = f_add, .results = f_results, .result = f_result,
};
