/* onnx_lift_microsoft.c - com.microsoft, the operators that onnxruntime's optimizer and quantizer write, and operators on pictures of ONNX before opset 9. */
#include "formats/onnx_lift.h"
#include <stdio.h>

static fire_value times(fire_import *b, fire_value x, double v) { return fire_import_two(b, "Mul", x, fire_import_like(b, x, v)); }
static fire_value add(fire_import *b, fire_value x, fire_value y) { return x && y ? fire_import_two(b, "Add", x, y) : x ? x : y; }
static bool has(fire_import *b, const fire_lift *n, int64_t least) {
    for (int64_t i = 0; i < least; i++)
        if (!fire_lift_in(n, i)) { fire_import_fail(b, FIRE_E_CORRUPT, "input %lld is missing", (long long)i); return false; }
    return !b->g->first.status;
}

/* x * scale, and a bias for each channel. */
void fire_lift_image_scaler(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *bias = fire_lift_attr(n, "bias");
    if (!has(b, n, 1)) return;
    fire_value y = times(b, n->in[0], fire_lift_float(n, "scale", 1));
    if (bias && bias->n_floats) y = fire_import_two(b, "Add", y, fire_import_cast(b, fire_graph_const(b->g, FIRE_F32, (fire_shape){3, {bias->n_floats, 1, 1}}, bias->floats), fire_type_of(b->g, n->in[0])));
    n->out[0] = y;
}

/* alpha x + beta; alpha log(exp(beta x) + 1); alpha tanh(beta x). */
void fire_lift_affine(fire_import *b, fire_lift *n) {
    if (!has(b, n, 1)) return;
    const char kind = n->op[0]; /* Affine, ParametricSoftplus, ScaledTanh */
    const double alpha = fire_lift_float(n, "alpha", kind == 'A' ? 1 : 0), beta = fire_lift_float(n, "beta", 0);
    fire_value x = n->in[0];
    if (kind == 'A') n->out[0] = fire_import_two(b, "Add", times(b, x, alpha), fire_import_like(b, x, beta));
    else n->out[0] = times(b, fire_import_one(b, kind == 'P' ? "Softplus" : "Tanh", times(b, x, beta)), alpha);
}

/* The middle of pictures: without a border [left, top, right, bottom], or of a size from its left and top. */
void fire_lift_crop(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *border = fire_lift_attr(n, "border"), *size = fire_lift_attr(n, "scale");
    if (!has(b, n, 1) || !fire_import_is_rows(b, n->in[0])) return;
    const fire_shape s = fire_shape_of(b->g, n->in[0]);
    if (s.rank != 4 || !border || border->n_ints != 4) { fire_import_fail(b, FIRE_E_CORRUPT, "wants pictures and a border of four sizes"); return; }
    fire_value y = n->in[0];
    for (int i = 0; i < 2; i++) { /* height, width */
        const int64_t all = s.dim[2 + i], from = border->ints[1 - i], to = size && size->n_ints == 2 ? (size->ints[i] < all ? from + size->ints[i] : all) : all - border->ints[3 - i];
        if (from < 0 || from > all || to < from || to > all) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "places %lld to %lld of %lld", (long long)from, (long long)to, (long long)all); return; }
        y = fire_import_slice(b, y, 2 + i, from, to);
    }
    n->out[0] = y;
}

/* ---- with an activation behind ---- */

/* The activation of a fused operator, whose numbers are p. */
static fire_value activate(fire_import *b, const fire_lift *n, fire_value y, const double p[3], const bool given[3]) {
    const fire_onnx_attr *a = fire_lift_attr(n, "activation");
    char shown[40], text[3][FIRE_NUMBER_TEXT];
    if (!a || !a->text.size || b->g->first.status) return y;
    if (fire_span_is(a->text, "Relu") || fire_span_is(a->text, "Sigmoid") || fire_span_is(a->text, "Tanh")) return fire_import_one(b, fire_span_is(a->text, "Relu") ? "Relu" : a->text.bytes[0] == 'S' ? "Sigmoid" : "Tanh", y);
    for (int i = 0; i < 3; i++) fire_number_text(p[i], text[i]);
    if (fire_span_is(a->text, "LeakyRelu")) return fire_import_apply(b, "LeakyRelu", 1, &y, "alpha=%s", given[0] ? text[0] : "0.01");
    if (fire_span_is(a->text, "HardSigmoid")) return fire_import_apply(b, "HardSigmoid", 1, &y, "alpha=%s beta=%s", given[0] ? text[0] : "0.2", given[1] ? text[1] : "0.5");
    if (fire_span_is(a->text, "Clip")) return fire_import_two(b, "Min", fire_import_two(b, "Max", y, fire_import_like(b, y, given[0] ? p[0] : -3.4028234663852886e38)), fire_import_like(b, y, given[1] ? p[1] : 3.4028234663852886e38));
    fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "activation '%s' is not supported", fire_escape(shown, sizeof shown, (const char *)a->text.bytes, a->text.size));
    return 0;
}

