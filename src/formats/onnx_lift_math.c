/* onnx_lift_math.c - ONNX operators that are composed of others: normalization, losses, quantization, einsum and small functions. */
#include "formats/onnx_lift.h"
#include "small.h"
#include <stdio.h>

static fire_value times(fire_import *b, fire_value x, double v) { return fire_import_two(b, "Mul", x, fire_import_like(b, x, v)); }
static fire_value plus(fire_import *b, fire_value x, double v) { return fire_import_two(b, "Add", x, fire_import_like(b, x, v)); }

/* v [c] so that it broadcasts along axis 1 of x: [c, 1, ...]. */
static fire_value per_channel(fire_import *b, fire_value v, fire_value x) {
    if (b->g->first.status) return 0;
    fire_shape s = {.rank = fire_shape_of(b->g, x).rank - 1}, from = fire_shape_of(b->g, v);
    if (s.rank < 1) { s.rank = 1; }
    for (int d = 0; d < s.rank; d++) s.dim[d] = d ? 1 : fire_count(&from);
    return fire_import_reshape(b, v, s);
}

/* Many inputs are taken in groups. */
void fire_lift_many(fire_import *b, fire_lift *n) {
    const char *op = strcmp(n->op, "Mean") ? n->op : "Sum";
    if (n->n_in < 1) { fire_import_fail(b, FIRE_E_CORRUPT, "has no inputs"); return; }
    char axis[40] = " ";
    if (!strcmp(op, "Concat")) snprintf(axis, sizeof axis, "axis=%lld", (long long)fire_lift_int(n, "axis", 1));
    fire_value y = n->in[0];
    for (int64_t i = 1; i < n->n_in || i == 1;) {
        fire_value in[FIRE_MAX_IN] = {y};
        int k = 1;
        while (k < FIRE_MAX_IN && i < n->n_in) in[k++] = n->in[i++];
        y = fire_import_apply(b, op, k, in, "%s", axis);
        if (i == 1) break;
    }
    if (!strcmp(n->op, "Mean")) y = fire_import_two(b, "Div", y, fire_import_like(b, y, (double)n->n_in));
    n->out[0] = y;
}

/* ---- normalization ---- */

void fire_lift_batch_normalization(fire_import *b, fire_lift *n) {
    if (n->n_in < 5) { fire_import_fail(b, FIRE_E_CORRUPT, "%lld inputs, expected 5", (long long)n->n_in); return; }
    fire_value x = n->in[0], mean = n->in[3], var = n->in[4];
    if (b->g->first.status) return;
    fire_import_fix(b, mean);
    fire_import_fix(b, var);
    if (!fire_lift_int(n, "spatial", 1) || (n->opset < 7 && !fire_lift_int(n, "is_test", 0))) {
        fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "training in opset 6, and statistics that are not per channel, are not supported");
        return;
    }
    const fire_type type = fire_type_of(b->g, x);
    fire_value scale = fire_import_cast(b, n->in[1], type), shift = fire_import_cast(b, n->in[2], type);
    mean = fire_import_cast(b, mean, type);
    var = fire_import_cast(b, var, type);
    if (fire_lift_int(n, "training_mode", 0)) {
        double m = fire_lift_float(n, "momentum", 0.9);
        fire_shape s = fire_shape_of(b->g, x);
        if (!fire_import_concrete(b, x)) return;
        uint32_t mask = ((1u << s.rank) - 1) & ~2u;
        fire_value now = fire_import_reduce(b, "ReduceMean", x, mask, true), away = fire_import_two(b, "Sub", x, now);
        fire_value spread = fire_import_reduce(b, "ReduceMean", fire_import_two(b, "Mul", away, away), mask, false);
        now = fire_import_reshape(b, now, (fire_shape){1, {s.dim[1]}});
        if (n->n_out > 1) n->out[1] = fire_import_two(b, "Add", times(b, mean, m), times(b, now, 1 - m));
        if (n->n_out > 2) n->out[2] = fire_import_two(b, "Add", times(b, var, m), times(b, spread, 1 - m));
        mean = now, var = spread;
    }
    fire_value factor = fire_import_two(b, "Div", scale, fire_import_one(b, "Sqrt", plus(b, var, fire_lift_float(n, "epsilon", 1e-5))));
    shift = fire_import_two(b, "Sub", shift, fire_import_two(b, "Mul", mean, factor));
    n->out[0] = fire_import_two(b, "Add", fire_import_two(b, "Mul", x, per_channel(b, factor, x)), per_channel(b, shift, x));
}

/* (x - mean) / sqrt(variance + epsilon) over the dimensions of a mask; *scale (may be NULL) gets 1 / sqrt. */
static fire_value normalize(fire_import *b, fire_value x, uint32_t mask, double epsilon, fire_value *mean, fire_value *scale) {
    fire_value m = fire_import_reduce(b, "ReduceMean", x, mask, true), away = fire_import_two(b, "Sub", x, m);
    fire_value var = fire_import_reduce(b, "ReduceMean", fire_import_two(b, "Mul", away, away), mask, true);
    fire_value by = fire_import_one(b, "Reciprocal", fire_import_one(b, "Sqrt", plus(b, var, epsilon)));
    if (mean) *mean = m;
    if (scale) *scale = by;
    return fire_import_two(b, "Mul", away, by);
}

void fire_lift_instance_normalization(fire_import *b, fire_lift *n) {
    if (n->n_in < 3 || b->g->first.status) { fire_import_fail(b, FIRE_E_CORRUPT, "%lld inputs, expected 3", (long long)n->n_in); return; }
    fire_value x = n->in[0];
    int rank = fire_shape_of(b->g, x).rank;
    fire_value y = normalize(b, x, ((1u << rank) - 1) & ~3u, fire_lift_float(n, "epsilon", 1e-5), NULL, NULL);
    n->out[0] = fire_import_two(b, "Add", fire_import_two(b, "Mul", y, per_channel(b, n->in[1], x)), per_channel(b, n->in[2], x));
}

