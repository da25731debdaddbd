/* onnx_lift_attention.c - ONNX operators of transformers and their kin, made of products, sums and Softmax. */
#include "formats/onnx_lift.h"

static fire_value times(fire_import *b, fire_value x, double v) { return fire_import_two(b, "Mul", x, fire_import_like(b, x, v)); }
static fire_value transposed(fire_import *b, fire_value x) { return fire_import_permute(b, x, (int[]){0, 1, 3, 2}); }

/* [n, steps, heads * width] as [n, heads, steps, width]; 0: failed. */
static fire_value split_heads(fire_import *b, fire_value x, int64_t heads) {
    if (!fire_import_concrete(b, x)) return 0;
    fire_shape s = fire_shape_of(b->g, x);
    if (s.rank != 3 || heads < 1 || s.dim[2] % heads) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "%lld heads do not fit", (long long)heads); return 0; }
    x = fire_import_reshape(b, x, (fire_shape){4, {s.dim[0], s.dim[1], heads, s.dim[2] / heads}});
    return fire_import_permute(b, x, (int[]){0, 2, 1, 3});
}
static fire_value join_heads(fire_import *b, fire_value x) {
    if (!fire_import_concrete(b, x)) return 0;
    fire_shape s = fire_shape_of(b->g, x);
    return fire_import_reshape(b, fire_import_permute(b, x, (int[]){0, 2, 1, 3}), (fire_shape){3, {s.dim[0], s.dim[2], s.dim[1] * s.dim[3]}});
}

/* Each head of x [n, heads, ...] as often as `heads` of the queries need it. */
static fire_value repeat_heads(fire_import *b, fire_value x, int64_t heads) {
    if (!fire_import_concrete(b, x)) return 0;
    fire_shape s = fire_shape_of(b->g, x);
    if (s.dim[1] == heads) return x;
    if (s.rank != 4 || s.dim[1] < 1 || heads % s.dim[1]) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "%lld heads of queries for %lld of keys", (long long)heads, (long long)s.dim[1]); return 0; }
    int64_t wide[5] = {s.dim[0], s.dim[1], heads / s.dim[1], s.dim[2], s.dim[3]};
    x = fire_import_two(b, "Expand", fire_import_unsqueeze(b, x, 2), fire_import_ints(b, 5, wide));
    return fire_import_reshape(b, x, (fire_shape){4, {s.dim[0], heads, s.dim[2], s.dim[3]}});
}

/* What a query may see, as 0 or -inf: [q, kv], or [n, 1, q, kv] where rows have lengths of their own. 0: everything, or failed. */
static fire_value horizon(fire_import *b, fire_lift *n, fire_type type, int64_t rows, int64_t q, int64_t kv, int64_t past) {
    const int64_t causal = fire_lift_int(n, "is_causal", 0), left = fire_lift_int(n, "left_window_size", -1), right = fire_lift_int(n, "right_window_size", -1);
    const fire_tensor *length = NULL;
    if (left < -1 || right < -1) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "windows of %lld and %lld", (long long)left, (long long)right); return 0; }
    if (fire_lift_in(n, 6)) {
        length = fire_import_numbers(b, n->in[6]);
        if (!length || fire_count(&length->shape) != rows || fire_lift_in(n, 4)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "nonpad_kv_seqlen does not fit"); return 0; }
    }
    if (!causal && left < 0 && right < 0 && !length) return 0;
    fire_tensor own = length ? *length : (fire_tensor){0};
    fire_tensor y = fire_lift_room(b, type, length ? (fire_shape){4, {rows, 1, q, kv}} : (fire_shape){2, {q, kv}});
    if (!y.data) return 0;
    for (int64_t r = 0, e = 0; r < (length ? rows : 1); r++) {
        const int64_t valid = length ? fire_whole(fire_get(&own, r)) : kv, offset = length ? (valid < 0 ? 0 : valid > kv ? kv : valid) - q : past;
        for (int64_t i = 0; i < q; i++)
            for (int64_t j = 0; j < kv; j++, e++) {
                int64_t ahead = j - i - offset;
                bool seen = j < valid && !(causal && ahead > 0) && !(left >= 0 && -ahead > left) && !(right >= 0 && ahead > right);
                fire_put(&y, e, seen ? 0 : -INFINITY);
            }
    }
    return fire_lift_made(b, &y);
}

