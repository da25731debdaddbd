/* deform_conv - a convolution over two dimensions, each of whose taps is moved by offsets that are data: y[o] = sum of w * mask * x read bilinearly
** at its place plus the offset; outside of x are zeros (Dai and others, 2017; Zhu and others, 2019).
**
** x [n, c, h, w], w [o, c / group, kh, kw], offset [n, 2 kh kw groups, yh, yw] (down, then across), b [o], mask [n, kh kw groups, yh, yw].
*/
#include "op.h"
#include <math.h>

typedef struct { int64_t group, offset_group; fire_ints dilations, kernel_shape, pads, strides; } deform_attrs;
#define AT(field) offsetof(deform_attrs, field)
static const fire_attr attrs_of_deform[] = {
    {"dilations", FIRE_ATTR_INTS, AT(dilations), 1, 1, 1 << 20, .help = "distance of neighbours in a window, by dimension"},
    {"group", FIRE_ATTR_INT, AT(group), 1, 1, 1 << 20, .help = "number of groups of channels that do not see each other"},
    {"kernel_shape", FIRE_ATTR_INTS, AT(kernel_shape), 1, 1, 1 << 20, .help = "size of a window; that of the weights"},
    {"offset_group", FIRE_ATTR_INT, AT(offset_group), 1, 1, 1 << 20, .help = "number of groups of channels that have offsets of their own"},
    {"pads", FIRE_ATTR_INTS, AT(pads), 0, 0, 1 << 20, .help = "padding before each dimension, then behind each"},
    {"strides", FIRE_ATTR_INTS, AT(strides), 1, 1, 1 << 20, .help = "steps of the window"},
    {0},
};

typedef struct { int64_t n, c, o, x[2], k[2], y[2], stride[2], dilation[2], low[2], taps; } deform;

static fire_status fit(const deform_attrs *t, int n_in, const fire_tensor *in, deform *p, fire_error *err) {
    const fire_shape *x = &in[0].shape, *w = &in[1].shape;
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    if (x->rank != 4 || w->rank != 4) return fire_fail(err, FIRE_E_UNSUPPORTED, "the input is %s and the weights %s, expected four dimensions", fire_shape_text(x, a), fire_shape_text(w, b));
    *p = (deform){.n = x->dim[0], .c = x->dim[1], .o = w->dim[0]};
    if (w->dim[1] < 1 || p->c / t->group != w->dim[1] || p->c % t->group || p->o % t->group || p->o < 1 || p->c % t->offset_group)
        return fire_fail(err, FIRE_E_SHAPE, "the input %s and the weights %s do not fit %lld groups and %lld groups of offsets", fire_shape_text(x, a), fire_shape_text(w, b), (long long)t->group, (long long)t->offset_group);
    if ((t->dilations.n && t->dilations.n != 2) || (t->strides.n && t->strides.n != 2) || (t->pads.n && t->pads.n != 4)) return fire_fail(err, FIRE_E_ATTRIBUTE, "dilations, strides and pads have 2, 2 and 4 numbers");
    for (int d = 0; d < 2; d++) {
        p->x[d] = x->dim[d + 2];
        p->k[d] = w->dim[d + 2];
        p->stride[d] = t->strides.n ? t->strides.v[d] : 1;
        p->dilation[d] = t->dilations.n ? t->dilations.v[d] : 1;
        p->low[d] = t->pads.n ? t->pads.v[d] : 0;
        if (p->x[d] < 1 || p->k[d] < 1 || p->x[d] > 1 << 30 || p->k[d] > 1 << 20) return fire_fail(err, FIRE_E_SHAPE, "the input is %s and the weights %s", fire_shape_text(x, a), fire_shape_text(w, b));
        int64_t room = p->x[d] + p->low[d] + (t->pads.n ? t->pads.v[d + 2] : 0) - ((p->k[d] - 1) * p->dilation[d] + 1);
        if (room < 0) return fire_fail(err, FIRE_E_SHAPE, "a window is larger than the input %s", fire_shape_text(x, a));
        p->y[d] = room / p->stride[d] + 1;
    }
    p->taps = p->k[0] * p->k[1];
    for (int i = 2; i < n_in; i++) {
        if (!in[i].type || i == 3) continue;
        fire_shape want = {4, {p->n, (i == 2 ? 2 : 1) * p->taps * t->offset_group, p->y[0], p->y[1]}};
        if (!fire_same_shape(&in[i].shape, &want)) return fire_fail(err, FIRE_E_SHAPE, "%s is %s, expected %s", i == 2 ? "offset" : "mask", fire_shape_text(&in[i].shape, a), fire_shape_text(&want, b));
    }
    if (n_in > 3 && in[3].type && (in[3].shape.rank != 1 || in[3].shape.dim[0] != p->o)) return fire_fail(err, FIRE_E_SHAPE, "the bias is %s, expected [%lld]", fire_shape_text(&in[3].shape, a), (long long)p->o);
    return FIRE_OK;
}