/* Since opset 21 scale and bias are per channel, before per group. */
void fire_lift_group_normalization(fire_import *b, fire_lift *n) {
    fire_value x = n->in[0];
    if (n->n_in < 3) { fire_import_fail(b, FIRE_E_CORRUPT, "%lld inputs, expected 3", (long long)n->n_in); return; }
    if (!fire_import_is_rows(b, x)) return;
    fire_shape s = fire_shape_of(b->g, x);
    int64_t groups = fire_lift_int(n, "num_groups", 0), size = 1;
    if (s.rank < 2 || groups < 1 || s.dim[1] % groups) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "%lld groups do not fit", (long long)groups); return; }
    for (int d = 2; d < s.rank; d++) size *= s.dim[d];
    fire_value y = fire_import_reshape(b, x, (fire_shape){3, {s.dim[0], groups, s.dim[1] / groups * size}});
    y = normalize(b, y, 4, fire_lift_float(n, "epsilon", 1e-5), NULL, NULL);
    fire_value in[2] = {n->in[1], n->in[2]};
    for (int i = 0; i < 2; i++) {
        fire_shape w = fire_shape_of(b->g, in[i]);
        if (fire_count(&w) == groups && groups != s.dim[1]) {
            in[i] = fire_import_two(b, "Expand", fire_import_reshape(b, in[i], (fire_shape){2, {groups, 1}}), fire_import_ints(b, 2, (int64_t[]){groups, s.dim[1] / groups}));
            in[i] = fire_import_reshape(b, in[i], (fire_shape){1, {s.dim[1]}});
        }
    }
    y = fire_import_reshape(b, y, s);
    n->out[0] = fire_import_two(b, "Add", fire_import_two(b, "Mul", y, per_channel(b, in[0], x)), per_channel(b, in[1], x));
}

void fire_lift_layer_normalization(fire_import *b, fire_lift *n) {
    fire_value x = n->in[0], bias = fire_lift_in(n, 2);
    int axis;
    if (b->g->first.status || fire_axis(fire_lift_int(n, "axis", -1), fire_shape_of(b->g, x).rank, &axis, &b->g->first)) return;
    int rank = fire_shape_of(b->g, x).rank;
    uint32_t mask = ((1u << rank) - 1) & ~((1u << axis) - 1);
    fire_value mean, scale, y = normalize(b, x, mask, fire_lift_float(n, "epsilon", 1e-5), &mean, &scale);
    y = fire_import_two(b, "Mul", y, n->in[1]);
    n->out[0] = bias ? fire_import_two(b, "Add", y, bias) : y;
    if (n->n_out > 1) n->out[1] = mean;
    if (n->n_out > 2) n->out[2] = scale;
}

void fire_lift_rms_normalization(fire_import *b, fire_lift *n) {
    fire_value x = n->in[0];
    int axis;
    if (b->g->first.status || fire_axis(fire_lift_int(n, "axis", -1), fire_shape_of(b->g, x).rank, &axis, &b->g->first)) return;
    uint32_t mask = ((1u << fire_shape_of(b->g, x).rank) - 1) & ~((1u << axis) - 1);
    fire_value square = fire_import_reduce(b, "ReduceMean", fire_import_two(b, "Mul", x, x), mask, true);
    fire_value by = fire_import_one(b, "Reciprocal", fire_import_one(b, "Sqrt", plus(b, square, fire_lift_float(n, "epsilon", 1e-5))));
    n->out[0] = fire_import_two(b, "Mul", fire_import_two(b, "Mul", x, by), n->in[1]);
}

void fire_lift_mean_variance_normalization(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *a = fire_lift_attr(n, "axes");
    uint32_t mask = 1 | 4 | 8;
    int axis;
    if (a) mask = 0;
    for (int64_t i = 0; a && i < a->n_ints; i++) {
        if (fire_axis(a->ints[i], fire_shape_of(b->g, n->in[0]).rank, &axis, &b->g->first)) return;
        mask |= 1u << axis;
    }
    fire_value x = n->in[0], away = fire_import_two(b, "Sub", x, fire_import_reduce(b, "ReduceMean", x, mask, true));
    fire_value var = fire_import_reduce(b, "ReduceMean", fire_import_two(b, "Mul", away, away), mask, true);
    n->out[0] = fire_import_two(b, "Div", away, plus(b, fire_import_one(b, "Sqrt", var), 1e-9));
}

void fire_lift_lp_normalization(fire_import *b, fire_lift *n) {
    int axis;
    fire_value x = n->in[0];
    if (b->g->first.status || fire_axis(fire_lift_int(n, "axis", -1), fire_shape_of(b->g, x).rank, &axis, &b->g->first)) return;
    fire_value norm = fire_import_reduce(b, fire_lift_int(n, "p", 2) == 1 ? "ReduceL1" : "ReduceL2", x, 1u << axis, true);
    fire_value zero = fire_import_two(b, "Equal", norm, fire_import_like(b, x, 0));
    n->out[0] = fire_import_two(b, "Div", x, fire_import_apply(b, "Where", 3, FIRE_IN(zero, fire_import_like(b, x, 1), norm), " "));
}

