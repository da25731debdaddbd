/* max_pool - the largest number of each window, channel by channel. Padding counts as nothing.
**
** The second output of ONNX's operator, the places of the largest numbers, is MaxPoolPlaces.
*/
#include "window.h"
#include <math.h>

extern const fire_op fire_op_max_pool_grad;

static const fire_attr attrs_of_max_pool[] = {
    FIRE_ROW_AUTO_PAD,
    {"ceil_mode", FIRE_ATTR_INT, FIRE_WINDOW_AT(ceil_mode), 0, 0, 1, .help = "1: a last window may reach past the padding"},
    FIRE_ROW_DILATIONS, FIRE_ROW_KERNEL_SHAPE, FIRE_ROW_PADS,
    {"storage_order", FIRE_ATTR_INT, FIRE_WINDOW_AT(storage_order), 0, 0, 1, .help = "of the places, which are not given"},
    FIRE_ROW_STRIDES, FIRE_ROW_CHANNELS_LAST, {0},
};

/* The first of the largest numbers in the window over place y, or -1 when all of it is padding. */
static int64_t largest(const fire_window *w, const fire_tensor *x, int64_t n, int64_t c, int64_t p, int64_t taps, int64_t places) {
    int64_t y[3], k[3], best = -1;
    double top = -INFINITY;
    fire_window_split(p, w->y, y);
    for (int64_t tap = 0; tap < taps; tap++) {
        fire_window_split(tap, w->k, k);
        int64_t from = fire_window_tap(w, y, k);
        if (from < 0) continue;
        from = fire_window_at(w->last, n, c, from, w->c, places);
        double v = fire_get(x, from);
        if (best < 0 || v > top || (v != v && top == top)) best = from, top = v;
    }
    return best;
}

static void max_pool_run(const fire_call *call) {
    fire_window w;
    if (fire_pool_fit(call->attrs, &call->in[0].shape, &w, NULL)) return;
    int64_t taps = fire_window_count(w.k), places = fire_window_count(w.x), ends = fire_window_count(w.y);
    for (int64_t n = 0; n < w.n; n++)
        for (int64_t c = 0; c < w.c; c++)
            for (int64_t p = 0; p < ends; p++) {
                int64_t from = largest(&w, &call->in[0], n, c, p, taps, places);
                fire_put(&call->out[0], fire_window_at(w.last, n, c, p, w.c, ends), from < 0 ? -INFINITY : fire_get(&call->in[0], from));
            }
}

static void max_pool_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    char text[FIRE_ATTRS_TEXT];
    dx[0] = fire_apply(g, "MaxPoolGrad", 2, FIRE_IN(n->in[0], dy[0]), fire_node_attrs(n, text));
}

static int64_t flops_of(const fire_call *call) {
    fire_window w;
    return fire_pool_fit(call->attrs, &call->in[0].shape, &w, NULL) ? 0 : fire_pool_flops(&w);
}

const fire_op fire_op_max_pool = {
    .name = "MaxPool", .help = "the largest number of each window over 1 to 3 dimensions",
    .min_in = 1, .max_in = 1, .n_out = 1, .attrs = attrs_of_max_pool, .attr_size = sizeof(fire_window_attrs),
    .infer = fire_pool_infer, .run = max_pool_run, .grad = max_pool_grad, .flops = flops_of,
    .lower = fire_lower_pool,
    .examples = {"[2,3,6,8] kernel_shape=[2,2] strides=[2,2]", "[2,6,8,3] kernel_shape=[2,2] strides=[2,2] channels_last=1", "[2,7,8,20] kernel_shape=[3,3] strides=[2,2] auto_pad=SAME_UPPER channels_last=1",
                 "[2,3,7] kernel_shape=[3] strides=[2] pads=[1,1]", "[2,7,9,3] kernel_shape=[2,3] strides=[1,2] pads=[0,1,1,2] channels_last=1", "[2,3,7,8] kernel_shape=[3,3] strides=[2,2] ceil_mode=1",
                 "[2,7,3] kernel_shape=[2] dilations=[2] channels_last=1", "[2,4,5,4,3] kernel_shape=[2,2,2] strides=[2,1,2] channels_last=1", "[2,3,4,5,4] kernel_shape=[2,2,2] auto_pad=SAME_LOWER",
                 "[2,8,8,16] kernel_shape=[3,3] strides=[2,2] pads=[1,1,1,1] channels_last=1"},
};

