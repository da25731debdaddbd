/* tensorflow_lift_more.c - rarer operators of TensorFlow: morphology, connectionist classification, sparse matrices, quantization, ragged rows. */
#include "formats/tensorflow_help.h"
#include <stdio.h>

/* Dilation2D: the greatest of input + filter in each window, tap by tap. */
void fire_tf_dilation(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *strides = fire_lift_attr(n, "strides"), *rates = fire_lift_attr(n, "rates");
    if (!fire_tf_has(b, n, 2) || !fire_import_concrete(b, n->in[0]) || !fire_import_concrete(b, n->in[1])) return;
    fire_value x = n->in[0], y = 0;
    fire_shape s = fire_shape_of(b->g, x), k = fire_shape_of(b->g, n->in[1]);
    int64_t pads[8] = {0}, out[2], size[2];
    if (s.rank != 4 || k.rank != 3 || !strides || strides->n_ints != 4 || !rates || rates->n_ints != 4 || k.dim[0] < 1 || k.dim[1] < 1 || k.dim[0] * k.dim[1] > 10000) { fire_tf_fail(b, "the window does not fit"); return; }
    for (int d = 0; d < 2; d++) {
        int64_t stride = strides->ints[d + 1], rate = rates->ints[d + 1];
        if (stride < 1 || rate < 1 || stride > 1 << 20 || rate > 1 << 20) { fire_tf_fail(b, "a stride of %lld", (long long)stride); return; }
        size[d] = (k.dim[d] - 1) * rate + 1;
        if (fire_lift_text(n, "padding", "SAME")) {
            out[d] = (s.dim[d + 1] + stride - 1) / stride;
            int64_t need = (out[d] - 1) * stride + size[d] - s.dim[d + 1];
            pads[d + 1] = need > 0 ? need / 2 : 0, pads[d + 5] = need > 0 ? need - need / 2 : 0;
        } else out[d] = s.dim[d + 1] >= size[d] ? (s.dim[d + 1] - size[d]) / stride + 1 : 0;
    }
    x = fire_import_apply(b, "Pad", 3, FIRE_IN(x, fire_import_ints(b, 8, pads), fire_import_like(b, x, -INFINITY)), "mode=constant");
    for (int64_t p = 0; p < k.dim[0]; p++)
        for (int64_t q = 0; q < k.dim[1] && !b->g->first.status; q++) {
            int64_t from[2] = {p * rates->ints[1], q * rates->ints[2]}, to[2], step[2] = {strides->ints[1], strides->ints[2]}, axes[2] = {1, 2};
            for (int d = 0; d < 2; d++) to[d] = from[d] + (out[d] - 1) * step[d] + 1;
            fire_value part = fire_import_apply(b, "Slice", 5, FIRE_IN(x, fire_import_ints(b, 2, from), fire_import_ints(b, 2, to), fire_import_ints(b, 2, axes), fire_import_ints(b, 2, step)), " ");
            fire_value tap = fire_import_slice(b, fire_import_slice(b, n->in[1], 0, p, p + 1), 1, q, q + 1);
            part = fire_import_two(b, "Add", part, tap);
            y = y ? fire_import_two(b, "Max", y, part) : part;
        }
    n->out[0] = y;
}

