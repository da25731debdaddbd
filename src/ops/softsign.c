/* softsign - y = x / (1 + |x|), element by element. */
#include "op.h"
#include <math.h>

static double softsign_of(double x) { return x / (1 + fabs(x)); }
static void softsign_run(const fire_call *call) { fire_run_unary(call, softsign_of); }

/* dy / (1 + |x|)^2. */
static void softsign_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value x = n->in[0], one = fire_graph_scalar(g, fire_type_of(g, x), 1);
    fire_value size = fire_apply(g, "Add", 2, FIRE_IN(fire_apply(g, "Abs", 1, &x, NULL), one), NULL);
    dx[0] = fire_apply(g, "Div", 2, FIRE_IN(dy[0], fire_apply(g, "Mul", 2, FIRE_IN(size, size), NULL)), NULL);
}

const fire_op fire_op_softsign = {
    .name = "Softsign", .help = "x / (1 + |x|)",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same_float, .run = softsign_run, .grad = softsign_grad,
    .examples = {"[7]", "[2,3,4]"},
};
