/* squeeze - x without some dimensions of size 1: those given as a constant, else all (which needs a shape without the batch). */
#include "op.h"

static fire_status squeeze_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    const fire_shape *x = &in[0].shape;
    char text[FIRE_SHAPE_TEXT];
    bool given = n_in > 1 && in[1].type;
    uint32_t mask = 0;
    fire_status s = given ? fire_axes(&in[1], x->rank, &mask, err) : FIRE_OK;
    if (s) return s;
    for (int d = 0; d < x->rank; d++) {
        if (!given && x->dim[d] == -1) return fire_fail(err, FIRE_E_UNSUPPORTED, "%s may lose its batch; say which axes", fire_shape_text(x, text));
        if (given && (mask >> d & 1) && x->dim[d] != 1)
            return fire_fail(err, FIRE_E_SHAPE, "axis %d of %s is not 1", d, fire_shape_text(x, text));
        if (given ? !(mask >> d & 1) : x->dim[d] != 1) out[0].shape.dim[out[0].shape.rank++] = x->dim[d];
    }
    out[0].type = in[0].type;
    return FIRE_OK;
}

static void squeeze_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    dx[0] = fire_apply(g, "ReshapeLike", 2, FIRE_IN(dy[0], n->in[0]), NULL);
}

const fire_op fire_op_squeeze = {
    .name = "Squeeze", .values = 2, .help = "x without dimensions of size 1",
    .min_in = 1, .max_in = 2, .n_out = 1, .pure_shape = true,
    .infer = squeeze_infer, .run = fire_run_copy, .grad = squeeze_grad,
    .examples = {"[4,1] i64[1]{1}", "[4,1,3,1] i64[2]{-1,1}", "[4,1] i64[1]{-1}", "[4,3] i64[0]{}", "i64[4,1] i64[1]{1}"},
};
