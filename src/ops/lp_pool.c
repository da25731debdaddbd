/* lp_pool - the p-norm of each window, channel by channel: (sum of |x|^p)^(1/p). */
#include "window.h"
#include <math.h>

static const fire_attr attrs_of_lp_pool[] = {
    FIRE_ROW_AUTO_PAD,
    {"ceil_mode", FIRE_ATTR_INT, FIRE_WINDOW_AT(ceil_mode), 0, 0, 1, .help = "1: a last window may reach past the padding"},
    FIRE_ROW_DILATIONS, FIRE_ROW_KERNEL_SHAPE,
    {"p", FIRE_ATTR_INT, FIRE_WINDOW_AT(p), 2, 1, 1000, .help = "which norm"},
    FIRE_ROW_PADS, FIRE_ROW_STRIDES, FIRE_ROW_CHANNELS_LAST, {0},
};

static void lp_pool_run(const fire_call *call) {
    double power = (double)((const fire_window_attrs *)call->attrs)->p;
    fire_window w;
    if (fire_pool_fit(call->attrs, &call->in[0].shape, &w, NULL)) return;
    int64_t taps = fire_window_count(w.k), places = fire_window_count(w.x), ends = fire_window_count(w.y), y[3], k[3];
    for (int64_t n = 0; n < w.n; n++)
        for (int64_t c = 0; c < w.c; c++)
            for (int64_t p = 0; p < ends; p++) {
                double sum = 0;
                fire_window_split(p, w.y, y);
                for (int64_t tap = 0; tap < taps; tap++) {
                    fire_window_split(tap, w.k, k);
                    int64_t from = fire_window_tap(&w, y, k);
                    if (from >= 0) sum += pow(fabs(fire_get(&call->in[0], fire_window_at(w.last, n, c, from, w.c, places))), power);
                }
                fire_put(&call->out[0], fire_window_at(w.last, n, c, p, w.c, ends), pow(sum, 1 / power));
            }
}

static void lp_pool_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    char text[FIRE_ATTRS_TEXT];
    dx[0] = fire_apply(g, "LpPoolGrad", 3, FIRE_IN(n->in[0], n->out[0], dy[0]), fire_node_attrs(n, text));
}

static int64_t flops_of(const fire_call *call) {
    fire_window w;
    return fire_pool_fit(call->attrs, &call->in[0].shape, &w, NULL) ? 0 : fire_pool_flops(&w);
}

const fire_op fire_op_lp_pool = {
    .name = "LpPool", .help = "the p-norm of each window over 1 to 3 dimensions",
    .min_in = 1, .max_in = 1, .n_out = 1, .attrs = attrs_of_lp_pool, .attr_size = sizeof(fire_window_attrs),
    .infer = fire_pool_infer, .run = lp_pool_run, .grad = lp_pool_grad, .flops = flops_of,
    .lower = fire_lower_pool,
    .examples = {"[2,3,4,6] kernel_shape=[2,2] strides=[2,2]", "[2,5,6,3] kernel_shape=[3,2] strides=[2,1] auto_pad=SAME_UPPER channels_last=1", "[2,3,7] kernel_shape=[3] p=3 pads=[1,1]", "[2,3,7] kernel_shape=[2] p=1"},
};

/* ---- LpPoolGrad: dx = sign(x) |x|^(p - 1) times the sum over its windows of y^(1 - p) dy; nothing where y is 0 ---- */

static fire_status lp_pool_grad_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    char text[FIRE_SHAPE_TEXT];
    if (!fire_same_shape(&in[1].shape, &in[2].shape)) return fire_fail(err, FIRE_E_SHAPE, "y is %s, but dy has another shape", fire_shape_text(&in[1].shape, text));
    return fire_pool_grad_infer(attrs, n_in, in, 0, 2, out, err);
}

static size_t lp_pool_grad_scratch(const fire_call *call) { return (size_t)fire_count(&call->out[0].shape) * sizeof(double); }
static void lp_pool_grad_run(const fire_call *call) {
    double power = (double)((const fire_window_attrs *)call->attrs)->p, *sum = call->scratch;
    fire_window w;
    int64_t count = fire_count(&call->out[0].shape), y[3], k[3];
    if (fire_pool_fit(call->attrs, &call->in[0].shape, &w, NULL)) return;
    int64_t taps = fire_window_count(w.k), places = fire_window_count(w.x), ends = fire_window_count(w.y);
    for (int64_t i = 0; i < count; i++) sum[i] = 0;
    for (int64_t n = 0; n < w.n; n++)
        for (int64_t c = 0; c < w.c; c++)
            for (int64_t p = 0; p < ends; p++) {
                int64_t at = fire_window_at(w.last, n, c, p, w.c, ends);
                double norm = fire_get(&call->in[1], at), share = norm > 0 ? pow(norm, 1 - power) * fire_get(&call->in[2], at) : 0;
                fire_window_split(p, w.y, y);
                for (int64_t tap = 0; tap < taps; tap++) {
                    fire_window_split(tap, w.k, k);
                    int64_t from = fire_window_tap(&w, y, k);
                    if (from >= 0) sum[fire_window_at(w.last, n, c, from, w.c, places)] += share;
                }
            }
    for (int64_t i = 0; i < count; i++) {
        double x = fire_get(&call->in[0], i);
        fire_put(&call->out[0], i, sum[i] * pow(fabs(x), power - 1) * (x > 0 ? 1 : x < 0 ? -1 : 0));
    }
}

const fire_op fire_op_lp_pool_grad = {
    .name = "LpPoolGrad", .domain = FIRE_DOMAIN, .help = "gradient of LpPool, from its input, its output and dy",
    .min_in = 3, .max_in = 3, .n_out = 1, .attrs = attrs_of_lp_pool, .attr_size = sizeof(fire_window_attrs),
    .infer = lp_pool_grad_infer, .run = lp_pool_grad_run, .scratch = lp_pool_grad_scratch, .flops = flops_of,
    .examples = {"[2,3,4,6] [2,3,2,3]>0 [2,3,2,3] kernel_shape=[2,2] strides=[2,2]", "[2,3,7] [2,3,7]>0 [2,3,7] kernel_shape=[3] p=3 pads=[1,1]"},
};
