/* f1_score - the harmonic mean of precision and recall, of each class; the predicted class is the largest prediction, or all above a threshold are. */
#include "metric.h"

static const fire_attr attrs[] = {
    FIRE_F_AVERAGE,
    FIRE_F_THRESHOLD,
    {0},
};

static void f_result(const void *attrs_, const fire_shape *pred, const double *sums, double *out) {
    fire_f_score(attrs_, 1, pred, sums, out);
}

const fire_metric fire_metric_f1_score = {
    .name = "F1Score", .alias = "f1_score|f1", .help = "harmonic mean of precision and recall",
    .attrs = attrs, .attr_size = sizeof(fire_f_attrs), .sums = fire_f_sums, .add = fire_f_add, .results = fire_f_results, .result = f_result,
};
