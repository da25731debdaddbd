/* tensorflow_lift_nn.c - TensorFlow's convolutions, pooling, normalization and losses.
**
** Data with channels last goes to our operators as it lies (channels_last=1: weights [k..., in, out], as in TensorFlow); NCHW as ONNX has it.
*/
#include "formats/tensorflow_help.h"
#include <stdio.h>

#define WINDOW 512
typedef struct { int m; bool first; int64_t stride[3], dilation[3], low[3], high[3]; } window;

/* The spatial entries of a list of m + 2 numbers, one for each dimension of the data. */
static bool spatial(fire_import *b, const window *w, const int64_t *list, int64_t count, int64_t to[3]) {
    if (count != w->m + 2) { fire_tf_fail(b, "%lld numbers for %d dimensions", (long long)count, w->m + 2); return false; }
    if (list[0] != 1 || list[w->first ? 1 : w->m + 1] != 1) { fire_tf_fail(b, "windows over rows or channels are not supported"); return false; }
    for (int d = 0; d < w->m; d++) {
        to[d] = list[d + (w->first ? 2 : 1)];
        if (to[d] < 1 || to[d] > 1 << 30) { fire_tf_fail(b, "a window of %lld", (long long)to[d]); return false; }
    }
    return true;
}
static int64_t size_at(const window *w, const fire_shape *x, int d) { return x->dim[d + (w->first ? 2 : 1)]; }

/* Strides, dilations and padding of data shaped x; kernel [m]. */
static bool read_window(fire_import *b, const fire_lift *n, const fire_shape *x, const int64_t *kernel, window *w) {
    const fire_onnx_attr *strides = fire_lift_attr(n, "strides"), *dilations = fire_lift_attr(n, "dilations"), *pads = fire_lift_attr(n, "explicit_paddings");
    const bool same = fire_lift_text(n, "padding", "SAME"), valid = fire_lift_text(n, "padding", "VALID");
    for (int d = 0; d < 3; d++) w->stride[d] = w->dilation[d] = 1, w->low[d] = w->high[d] = 0;
    if (strides && strides->n_ints && !spatial(b, w, strides->ints, strides->n_ints, w->stride)) return false;
    if (dilations && dilations->n_ints && !spatial(b, w, dilations->ints, dilations->n_ints, w->dilation)) return false;
    if (!same && !valid && (!pads || pads->n_ints != 2 * (w->m + 2))) { fire_tf_fail(b, "the padding is not understood"); return false; }
    for (int d = 0; d < w->m; d++) {
        int64_t have = size_at(w, x, d);
        if (kernel[d] < 1 || kernel[d] > 1 << 30 || have > (int64_t)1 << 46) { fire_tf_fail(b, "a window of %lld over %lld", (long long)kernel[d], (long long)have); return false; }
        if (have < 0) { fire_tf_fail(b, "the size of the data is not known before it runs"); b->late = true; return false; }
        if (same) {
            int64_t need = ((have + w->stride[d] - 1) / w->stride[d] - 1) * w->stride[d] + (kernel[d] - 1) * w->dilation[d] + 1 - have;
            w->low[d] = need > 0 ? need / 2 : 0;
            w->high[d] = need > 0 ? need - need / 2 : 0;
        } else if (!valid) w->low[d] = pads->ints[2 * (d + (w->first ? 2 : 1))], w->high[d] = pads->ints[2 * (d + (w->first ? 2 : 1)) + 1];
        if (w->low[d] < 0 || w->high[d] < 0 || w->low[d] > 1 << 30 || w->high[d] > 1 << 30) { fire_tf_fail(b, "a padding of %lld", (long long)w->low[d]); return false; }
    }
    return true;
}

static void put_list(char *to, const char *name, int m, const int64_t *v, const int64_t *more) {
    size_t k = strlen(to);
    k += (size_t)snprintf(to + k, WINDOW - k, " %s=[", name);
    for (int d = 0; d < (more ? 2 * m : m); d++) k += (size_t)snprintf(to + k, WINDOW - k, d ? ",%lld" : "%lld", (long long)(d < m ? v[d] : more[d - m]));
    snprintf(to + k, WINDOW - k, "]");
}
static void window_text(const window *w, char to[WINDOW]) {
    snprintf(to, WINDOW, "%s", w->first ? " " : "channels_last=1");
    put_list(to, "strides", w->m, w->stride, NULL);
    put_list(to, "dilations", w->m, w->dilation, NULL);
    put_list(to, "pads", w->m, w->low, w->high);
}

