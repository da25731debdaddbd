/* mean_squared_error - mean of (y_true - y_pred)^2. */
#include "metric.h"

static void error_add(const void *attrs, const fire_tensor *y_true, const fire_tensor *y_pred, const fire_tensor *w, double *sums) {
    int64_t width, rows = fire_metric_rows(y_pred, &width);
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0, weight = fire_metric_weight(w, y_pred, rows, r);
        for (int64_t i = r * width; i < (r + 1) * width; i++) {
            double d = fire_get(y_true, i) - fire_get(y_pred, i);
            sum += d * d;
        }
        sums[0] += weight * sum / (double)width;
        sums[1] += weight;
    }
}

const fire_metric fire_metric_mean_squared_error = {
    .name = "MeanSquaredError", .alias = "mean_squared_error|mse", .help = "mean of squared differences",
    .sums = fire_metric_two_sums, .add = error_add, .result = fire_metric_ratio,
};
