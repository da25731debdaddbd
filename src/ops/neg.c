/* neg - y = -x, element by element. */
#include "op.h"

static double neg_of(double x) { return -x; }
static int64_t neg_long(int64_t x) { return fire_whole_sub(0, x); }
static void neg_run(const fire_call *call) { fire_run_unary_whole(call, neg_of, neg_long); }

static void neg_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    dx[0] = fire_apply(g, "Neg", 1, dy, NULL);
}

const fire_op fire_op_neg = {
    .name = "Neg", .help = "-x",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same, .run = neg_run, .grad = neg_grad,
    .examples = {"[7]", "[2,3,4]", "i64[5]"},
};
