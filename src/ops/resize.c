/* resize - a tensor of another size along some axes: each number from its nearest neighbour, or from two or four neighbours along each axis.
**
** Inputs: data, roi [2 k] (starts, then ends; for tf_crop_and_resize), scales [k] or sizes [k], constants; the k axes are those of the attribute, all if
** it is empty. With antialias the neighbours of a place reach further the more an axis shrinks.
*/
#include "op.h"
#include <math.h>

typedef struct {
    int64_t antialias, exclude_outside;
    fire_ints axes;
    fire_attr_text transform, mode, nearest, aspect;
    double cubic, extrapolation;
} resize_attrs;
#define AT(field) offsetof(resize_attrs, field)
static const fire_attr attrs_of_resize[] = {
    {"antialias", FIRE_ATTR_INT, AT(antialias), 0, 0, 1, .help = "1: what shrinks by mode linear or cubic sees all of its neighbours"},
    {"axes", FIRE_ATTR_INTS, AT(axes), 0, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, .help = "axes that scales or sizes speak of; empty: all"},
    {"coordinate_transformation_mode", FIRE_ATTR_TEXT, AT(transform), .text = "half_pixel", .choices = "half_pixel|half_pixel_symmetric|pytorch_half_pixel|align_corners|asymmetric|tf_crop_and_resize|tf_half_pixel_for_nn", .help = "how places of the output map to the input"},
    {"cubic_coeff_a", FIRE_ATTR_FLOAT, AT(cubic), -0.75, 0, 0, .help = "shape of the cubic"},
    {"exclude_outside", FIRE_ATTR_INT, AT(exclude_outside), 0, 0, 1, .help = "1: neighbours outside have no weight; 0: the edge stands for them"},
    {"extrapolation_value", FIRE_ATTR_FLOAT, AT(extrapolation), 0, 0, 0, .help = "what stands outside of the data, for tf_crop_and_resize"},
    {"keep_aspect_ratio_policy", FIRE_ATTR_TEXT, AT(aspect), .text = "stretch", .choices = "stretch|not_larger|not_smaller", .help = "stretch: sizes are taken as they are; else one scale for all axes, so that none is larger, or smaller"},
    {"mode", FIRE_ATTR_TEXT, AT(mode), .text = "nearest", .choices = "nearest|linear|cubic", .help = "neighbours that count"},
    {"nearest_mode", FIRE_ATTR_TEXT, AT(nearest), .text = "round_prefer_floor", .choices = "round_prefer_floor|round_prefer_ceil|floor|ceil", .help = "which neighbour is nearest"},
    {0},
};

typedef struct {
    int rank;
    int64_t in[FIRE_MAX_RANK], out[FIRE_MAX_RANK];
    double scale[FIRE_MAX_RANK], whole[FIRE_MAX_RANK]; /* whole: the size of the output before it is rounded */
    double from[FIRE_MAX_RANK], to[FIRE_MAX_RANK];     /* roi, as parts of the input */
    bool moved[FIRE_MAX_RANK];
} sizes;

static bool is_crop(const resize_attrs *t) { return !strcmp(t->transform, "tf_crop_and_resize"); }