static bool begin(fire_import *b, const fire_lift *n, fire_value x, int m, window *w) {
    if (b->g->first.status) return false;
    w->m = m;
    w->first = fire_lift_text(n, "data_format", "NCHW") || fire_lift_text(n, "data_format", "NCDHW");
    if (fire_shape_of(b->g, x).rank != m + 2) { fire_tf_fail(b, "data of %d dimensions, expected %d", (int)fire_shape_of(b->g, x).rank, m + 2); return false; }
    return true;
}

/* Weights [k..., in, out] as the convolution wants them: as they are, or [out, in, k...]. */
static fire_value weights(fire_import *b, const window *w, fire_value v) {
    int perm[5] = {w->m + 1, w->m, 0, 1, 2};
    return w->first ? fire_import_permute(b, v, perm) : v;
}
/* Depthwise weights [k..., c, times] as those of c groups: [k..., 1, c times]. */
static fire_value depthwise(fire_import *b, fire_value v, int64_t *groups) {
    fire_shape s = fire_tf_shape(b, v);
    if (s.rank != 4) { fire_tf_fail(b, "weights of %d dimensions", (int)s.rank); return 0; }
    *groups = s.dim[2];
    return fire_import_reshape(b, v, (fire_shape){4, {s.dim[0], s.dim[1], 1, s.dim[2] * s.dim[3]}});
}

void fire_tf_conv(fire_import *b, fire_lift *n) { /* Conv2D, Conv3D, DepthwiseConv2dNative */
    window w;
    char text[WINDOW];
    int64_t groups = 0;
    if (!fire_tf_has(b, n, 2) || !begin(b, n, n->in[0], strstr(n->op, "3D") ? 3 : 2, &w)) return;
    fire_value k = n->op[0] == 'D' ? depthwise(b, n->in[1], &groups) : n->in[1];
    fire_shape x = fire_tf_shape(b, n->in[0]), s = fire_tf_shape(b, k);
    if (b->g->first.status || s.rank != w.m + 2) { fire_tf_fail(b, "weights of %d dimensions", (int)s.rank); return; }
    if (!groups && s.dim[w.m] > 0) groups = x.dim[w.first ? 1 : w.m + 1] / s.dim[w.m];
    if (!read_window(b, n, &x, s.dim, &w)) return;
    window_text(&w, text);
    fire_value data = n->in[0];
    const fire_type type = fire_type_of(b->g, data);
    if (!fire_tf_float(type)) data = fire_import_cast(b, data, FIRE_F64), k = fire_import_cast(b, k, FIRE_F64);
    n->out[0] = fire_import_cast(b, fire_import_apply(b, "Conv", 2, FIRE_IN(data, weights(b, &w, k)), "%s group=%lld", text, (long long)groups), type);
}

/* The gradient of a convolution by its input: input_sizes, weights, dy. */
void fire_tf_conv_back(fire_import *b, fire_lift *n) {
    window w;
    char text[WINDOW];
    fire_shape x = {0};
    int64_t count, groups = 1, extra[3] = {0};
    if (!fire_tf_has(b, n, 3) || !begin(b, n, n->in[2], strstr(n->op, "3D") ? 3 : 2, &w) || !fire_tf_sizes(b, n->in[0], FIRE_MAX_RANK, x.dim, &count)) return;
    fire_value k = n->op[0] == 'D' ? depthwise(b, n->in[1], &groups) : n->in[1];
    fire_shape s = fire_tf_shape(b, k), dy = fire_tf_shape(b, n->in[2]);
    if (b->g->first.status || s.rank != w.m + 2 || (count != w.m + 2 && count != w.m)) { fire_tf_fail(b, "the sizes do not fit"); return; }
    const bool free = count == w.m + 2 && dy.dim[0] < 0 && x.dim[0] < 0; /* the batch */
    for (int d = free; d < w.m + 2; d++)
        if (dy.dim[d] < 0 && b->symbolic) { b->late = true; fire_tf_fail(b, "the size of the data is not known before it runs"); return; }
        else if (dy.dim[d] < 0 || dy.dim[d] > INT32_MAX || (d < count && (x.dim[d] < 0 || x.dim[d] > INT32_MAX))) { fire_tf_fail(b, "the sizes do not fit"); return; }
    if (count == w.m) /* the spatial sizes alone */
        for (int d = w.m - 1; d >= 0; d--) x.dim[d + (w.first ? 2 : 1)] = x.dim[d];
    x.rank = w.m + 2;
    if (n->op[0] != 'D' && count == w.m + 2 && s.dim[w.m] > 0) groups = x.dim[w.first ? 1 : w.m + 1] / s.dim[w.m];
    if (!read_window(b, n, &x, s.dim, &w)) return;
    for (int d = 0; d < w.m; d++) {
        int64_t all = (size_at(&w, &dy, d) - 1) * w.stride[d] + (s.dim[d] - 1) * w.dilation[d] + 1 - w.low[d] - w.high[d];
        extra[d] = size_at(&w, &x, d) - all;
        if (extra[d] < 0) w.high[d] -= extra[d], extra[d] = 0;
    }
    window_text(&w, text);
    put_list(text, "output_padding", w.m, extra, NULL);
    n->out[0] = fire_import_apply(b, "ConvTranspose", 2, FIRE_IN(n->in[2], weights(b, &w, k)), "%s group=%lld", text, (long long)groups);
}

