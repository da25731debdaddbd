/* channel_affine - y = (x - mean) scale + shift with one mean, scale and shift for each index of the last dimension of x.
**
** Inputs are x [..., c], scale, shift and mean, all [c]; the last two may be left out. This is batch normalization once the moments are known; the planner makes it of
** the multiplication and addition that inference builds. ChannelAffineGrad sums on the way back, ChannelBlend joins the two parts of dx.
*/
#include "op.h"

extern const fire_op fire_op_channel_affine, fire_op_channel_blend;

static bool is(const fire_node *n, const char *op) { return n && !strcmp(n->op->name, op); }

/* Inputs from `from` on, those that are there, are one number for each index of the last dimension of x. */
static fire_status want_channels(int n_in, const fire_tensor *in, int from, fire_error *err) {
    fire_status s = fire_want_float(&in[0], "input", err);
    if (s) return s;
    const fire_shape *x = &in[0].shape;
    if (x->rank < 1) return fire_fail(err, FIRE_E_SHAPE, "a single number has no channels");
    for (int i = 1; i < n_in; i++) {
        if (!in[i].type) continue;
        if (in[i].type != in[0].type) return fire_fail(err, FIRE_E_SHAPE, "inputs are %s and %s", fire_type_text(in[0].type), fire_type_text(in[i].type));
        bool fits = i < from ? fire_same_shape(&in[i].shape, x) : in[i].shape.rank == 1 && in[i].shape.dim[0] == x->dim[x->rank - 1];
        char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
        if (!fits) return fire_fail(err, FIRE_E_SHAPE, "%s does not go with %s", fire_shape_text(&in[i].shape, a), fire_shape_text(x, b));
    }
    return FIRE_OK;
}

static fire_status channel_affine_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    out[0].type = in[0].type;
    out[0].shape = in[0].shape;
    return want_channels(n_in, in, 1, err);
}

static int64_t channels_of(const fire_call *call) { return call->in[0].shape.dim[call->in[0].shape.rank - 1]; }
static double at(const fire_call *call, int i, int64_t j, double otherwise) {
    return i < call->n_in && call->in[i].type ? fire_get(&call->in[i], j) : otherwise;
}

static void channel_affine_run(const fire_call *call) {
    const fire_tensor *x = &call->in[0];
    int64_t c = channels_of(call), n = fire_count(&x->shape);
    for (int64_t i = 0; i < n; i++)
        fire_put(&call->out[0], i, (fire_get(x, i) - at(call, 3, i % c, 0)) * fire_get(&call->in[1], i % c) + at(call, 2, i % c, 0));
}

static void channel_affine_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value x = n->in[0], scale = n->in[1], shift = n->n_in > 2 ? n->in[2] : 0, mean = n->n_in > 3 ? n->in[3] : 0, sums[FIRE_MAX_OUT];
    dx[0] = fire_apply(g, "Mul", 2, FIRE_IN(dy[0], scale), NULL);
    if (fire_apply_all(g, "ChannelAffineGrad", 3, FIRE_IN(dy[0], x, mean), NULL, sums)) return;
    dx[1] = sums[1];
    if (shift) dx[2] = sums[0];
    if (mean) dx[3] = fire_apply(g, "Neg", 1, FIRE_IN(fire_apply(g, "Mul", 2, FIRE_IN(sums[0], scale), NULL)), NULL);
}

static int64_t channel_affine_flops(const fire_call *call) { return FIRE_WORK(3, fire_count(&call->in[0].shape)); }

/* Add (Mul (x, scale [c]), shift [c]), the product read once: what inference builds. */
static bool channel_affine_fuse(fire_graph *g, int32_t i, const int32_t *uses) {
    fire_node *top = &g->node[i];
    if (!is(top, "Add")) return false;
    fire_type type = fire_type_of(g, top->out[0]);
    fire_shape y = fire_shape_of(g, top->out[0]);
    if ((type != FIRE_F32 && type != FIRE_F64) || y.rank < 2) return false;
    for (int k = 0; k < 2; k++) {
        const fire_node *mul = fire_producer(g, top->in[k]);
        fire_shape shift = fire_shape_of(g, top->in[1 - k]);
        if (!is(mul, "Mul") || uses[top->in[k]] != 1 || shift.rank != 1 || shift.dim[0] != y.dim[y.rank - 1]) continue;
        for (int q = 0; q < 2; q++) {
            fire_shape x = fire_shape_of(g, mul->in[q]), scale = fire_shape_of(g, mul->in[1 - q]);
            if (!fire_same_shape(&x, &y) || scale.rank != 1 || scale.dim[0] != shift.dim[0]) continue;
            *top = (fire_node){.op = &fire_op_channel_affine, .n_in = 3, .n_out = 1, .in = {mul->in[q], mul->in[1 - q], top->in[1 - k]},
                               .out = {top->out[0]}, .layer = top->layer};
            return true;
        }
    }
    return false;
}

const fire_op fire_op_channel_affine = {
    .name = "ChannelAffine", .domain = FIRE_DOMAIN, .help = "(x - mean) scale + shift for each index of the last dimension",
    .min_in = 2, .max_in = 4, .n_out = 1, .in_place = 1,
    .infer = channel_affine_infer, .run = channel_affine_run, .grad = channel_affine_grad, .flops = channel_affine_flops, .fuse = channel_affine_fuse,
    .examples = {"[4,3] [3] [3] [3]", "[2,3,5] [5] [5]", "[2,3,5] [5] - [5]", "[33,20] [20] [20] [20]", "[6,1] [1]"},
};

