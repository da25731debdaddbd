/* binary_crossentropy - mean of -(t log p + (1 - t) log(1 - p)), p being cut to [1e-7, 1 - 1e-7]. */
#include "metric.h"
#include <math.h>

typedef struct { double label_smoothing; bool from_logits; } bce_attrs;

#define AT(field) offsetof(bce_attrs, field)
static const fire_attr attrs[] = {
    {"from_logits", FIRE_ATTR_BOOL, AT(from_logits), 0, 0, 1, NULL, NULL, "y_pred is what a sigmoid would see"},
    {"label_smoothing", FIRE_ATTR_FLOAT, AT(label_smoothing), 0, 0, 1, NULL, NULL, "moves targets towards 1/2 by this share"},
    {0},
};

static double value(const void *attrs_, const fire_row *r) {
    const bce_attrs *t = attrs_;
    double sum = 0;
    for (int64_t k = 0; k < r->width; k++) {
        double y = fire_true(r, k) * (1 - t->label_smoothing) + 0.5 * t->label_smoothing, p = fire_pred(r, k);
        if (t->from_logits) sum += fmax(p, 0) - p * y + log1p(exp(-fabs(p)));
        else {
            p = fmin(fmax(p, 1e-7), 1 - 1e-7);
            sum -= y * log(p) + (1 - y) * log(1 - p);
        }
    }
    return sum / (double)r->width;
}
FIRE_MEAN_METRIC(value)

const fire_metric fire_metric_binary_crossentropy = {
    .name = "BinaryCrossentropy", .alias = "binary_crossentropy|bce", .help = "logarithmic loss of yes-or-no answers",
    .attrs = attrs, .attr_size = sizeof(bce_attrs),
    .sums = fire_metric_two_sums, .add = mean_add, .result = fire_metric_ratio,
};
