/* beta - the regularized incomplete beta function: the share of the beta distribution (a, b) that lies below x.
**
** By its continued fraction (Abramowitz and Stegun, 26.5.8), with a and b exchanged where that converges faster.
*/
#include "op.h"
#include <math.h>

static double fraction(double a, double b, double x) {
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1), y;
    if (fabs(d) < tiny) d = tiny;
    d = 1 / d;
    y = d;
    for (int m = 1; m < 5000; m++) {
        double up[2] = {m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))}, by = 1;
        for (int k = 0; k < 2; k++) {
            d = 1 + up[k] * d;
            c = 1 + up[k] / c;
            if (fabs(d) < tiny) d = tiny;
            if (fabs(c) < tiny) c = tiny;
            d = 1 / d;
            by = d * c;
            y *= by;
        }
        if (fabs(by - 1) < 1e-16) break;
    }
    return y;
}

/* log gamma(x) for x > 0, by Stirling's series far enough up; libm's lgamma writes a global. */
static double log_gamma(double x) {
    double down = 0;
    for (; x < 15; x++) down += log(x);
    double s = 1 / (x * x);
    return (x - 0.5) * log(x) - x + 0.91893853320467274178 + (1.0 / 12 - s * (1.0 / 360 - s * (1.0 / 1260 - s * (1.0 / 1680 - s / 1188)))) / x - down;
}

static double betainc_of(double a, double b, double x) {
    if (!(a > 0) || !(b > 0) || !(x >= 0 && x <= 1) || isinf(a) || isinf(b)) return NAN;
    if (x == 0 || x == 1) return x;
    double front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log1p(-x));
    return x < (a + 1) / (a + b + 2) ? front * fraction(a, b, x) / a : 1 - front * fraction(b, a, 1 - x) / b;
}

static fire_status betainc_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_want_float(&in[0], "a", err);
    if (!s) s = fire_want_same_type(3, in, err);
    out[0].type = in[0].type;
    if (!s) s = fire_broadcast_shape(&in[0].shape, &in[1].shape, &out[0].shape, err);
    return s ? s : fire_broadcast_shape(&out[0].shape, &in[2].shape, &out[0].shape, err);
}

static void betainc_run(const fire_call *call) {
    fire_walk w = fire_walk_start(&call->out[0].shape, 3, call->in);
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++, fire_walk_next(&w))
        fire_put(&call->out[0], i, betainc_of(fire_get(&call->in[0], w.i[0]), fire_get(&call->in[1], w.i[1]), fire_get(&call->in[2], w.i[2])));
}

const fire_op fire_op_betainc = {
    .name = "Betainc", .domain = FIRE_DOMAIN, .help = "regularized incomplete beta function of a, b and x",
    .min_in = 3, .max_in = 3, .n_out = 1, .infer = betainc_infer, .run = betainc_run,
    .examples = {"[4]{0.5,2,30,5} [4]{0.5,1,4,20} [4]{0.1,0.5,0.9,0.25}", "[2,3]>0 []{2} []{0.5}"},
};