/* ---- MaxPoolPlaces: where the largest number of each window stands, counted from the tensor's first ---- */

static fire_status places_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_pool_infer(attrs, n_in, in, out, err);
    out[0].type = FIRE_I64;
    return s;
}

/* With storage_order 1 the last spatial dimension counts slowest. */
static void places_run(const fire_call *call) {
    const fire_window_attrs *t = call->attrs;
    fire_window w;
    if (fire_pool_fit(t, &call->in[0].shape, &w, NULL)) return;
    int64_t taps = fire_window_count(w.k), places = fire_window_count(w.x), ends = fire_window_count(w.y);
    for (int64_t n = 0; n < w.n; n++)
        for (int64_t c = 0; c < w.c; c++)
            for (int64_t p = 0; p < ends; p++) {
                int64_t from = largest(&w, &call->in[0], n, c, p, taps, places), at[3];
                if (t->storage_order && from >= 0 && !w.last) {
                    fire_window_split(from % places, w.x, at);
                    from = from - from % places + at[0] + w.x[0] * (at[1] + w.x[1] * at[2]);
                }
                fire_put(&call->out[0], fire_window_at(w.last, n, c, p, w.c, ends), (double)from);
            }
}

const fire_op fire_op_max_pool_places = {
    .name = "MaxPoolPlaces", .domain = FIRE_DOMAIN, .help = "where the largest number of each window stands, the second output of ONNX's MaxPool",
    .min_in = 1, .max_in = 1, .n_out = 1, .attrs = attrs_of_max_pool, .attr_size = sizeof(fire_window_attrs), .infer = places_infer, .run = places_run,
    .examples = {"[2,3,6,8] kernel_shape=[2,2] strides=[2,2]", "[2,3,7] kernel_shape=[3] strides=[2] pads=[1,1]", "[1,2,5,5] kernel_shape=[2,2] strides=[2,2] storage_order=1"},
};

/* ---- MaxPoolGrad: each dy goes to the first of the largest numbers of its window ---- */

static const fire_attr attrs_of_max_pool_grad[] = {
    FIRE_ROW_AUTO_PAD,
    {"ceil_mode", FIRE_ATTR_INT, FIRE_WINDOW_AT(ceil_mode), 0, 0, 1, .help = "1: a last window may reach past the padding"},
    FIRE_ROW_DILATIONS, FIRE_ROW_KERNEL_SHAPE, FIRE_ROW_PADS,
    {"storage_order", FIRE_ATTR_INT, FIRE_WINDOW_AT(storage_order), 0, 0, 1, .help = "of the places, which are not given"},
    FIRE_ROW_STRIDES, FIRE_ROW_CHANNELS_LAST,
    {"relu", FIRE_ATTR_INT, FIRE_WINDOW_AT(p), 0, 0, 1, .help = "1: x is what Relu gave, and its gradient is taken too: nothing goes to numbers that are not above 0"},
    {"bias", FIRE_ATTR_INT, FIRE_WINDOW_AT(bias), 0, 0, 1, .help = "1: the second output is the sum of the first over all but the channels"},
    {0},
};

static fire_status max_pool_grad_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    const fire_window_attrs *t = attrs;
    fire_status s = fire_pool_grad_infer(attrs, n_in, in, 0, 1, out, err);
    out[1].type = in[0].type;
    out[1].shape = (fire_shape){1, {s || !t->bias ? 0 : in[0].shape.dim[t->channels_last ? in[0].shape.rank - 1 : 1]}};
    return s;
}

