/* erf - the error function, element by element. */
#include "op.h"
#include <math.h>

static double erf_of(double x) { return erf(x); }
static void erf_run(const fire_call *call) { fire_run_unary(call, erf_of); }

/* dy 2 / sqrt(pi) e^(-x^2). */
static void erf_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value x = n->in[0];
    fire_type type = fire_type_of(g, x);
    fire_value power = fire_apply(g, "Exp", 1, FIRE_IN(fire_apply(g, "Neg", 1, FIRE_IN(fire_apply(g, "Mul", 2, FIRE_IN(x, x), NULL)), NULL)), NULL);
    fire_value slope = fire_apply(g, "Mul", 2, FIRE_IN(power, fire_graph_scalar(g, type, 1.12837916709551257390 /* 2 / sqrt(pi) */)), NULL);
    dx[0] = fire_apply(g, "Mul", 2, FIRE_IN(slope, dy[0]), NULL);
}

const fire_op fire_op_erf = {
    .name = "Erf", .help = "error function",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same_float, .run = erf_run, .grad = erf_grad,
    .examples = {"[7]", "[2,3,4]"},
};
