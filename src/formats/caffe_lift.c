/* caffe_lift.c - layers of Caffe with weights or windows, and the list of all lifts. Data is [n, c, h, w]. */
#include "formats/caffe_help.h"
#include <stdio.h>

const fire_lift_entry fire_caffe_lifts[] = {
    {"AbsVal", fire_caffe_one, NULL}, {"ArgMax", fire_caffe_arg_max, NULL}, {"Axpy", fire_caffe_axpy, NULL}, {"BatchNorm", fire_caffe_batch_norm, NULL}, {"Bias", fire_caffe_bias, NULL}, {"BNLL", fire_caffe_one, NULL},
    {"Clip", fire_caffe_clip, NULL}, {"Concat", fire_caffe_concat, NULL}, {"Convolution", fire_caffe_convolution, NULL}, {"ConvolutionDepthwise", fire_caffe_convolution, NULL}, {"Crop", fire_caffe_crop, NULL},
    {"Deconvolution", fire_caffe_convolution, NULL}, {"DepthwiseConvolution", fire_caffe_convolution, NULL}, {"Dropout", fire_caffe_dropout, NULL}, {"ELU", fire_caffe_elu, NULL}, {"Eltwise", fire_caffe_eltwise, NULL},
    {"Embed", fire_caffe_embed, NULL}, {"Exp", fire_caffe_exp, NULL}, {"Flatten", fire_caffe_flatten, NULL}, {"InnerProduct", fire_caffe_inner_product, NULL}, {"LRN", fire_caffe_lrn, NULL},
    {"Log", fire_caffe_log, NULL}, {"MVN", fire_caffe_mvn, NULL}, {"Normalize", fire_caffe_normalize, NULL}, {"Permute", fire_caffe_permute, NULL}, {"Pooling", fire_caffe_pooling, NULL},
    {"Power", fire_caffe_power, NULL}, {"PReLU", fire_caffe_prelu, NULL}, {"ReLU", fire_caffe_relu, NULL}, {"ReLU6", fire_caffe_relu6, NULL}, {"Reduction", fire_caffe_reduction, NULL}, {"Reshape", fire_caffe_reshape, NULL},
    {"Scale", fire_caffe_scale, NULL}, {"ShuffleChannel", fire_caffe_shuffle, NULL}, {"Sigmoid", fire_caffe_one, NULL}, {"Slice", fire_caffe_slice, NULL}, {"Softmax", fire_caffe_softmax, NULL}, {"Split", fire_caffe_split, NULL},
    {"Swish", fire_caffe_swish, NULL}, {"TanH", fire_caffe_one, NULL}, {"Threshold", fire_caffe_threshold, NULL}, {"Tile", fire_caffe_tile, NULL}, {NULL, NULL, NULL}};

/* ---- help ---- */

bool fire_caffe_has(fire_import *b, const fire_lift *n, int64_t bottoms, int64_t blobs) {
    if (b->g->first.status) return false;
    const int64_t has = fire_caffe_bottoms(b), given = n->n_in - has;
    if (has < bottoms) fire_import_fail(b, FIRE_E_CORRUPT, "%lld bottoms, expected %lld", (long long)has, (long long)bottoms);
    else if (!given && blobs) fire_caffe_fail(b, "it has no weights; load the net with the caffemodel that has them");
    else if (given < blobs) fire_import_fail(b, FIRE_E_CORRUPT, "%lld blobs of weights, expected %lld", (long long)given, (long long)blobs);
    return !b->g->first.status;
}

fire_wire fire_caffe_open(fire_import *b, const fire_lift *n, uint32_t number, uint32_t old_number) {
    const fire_wire p = fire_caffe_param(&n->node->body, b->scope->m->caffe->node[b->scope->at].old, number, old_number);
    fire_wire in = p;
    fire_wire_field f;
    fire_error err = {0};
    bool more;
    while (!fire_wire_next(&in, &f, &more, &err) && more) {}
    if (err.status) fire_import_fail(b, err.code, "%s", err.message);
    return p;
}

bool fire_caffe_axis(fire_import *b, fire_wire param, uint32_t field, int otherwise, int rank, int *axis) {
    double at = fire_caffe_number(param, field, otherwise);
    if (b->g->first.status) return false;
    if (at < 0) at += rank;
    if (at >= 0 && at < rank) { *axis = (int)at; return true; }
    fire_caffe_fail(b, "axis %g, but the data has %d dimensions", at, rank);
    return false;
}

