/* hard_swish - y = x times x / 6 + 1/2 cut to [0, 1], element by element. */
#include "op.h"
#include <math.h>

static double hard_swish_of(double x) { return x <= -3 ? 0 : x >= 3 ? x : x * (x + 3) / 6; }
static void hard_swish_run(const fire_call *call) {
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++) fire_put(&call->out[0], i, hard_swish_of(fire_get(&call->in[0], i)));
}

static void hard_swish_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    dx[0] = fire_apply(g, "HardSwishGrad", 2, FIRE_IN(n->in[0], dy[0]), NULL);
}

const fire_op fire_op_hard_swish = {
    .name = "HardSwish", .help = "x times x / 6 + 1/2 cut to [0, 1]",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same_float, .run = hard_swish_run, .grad = hard_swish_grad,
    .examples = {"[7]", "[2,3,4]", "[5]{-4,-2,1,2.5,5}"},
};

/* dx = dy dy/dx, from x and dy. */
static double hard_swish_slope(double x) { return x <= -3 ? 0 : x >= 3 ? 1 : (2 * x + 3) / 6; }
static void hard_swish_grad_run(const fire_call *call) {
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++)
        fire_put(&call->out[0], i, fire_get(&call->in[1], i) * hard_swish_slope(fire_get(&call->in[0], i)));
}

const fire_op fire_op_hard_swish_grad = {
    .name = "HardSwishGrad", .domain = FIRE_DOMAIN, .help = "gradient of HardSwish, from its input x and dy",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 3,
    .infer = fire_infer_same_float, .run = hard_swish_grad_run,
    .examples = {"[7] [7]", "[2,3,4] [2,3,4]", "[5]{-4,-2,1,2.5,5} [5]"},
};
