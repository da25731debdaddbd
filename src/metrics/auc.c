/* auc - the area under a curve of many thresholds: ROC (true over false positive rate), PR (precision over recall) or PRGAIN; Keras' thresholds
** and its ways of summing. */
#include "metric.h"
#include <math.h>
#include <string.h>

enum { MOST = 1000000 }; /* thresholds */

typedef struct {
    fire_floats thresholds, label_weights;
    fire_attr_text curve, summation_method;
    int64_t num_thresholds, num_labels;
    bool multi_label, from_logits;
} auc_attrs;

#define AT(field) offsetof(auc_attrs, field)
static const fire_attr attrs[] = {
    {"num_thresholds", FIRE_ATTR_INT, AT(num_thresholds), 200, 2, MOST, NULL, NULL, "thresholds from 0 to 1, evenly spread"},
    {"curve", FIRE_ATTR_TEXT, AT(curve), 0, 0, 0, "ROC", "ROC|PR|PRGAIN", "which curve"},
    {"summation_method", FIRE_ATTR_TEXT, AT(summation_method), 0, 0, 0, "interpolation", "interpolation|minoring|majoring", "height between two thresholds"},
    {"thresholds", FIRE_ATTR_FLOATS, AT(thresholds), 0, 0, 1, "[]", NULL, "thresholds in place of the evenly spread ones, to which 0 and 1 are added"},
    {"multi_label", FIRE_ATTR_BOOL, AT(multi_label), 0, 0, 1, NULL, NULL, "an area for each column, of which the mean is taken"},
    {"num_labels", FIRE_ATTR_INT, AT(num_labels), 0, 1, 1 << 24, NULL, NULL, "columns of the output; it is known anyway"},
    {"label_weights", FIRE_ATTR_FLOATS, AT(label_weights), 0, 0, 1e300, "[]", NULL, "weight of each column"},
    {"from_logits", FIRE_ATTR_BOOL, AT(from_logits), 0, 0, 1, NULL, NULL, "y_pred is what a sigmoid would see"},
    {0},
};

static int64_t labels_of(const auc_attrs *t, const fire_shape *pred) { return t->multi_label ? pred->dim[pred->rank - 1] : 1; }

static fire_status auc_check(const void *attrs_, const fire_shape *pred, fire_error *err) {
    const auc_attrs *t = attrs_;
    int64_t width = pred ? pred->dim[pred->rank - 1] : 0;
    if (!pred) return FIRE_OK;
    if (t->num_labels && t->multi_label && t->num_labels != width)
        return fire_fail(err, FIRE_E_ATTRIBUTE, "num_labels is %lld, but the output is %lld wide", (long long)t->num_labels, (long long)width);
    if (t->label_weights.n && t->label_weights.n != width)
        return fire_fail(err, FIRE_E_ATTRIBUTE, "label_weights has %d numbers, expected %lld, the width of the output", (int)t->label_weights.n, (long long)width);
    return FIRE_OK;
}

/* Thresholds of the curve; given ones sorted into room[66]. */
static fire_curve curve_of(const auc_attrs *t, double room[66]) {
    int n = t->thresholds.n;
    if (!n) return (fire_curve){.n = t->num_thresholds, .all = true};
    room[0] = -1e-7;
    for (int i = 0; i < n; i++) {
        int at = i + 1;
        for (; at > 1 && room[at - 1] > t->thresholds.v[i]; at--) room[at] = room[at - 1];
        room[at] = t->thresholds.v[i];
    }
    room[n + 1] = 1 + 1e-7;
    return (fire_curve){.n = n + 2, .threshold = room};
}

static int64_t auc_sums(const void *attrs_, const fire_shape *pred) {
    const auc_attrs *t = attrs_;
    return labels_of(t, pred) * (2 * (t->thresholds.n ? t->thresholds.n + 2 : t->num_thresholds) + 2);
}

