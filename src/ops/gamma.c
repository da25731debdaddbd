/* gamma - functions of the gamma family: its logarithm, that one's derivatives, Hurwitz' zeta, and the incomplete gamma functions.
**
** Formulas: Abramowitz and Stegun, Handbook of Mathematical Functions, sections 6.1, 6.3, 6.5 and 23.2.
*/
#include "op.h"
#include <math.h>

#define PI 3.14159265358979323846
static const double bernoulli[] = {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6, -3617.0 / 510}; /* B2, B4, ... */

/* log |gamma(x)|. libm's lgamma writes a global, so only tgamma is used, where it neither overflows nor vanishes; Stirling's series beyond. */
static double lgamma_of(double x) {
    if (x != x) return x;
    if (isinf(x)) return INFINITY;
    if (x <= 0 && x == floor(x)) return INFINITY;
    if (fabs(x) < 140) return log(fabs(tgamma(x)));
    if (x < 0) return log(PI / fabs(sin(PI * fmod(x, 2)))) - lgamma_of(1 - x);
    double s = 0, power = x;
    for (int k = 0; k < 4; k++, power *= x * x) s += bernoulli[k] / ((2 * k + 2) * (2 * k + 1) * power);
    return (x - 0.5) * log(x) - x + 0.5 * log(2 * PI) + s;
}

/* The derivative of log gamma: moved up by its recurrence until the asymptotic series holds. */
static double digamma_of(double x) {
    if (x != x || x == -INFINITY) return NAN;
    if (x == INFINITY) return x;
    if (x <= 0) {
        if (x == floor(x)) return x == 0 ? (signbit(x) ? INFINITY : -INFINITY) : NAN;
        return digamma_of(1 - x) - PI / tan(PI * (x - floor(x)));
    }
    double y = 0, s = 0;
    for (; x < 10; x++) y -= 1 / x;
    double square = 1 / (x * x), power = square;
    for (int k = 0; k < 7; k++, power *= square) s += bernoulli[k] / (2 * k + 2) * power;
    return y + log(x) - 0.5 / x - s;
}

/* Hurwitz' zeta: the sum of (k + q)^-x over k = 0, 1, ...; Euler and Maclaurin's formula after 12 terms. */
static double zeta_of(double x, double q) {
    if (x != x || q != q) return NAN;
    if (x == 1) return INFINITY;
    if (x < 1) return NAN;
    if (q <= 0) {
        if (q == floor(q)) return INFINITY;
        if (x != floor(x)) return NAN;
        if (q < -1e6) return NAN;
    }
    double s = 0;
    for (; q < 0; q++) s += pow(q, -x);
    for (int k = 0; k < 12; k++, q++) s += pow(q, -x);
    double term = pow(q, -x), factor = x / q;
    s += term * q / (x - 1) + 0.5 * term;
    for (int k = 0; k < 8; k++) { /* B_2k / (2k)! x (x+1) ... (x+2k-2) q^(-x-2k+1) */
        double one = bernoulli[k] * term * factor / tgamma(2 * k + 3.0);
        s += one;
        if (fabs(one) < 1e-17 * fabs(s)) break;
        factor *= (x + 2 * k + 1) * (x + 2 * k + 2) / (q * q);
    }
    return s;
}

/* The n-th derivative of digamma. */
static double polygamma_of(double n, double x) {
    if (n != floor(n) || n < 0) return NAN;
    if (n == 0) return digamma_of(x);
    return (fmod(n, 2) == 1 ? 1 : -1) * tgamma(n + 1) * zeta_of(n + 1, x);
}

/* P(a, x) by its series, for x < a + 1; Q(a, x) by its continued fraction (Lentz' way) otherwise. */
static double gamma_series(double a, double x) {
    double term = 1 / a, s = term;
    for (int k = 1; k < 5000; k++) {
        term *= x / (a + k);
        s += term;
        if (fabs(term) < 1e-17 * fabs(s)) break;
    }
    return s * exp(a * log(x) - x - lgamma_of(a));
}
static double gamma_fraction(double a, double x) {
    const double tiny = 1e-300;
    double b = x + 1 - a, c = 1 / tiny, d = 1 / b, y = d;
    for (int k = 1; k < 5000; k++) {
        double an = -k * (k - a);
        b += 2;
        d = an * d + b;
        c = b + an / c;
        if (fabs(d) < tiny) d = tiny;
        if (fabs(c) < tiny) c = tiny;
        d = 1 / d;
        y *= d * c;
        if (fabs(d * c - 1) < 1e-16) break;
    }
    return y * exp(a * log(x) - x - lgamma_of(a));
}
static double igamma_of(double a, double x) {
    if (a != a || x != x || a <= 0 || x < 0) return NAN;
    if (x == 0) return 0;
    if (isinf(a)) return isinf(x) ? NAN : 0;
    if (isinf(x)) return 1;
    return x < a + 1 ? gamma_series(a, x) : 1 - gamma_fraction(a, x);
}
static double igammac_of(double a, double x) {
    if (a != a || x != x || a <= 0 || x < 0) return NAN;
    if (x == 0) return 1;
    if (isinf(a)) return isinf(x) ? NAN : 1;
    if (isinf(x)) return 0;
    return x < a + 1 ? 1 - gamma_series(a, x) : gamma_fraction(a, x);
}

