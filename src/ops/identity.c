/* identity - y = x, any type. The planner lets y lie where x lies. */
#include "op.h"

static fire_status identity_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    out[0].type = in[0].type;
    out[0].shape = in[0].shape;
    return FIRE_OK;
}

static void identity_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) { dx[0] = dy[0]; }

const fire_op fire_op_identity = {
    .name = "Identity", .help = "x as it is",
    .min_in = 1, .max_in = 1, .n_out = 1, .pure_shape = true,
    .infer = identity_infer, .run = fire_run_copy, .grad = identity_grad,
    .examples = {"[7]", "[2,3,4]", "i64[3]", "bool[3]"},
};