void fire_tf_pool(fire_import *b, fire_lift *n) { /* MaxPool, MaxPoolV2, AvgPool, MaxPool3D, AvgPool3D */
    window w;
    char text[WINDOW];
    int64_t list[2][5], count[2], kernel[3];
    const bool inputs = !strcmp(n->op, "MaxPoolV2"), max = n->op[0] == 'M';
    if (!fire_tf_has(b, n, inputs ? 3 : 1) || !begin(b, n, n->in[0], strstr(n->op, "3D") ? 3 : 2, &w)) return;
    fire_onnx_attr size = {0}, steps = {0};
    fire_lift as = *n;
    if (inputs) {
        if (!fire_tf_list(b, n->in[1], 5, list[0], &count[0]) || !fire_tf_list(b, n->in[2], 5, list[1], &count[1])) return;
        size = (fire_onnx_attr){.ints = list[0], .n_ints = count[0]};
        steps = (fire_onnx_attr){.name = {(const uint8_t *)"strides", 7}, .ints = list[1], .n_ints = count[1]};
        as.attr = fire_arena_alloc(&b->arena, (size_t)n->n_attrs + 1, sizeof *as.attr, &b->g->first);
        if (!as.attr) return;
        as.attr[0] = steps;
        for (int64_t i = 0; i < n->n_attrs; i++) as.attr[i + 1] = n->attr[i];
        as.n_attrs = n->n_attrs + 1;
    } else if (fire_lift_attr(n, "ksize")) size = *fire_lift_attr(n, "ksize");
    fire_shape x = fire_shape_of(b->g, n->in[0]);
    fire_value data = n->in[0];
    const fire_type type = fire_type_of(b->g, data);
    if (max && w.m == 2 && !w.first && size.n_ints == 4 && size.ints[1] == 1 && size.ints[2] == 1 && size.ints[3] > 1 && x.dim[3] % size.ints[3] == 0) { /* over channels */
        data = fire_import_reshape(b, data, (fire_shape){5, {x.dim[0], x.dim[1], x.dim[2], x.dim[3] / size.ints[3], size.ints[3]}});
        n->out[0] = fire_import_reduce(b, "ReduceMax", data, 16, false);
        return;
    }
    if (!spatial(b, &w, size.ints, size.n_ints, kernel) || !read_window(b, &as, &x, kernel, &w)) return;
    window_text(&w, text);
    put_list(text, "kernel_shape", w.m, kernel, NULL);
    if (!fire_tf_float(type)) data = fire_import_cast(b, data, FIRE_F64);
    n->out[0] = fire_import_cast(b, fire_import_apply(b, max ? "MaxPool" : "AveragePool", 1, &data, "%s", text), type);
}