/* x, w, bias, and what is added before the activation. */
void fire_lift_fused_conv(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *a = fire_lift_attr(n, "activation_params");
    double p[3] = {0};
    bool given[3] = {false};
    if (!has(b, n, 2)) return;
    for (int i = 0; a && i < 3 && i < a->n_floats; i++) p[i] = (double)a->floats[i], given[i] = true;
    fire_value in[3] = {n->in[0], n->in[1], fire_lift_in(n, 2)}, out[FIRE_MAX_OUT] = {0};
    fire_lift inner = *n;
    inner.n_in = in[2] ? 3 : 2, inner.n_out = 1, inner.in = in, inner.out = out;
    fire_lift_same(b, &inner, "Conv", "activation|activation_params");
    n->out[0] = activate(b, n, add(b, out[0], fire_lift_in(n, 3)), p, given);
}
void fire_lift_fused_gemm(fire_import *b, fire_lift *n) {
    static const char *const names[3] = {"activation_alpha", "activation_beta", "activation_gamma"};
    double p[3];
    bool given[3];
    for (int i = 0; i < 3; i++) p[i] = fire_lift_float(n, names[i], 0), given[i] = fire_lift_attr(n, names[i]);
    fire_lift_same(b, n, "Gemm", "activation|activation_alpha|activation_beta|activation_gamma");
    n->out[0] = activate(b, n, n->out[0], p, given);
}

static fire_value last_two(fire_import *b, fire_value x) {
    if (b->g->first.status) return 0;
    const int rank = fire_shape_of(b->g, x).rank;
    int perm[FIRE_MAX_RANK];
    for (int d = 0; d < rank; d++) perm[d] = rank > 1 && d >= rank - 2 ? 2 * rank - 3 - d : d;
    return fire_import_permute(b, x, perm);
}
void fire_lift_fused_matmul(fire_import *b, fire_lift *n) {
    if (!has(b, n, 2)) return;
    if (fire_lift_int(n, "transBatchA", 0) || fire_lift_int(n, "transBatchB", 0)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "transBatchA and transBatchB are not supported"); return; }
    fire_value x = fire_lift_int(n, "transA", 0) ? last_two(b, n->in[0]) : n->in[0], y = fire_lift_int(n, "transB", 0) ? last_two(b, n->in[1]) : n->in[1];
    const double alpha = fire_lift_float(n, "alpha", 1);
    fire_value z = fire_import_two(b, "MatMul", x, y);
    n->out[0] = alpha == 1 ? z : times(b, z, alpha);
}

/* Gelu, BiasGelu by erf, FastGelu by tanh, QuickGelu by the logistic function. */
void fire_lift_gelus(fire_import *b, fire_lift *n) {
    if (!has(b, n, 1)) return;
    fire_value x = add(b, n->in[0], fire_lift_in(n, 1));
    if (!strcmp(n->op, "QuickGelu")) n->out[0] = fire_import_two(b, "Mul", x, fire_import_one(b, "Sigmoid", times(b, x, fire_lift_float(n, "alpha", 1.702))));
    else n->out[0] = fire_import_apply(b, "Gelu", 1, &x, "approximate=%s", strcmp(n->op, "FastGelu") ? "none" : "tanh");
}

/* ---- transformers ---- */

