/* f_beta_score - the harmonic mean of precision and recall, recall counting beta^2 times, of each class; the predicted class is the largest prediction, or all above a threshold are. */
#include "metric.h"

static const fire_attr attrs[] = {
    FIRE_F_AVERAGE,
    {"beta", FIRE_ATTR_FLOAT, offsetof(fire_f_attrs, beta), 1, 1e-9, 1e9, NULL, NULL, "how much more recall counts than precision"},
    FIRE_F_THRESHOLD,
    {0},
};

static void f_result(const void *attrs_, const fire_shape *pred, const double *sums, double *out) {
    const fire_f_attrs *t = attrs_;
    fire_f_score(t, t->beta, pred, sums, out);
}

const fire_metric fire_metric_f_beta_score = {
    .name = "FBetaScore", .alias = "fbeta_score|f_beta_score", .help = "harmonic mean of precision and recall, recall counting beta^2 times", .history = "fbeta_score",
    .attrs = attrs, .attr_size = sizeof(fire_f_attrs), .sums = fire_f_sums, .add = fire_f_add, .results = fire_f_results, .result = f_result,
};
