/* metric_curve.c - counts at many thresholds in one pass: each row falls into the bin of the largest threshold that its prediction is above. */
#include "metric.h"
#include <math.h>

/* Sums: positives by bin [n], negatives by bin [n], and those below every threshold, positives and negatives. */
void fire_curve_add(const fire_curve *c, double y_true, double y_pred, bool narrow, double weight, double *sums) {
    double p = y_pred > 1 ? 1 : y_pred > 0 ? y_pred : 0; /* NaN counts as 0 */
    int64_t bin = -1;
    if (c->threshold) {
        int64_t low = 0, high = c->n; /* the number of thresholds below p */
        while (low < high) {
            int64_t mid = (low + high) / 2;
            if (c->threshold[mid] < p) low = mid + 1;
            else high = mid;
        }
        bin = low - 1;
    } else { /* what stands on a threshold belongs to the bin below; in the type of the predictions, as their owner would round */
        bin = (int64_t)(narrow ? (double)ceilf((float)p * (float)(c->n - 1)) : ceil(p * (double)(c->n - 1))) - 1;
        if (bin < 0 && c->all) bin = 0;
    }
    bool is = y_true != 0;
    if (bin < 0) sums[2 * c->n + (is ? 0 : 1)] += weight;
    else sums[(is ? 0 : c->n) + bin] += weight;
}

double fire_curve_best(const fire_curve *c, const double *sums, double (*held)(const fire_counts *), double (*wanted)(const fire_counts *), double least) {
    double all_p = sums[2 * c->n], all_n = sums[2 * c->n + 1], tp = 0, fp = 0, best = 0;
    for (int64_t i = 0; i < c->n; i++) all_p += sums[i], all_n += sums[c->n + i];
    for (int64_t i = c->n - 1; i >= 0; i--) {
        tp += sums[i];
        fp += sums[c->n + i];
        fire_counts at = {tp, fp, all_n - fp, all_p - tp};
        if (held(&at) >= least) best = fmax(best, wanted(&at));
    }
    return best;
}

fire_status fire_at_check(const fire_at_attrs *t, const char *least, const fire_shape *pred, fire_error *err) {
    if (t->least < 0) return fire_fail(err, FIRE_E_ATTRIBUTE, "%s is missing; give a number from 0 to 1", least);
    if (pred && t->class_id >= pred->dim[pred->rank - 1])
        return fire_fail(err, FIRE_E_ATTRIBUTE, "class_id is %lld, expected a number below %lld, the width of the output", (long long)t->class_id, (long long)pred->dim[pred->rank - 1]);
    return FIRE_OK;
}

int64_t fire_at_sums(const void *attrs_, const fire_shape *pred) { return 2 * ((const fire_at_attrs *)attrs_)->num_thresholds + 2; }

void fire_at_add(const void *attrs_, const fire_tensor *y_true, const fire_tensor *y_pred, const fire_weights *w, double *sums) {
    const fire_at_attrs *t = attrs_;
    fire_curve c = {.n = t->num_thresholds};
    int64_t width, rows = fire_metric_rows(y_pred, &width), from = t->class_id >= 0 ? t->class_id : 0, to = t->class_id >= 0 ? from + 1 : width;
    for (int64_t r = 0; r < rows; r++) {
        double weight = fire_metric_weight(w, y_pred, rows, r);
        for (int64_t i = r * width + from; i < r * width + to && weight != 0; i++)
            fire_curve_add(&c, fire_get(y_true, i), fire_get(y_pred, i), y_pred->type == FIRE_F32, weight, sums);
    }
}