/* inputs [steps, rows, classes], the last class being the blank; labels as a sparse matrix; the length of each row. */
void fire_tf_ctc_loss(fire_import *b, fire_lift *n) {
    fire_tensor at, values, lengths;
    if (!fire_tf_has(b, n, 4) || !fire_import_concrete(b, n->in[0]) || !fire_tf_numbers(b, n->in[1], &at) || !fire_tf_numbers(b, n->in[2], &values) || !fire_tf_numbers(b, n->in[3], &lengths)) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]);
    if (s.rank != 3 || at.shape.rank != 2 || at.shape.dim[1] != 2 || fire_count(&values.shape) != at.shape.dim[0] || fire_count(&lengths.shape) != s.dim[1] || s.dim[1] < 1 || s.dim[1] > 4096 || s.dim[2] < 1) { fire_tf_fail(b, "the labels do not fit"); return; }
    if (fire_lift_int(n, "preprocess_collapse_repeated", 0) || !fire_lift_int(n, "ctc_merge_repeated", 1)) { fire_tf_fail(b, "only the usual merging of repeats is supported"); return; }
    const bool first = strstr(n->op, "V2") != NULL; /* there the blank is class 0 */
    int64_t blank = first ? 0 : s.dim[2] - 1, rows = s.dim[1];
    fire_value *loss = fire_arena_alloc(&b->arena, (size_t)rows, sizeof *loss, &b->g->first), *slope = loss ? fire_arena_alloc(&b->arena, (size_t)rows, sizeof *slope, &b->g->first) : NULL;
    for (int64_t r = 0; slope && r < rows && !b->g->first.status; r++) {
        int64_t steps = fire_whole(fire_get(&lengths, r)), count = 0;
        fire_tensor label;
        if (steps < 0 || steps > s.dim[0]) { fire_tf_fail(b, "%lld steps of %lld", (long long)steps, (long long)s.dim[0]); return; }
        for (int64_t i = 0; i < at.shape.dim[0]; i++) count += fire_get(&at, 2 * i) == (double)r;
        if (!fire_tf_new(b, FIRE_I64, (fire_shape){2, {1, count ? count : 1}}, &label)) return;
        ((int64_t *)label.data)[0] = blank;
        for (int64_t i = 0, k = 0; i < at.shape.dim[0]; i++)
            if (fire_get(&at, 2 * i) == (double)r) ((int64_t *)label.data)[k++] = fire_whole(fire_get(&values, i));
        fire_value x = fire_import_slice(b, fire_import_slice(b, n->in[0], 0, 0, steps), 1, r, r + 1), out[FIRE_MAX_OUT];
        x = fire_import_reshape(b, x, (fire_shape){3, {1, steps, s.dim[2]}});
        char text[64];
        snprintf(text, sizeof text, "blank=%lld", (long long)blank);
        if (fire_import_all(b, "CTCLoss", 2, FIRE_IN(x, fire_tf_keep(b, &label)), text, out)) return;
        loss[r] = out[0];
        slope[r] = fire_import_reshape(b, out[1], (fire_shape){3, {steps, 1, s.dim[2]}});
        if (steps < s.dim[0]) slope[r] = fire_tf_concat(b, 2, FIRE_IN(slope[r], fire_tf_fill(b, fire_tf_type(b, x), (fire_shape){3, {s.dim[0] - steps, 1, s.dim[2]}}, 0)), 0);
    }
    if (!slope) return;
    n->out[0] = fire_tf_concat(b, rows, loss, 0);
    n->out[1] = fire_tf_concat(b, rows, slope, 1);
}

/* A sparse matrix (indices, values, shape) times a dense one. */
void fire_tf_sparse_matmul(fire_import *b, fire_lift *n) {
    fire_shape s = {0};
    int64_t count;
    if (!fire_tf_has(b, n, 4) || !fire_tf_list(b, n->in[2], 2, s.dim, &count)) return;
    s.rank = (int32_t)count;
    fire_value x = fire_import_apply(b, "ScatterND", 3, FIRE_IN(fire_tf_fill(b, fire_tf_type(b, n->in[1]), s, 0), fire_import_cast(b, n->in[0], FIRE_I64), n->in[1]), "reduction=add"), y = n->in[3];
    if (fire_lift_int(n, "adjoint_a", 0)) x = fire_tf_turned(b, x);
    if (fire_lift_int(n, "adjoint_b", 0)) y = fire_tf_turned(b, y);
    n->out[0] = fire_tf_matmul_of(b, x, y);
}

