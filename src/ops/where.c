/* where - y = a where the condition holds, else b, with broadcasting; any type. */
#include "op.h"

static fire_status where_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    if (in[0].type != FIRE_BOOL) return fire_fail(err, FIRE_E_SHAPE, "condition is %s, expected bool", fire_type_text(in[0].type));
    fire_status s = fire_want_same_type(2, in + 1, err);
    out[0].type = in[1].type;
    if (!s) s = fire_broadcast_shape(&in[0].shape, &in[1].shape, &out[0].shape, err);
    return s ? s : fire_broadcast_shape(&out[0].shape, &in[2].shape, &out[0].shape, err);
}

static void where_run(const fire_call *call) {
    const fire_tensor *y = &call->out[0];
    fire_walk w = fire_walk_start(&y->shape, 3, call->in);
    for (int64_t e = 0, n = fire_count(&y->shape); e < n; e++, fire_walk_next(&w)) {
        int k = ((const uint8_t *)call->in[0].data)[w.i[0]] ? 1 : 2;
        fire_move(y, e, &call->in[k], w.i[k]);
    }
}

static void where_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value zero = fire_graph_scalar(g, fire_type_of(g, dy[0]), 0);
    dx[1] = fire_sum_like(g, fire_apply(g, "Where", 3, FIRE_IN(n->in[0], dy[0], zero), NULL), n->in[1]);
    dx[2] = fire_sum_like(g, fire_apply(g, "Where", 3, FIRE_IN(n->in[0], zero, dy[0]), NULL), n->in[2]);
}

const fire_op fire_op_where = {
    .name = "Where", .help = "a where the condition holds, else b",
    .min_in = 3, .max_in = 3, .n_out = 1, .in_place = 6,
    .infer = where_infer, .run = where_run, .grad = where_grad,
    .examples = {"bool[2,3] [2,3] [2,3]", "bool[3] [2,3] []", "bool[2,1] [] [3]", "bool[4] i64[4] i64[4]"},
};