/* Before opset 13 everything from the axis on is one dimension. */
void fire_lift_softmax(fire_import *b, fire_lift *n) {
    fire_value x = n->in[0];
    int axis;
    if (b->g->first.status) return;
    fire_shape s = fire_shape_of(b->g, x);
    if (fire_axis(fire_lift_int(n, "axis", n->opset < 13 ? 1 : -1), s.rank, &axis, &b->g->first)) return;
    bool flat = n->opset < 13 && axis != s.rank - 1, hard = !strcmp(n->op, "Hardmax");
    if (flat && s.rank > 1) {
        fire_shape two = {2, {1, 1}};
        for (int d = 0; d < s.rank; d++)
            if (s.dim[d] < 0) two.dim[d >= axis] = -1; /* a multiple of it is -1 as well */
            else if (two.dim[d >= axis] >= 0) two.dim[d >= axis] *= s.dim[d];
        if (two.dim[0] < 0 && two.dim[1] < 0 && !fire_import_concrete(b, x)) return;
        x = fire_import_reshape(b, x, two);
        axis = 1;
    }
    if (!hard) x = fire_import_apply(b, n->op, 1, &x, "axis=%d", axis);
    else {
        fire_shape t = fire_shape_of(b->g, x);
        float values[2] = {0, 1};
        fire_value at = fire_import_apply(b, "ArgMax", 1, &x, "axis=%d keepdims=0", axis);
        fire_value pair = fire_import_cast(b, fire_graph_const(b->g, FIRE_F32, (fire_shape){1, {2}}, values), fire_type_of(b->g, x));
        x = fire_import_apply(b, "OneHot", 3, FIRE_IN(at, fire_graph_const(b->g, FIRE_I64, (fire_shape){0}, &t.dim[axis]), pair), "axis=%d", axis);
    }
    n->out[0] = flat && s.rank > 1 ? fire_import_reshape(b, x, s) : x;
}

/* ---- functions of one number ---- */

void fire_lift_clip(fire_import *b, fire_lift *n) {
    fire_value y = n->in[0], low = fire_lift_in(n, 1), high = fire_lift_in(n, 2);
    const fire_onnx_attr *least = fire_lift_attr(n, "min"), *most = fire_lift_attr(n, "max");
    if (least) low = fire_import_like(b, y, (double)least->value);
    if (most) high = fire_import_like(b, y, (double)most->value);
    if (low) y = fire_import_two(b, "Max", y, low);
    if (high) y = fire_import_two(b, "Min", y, high);
    n->out[0] = low || high ? y : fire_import_one(b, "Identity", y);
}

/* The exponent may have another type than the base. */
void fire_lift_pow(fire_import *b, fire_lift *n) {
    if (n->n_in != 2 || b->g->first.status) { fire_import_fail(b, FIRE_E_CORRUPT, "%lld inputs, expected 2", (long long)n->n_in); return; }
    const fire_type type = fire_type_of(b->g, n->in[0]), power = fire_type_of(b->g, n->in[1]);
    if (type == power) { n->out[0] = fire_import_two(b, "Pow", n->in[0], n->in[1]); return; }
    fire_value y = fire_import_two(b, "Pow", fire_import_cast(b, n->in[0], FIRE_F64), fire_import_cast(b, n->in[1], FIRE_F64));
    n->out[0] = fire_import_cast(b, y, type);
}

void fire_lift_celu(fire_import *b, fire_lift *n) { /* max(0, x) + min(0, alpha (exp(x / alpha) - 1)) */
    fire_value x = n->in[0], zero = fire_import_like(b, x, 0);
    double alpha = fire_lift_float(n, "alpha", 1);
    fire_value bent = times(b, plus(b, fire_import_one(b, "Exp", times(b, x, 1 / alpha)), -1), alpha);
    n->out[0] = fire_import_two(b, "Add", fire_import_two(b, "Max", x, zero), fire_import_two(b, "Min", bent, zero));
}

void fire_lift_shrink(fire_import *b, fire_lift *n) { /* x + bias below -lambd, x - bias above lambd, else 0 */
    fire_value x = n->in[0], zero = fire_import_like(b, x, 0);
    double lambd = fire_lift_float(n, "lambd", 0.5), bias = fire_lift_float(n, "bias", 0);
    fire_value low = fire_import_two(b, "Less", x, fire_import_like(b, x, -lambd)), high = fire_import_two(b, "Greater", x, fire_import_like(b, x, lambd));
    fire_value right = fire_import_apply(b, "Where", 3, FIRE_IN(high, plus(b, x, -bias), zero), " ");
    n->out[0] = fire_import_apply(b, "Where", 3, FIRE_IN(low, plus(b, x, bias), right), " ");
}

void fire_lift_swish(fire_import *b, fire_lift *n) {
    fire_value x = n->in[0];
    double alpha = fire_lift_float(n, "alpha", 1);
    n->out[0] = fire_import_two(b, "Mul", x, fire_import_one(b, "Sigmoid", alpha == 1 ? x : times(b, x, alpha)));
}

/* ---- losses ---- */

