/* cos - y = cos x, element by element. */
#include "op.h"
#include <math.h>

static double cos_of(double x) { return cos(x); }
static void cos_run(const fire_call *call) { fire_run_unary(call, cos_of); }

static void cos_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value x = n->in[0];
    fire_value slope = fire_apply(g, "Neg", 1, FIRE_IN(fire_apply(g, "Sin", 1, &x, NULL)), NULL);
    dx[0] = fire_apply(g, "Mul", 2, FIRE_IN(slope, dy[0]), NULL);
}

const fire_op fire_op_cos = {
    .name = "Cos", .help = "cosine of x in radians",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same_float, .run = cos_run, .grad = cos_grad,
    .examples = {"[7]", "[2,3,4]"},
};
