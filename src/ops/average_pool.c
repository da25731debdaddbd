/* average_pool - the mean of each window, channel by channel; of the numbers in it, or of its size with count_include_pad=1. */
#include "window.h"

#define ROWS                                                                                                                                        \
    FIRE_ROW_AUTO_PAD, {"ceil_mode", FIRE_ATTR_INT, FIRE_WINDOW_AT(ceil_mode), 0, 0, 1, .help = "1: a last window may reach past the padding"},     \
        {"count_include_pad", FIRE_ATTR_INT, FIRE_WINDOW_AT(count_include_pad), 0, 0, 1, .help = "1: padding counts as zeros"}, FIRE_ROW_DILATIONS, \
        FIRE_ROW_KERNEL_SHAPE, FIRE_ROW_PADS, FIRE_ROW_STRIDES, FIRE_ROW_CHANNELS_LAST, {0}
static const fire_attr attrs_of_average_pool[] = {ROWS};

/* What the sum over the window at y is divided by; 0: nothing is in it. */
static double divisor(const fire_window *w, bool with_pad, const int64_t y[3]) {
    double all = 1;
    for (int d = 0; d < 3; d++) {
        int64_t n = 0, from = with_pad ? -w->low[d] : 0, to = w->x[d] + (with_pad ? w->high[d] : 0);
        for (int64_t k = 0; k < w->k[d]; k++) {
            int64_t at = y[d] * w->stride[d] + k * w->dilation[d] - w->low[d];
            n += at >= from && at < to;
        }
        all *= (double)n;
    }
    return all;
}

static void average_pool_run(const fire_call *call) {
    const fire_window_attrs *t = call->attrs;
    fire_window w;
    if (fire_pool_fit(t, &call->in[0].shape, &w, NULL)) return;
    int64_t taps = fire_window_count(w.k), places = fire_window_count(w.x), ends = fire_window_count(w.y), y[3], k[3];
    for (int64_t p = 0; p < ends; p++) {
        fire_window_split(p, w.y, y);
        double by = divisor(&w, t->count_include_pad, y);
        for (int64_t n = 0; n < w.n; n++)
            for (int64_t c = 0; c < w.c; c++) {
                double sum = 0;
                for (int64_t tap = 0; tap < taps; tap++) {
                    fire_window_split(tap, w.k, k);
                    int64_t from = fire_window_tap(&w, y, k);
                    if (from >= 0) sum += fire_get(&call->in[0], fire_window_at(w.last, n, c, from, w.c, places));
                }
                fire_put(&call->out[0], fire_window_at(w.last, n, c, p, w.c, ends), by > 0 ? sum / by : 0);
            }
    }
}

static void average_pool_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    char text[FIRE_ATTRS_TEXT];
    dx[0] = fire_apply(g, "AveragePoolGrad", 2, FIRE_IN(dy[0], n->in[0]), fire_node_attrs(n, text));
}

static int64_t flops_of(const fire_call *call, int x) {
    fire_window w;
    return fire_pool_fit(call->attrs, &call->in[x].shape, &w, NULL) ? 0 : fire_pool_flops(&w);
}
static int64_t average_pool_flops(const fire_call *call) { return flops_of(call, 0); }
static int64_t average_pool_grad_flops(const fire_call *call) { return flops_of(call, 1); }