/* x [n, c, d...] are logarithms of probabilities, target [n, d...] classes. */
static void nll(fire_import *b, fire_lift *n, fire_value x) {
    fire_value target = fire_lift_in(n, 1), weight = fire_lift_in(n, 2);
    const fire_onnx_attr *ignore = fire_lift_attr(n, "ignore_index"), *reduction = fire_lift_attr(n, "reduction");
    if (!target || b->g->first.status) { fire_import_fail(b, FIRE_E_CORRUPT, "has no target"); return; }
    target = fire_import_cast(b, target, FIRE_I64);
    fire_value counts = 0, w = 0;
    if (ignore) {
        fire_value left_out = fire_import_two(b, "Equal", target, fire_import_like(b, target, (double)ignore->number));
        counts = fire_import_one(b, "Not", left_out);
        target = fire_import_apply(b, "Where", 3, FIRE_IN(left_out, fire_import_like(b, target, 0), target), " ");
    }
    fire_value picked = fire_import_apply(b, "GatherElements", 2, FIRE_IN(x, fire_import_unsqueeze(b, target, 1)), "axis=1");
    fire_value loss = fire_import_one(b, "Neg", fire_import_two(b, "Squeeze", picked, fire_import_ints(b, 1, &(int64_t){1})));
    if (weight) w = fire_import_apply(b, "Gather", 2, FIRE_IN(weight, target), " ");
    if (counts) {
        fire_value c = b->g->first.status ? 0 : fire_import_cast(b, counts, fire_type_of(b->g, x));
        w = w ? fire_import_two(b, "Mul", w, c) : c;
    }
    if (w) loss = fire_import_two(b, "Mul", loss, w);
    if (reduction && fire_span_is(reduction->text, "none")) n->out[0] = loss;
    else if (reduction && fire_span_is(reduction->text, "sum")) n->out[0] = fire_import_apply(b, "ReduceSum", 1, &loss, "keepdims=0");
    else if (!w) n->out[0] = fire_import_apply(b, "ReduceMean", 1, &loss, "keepdims=0");
    else n->out[0] = fire_import_two(b, "Div", fire_import_apply(b, "ReduceSum", 1, &loss, "keepdims=0"), fire_import_apply(b, "ReduceSum", 1, &w, "keepdims=0"));
}
void fire_lift_nll_loss(fire_import *b, fire_lift *n) { nll(b, n, n->in[0]); }
void fire_lift_softmax_cross_entropy(fire_import *b, fire_lift *n) {
    fire_value log = fire_import_apply(b, "LogSoftmax", 1, n->in, "axis=1");
    nll(b, n, log);
    if (n->n_out > 1) n->out[1] = log;
}

/* ---- quantization ---- */

/* Scale and zero point are one number, one for each index of `axis`, or one for each block of `block` numbers along it. */
static fire_value spread(fire_import *b, fire_value v, fire_value x, int64_t axis, int64_t block) {
    int at;
    if (b->g->first.status || !v) return v;
    fire_shape s = fire_shape_of(b->g, v), to = fire_shape_of(b->g, x), y = {.rank = to.rank};
    if (fire_count(&s) == 1 && s.rank <= 1) return fire_import_reshape(b, v, (fire_shape){0});
    if (fire_axis(axis, to.rank, &at, &b->g->first)) return 0;
    if (block > 0) {
        if (s.rank != to.rank || s.rank + 1 > FIRE_MAX_RANK || !fire_import_concrete(b, x)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "blocks of %lld do not fit", (long long)block); return 0; }
        fire_shape wide = {.rank = s.rank + 1};
        for (int d = 0; d < s.rank; d++) wide.dim[d + (d > at)] = s.dim[d];
        wide.dim[at + 1] = 1;
        v = fire_import_reshape(b, v, wide);
        wide.dim[at + 1] = block;
        v = fire_import_two(b, "Expand", v, fire_import_ints(b, wide.rank, wide.dim));
        s.dim[at] *= block;
        v = fire_import_reshape(b, v, s);
        return s.dim[at] == to.dim[at] ? v : fire_import_slice(b, v, at, 0, to.dim[at]);
    }
    if (s.rank != 1) return v;
    for (int d = 0; d < y.rank; d++) y.dim[d] = d == at ? s.dim[0] : 1;
    return fire_import_reshape(b, v, y);
}

static fire_value dequantize(fire_import *b, fire_value x, fire_value scale, fire_value zero, int64_t axis, int64_t block) {
    if (b->g->first.status || !x || !scale) return 0;
    x = fire_import_widen(b, x), scale = fire_import_widen(b, scale), zero = zero ? fire_import_widen(b, zero) : 0;
    if (b->g->first.status) return 0;
    const fire_type type = fire_type_of(b->g, scale), wide = type == FIRE_F64 ? FIRE_F64 : FIRE_F32;
    fire_value y = fire_import_cast(b, x, wide);
    if (zero) y = fire_import_two(b, "Sub", y, fire_import_cast(b, spread(b, zero, x, axis, block), wide));
    return fire_import_two(b, "Mul", y, fire_import_cast(b, spread(b, scale, x, axis, block), wide));
}

static bool range_of(fire_type t, double *low, double *high) {
    switch (t) {
    case FIRE_U8: *low = 0, *high = 255; return true;
    case FIRE_I8: *low = -128, *high = 127; return true;
    case FIRE_U16: *low = 0, *high = 65535; return true;
    case FIRE_I16: *low = -32768, *high = 32767; return true;
    case FIRE_I32: *low = INT32_MIN, *high = INT32_MAX; return true;
    case FIRE_U4: *low = 0, *high = 15; return true;
    case FIRE_I4: *low = -8, *high = 7; return true;
    case FIRE_U2: *low = 0, *high = 3; return true;
    case FIRE_I2: *low = -2, *high = 1; return true;
    default: return false;
    }
}

/* round(x / scale) + zero, cut to the type's range; small floats are rounded to themselves and saturate. */
static fire_value quantize(fire_import *b, fire_value x, fire_value scale, fire_value zero, fire_type to, int64_t axis, int64_t block, bool saturate) {
    double low, high;
    if (b->g->first.status || !x || !scale) return 0;
    if (zero) to = fire_import_type(b, zero), zero = fire_import_widen(b, zero);
    scale = fire_import_widen(b, scale);
    if (b->g->first.status) return 0;
    const fire_small *small = fire_small_find(to);
    const bool whole = range_of(to, &low, &high);
    if (!whole && !small) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "numbers cannot be quantized to %s", fire_type_text(to)); return 0; }
    const fire_type type = fire_type_of(b->g, scale);
    fire_value y = fire_import_two(b, "Div", fire_import_cast(b, x, type), spread(b, scale, x, axis, block));
    if (whole) y = fire_import_one(b, "Round", y);
    if (zero) y = fire_import_two(b, "Add", y, fire_import_cast(b, spread(b, zero, x, axis, block), type));
    if (whole) y = fire_import_two(b, "Min", fire_import_two(b, "Max", y, fire_import_like(b, y, low)), fire_import_like(b, y, high));
    return small ? fire_import_narrow(b, y, to, saturate, 0) : fire_import_cast(b, y, to);
}

