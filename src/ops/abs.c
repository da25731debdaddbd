/* abs - y = |x|, element by element. */
#include "op.h"
#include <math.h>

static double abs_of(double x) { return fabs(x); }
static int64_t abs_long(int64_t x) { return x < 0 ? fire_whole_sub(0, x) : x; }
static void abs_run(const fire_call *call) { fire_run_unary_whole(call, abs_of, abs_long); }

static void abs_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    dx[0] = fire_apply(g, "Mul", 2, FIRE_IN(dy[0], fire_apply(g, "Sign", 1, n->in, NULL)), NULL);
}

const fire_op fire_op_abs = {
    .name = "Abs", .help = "absolute value",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same, .run = abs_run, .grad = abs_grad,
    .examples = {"[7]", "[2,3,4]", "i32[5]"},
};