/* Places are counted in [h, w, c] of a row, or in the whole of the data. */
void fire_tf_max_pool_places(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *size = fire_lift_attr(n, "ksize");
    window w;
    char text[WINDOW];
    int64_t kernel[3];
    static const int first[4] = {0, 3, 1, 2}, last[4] = {0, 2, 3, 1};
    if (!fire_tf_has(b, n, 1) || !begin(b, n, n->in[0], 2, &w) || !fire_import_concrete(b, n->in[0])) return;
    fire_shape x = fire_shape_of(b->g, n->in[0]);
    if (!size || w.first || !spatial(b, &w, size->ints, size->n_ints, kernel) || !read_window(b, n, &x, kernel, &w)) { fire_tf_fail(b, "the window is not understood"); return; }
    w.first = true;
    window_text(&w, text);
    put_list(text, "kernel_shape", 2, kernel, NULL);
    const fire_type type = fire_tf_type(b, n->in[0]);
    const bool whole = !fire_tf_float(type); /* computed as float64, which holds what is within 2^53 */
    if (type == FIRE_BOOL) { fire_tf_fail(b, "wants numbers"); return; }
    fire_value turned = fire_import_permute(b, whole ? fire_import_cast(b, n->in[0], FIRE_F64) : n->in[0], first);
    fire_value at = fire_import_apply(b, "MaxPoolPlaces", 1, &turned, "%s", text);
    n->out[0] = fire_import_cast(b, fire_import_permute(b, fire_import_apply(b, "MaxPool", 1, &turned, "%s", text), last), type);
    int64_t plane = x.dim[1] * x.dim[2], c = x.dim[3];
    fire_tensor offset; /* of the channel, and of the row */
    if (plane < 1 || !fire_tf_new(b, FIRE_I64, (fire_shape){4, {x.dim[0], c, 1, 1}}, &offset)) return;
    for (int64_t i = 0; i < x.dim[0] * c; i++) ((int64_t *)offset.data)[i] = i % c + (fire_lift_int(n, "include_batch_in_index", 0) ? i / c * plane * c : 0);
    at = fire_import_apply(b, "Mod", 2, FIRE_IN(at, fire_import_like(b, at, (double)plane)), "fmod=0");
    at = fire_import_two(b, "Add", fire_tf_times(b, at, (double)c), fire_tf_keep(b, &offset));
    n->out[1] = fire_import_cast(b, fire_import_permute(b, at, last), (fire_type)fire_lift_int(n, "Targmax", FIRE_I64));
}

/* ---- normalization ---- */

/* v [c] beside data with channels second. */
static fire_value beside(fire_import *b, fire_value v, bool first, int rank) {
    fire_shape s = fire_tf_shape(b, v), to = {.rank = rank - 1};
    if (!first || s.rank != 1) return v;
    for (int d = 0; d < rank - 1; d++) to.dim[d] = d ? 1 : s.dim[0];
    return fire_import_reshape(b, v, to);
}

void fire_tf_batch_norm(fire_import *b, fire_lift *n) { /* x, scale, offset, mean, variance */
    if (!fire_tf_has(b, n, 5)) return;
    fire_value x = n->in[0], mean = n->in[3], var = n->in[4];
    fire_shape s = fire_shape_of(b->g, x);
    fire_import_fix(b, mean);
    fire_import_fix(b, var);
    const bool first = fire_lift_text(n, "data_format", "NCHW") || fire_lift_text(n, "data_format", "NCDHW");
    const fire_type type = fire_type_of(b->g, n->in[1]); /* a float32 where x is a half */
    x = fire_import_cast(b, x, type);
    if (s.rank < 2) { fire_tf_fail(b, "data of %d dimensions", (int)s.rank); return; }
    n->out[1] = mean, n->out[2] = var, n->out[3] = mean, n->out[4] = var;
    if (fire_lift_int(n, "is_training", 1)) {
        uint32_t mask = ((1u << s.rank) - 1) & ~(1u << (first ? 1 : s.rank - 1));
        int64_t count = 1;
        if (!fire_import_concrete(b, x)) return;
        for (int d = 0; d < s.rank; d++) count *= mask >> d & 1 ? s.dim[d] : 1;
        fire_value now = fire_import_reduce(b, "ReduceMean", x, mask, true), away = fire_import_two(b, "Sub", x, now);
        fire_value spread = fire_import_reduce(b, "ReduceMean", fire_import_two(b, "Mul", away, away), mask, false), wide;
        now = fire_import_reduce(b, "ReduceMean", x, mask, false);
        wide = fire_tf_times(b, spread, count > 1 ? (double)count / (double)(count - 1) : 1);
        double factor = fire_lift_float(n, "exponential_avg_factor", 1);
        n->out[3] = now, n->out[4] = spread;
        n->out[1] = factor == 1 ? now : fire_import_two(b, "Add", fire_tf_times(b, mean, 1 - factor), fire_tf_times(b, now, factor));
        n->out[2] = factor == 1 ? wide : fire_import_two(b, "Add", fire_tf_times(b, var, 1 - factor), fire_tf_times(b, wide, factor));
        mean = now, var = spread;
    }
    if (n->n_out > 5) n->out[5] = fire_tf_fill(b, type, (fire_shape){1, {0}}, 0);
    fire_value by = fire_import_two(b, "Div", n->in[1], fire_import_one(b, "Sqrt", fire_tf_plus(b, var, fire_lift_float(n, "epsilon", 1e-4))));
    fire_value shift = fire_import_two(b, "Sub", n->in[2], fire_import_two(b, "Mul", mean, by));
    n->out[0] = fire_import_two(b, "Add", fire_import_two(b, "Mul", x, beside(b, by, first, s.rank)), beside(b, shift, first, s.rank));
}