static fire_status deform_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    deform p;
    fire_status s = fire_want_float(&in[0], "input", err);
    if (!s) s = fire_want_same_type(n_in, in, err);
    if (!s) s = fit(attrs, n_in, in, &p, err);
    if (s) return s;
    out[0].type = in[0].type;
    out[0].shape = (fire_shape){4, {p.n, p.o, p.y[0], p.y[1]}};
    return FIRE_OK;
}

/* x[plane] between four elements. */
static double read_at(const fire_tensor *x, int64_t plane, const int64_t size[2], double r, double c) {
    double sum = 0, r0 = floor(r), c0 = floor(c);
    if (!(r > -1 && r < (double)size[0] && c > -1 && c < (double)size[1])) return 0;
    for (int k = 0; k < 4; k++) {
        int64_t i = (int64_t)r0 + k / 2, j = (int64_t)c0 + k % 2;
        double w = (k / 2 ? r - r0 : 1 - (r - r0)) * (k % 2 ? c - c0 : 1 - (c - c0));
        if (w != 0 && i >= 0 && i < size[0] && j >= 0 && j < size[1]) sum += w * fire_get(x, (plane * size[0] + i) * size[1] + j);
    }
    return sum;
}

static void deform_run(const fire_call *call) {
    const deform_attrs *t = call->attrs;
    const fire_tensor *x = &call->in[0], *w = &call->in[1], *offset = &call->in[2], *b = &call->in[3], *mask = &call->in[4];
    deform p;
    if (fit(t, call->n_in, call->in, &p, NULL)) return;
    const int64_t places = p.y[0] * p.y[1], in = p.c / t->group, out = p.o / t->group, shared = p.c / t->offset_group;
    for (int64_t n = 0, e = 0; n < p.n; n++)
        for (int64_t o = 0; o < p.o; o++)
            for (int64_t at = 0; at < places; at++, e++) {
                double sum = call->n_in > 3 && b->type ? fire_get(b, o) : 0;
                for (int64_t i = 0; i < in; i++)
                    for (int64_t tap = 0; tap < p.taps; tap++) {
                        int64_t c = o / out * in + i, own = (n * t->offset_group + c / shared) * p.taps + tap;
                        double r = (double)(at / p.y[1] * p.stride[0] - p.low[0] + tap / p.k[1] * p.dilation[0]) + fire_get(offset, 2 * own * places + at);
                        double q = (double)(at % p.y[1] * p.stride[1] - p.low[1] + tap % p.k[1] * p.dilation[1]) + fire_get(offset, (2 * own + 1) * places + at);
                        double v = read_at(x, n * p.c + c, p.x, r, q) * fire_get(w, (o * in + i) * p.taps + tap);
                        sum += call->n_in > 4 && mask->type ? v * fire_get(mask, own * places + at) : v;
                    }
                fire_put(&call->out[0], e, sum);
            }
}

static int64_t deform_flops(const fire_call *call) {
    const fire_shape *w = &call->in[1].shape;
    return FIRE_WORK(12, fire_count(&call->out[0].shape), w->dim[1], w->dim[2], w->dim[3]);
}

const fire_op fire_op_deform_conv = {
    .name = "DeformConv", .help = "convolution whose taps are moved by offsets",
    .min_in = 3, .max_in = 5, .n_out = 1, .attrs = attrs_of_deform, .attr_size = sizeof(deform_attrs), .infer = deform_infer, .run = deform_run, .flops = deform_flops,
    .examples = {"[2,2,4,5] [3,2,2,2] [2,8,3,4] [3]", "[1,4,5,5] [2,2,3,3] [1,36,3,3] [2] [1,18,3,3] group=2 offset_group=2 strides=[2,2] pads=[1,1,1,1]", "[2,2,4,4] [2,2,2,2] [2,8,2,2] dilations=[2,2]"},
};