static void auc_add(const void *attrs_, const fire_tensor *y_true, const fire_tensor *y_pred, const fire_weights *w, double *sums) {
    const auc_attrs *t = attrs_;
    double room[66];
    fire_curve c = curve_of(t, room);
    int64_t width, rows = fire_metric_rows(y_pred, &width);
    for (int64_t r = 0; r < rows; r++) {
        double weight = fire_metric_weight(w, y_pred, rows, r);
        for (int64_t k = 0; k < width && weight != 0; k++) {
            double p = fire_get(y_pred, r * width + k), factor = t->label_weights.n && !t->multi_label ? t->label_weights.v[k] : 1;
            if (t->from_logits) p = p >= 0 ? 1 / (1 + exp(-p)) : exp(p) / (1 + exp(p));
            fire_curve_add(&c, fire_get(y_true, r * width + k), p, y_pred->type == FIRE_F32, weight * factor, sums + (t->multi_label ? k : 0) * (2 * c.n + 2));
        }
    }
}

/* Precision between two points is not a line: the number of true among the predicted is (Davis and Goadrich 2006). */
static double pr_area(const fire_counts *low, const fire_counts *high) {
    double dtp = low->tp - high->tp, p0 = low->tp + low->fp, p1 = high->tp + high->fp;
    double slope = fire_ratio(dtp, fmax(p0 - p1, 0)), intercept = high->tp - slope * p1, log_ratio = p0 > 0 && p1 > 0 ? log(p0 / p1) : 0;
    return fire_ratio(slope * (dtp + intercept * log_ratio), fmax(high->tp + high->fn, 0));
}

/* A point of the curve. */
static void point(const auc_attrs *t, const fire_counts *c, double *x, double *y) {
    double recall = fire_ratio(c->tp, c->tp + c->fn);
    if (!strcmp(t->curve, "ROC")) *x = fire_ratio(c->fp, c->fp + c->tn), *y = recall;
    else if (!strcmp(t->curve, "PR")) *x = recall, *y = fire_ratio(c->tp, c->tp + c->fp);
    else {
        double scale = fire_ratio(c->tp + c->fn, c->tn + c->fp);
        *x = c->tp == 0 ? 0 : fmax(1 - scale * fire_ratio(c->fn, c->tp), 0);
        *y = c->tp == 0 ? 1 : 1 - scale * fire_ratio(c->fp, c->tp);
    }
}

static double area_of(const auc_attrs *t, const fire_curve *curve, const double *sums) {
    fire_counts c[2] = {0};
    const char *way = t->summation_method;
    bool pr = !strcmp(t->curve, "PR") && *way == 'i';
    double all_p = sums[2 * curve->n], all_n = sums[2 * curve->n + 1], tp = 0, fp = 0, area = 0, x0, y0, x1, y1;
    for (int64_t i = 0; i < curve->n; i++) all_p += sums[i], all_n += sums[curve->n + i];
    for (int64_t i = curve->n - 1; i >= 0; i--) { /* from the highest threshold down; c[1] is the one above c[0] */
        tp += sums[i];
        fp += sums[curve->n + i];
        c[1] = c[0];
        c[0] = (fire_counts){tp, fp, all_n - fp, all_p - tp};
        if (i == curve->n - 1) continue;
        if (pr) {
            area += pr_area(&c[0], &c[1]);
            continue;
        }
        point(t, &c[0], &x0, &y0);
        point(t, &c[1], &x1, &y1);
        area += (x0 - x1) * (*way == 'i' ? (y0 + y1) / 2 : way[1] == 'i' ? fmin(y0, y1) : fmax(y0, y1));
    }
    return area;
}

static void auc_result(const void *attrs_, const fire_shape *pred, const double *sums, double *out) {
    const auc_attrs *t = attrs_;
    double room[66], area = 0, total = 0;
    fire_curve c = curve_of(t, room);
    for (int64_t k = 0, n = labels_of(t, pred); k < n; k++) {
        double weight = t->multi_label && t->label_weights.n ? t->label_weights.v[k] : 1;
        area += weight * area_of(t, &c, sums + k * (2 * c.n + 2));
        total += weight;
    }
    *out = fire_ratio(area, total);
}

const fire_metric fire_metric_auc = {
    .name = "AUC", .alias = "auc", .help = "area under the ROC or the precision-recall curve",
    .attrs = attrs, .attr_size = sizeof(auc_attrs), .check = auc_check, .sums = auc_sums, .add = auc_add, .result = auc_result,
};