/* ---- ChannelAffineGrad: dy, x, mean -> the sums over all but the last dimension of dy, and of dy (x - mean) ---- */

static fire_status affine_grad_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = want_channels(n_in, in, 2, err);
    for (int k = 0; k < 2 && !s; k++) {
        out[k].type = in[0].type;
        out[k].shape = (fire_shape){1, {in[0].shape.dim[in[0].shape.rank - 1]}};
    }
    return s;
}

static size_t affine_grad_scratch(const fire_call *call) { return 2 * (size_t)fire_count(&call->out[0].shape) * sizeof(double); }

static void affine_grad_run(const fire_call *call) {
    int64_t c = channels_of(call), n = fire_count(&call->in[0].shape);
    double *shift = call->scratch, *scale = shift + c;
    for (int64_t j = 0; j < c; j++) shift[j] = scale[j] = 0;
    for (int64_t i = 0; i < n; i++) {
        double dy = fire_get(&call->in[0], i);
        shift[i % c] += dy;
        scale[i % c] += dy * (fire_get(&call->in[1], i) - at(call, 2, i % c, 0));
    }
    for (int64_t j = 0; j < c; j++) {
        fire_put(&call->out[0], j, shift[j]);
        fire_put(&call->out[1], j, scale[j]);
    }
}

static int64_t affine_grad_flops(const fire_call *call) { return FIRE_WORK(4, fire_count(&call->in[0].shape)); }

const fire_op fire_op_channel_affine_grad = {
    .name = "ChannelAffineGrad", .domain = FIRE_DOMAIN, .help = "sums of dy and of dy (x - mean) for each index of the last dimension",
    .min_in = 2, .max_in = 3, .n_out = 2,
    .infer = affine_grad_infer, .run = affine_grad_run, .scratch = affine_grad_scratch, .flops = affine_grad_flops,
    .examples = {"[4,3] [4,3] [3]", "[2,3,5] [2,3,5]", "[33,20] [33,20] [20]"},
};

/* ---- ChannelBlend: dy a + (x - mean) b + c, made by the planner of Add (Mul (dy, a), ChannelAffine (x, b, c, mean)); inputs dy, x, a, b, c, mean ---- */

static fire_status blend_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    out[0].type = in[0].type;
    out[0].shape = in[0].shape;
    return want_channels(n_in, in, 2, err);
}

static void blend_run(const fire_call *call) {
    int64_t c = channels_of(call), n = fire_count(&call->in[0].shape);
    for (int64_t i = 0; i < n; i++) {
        int64_t j = i % c;
        double x = fire_get(&call->in[1], i) - at(call, 5, j, 0);
        fire_put(&call->out[0], i, fire_get(&call->in[0], i) * fire_get(&call->in[2], j) + x * fire_get(&call->in[3], j) + at(call, 4, j, 0));
    }
}

static int64_t blend_flops(const fire_call *call) { return FIRE_WORK(5, fire_count(&call->in[0].shape)); }

static bool blend_fuse(fire_graph *g, int32_t i, const int32_t *uses) {
    fire_node *top = &g->node[i];
    if (!is(top, "Add")) return false;
    fire_shape y = fire_shape_of(g, top->out[0]);
    for (int k = 0; k < 2; k++) {
        const fire_node *mul = fire_producer(g, top->in[k]), *affine = fire_producer(g, top->in[1 - k]);
        if (!is(mul, "Mul") || !is(affine, "ChannelAffine") || uses[top->in[k]] != 1 || uses[top->in[1 - k]] != 1) continue;
        fire_shape x = fire_shape_of(g, affine->in[0]);
        for (int q = 0; q < 2 && fire_same_shape(&x, &y); q++) {
            fire_shape dy = fire_shape_of(g, mul->in[q]), a = fire_shape_of(g, mul->in[1 - q]);
            if (!fire_same_shape(&dy, &y) || a.rank != 1 || a.dim[0] != y.dim[y.rank - 1]) continue;
            *top = (fire_node){.op = &fire_op_channel_blend, .n_in = 6, .n_out = 1,
                               .in = {mul->in[q], affine->in[0], mul->in[1 - q], affine->in[1], affine->n_in > 2 ? affine->in[2] : 0, affine->n_in > 3 ? affine->in[3] : 0},
                               .out = {top->out[0]}, .layer = top->layer};
            return true;
        }
    }
    return false;
}

const fire_op fire_op_channel_blend = {
    .name = "ChannelBlend", .domain = FIRE_DOMAIN, .help = "dy a + (x - mean) b + c for each index of the last dimension",
    .min_in = 4, .max_in = 6, .n_out = 1, .in_place = 3,
    .infer = blend_infer, .run = blend_run, .flops = blend_flops, .fuse = blend_fuse,
    .examples = {"[4,3] [4,3] [3] [3] [3] [3]", "[2,3,5] [2,3,5] [5] [5] - [5]", "[2,3,5] [2,3,5] [5] [5]", "[33,20] [33,20] [20] [20] [20] [20]"},
};
