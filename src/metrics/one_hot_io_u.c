/* one_hot_io_u - IoU of some classes, for one-hot targets. */
#include "metric.h"
#include <math.h>

typedef struct { fire_ints target_class_ids; int64_t num_classes, ignore_class, axis; bool sparse_y_pred; } iou_attrs;

#define AT(field) offsetof(iou_attrs, field)
static const fire_attr attrs[] = {
    {"num_classes", FIRE_ATTR_INT, AT(num_classes), 0, 1, 1024, NULL, NULL, "number of classes; must be given"},
    {"target_class_ids", FIRE_ATTR_INTS, AT(target_class_ids), 0, 0, 1023, "[]", NULL, "classes whose mean is taken; must be given"},
    {"ignore_class", FIRE_ATTR_INT, AT(ignore_class), -9007199254740992.0, -2147483648.0, 2147483647.0, NULL, NULL, "true class whose rows do not count"},
    {"sparse_y_pred", FIRE_ATTR_BOOL, AT(sparse_y_pred), 0, 0, 1, NULL, NULL, "predictions are class numbers, else one number for each class"},
    {"axis", FIRE_ATTR_INT, AT(axis), -1, -1, -1, NULL, NULL, "dimension of the classes; the last"},
    {0},
};

static fire_status iou_check(const void *attrs_, const fire_shape *pred, fire_error *err) {
    const iou_attrs *t = attrs_;
    if (t->num_classes == 0) return fire_fail(err, FIRE_E_ATTRIBUTE, "num_classes is missing; give the number of classes");
    if (t->target_class_ids.n == 0) return fire_fail(err, FIRE_E_ATTRIBUTE, "target_class_ids is missing; give the classes whose mean is taken");
    for (int i = 0; i < t->target_class_ids.n; i++)
        if (t->target_class_ids.v[i] >= t->num_classes)
            return fire_fail(err, FIRE_E_ATTRIBUTE, "target_class_ids has %lld, expected numbers below %lld", (long long)t->target_class_ids.v[i], (long long)t->num_classes);
    if (t->sparse_y_pred) return fire_fail(err, FIRE_E_ATTRIBUTE, "sparse_y_pred is true, but predictions have the shape of the one-hot targets; leave it out");

    return FIRE_OK;
}
static int64_t classes_of(const void *attrs_, const fire_shape *pred) { return ((const iou_attrs *)attrs_)->num_classes; }

static int64_t iou_sums(const void *attrs_, const fire_shape *pred) { return classes_of(attrs_, pred) * classes_of(attrs_, pred); }

/* The confusion matrix: rows are true classes, columns predicted ones. Numbers that are no class do not count. */
static void iou_add(const void *attrs_, const fire_tensor *y_true, const fire_tensor *y_pred, const fire_weights *w, double *sums) {
    const iou_attrs *t = attrs_;
    int64_t n = classes_of(t, &y_pred->shape);
    int64_t width = 1, rows = false ? fire_count(&y_pred->shape) : fire_metric_rows(y_pred, &width);
    for (int64_t r = 0; r < rows; r++) {
        double a = false ? fire_get(y_true, r) : (double)fire_argmax(y_true, r * width, width);
        double b = false ? trunc(fire_get(y_pred, r)) : (double)fire_argmax(y_pred, r * width, width);
        if (!(trunc(a) >= 0 && a < (double)n && b >= 0 && b < (double)n) || a == (double)t->ignore_class) continue;
        sums[(int64_t)a * n + (int64_t)b] += fire_metric_weight(w, y_pred, rows, r);
    }
}

static void iou_result(const void *attrs_, const fire_shape *pred, const double *sums, double *out) {
    const iou_attrs *t = attrs_;
    int64_t n = classes_of(t, pred);
    double sum = 0, seen = 0;
    for (int64_t i = 0; i < t->target_class_ids.n; i++) {
        int64_t c = t->target_class_ids.v[i];
        double both = sums[c * n + c], either = -both;
        for (int64_t k = 0; k < n; k++) either += sums[c * n + k] + sums[k * n + c];
        if (either > 1e-9) sum += both / (either + 1e-7), seen++; /* classes that do not occur do not count */
    }
    *out = sum / (seen + 1e-7);
}

const fire_metric fire_metric_one_hot_io_u = {
    .name = "OneHotIoU", .alias = "one_hot_io_u", .help = "intersection over union of some classes, for one-hot targets",
    .attrs = attrs, .attr_size = sizeof(iou_attrs), .check = iou_check,
    .sums = iou_sums, .add = iou_add, .result = iou_result,
};
