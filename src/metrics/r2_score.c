/* r2_score - 1 - the sum of squared errors / the sum of squared distances from the mean, for each column of the output. */
#include "metric.h"

typedef struct { fire_attr_text class_aggregation; int64_t num_regressors; } r2_attrs;

#define AT(field) offsetof(r2_attrs, field)
static const fire_attr attrs[] = {
    {"class_aggregation", FIRE_ATTR_TEXT, AT(class_aggregation), 0, 0, 0, "uniform_average", "none|uniform_average|variance_weighted_average", "how columns become one; none: a result for each"},
    {"num_regressors", FIRE_ATTR_INT, AT(num_regressors), 0, 0, 1 << 24, NULL, NULL, "number of features, for the adjusted score"},
    {0},
};

static int64_t width_of(const fire_shape *pred) { return pred->dim[pred->rank - 1]; }
static int64_t r2_results(const void *attrs_, const fire_shape *pred) { return *((const r2_attrs *)attrs_)->class_aggregation == 'n' ? width_of(pred) : 1; }
static int64_t r2_sums(const void *attrs_, const fire_shape *pred) { return 4 * width_of(pred) + 1; }

/* For each column weights, targets, squares of targets, squares of errors; and how many numbers there were, as Keras counts samples. */
static void r2_add(const void *attrs_, const fire_tensor *y_true, const fire_tensor *y_pred, const fire_weights *w, double *sums) {
    int64_t width, rows = fire_metric_rows(y_pred, &width);
    for (int64_t r = 0; r < rows; r++) {
        double weight = fire_metric_weight(w, y_pred, rows, r);
        for (int64_t k = 0; k < width && weight != 0; k++) {
            double t = fire_get(y_true, r * width + k), d = t - fire_get(y_pred, r * width + k), *s = sums + 4 * k;
            s[0] += weight, s[1] += weight * t, s[2] += weight * t * t, s[3] += weight * d * d;
        }
    }
    sums[4 * width] += (double)(rows * width);
}

static void r2_result(const void *attrs_, const fire_shape *pred, const double *sums, double *out) {
    const r2_attrs *t = attrs_;
    int64_t n = width_of(pred);
    double mean = 0, by_variance = 0, variances = 0;
    for (int64_t k = 0; k < n; k++) {
        const double *s = sums + 4 * k;
        double total = s[2] - s[1] * fire_ratio(s[1], s[0]), r2 = 1 - s[3] / total;
        if (total == 0) r2 = 0;
        if (*t->class_aggregation == 'n') out[k] = r2;
        mean += r2 / (double)n;
        by_variance += r2 * total;
        variances += total;
    }
    if (*t->class_aggregation == 'n') return;
    *out = *t->class_aggregation == 'v' ? fire_ratio(by_variance, variances) : mean;
    double samples = sums[4 * n], k = (double)t->num_regressors;
    if (k > 0 && samples - k - 1 > 0) *out = 1 - (1 - *out) * (samples - 1) / (samples - k - 1); /* with fewer rows there is no adjusted score */
}

const fire_metric fire_metric_r2_score = {
    .name = "R2Score", .alias = "r2_score|r2", .help = "share of the target's variance that is explained",
    .attrs = attrs, .attr_size = sizeof(r2_attrs), .sums = r2_sums, .add = r2_add, .results = r2_results, .result = r2_result,
};