fire_value fire_import_dequantize(fire_import *b, fire_value x, fire_value scale, fire_value zero, int64_t axis) { return dequantize(b, x, scale, zero, axis, 0); }
fire_value fire_import_quantize(fire_import *b, fire_value x, fire_value scale, fire_value zero, fire_type to) { return quantize(b, x, scale, zero, to, 1, 0, true); }

void fire_lift_quantize(fire_import *b, fire_lift *n) {
    n->out[0] = quantize(b, n->in[0], fire_lift_in(n, 1), fire_lift_in(n, 2), fire_lift_int(n, "output_dtype", 0) ? (fire_type)fire_lift_int(n, "output_dtype", 0) : FIRE_U8, fire_lift_int(n, "axis", 1), fire_lift_int(n, "block_size", 0), fire_lift_int(n, "saturate", 1));
}
void fire_lift_dequantize(fire_import *b, fire_lift *n) {
    const int64_t to = fire_lift_int(n, "output_dtype", 0);
    n->out[0] = dequantize(b, n->in[0], fire_lift_in(n, 1), fire_lift_in(n, 2), fire_lift_int(n, "axis", 1), fire_lift_int(n, "block_size", 0));
    if (to == FIRE_F32 || to == FIRE_F64 || to == FIRE_F16 || to == FIRE_BF16) n->out[0] = fire_import_cast(b, n->out[0], (fire_type)to);
}

/* The range of x, with 0 in it, in 255 steps. */
void fire_lift_dynamic_quantize(fire_import *b, fire_lift *n) {
    fire_value x = n->in[0], zero = fire_import_like(b, x, 0);
    fire_value high = fire_import_two(b, "Max", fire_import_apply(b, "ReduceMax", 1, &x, "keepdims=0"), zero);
    fire_value low = fire_import_two(b, "Min", fire_import_apply(b, "ReduceMin", 1, &x, "keepdims=0"), zero);
    fire_value scale = times(b, fire_import_two(b, "Sub", high, low), 1);
    scale = fire_import_two(b, "Div", scale, fire_import_like(b, x, 255));
    fire_value at = fire_import_one(b, "Round", fire_import_two(b, "Div", fire_import_one(b, "Neg", low), scale));
    at = fire_import_two(b, "Min", fire_import_two(b, "Max", at, zero), fire_import_like(b, x, 255));
    at = fire_import_cast(b, at, FIRE_U8);
    n->out[0] = quantize(b, x, scale, at, FIRE_U8, 1, 0, true);
    if (n->n_out > 1) n->out[1] = scale;
    if (n->n_out > 2) n->out[2] = at;
}

/* a with its zero point taken off, as doubles, in which sums of products of bytes are exact. A list of zero points is per row (rows: of a
** matrix of two dimensions or more) or per column. */
static fire_value centred(fire_import *b, fire_value a, fire_value zero, bool rows, fire_type type) {
    fire_value y = fire_import_cast(b, a, type);
    if (!zero || b->g->first.status) return y;
    fire_shape s = fire_shape_of(b->g, zero);
    if (rows && s.rank == 1 && s.dim[0] > 1) zero = fire_import_reshape(b, zero, (fire_shape){2, {s.dim[0], 1}});
    return fire_import_two(b, "Sub", y, fire_import_cast(b, zero, type));
}

/* What the sizes of the weights of an output, zero point taken off, add up to at most; outer: how many outputs lie behind each other at the end of w; 0:
** they are its first dimension. INT64_MAX: unknown. */
static int64_t size_of(fire_import *b, fire_value x, fire_value w, fire_value zero, int64_t outer) {
    if (b->g->first.status || !w || b->layers) return INT64_MAX;
    const fire_type type = fire_type_of(b->g, w);
    if ((type != FIRE_U8 && type != FIRE_I8) || (fire_type_of(b->g, x) != FIRE_U8 && fire_type_of(b->g, x) != FIRE_I8)) return INT64_MAX;
    const fire_tensor *t = &b->g->value[w].tensor, *z = zero ? &b->g->value[zero].tensor : NULL;
    const int64_t n = fire_count(&t->shape), outputs = outer ? outer : t->shape.rank ? t->shape.dim[0] : 0, each = n > 0 && outputs > 0 ? n / outputs : 0;
    if (n < 0 || each > INT32_MAX) return INT64_MAX;
    bool known = b->g->value[w].source == FIRE_FROM_CONST && t->data && (!z || (b->g->value[zero].source == FIRE_FROM_CONST && z->data && (z->type == FIRE_U8 || z->type == FIRE_I8)));
    const int64_t zeros = known && z ? fire_count(&z->shape) : 0, shift = zeros ? (int64_t)fire_get(z, 0) : 0;
    for (int64_t k = 1; k < zeros && known; k++) known = fire_get(z, k) == (double)shift;
    int64_t most = known ? 0 : each * 255;
    for (int64_t o = 0; o < outputs && known; o++) {
        int64_t sum = 0;
        for (int64_t k = 0; k < each; k++) {
            const int64_t at = outer ? k * outputs + o : o * each + k, v = (type == FIRE_U8 ? ((const uint8_t *)t->data)[at] : ((const int8_t *)t->data)[at]) - shift;
            sum += v < 0 ? -v : v;
        }
        if (sum > most) most = sum;
    }
    return most;
}