/* To as many steps as bits have, and back; the steps are those of one range for the whole tensor. */
void fire_tf_quantize_dequantize(fire_import *b, fire_lift *n) { /* x, min, max, and in V3 the bits */
    int64_t bits = fire_lift_int(n, "num_bits", 8);
    const bool given = fire_lift_int(n, "range_given", 1), sign = fire_lift_int(n, "signed_input", 1), narrow = fire_lift_int(n, "narrow_range", 0);
    const char v = n->op[strlen(n->op) - 1];
    if (!fire_tf_has(b, n, v == '3' ? 4 : 3) || (v == '3' && !fire_tf_whole(b, n->in[3], &bits))) return;
    fire_value x = n->in[0], limit[2] = {n->in[1], n->in[2]};
    if (bits < 1 || bits > 30 || fire_lift_int(n, "axis", -1) >= 0) { fire_tf_fail(b, "%lld bits, or a range for each channel", (long long)bits); return; }
    if (!given)
        for (int k = 0; k < 2; k++) limit[k] = fire_import_apply(b, k ? "ReduceMax" : "ReduceMin", 1, &x, "keepdims=0");
    fire_tensor t[2];
    for (int k = 0; k < 2; k++)
        if (!fire_tf_numbers(b, limit[k], &t[k]) || fire_count(&t[k].shape) != 1) { fire_tf_fail(b, "the range is not two numbers"); return; }
    double low = fire_get(&t[0], 0), high = fire_get(&t[1], 0), least = sign ? -ldexp(1, (int)bits - 1) + narrow : 0, most = sign ? ldexp(1, (int)bits - 1) - 1 : ldexp(1, (int)bits) - 1;
    double below = least * low > 0 ? least / low : INFINITY, above = most * high > 0 ? most / high : INFINITY, scale, back;
    if (below < above) scale = below, back = low / least, high = most * back;
    else scale = above, back = high / most, low = least * back;
    if (isinf(scale)) { n->out[0] = fire_tf_times(b, x, 0); return; }
    fire_value y = fire_import_two(b, "Min", fire_import_two(b, "Max", x, fire_import_like(b, x, low)), fire_import_like(b, x, high));
    y = fire_tf_times(b, y, scale);
    y = fire_lift_text(n, "round_mode", "HALF_UP") ? fire_import_one(b, "Floor", fire_tf_plus(b, y, 0.5)) : fire_import_one(b, "Round", y);
    n->out[0] = fire_tf_times(b, y, back);
}

/* ---- ragged rows: values and where each row begins ---- */

void fire_tf_ragged_range(fire_import *b, fire_lift *n) { /* starts, limits, deltas: the ranges one behind the other */
    fire_tensor t[3], splits, y;
    if (!fire_tf_has(b, n, 3)) return;
    int64_t rows = 1, total = 0;
    for (int k = 0; k < 3; k++) {
        if (!fire_tf_numbers(b, n->in[k], &t[k])) return;
        if (t[k].shape.rank) rows = fire_count(&t[k].shape);
    }
    for (int k = 0; k < 3; k++)
        if (t[k].shape.rank && fire_count(&t[k].shape) != rows) { fire_tf_fail(b, "the lists differ in length"); return; }
    if (!fire_tf_new(b, (fire_type)fire_lift_int(n, "Tsplits", FIRE_I64), (fire_shape){1, {rows + 1}}, &splits)) return;
    for (int pass = 0; pass < 2; pass++) {
        if (pass && !fire_tf_new(b, t[0].type, (fire_shape){1, {total}}, &y)) return;
        total = 0;
        for (int64_t r = 0; r < rows; r++) {
            double v[3];
            for (int k = 0; k < 3; k++) v[k] = fire_get(&t[k], t[k].shape.rank ? r : 0);
            double count = fmax(0, ceil((v[1] - v[0]) / v[2]));
            if ((v[1] - v[0]) / v[2] != (v[1] - v[0]) / v[2]) count = NAN;
            if (v[2] == 0 || !(count < (double)b->bytes_left)) { fire_tf_fail(b, "a range of %g", count); return; }
            for (int64_t i = 0; pass && i < (int64_t)count; i++) fire_put(&y, total + i, v[0] + (double)i * v[2]);
            if (count > 0 && !fire_add(total, (int64_t)count, &total)) { fire_tf_fail(b, "the ranges are too long"); return; }
            if (pass) fire_put(&splits, r + 1, (double)total);
        }
    }
    n->out[0] = fire_tf_keep(b, &splits);
    n->out[1] = fire_tf_keep(b, &y);
}

