/* lrn - local response normalization: y = x / s^beta, s = bias + alpha / size times the sum of squares over `size` neighbouring channels. */
#include "window.h"
#include <math.h>

typedef struct { double alpha, beta, bias; int64_t size, channels_last; } lrn_attrs;
#define AT(field) offsetof(lrn_attrs, field)
static const fire_attr attrs_of_lrn[] = {
    {"alpha", FIRE_ATTR_FLOAT, AT(alpha), 1e-4, 0, 0, .help = "weight of the squares"},
    {"beta", FIRE_ATTR_FLOAT, AT(beta), 0.75, 0, 0, .help = "exponent"},
    {"bias", FIRE_ATTR_FLOAT, AT(bias), 1, 0, 0, .help = "added to the weighted squares"},
    {"size", FIRE_ATTR_INT, AT(size), 1, 1, 1 << 30, .help = "number of channels that are summed, the middle one being x's"},
    {"channels_last", FIRE_ATTR_INT, AT(channels_last), 0, 1, 1, .help = "1: data is [n, d..., c]"},
    {0},
};

static fire_status lrn_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    char text[FIRE_SHAPE_TEXT];
    if (in[0].shape.rank < 2) return fire_fail(err, FIRE_E_SHAPE, "the input is %s, expected [n, c, d...]", fire_shape_text(&in[0].shape, text));
    return fire_infer_same_float(attrs, n_in, in, out, err);
}

/* Channel c of line l lies at line_of(l) + c * step. */
typedef struct { int64_t lines, channels, step, low, high; } lines;
static lines lines_of(const fire_call *call) {
    const lrn_attrs *t = call->attrs;
    const fire_shape *s = &call->in[0].shape;
    lines l = {.channels = s->dim[t->channels_last ? s->rank - 1 : 1], .step = 1};
    if (!t->channels_last)
        for (int d = 2; d < s->rank; d++) l.step *= s->dim[d];
    l.lines = l.channels ? fire_count(s) / l.channels : 0;
    l.low = (t->size - 1) / 2, l.high = t->size - 1 - l.low;
    return l;
}
static int64_t line_of(const lines *l, int64_t i) { return i / l->step * l->step * l->channels + i % l->step; }
static double base(const fire_call *call, const lines *l, int64_t at, int64_t c) {
    const lrn_attrs *t = call->attrs;
    double sum = 0;
    for (int64_t k = c > l->low ? c - l->low : 0, e = c + l->high < l->channels - 1 ? c + l->high : l->channels - 1; k <= e; k++) {
        double x = fire_get(&call->in[0], at + k * l->step);
        sum += x * x;
    }
    return t->bias + t->alpha / (double)t->size * sum;
}

static void lrn_run(const fire_call *call) {
    const lrn_attrs *t = call->attrs;
    lines l = lines_of(call);
    for (int64_t i = 0; i < l.lines; i++)
        for (int64_t c = 0; c < l.channels; c++) {
            int64_t at = line_of(&l, i);
            fire_put(&call->out[0], at + c * l.step, fire_get(&call->in[0], at + c * l.step) * pow(base(call, &l, at, c), -t->beta));
        }
}

static void lrn_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    char text[FIRE_ATTRS_TEXT];
    dx[0] = fire_apply(g, "LRNGrad", 2, FIRE_IN(n->in[0], dy[0]), fire_node_attrs(n, text));
}
static int64_t lrn_flops(const fire_call *call) {
    int64_t n = fire_count(&call->in[0].shape), k = 2 * ((const lrn_attrs *)call->attrs)->size;
    return fire_mul(n, k, &n) ? n : INT64_MAX;
}

const fire_op fire_op_lrn = {
    .name = "LRN", .help = "local response normalization over neighbouring channels",
    .min_in = 1, .max_in = 1, .n_out = 1, .attrs = attrs_of_lrn, .attr_size = sizeof(lrn_attrs), .infer = lrn_infer, .run = lrn_run, .grad = lrn_grad, .flops = lrn_flops,
    .lower = fire_lower_pool,
    .examples = {"[2,5,3,4] size=3", "[2,3,4,5] size=3 alpha=0.5 channels_last=1", "[2,3,5] size=4 alpha=0.3 beta=0.5 bias=2 channels_last=1", "[2,3,2,2] size=9 alpha=0.1"},
};

/* LRNGrad: dx_i = dy_i / s_i^beta - 2 alpha beta / size x_i times the sum over the j whose window has i of dy_j x_j / s_j^(beta + 1). */
static void lrn_grad_run(const fire_call *call) {
    const lrn_attrs *t = call->attrs;
    lines l = lines_of(call);
    for (int64_t i = 0; i < l.lines; i++)
        for (int64_t c = 0; c < l.channels; c++) {
            int64_t at = line_of(&l, i), from = c > l.high ? c - l.high : 0, to = c + l.low < l.channels - 1 ? c + l.low : l.channels - 1;
            double sum = 0;
            for (int64_t k = from; k <= to; k++)
                sum += fire_get(&call->in[1], at + k * l.step) * fire_get(&call->in[0], at + k * l.step) * pow(base(call, &l, at, k), -t->beta - 1);
            fire_put(&call->out[0], at + c * l.step, fire_get(&call->in[1], at + c * l.step) * pow(base(call, &l, at, c), -t->beta) -
                                                         2 * t->alpha * t->beta / (double)t->size * fire_get(&call->in[0], at + c * l.step) * sum);
        }
}

const fire_op fire_op_lrn_grad = {
    .name = "LRNGrad", .domain = FIRE_DOMAIN, .help = "gradient of LRN, from its input and dy",
    .min_in = 2, .max_in = 2, .n_out = 1, .attrs = attrs_of_lrn, .attr_size = sizeof(lrn_attrs), .infer = lrn_infer, .run = lrn_grad_run, .flops = lrn_flops,
    .examples = {"[2,5,3,4] [2,5,3,4] size=3", "[2,3,4,5] [2,3,4,5] size=4 alpha=0.5 channels_last=1"},
};