/* A convolution with the node's own attributes. */
static fire_value convolve(fire_import *b, fire_lift *n, fire_value x, fire_value w) {
    fire_value in[2] = {x, w}, out[1] = {0};
    fire_lift inner = {.node = n->node, .n_in = 2, .n_out = 1, .in = in, .out = out, .n_attrs = n->n_attrs, .attr = n->attr, .opset = n->opset};
    fire_lift_same(b, &inner, "Conv", NULL);
    return out[0];
}
static fire_value centred_weights(fire_import *b, fire_value w, fire_value zero, fire_type type) { /* zero: one, or one for each of the first dimension */
    if (!zero || b->g->first.status) return fire_import_cast(b, w, type);
    return fire_import_two(b, "Sub", fire_import_cast(b, w, type), fire_import_cast(b, spread(b, zero, w, 0, 0), type));
}

/* Bytes times bytes, by a convolution or as matrices, exactly, as float32 or float64. float32 holds every sum below 2^24, and its products are far
** faster: where x does not fit it goes in two parts, sixteenths and what is left of them. */
static fire_value multiply(fire_import *b, fire_lift *n, fire_value x, fire_value x_zero, fire_value w, fire_value w_zero, bool conv) {
    const bool matrix = !conv && w && !b->g->first.status && fire_shape_of(b->g, w).rank == 2;
    const int64_t limit = 1 << 24, outer = matrix ? fire_shape_of(b->g, w).dim[1] : 0, most = (conv || outer > 0) ? size_of(b, x, w, w_zero, outer) : INT64_MAX;
    const fire_type type = most < limit / 16 ? FIRE_F32 : FIRE_F64;
    fire_value a = centred(b, x, x_zero, !conv, type), c = conv ? centred_weights(b, w, w_zero, type) : centred(b, w, w_zero, false, type);
    if (type == FIRE_F64 || most <= (limit - 1) / 255) return conv ? convolve(b, n, a, c) : fire_import_two(b, "MatMul", a, c);
    fire_value part[2] = {fire_import_one(b, "Floor", times(b, a, 1.0 / 16)), 0};
    part[1] = fire_import_two(b, "Sub", a, times(b, part[0], 16));
    for (int i = 0; i < 2; i++) part[i] = fire_import_cast(b, conv ? convolve(b, n, part[i], c) : fire_import_two(b, "MatMul", part[i], c), FIRE_F64);
    return fire_import_two(b, "Add", times(b, part[0], 16), part[1]);
}

void fire_lift_matmul_integer(fire_import *b, fire_lift *n) { n->out[0] = fire_import_cast(b, multiply(b, n, n->in[0], fire_lift_in(n, 2), fire_lift_in(n, 1), fire_lift_in(n, 3), false), FIRE_I32); }
void fire_lift_conv_integer(fire_import *b, fire_lift *n) { n->out[0] = fire_import_cast(b, multiply(b, n, n->in[0], fire_lift_in(n, 2), fire_lift_in(n, 1), fire_lift_in(n, 3), true), FIRE_I32); }

/* a, scale, zero, b, scale, zero, scale, zero */
void fire_lift_qlinear_matmul(fire_import *b, fire_lift *n) {
    if (n->n_in < 8 || b->g->first.status) { fire_import_fail(b, FIRE_E_CORRUPT, "%lld inputs, expected 8", (long long)n->n_in); return; }
    fire_value y = fire_import_cast(b, multiply(b, n, n->in[0], n->in[2], n->in[3], n->in[5], false), FIRE_F64);
    fire_value scale[3];
    for (int i = 0; i < 3; i++) scale[i] = fire_import_cast(b, n->in[i == 0 ? 1 : i == 1 ? 4 : 6], FIRE_F64);
    fire_shape rows = b->g->first.status ? (fire_shape){0} : fire_shape_of(b->g, scale[0]);
    if (rows.rank == 1 && rows.dim[0] > 1) scale[0] = fire_import_reshape(b, scale[0], (fire_shape){2, {rows.dim[0], 1}});
    y = fire_import_two(b, "Mul", fire_import_two(b, "Mul", y, scale[0]), scale[1]);
    n->out[0] = quantize(b, y, scale[2], n->in[7], FIRE_U8, -1, 0, true);
}

/* x, scale, zero, w, scale, zero, scale, zero, bias */
void fire_lift_qlinear_conv(fire_import *b, fire_lift *n) {
    if (n->n_in < 8 || b->g->first.status) { fire_import_fail(b, FIRE_E_CORRUPT, "%lld inputs, expected 8 or 9", (long long)n->n_in); return; }
    fire_value bias = fire_lift_in(n, 8);
    fire_value y = fire_import_cast(b, multiply(b, n, n->in[0], n->in[2], n->in[3], n->in[5], true), FIRE_F64);
    if (bias && !b->g->first.status) { /* in whole numbers, for each channel */
        fire_shape c = {.rank = fire_shape_of(b->g, y).rank - 1};
        for (int d = 0; d < c.rank; d++) c.dim[d] = d ? 1 : -1;
        y = fire_import_two(b, "Add", y, fire_import_reshape(b, fire_import_cast(b, bias, FIRE_F64), c));
    }
    fire_value per = fire_import_cast(b, n->in[4], FIRE_F64);
    y = fire_import_two(b, "Mul", fire_import_two(b, "Mul", y, fire_import_cast(b, spread(b, n->in[1], y, 1, 0), FIRE_F64)), spread(b, per, y, 1, 0));
    n->out[0] = quantize(b, y, fire_import_cast(b, n->in[6], FIRE_F64), n->in[7], FIRE_U8, 1, 0, true);
}

/* ---- einsum ---- */

typedef struct { char label[FIRE_MAX_RANK + 1]; int n; fire_value v; } term;