/* Windows of three dimensions as rows of numbers. */
void fire_tf_volume_patches(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *size = fire_lift_attr(n, "ksizes"), *steps = fire_lift_attr(n, "strides");
    if (!fire_tf_has(b, n, 1) || !fire_import_concrete(b, n->in[0])) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]);
    int64_t y[3], pads[10] = {0}, all = 1, k = 0;
    fire_value x = n->in[0];
    if (!size || !steps || size->n_ints != 5 || steps->n_ints != 5 || s.rank != 5) { fire_tf_fail(b, "the windows do not fit"); return; }
    for (int d = 0; d < 3; d++) {
        int64_t in = s.dim[d + 1], stride = steps->ints[d + 1], w = size->ints[d + 1];
        if (stride < 1 || w < 1 || stride > 1 << 20 || w > 1 << 20) { fire_tf_fail(b, "a window of %lld", (long long)w); return; }
        if (fire_lift_text(n, "padding", "SAME")) {
            y[d] = (in + stride - 1) / stride;
            int64_t need = (y[d] - 1) * stride + w - in;
            pads[d + 1] = need > 0 ? need / 2 : 0, pads[d + 6] = need > 0 ? need - need / 2 : 0;
        } else y[d] = in >= w ? (in - w) / stride + 1 : 0;
        s.dim[d + 1] += pads[d + 1] + pads[d + 6];
        if (!fire_mul(all, y[d], &all) || !fire_mul(all, w, &all)) { fire_tf_fail(b, "too many windows"); return; }
    }
    fire_tensor at;
    if (!fire_tf_new(b, FIRE_I64, (fire_shape){1, {all}}, &at)) return;
    if (size->ints[1] * size->ints[2] * size->ints[3] > 1 << 16) { fire_tf_fail(b, "windows of too many numbers"); return; }
    int64_t cells = size->ints[1] * size->ints[2] * size->ints[3];
    for (int64_t p = 0; p < y[0] * y[1] * y[2]; p++)
        for (int64_t q = 0; q < cells; q++) {
            int64_t i = p / (y[1] * y[2]) * steps->ints[1] + q / (size->ints[2] * size->ints[3]), j = p / y[2] % y[1] * steps->ints[2] + q / size->ints[3] % size->ints[2];
            ((int64_t *)at.data)[k++] = (i * s.dim[2] + j) * s.dim[3] + p % y[2] * steps->ints[3] + q % size->ints[3];
        }
    x = fire_import_apply(b, "Pad", 3, FIRE_IN(x, fire_import_ints(b, 10, pads), fire_import_like(b, x, 0)), "mode=constant");
    x = fire_tf_gather(b, fire_import_reshape(b, x, (fire_shape){3, {s.dim[0], s.dim[1] * s.dim[2] * s.dim[3], s.dim[4]}}), fire_tf_keep(b, &at), 1);
    n->out[0] = fire_import_reshape(b, x, (fire_shape){5, {s.dim[0], y[0], y[1], y[2], cells * s.dim[4]}});
}