fire_value fire_caffe_times(fire_import *b, fire_value x, double v) { return v == 1 ? x : fire_import_two(b, "Mul", x, fire_import_like(b, x, v)); }
fire_value fire_caffe_plus(fire_import *b, fire_value x, double v) { return v == 0 ? x : fire_import_two(b, "Add", x, fire_import_like(b, x, v)); }

fire_value fire_caffe_beside(fire_import *b, fire_value v, int axis, fire_value x) {
    const fire_shape s = fire_caffe_shape(b, v), t = fire_caffe_shape(b, x);
    fire_shape to = {.rank = t.rank - axis};
    if (b->g->first.status) return 0;
    if (fire_count(&s) == 1) return fire_import_reshape(b, v, (fire_shape){.rank = 0});
    bool fits = s.rank + axis <= t.rank;
    for (int d = 0; d < to.rank && fits; d++) {
        to.dim[d] = d < s.rank ? s.dim[d] : 1;
        fits = d >= s.rank || t.dim[axis + d] < 0 || s.dim[d] == t.dim[axis + d];
    }
    if (!fits) {
        char have[FIRE_SHAPE_TEXT], data[FIRE_SHAPE_TEXT];
        fire_caffe_fail(b, "weights %s do not fit data %s from dimension %d on", fire_shape_text(&s, have), fire_shape_text(&t, data), axis);
        return 0;
    }
    return s.rank == to.rank ? v : fire_import_reshape(b, v, to);
}

/* ---- windows ---- */

/* A size for each of m dimensions: a list (one number for all), or where there are two, height and width. */
static bool sizes_of(fire_import *b, fire_wire p, const char *what, uint32_t list, uint32_t height, int m, double otherwise, double least, int64_t *to) {
    double v[FIRE_MAX_RANK] = {0};
    int64_t n = fire_caffe_list(p, list, false, FIRE_MAX_RANK, v);
    if (height && m == 2) {
        const double h = fire_caffe_number(p, height, -1), w = fire_caffe_number(p, height + 1, -1);
        if (h >= 0 || w >= 0) v[0] = h >= 0 ? h : otherwise, v[1] = w >= 0 ? w : otherwise, n = 2;
    }
    if (!n) n = 1, v[0] = otherwise;
    if (n != 1 && n != m) { fire_caffe_fail(b, "%lld numbers for %s, expected %d", (long long)n, what, m); return false; }
    for (int d = 0; d < m; d++) {
        const double x = v[n == 1 ? 0 : d];
        if (x < least || x > (1 << 24)) { fire_caffe_fail(b, "%s is %g", what, x); return false; }
        to[d] = (int64_t)x;
    }
    return !b->g->first.status;
}

static void put(char *to, size_t size, const char *name, int m, const int64_t *v, int times) {
    size_t n = strlen(to);
    n += (size_t)snprintf(to + n, size - n, " %s=[", name);
    for (int d = 0; d < m * times; d++) n += (size_t)snprintf(to + n, size - n, d ? ",%lld" : "%lld", (long long)v[d % m]);
    snprintf(to + n, size - n, "]");
}

