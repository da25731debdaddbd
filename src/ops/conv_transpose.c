/* conv_transpose - the transposed convolution: y is what the gradient of a convolution by its input would be for dy = x, plus a bias.
**
** x is [n, c, d...], w [c, out / group, k...], b [out] or left out; with channels_last=1 x is [n, d..., c] and w [k..., out / group, c].
*/
#include "window.h"

static const fire_attr attrs_of_conv_transpose[] = {
    FIRE_ROW_AUTO_PAD, FIRE_ROW_DILATIONS, FIRE_ROW_GROUP, FIRE_ROW_KERNEL_SHAPE,
    {"output_padding", FIRE_ATTR_INTS, FIRE_WINDOW_AT(output_padding), 0, 0, 1 << 30, .help = "added to the size of the output, behind"},
    {"output_shape", FIRE_ATTR_INTS, FIRE_WINDOW_AT(output_shape), 0, 1, 1 << 30, .help = "spatial size of the output; pads follow from it"},
    FIRE_ROW_PADS, FIRE_ROW_STRIDES, FIRE_ROW_CHANNELS_LAST, {0},
};

static fire_status conv_transpose_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_conv c;
    char text[FIRE_SHAPE_TEXT];
    fire_status s = fire_want_float(&in[0], "input", err);
    if (!s) s = fire_want_same_type(n_in, in, err);
    if (!s) s = fire_conv_transpose_fit(attrs, &in[0].shape, &in[1].shape, &c, err);
    if (!s && n_in > 2 && in[2].type && (in[2].shape.rank != 1 || in[2].shape.dim[0] != c.w.c))
        return fire_fail(err, FIRE_E_SHAPE, "the bias is %s, expected [%lld]", fire_shape_text(&in[2].shape, text), (long long)c.w.c);
    if (s) return s;
    out[0].type = in[0].type;
    out[0].shape = fire_window_shape(&c.w, c.w.c, c.w.x);
    return FIRE_OK;
}

static fire_conv sizes(const fire_call *call) {
    fire_conv c = {0};
    (void)fire_conv_transpose_fit(call->attrs, &call->in[0].shape, &call->in[1].shape, &c, NULL);
    return c;
}

static void conv_transpose_run(const fire_call *call) {
    fire_conv c = sizes(call);
    fire_conv_back_data(&c, &call->in[0], &call->in[1], call->n_in > 2 ? &call->in[2] : NULL, &call->out[0]);
}

/* Backwards it is the convolution itself. */
static void conv_transpose_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_conv c;
    char text[FIRE_CONV_TEXT];
    fire_shape x = fire_shape_of(g, n->in[0]), w = fire_shape_of(g, n->in[1]);
    if (fire_conv_transpose_fit(n->attrs, &x, &w, &c, &g->first)) return;
    fire_conv_text(&c, false, text);
    if (n->n_in > 2 && n->in[2]) {
        uint32_t axes = 0; /* all but the channels */
        for (int d = 0; d < x.rank; d++)
            if (d != (c.w.last ? x.rank - 1 : 1)) axes |= 1u << d;
        dx[2] = fire_apply(g, "ReduceSum", 2, FIRE_IN(dy[0], fire_axes_const(g, axes)), "keepdims=0");
    }
    dx[0] = fire_apply(g, "Conv", 2, FIRE_IN(dy[0], n->in[1]), text);
    dx[1] = fire_apply(g, "ConvGradW", 3, FIRE_IN(dy[0], n->in[0], n->in[1]), text);
}

static int64_t conv_transpose_flops(const fire_call *call) {
    fire_conv c = sizes(call);
    return fire_conv_flops(&c);
}

const fire_op fire_op_conv_transpose = {
    .name = "ConvTranspose", .help = "transposed convolution: the gradient of Conv by its input, as an operator of its own",
    .min_in = 2, .max_in = 3, .n_out = 1, .attrs = attrs_of_conv_transpose, .attr_size = sizeof(fire_window_attrs),
    .infer = conv_transpose_infer, .run = conv_transpose_run, .grad = conv_transpose_grad, .flops = conv_transpose_flops,
    .lower = fire_lower_conv,
    .examples = {"[2,4,5,3] [4,5,3,3] [5]", "[2,5,3,4] [3,3,5,4] [5] channels_last=1 strides=[2,2]", "[2,5,3,4] [3,3,5,4] channels_last=1 strides=[2,2] pads=[1,1,1,1] output_padding=[1,1]",
                 "[2,4,6] [4,3,4] [6] group=2 strides=[2] pads=[1,1]", "[2,6,4] [3,3,4] [3] channels_last=1 auto_pad=SAME_UPPER strides=[2]", "[2,3,2,3,4] [2,2,2,3,4] [3] channels_last=1 dilations=[1,2,1]",
                 "[2,4,5,5] [4,3,4,4] [3] strides=[3,3] auto_pad=SAME_LOWER", "[2,4,5,5] [4,3,3,3] strides=[2,2] output_shape=[10,10]", "[2,2,3,3] [2,3,3,3] [3] strides=[3,2] output_shape=[10,8]"},
};