/* The gradient of a convolution by its weights: x with rows and channels exchanged, convolved with dy, whose steps become the strides. */
void fire_tf_conv_weights(fire_import *b, fire_lift *n) { /* x, shape of the weights, dy */
    const fire_onnx_attr *strides = fire_lift_attr(n, "strides"), *dilations = fire_lift_attr(n, "dilations"), *explicit_pads = fire_lift_attr(n, "explicit_paddings");
    int64_t k[4], count, low[2], high[2], st[2], di[2];
    if (!fire_tf_has(b, n, 3) || !fire_tf_list(b, n->in[1], 4, k, &count) || !fire_import_concrete(b, n->in[0]) || !fire_import_concrete(b, n->in[2])) return;
    fire_shape x = fire_shape_of(b->g, n->in[0]), dy = fire_shape_of(b->g, n->in[2]);
    if (count != 4 || x.rank != 4 || dy.rank != 4 || !strides || strides->n_ints != 4 || fire_lift_text(n, "data_format", "NCHW") || k[2] != x.dim[3]) { fire_tf_fail(b, "the sizes do not fit"); return; }
    for (int d = 0; d < 2; d++) {
        st[d] = strides->ints[d + 1], di[d] = dilations && dilations->n_ints == 4 ? dilations->ints[d + 1] : 1;
        if (st[d] < 1 || di[d] < 1 || k[d] < 1 || st[d] > 1 << 15 || di[d] > 1 << 15 || k[d] > 1 << 30) { fire_tf_fail(b, "the sizes do not fit"); return; }
        int64_t reach = (dy.dim[d + 1] - 1) * st[d] + (k[d] - 1) * di[d] + 1, need = reach - x.dim[d + 1];
        if (fire_lift_text(n, "padding", "EXPLICIT") && explicit_pads && explicit_pads->n_ints == 8) low[d] = explicit_pads->ints[2 * d + 2];
        else low[d] = fire_lift_text(n, "padding", "SAME") && need > 0 ? need / 2 : 0;
        high[d] = need - low[d] > 0 ? need - low[d] : 0;
    }
    fire_value data = fire_import_permute(b, n->in[0], (int[]){3, 0, 1, 2}), by = fire_import_permute(b, n->in[2], (int[]){3, 0, 1, 2}); /* [c, n, h, w] and [out, n, h, w] */
    fire_value y = fire_import_apply(b, "Conv", 2, FIRE_IN(data, by), "strides=[%lld,%lld] dilations=[%lld,%lld] pads=[%lld,%lld,%lld,%lld]", (long long)di[0], (long long)di[1], (long long)st[0],
                                     (long long)st[1], (long long)low[0], (long long)low[1], (long long)high[0], (long long)high[1]);
    y = fire_import_slice(b, fire_import_slice(b, y, 2, 0, k[0]), 3, 0, k[1]);
    n->out[0] = fire_import_permute(b, y, (int[]){2, 3, 0, 1});
}

/* ---- scaling with kernels, and boxes of many classes ---- */

static double kernel_of(const char *kind, double x, double *radius) {
    double a = fabs(x), pi = 3.14159265358979323846;
    int lanczos = !strcmp(kind, "lanczos1") ? 1 : !strcmp(kind, "lanczos3") ? 3 : !strcmp(kind, "lanczos5") ? 5 : 0;
    if (lanczos) {
        *radius = lanczos;
        return a > lanczos ? 0 : a <= 1e-3 ? 1 : lanczos * sin(pi * a) * sin(pi * a / lanczos) / (pi * pi * a * a);
    }
    if (!strcmp(kind, "gaussian")) {
        *radius = 1.5;
        return a >= 1.5 ? 0 : exp(-a * a / (2 * 0.25));
    }
    if (!strcmp(kind, "box")) {
        *radius = 1;
        return a < 0.5 ? 1 : a == 0.5 ? 0.5 : 0;
    }
    if (!strcmp(kind, "keyscubic")) {
        *radius = 2;
        return a >= 2 ? 0 : a >= 1 ? ((-0.5 * a + 2.5) * a - 4) * a + 2 : (1.5 * a - 2.5) * a * a + 1;
    }
    if (!strcmp(kind, "mitchellcubic")) {
        *radius = 2;
        return a >= 2 ? 0 : a >= 1 ? (((-7.0 / 18) * a + 2) * a - 10.0 / 3) * a + 16.0 / 9 : (((7.0 / 6) * a - 2) * a) * a + 8.0 / 9;
    }
    *radius = 1;
    return a < 1 ? 1 - a : 0; /* triangle */
}