/* Normalized over the last dimension; by its square alone where there is no mean. */
static fire_value norm(fire_import *b, fire_value x, double epsilon, bool mean, fire_value scale, fire_value shift) {
    if (b->g->first.status) return 0;
    const uint32_t last = 1u << (fire_shape_of(b->g, x).rank - 1);
    fire_value away = mean ? fire_import_two(b, "Sub", x, fire_import_reduce(b, "ReduceMean", x, last, true)) : x;
    fire_value var = fire_import_reduce(b, "ReduceMean", fire_import_two(b, "Mul", away, away), last, true);
    var = fire_import_one(b, "Reciprocal", fire_import_one(b, "Sqrt", fire_import_two(b, "Add", var, fire_import_like(b, x, epsilon))));
    return add(b, fire_import_two(b, "Mul", fire_import_two(b, "Mul", away, var), scale), shift);
}
void fire_lift_simplified_norm(fire_import *b, fire_lift *n) {
    if (!has(b, n, 2)) return;
    const int64_t axis = fire_lift_int(n, "axis", -1);
    if (axis != -1 && axis != fire_shape_of(b->g, n->in[0]).rank - 1) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "axis %lld is not the last", (long long)axis); return; }
    n->out[0] = norm(b, n->in[0], fire_lift_float(n, "epsilon", 1e-5), false, n->in[1], 0);
}
/* x, skip, scale, shift (not in the simplified one), bias; the sum is output 3. */
void fire_lift_skip_norm(fire_import *b, fire_lift *n) {
    const bool simple = !strcmp(n->op, "SkipSimplifiedLayerNormalization");
    if (!has(b, n, 3)) return;
    fire_value x = add(b, add(b, n->in[0], n->in[1]), fire_lift_in(n, simple ? 3 : 4));
    n->out[0] = norm(b, x, fire_lift_float(n, "epsilon", 1e-12), !simple, n->in[2], simple ? 0 : fire_lift_in(n, 3));
    if (n->n_out > 3) n->out[3] = x;
}

/* Words, places and segments looked up, added and normalized: ids, segments, words, places, segments, scale, shift, mask, ids of places. */
void fire_lift_embed_norm(fire_import *b, fire_lift *n) {
    fire_value ids = fire_lift_in(n, 0), segment = fire_lift_in(n, 1), mask = fire_lift_in(n, 7), place = fire_lift_in(n, 8);
    if (!fire_import_concrete(b, ids) || !fire_lift_in(n, 2) || !fire_lift_in(n, 3)) { fire_import_fail(b, FIRE_E_CORRUPT, "has no ids, words or places"); return; }
    const fire_shape s = fire_shape_of(b->g, ids);
    if (s.rank != 2) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "wants ids of two dimensions"); return; }
    fire_value x = fire_import_apply(b, "Gather", 2, FIRE_IN(n->in[2], ids), " ");
    x = add(b, x, place ? fire_import_apply(b, "Gather", 2, FIRE_IN(n->in[3], place), " ") : fire_import_slice(b, n->in[3], 0, 0, s.dim[1]));
    if (segment && fire_lift_in(n, 4)) x = add(b, x, fire_import_apply(b, "Gather", 2, FIRE_IN(n->in[4], segment), " "));
    n->out[0] = norm(b, x, fire_lift_float(n, "epsilon", 1e-12), true, fire_lift_in(n, 5), fire_lift_in(n, 6));
    if (n->n_out > 1) n->out[1] = mask ? fire_import_cast(b, fire_import_reduce(b, "ReduceSum", fire_import_cast(b, mask, FIRE_F32), 2, false), FIRE_I32) : fire_import_cast(b, fire_import_reduce(b, "ReduceSum", times(b, fire_import_cast(b, ids, FIRE_F32), 0), 2, false), FIRE_I32);
    if (n->n_out > 2) n->out[2] = x;
}

static fire_value heads_of(fire_import *b, fire_value x, int64_t heads) { /* [n, steps, heads * width] as [n, heads, steps, width] */
    if (!x || b->g->first.status || !fire_import_concrete(b, x)) return 0;
    const fire_shape s = fire_shape_of(b->g, x);
    if (s.rank != 3 || heads < 1 || s.dim[2] % heads) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "%lld heads do not fit", (long long)heads); return 0; }
    return fire_import_permute(b, fire_import_reshape(b, x, (fire_shape){4, {s.dim[0], s.dim[1], heads, s.dim[2] / heads}}), (int[]){0, 2, 1, 3});
}