/* roi, scales, sizes: NULL or type 0 when left out. */
static fire_status read_sizes(const resize_attrs *t, const fire_shape *x, const fire_tensor *roi, const fire_tensor *scales, const fire_tensor *size, sizes *s, fire_error *err) {
    bool by_scale = scales && scales->type && fire_count(&scales->shape) > 0, by_size = size && size->type && fire_count(&size->shape) > 0;
    if (by_scale == by_size) return fire_fail(err, FIRE_E_USAGE, "expected either scales or sizes");
    const fire_tensor *from = by_scale ? scales : size;
    int64_t n = t->axes.n ? t->axes.n : x->rank;
    if (by_scale && from->type != FIRE_F32 && from->type != FIRE_F64) return fire_fail(err, FIRE_E_SHAPE, "scales are %s, expected float32", fire_type_text(from->type));
    fire_status st = by_size ? fire_want_index(from, "sizes", err) : FIRE_OK;
    if (st) return st;
    if (!from->data) return fire_fail(err, FIRE_E_UNSUPPORTED, "scales and sizes must be constants");
    if (from->shape.rank != 1 || fire_count(&from->shape) != n) return fire_fail(err, FIRE_E_SHAPE, "%lld scales or sizes for %lld axes", (long long)fire_count(&from->shape), (long long)n);
    if (is_crop(t)) {
        if (!roi || (roi->type != FIRE_F32 && roi->type != FIRE_F64) || !roi->data) return fire_fail(err, FIRE_E_UNSUPPORTED, "roi must be a constant of float32 or float64");
        if (roi->shape.rank != 1 || fire_count(&roi->shape) != 2 * n) return fire_fail(err, FIRE_E_SHAPE, "roi has %lld numbers, expected %lld", (long long)fire_count(&roi->shape), (long long)(2 * n));
    }
    *s = (sizes){.rank = x->rank};
    for (int d = 0; d < x->rank; d++) s->in[d] = s->out[d] = x->dim[d], s->scale[d] = s->to[d] = 1, s->whole[d] = (double)x->dim[d];
    double common = 0; /* of all axes, where the aspect ratio is kept */
    uint32_t seen = 0;
    for (int pass = t->aspect[0] == 'n' && by_size ? 0 : 1; pass < 2; pass++, seen = 0)
        for (int64_t i = 0; i < n; i++) {
            int d;
            if ((st = fire_axis(t->axes.n ? t->axes.v[i] : i, x->rank, &d, err))) return st;
            if (seen >> d & 1) return fire_fail(err, FIRE_E_ATTRIBUTE, "axis %d is there twice", d);
            seen |= 1u << d;
            double v = fire_get(from, i);
            if (is_crop(t)) s->from[d] = fire_get(roi, i), s->to[d] = fire_get(roi, n + i);
            bool whole_axis = !is_crop(t) || (s->from[d] == 0 && s->to[d] == 1);
            if (common == 0 && pass && whole_axis && v == (by_scale ? 1 : (double)x->dim[d])) continue;
            if (x->dim[d] == -1) return fire_fail(err, FIRE_E_UNSUPPORTED, "the batch cannot be resized");
            if (!(v > 0) || v > 0x1p40 || x->dim[d] < 1) return fire_fail(err, FIRE_E_SHAPE, "a scale or size of %g in dimension %d of size %lld", v, d, (long long)x->dim[d]);
            double size_of = (double)x->dim[d], scale = by_scale ? v : v / size_of;
            if (!pass) {
                if (common == 0 || (!strcmp(t->aspect, "not_larger") ? scale < common : scale > common)) common = scale;
                continue;
            }
            if (common != 0) scale = common;
            double out = by_scale ? floor(size_of * v) : common != 0 ? floor(size_of * common + 0.5) : v;
            if (out < 1 || out > 0x1p60) return fire_fail(err, FIRE_E_SHAPE, "dimension %d of size %lld would become %g", d, (long long)x->dim[d], out);
            s->scale[d] = scale;
            s->whole[d] = by_size && common == 0 ? out : scale * size_of;
            s->out[d] = (int64_t)out;
            s->moved[d] = true;
        }
    return FIRE_OK;
}

/* Where place i of axis d lies in the input. Corners are aligned to the size before it is rounded, as ONNX's own implementation does it. */
static double place_of(const resize_attrs *t, const sizes *s, int d, double i) {
    double in = (double)s->in[d], out = (double)s->out[d], scale = s->scale[d], whole = s->whole[d];
    if (!strcmp(t->transform, "align_corners")) return out > 1 && whole > 1 ? i * (in - 1) / (whole - 1) : 0;
    if (!strcmp(t->transform, "asymmetric")) return i / scale;
    if (!strcmp(t->transform, "pytorch_half_pixel") && !(out > 1)) return 0;
    if (!strcmp(t->transform, "half_pixel_symmetric")) return in / 2 * (1 - out / (in * scale)) + (i + 0.5) / scale - 0.5;
    if (!strcmp(t->transform, "tf_half_pixel_for_nn")) return (i + 0.5) / scale; /* opset 11 alone */
    if (is_crop(t)) return s->from[d] * (in - 1) + (out > 1 ? i * (s->to[d] - s->from[d]) * (in - 1) / (out - 1) : (s->to[d] - s->from[d]) * (in - 1) / 2);
    return (i + 0.5) / scale - 0.5;
}

