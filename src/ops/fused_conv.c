/* fused_conv - y = f(x * w + b + z), what the planner makes of a convolution, another tensor that is added to it, and Relu.
**
** x, w and b are those of Conv, z has the shape of y; b and z may be left out. It is only made by fuse below, after gradients: it has none.
*/
#include "window.h"

extern const fire_op fire_op_fused_conv;

static const fire_attr attrs_of_fused_conv[] = {
    FIRE_ROW_AUTO_PAD, FIRE_ROW_DILATIONS, FIRE_ROW_GROUP, FIRE_ROW_KERNEL_SHAPE, FIRE_ROW_PADS, FIRE_ROW_STRIDES, FIRE_ROW_CHANNELS_LAST,
    {"activation", FIRE_ATTR_TEXT, FIRE_WINDOW_AT(activation), .text = "", .choices = "|relu", .help = "applied to the sum; empty: none"},
    {0},
};

static fire_status fused_conv_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_op_named("Conv")->infer(attrs, n_in < 3 ? n_in : 3, in, out, err);
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    if (!s && n_in > 3 && in[3].type && (in[3].type != in[0].type || !fire_same_shape(&in[3].shape, &out[0].shape)))
        s = fire_fail(err, FIRE_E_SHAPE, "%s is added to %s", fire_shape_text(&in[3].shape, a), fire_shape_text(&out[0].shape, b));
    return s;
}

static fire_conv sizes(const fire_call *call) {
    fire_conv c = {0};
    (void)fire_conv_fit(call->attrs, &call->in[0].shape, &call->in[1].shape, &c, NULL);
    return c;
}

/* The sum is rounded once, behind everything: each output is computed on its own. */
static size_t fused_conv_scratch(const fire_call *call) { return (size_t)fire_count(&call->out[0].shape) * sizeof(double); }
static void fused_conv_run(const fire_call *call) {
    fire_conv c = sizes(call);
    fire_tensor sum = {FIRE_F64, call->out[0].shape, call->scratch};
    bool relu = *((const fire_window_attrs *)call->attrs)->activation;
    fire_conv_forward(&c, &call->in[0], &call->in[1], call->n_in > 2 ? &call->in[2] : NULL, &sum, NULL);
    for (int64_t i = 0, n = fire_count(&sum.shape); i < n; i++) {
        double v = fire_get(&sum, i) + (call->n_in > 3 && call->in[3].type ? fire_get(&call->in[3], i) : 0);
        fire_put(&call->out[0], i, relu && !(v > 0 || v != v) ? 0 : v);
    }
}

static int64_t fused_conv_flops(const fire_call *call) {
    fire_conv c = sizes(call);
    return fire_conv_flops(&c);
}

/* ---- the pattern: Relu (Conv), [Relu] (Add (Conv, z)), inner values read once ---- */

static const fire_node *conv_of(const fire_graph *g, fire_value v, const int32_t *uses) {
    const fire_node *n = fire_producer(g, v);
    return n && uses[v] == 1 && !strcmp(n->op->name, "Conv") ? n : NULL;
}

static bool fused_conv_fuse(fire_graph *g, int32_t i, const int32_t *uses) {
    fire_node *top = &g->node[i];
    bool relu = !strcmp(top->op->name, "Relu");
    const fire_node *sum = relu ? fire_producer(g, top->in[0]) : top, *conv = NULL;
    if (!sum || (sum != top && uses[top->in[0]] != 1)) return false;
    fire_value z = 0;
    if (!strcmp(sum->op->name, "Add")) {
        for (int k = 0; k < 2 && !conv; k++) {
            fire_shape a = fire_shape_of(g, sum->in[0]), b = fire_shape_of(g, sum->in[1]);
            if (fire_same_shape(&a, &b) && sum->in[0] != sum->in[1] && (conv = conv_of(g, sum->in[k], uses))) z = sum->in[1 - k];
        }
    } else if (relu) conv = conv_of(g, top->in[0], uses);
    if (!conv) return false;
    fire_window_attrs *t = fire_arena_alloc(&g->arena, 1, sizeof *t, &g->first);
    if (!t) return false;
    *t = *(const fire_window_attrs *)conv->attrs;
    memcpy(t->activation, relu ? "relu" : "", relu ? 5 : 1);
    *top = (fire_node){.op = &fire_op_fused_conv, .attrs = t, .n_in = z ? 4 : conv->n_in, .n_out = 1, .in = {conv->in[0], conv->in[1], conv->n_in > 2 ? conv->in[2] : 0, z},
                       .out = {top->out[0]}, .layer = conv->layer};
    return true;
}

const fire_op fire_op_fused_conv = {
    .name = "FusedConv", .domain = FIRE_DOMAIN, .help = "activation(Conv + another tensor)",
    .min_in = 2, .max_in = 4, .n_out = 1, .in_place = 1 << 3, .attrs = attrs_of_fused_conv, .attr_size = sizeof(fire_window_attrs),
    .infer = fused_conv_infer, .run = fused_conv_run, .scratch = fused_conv_scratch, .flops = fused_conv_flops, .fuse = fused_conv_fuse,
    .examples = {"[2,6,7,4] [3,3,4,5] [5] channels_last=1 activation=relu", "[2,4,6,7] [5,4,3,3] activation=relu", "[2,6,7,4] [1,1,4,5] [5] [2,6,7,5] channels_last=1 activation=relu",
                 "[2,6,7,4] [3,3,4,16] - [2,6,7,16] channels_last=1 pads=[1,1,1,1]", "[2,9,4] [3,4,6] [6] channels_last=1 strides=[2] activation=relu"},
};
