/* log - y = ln x, element by element. */
#include "op.h"
#include <math.h>

static double log_of(double x) { return log(x); }
static void log_run(const fire_call *call) { fire_run_unary(call, log_of); }

static void log_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    dx[0] = fire_apply(g, "Div", 2, FIRE_IN(dy[0], n->in[0]), NULL);
}

const fire_op fire_op_log = {
    .name = "Log", .help = "natural logarithm",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same_float, .run = log_run, .grad = log_grad,
    .examples = {"[7]>0", "[2,3,4]>0"},
};