/* ScaleAndTranslate(images, size, scale, translation): a matrix of weights for height and one for width. */
void fire_tf_scale_and_translate(fire_import *b, fire_lift *n) {
    int64_t to[2], count;
    fire_tensor scale, move;
    const fire_onnx_attr *k = fire_lift_attr(n, "kernel_type");
    char kind[16] = "lanczos3";
    if (!fire_tf_has(b, n, 4) || !fire_import_concrete(b, n->in[0]) || !fire_tf_list(b, n->in[1], 2, to, &count) || !fire_tf_numbers(b, n->in[2], &scale) || !fire_tf_numbers(b, n->in[3], &move)) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]);
    if (k && k->text.size < sizeof kind) memcpy(kind, k->text.bytes, k->text.size), kind[k->text.size] = 0;
    if (count != 2 || s.rank != 4 || fire_count(&scale.shape) != 2 || fire_count(&move.shape) != 2 || to[0] < 1 || to[1] < 1 || to[0] > 1 << 24 || to[1] > 1 << 24 || s.dim[1] < 1 || s.dim[2] < 1) { fire_tf_fail(b, "the sizes do not fit"); return; }
    fire_value m[2];
    for (int d = 0; d < 2; d++) {
        fire_tensor t;
        int64_t in = s.dim[d + 1], work;
        double inverse = 1 / fire_get(&scale, d), shift = -inverse * fire_get(&move, d), wide = fire_lift_int(n, "antialias", 1) && inverse > 1 ? inverse : 1, radius;
        if (!(inverse > 0 && inverse < 1e9) || !fire_mul(in, to[d], &work) || !fire_tf_spend(b, 8 * work) || !fire_tf_new(b, FIRE_F32, (fire_shape){2, {to[d], in}}, &t)) { fire_tf_fail(b, "a scale of %g", fire_get(&scale, d)); return; }
        (void)kernel_of(kind, 0, &radius);
        for (int64_t i = 0; i < to[d]; i++) {
            double at = ((double)i + 0.5) * inverse + shift, sum = 0, least = ceil(at - radius * wide - 0.5), most = floor(at + radius * wide - 0.5);
            if (!(at >= 0 && at <= (double)in)) continue; /* places outside stay 0 */
            for (int pass = 0; pass < 2; pass++)
                for (int64_t p = least > 0 ? (int64_t)least : 0; p < in && (double)p <= most; p++) {
                    double w = kernel_of(kind, ((double)p + 0.5 - at) / wide, &radius);
                    if (!pass) sum += w;
                    else if (sum != 0) ((float *)t.data)[i * in + p] = (float)(w / sum);
                }
        }
        m[d] = fire_tf_keep(b, &t);
    }
    fire_value x = fire_import_reshape(b, fire_import_cast(b, n->in[0], FIRE_F32), (fire_shape){3, {s.dim[0], s.dim[1], s.dim[2] * s.dim[3]}});
    x = fire_import_reshape(b, fire_import_two(b, "MatMul", m[0], x), (fire_shape){3, {s.dim[0] * to[0], s.dim[2], s.dim[3]}});
    n->out[0] = fire_import_reshape(b, fire_import_two(b, "MatMul", m[1], x), (fire_shape){4, {s.dim[0], to[0], to[1], s.dim[3]}});
}

void fire_tf_parallel_concat(fire_import *b, fire_lift *n) {
    if (n->n_in > 0 && fire_tf_has(b, n, n->n_in)) n->out[0] = fire_tf_concat(b, n->n_in, n->in, 0);
}

/* The next number of the type from x towards y. */
void fire_tf_next_after(fire_import *b, fire_lift *n) {
    fire_tensor x, y, z;
    if (!fire_tf_has(b, n, 2) || !fire_tf_numbers(b, n->in[0], &x) || !fire_tf_numbers(b, n->in[1], &y)) return;
    fire_shape s;
    if (fire_broadcast_shape(&x.shape, &y.shape, &s, &b->g->first) || !fire_tf_new(b, x.type, s, &z)) return;
    const fire_tensor in[2] = {x, y};
    fire_walk w = fire_walk_start(&s, 2, in);
    for (int64_t i = 0, count = fire_count(&s); i < count; i++, fire_walk_next(&w)) {
        double from = fire_get(&x, w.i[0]), to = fire_get(&y, w.i[1]);
        fire_put(&z, i, x.type == FIRE_F64 ? nextafter(from, to) : (double)nextafterf((float)from, (float)to));
    }
    n->out[0] = fire_tf_keep(b, &z);
}

