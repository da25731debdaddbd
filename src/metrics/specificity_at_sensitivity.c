/* specificity_at_sensitivity - best share of what is not true that is not predicted, at thresholds where the share of what is true that is predicted reaches a number. */
#include "metric.h"

typedef struct { double sensitivity; int64_t num_thresholds, class_id; } at_attrs;

#define AT(field) offsetof(at_attrs, field)
static const fire_attr attrs[] = {
    {"sensitivity", FIRE_ATTR_FLOAT, AT(sensitivity), -1, 0, 1, NULL, NULL, "what must be reached; must be given"},
    {"num_thresholds", FIRE_ATTR_INT, AT(num_thresholds), 200, 2, 1000000, NULL, NULL, "thresholds from 0 to 1, evenly spread"},
    {"class_id", FIRE_ATTR_INT, AT(class_id), -1, 0, 1 << 24, NULL, NULL, "look at this class alone"},
    {0},
};

static fire_status at_check(const void *attrs_, const fire_shape *pred, fire_error *err) {
    const at_attrs *t = attrs_;
    if (t->sensitivity < 0) return fire_fail(err, FIRE_E_ATTRIBUTE, "sensitivity is missing; give a number from 0 to 1");
    if (pred && t->class_id >= pred->dim[pred->rank - 1])
        return fire_fail(err, FIRE_E_ATTRIBUTE, "class_id is %lld, expected a number below %lld, the width of the output", (long long)t->class_id, (long long)pred->dim[pred->rank - 1]);
    return FIRE_OK;
}

static int64_t at_sums(const void *attrs_, const fire_shape *pred) { return 2 * ((const at_attrs *)attrs_)->num_thresholds + 2; }

static void at_add(const void *attrs_, const fire_tensor *y_true, const fire_tensor *y_pred, const fire_weights *w, double *sums) {
    const at_attrs *t = attrs_;
    fire_curve c = {.n = t->num_thresholds};
    int64_t width, rows = fire_metric_rows(y_pred, &width), from = t->class_id >= 0 ? t->class_id : 0, to = t->class_id >= 0 ? from + 1 : width;
    for (int64_t r = 0; r < rows; r++) {
        double weight = fire_metric_weight(w, y_pred, rows, r);
        for (int64_t i = r * width + from; i < r * width + to && weight != 0; i++)
            fire_curve_add(&c, fire_get(y_true, i), fire_get(y_pred, i), y_pred->type == FIRE_F32, weight, sums);
    }
}

static double held(const fire_counts *c) { return fire_ratio(c->tp, c->tp + c->fn); }
static double wanted(const fire_counts *c) { return fire_ratio(c->tn, c->tn + c->fp); }
static void at_result(const void *attrs_, const fire_shape *pred, const double *sums, double *out) {
    const at_attrs *t = attrs_;
    *out = fire_curve_best(&(fire_curve){.n = t->num_thresholds}, sums, held, wanted, t->sensitivity);
}

const fire_metric fire_metric_specificity_at_sensitivity = {
    .name = "SpecificityAtSensitivity", .alias = "specificity_at_sensitivity", .help = "best share of what is not true that is not predicted, at thresholds where the share of what is true that is predicted reaches a number",
    .attrs = attrs, .attr_size = sizeof(at_attrs), .check = at_check, .sums = at_sums, .add = at_add, .result = at_result,
};