void fire_tf_old_batch_norm(fire_import *b, fire_lift *n) { /* t, mean, variance, beta, gamma */
    if (!fire_tf_has(b, n, 5)) return;
    fire_import_fix(b, n->in[1]);
    fire_import_fix(b, n->in[2]);
    fire_value by = fire_import_one(b, "Reciprocal", fire_import_one(b, "Sqrt", fire_tf_plus(b, n->in[2], fire_lift_float(n, "variance_epsilon", 1e-3))));
    if (fire_lift_int(n, "scale_after_normalization", 0)) by = fire_import_two(b, "Mul", by, n->in[4]);
    n->out[0] = fire_import_two(b, "Add", fire_import_two(b, "Mul", fire_import_two(b, "Sub", n->in[0], n->in[1]), by), n->in[3]);
}

void fire_tf_lrn(fire_import *b, fire_lift *n) {
    static const int first[4] = {0, 3, 1, 2}, last[4] = {0, 2, 3, 1};
    int64_t radius = fire_lift_int(n, "depth_radius", 5);
    if (!fire_tf_has(b, n, 1)) return;
    if (fire_shape_of(b->g, n->in[0]).rank != 4 || radius < 0 || radius > 1 << 20) { fire_tf_fail(b, "the window does not fit"); return; }
    fire_value x = fire_import_permute(b, n->in[0], first);
    x = fire_import_apply(b, "LRN", 1, &x, "size=%lld alpha=%.9g beta=%.9g bias=%.9g", (long long)(2 * radius + 1), fire_lift_float(n, "alpha", 1) * (double)(2 * radius + 1),
                          fire_lift_float(n, "beta", 0.5), fire_lift_float(n, "bias", 1));
    n->out[0] = fire_import_permute(b, x, last);
}

void fire_tf_bias_grad(fire_import *b, fire_lift *n) {
    if (!fire_tf_has(b, n, 1)) return;
    int rank = fire_shape_of(b->g, n->in[0]).rank;
    uint32_t mask = ((1u << rank) - 1) & ~(fire_lift_text(n, "data_format", "NCHW") ? 2u : 1u << (rank - 1));
    n->out[0] = fire_import_reduce(b, "ReduceSum", n->in[0], mask, false);
}

/* ---- losses ---- */

void fire_tf_softmax(fire_import *b, fire_lift *n) {
    if (fire_tf_has(b, n, 1)) n->out[0] = fire_import_apply(b, n->op, 1, n->in, "axis=-1");
}

void fire_tf_cross_entropy(fire_import *b, fire_lift *n) { /* logits [rows, classes]; labels the same, or classes [rows] */
    if (!fire_tf_has(b, n, 2)) return;
    fire_value x = n->in[0], y = n->in[1], loss, log, p;
    const bool sparse = n->op[1] == 'p';
    if (!sparse && fire_import_concrete(b, x) && fire_import_concrete(b, y)) { /* either may be broadcast */
        fire_shape s = fire_shape_of(b->g, x), t = fire_shape_of(b->g, y);
        if (fire_broadcast_shape(&s, &t, &s, &b->g->first)) return;
        x = fire_tf_expand(b, x, s), y = fire_tf_expand(b, y, s);
    }
    log = fire_import_apply(b, "LogSoftmax", 1, &x, "axis=-1");
    p = fire_import_apply(b, "Softmax", 1, &x, "axis=-1");
    if (sparse) {
        fire_value at = fire_import_unsqueeze(b, fire_import_cast(b, y, FIRE_I64), 1);
        loss = fire_import_apply(b, "GatherElements", 2, FIRE_IN(log, at), "axis=1");
        loss = fire_import_two(b, "Squeeze", loss, fire_import_ints(b, 1, &(int64_t){1}));
        fire_shape s = fire_tf_shape(b, x);
        int64_t *places = s.rank == 2 && s.dim[1] >= 0 ? fire_arena_alloc(&b->arena, (size_t)s.dim[1] + 1, sizeof *places, &b->g->first) : NULL;
        for (int64_t i = 0; places && i < s.dim[1]; i++) places[i] = i;
        if (places && n->n_out > 1) y = fire_import_cast(b, fire_import_two(b, "Equal", at, fire_import_ints(b, s.dim[1], places)), fire_tf_type(b, x));
    } else loss = fire_import_reduce(b, "ReduceSum", fire_import_two(b, "Mul", y, log), 2, false);
    n->out[0] = fire_import_one(b, "Neg", loss);
    if (n->n_out > 1) n->out[1] = fire_import_two(b, "Sub", p, y);
}
