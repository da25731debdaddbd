/* categorical_crossentropy - mean over rows of -sum(y_true log p), p being y_pred divided by its sum along an axis. */
#include "metric.h"
#include <math.h>

typedef struct { double label_smoothing; int64_t axis; bool from_logits; } cce_attrs;

#define AT(field) offsetof(cce_attrs, field)
static const fire_attr attrs[] = {
    {"from_logits", FIRE_ATTR_BOOL, AT(from_logits), 0, 0, 1, NULL, NULL, "y_pred is what a softmax would see"},
    {"label_smoothing", FIRE_ATTR_FLOAT, AT(label_smoothing), 0, 0, 1, NULL, NULL, "share of y_true spread evenly over the classes"},
    {"axis", FIRE_ATTR_INT, AT(axis), -1, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, NULL, NULL, "dimension of the classes, counted with the batch"},
    {0},
};

static double value(const void *attrs_, const fire_row *r) {
    const cce_attrs *t = attrs_;
    double sum = 0, total = 0, log_total = t->from_logits ? fire_row_log_sum(r) : 0;
    for (int64_t k = 0; k < r->width; k++) total += fire_pred(r, k);
    for (int64_t k = 0; k < r->width; k++) {
        double y = fire_true(r, k) * (1 - t->label_smoothing) + t->label_smoothing / (double)r->width;
        sum -= y * (t->from_logits ? fire_pred(r, k) - log_total : log(fmin(fmax(fire_pred(r, k) / total, 1e-7), 1 - 1e-7)));
    }
    return sum;
}
static void mean_add(const void *attrs_, const fire_tensor *y_true, const fire_tensor *y_pred, const fire_weights *w, double *sums) {
    fire_metric_mean(attrs_, ((const cce_attrs *)attrs_)->axis, value, y_true, y_pred, w, sums);
}
static fire_status mean_check(const void *attrs_, const fire_shape *pred, fire_error *err) { return fire_metric_axis(((const cce_attrs *)attrs_)->axis, pred, err); }

const fire_metric fire_metric_categorical_crossentropy = {
    .name = "CategoricalCrossentropy", .alias = "categorical_crossentropy", .help = "logarithmic loss, for one-hot targets",
    .attrs = attrs, .attr_size = sizeof(cce_attrs),
    .check = mean_check,
    .sums = fire_metric_two_sums, .add = mean_add, .result = fire_metric_ratio,
};
