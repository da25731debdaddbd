/* acosh - y = the number of at least 0 whose hyperbolic cosine is x, element by element. */
#include "op.h"
#include <math.h>

static double acosh_of(double x) { return acosh(x); }
static void acosh_run(const fire_call *call) { fire_run_unary(call, acosh_of); }

/* 1 / sqrt(x^2 - 1). */
static void acosh_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value x = n->in[0], one = fire_graph_scalar(g, fire_type_of(g, x), 1), square = fire_apply(g, "Mul", 2, FIRE_IN(x, x), NULL);
    fire_value under = fire_apply(g, "Sub", 2, FIRE_IN(square, one), NULL);
    dx[0] = fire_apply(g, "Div", 2, FIRE_IN(dy[0], fire_apply(g, "Sqrt", 1, &under, NULL)), NULL);
}

const fire_op fire_op_acosh = {
    .name = "Acosh", .help = "inverse hyperbolic cosine",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same_float, .run = acosh_run, .grad = acosh_grad,
    .examples = {"[5]{1.1,1.5,2,3.25,10}", "[2,2]{7,2.5,1.25,4}"},
};