/* The same weights for each bottom. */
void fire_caffe_convolution(fire_import *b, fire_lift *n) {
    if (!fire_caffe_has(b, n, 1, 1)) return;
    const bool back = n->op[0] == 'D' && n->op[2] == 'c', depthwise = strstr(n->op, "wise") != NULL; /* of forks: whatever the groups are called */
    const fire_wire p = fire_caffe_open(b, n, FIRE_CAFFE_CONVOLUTION);
    const fire_value w = fire_caffe_blob(b, n, 0);
    const bool with_bias = fire_caffe_number(p, 2, 1) != 0;
    const fire_shape s = fire_caffe_shape(b, w);
    const int m = s.rank - 2;
    const double group = depthwise ? (double)fire_caffe_shape(b, n->in[0]).dim[1] : fire_caffe_number(p, 5, 1);
    int64_t stride[3], pad[3], dilation[3];
    char text[256] = "";
    if (fire_caffe_number(p, 16, 1) != 1 || m < 1 || m > 3 || group < 1 || group > 1 << 24) { fire_caffe_fail(b, "%g groups, an axis other than 1, or %d dimensions in weights", group, (int)s.rank); return; }
    if (with_bias && !fire_caffe_has(b, n, 1, 2)) return;
    if (!sizes_of(b, p, "stride", 6, 13, m, 1, 1, stride) || !sizes_of(b, p, "pad", 3, 9, m, 0, 0, pad) || !sizes_of(b, p, "dilation", 18, 0, m, 1, 1, dilation)) return;
    put(text, sizeof text, "kernel_shape", m, s.dim + 2, 1);
    put(text, sizeof text, "strides", m, stride, 1);
    put(text, sizeof text, "pads", m, pad, 2);
    put(text, sizeof text, "dilations", m, dilation, 1);
    for (int64_t k = 0; k < fire_caffe_bottoms(b) && k < n->n_out; k++)
        n->out[k] = fire_import_apply(b, back ? "ConvTranspose" : "Conv", 2 + with_bias, FIRE_IN(n->in[k], w, fire_caffe_blob(b, n, 1)), "%s group=%lld", text, (long long)group);
}

/* Sizes are rounded up; a mean counts the padding that a window covers. */
void fire_caffe_pooling(fire_import *b, fire_lift *n) {
    if (!fire_caffe_has(b, n, 1, 0)) return;
    const fire_wire p = fire_caffe_open(b, n, FIRE_CAFFE_POOLING);
    const fire_value x = n->in[0];
    const fire_shape s = fire_caffe_shape(b, x);
    const int pool = (int)fire_caffe_number(p, 1, 0), m = 2;
    int64_t kernel[3], stride[3], pad[3];
    char text[256] = "";
    if (s.rank != 4) { fire_caffe_fail(b, "data of %d dimensions, expected 4", (int)s.rank); return; }
    if (pool != 0 && pool != 1) { fire_caffe_fail(b, "stochastic pooling is not supported"); return; }
    if (fire_caffe_number(p, 12, 0) != 0) { n->out[0] = fire_import_one(b, pool ? "GlobalAveragePool" : "GlobalMaxPool", x); return; }
    if (!sizes_of(b, p, "kernel_size", 2, 5, m, 0, 1, kernel) || !sizes_of(b, p, "stride", 3, 7, m, 1, 1, stride) || !sizes_of(b, p, "pad", 4, 9, m, 0, 0, pad)) return;
    put(text, sizeof text, "kernel_shape", m, kernel, 1);
    put(text, sizeof text, "strides", m, stride, 1);
    put(text, sizeof text, "pads", m, pad, 2);
    n->out[0] = fire_import_apply(b, pool ? "AveragePool" : "MaxPool", 1, &x, "%s ceil_mode=%d%s", text, fire_caffe_number(p, 13, 0) == 0, pool ? " count_include_pad=1" : "");
}

/* ---- weights ---- */

/* Dimensions from `axis` on are one. */
void fire_caffe_inner_product(fire_import *b, fire_lift *n) {
    if (!fire_caffe_has(b, n, 1, 1)) return;
    static const int over[2] = {1, 0};
    const fire_wire p = fire_caffe_open(b, n, FIRE_CAFFE_INNER_PRODUCT);
    const bool with_bias = fire_caffe_number(p, 2, 1) != 0, turned = fire_caffe_number(p, 6, 0) != 0;
    fire_value x = n->in[0], w = fire_caffe_blob(b, n, 0);
    const fire_shape s = fire_caffe_shape(b, x), ws = fire_caffe_shape(b, w);
    fire_shape to = {0};
    int axis;
    if ((with_bias && !fire_caffe_has(b, n, 1, 2)) || !fire_caffe_axis(b, p, 5, 1, s.rank, &axis)) return;
    int64_t inner = 1;
    for (int d = 0; d < s.rank; d++) {
        if (d < axis) to.dim[to.rank++] = s.dim[d];
        else if (s.dim[d] < 0 || !fire_mul(inner, s.dim[d], &inner)) { (void)fire_import_concrete(b, x); return; }
    }
    if (ws.rank != 2 || ws.dim[turned ? 0 : 1] != inner) {
        char have[FIRE_SHAPE_TEXT], data[FIRE_SHAPE_TEXT];
        fire_caffe_fail(b, "weights %s do not fit data %s", fire_shape_text(&ws, have), fire_shape_text(&s, data));
        return;
    }
    to.dim[to.rank++] = inner;
    x = s.rank == to.rank ? x : fire_import_reshape(b, x, to);
    if (to.rank == 2) {
        n->out[0] = fire_import_apply(b, "Gemm", 2 + with_bias, FIRE_IN(x, w, fire_caffe_blob(b, n, 1)), "transB=%d", !turned);
        return;
    }
    x = fire_import_two(b, "MatMul", x, turned ? w : fire_import_permute(b, w, over));
    n->out[0] = with_bias ? fire_import_two(b, "Add", x, fire_caffe_blob(b, n, 1)) : x;
}

