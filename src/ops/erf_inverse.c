/* erf_inverse - relatives of the error function: its complement, its inverse, and the quantile of the normal distribution. */
#include "op.h"
#include <math.h>

/* The z whose normal tail, 0.5 erfc(z / sqrt 2), is p, 0 < p <= 0.5: a first guess (Abramowitz and Stegun, 26.2.23), then Halley's steps on
** the tail itself, which keeps its digits however small it is. */
static double upper_quantile(double p) {
    double t = sqrt(-2 * log(p)), z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
    for (int k = 0; k < 4; k++) {
        double e = (0.5 * erfc(z * 0.70710678118654752440) - p) * 2.50662827463100050242 * exp(0.5 * z * z);
        if (!isfinite(e)) break;
        z += e / (1 - 0.5 * z * e); /* the density falls: f' / f = -z */
    }
    return z;
}

static double ndtri_of(double p) {
    if (!(p >= 0 && p <= 1)) return NAN;
    if (p == 0) return -INFINITY;
    if (p == 1) return INFINITY;
    return p < 0.5 ? -upper_quantile(p) : p > 0.5 ? upper_quantile(1 - p) : 0;
}

/* Newton's steps near 0, where the tail has no digits left of x. */
static double erfinv_of(double x) {
    if (!(x >= -1 && x <= 1)) return NAN;
    if (x == 1 || x == -1) return x * INFINITY;
    double a = fabs(x), y;
    if (a < 0.5) {
        y = a * 0.88622692545275801365;
        for (int k = 0; k < 7; k++) y -= (erf(y) - a) * 0.88622692545275801365 * exp(y * y);
    } else y = upper_quantile(0.5 * (1 - a)) * 0.70710678118654752440;
    return x < 0 ? -y : y;
}

static double erfc_of(double x) { return erfc(x); }
static void erfc_run(const fire_call *call) { fire_run_unary(call, erfc_of); }
static void erfinv_run(const fire_call *call) { fire_run_unary(call, erfinv_of); }
static void ndtri_run(const fire_call *call) { fire_run_unary(call, ndtri_of); }

/* dy c e^(k x^2) */
static fire_value bell(fire_graph *g, fire_value x, double k, double c, fire_value dy) {
    fire_type type = fire_type_of(g, x);
    fire_value square = fire_apply(g, "Mul", 2, FIRE_IN(fire_apply(g, "Mul", 2, FIRE_IN(x, x), NULL), fire_graph_scalar(g, type, k)), NULL);
    fire_value slope = fire_apply(g, "Mul", 2, FIRE_IN(fire_apply(g, "Exp", 1, &square, NULL), fire_graph_scalar(g, type, c)), NULL);
    return fire_apply(g, "Mul", 2, FIRE_IN(slope, dy), NULL);
}
static void erfc_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) { dx[0] = bell(g, n->in[0], -1, -1.12837916709551257390, dy[0]); }
static void erfinv_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) { dx[0] = bell(g, n->out[0], 1, 0.88622692545275801365, dy[0]); }
static void ndtri_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) { dx[0] = bell(g, n->out[0], 0.5, 2.50662827463100050242, dy[0]); }

static void erfc_lower(fire_graph *g, const fire_node *n, const fire_value *in, fire_value *out) {
    fire_value one = g->first.status ? 0 : fire_graph_scalar(g, fire_type_of(g, in[0]), 1);
    out[0] = fire_apply(g, "Sub", 2, FIRE_IN(one, fire_apply(g, "Erf", 1, in, NULL)), NULL);
}

const fire_op fire_op_erfc = {
    .name = "Erfc", .domain = FIRE_DOMAIN, .help = "1 less the error function",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1, .infer = fire_infer_same_float, .run = erfc_run, .grad = erfc_grad, .lower = erfc_lower, .examples = {"[7]", "[2,3,4]"},
};
const fire_op fire_op_erfinv = {
    .name = "Erfinv", .domain = FIRE_DOMAIN, .help = "inverse of the error function",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1, .infer = fire_infer_same_float, .run = erfinv_run, .grad = erfinv_grad,
    .examples = {"[5]{-0.75,0,0.25,0.5,0.875}", "[2,2]{-0.5,0.125,0.75,0.625}"},
};
const fire_op fire_op_ndtri = {
    .name = "Ndtri", .domain = FIRE_DOMAIN, .help = "quantile of the standard normal distribution",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1, .infer = fire_infer_same_float, .run = ndtri_run, .grad = ndtri_grad,
    .examples = {"[5]{0.125,0.25,0.5,0.75,0.875}", "[2,2]{0.5,0.125,0.75,0.625}"},
};
