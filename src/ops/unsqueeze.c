/* unsqueeze - x with dimensions of size 1 put in, at places given as a constant. */
#include "op.h"

static fire_status unsqueeze_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    int64_t n = fire_count(&in[1].shape);
    if (n < 0 || n > FIRE_MAX_RANK - in[0].shape.rank)
        return fire_fail(err, FIRE_E_UNSUPPORTED, "more than %d dimensions would come out", FIRE_MAX_RANK);
    uint32_t mask;
    fire_status s = fire_axes(&in[1], in[0].shape.rank + (int)n, &mask, err);
    if (s) return s;
    out[0].type = in[0].type;
    out[0].shape.rank = in[0].shape.rank + (int32_t)n;
    for (int d = 0, from = 0; d < out[0].shape.rank; d++) out[0].shape.dim[d] = mask >> d & 1 ? 1 : in[0].shape.dim[from++];
    return FIRE_OK;
}

static void unsqueeze_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    dx[0] = fire_apply(g, "ReshapeLike", 2, FIRE_IN(dy[0], n->in[0]), NULL);
}

const fire_op fire_op_unsqueeze = {
    .name = "Unsqueeze", .values = 2, .help = "x with dimensions of size 1 put in",
    .min_in = 2, .max_in = 2, .n_out = 1, .pure_shape = true,
    .infer = unsqueeze_infer, .run = fire_run_copy, .grad = unsqueeze_grad,
    .examples = {"[4] i64[1]{1}", "[4,3] i64[2]{0,-1}", "[4,3] i64[1]{-2}", "[] i64[1]{0}", "i64[4] i64[1]{1}"},
};