/* q, k, v [n, heads, steps, width]; mask: of keys, 1 where they count, [n, keys], [n, steps, keys], or lengths [n]; more: added to scores. */
static fire_value attend(fire_import *b, const fire_lift *n, fire_value q, fire_value k, fire_value v, fire_value mask, fire_value more, bool causal) {
    if (b->g->first.status) return 0;
    const fire_shape s = fire_shape_of(b->g, q);
    const int64_t keys = fire_shape_of(b->g, k).dim[2];
    const fire_type type = fire_type_of(b->g, q);
    const fire_onnx_attr *given = fire_lift_attr(n, "scale");
    const double scale = given && given->value != 0 ? (double)given->value : 1 / sqrt((double)(s.dim[3] > 0 ? s.dim[3] : 1)), least = fire_lift_float(n, "mask_filter_value", -10000);
    fire_value score = times(b, fire_import_two(b, "MatMul", q, fire_import_permute(b, k, (int[]){0, 1, 3, 2})), scale);
    if (mask) {
        fire_shape m = fire_shape_of(b->g, mask);
        if (!fire_import_concrete(b, mask)) return 0;
        fire_value seen = fire_import_cast(b, mask, type);
        if (m.rank == 1 && m.dim[0] == s.dim[0]) { /* lengths */
            fire_tensor t = fire_lift_room(b, type, (fire_shape){2, {1, keys}});
            for (int64_t i = 0; t.data && i < keys; i++) fire_put(&t, i, (double)i);
            if (!t.data) return 0;
            seen = fire_import_cast(b, fire_import_two(b, "Less", fire_lift_made(b, &t), fire_import_reshape(b, seen, (fire_shape){2, {m.dim[0], 1}})), type);
            m = (fire_shape){2, {m.dim[0], keys}};
        }
        if (m.rank == 2 && m.dim[1] == keys) seen = fire_import_reshape(b, seen, (fire_shape){4, {m.dim[0], 1, 1, keys}});
        else if (m.rank == 3) seen = fire_import_unsqueeze(b, seen, 1);
        else if (m.rank != 4) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "a mask of %d dimensions is not supported", m.rank); return 0; }
        score = fire_import_two(b, "Add", score, times(b, fire_import_two(b, "Sub", fire_import_like(b, seen, 1), seen), least));
    }
    if (causal) {
        fire_tensor t = fire_lift_room(b, type, (fire_shape){2, {s.dim[2], keys}});
        if (!t.data) return 0;
        for (int64_t i = 0; i < s.dim[2]; i++)
            for (int64_t j = 0; j < keys; j++) fire_put(&t, i * keys + j, j - (keys - s.dim[2]) > i ? -INFINITY : 0);
        score = fire_import_two(b, "Add", score, fire_lift_made(b, &t));
    }
    score = fire_import_apply(b, "Softmax", 1, FIRE_IN(add(b, score, more)), "axis=-1");
    fire_value y = fire_import_permute(b, fire_import_two(b, "MatMul", score, v), (int[]){0, 2, 1, 3});
    if (b->g->first.status) return 0;
    const fire_shape to = fire_shape_of(b->g, y);
    return fire_import_reshape(b, y, (fire_shape){3, {to.dim[0], to.dim[1], to.dim[2] * to.dim[3]}});
}

/* x [n, steps, in], weights [in, q | k | v], bias, mask, past [2, n, heads, steps, width], what is added to scores. */
void fire_lift_ms_attention(fire_import *b, fire_lift *n) {
    if (!has(b, n, 2) || !fire_import_concrete(b, n->in[0])) return;
    const fire_onnx_attr *sizes = fire_lift_attr(n, "qkv_hidden_sizes");
    const int64_t heads = fire_lift_int(n, "num_heads", 0);
    fire_value all = add(b, fire_import_two(b, "MatMul", n->in[0], n->in[1]), fire_lift_in(n, 2)), part[3], past = fire_lift_in(n, 4);
    if (b->g->first.status) return;
    const int64_t width = fire_shape_of(b->g, all).dim[2];
    int64_t from = 0;
    if (fire_lift_int(n, "do_rotary", 0) || (sizes ? sizes->n_ints != 3 : width % 3 != 0)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "do_rotary, or weights of width %lld, are not supported", (long long)width); return; }
    for (int i = 0; i < 3; i++) {
        const int64_t size = sizes ? sizes->ints[i] : width / 3;
        if (size < 1 || size > width - from) { fire_import_fail(b, FIRE_E_CORRUPT, "qkv_hidden_sizes do not fit"); return; }
        part[i] = heads_of(b, fire_import_slice(b, all, 2, from, from + size), heads);
        from += size;
    }
    if (past && !b->g->first.status) {
        if (fire_shape_of(b->g, past).rank != 5) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "a past of other than five dimensions"); return; }
        for (int i = 0; i < 2; i++) {
            fire_value was = fire_import_apply(b, "Squeeze", 2, FIRE_IN(fire_import_slice(b, past, 0, i, i + 1), fire_import_ints(b, 1, &(int64_t){0})), " ");
            part[i + 1] = fire_import_apply(b, "Concat", 2, FIRE_IN(was, part[i + 1]), "axis=2");
        }
    }
    n->out[0] = attend(b, n, part[0], part[1], part[2], fire_lift_in(n, 3), fire_lift_in(n, 5), fire_lift_int(n, "unidirectional", 0));
    if (n->n_out > 1) n->out[1] = fire_import_apply(b, "Concat", 2, FIRE_IN(fire_import_unsqueeze(b, part[1], 0), fire_import_unsqueeze(b, part[2], 0)), "axis=0");
}

