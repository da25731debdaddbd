/* clip - y = x cut to [min, max]; both are scalars and may be left out. */
#include "op.h"

static fire_status clip_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_want_number(&in[0], "input", err);
    if (!s) s = fire_want_same_type(n_in, in, err);
    if (s) return s;
    for (int i = 1; i < n_in; i++)
        if (in[i].type && fire_count(&in[i].shape) != 1) {
            char text[FIRE_SHAPE_TEXT];
            return fire_fail(err, FIRE_E_SHAPE, "%s has shape %s, expected a scalar", i == 1 ? "min" : "max", fire_shape_text(&in[i].shape, text));
        }
    out[0].type = in[0].type;
    out[0].shape = in[0].shape;
    return FIRE_OK;
}

static void clip_run(const fire_call *call) {
    const fire_tensor *low = call->n_in > 1 && call->in[1].type ? &call->in[1] : NULL;
    const fire_tensor *high = call->n_in > 2 && call->in[2].type ? &call->in[2] : NULL;
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++) {
        if (call->in[0].type == FIRE_I64) { /* exact, where a double would not be */
            int64_t v = fire_whole_at(&call->in[0], i);
            if (low && v < fire_whole_at(low, 0)) v = fire_whole_at(low, 0);
            if (high && v > fire_whole_at(high, 0)) v = fire_whole_at(high, 0);
            ((int64_t *)call->out[0].data)[i] = v;
            continue;
        }
        double x = fire_get(&call->in[0], i);
        if (low && x < fire_get(low, 0)) x = fire_get(low, 0);
        if (high && x > fire_get(high, 0)) x = fire_get(high, 0);
        fire_put(&call->out[0], i, x);
    }
}

/* x gets the gradient where it was not cut, a bound the sum over those that it cut. */
static void clip_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value x = n->in[0], zero = fire_graph_scalar(g, fire_type_of(g, x), 0);
    dx[0] = fire_apply(g, "Where", 3, FIRE_IN(fire_apply(g, "Equal", 2, FIRE_IN(x, n->out[0]), NULL), dy[0], zero), NULL);
    for (int i = 1; i < n->n_in; i++) {
        if (!n->in[i]) continue;
        /* min cuts what is below y, max what is above. */
        fire_value cut = fire_apply(g, i == 1 ? "Less" : "Greater", 2, FIRE_IN(x, n->out[0]), NULL);
        fire_value part = fire_apply(g, "Where", 3, FIRE_IN(cut, dy[0], zero), NULL);
        fire_value all = fire_apply(g, "ReduceSum", 1, FIRE_IN(part), "keepdims=0");
        dx[i] = fire_apply(g, "ReshapeLike", 2, FIRE_IN(all, n->in[i]), NULL);
    }
}

const fire_op fire_op_clip = {
    .name = "Clip", .help = "x cut to [min, max]",
    .min_in = 1, .max_in = 3, .n_out = 1, .in_place = 1,
    .infer = clip_infer, .run = clip_run, .grad = clip_grad,
    .examples = {"[20] []{-0.5} []{0.5}", "[4,5] []{0.2}", "[4,5] - [1]{0.3}", "[7]", "i32[5] i32[]{-2} i32[]{2}"},
};
