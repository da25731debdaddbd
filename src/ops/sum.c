/* sum - the sum of 1 to 8 inputs, element by element, with broadcasting. */
#include "op.h"

static void sum_run(const fire_call *call) {
    const fire_tensor *y = &call->out[0];
    fire_walk w = fire_walk_start(&y->shape, call->n_in, call->in);
    for (int64_t e = 0, count = fire_count(&y->shape); e < count; e++, fire_walk_next(&w)) {
        double s = 0;
        for (int k = 0; k < call->n_in; k++) s += fire_get(&call->in[k], w.i[k]);
        fire_put(y, e, s);
    }
}

static void sum_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    for (int i = 0; i < n->n_in; i++) dx[i] = fire_sum_like(g, dy[0], n->in[i]);
}

const fire_op fire_op_sum = {
    .name = "Sum", .help = "sum of the inputs, element by element",
    .min_in = 1, .max_in = FIRE_MAX_WALK, .n_out = 1, .in_place = 1,
    .infer = fire_infer_broadcast, .run = sum_run, .grad = sum_grad,
    .examples = {"[2,3] [2,3]", "[4,3] [3]", "[2,3] [2,3] [2,3]", "[3] [4,1]", "[2,3]", "i32[5] i32[5]"},
};