/* A place may be the largest of several windows: the sums are kept in doubles. */
static size_t max_pool_grad_scratch(const fire_call *call) { return (size_t)fire_count(&call->out[0].shape) * sizeof(double); }
static void max_pool_grad_run(const fire_call *call) {
    const fire_window_attrs *t = call->attrs;
    fire_window w;
    double *sum = call->scratch;
    int64_t count = fire_count(&call->out[0].shape);
    if (fire_pool_fit(t, &call->in[0].shape, &w, NULL)) return;
    int64_t taps = fire_window_count(w.k), places = fire_window_count(w.x), ends = fire_window_count(w.y);
    for (int64_t i = 0; i < count; i++) sum[i] = 0;
    for (int64_t n = 0; n < w.n; n++)
        for (int64_t c = 0; c < w.c; c++)
            for (int64_t p = 0; p < ends; p++) {
                int64_t from = largest(&w, &call->in[0], n, c, p, taps, places);
                if (from >= 0 && !(t->p && !(fire_get(&call->in[0], from) > 0))) sum[from] += fire_get(&call->in[1], fire_window_at(w.last, n, c, p, w.c, ends));
            }
    for (int64_t i = 0; i < count; i++) fire_put(&call->out[0], i, sum[i]);
    for (int64_t c = 0; c < w.c && t->bias; c++) {
        double all = 0;
        for (int64_t n = 0; n < w.n; n++)
            for (int64_t p = 0; p < places; p++) all += sum[fire_window_at(w.last, n, c, p, w.c, places)];
        fire_put(&call->out[1], c, all);
    }
}

/* Node i is a ReluGrad of what a MaxPoolGrad of the same numbers gives; a convolution that wants the sum of it for its bias has it made here. */
static bool max_pool_grad_fuse(fire_graph *g, int32_t i, const int32_t *uses) {
    fire_node *top = &g->node[i];
    if (strcmp(top->op->name, "ReluGrad")) return false;
    const fire_node *pool = fire_producer(g, top->in[1]);
    if (!pool || pool->op != &fire_op_max_pool_grad || pool->in[0] != top->in[0] || uses[top->in[1]] != 1) return false;
    fire_window_attrs *t = fire_arena_alloc(&g->arena, 1, sizeof *t, &g->first);
    if (!t) return false;
    *t = *(const fire_window_attrs *)pool->attrs;
    t->p = 1;
    *top = (fire_node){.op = &fire_op_max_pool_grad, .attrs = t, .n_in = 2, .n_out = 2, .in = {pool->in[0], pool->in[1]}, .out = {top->out[0]}, .layer = top->layer};
    if (t->channels_last) top->out[1] = fire_take_bias(g, i);
    t->bias = top->out[1] != 0;
    return true;
}

const fire_op fire_op_max_pool_grad = {
    .name = "MaxPoolGrad", .domain = FIRE_DOMAIN, .help = "gradient of MaxPool, from its input and dy: dy goes to the first of the largest numbers of its window",
    .min_in = 2, .max_in = 2, .n_out = 2, .attrs = attrs_of_max_pool_grad, .attr_size = sizeof(fire_window_attrs),
    .infer = max_pool_grad_infer, .run = max_pool_grad_run, .scratch = max_pool_grad_scratch, .flops = flops_of, .fuse = max_pool_grad_fuse,
    .examples = {"[2,3,6,8] [2,3,3,4] kernel_shape=[2,2] strides=[2,2]", "[2,6,8,3] [2,3,4,3] kernel_shape=[2,2] strides=[2,2] channels_last=1",
                 "[2,7,9,20] [2,3,4,20] kernel_shape=[2,2] strides=[2,2] channels_last=1 relu=1 bias=1", "[2,7,8,20] [2,4,4,20] kernel_shape=[3,3] strides=[2,2] auto_pad=SAME_UPPER channels_last=1",
                 "[2,3,7] [2,3,4] kernel_shape=[3] strides=[2] pads=[1,1]", "[2,7,3] [2,5,3] kernel_shape=[2] dilations=[2] channels_last=1 relu=1",
                 "[2,4,5,4,3] [2,2,4,2,3] kernel_shape=[2,2,2] strides=[2,1,2] channels_last=1 bias=1", "[2,8,6,33] [2,4,3,33] kernel_shape=[2,2] strides=[2,2] channels_last=1 bias=1", "[2,5,5,3] [2,2,2,3] kernel_shape=[2,2] strides=[3,3] channels_last=1",
                 "[2,8,8,16] [2,4,4,16] kernel_shape=[3,3] strides=[2,2] pads=[1,1,1,1] channels_last=1"},
};