void fire_lift_attention(fire_import *b, fire_lift *n) {
    fire_value v[3] = {n->in[0], fire_lift_in(n, 1), fire_lift_in(n, 2)}, mask = fire_lift_in(n, 3), past[2] = {fire_lift_in(n, 4), fire_lift_in(n, 5)};
    if (!v[0] || !v[1] || !v[2] || !past[0] != !past[1]) { fire_import_fail(b, FIRE_E_CORRUPT, "queries, keys, values or half of the past are missing"); return; }
    if (b->g->first.status) return;
    const bool flat = fire_shape_of(b->g, v[0]).rank == 3;
    const fire_type type = fire_type_of(b->g, v[0]);
    for (int i = 0; i < 3; i++) {
        if (flat) v[i] = split_heads(b, v[i], fire_lift_int(n, i ? "kv_num_heads" : "q_num_heads", 0));
        if (!fire_import_concrete(b, v[i])) return;
        if (fire_shape_of(b->g, v[i]).rank != 4) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "wants three tensors of three or four dimensions"); return; }
    }
    int64_t before = 0;
    for (int i = 0; i < 2 && past[0]; i++) {
        if (!fire_import_concrete(b, past[i])) return;
        before = fire_shape_of(b->g, past[0]).dim[2];
        v[i + 1] = fire_import_apply(b, "Concat", 2, FIRE_IN(past[i], v[i + 1]), "axis=2");
    }
    n->out[1] = past[0] || flat ? v[1] : fire_import_one(b, "Identity", v[1]);
    n->out[2] = past[0] || flat ? v[2] : fire_import_one(b, "Identity", v[2]);
    if (b->g->first.status) return;
    const fire_shape q = fire_shape_of(b->g, v[0]);
    const int64_t kv = fire_shape_of(b->g, v[1]).dim[2], mode = fire_lift_int(n, "qk_matmul_output_mode", 0);
    const double softcap = fire_lift_float(n, "softcap", 0);
    fire_value bias = horizon(b, n, type, q.dim[0], q.dim[2], kv, before);
    if (mask && !b->g->first.status) {
        if (!fire_import_concrete(b, mask)) return;
        if (fire_type_of(b->g, mask) == FIRE_BOOL) mask = fire_import_apply(b, "Where", 3, FIRE_IN(mask, fire_graph_scalar(b->g, type, 0), fire_graph_scalar(b->g, type, -INFINITY)), " ");
        else mask = fire_import_cast(b, mask, type);
        if (b->g->first.status) return;
        const fire_shape s = fire_shape_of(b->g, mask);
        if (s.rank > 0 && s.dim[s.rank - 1] < kv && s.dim[s.rank - 1] != 1) { /* keys that it does not speak of are not seen */
            int64_t pads[2 * FIRE_MAX_RANK] = {0};
            pads[2 * s.rank - 1] = kv - s.dim[s.rank - 1];
            mask = fire_import_apply(b, "Pad", 3, FIRE_IN(mask, fire_import_ints(b, 2 * s.rank, pads), fire_graph_scalar(b->g, type, -INFINITY)), " ");
        }
        bias = bias ? fire_import_two(b, "Add", mask, bias) : mask;
    }
    /* Half of the scale on either side keeps products small. */
    const fire_onnx_attr *given = fire_lift_attr(n, "scale");
    const double scale = sqrt(given ? (double)given->value : 1 / sqrt((double)(q.dim[3] > 0 ? q.dim[3] : 1)));
    fire_value k = repeat_heads(b, v[1], q.dim[1]), value = repeat_heads(b, v[2], q.dim[1]);
    fire_value score = fire_import_two(b, "MatMul", times(b, v[0], scale), times(b, transposed(b, k), scale)), seen = score;
    if (softcap > 0) score = times(b, fire_import_one(b, "Tanh", times(b, score, 1 / softcap)), softcap);
    if (mode == 1) seen = score;
    if (bias) score = fire_import_two(b, "Add", score, bias);
    if (mode == 2) seen = score;
    const bool wide = fire_lift_int(n, "softmax_precision", 0) == FIRE_F64;
    if (wide) score = fire_import_cast(b, score, FIRE_F64);
    fire_value part = fire_import_cast(b, fire_import_apply(b, "Softmax", 1, &score, "axis=-1"), type);
    if (bias && !b->g->first.status) { /* a query that may see nothing gets zeros */
        uint32_t last = 1u << (fire_shape_of(b->g, bias).rank - 1);
        fire_value blind = fire_import_two(b, "Equal", fire_import_reduce(b, "ReduceMax", bias, last, true), fire_graph_scalar(b->g, type, -INFINITY));
        part = fire_import_apply(b, "Where", 3, FIRE_IN(blind, fire_import_like(b, part, 0), part), " ");
    }
    if (mode == 3) seen = part;
    fire_value y = fire_import_two(b, "MatMul", part, value);
    n->out[0] = flat ? join_heads(b, y) : y;
    n->out[3] = seen;
}

