/* conv - y = x * w + b: each output place is the sum over a window of x, its taps and its channels, times weights.
**
** x is [n, c, d...], w [out, c / group, k...], b [out] or left out; with channels_last=1 x is [n, d..., c] and w [k..., c / group, out].
*/
#include "window.h"

static const fire_attr attrs_of_conv[] = {
    FIRE_ROW_AUTO_PAD, FIRE_ROW_DILATIONS, FIRE_ROW_GROUP, FIRE_ROW_KERNEL_SHAPE, FIRE_ROW_PADS, FIRE_ROW_STRIDES, FIRE_ROW_CHANNELS_LAST, {0},
};

static fire_status check_bias(const fire_tensor *b, int64_t channels, fire_error *err) {
    char text[FIRE_SHAPE_TEXT];
    if (!b->type || (b->shape.rank == 1 && b->shape.dim[0] == channels)) return FIRE_OK;
    return fire_fail(err, FIRE_E_SHAPE, "the bias is %s, expected [%lld]", fire_shape_text(&b->shape, text), (long long)channels);
}

static fire_status conv_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_conv c;
    fire_status s = fire_want_float(&in[0], "input", err);
    if (!s) s = fire_want_same_type(n_in, in, err);
    if (!s) s = fire_conv_fit(attrs, &in[0].shape, &in[1].shape, &c, err);
    if (!s && n_in > 2) s = check_bias(&in[2], c.out, err);
    if (s) return s;
    out[0].type = in[0].type;
    out[0].shape = fire_window_shape(&c.w, c.out, c.w.y);
    return FIRE_OK;
}

static fire_conv sizes(const fire_call *call, int x, int w) {
    fire_conv c = {0};
    (void)fire_conv_fit(call->attrs, &call->in[x].shape, &call->in[w].shape, &c, NULL);
    return c;
}

static void conv_run(const fire_call *call) {
    fire_conv c = sizes(call, 0, 1);
    fire_conv_forward(&c, &call->in[0], &call->in[1], call->n_in > 2 ? &call->in[2] : NULL, &call->out[0], NULL);
}

/* One operator gives the gradients of weights and bias: both read all of dy. */
static void conv_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_conv c;
    char text[FIRE_CONV_TEXT];
    fire_shape x = fire_shape_of(g, n->in[0]), w = fire_shape_of(g, n->in[1]);
    fire_value out[FIRE_MAX_OUT] = {0};
    bool bias = n->n_in > 2 && n->in[2];
    if (fire_conv_fit(n->attrs, &x, &w, &c, &g->first)) return;
    dx[0] = fire_apply(g, "ConvGradX", 3, FIRE_IN(dy[0], n->in[1], n->in[0]), fire_conv_text(&c, false, text));
    fire_apply_all(g, "ConvGradW", 3, FIRE_IN(n->in[0], dy[0], n->in[1]), fire_conv_text(&c, bias, text), out);
    dx[1] = out[0];
    if (bias) dx[2] = out[1];
}

static int64_t conv_flops(const fire_call *call) {
    fire_conv c = sizes(call, 0, 1);
    return fire_conv_flops(&c);
}

/* ---- what the planner makes of ChannelAffine (Conv): weights and bias take the factors ---- */

/* Whether v follows from weights and constants alone, looking at no more than *left nodes. */
static bool stays(const fire_graph *g, fire_value v, int *left) {
    const fire_node *n = fire_producer(g, v);
    if (!n) return fire_look(g, v)->source != FIRE_FROM_INPUT;
    if (n->op->joins || !n->n_in || --*left < 0) return false;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && !stays(g, n->in[i], left)) return false;
    return true;
}

static bool conv_fuse(fire_graph *g, int32_t i, const int32_t *uses) {
    const fire_node top = g->node[i], *conv = fire_producer(g, top.in[0]);
    fire_value scale = top.in[1], shift = top.n_in > 2 ? top.in[2] : 0;
    int left = 16; /* those of a batch normalization are five */
    if (strcmp(top.op->name, "ChannelAffine") || (top.n_in > 3 && top.in[3]) || !conv || strcmp(conv->op->name, "Conv") || uses[top.in[0]] != 1) return false;
    if (!((const fire_window_attrs *)conv->attrs)->channels_last || !stays(g, scale, &left) || (shift && !stays(g, shift, &left))) return false;
    const fire_node c = *conv; /* nodes move when some are added */
    const char *layer = g->layer;
    fire_value bias = c.n_in > 2 ? c.in[2] : 0;
    g->layer = c.layer;
    fire_value w = fire_apply(g, "Mul", 2, FIRE_IN(c.in[1], scale), NULL);
    if (bias) shift = fire_apply(g, "ChannelAffine", 3, FIRE_IN(bias, scale, shift), NULL);
    g->layer = layer;
    g->node[i] = (fire_node){.op = c.op, .attrs = c.attrs, .n_in = shift ? 3 : 2, .n_out = 1, .in = {c.in[0], w, shift}, .out = {top.out[0]}, .layer = c.layer};
    return true;
}