/* query, key, value [n, steps, width], bias of all three, mask of keys, what is added to scores. */
void fire_lift_multi_head_attention(fire_import *b, fire_lift *n) {
    fire_value in[3] = {fire_lift_in(n, 0), fire_lift_in(n, 1), fire_lift_in(n, 2)}, bias = fire_lift_in(n, 3);
    const int64_t heads = fire_lift_int(n, "num_heads", 0);
    int64_t from = 0;
    if (!in[1] || !in[2] || fire_lift_in(n, 6) || fire_lift_in(n, 7)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "packed keys and values, and a past, are not supported"); return; }
    for (int i = 0; i < 3 && !b->g->first.status; i++) {
        const fire_shape s = fire_shape_of(b->g, in[i]);
        if (s.rank == 4) continue; /* heads already */
        if (s.rank != 3) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "input %d has %d dimensions, expected 3", i, s.rank); return; }
        if (bias) in[i] = fire_import_two(b, "Add", in[i], fire_import_slice(b, bias, 0, from, from + s.dim[2]));
        from += s.dim[2];
        in[i] = heads_of(b, in[i], heads);
    }
    n->out[0] = attend(b, n, in[0], in[1], in[2], fire_lift_in(n, 4), fire_lift_in(n, 5), fire_lift_int(n, "unidirectional", 0));
    if (n->n_out > 1) n->out[1] = in[1];
    if (n->n_out > 2) n->out[2] = in[2];
}

/* ---- quantized ---- */

/* Number i of quantized inputs: x, scale, zero. */
static fire_value number(fire_import *b, const fire_lift *n, int64_t i) { return has(b, n, i + 2) ? fire_import_dequantize(b, fire_lift_in(n, i), fire_lift_in(n, i + 1), fire_lift_in(n, i + 2), 1) : 0; }
static fire_value back(fire_import *b, const fire_lift *n, fire_value y, int64_t scale) {
    if (b->g->first.status || !fire_lift_in(n, scale)) { fire_import_fail(b, FIRE_E_CORRUPT, "has no scale for its output"); return 0; }
    return fire_import_quantize(b, y, fire_lift_in(n, scale), fire_lift_in(n, scale + 1), fire_import_type(b, n->in[0]));
}

/* QLinearAdd and QLinearMul: two numbers, scale, zero. */
void fire_lift_qlinear_two(fire_import *b, fire_lift *n) { n->out[0] = back(b, n, fire_import_two(b, n->op + strlen("QLinear"), number(b, n, 0), number(b, n, 3)), 6); }

/* Operators of one number that are computed by the operator of their name: QLinearSigmoid, QLinearLeakyRelu, QLinearSoftmax, QLinearAveragePool ... */
void fire_lift_qlinear_one(fire_import *b, fire_lift *n) {
    fire_value x = number(b, n, 0), out[FIRE_MAX_OUT] = {0};
    if (b->g->first.status) return;
    const int rank = fire_shape_of(b->g, x).rank;
    const bool turned = fire_lift_int(n, "channels_last", 0) && rank > 2;
    int there[FIRE_MAX_RANK], again[FIRE_MAX_RANK];
    for (int d = 0; d < rank; d++) there[d] = d == 0 ? 0 : d == 1 ? rank - 1 : d - 1, again[d] = d == 0 ? 0 : d == rank - 1 ? 1 : d + 1;
    if (turned) x = fire_import_permute(b, x, there);
    fire_lift inner = *n;
    inner.n_in = inner.n_out = 1, inner.in = &x, inner.out = out;
    inner.own = false;
    snprintf(inner.op, sizeof inner.op, "%s", n->op + strlen("QLinear"));
    if (!strcmp(inner.op, "Softmax")) {
        inner.opset = (uint64_t)fire_lift_int(n, "opset", (int64_t)n->opset);
        fire_lift_softmax(b, &inner);
    } else if (!strcmp(inner.op, "ReduceMean")) fire_lift_reduce(b, &inner);
    else fire_lift_same(b, &inner, inner.op, "channels_last");
    n->out[0] = back(b, n, turned ? fire_import_permute(b, out[0], again) : out[0], 3);
}