static bool has(const term *t, char c) { return memchr(t->label, c, (size_t)t->n) != NULL; }
static int at(const term *t, char c) { return (int)((const char *)memchr(t->label, c, (size_t)t->n) - t->label); }

/* Sum over the labels that nobody wants; a label that stands twice takes the diagonal first. */
static void drop(fire_import *b, term *t, const char *wanted) {
    uint32_t mask = 0;
    term left = {.v = t->v};
    for (int i = 0; i < t->n; i++) {
        if (strchr(wanted, t->label[i])) left.label[left.n++] = t->label[i];
        else mask |= 1u << i;
    }
    if (mask) left.v = fire_import_reduce(b, "ReduceSum", t->v, mask, false);
    *t = left;
}

static void diagonal(fire_import *b, term *t) {
    for (int i = 0; i < t->n; i++)
        for (int j = i + 1; j < t->n; j++) {
            if (t->label[i] != t->label[j] || b->g->first.status) continue;
            fire_shape s = fire_shape_of(b->g, t->v), eye = {.rank = s.rank};
            if (s.dim[i] != s.dim[j] || s.dim[i] < 0) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "index '%c' has two sizes", t->label[i]); return; }
            for (int d = 0; d < s.rank; d++) eye.dim[d] = d == i || d == j ? s.dim[d] : 1;
            fire_tensor one = {fire_type_of(b->g, t->v), eye, fire_arena_alloc(&b->g->arena, (size_t)fire_count(&eye), 8, &b->g->first)};
            if (!one.data) return;
            for (int64_t k = 0; k < s.dim[i]; k++) fire_put(&one, k * s.dim[i] + k, 1);
            fire_value on = fire_import_two(b, "Mul", t->v, fire_graph_borrow(b->g, one.type, eye, one.data));
            t->v = fire_import_reduce(b, "ReduceSum", on, 1u << j, false);
            memmove(t->label + j, t->label + j + 1, (size_t)(t->n - j - 1));
            t->n--;
            j = i;
        }
}

/* t with its dimensions in the order of `order`, those that it lacks as 1. */
static fire_value arrange(fire_import *b, const term *t, const char *order) {
    int perm[FIRE_MAX_RANK], k = 0;
    fire_shape to = {0};
    if (b->g->first.status) return 0;
    fire_shape s = fire_shape_of(b->g, t->v);
    for (const char *c = order; *c; c++) {
        if (has(t, *c)) perm[k++] = at(t, *c), to.dim[to.rank++] = s.dim[at(t, *c)];
        else to.dim[to.rank++] = 1;
    }
    fire_value v = fire_import_permute(b, t->v, perm);
    return to.rank == s.rank ? v : fire_import_reshape(b, v, to);
}

/* A size times one that may be free. */
static int64_t size_times(int64_t a, int64_t b) { return a < 0 || b < 0 ? -1 : a * b; }

/* Whether all sizes are known but that of the batch, one index that goes out: then a Reshape finds it. */
static bool one_is_free(fire_import *b, const term *x, const term *y, const char *wanted) {
    if (b->g->first.status) return false;
    char free = 0;
    for (int side = 0; side < 2; side++) {
        const term *t = side ? y : x;
        const fire_shape s = fire_shape_of(b->g, t->v);
        int64_t known = 1;
        for (int d = 0; d < t->n; d++) {
            if (s.dim[d] >= 0) { known *= s.dim[d]; continue; }
            if ((free && free != t->label[d]) || !strchr(wanted, t->label[d])) return fire_import_concrete(b, t->v);
            free = t->label[d];
        }
        if (free && !known) return fire_import_concrete(b, t->v); /* nothing to find it by */
    }
    return true;
}

/* The product of two terms summed over the labels that are not wanted: a MatMul of [batch, rows, inner] by [batch, inner, columns]. */
static term product(fire_import *b, term x, term y, const char *wanted) {
    char batch[64] = "", rows[64] = "", inner[64] = "", columns[64] = "", order[192];
    int n[4] = {0};
    for (int i = 0; i < x.n; i++) {
        char c = x.label[i];
        if (!has(&y, c)) rows[n[1]++] = c;
        else if (strchr(wanted, c)) batch[n[0]++] = c;
        else inner[n[2]++] = c;
    }
    for (int i = 0; i < y.n; i++)
        if (!has(&x, y.label[i])) columns[n[3]++] = y.label[i];
    term out = {.n = n[0] + n[1] + n[3]};
    if (out.n > FIRE_MAX_RANK) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "einsum of too many indices"); return out; }
    memcpy(out.label, batch, (size_t)n[0]);
    memcpy(out.label + n[0], rows, (size_t)n[1]);
    memcpy(out.label + n[0] + n[1], columns, (size_t)n[3]);
    if (!one_is_free(b, &x, &y, wanted)) return out;
    fire_shape sx = fire_shape_of(b->g, x.v), sy = fire_shape_of(b->g, y.v), s = {.rank = out.n};
    for (int i = 0; i < n[0] + n[2]; i++) {
        char c = i < n[0] ? batch[i] : inner[i - n[0]];
        if (sx.dim[at(&x, c)] != sy.dim[at(&y, c)]) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "index '%c' has two sizes", c); return out; }
    }
    int64_t size[4] = {1, 1, 1, 1};
    for (int i = 0; i < n[0]; i++) size[0] = size_times(size[0], s.dim[i] = sx.dim[at(&x, batch[i])]);
    for (int i = 0; i < n[1]; i++) size[1] = size_times(size[1], s.dim[n[0] + i] = sx.dim[at(&x, rows[i])]);
    for (int i = 0; i < n[2]; i++) size[2] = size_times(size[2], sx.dim[at(&x, inner[i])]);
    for (int i = 0; i < n[3]; i++) size[3] = size_times(size[3], s.dim[n[0] + n[1] + i] = sy.dim[at(&y, columns[i])]);
    snprintf(order, sizeof order, "%s%s%s", batch, rows, inner);
    fire_value p = fire_import_reshape(b, arrange(b, &x, order), (fire_shape){3, {size[0], size[1], size[2]}});
    snprintf(order, sizeof order, "%s%s%s", batch, inner, columns);
    fire_value q = fire_import_reshape(b, arrange(b, &y, order), (fire_shape){3, {size[0], size[2], size[3]}});
    out.v = fire_import_reshape(b, fire_import_two(b, "MatMul", p, q), s);
    return out;
}