const fire_op fire_op_average_pool = {
    .name = "AveragePool", .help = "the mean of each window over 1 to 3 dimensions",
    .min_in = 1, .max_in = 1, .n_out = 1, .attrs = attrs_of_average_pool, .attr_size = sizeof(fire_window_attrs),
    .infer = fire_pool_infer, .run = average_pool_run, .grad = average_pool_grad, .flops = average_pool_flops,
    .lower = fire_lower_pool,
    .examples = {"[2,3,6,8] kernel_shape=[2,2] strides=[2,2]", "[2,6,8,3] kernel_shape=[2,2] strides=[2,2] channels_last=1", "[2,7,8,20] kernel_shape=[3,3] strides=[2,2] auto_pad=SAME_UPPER channels_last=1",
                 "[2,3,7,8] kernel_shape=[3,3] strides=[2,2] pads=[1,1,1,1] count_include_pad=1", "[2,3,8,9] kernel_shape=[3,3] strides=[2,2] ceil_mode=1", "[2,8,9,3] kernel_shape=[3,3] strides=[2,2] pads=[1,0,1,0] ceil_mode=1 count_include_pad=1 channels_last=1",
                 "[2,9,3] kernel_shape=[2] strides=[2] channels_last=1", "[2,4,4,5,3] kernel_shape=[2,2,2] strides=[2,2,2] channels_last=1", "[2,3,9] kernel_shape=[2] dilations=[3]"},
};

/* ---- AveragePoolGrad: from dy and the shape of x ---- */

static fire_status average_pool_grad_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    return fire_pool_grad_infer(attrs, n_in, in, 1, 0, out, err);
}

static size_t average_pool_grad_scratch(const fire_call *call) { return (size_t)fire_count(&call->out[0].shape) * sizeof(double); }
static void average_pool_grad_run(const fire_call *call) {
    const fire_window_attrs *t = call->attrs;
    fire_window w;
    double *sum = call->scratch;
    int64_t count = fire_count(&call->out[0].shape), y[3], k[3];
    if (fire_pool_fit(t, &call->in[1].shape, &w, NULL)) return;
    int64_t taps = fire_window_count(w.k), places = fire_window_count(w.x), ends = fire_window_count(w.y);
    for (int64_t i = 0; i < count; i++) sum[i] = 0;
    for (int64_t p = 0; p < ends; p++) {
        fire_window_split(p, w.y, y);
        double by = divisor(&w, t->count_include_pad, y);
        for (int64_t tap = 0; tap < taps; tap++) {
            fire_window_split(tap, w.k, k);
            int64_t from = fire_window_tap(&w, y, k);
            for (int64_t n = 0; n < w.n && from >= 0; n++)
                for (int64_t c = 0; c < w.c; c++) sum[fire_window_at(w.last, n, c, from, w.c, places)] += fire_get(&call->in[0], fire_window_at(w.last, n, c, p, w.c, ends)) / by;
        }
    }
    for (int64_t i = 0; i < count; i++) fire_put(&call->out[0], i, sum[i]);
}

const fire_op fire_op_average_pool_grad = {
    .name = "AveragePoolGrad", .domain = FIRE_DOMAIN, .help = "gradient of AveragePool, from dy and the shape of its input",
    .min_in = 2, .max_in = 2, .n_out = 1, .shape_only = 2, .attrs = attrs_of_average_pool, .attr_size = sizeof(fire_window_attrs),
    .infer = average_pool_grad_infer, .run = average_pool_grad_run, .scratch = average_pool_grad_scratch, .flops = average_pool_grad_flops,
    .examples = {"[2,3,3,4] [2,3,6,8] kernel_shape=[2,2] strides=[2,2]", "[2,3,4,3] [2,6,8,3] kernel_shape=[2,2] strides=[2,2] channels_last=1",
                 "[2,4,4,20] [2,7,8,20] kernel_shape=[3,3] strides=[2,2] auto_pad=SAME_UPPER channels_last=1", "[2,3,4,4] [2,3,7,8] kernel_shape=[3,3] strides=[2,2] pads=[1,1,1,1] count_include_pad=1",
                 "[2,3,4,4] [2,3,8,9] kernel_shape=[3,3] strides=[2,2] ceil_mode=1", "[2,4,3] [2,9,3] kernel_shape=[2] strides=[2] channels_last=1",
                 "[2,2,2,2,3] [2,4,4,5,3] kernel_shape=[2,2,2] strides=[2,2,2] channels_last=1"},
};