/* The neighbours of a place: n of them from `first` on, some of which may lie outside. n 0: the place itself does. */
typedef struct { double first, x, narrow, sum; int64_t n; } reach_of;

static double weight_of(const resize_attrs *t, const sizes *s, int d, const reach_of *r, int64_t k) {
    if (r->sum == 0) return 1;
    double p = r->first + (double)k, u = fabs(p - r->x) * r->narrow, a = t->cubic;
    if (t->exclude_outside && (p < 0 || p > (double)(s->in[d] - 1))) return 0;
    if (t->mode[0] == 'l') return u < 1 ? (1 - u) / r->sum : 0;
    return (u <= 1 ? ((a + 2) * u - (a + 3)) * u * u + 1 : u < 2 ? (((u - 5) * u + 8) * u - 4) * a : 0) / r->sum;
}

static double nearest_to(const resize_attrs *t, double x) {
    return t->nearest[0] == 'f' ? floor(x) : t->nearest[0] == 'c' ? ceil(x) : !strcmp(t->nearest, "round_prefer_ceil") ? floor(x + 0.5) : ceil(x - 0.5);
}
static int64_t nearest(const resize_attrs *t, const sizes *s, int d, int64_t i) {
    if (!s->moved[d]) return i;
    const double r = nearest_to(t, place_of(t, s, d, (double)i)), last = (double)(s->in[d] - 1);
    return r > 0 ? (int64_t)(r > last ? last : r) : 0;
}

static reach_of neighbours(const resize_attrs *t, const sizes *s, int d, int64_t i) {
    if (!s->moved[d]) return (reach_of){.first = (double)i, .n = 1};
    double last = (double)(s->in[d] - 1), x = place_of(t, s, d, (double)i);
    if (is_crop(t) && !(x >= 0 && x <= last)) return (reach_of){0};
    if (t->mode[0] == 'n') return (reach_of){.first = nearest_to(t, x), .n = 1};
    reach_of r = {.x = x, .narrow = t->antialias && s->scale[d] < 1 ? s->scale[d] : 1, .sum = 1};
    if (t->mode[0] == 'l' && r.narrow == 1) r.x = x < 0 ? 0 : x > last ? last : x;
    double half = (t->mode[0] == 'l' ? 1 : 2) / r.narrow;
    r.first = floor(r.x - half) + 1;
    r.n = (int64_t)(floor(r.x + half) - r.first) + 1;
    if (t->exclude_outside || r.narrow != 1) { /* weights that do not add up to 1 by themselves */
        double sum = 0;
        for (int64_t k = 0; k < r.n; k++) sum += weight_of(t, s, d, &r, k);
        r.sum = sum != 0 ? sum : 1;
    }
    return r;
}

static fire_status resize_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    const resize_attrs *t = attrs;
    sizes s;
    if (t->antialias && t->mode[0] == 'n') return fire_fail(err, FIRE_E_UNSUPPORTED, "antialias=1 needs mode linear or cubic");
    fire_status st = t->mode[0] == 'n' ? fire_want_number(&in[0], "input", err) : fire_want_float(&in[0], "input", err);
    if (!st) st = read_sizes(t, &in[0].shape, n_in > 1 ? &in[1] : NULL, n_in > 2 ? &in[2] : NULL, n_in > 3 ? &in[3] : NULL, &s, err);
    if (st) return st;
    out[0].type = in[0].type;
    out[0].shape.rank = s.rank;
    for (int d = 0; d < s.rank; d++) out[0].shape.dim[d] = s.out[d];
    return FIRE_OK;
}

