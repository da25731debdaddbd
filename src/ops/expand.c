/* expand - x repeated to a shape, a constant; dimensions of 1 on either side give way to the other. */
#include "op.h"

static fire_status expand_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_want_index(&in[1], "shape", err);
    if (s) return s;
    if (!in[1].data) return fire_fail(err, FIRE_E_UNSUPPORTED, "the shape must be a constant");
    int64_t rank = fire_count(&in[1].shape);
    if (in[1].shape.rank != 1 || rank > FIRE_MAX_RANK) return fire_fail(err, FIRE_E_SHAPE, "the shape has %lld numbers, expected at most %d", (long long)rank, FIRE_MAX_RANK);
    fire_shape to = {.rank = (int32_t)rank};
    for (int d = 0; d < rank; d++) {
        to.dim[d] = in[1].type == FIRE_I64 ? ((const int64_t *)in[1].data)[d] : ((const int32_t *)in[1].data)[d];
        if (to.dim[d] < 0) return fire_fail(err, FIRE_E_SHAPE, "the shape has %lld in it", (long long)to.dim[d]);
    }
    out[0].type = in[0].type;
    return fire_broadcast_shape(&in[0].shape, &to, &out[0].shape, err);
}

static void expand_run(const fire_call *call) {
    const fire_tensor *y = &call->out[0];
    fire_walk w = fire_walk_start(&y->shape, 1, call->in);
    for (int64_t e = 0, n = fire_count(&y->shape); e < n; e++, fire_walk_next(&w)) fire_move(y, e, &call->in[0], w.i[0]);
}

static void expand_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) { dx[0] = fire_sum_like(g, dy[0], n->in[0]); }

const fire_op fire_op_expand = {
    .name = "Expand", .values = 2, .help = "x repeated to a shape",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 1,
    .infer = expand_infer, .run = expand_run, .grad = expand_grad,
    .examples = {"[3] i64[2]{2,3}", "[2,1] i64[2]{2,3}", "[3,1] i64[1]{4}", "[] i64[2]{2,2}", "[2,3] i64[2]{1,1}", "i64[3] i64[2]{2,3}"},
};