/* Attention whose scores and probabilities pass through graphs of the node. */
void fire_lift_flex_attention(fire_import *b, fire_lift *n) {
    fire_value q = n->in[0], k = fire_lift_in(n, 1), v = fire_lift_in(n, 2);
    if (!q || !k || !v || !fire_import_concrete(b, q)) { fire_import_fail(b, FIRE_E_CORRUPT, "has less than three inputs"); return; }
    fire_shape s = fire_shape_of(b->g, q);
    const fire_type type = fire_type_of(b->g, q), given = (fire_type)fire_lift_int(n, "softmax_precision", 0), wide = given == FIRE_F64 ? FIRE_F64 : type;
    if (s.rank != 4) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "wants tensors of four dimensions"); return; }
    const fire_onnx_attr *a = fire_lift_attr(n, "scale");
    const double scale = sqrt(a ? (double)a->value : 1 / sqrt((double)(s.dim[3] > 0 ? s.dim[3] : 1)));
    k = repeat_heads(b, k, s.dim[1]);
    v = repeat_heads(b, v, s.dim[1]);
    fire_value score = fire_import_cast(b, fire_import_two(b, "MatMul", times(b, q, scale), times(b, transposed(b, k), scale)), wide);
    const bool half = given == FIRE_F16 || given == FIRE_BF16;
    if (half) score = fire_import_cast(b, score, given); /* the graphs see the type that was asked for */
    if (fire_lift_attr(n, "score_mod") && !fire_lift_body(b, n, "score_mod", 1, &score, 1, &score)) return;
    if (half) score = fire_import_cast(b, score, wide);
    fire_value part = fire_import_apply(b, "Softmax", 1, &score, "axis=-1");
    if (half) part = fire_import_cast(b, part, given);
    if (fire_lift_attr(n, "prob_mod") && !fire_lift_body(b, n, "prob_mod", 1, &part, 1, &part)) return;
    part = fire_import_cast(b, part, wide);
    n->out[0] = fire_import_cast(b, fire_import_two(b, "MatMul", part, fire_import_cast(b, v, wide)), type);
}

/* Pairs of numbers turned by an angle that grows with the place. */
void fire_lift_rotary_embedding(fire_import *b, fire_lift *n) {
    fire_value x = n->in[0], turn[2] = {fire_lift_in(n, 1), fire_lift_in(n, 2)}, place = fire_lift_in(n, 3);
    if (!x || !turn[0] || !turn[1] || !fire_import_concrete(b, x)) { fire_import_fail(b, FIRE_E_CORRUPT, "has less than three inputs"); return; }
    const fire_shape was = fire_shape_of(b->g, x);
    const bool flat = was.rank == 3;
    if (flat) {
        int64_t heads = fire_lift_int(n, "num_heads", 0);
        if (heads < 1 || was.dim[2] % heads) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "%lld heads do not fit", (long long)heads); return; }
        x = fire_import_reshape(b, x, (fire_shape){4, {was.dim[0], was.dim[1], heads, was.dim[2] / heads}});
    } else if (was.rank == 4) x = fire_import_permute(b, x, (int[]){0, 2, 1, 3});
    if (b->g->first.status) return;
    const fire_shape s = fire_shape_of(b->g, x); /* [n, steps, heads, width] */
    int64_t width = fire_lift_int(n, "rotary_embedding_dim", 0);
    if (!width && s.rank == 4) width = s.dim[3];
    if (s.rank != 4 || width < 2 || width % 2 || width > s.dim[3]) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "%lld numbers to turn do not fit", (long long)width); return; }
    for (int i = 0; i < 2; i++) {
        if (place) turn[i] = fire_import_apply(b, "Gather", 2, FIRE_IN(turn[i], place), "axis=0");
        turn[i] = fire_import_unsqueeze(b, turn[i], 2);
    }
    fire_value moved = fire_import_slice(b, x, 3, 0, width), part[2];
    const bool woven = fire_lift_int(n, "interleaved", 0) != 0;
    if (woven) moved = fire_import_reshape(b, moved, (fire_shape){5, {s.dim[0], s.dim[1], s.dim[2], width / 2, 2}});
    for (int i = 0; i < 2; i++) {
        part[i] = woven ? fire_import_slice(b, moved, 4, i, i + 1) : fire_import_slice(b, moved, 3, i * (width / 2), (i + 1) * (width / 2));
        if (woven) part[i] = fire_import_reshape(b, part[i], (fire_shape){4, {s.dim[0], s.dim[1], s.dim[2], width / 2}});
    }
    fire_value y[3] = {fire_import_two(b, "Sub", fire_import_two(b, "Mul", turn[0], part[0]), fire_import_two(b, "Mul", turn[1], part[1])),
                       fire_import_two(b, "Add", fire_import_two(b, "Mul", turn[1], part[0]), fire_import_two(b, "Mul", turn[0], part[1]))};
    if (woven) {
        y[0] = fire_import_apply(b, "Concat", 2, FIRE_IN(fire_import_unsqueeze(b, y[0], 4), fire_import_unsqueeze(b, y[1], 4)), "axis=4");
        y[0] = fire_import_reshape(b, y[0], (fire_shape){4, {s.dim[0], s.dim[1], s.dim[2], width}});
    } else y[0] = fire_import_apply(b, "Concat", 2, y, "axis=3");
    if (width < s.dim[3]) y[0] = fire_import_apply(b, "Concat", 2, FIRE_IN(y[0], fire_import_slice(b, x, 3, width, s.dim[3])), "axis=3");
    n->out[0] = flat ? fire_import_reshape(b, y[0], was) : fire_import_permute(b, y[0], (int[]){0, 2, 1, 3});
}

