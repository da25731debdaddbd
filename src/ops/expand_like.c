/* expand_like - x repeated to the shape of another tensor, of which nothing else is read. */
#include "op.h"

static fire_status expand_like_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_shape y;
    out[0].type = in[0].type;
    out[0].shape = in[1].shape;
    if (fire_broadcast_shape(&in[0].shape, &in[1].shape, &y, NULL) || !fire_same_shape(&y, &in[1].shape)) {
        char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
        return fire_fail(err, FIRE_E_SHAPE, "%s cannot be repeated to %s", fire_shape_text(&in[0].shape, a), fire_shape_text(&in[1].shape, b));
    }
    return FIRE_OK;
}

static void expand_like_run(const fire_call *call) {
    const fire_tensor *y = &call->out[0];
    fire_walk w = fire_walk_start(&y->shape, 1, call->in);
    for (int64_t e = 0, n = fire_count(&y->shape); e < n; e++, fire_walk_next(&w)) fire_move(y, e, &call->in[0], w.i[0]);
}

static void expand_like_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) { dx[0] = fire_sum_like(g, dy[0], n->in[0]); }

const fire_op fire_op_expand_like = {
    .name = "ExpandLike", .domain = FIRE_DOMAIN, .help = "x repeated to the shape of another tensor",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 1, .shape_only = 2,
    .infer = expand_like_infer, .run = expand_like_run, .grad = expand_like_grad,
    .examples = {"[] [2,3]", "[3] [2,3]", "[2,1] [2,3]", "[1,3] [4,2,3]", "[2,3] [2,3]", "i64[] [4]"},
};
