/* reshape_like - the numbers of x in the shape of another tensor, of which nothing else is read. */
#include "op.h"

static fire_status reshape_like_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    int64_t count[2] = {1, 1}, batch[2] = {0, 0};
    for (int k = 0; k < 2; k++)
        for (int d = 0; d < in[k].shape.rank; d++)
            if (in[k].shape.dim[d] == -1) batch[k]++;
            else count[k] *= in[k].shape.dim[d];
    /* While the batch is unknown, it may be a part of one and a multiple of the other, as in Reshape. */
    bool folded = batch[0] == 1 && batch[1] == 1 && count[0] > 0 && count[1] > 0 && (count[0] % count[1] == 0 || count[1] % count[0] == 0);
    if (!folded && (count[0] != count[1] || batch[0] != batch[1])) {
        char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
        return fire_fail(err, FIRE_E_SHAPE, "%s does not have as many elements as %s", fire_shape_text(&in[0].shape, a), fire_shape_text(&in[1].shape, b));
    }
    out[0].type = in[0].type;
    out[0].shape = in[1].shape;
    return FIRE_OK;
}

static void reshape_like_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    dx[0] = fire_apply(g, "ReshapeLike", 2, FIRE_IN(dy[0], n->in[0]), NULL);
}

const fire_op fire_op_reshape_like = {
    .name = "ReshapeLike", .domain = FIRE_DOMAIN, .help = "x in the shape of another tensor",
    .min_in = 2, .max_in = 2, .n_out = 1, .shape_only = 2, .pure_shape = true,
    .infer = reshape_like_infer, .run = fire_run_copy, .grad = reshape_like_grad,
    .examples = {"[4,6] [4,2,3]", "[2,3] [6]", "[1] []", "[4,6] i64[4,6]"},
};