/* RaggedTensorToTensor(shape, values, default, row partitions) with one partition: rows of values, filled up. */
void fire_tf_ragged_to_tensor(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *kinds = fire_lift_attr(n, "row_partition_types");
    if (!fire_tf_has(b, n, 4) || !kinds || kinds->n_texts < 1) return;
    const bool splits = fire_span_is(kinds->texts[0], "ROW_SPLITS");
    int64_t want[FIRE_MAX_RANK], count;
    fire_tensor part;
    if (kinds->n_texts != 1 + !splits || (!splits && (n->n_in < 5 || !fire_span_is(kinds->texts[0], "FIRST_DIM_SIZE") || !fire_span_is(kinds->texts[1], "VALUE_ROWIDS")))) { fire_tf_fail(b, "only one ragged dimension is supported"); return; }
    if (!fire_tf_list(b, n->in[0], FIRE_MAX_RANK, want, &count) || !fire_tf_numbers(b, n->in[splits ? 3 : 4], &part) || !fire_import_concrete(b, n->in[1])) return;
    fire_shape v = fire_shape_of(b->g, n->in[1]), y = {2, {0, 0}}, to;
    int64_t rows = 0, widest = 0, values = v.rank ? v.dim[0] : 0, parts = fire_count(&part.shape);
    if (splits) rows = parts > 0 ? parts - 1 : 0;
    else if (!fire_tf_whole(b, n->in[3], &rows)) return;
    int64_t *row = fire_arena_alloc(&b->arena, (size_t)values + 1, sizeof *row, &b->g->first), *at = row ? fire_arena_alloc(&b->arena, (size_t)values + 1, sizeof *at, &b->g->first) : NULL;
    if (!at) return;
    for (int64_t i = 0, r = 0, k = 0; i < values; i++, k++) {
        int64_t now = r;
        if (splits) while (now + 1 < parts && fire_get(&part, now + 1) <= (double)i) now++;
        else now = i < parts ? fire_whole(fire_get(&part, i)) : -1;
        if (now < r || now >= rows) { fire_tf_fail(b, "the rows do not fit %lld values", (long long)values); return; }
        if (now != r) r = now, k = 0;
        row[i] = now, at[i] = k;
        if (k + 1 > widest) widest = k + 1;
    }
    y.dim[0] = count > 0 && want[0] >= 0 ? want[0] : rows;
    y.dim[1] = count > 1 && want[1] >= 0 ? want[1] : widest;
    fire_tensor pick, there;
    if (!fire_tf_new(b, FIRE_I64, y, &pick)) return;
    to = y;
    for (int d = 1; d < v.rank && to.rank < FIRE_MAX_RANK; d++) to.dim[to.rank++] = v.dim[d];
    fire_shape mask = to;
    for (int d = 2; d < mask.rank; d++) mask.dim[d] = 1;
    if (!fire_tf_new(b, FIRE_BOOL, mask, &there)) return;
    for (int64_t i = 0; i < values; i++)
        if (row[i] < y.dim[0] && at[i] < y.dim[1]) ((int64_t *)pick.data)[row[i] * y.dim[1] + at[i]] = i, ((uint8_t *)there.data)[row[i] * y.dim[1] + at[i]] = 1;
    fire_value other = n->in[2];
    n->out[0] = values ? fire_tf_where(b, fire_tf_keep(b, &there), fire_tf_gather(b, n->in[1], fire_tf_keep(b, &pick), 0), other) : fire_tf_expand(b, other, to);
}
