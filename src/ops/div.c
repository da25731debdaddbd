/* div - y = a / b, with broadcasting. Whole numbers are cut towards 0; by 0 they give 0 instead of a trap. */
#include "op.h"

static double div_of(double a, double b) { return a / b; }
static double div_whole(double a, double b) { return b == 0 ? 0 : a / b; }
static int64_t div_long(int64_t a, int64_t b) { return b == 0 ? 0 : b == -1 ? fire_whole_sub(0, a) : a / b; }
static void div_run(const fire_call *call) {
    fire_type t = call->out[0].type;
    fire_run_binary_whole(call, t == FIRE_F32 || t == FIRE_F64 ? div_of : div_whole, div_long);
}

/* da = dy / b, db = -dy y / b */
static void div_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value da = fire_apply(g, "Div", 2, FIRE_IN(dy[0], n->in[1]), NULL);
    dx[0] = fire_sum_like(g, da, n->in[0]);
    dx[1] = fire_apply(g, "Neg", 1, FIRE_IN(fire_sum_like(g, fire_apply(g, "Mul", 2, FIRE_IN(da, n->out[0]), NULL), n->in[1])), NULL);
}

const fire_op fire_op_div = {
    .name = "Div", .help = "a divided by b",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 3,
    .infer = fire_infer_broadcast, .run = div_run, .grad = div_grad,
    .examples = {"[2,3] [2,3]", "[4,3] [3]", "[3] [4,3]", "[2,1,3] [4,1]", "[] [2,2]", "i64[3] i64[1]"},
};