const fire_op fire_op_conv = {
    .name = "Conv", .help = "convolution over 1 to 3 dimensions, with groups, strides, dilations and padding",
    .min_in = 2, .max_in = 3, .n_out = 1, .attrs = attrs_of_conv, .attr_size = sizeof(fire_window_attrs),
    .infer = conv_infer, .run = conv_run, .grad = conv_grad, .flops = conv_flops, .fuse = conv_fuse,
    .lower = fire_lower_conv,
    .examples = {"[2,4,6,7] [5,4,3,3] [5]", "[2,6,7,4] [3,3,4,5] [5] channels_last=1", "[2,7,7,4] [3,3,4,16] [16] channels_last=1 strides=[2,2] auto_pad=SAME_UPPER",
                 "[2,6,8,4] [3,2,2,6] channels_last=1 group=2 pads=[1,0,2,1]", "[2,4,9] [6,2,3] [6] group=2 dilations=[2] strides=[2]",
                 "[2,9,4] [3,4,6] [6] channels_last=1 dilations=[2] pads=[4,0]", "[2,3,4,5,4] [2,3,2,2,2] [2] strides=[2,1,1] auto_pad=SAME_LOWER",
                 "[2,4,5,4,3] [2,3,2,3,4] [4] channels_last=1", "[2,5,6,8] [3,3,1,8] [8] channels_last=1 group=8 pads=[1,1,1,1]",
                 "[2,5,5,3] [1,1,3,7] channels_last=1 strides=[2,2]", "[2,8,8,1] [3,3,1,5] [5] channels_last=1", "[2,9,8,3] [5,5,3,17] [17] channels_last=1 strides=[2,2] pads=[2,2,2,2]"},
};

/* ---- ConvGradX: from dy, w and the shape of x ---- */

static const fire_attr attrs_of_grad_x[] = {FIRE_ROW_DILATIONS, FIRE_ROW_GROUP, FIRE_ROW_PADS, FIRE_ROW_STRIDES, FIRE_ROW_CHANNELS_LAST, {0}};

static fire_status check_output(const fire_conv *c, const fire_shape *dy, fire_error *err) {
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    fire_shape y = fire_window_shape(&c->w, c->out, c->w.y);
    if (fire_same_shape(&y, dy)) return FIRE_OK;
    return fire_fail(err, FIRE_E_SHAPE, "dy is %s, expected %s", fire_shape_text(dy, a), fire_shape_text(&y, b));
}

static fire_status grad_x_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_conv c;
    fire_status s = fire_want_float(&in[0], "dy", err);
    if (!s) s = fire_want_same_type(n_in, in, err);
    if (!s) s = fire_conv_fit(attrs, &in[2].shape, &in[1].shape, &c, err);
    if (!s) s = check_output(&c, &in[0].shape, err);
    out[0].type = in[2].type;
    out[0].shape = in[2].shape;
    return s;
}

static void grad_x_run(const fire_call *call) {
    fire_conv c = sizes(call, 2, 1);
    fire_conv_back_data(&c, &call->in[0], &call->in[1], NULL, &call->out[0]);
}
static int64_t grad_x_flops(const fire_call *call) {
    fire_conv c = sizes(call, 2, 1);
    return fire_conv_flops(&c);
}

const fire_op fire_op_conv_grad_x = {
    .name = "ConvGradX", .domain = FIRE_DOMAIN, .help = "gradient of Conv by its input, from dy, the weights and the input's shape",
    .min_in = 3, .max_in = 3, .n_out = 1, .shape_only = 4, .attrs = attrs_of_grad_x, .attr_size = sizeof(fire_window_attrs),
    .infer = grad_x_infer, .run = grad_x_run, .flops = grad_x_flops,
    .examples = {"[2,5,4,5] [5,4,3,3] [2,4,6,7]", "[2,4,5,5] [3,3,4,5] [2,6,7,4] channels_last=1", "[2,4,4,16] [3,3,4,16] [2,7,7,4] channels_last=1 strides=[2,2] pads=[1,1,1,1]",
                 "[2,8,8,6] [3,2,2,6] [2,6,8,4] channels_last=1 group=2 pads=[2,0,2,1]", "[2,6,3] [6,2,3] [2,4,9] group=2 dilations=[2] strides=[2]",
                 "[2,3,4,2,4] [2,2,2,3,4] [2,4,5,3,3] channels_last=1", "[2,5,6,8] [3,3,1,8] [2,5,6,8] channels_last=1 group=8 pads=[1,1,1,1]"},
};

