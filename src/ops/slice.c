/* slice - parts of a tensor: starts, ends, axes (all, in order, when left out) and steps (1) as constant i32 or i64 [k]. As in ONNX, positions
** below 0 count from the end, and what lies outside is cut off. */
#include "op.h"
#include <stdio.h>
#include <string.h>

typedef struct { int64_t start[FIRE_MAX_RANK], step[FIRE_MAX_RANK], size[FIRE_MAX_RANK]; } window;

static int64_t clamp(int64_t v, int64_t low, int64_t high) { return v < low ? low : v > high ? high : v; }

/* Where the slice lies in x; only dimensions that are known are cut. */
static fire_status window_of(const fire_shape *x, int n_in, const fire_tensor *in, window *w, fire_error *err) {
    char text[FIRE_SHAPE_TEXT];
    for (int d = 0; d < x->rank; d++) w->start[d] = 0, w->step[d] = 1, w->size[d] = x->dim[d];
    int64_t k = in[1].shape.rank == 1 ? in[1].shape.dim[0] : -1;
    for (int i = 1; i < n_in; i++) {
        if (!in[i].type) continue;
        fire_status s = fire_want_index(&in[i], i == 1 ? "starts" : i == 2 ? "ends" : i == 3 ? "axes" : "steps", err);
        if (s) return s;
        if (in[i].shape.rank != 1 || in[i].shape.dim[0] != k || k > x->rank)
            return fire_fail(err, FIRE_E_SHAPE, "starts, ends, axes and steps need one number per axis cut, of %d axes at most", (int)x->rank);
        if (!in[i].data) return fire_fail(err, FIRE_E_UNSUPPORTED, "starts, ends, axes and steps must be constants");
    }
    uint32_t seen = 0;
    for (int64_t i = 0; i < k; i++) {
        int d = (int)i;
        fire_status s = n_in > 3 && in[3].type ? fire_axis((int64_t)fire_get(&in[3], i), x->rank, &d, err) : FIRE_OK;
        if (s) return s;
        if (seen >> d & 1) return fire_fail(err, FIRE_E_ATTRIBUTE, "axis %d is named twice", d);
        seen |= 1u << d;
        int64_t step = n_in > 4 && in[4].type ? (int64_t)fire_get(&in[4], i) : 1, size = x->dim[d];
        int64_t from = fire_whole(fire_get(&in[1], i)), to = fire_whole(fire_get(&in[2], i));
        if (step == 0 || step < -INT32_MAX || step > INT32_MAX) return fire_fail(err, FIRE_E_ATTRIBUTE, "the step along axis %d is %lld", d, (long long)step);
        if (size < 0) { /* the batch: all of it, or nothing that could be told now */
            if (from == 0 && step == 1 && to >= INT32_MAX) continue;
            return fire_fail(err, FIRE_E_SHAPE, "axis %d of %s has no known size", d, fire_shape_text(x, text));
        }
        if (from < 0) from += size;
        if (to < 0 && to >= -size) to += size;
        from = step > 0 ? clamp(from, 0, size) : clamp(from, 0, size - 1);
        to = step > 0 ? clamp(to, 0, size) : clamp(to, -1, size - 1);
        int64_t span = step > 0 ? to - from : from - to, by = step > 0 ? step : -step;
        w->start[d] = from;
        w->step[d] = step;
        w->size[d] = size && span > 0 ? (span - 1) / by + 1 : 0; /* backwards through nothing, span is 1 */
    }
    return FIRE_OK;
}

static fire_status slice_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    window w;
    fire_status s = window_of(&in[0].shape, n_in, in, &w, err);
    if (s) return s;
    out[0].type = in[0].type;
    out[0].shape.rank = in[0].shape.rank;
    for (int d = 0; d < in[0].shape.rank; d++) out[0].shape.dim[d] = w.size[d];
    return FIRE_OK;
}

