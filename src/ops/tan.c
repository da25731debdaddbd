/* tan - y = tan x, element by element. */
#include "op.h"
#include <math.h>

static double tan_of(double x) { return tan(x); }
static void tan_run(const fire_call *call) { fire_run_unary(call, tan_of); }

/* 1 + y^2. */
static void tan_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value y = n->out[0], one = fire_graph_scalar(g, fire_type_of(g, y), 1);
    dx[0] = fire_apply(g, "Mul", 2, FIRE_IN(dy[0], fire_apply(g, "Add", 2, FIRE_IN(one, fire_apply(g, "Mul", 2, FIRE_IN(y, y), NULL)), NULL)), NULL);
}

const fire_op fire_op_tan = {
    .name = "Tan", .help = "tangent of x in radians",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same_float, .run = tan_run, .grad = tan_grad,
    .examples = {"[7]", "[2,3,4]"},
};