/* ---- ConvGradW: from x, dy and the shape of w; with bias=1 the gradient of the bias as well, else an empty second output ---- */

static const fire_attr attrs_of_grad_w[] = {
    FIRE_ROW_DILATIONS, FIRE_ROW_GROUP, FIRE_ROW_PADS, FIRE_ROW_STRIDES, FIRE_ROW_CHANNELS_LAST,
    {"bias", FIRE_ATTR_INT, FIRE_WINDOW_AT(bias), 0, 0, 1, .help = "1: the second output is the gradient of the bias"},
    {0},
};

static fire_status grad_w_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_conv c;
    fire_status s = fire_want_float(&in[0], "input", err);
    if (!s) s = fire_want_same_type(n_in, in, err);
    if (!s) s = fire_conv_fit(attrs, &in[0].shape, &in[2].shape, &c, err);
    if (!s) s = check_output(&c, &in[1].shape, err);
    if (s) return s;
    out[0].type = out[1].type = in[0].type;
    out[0].shape = in[2].shape;
    out[1].shape = (fire_shape){1, {((const fire_window_attrs *)attrs)->bias ? c.out : 0}};
    return FIRE_OK;
}

static void grad_w_run(const fire_call *call) {
    fire_conv c = sizes(call, 0, 2);
    fire_conv_back_weights(&c, &call->in[0], &call->in[1], &call->out[0], ((const fire_window_attrs *)call->attrs)->bias ? &call->out[1] : NULL);
}
static int64_t grad_w_flops(const fire_call *call) {
    fire_conv c = sizes(call, 0, 2);
    return fire_conv_flops(&c);
}

const fire_op fire_op_conv_grad_w = {
    .name = "ConvGradW", .domain = FIRE_DOMAIN, .help = "gradient of Conv by its weights and its bias, from the input, dy and the weights' shape",
    .min_in = 3, .max_in = 3, .n_out = 2, .shape_only = 4, .attrs = attrs_of_grad_w, .attr_size = sizeof(fire_window_attrs),
    .infer = grad_w_infer, .run = grad_w_run, .flops = grad_w_flops,
    .examples = {"[2,4,6,7] [2,5,4,5] [5,4,3,3] bias=1", "[2,6,7,4] [2,4,5,5] [3,3,4,5] channels_last=1 bias=1", "[2,7,7,4] [2,4,4,16] [3,3,4,16] channels_last=1 strides=[2,2] pads=[1,1,1,1]",
                 "[2,6,8,4] [2,8,8,6] [3,2,2,6] channels_last=1 group=2 pads=[2,0,2,1] bias=1", "[2,4,9] [2,6,3] [6,2,3] group=2 dilations=[2] strides=[2]",
                 "[2,4,5,3,3] [2,3,4,2,4] [2,2,2,3,4] channels_last=1", "[2,5,6,8] [2,5,6,8] [3,3,1,8] channels_last=1 group=8 pads=[1,1,1,1] bias=1",
                 "[2,8,8,1] [2,6,6,5] [3,3,1,5] channels_last=1 bias=1", "[2,9,8,3] [2,5,4,17] [5,5,3,17] channels_last=1 strides=[2,2] pads=[2,2,2,2]"},
};

fire_value fire_take_bias(fire_graph *g, int32_t i) {
    fire_value dy = g->node[i].out[0];
    for (int64_t k = i + 1; k < g->n_nodes; k++) {
        fire_node *n = &g->node[k];
        if (n->op != &fire_op_conv_grad_w || n->in[1] != dy) continue;
        const fire_window_attrs *t = n->attrs;
        if (!t->bias || !t->channels_last || !n->out[1]) continue;
        fire_window_attrs *copy = fire_arena_alloc(&g->arena, 1, sizeof *copy, &g->first);
        if (!copy) return 0;
        *copy = *t;
        copy->bias = 0;
        fire_value db = n->out[1];
        n->attrs = copy;
        n->out[1] = 0;
        return db;
    }
    return 0;
}