void fire_caffe_embed(fire_import *b, fire_lift *n) {
    const fire_wire p = fire_caffe_open(b, n, FIRE_CAFFE_EMBED);
    const bool with_bias = fire_caffe_number(p, 3, 1) != 0;
    if (!fire_caffe_has(b, n, 1, 1 + with_bias)) return;
    const fire_value x = fire_import_apply(b, "Gather", 2, FIRE_IN(fire_caffe_blob(b, n, 0), fire_import_cast(b, n->in[0], FIRE_I64)), "axis=0");
    n->out[0] = with_bias ? fire_import_two(b, "Add", x, fire_caffe_blob(b, n, 1)) : x;
}

/* ---- normalization ---- */

void fire_caffe_lrn(fire_import *b, fire_lift *n) {
    if (!fire_caffe_has(b, n, 1, 0)) return;
    const fire_wire p = fire_caffe_open(b, n, FIRE_CAFFE_LRN);
    const double size = fire_caffe_number(p, 1, 5), alpha = fire_caffe_number(p, 2, 1), beta = fire_caffe_number(p, 3, 0.75), k = fire_caffe_number(p, 5, 1);
    const fire_value x = n->in[0];
    if (size < 1 || size > 1 << 20 || fmod(size, 2) != 1) { fire_caffe_fail(b, "a window of %g, expected an odd number", size); return; }
    if (fire_caffe_number(p, 4, 0) == 0) {
        n->out[0] = fire_import_apply(b, "LRN", 1, &x, "size=%d alpha=%.9g beta=%.9g bias=%.9g", (int)size, alpha, beta, k);
        return;
    }
    const int pad = ((int)size - 1) / 2; /* within a channel */
    fire_value mean = fire_import_apply(b, "AveragePool", 1, FIRE_IN(fire_import_two(b, "Mul", x, x)), "kernel_shape=[%d,%d] pads=[%d,%d,%d,%d] count_include_pad=1", (int)size, (int)size, pad, pad, pad, pad);
    mean = fire_caffe_plus(b, fire_caffe_times(b, mean, alpha), 1);
    n->out[0] = fire_import_two(b, "Mul", x, fire_import_two(b, "Pow", mean, fire_import_like(b, mean, -beta)));
}

/* Blobs hold sums of means and variances, and by what these are divided. */
void fire_caffe_batch_norm(fire_import *b, fire_lift *n) {
    if (!fire_caffe_has(b, n, 1, 3)) return;
    const fire_wire p = fire_caffe_open(b, n, FIRE_CAFFE_BATCH_NORM);
    fire_value mean = fire_caffe_blob(b, n, 0), var = fire_caffe_blob(b, n, 1), factor = fire_caffe_blob(b, n, 2);
    fire_import_fix(b, mean);
    fire_import_fix(b, var);
    fire_import_fix(b, factor);
    if (fire_caffe_number(p, 1, 1) == 0) { fire_caffe_fail(b, "moments of the batch are not supported"); return; }
    const fire_tensor *t = fire_import_numbers(b, factor);
    if (!t) return;
    if (fire_count(&t->shape) != 1) { fire_caffe_fail(b, "the third blob is no single number"); return; }
    const double f = fire_get(t, 0), by = f == 0 ? 0 : 1 / f;
    const fire_value x = n->in[0];
    const fire_value scale = fire_import_one(b, "Reciprocal", fire_import_one(b, "Sqrt", fire_caffe_plus(b, fire_caffe_times(b, var, by), fire_caffe_number(p, 3, 1e-5))));
    const fire_value shift = fire_import_one(b, "Neg", fire_import_two(b, "Mul", fire_caffe_times(b, mean, by), scale));
    n->out[0] = fire_import_two(b, "Add", fire_import_two(b, "Mul", x, fire_caffe_beside(b, scale, 1, x)), fire_caffe_beside(b, shift, 1, x));
}