/* Visit all pairs of an output element and one of its neighbours: dimension by dimension, weights multiplied on the way. */
typedef struct { const resize_attrs *t; const sizes *s; const fire_tensor *from; double *sum; int64_t in_stride[FIRE_MAX_RANK], out_stride[FIRE_MAX_RANK]; bool back; } spread;
static double reach(const spread *p, int d, const int64_t *at, int64_t in, double weight, double dy) {
    if (d == p->s->rank) {
        if (p->back) return p->sum[in] += weight * dy, 0;
        return weight * fire_get(p->from, in);
    }
    double sum = 0, last = (double)(p->s->in[d] - 1);
    reach_of r = neighbours(p->t, p->s, d, at[d]);
    if (!r.n) return p->back ? 0 : weight * p->t->extrapolation;
    for (int64_t k = 0; k < r.n; k++) {
        double w = weight_of(p->t, p->s, d, &r, k), to = r.first + (double)k;
        if (w != 0) sum += reach(p, d + 1, at, in + (int64_t)(to < 0 ? 0 : to > last ? last : to) * p->in_stride[d], weight * w, dy);
    }
    return sum;
}
/* The nearest element of each: where rows of the last dimension come from is found once for each dimension, and they are moved as they lie. */
static bool pick(const fire_call *call, const fire_tensor *from, const sizes *s) {
    const resize_attrs *t = call->attrs;
    const int last = s->rank - 1;
    if (t->mode[0] != 'n' || is_crop(t) || !s->rank) return false;
    int64_t *column = call->scratch, at[FIRE_MAX_RANK] = {0}, rows = 1, step[FIRE_MAX_RANK];
    const int64_t size = (int64_t)fire_type_size(from->type);
    for (int64_t i = 0; i < s->out[last]; i++) column[i] = nearest(t, s, last, i);
    for (int64_t d = last, n = 1; d >= 0; n *= s->in[d--]) step[d] = n, rows *= d == last ? 1 : s->out[d];
    for (int64_t r = 0; r < rows; r++) {
        int64_t place = 0;
        for (int d = 0; d < last; d++) place += nearest(t, s, d, at[d]) * step[d];
        const char *x = (const char *)from->data + place * size;
        char *y = (char *)call->out[0].data + r * s->out[last] * size;
        if (!s->moved[last]) memcpy(y, x, (size_t)(s->out[last] * size));
        else if (size == 4)
            for (int64_t i = 0; i < s->out[last]; i++) ((uint32_t *)(void *)y)[i] = ((const uint32_t *)(const void *)x)[column[i]];
        else
            for (int64_t i = 0; i < s->out[last]; i++) memcpy(y + i * size, x + column[i] * size, (size_t)size);
        for (int d = last - 1; d >= 0 && ++at[d] == s->out[d]; d--) at[d] = 0;
    }
    return true;
}

static void run(const fire_call *call, const fire_tensor *from, const fire_shape *x, const fire_tensor *roi, const fire_tensor *scales, const fire_tensor *size, bool back) {
    sizes s;
    if (read_sizes(call->attrs, x, roi, scales, size, &s, NULL)) return;
    if (!back && pick(call, from, &s)) return;
    spread p = {.t = call->attrs, .s = &s, .from = from, .sum = call->scratch, .back = back};
    int64_t step = 1, at[FIRE_MAX_RANK] = {0}, count = 1;
    for (int d = s.rank - 1; d >= 0; d--) p.in_stride[d] = step, step *= s.in[d], count *= s.out[d];
    for (int64_t e = 0; e < count; e++) {
        double v = reach(&p, 0, at, 0, 1, back ? fire_get(from, e) : 0);
        if (!back) fire_put(&call->out[0], e, v);
        for (int d = s.rank - 1; d >= 0 && ++at[d] == s.out[d]; d--) at[d] = 0;
    }
}

static size_t resize_scratch(const fire_call *call) { /* places of the last dimension */
    const fire_shape *y = &call->out[0].shape;
    return y->rank ? (size_t)(y->dim[y->rank - 1] > 0 ? y->dim[y->rank - 1] : 0) * sizeof(int64_t) : 0;
}
static void resize_run(const fire_call *call) {
    run(call, &call->in[0], &call->in[0].shape, call->n_in > 1 ? &call->in[1] : NULL, call->n_in > 2 ? &call->in[2] : NULL, call->n_in > 3 ? &call->in[3] : NULL, false);
}

static void resize_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    char text[FIRE_ATTRS_TEXT];
    dx[0] = fire_apply(g, "ResizeGrad", 5, FIRE_IN(dy[0], n->in[0], n->n_in > 2 ? n->in[2] : 0, n->n_in > 3 ? n->in[3] : 0, n->in[1]), fire_node_attrs(n, text));
}