/* Labels of one side; "..." stands for the leading dimensions that have no label, '0' '1' ... here. */
static bool labels(const char *text, size_t size, int rank, int dots, char *to, int *n) {
    int named = 0;
    for (size_t i = 0; i < size; i++) named += text[i] != '.' && text[i] != ' ';
    *n = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == ' ') continue;
        int many = 1;
        if (text[i] == '.') {
            if (i + 2 >= size || text[i + 1] != '.' || text[i + 2] != '.') return false;
            i += 2;
            many = rank >= 0 ? rank - named : dots;
            if (many < 0 || many > dots) return false;
        } else if (!((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z'))) return false;
        for (int k = 0; k < many; k++) {
            if (*n >= FIRE_MAX_RANK) return false;
            to[(*n)++] = text[i] == '.' ? (char)('0' + dots - many + k) : text[i];
        }
    }
    return rank < 0 || *n == rank;
}

void fire_lift_einsum(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *a = fire_lift_attr(n, "equation");
    char text[256], result[FIRE_MAX_RANK + 1] = "";
    term t[8] = {0};
    if (!a || a->text.size >= sizeof text || n->n_in < 1 || n->n_in > 8 || memchr(a->text.bytes, 0, a->text.size)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the equation is not supported"); return; }
    memcpy(text, a->text.bytes, a->text.size);
    text[a->text.size] = 0;
    char *arrow = strstr(text, "->");
    size_t left = arrow ? (size_t)(arrow - text) : strlen(text);
    int dots = 0, count[128] = {0}, n_result = 0;
    const char *p = text;
    if (b->g->first.status) return;
    for (int pass = 0; pass < 2; pass++) {
        p = text;
        for (int i = 0; i < n->n_in; i++) {
            size_t size = 0;
            while (p + size < text + left && p[size] != ',') size++;
            int rank = fire_shape_of(b->g, n->in[i]).rank, named = 0;
            bool open = memchr(p, '.', size) != NULL;
            for (size_t k = 0; k < size; k++) named += p[k] != '.' && p[k] != ' ';
            if (!pass && open && rank - named > dots) dots = rank - named;
            if (pass && (dots > 8 || !labels(p, size, rank, dots, t[i].label, &t[i].n))) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the equation '%s' does not fit its inputs", text); return; }
            p += size;
            if (i + 1 < n->n_in && *p != ',') { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the equation '%s' does not fit its inputs", text); return; }
            p += i + 1 < n->n_in;
        }
    }
    for (int i = 0; i < n->n_in; i++) {
        t[i].v = n->in[i];
        for (int k = 0; k < t[i].n; k++) count[(unsigned char)t[i].label[k]]++;
        diagonal(b, &t[i]);
    }
    if (arrow) {
        if (!labels(arrow + 2, strlen(arrow + 2), -1, dots, result, &n_result)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the equation '%s' is not understood", text); return; }
    } else { /* the leading dimensions, then what stands once, in the order of letters */
        for (int k = 0; k < dots; k++) result[n_result++] = (char)('0' + k);
        for (int c = 'A'; c <= 'z'; c++)
            if (count[c] == 1 && n_result < FIRE_MAX_RANK) result[n_result++] = (char)c;
    }
    result[n_result] = 0;
    for (int i = 0; i < n_result; i++)
        if (!count[(unsigned char)result[i]]) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the equation '%s' gives an index that nothing has", text); return; }
    term y = t[0];
    for (int i = 1; i <= n->n_in; i++) {
        char wanted[8 * FIRE_MAX_RANK + 16]; /* labels of the result and of what is yet to come */
        int k = snprintf(wanted, sizeof wanted, "%s", result);
        for (int j = i; j < n->n_in; j++) memcpy(wanted + k, t[j].label, (size_t)t[j].n), k += t[j].n;
        wanted[k] = 0;
        drop(b, &y, wanted);
        if (i == n->n_in) break;
        char later[8 * FIRE_MAX_RANK + 16];
        k = snprintf(later, sizeof later, "%s", result);
        for (int j = i + 1; j < n->n_in; j++) memcpy(later + k, t[j].label, (size_t)t[j].n), k += t[j].n;
        later[k] = 0;
        char own[8 * FIRE_MAX_RANK + 32];
        k = snprintf(own, sizeof own, "%s", later);
        memcpy(own + k, y.label, (size_t)y.n);
        own[k + y.n] = 0;
        drop(b, &t[i], own);
        y = product(b, y, t[i], later);
        if (b->g->first.status) return;
    }
    n->out[0] = arrange(b, &y, result);
}

/* Before opset 7 a list of slopes is per channel. */
void fire_lift_prelu(fire_import *b, fire_lift *n) {
    if (n->opset < 7 && fire_lift_in(n, 1) && !b->g->first.status) {
        fire_shape s = fire_shape_of(b->g, n->in[1]);
        if (s.rank == 1 && s.dim[0] > 1) n->in[1] = per_channel(b, n->in[1], n->in[0]);
    }
    fire_lift_same(b, n, n->op, NULL);
}