/* With two bottoms the second one is the factor. */
void fire_caffe_scale(fire_import *b, fire_lift *n) {
    const fire_wire p = fire_caffe_open(b, n, FIRE_CAFFE_SCALE);
    const bool with_bias = fire_caffe_number(p, 4, 0) != 0;
    if (!fire_caffe_has(b, n, 1, 0)) return;
    const bool two = fire_caffe_bottoms(b) > 1;
    int axis;
    if (!fire_caffe_has(b, n, 1, !two + with_bias) || !fire_caffe_axis(b, p, 1, 1, fire_caffe_shape(b, n->in[0]).rank, &axis)) return;
    const fire_value x = n->in[0], y = fire_import_two(b, "Mul", x, fire_caffe_beside(b, two ? n->in[1] : fire_caffe_blob(b, n, 0), axis, x));
    n->out[0] = with_bias ? fire_import_two(b, "Add", y, fire_caffe_beside(b, fire_caffe_blob(b, n, !two), axis, x)) : y;
}

void fire_caffe_bias(fire_import *b, fire_lift *n) {
    const fire_wire p = fire_caffe_open(b, n, FIRE_CAFFE_BIAS);
    if (!fire_caffe_has(b, n, 1, 0)) return;
    const bool two = fire_caffe_bottoms(b) > 1;
    int axis;
    if (!fire_caffe_has(b, n, 1, !two) || !fire_caffe_axis(b, p, 1, 1, fire_caffe_shape(b, n->in[0]).rank, &axis)) return;
    n->out[0] = fire_import_two(b, "Add", n->in[0], fire_caffe_beside(b, two ? n->in[1] : fire_caffe_blob(b, n, 0), axis, n->in[0]));
}

static uint32_t behind(int rank, int axis) { return ((1u << rank) - 1) & ~((1u << axis) - 1); }

void fire_caffe_mvn(fire_import *b, fire_lift *n) {
    if (!fire_caffe_has(b, n, 1, 0)) return;
    const fire_wire p = fire_caffe_open(b, n, FIRE_CAFFE_MVN);
    const fire_value x = n->in[0];
    const uint32_t mask = behind(fire_caffe_shape(b, x).rank, fire_caffe_number(p, 2, 0) != 0 ? 1 : 2);
    const fire_value away = fire_import_two(b, "Sub", x, fire_import_reduce(b, "ReduceMean", x, mask, true));
    n->out[0] = away;
    if (fire_caffe_number(p, 1, 1) == 0) return;
    const fire_value spread = fire_import_one(b, "Sqrt", fire_import_reduce(b, "ReduceMean", fire_import_two(b, "Mul", away, away), mask, true));
    n->out[0] = fire_import_two(b, "Div", away, fire_caffe_plus(b, spread, fire_caffe_number(p, 3, 1e-9)));
}

/* Over channels, or over all of a row. */
void fire_caffe_normalize(fire_import *b, fire_lift *n) {
    if (!fire_caffe_has(b, n, 1, 1)) return;
    const fire_wire p = fire_caffe_open(b, n, FIRE_CAFFE_NORMALIZE);
    const fire_value x = n->in[0];
    const uint32_t mask = fire_caffe_number(p, 1, 1) != 0 ? behind(fire_caffe_shape(b, x).rank, 1) : 2;
    const fire_value square = fire_import_reduce(b, "ReduceSum", fire_import_two(b, "Mul", x, x), mask, true);
    const fire_value y = fire_import_two(b, "Div", x, fire_import_one(b, "Sqrt", fire_caffe_plus(b, square, fire_caffe_number(p, 4, 1e-10))));
    n->out[0] = fire_import_two(b, "Mul", y, fire_caffe_beside(b, fire_caffe_blob(b, n, 0), 1, x));
}