const fire_op fire_op_resize = {
    .name = "Resize", .values = 0xe, .help = "a tensor of another size along some axes",
    .min_in = 1, .max_in = 4, .n_out = 1, .attrs = attrs_of_resize, .attr_size = sizeof(resize_attrs), .infer = resize_infer, .scratch = resize_scratch, .run = resize_run, .grad = resize_grad,
    .examples = {"[2,3,4,2] - f32[2]{2,2} axes=[1,2] coordinate_transformation_mode=asymmetric nearest_mode=floor", "[2,3,4,2] - f32[2]{2,3} axes=[1,2] mode=linear", "[2,2,4,3] - - i64[2]{7,5} axes=[2,3] mode=linear coordinate_transformation_mode=align_corners",
                 "[2,5,3] - f32[3]{1,0.6,1}", "[2,3,6,5] - f32[2]{0.5,1.7} axes=[2,3] mode=cubic", "[1,2,6,5] - f32[4]{1,1,0.5,2} mode=cubic exclude_outside=1 cubic_coeff_a=-0.5", "[2,4] - - i64[1]{1} axes=[1] coordinate_transformation_mode=pytorch_half_pixel",
                 "[2,5] - f32[1]{1.5} axes=[1] mode=linear coordinate_transformation_mode=half_pixel_symmetric", "[2,5] - - i64[1]{8} axes=[1] nearest_mode=round_prefer_ceil", "[2,5,7] - - i64[2]{3,9} axes=[1,2] mode=linear antialias=1 keep_aspect_ratio_policy=not_larger",
                 "[2,5,7] f32[4]{0.2,-0.3,0.7,1.2} f32[2]{0.8,1.5} axes=[1,2] mode=linear coordinate_transformation_mode=tf_crop_and_resize extrapolation_value=2",
                 "[2,4,3] - f32[3]{1,2,2.5} coordinate_transformation_mode=tf_half_pixel_for_nn nearest_mode=floor"},
};

/* ---- ResizeGrad: inputs are dy, x (its shape), scales, sizes and roi ---- */

static fire_status resize_grad_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    sizes s;
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    fire_shape y = {.rank = in[1].shape.rank};
    fire_status st = fire_want_float(&in[0], "dy", err);
    if (!st) st = read_sizes(attrs, &in[1].shape, n_in > 4 ? &in[4] : NULL, n_in > 2 ? &in[2] : NULL, n_in > 3 ? &in[3] : NULL, &s, err);
    if (st) return st;
    for (int d = 0; d < y.rank; d++) y.dim[d] = s.out[d];
    if (!fire_same_shape(&y, &in[0].shape)) return fire_fail(err, FIRE_E_SHAPE, "dy is %s, expected %s", fire_shape_text(&in[0].shape, a), fire_shape_text(&y, b));
    out[0].type = in[0].type;
    out[0].shape = in[1].shape;
    return FIRE_OK;
}

static size_t resize_grad_scratch(const fire_call *call) { return (size_t)fire_count(&call->out[0].shape) * sizeof(double); }
static void resize_grad_run(const fire_call *call) {
    double *sum = call->scratch;
    int64_t count = fire_count(&call->out[0].shape);
    for (int64_t i = 0; i < count; i++) sum[i] = 0;
    run(call, &call->in[0], &call->out[0].shape, call->n_in > 4 ? &call->in[4] : NULL, call->n_in > 2 ? &call->in[2] : NULL, call->n_in > 3 ? &call->in[3] : NULL, true);
    for (int64_t i = 0; i < count; i++) fire_put(&call->out[0], i, sum[i]);
}

const fire_op fire_op_resize_grad = {
    .name = "ResizeGrad", .domain = FIRE_DOMAIN, .help = "gradient of Resize, from dy, the shape of its input, scales and sizes",
    .min_in = 2, .max_in = 5, .n_out = 1, .shape_only = 2, .attrs = attrs_of_resize, .attr_size = sizeof(resize_attrs),
    .infer = resize_grad_infer, .run = resize_grad_run, .scratch = resize_grad_scratch,
    .examples = {"[2,6,8,2] [2,3,4,2] f32[2]{2,2} axes=[1,2] coordinate_transformation_mode=asymmetric nearest_mode=floor", "[2,2,7,5] [2,2,4,3] - i64[2]{7,5} axes=[2,3] mode=linear coordinate_transformation_mode=align_corners"},
};