/* A state [n, heads, key, value] to which every step adds key times value; decay shrinks it before, and with beta only what the state does not know
** yet of the value is added. */
void fire_lift_linear_attention(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *rule = fire_lift_attr(n, "update_rule");
    const bool gated = !rule || fire_span_is(rule->text, "gated") || fire_span_is(rule->text, "gated_delta"), delta = !rule || fire_span_is(rule->text, "delta") || fire_span_is(rule->text, "gated_delta");
    const int64_t heads = fire_lift_int(n, "q_num_heads", 0), shared = fire_lift_int(n, "kv_num_heads", 0);
    fire_value q = split_heads(b, n->in[0], heads), k = split_heads(b, fire_lift_in(n, 1), shared), v = split_heads(b, fire_lift_in(n, 2), shared);
    fire_value state = fire_lift_in(n, 3), decay = gated ? fire_lift_in(n, 4) : 0, beta = delta ? fire_lift_in(n, 5) : 0;
    if (b->g->first.status) return;
    if ((gated && !decay) || (delta && !beta)) { fire_import_fail(b, FIRE_E_CORRUPT, "decay or beta is missing"); return; }
    const fire_shape sk = fire_shape_of(b->g, k), sv = fire_shape_of(b->g, v);
    const int64_t rows = sk.dim[0], steps = sk.dim[2], width = sk.dim[3];
    double scale = fire_lift_float(n, "scale", 0);
    if (scale == 0) scale = 1 / sqrt((double)(width > 0 ? width : 1));
    if (decay) { /* one for a head, or for each number of its key */
        if (!fire_import_concrete(b, decay)) return;
        decay = fire_import_one(b, "Exp", split_heads(b, decay, shared));
    }
    if (beta) {
        if (!fire_import_concrete(b, beta)) return;
        beta = split_heads(b, beta, fire_shape_of(b->g, beta).dim[2]); /* [n, heads or 1, steps, 1] */
    }
    if (!state) {
        int64_t shape[4] = {rows, shared, width, sv.dim[3]};
        state = fire_import_two(b, "Expand", fire_import_like(b, q, 0), fire_import_ints(b, 4, shape));
    }
    fire_value all = 0;
    for (int64_t t = 0; t < steps && !b->g->first.status; t++) {
        if (b->nodes_left-- <= 0) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "more than %d nodes are computed, trips of loops counted", FIRE_IMPORT_NODES); return; }
        fire_value key = transposed(b, fire_import_slice(b, k, 2, t, t + 1)), value = fire_import_slice(b, v, 2, t, t + 1); /* [n, heads, key, 1], [n, heads, 1, value] */
        if (gated) state = fire_import_two(b, "Mul", state, transposed(b, fire_import_slice(b, decay, 2, t, t + 1)));
        if (delta) value = fire_import_two(b, "Mul", fire_import_slice(b, beta, 2, t, t + 1), fire_import_two(b, "Sub", value, fire_import_two(b, "MatMul", transposed(b, key), state)));
        state = fire_import_two(b, "Add", state, fire_import_two(b, "MatMul", key, value));
        fire_value y = times(b, fire_import_two(b, "MatMul", fire_import_slice(b, q, 2, t, t + 1), repeat_heads(b, state, heads)), scale);
        all = all ? fire_import_apply(b, "Concat", 2, FIRE_IN(all, y), "axis=2") : y;
    }
    if (!all) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "has no steps"); return; }
    n->out[0] = join_heads(b, all);
    n->out[1] = state;
}

