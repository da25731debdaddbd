/* confusion_matrix - how many rows (by their weights) of each class are predicted as each class: result a * classes + b for true class a and predicted
** class b. Targets are class numbers; with one_hot, one number for each class. One output is yes or no, by a threshold. */
#include "metric.h"

typedef struct { double threshold; bool one_hot; } confusion_attrs;

#define AT(field) offsetof(confusion_attrs, field)
static const fire_attr attrs[] = {
    {"one_hot", FIRE_ATTR_BOOL, AT(one_hot), 0, 0, 1, NULL, NULL, "targets have one number for each class (or one in all)"},
    {"threshold", FIRE_ATTR_FLOAT, AT(threshold), 0.5, 0, 1, NULL, NULL, "of one output: a prediction above it is class 1"},
    {0},
};

static int64_t classes_of(const fire_shape *pred) { return pred->dim[pred->rank - 1] > 1 ? pred->dim[pred->rank - 1] : 2; }
static int64_t confusion_sums(const void *attrs_, const fire_shape *pred) { return classes_of(pred) * classes_of(pred); }
static bool takes_classes(const void *attrs_) { return !((const confusion_attrs *)attrs_)->one_hot; }

static void confusion_add(const void *attrs_, const fire_tensor *y_true, const fire_tensor *y_pred, const fire_weights *w, double *sums) {
    const confusion_attrs *t = attrs_;
    int64_t width, rows = fire_metric_rows(y_pred, &width), n = classes_of(&y_pred->shape);
    for (int64_t r = 0; r < rows; r++) {
        int64_t b = width > 1 ? fire_argmax(y_pred, r * width, width) : fire_get(y_pred, r) > t->threshold;
        double a = t->one_hot && width > 1 ? (double)fire_argmax(y_true, r * width, width) : fire_get(y_true, r);
        if (a >= 0 && a < (double)n) sums[(int64_t)a * n + b] += fire_metric_weight(w, y_pred, rows, r);
    }
}

static void confusion_result(const void *attrs_, const fire_shape *pred, const double *sums, double *out) {
    for (int64_t i = 0, n = confusion_sums(attrs_, pred); i < n; i++) out[i] = sums[i];
}

const fire_metric fire_metric_confusion_matrix = {
    .name = "ConfusionMatrix", .alias = "confusion_matrix", .help = "rows of each class by the class predicted",
    .attrs = attrs, .attr_size = sizeof(confusion_attrs), .takes_classes = takes_classes,
    .sums = confusion_sums, .add = confusion_add, .results = confusion_sums, .result = confusion_result,
};