/* scale, zero, then x, scale, zero of each. */
void fire_lift_qlinear_concat(fire_import *b, fire_lift *n) {
    const int64_t count = (n->n_in - 2) / 3;
    fire_value *v = count > 0 ? fire_arena_alloc(&b->arena, (size_t)count, sizeof *v, &b->g->first) : NULL;
    int axis;
    if (!v || !has(b, n, 3)) { fire_import_fail(b, FIRE_E_CORRUPT, "has less than five inputs"); return; }
    for (int64_t i = 0; i < count; i++) v[i] = fire_import_dequantize(b, fire_lift_in(n, 2 + 3 * i), fire_lift_in(n, 3 + 3 * i), fire_lift_in(n, 4 + 3 * i), 1);
    if (b->g->first.status || fire_axis(fire_lift_int(n, "axis", 0), fire_shape_of(b->g, v[0]).rank, &axis, &b->g->first)) return;
    n->out[0] = fire_import_quantize(b, fire_import_concat(b, v, count, axis), n->in[0], n->in[1], fire_import_type(b, n->in[2]));
}

/* a, scale, zero, b, scale, zero, c, scale, zero; c is in steps of both scales. Without a scale for it the output is float32. */
void fire_lift_qgemm(fire_import *b, fire_lift *n) {
    if (!has(b, n, 5)) return;
    const bool turned = fire_lift_int(n, "transB", 0);
    fire_value x = number(b, n, 0), w = fire_import_dequantize(b, n->in[3], n->in[4], fire_lift_in(n, 5), turned ? 0 : 1);
    if (fire_lift_int(n, "transA", 0)) x = last_two(b, x);
    fire_value y = fire_import_two(b, "MatMul", x, turned ? last_two(b, w) : w);
    const double alpha = fire_lift_float(n, "alpha", 1);
    if (alpha != 1) y = times(b, y, alpha);
    if (fire_lift_in(n, 6)) y = add(b, y, fire_import_two(b, "Mul", fire_import_two(b, "Mul", fire_import_cast(b, n->in[6], FIRE_F32), n->in[1]), n->in[4]));
    n->out[0] = fire_lift_in(n, 7) ? back(b, n, y, 7) : y;
}

/* a, b, scales of both, zeros of both, bias: integers times integers as float32. */
void fire_lift_matmul_to_float(fire_import *b, fire_lift *n) {
    if (!has(b, n, 4)) return;
    fire_value y = fire_import_two(b, "MatMul", fire_import_dequantize(b, n->in[0], n->in[2], fire_lift_in(n, 4), 1), fire_import_dequantize(b, n->in[1], n->in[3], fire_lift_in(n, 5), 1));
    n->out[0] = add(b, y, fire_lift_in(n, 6));
}
/* a as float32, b, scale, zero, bias: a is quantized by its own range. */
void fire_lift_dynamic_matmul(fire_import *b, fire_lift *n) {
    fire_value in[1] = {fire_lift_in(n, 0)}, out[FIRE_MAX_OUT] = {0};
    if (!has(b, n, 3)) return;
    fire_lift inner = *n;
    inner.n_in = 1, inner.n_out = 3, inner.in = in, inner.out = out, inner.n_attrs = 0;
    fire_lift_dynamic_quantize(b, &inner);
    fire_value y = fire_import_two(b, "MatMul", fire_import_dequantize(b, out[0], out[1], out[2], 1), fire_import_dequantize(b, n->in[1], n->in[2], fire_lift_in(n, 3), 1));
    n->out[0] = add(b, y, fire_lift_in(n, 4));
}
