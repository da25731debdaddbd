/* metric_overlap - what metrics of intersection over union share: a class's rows that are of it and predicted as it / that are one or the other. */
#include "metric.h"
#include <math.h>

fire_status fire_overlap_check(const void *attrs_, const fire_shape *pred, fire_error *err) {
    const fire_overlap_attrs *t = attrs_;
    if (t->num_classes == 0) return fire_fail(err, FIRE_E_ATTRIBUTE, "num_classes is missing; give the number of classes");
    if (!t->sparse_y_true && t->sparse_y_pred)
        return fire_fail(err, FIRE_E_ATTRIBUTE, "predictions are class numbers, but targets are one-hot; give sparse_y_pred=false, too");
    return FIRE_OK;
}

fire_status fire_overlap_check_targets(const void *attrs_, const fire_shape *pred, fire_error *err) {
    const fire_overlap_attrs *t = attrs_;
    fire_status st = fire_overlap_check(t, pred, err);
    if (st) return st;
    if (t->target_class_ids.n == 0) return fire_fail(err, FIRE_E_ATTRIBUTE, "target_class_ids is missing; give the classes whose mean is taken");
    for (int i = 0; i < t->target_class_ids.n; i++)
        if (t->target_class_ids.v[i] >= t->num_classes)
            return fire_fail(err, FIRE_E_ATTRIBUTE, "target_class_ids has %lld, expected numbers below %lld", (long long)t->target_class_ids.v[i], (long long)t->num_classes);
    return FIRE_OK;
}

bool fire_overlap_takes_classes(const void *attrs_) {
    const fire_overlap_attrs *t = attrs_;
    return t->sparse_y_true && !t->sparse_y_pred;
}

int64_t fire_overlap_sums(const void *attrs_, const fire_shape *pred) {
    int64_t n = ((const fire_overlap_attrs *)attrs_)->num_classes;
    return n * n;
}

/* Numbers that are no class do not count. */
void fire_overlap_add(const void *attrs_, const fire_tensor *y_true, const fire_tensor *y_pred, const fire_weights *w, double *sums) {
    const fire_overlap_attrs *t = attrs_;
    int64_t n = t->num_classes, width = 1, rows = t->sparse_y_pred ? fire_count(&y_pred->shape) : fire_metric_rows(y_pred, &width);
    for (int64_t r = 0; r < rows; r++) {
        double a = t->sparse_y_true ? fire_get(y_true, r) : (double)fire_argmax(y_true, r * width, width);
        double b = t->sparse_y_pred ? trunc(fire_get(y_pred, r)) : (double)fire_argmax(y_pred, r * width, width);
        if (!(trunc(a) >= 0 && a < (double)n && b >= 0 && b < (double)n) || a == (double)t->ignore_class) continue;
        sums[(int64_t)a * n + (int64_t)b] += fire_metric_weight(w, y_pred, rows, r);
    }
}

double fire_overlap_mean(const double *sums, int64_t n, const fire_ints *classes) {
    double sum = 0, seen = 0;
    for (int64_t i = 0, count = classes ? classes->n : n; i < count; i++) {
        int64_t c = classes ? classes->v[i] : i;
        double both = sums[c * n + c], either = -both;
        for (int64_t k = 0; k < n; k++) either += sums[c * n + k] + sums[k * n + c];
        if (either > 1e-9) sum += both / (either + 1e-7), seen++;
    }
    return sum / (seen + 1e-7);
}

void fire_overlap_result(const void *attrs_, const fire_shape *pred, const double *sums, double *out) {
    const fire_overlap_attrs *t = attrs_;
    *out = fire_overlap_mean(sums, t->num_classes, t->target_class_ids.n ? &t->target_class_ids : NULL);
}
