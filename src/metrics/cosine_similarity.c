/* cosine_similarity - mean cosine of the angle between y_true and y_pred along an axis. */
#include "metric.h"
#include <math.h>

typedef struct { int64_t axis; } cosine_attrs;

#define AT(field) offsetof(cosine_attrs, field)
static const fire_attr attrs[] = {
    {"axis", FIRE_ATTR_INT, AT(axis), -1, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, NULL, NULL, "dimension of the vectors, counted with the batch"},
    {0},
};

static double value(const void *attrs_, const fire_row *r) {
    double tt = 0, pp = 0, tp = 0;
    for (int64_t k = 0; k < r->width; k++) {
        double t = fire_true(r, k), p = fire_pred(r, k);
        tt += t * t, pp += p * p, tp += t * p;
    }
    return tp / sqrt(fmax(tt, 1e-12)) / sqrt(fmax(pp, 1e-12));
}
static void mean_add(const void *attrs_, const fire_tensor *y_true, const fire_tensor *y_pred, const fire_weights *w, double *sums) {
    fire_metric_mean(attrs_, ((const cosine_attrs *)attrs_)->axis, value, y_true, y_pred, w, sums);
}
static fire_status mean_check(const void *attrs_, const fire_shape *pred, fire_error *err) { return fire_metric_axis(((const cosine_attrs *)attrs_)->axis, pred, err); }

const fire_metric fire_metric_cosine_similarity = {
    .name = "CosineSimilarity", .alias = "cosine_similarity", .help = "cosine between target and prediction",
    .attrs = attrs, .attr_size = sizeof(cosine_attrs),
    .check = mean_check,
    .sums = fire_metric_two_sums, .add = mean_add, .result = fire_metric_ratio,
};
