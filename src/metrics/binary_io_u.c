/* binary_io_u - IoU of yes (1) and no (0), predictions above a threshold being yes. */
#include "metric.h"
#include <math.h>

typedef struct { fire_ints target_class_ids; double threshold; } iou_attrs;

#define AT(field) offsetof(iou_attrs, field)
static const fire_attr attrs[] = {
    {"target_class_ids", FIRE_ATTR_INTS, AT(target_class_ids), 0, 0, 1, "[0,1]", NULL, "answers whose mean is taken"},
    {"threshold", FIRE_ATTR_FLOAT, AT(threshold), 0.5, 0, 1, NULL, NULL, "a prediction from it on counts as 1"},
    {0},
};

static fire_status iou_check(const void *attrs_, const fire_shape *pred, fire_error *err) {
    if (((const iou_attrs *)attrs_)->target_class_ids.n == 0) return fire_fail(err, FIRE_E_ATTRIBUTE, "target_class_ids is empty; give 0, 1 or both");
    return FIRE_OK;
}

static int64_t iou_sums(const void *attrs_, const fire_shape *pred) { return 4; }

/* The confusion matrix. Targets that are neither do not count. */
static void iou_add(const void *attrs_, const fire_tensor *y_true, const fire_tensor *y_pred, const fire_weights *w, double *sums) {
    const iou_attrs *t = attrs_;
    for (int64_t i = 0, rows = fire_count(&y_pred->shape); i < rows; i++) {
        double a = trunc(fire_get(y_true, i));
        if (a == 0 || a == 1) sums[2 * (int64_t)a + (fire_get(y_pred, i) >= t->threshold)] += fire_metric_weight(w, y_pred, rows, i);
    }
}

static void iou_result(const void *attrs_, const fire_shape *pred, const double *sums, double *out) {
    *out = fire_overlap_mean(sums, 2, &((const iou_attrs *)attrs_)->target_class_ids);
}

const fire_metric fire_metric_binary_io_u = {
    .name = "BinaryIoU", .alias = "binary_io_u", .help = "intersection over union of yes-or-no answers",
    .attrs = attrs, .attr_size = sizeof(iou_attrs), .check = iou_check,
    .sums = iou_sums, .add = iou_add, .result = iou_result,
};