/* A convolution of each channel by itself over what was and what is: x [n, c, steps], w [c, 1, k], state [n, c, k - 1]. */
void fire_lift_causal_conv(fire_import *b, fire_lift *n) {
    fire_value x = n->in[0], w = fire_lift_in(n, 1), bias = fire_lift_in(n, 2), past = fire_lift_in(n, 3);
    if (!x || !w || !fire_import_concrete(b, x) || !fire_import_concrete(b, w)) { fire_import_fail(b, FIRE_E_CORRUPT, "has no weights"); return; }
    const fire_shape s = fire_shape_of(b->g, x), k = fire_shape_of(b->g, w);
    if (s.rank != 3 || k.rank != 3 || k.dim[2] < 1) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "wants [n, c, steps] and [c, 1, k]"); return; }
    int64_t before[3] = {s.dim[0], s.dim[1], k.dim[2] - 1}, length = s.dim[2] + k.dim[2] - 1;
    if (!past) past = fire_import_two(b, "Expand", fire_import_like(b, x, 0), fire_import_ints(b, 3, before));
    fire_value all = fire_import_apply(b, "Concat", 2, FIRE_IN(past, x), "axis=2");
    fire_value y = fire_import_apply(b, "Conv", bias ? 3 : 2, FIRE_IN(all, w, bias), "group=%lld", (long long)s.dim[1]);
    if (fire_lift_text(n, "activation", "silu") || fire_lift_text(n, "activation", "swish")) y = fire_import_two(b, "Mul", y, fire_import_one(b, "Sigmoid", y));
    n->out[0] = y;
    n->out[1] = fire_import_slice(b, all, 2, length - before[2], length);
}

void fire_lift_swiglu(fire_import *b, fire_lift *n) {
    const double alpha = fire_lift_float(n, "alpha", 1);
    fire_value a = n->in[0];
    n->out[0] = fire_import_two(b, "Mul", fire_import_two(b, "Mul", a, fire_import_one(b, "Sigmoid", alpha == 1 ? a : times(b, a, alpha))), fire_lift_in(n, 1));
}

/* Rows of `update` put into the cache along an axis, from a place on that each row of the batch has for itself. */
void fire_lift_tensor_scatter(fire_import *b, fire_lift *n) {
    fire_value x = n->in[0], update = fire_lift_in(n, 1), at = fire_lift_in(n, 2);
    int axis;
    if (!x || !update || !fire_import_concrete(b, x) || !fire_import_concrete(b, update)) { fire_import_fail(b, FIRE_E_CORRUPT, "has no update"); return; }
    const fire_shape s = fire_shape_of(b->g, x), u = fire_shape_of(b->g, update);
    if (fire_axis(fire_lift_int(n, "axis", -2), s.rank, &axis, &b->g->first)) return;
    if (u.rank != s.rank || axis == 0 || u.dim[axis] > s.dim[axis]) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the update does not fit the cache"); return; }
    fire_shape along = {.rank = s.rank}, rows = {.rank = s.rank};
    for (int d = 0; d < s.rank; d++) along.dim[d] = d == axis ? u.dim[d] : 1, rows.dim[d] = d ? 1 : s.dim[0];
    fire_tensor step = fire_lift_room(b, FIRE_I64, along);
    if (!step.data) return;
    for (int64_t i = 0; i < u.dim[axis]; i++) ((int64_t *)step.data)[i] = i;
    fire_value place = fire_lift_made(b, &step);
    if (at) place = fire_import_two(b, "Add", fire_import_reshape(b, fire_import_cast(b, at, FIRE_I64), rows), place);
    if (fire_lift_text(n, "mode", "circular")) place = fire_import_two(b, "Mod", place, fire_graph_const(b->g, FIRE_I64, (fire_shape){0}, &s.dim[axis]));
    place = fire_import_two(b, "Expand", place, fire_import_ints(b, u.rank, u.dim));
    n->out[0] = fire_import_apply(b, "ScatterElements", 3, FIRE_IN(x, place, update), "axis=%d", axis);
}