static fire_status pair_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_want_float(&in[0], "the first input", err);
    return s ? s : fire_infer_broadcast(attrs, n_in, in, out, err);
}

static void lgamma_run(const fire_call *call) { fire_run_unary(call, lgamma_of); }
static void digamma_run(const fire_call *call) { fire_run_unary(call, digamma_of); }
static void zeta_run(const fire_call *call) { fire_run_binary(call, zeta_of); }
static void polygamma_run(const fire_call *call) { fire_run_binary(call, polygamma_of); }
static void igamma_run(const fire_call *call) { fire_run_binary(call, igamma_of); }
static void igammac_run(const fire_call *call) { fire_run_binary(call, igammac_of); }

static void lgamma_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    dx[0] = fire_apply(g, "Mul", 2, FIRE_IN(fire_apply(g, "Digamma", 1, n->in, NULL), dy[0]), NULL);
}
static void digamma_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value x = n->in[0], one = fire_graph_scalar(g, fire_type_of(g, x), 1);
    dx[0] = fire_apply(g, "Mul", 2, FIRE_IN(fire_apply(g, "Polygamma", 2, FIRE_IN(one, x), NULL), dy[0]), NULL);
}

const fire_op fire_op_lgamma = {
    .name = "Lgamma", .domain = FIRE_DOMAIN, .help = "logarithm of the magnitude of the gamma function",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1, .infer = fire_infer_same_float, .run = lgamma_run, .grad = lgamma_grad,
    .examples = {"[7]>0", "[2,3,4]>0", "[6]{-2.5,0.25,3,20.5,150,-150.5}"},
};
const fire_op fire_op_digamma = {
    .name = "Digamma", .domain = FIRE_DOMAIN, .help = "derivative of the logarithm of the gamma function",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1, .infer = fire_infer_same_float, .run = digamma_run, .grad = digamma_grad,
    .examples = {"[5]{0.5,1,2.25,7,30}", "[2,2]{0.75,3,4,5}"},
};
const fire_op fire_op_zeta = {
    .name = "Zeta", .domain = FIRE_DOMAIN, .help = "Hurwitz' zeta function of x and q",
    .min_in = 2, .max_in = 2, .n_out = 1, .infer = pair_infer, .run = zeta_run,
    .examples = {"[3]{1.5,2,9} [3]{0.5,1,3}", "[2]{2,4} []{2.5}"},
};
const fire_op fire_op_polygamma = {
    .name = "Polygamma", .domain = FIRE_DOMAIN, .help = "n-th derivative of digamma",
    .min_in = 2, .max_in = 2, .n_out = 1, .infer = pair_infer, .run = polygamma_run,
    .examples = {"[3]{0,1,4} [3]{0.5,1,3}", "[]{1} [2,3]>0"},
};
const fire_op fire_op_igamma = {
    .name = "Igamma", .domain = FIRE_DOMAIN, .help = "lower regularized incomplete gamma function of a and x",
    .min_in = 2, .max_in = 2, .n_out = 1, .infer = pair_infer, .run = igamma_run,
    .examples = {"[4]{0.5,1,4,30} [4]{0.1,5,3,40}", "[2,3]>0 []{0.5}"},
};
const fire_op fire_op_igammac = {
    .name = "Igammac", .domain = FIRE_DOMAIN, .help = "upper regularized incomplete gamma function of a and x",
    .min_in = 2, .max_in = 2, .n_out = 1, .infer = pair_infer, .run = igammac_run,
    .examples = {"[4]{0.5,1,4,30} [4]{0.1,5,3,40}", "[2,3]>0 []{0.5}"},
};