/* Elements of a window of `whole`, in order, to or from the dense `part`; runs along the last axis at once where its step is 1. */
static void move_window(const fire_tensor *whole, const fire_tensor *part, const window *w, bool into) {
    int rank = whole->shape.rank;
    int64_t stride[FIRE_MAX_RANK], at[FIRE_MAX_RANK] = {0}, size = (int64_t)fire_type_size(whole->type), count = fire_count(&part->shape), place = 0;
    for (int64_t d = rank - 1, n = 1; d >= 0; n *= whole->shape.dim[d--]) stride[d] = n;
    for (int d = 0; d < rank; d++) place += w->start[d] * stride[d];
    int outer = rank && w->step[rank - 1] == 1 ? rank - 1 : rank;
    int64_t run = outer < rank ? w->size[outer] : 1;
    for (int64_t e = 0; e < count; e += run) {
        char *a = (char *)whole->data + place * size, *b = (char *)part->data + e * size;
        memcpy(into ? a : b, into ? b : a, (size_t)(run * size));
        for (int d = outer - 1; d >= 0; d--) {
            place += w->step[d] * stride[d];
            if (++at[d] < w->size[d]) break;
            place -= at[d] * w->step[d] * stride[d];
            at[d] = 0;
        }
    }
}

static void slice_run(const fire_call *call) {
    window w;
    if (window_of(&call->in[0].shape, call->n_in, call->in, &w, NULL)) return;
    move_window(&call->in[0], &call->out[0], &w, false);
}

static void slice_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value in[6] = {dy[0], n->in[0], n->in[1], n->in[2], n->n_in > 3 ? n->in[3] : 0, n->n_in > 4 ? n->in[4] : 0};
    dx[0] = fire_apply(g, "SliceGrad", n->n_in + 1, in, NULL);
}

const fire_op fire_op_slice = {
    .name = "Slice", .values = 0x1e, .help = "parts of a tensor along some axes",
    .min_in = 3, .max_in = 5, .n_out = 1, .infer = slice_infer, .run = slice_run, .grad = slice_grad,
    .examples = {"[4,6] i64[1]{1} i64[1]{4} i64[1]{1}", "[4,6] i64[2]{0,-2} i64[2]{4,6}", "[3,5] i64[1]{-1} i64[1]{-99} i64[1]{1} i64[1]{-2}", "[2,7] i64[1]{0} i64[1]{9} i64[1]{1} i64[1]{3}",
                 "i32[5] i64[1]{1} i64[1]{3}", "[2,3] i64[1]{2} i64[1]{1} i64[1]{1}", "[0,3] i64[1]{-1} i64[1]{-99} i64[1]{0} i64[1]{-1}"},
};

/* The gradient: dy where the slice was, 0 elsewhere. in: dy, x (its shape), starts, ends, axes, steps. */
static fire_status slice_grad_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    window w;
    fire_status s = window_of(&in[1].shape, n_in - 1, in + 1, &w, err);
    if (s) return s;
    bool fits = in[0].shape.rank == in[1].shape.rank;
    for (int d = 0; d < in[0].shape.rank && fits; d++) fits = in[0].shape.dim[d] == w.size[d];
    if (!fits) return fire_fail(err, FIRE_E_SHAPE, "the gradient does not have the slice's shape");
    out[0].type = in[0].type;
    out[0].shape = in[1].shape;
    return FIRE_OK;
}

static void slice_grad_run(const fire_call *call) {
    window w;
    if (window_of(&call->in[1].shape, call->n_in - 1, call->in + 1, &w, NULL)) return;
    memset(call->out[0].data, 0, (size_t)fire_count(&call->out[0].shape) * fire_type_size(call->out[0].type));
    move_window(&call->out[0], &call->in[0], &w, true);
}

const fire_op fire_op_slice_grad = {
    .name = "SliceGrad", .domain = FIRE_DOMAIN, .help = "gradient of Slice",
    .min_in = 4, .max_in = 6, .n_out = 1, .shape_only = 1u << 1, .infer = slice_grad_infer, .run = slice_grad_run,
    .examples = {"[4,3] [4,6] i64[1]{1} i64[1]{4} i64[1]{1} i64[1]{1}", "[3,2] [3,5] i64[1]{-1} i64[1]{-99} i64[1]{1} i64[1]{-3}", "[2] [5] i64[1]{1} i64[1]{3}"},
};
