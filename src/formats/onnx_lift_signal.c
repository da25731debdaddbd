/* onnx_lift_signal.c - ONNX operators about signals and pictures: windows, transforms, crops, grids. What they make of sizes alone is constant. */
#include "formats/onnx_lift.h"
#include <stdio.h>

#define PI 3.14159265358979323846

/* HannWindow, HammingWindow, BlackmanWindow: a0 - a1 cos(2 pi i / n) + a2 cos(4 pi i / n); periodic: n is the size, else one less. */
void fire_lift_window(fire_import *b, fire_lift *n) {
    static const double blackman[3] = {0.42, 0.5, 0.08}, hann[3] = {0.5, 0.5, 0}, hamming[3] = {25.0 / 46, 1 - 25.0 / 46, 0};
    const double *a = n->op[0] == 'B' ? blackman : n->op[2] == 'n' ? hann : hamming;
    double size, count;
    if (!fire_lift_number(b, fire_lift_in(n, 0), "the size", &size)) return;
    if (!(size >= 0 && size <= 0x1p40)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "a window of size %g", size); return; }
    const fire_type type = (fire_type)fire_lift_int(n, "output_datatype", FIRE_F32);
    count = fire_lift_int(n, "periodic", 1) ? size : size - 1;
    fire_tensor y = fire_lift_room(b, type, (fire_shape){1, {(int64_t)size}});
    if (!y.data) return;
    for (int64_t i = 0; i < y.shape.dim[0]; i++) {
        double at = 2 * PI * (double)i / (count > 0 ? count : 1);
        fire_put(&y, i, a[0] - a[1] * cos(at) + a[2] * cos(2 * at));
    }
    n->out[0] = fire_lift_made(b, &y);
}

/* Triangles over the frequencies of a transform, evenly wide in mel. */
void fire_lift_mel_weights(fire_import *b, fire_lift *n) {
    double v[5];
    static const char *const what[5] = {"num_mel_bins", "dft_length", "sample_rate", "lower_edge_hertz", "upper_edge_hertz"};
    for (int i = 0; i < 5; i++)
        if (!fire_lift_number(b, fire_lift_in(n, i), what[i], &v[i])) return;
    if (!(v[0] >= 1 && v[0] < 1 << 20 && v[1] >= 1 && v[1] < 1 << 28 && v[2] >= 1 && v[3] >= 0 && v[4] >= v[3])) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "%g mel bins of a transform of length %g from %g to %g Hz", v[0], v[1], v[3], v[4]); return; }
    const int64_t bins = (int64_t)v[0], rows = (int64_t)v[1] / 2 + 1;
    const fire_type type = (fire_type)fire_lift_int(n, "output_datatype", FIRE_F32);
    fire_tensor y = fire_lift_room(b, type, (fire_shape){2, {rows, bins}});
    if (!y.data) return;
    memset(y.data, 0, (size_t)(rows * bins) * fire_type_size(type));
    const double low = 2595 * log10(1 + v[3] / 700), high = 2595 * log10(1 + v[4] / 700), step = (high - low) / (double)(bins + 2);
    int64_t edge[3];
    for (int64_t i = 0; i < bins; i++) {
        for (int k = 0; k < 3; k++) {
            double hertz = 700 * (pow(10, (low + step * (double)(i + k)) / 2595) - 1);
            edge[k] = fire_whole(floor((v[1] + 1) * hertz / v[2]));
        }
        for (int64_t j = edge[0] < 0 ? 0 : edge[0]; j <= edge[1] && j < rows; j++)
            fire_put(&y, j * bins + i, edge[1] == edge[0] ? 1 : (double)(j - edge[0]) / (double)(edge[1] - edge[0]));
        for (int64_t j = edge[1] < 0 ? 0 : edge[1]; j < edge[2] && j < rows; j++) fire_put(&y, j * bins + i, (double)(edge[2] - j) / (double)(edge[2] - edge[1]));
    }
    n->out[0] = fire_lift_made(b, &y);
}

/* Before opset 20 the axis is an attribute, 1 unless given. */
void fire_lift_dft(fire_import *b, fire_lift *n) {
    fire_value in[3] = {n->in[0], fire_lift_in(n, 1), fire_lift_in(n, 2)};
    int64_t axis = fire_lift_int(n, "axis", 1);
    if (n->opset < 20) in[2] = fire_graph_const(b->g, FIRE_I64, (fire_shape){0}, &axis);
    n->in = in;
    n->n_in = in[2] ? 3 : in[1] ? 2 : 1;
    fire_lift_same(b, n, n->op, "axis");
    n->in = NULL;
    n->n_in = 0;
}

/* signal [n, length, 1 or 2] in frames of `size`, `step` apart, times a window, transformed: [n, frames, size or half of it and 1, 2]. */
void fire_lift_stft(fire_import *b, fire_lift *n) {
    double step, size = -1;
    fire_value x = fire_lift_in(n, 0), window = fire_lift_in(n, 2);
    if (!x || !fire_lift_number(b, fire_lift_in(n, 1), "frame_step", &step)) return;
    if (fire_lift_in(n, 3) && !fire_lift_number(b, n->in[3], "frame_length", &size)) return;
    fire_shape s = fire_shape_of(b->g, x), w = window ? fire_shape_of(b->g, window) : (fire_shape){0};
    if (s.rank == 2) s.dim[s.rank++] = 1, x = fire_import_unsqueeze(b, x, 2);
    if (size < 0) size = window && w.rank == 1 ? (double)w.dim[0] : s.rank == 3 ? (double)s.dim[1] : 0;
    if (s.rank != 3 || s.dim[1] < 0 || !(step >= 1) || !(size >= 1 && size <= (double)s.dim[1]) || (window && (w.rank != 1 || (double)w.dim[0] != size))) {
        fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "frames of %g, %g apart, do not fit the signal or the window", size, step);
        return;
    }
    const int64_t length = (int64_t)size, by = fire_whole(step), frames = (s.dim[1] - length) / by + 1;
    fire_tensor at = fire_lift_room(b, FIRE_I64, (fire_shape){2, {frames, length}});
    if (!at.data) return;
    for (int64_t f = 0; f < frames; f++)
        for (int64_t k = 0; k < length; k++) ((int64_t *)at.data)[f * length + k] = f * by + k;
    fire_value y = fire_import_apply(b, "Gather", 2, FIRE_IN(x, fire_lift_made(b, &at)), "axis=1");
    if (window) y = fire_import_two(b, "Mul", y, fire_import_reshape(b, window, (fire_shape){2, {length, 1}}));
    int64_t axis = 2;
    n->out[0] = fire_import_apply(b, "DFT", 3, FIRE_IN(y, 0, fire_graph_const(b->g, FIRE_I64, (fire_shape){0}, &axis)), "onesided=%d", (int)(fire_lift_int(n, "onesided", 1) != 0));
}

/* theta [n, 2, 3] or [n, 3, 4] times the places of the elements of a picture [n, c, (d,) h, w]: a grid for GridSample. */
void fire_lift_affine_grid(fire_import *b, fire_lift *n) {
    const fire_tensor *size = fire_import_numbers(b, fire_lift_in(n, 1));
    if (!size) { fire_import_fail(b, FIRE_E_CORRUPT, "has no size"); return; }
    fire_shape theta = fire_shape_of(b->g, n->in[0]);
    const int64_t count = fire_count(&size->shape), rank = count - 2;
    const bool align = fire_lift_int(n, "align_corners", 0) != 0;
    int64_t side[3], places = 1;
    bool fits = (rank == 2 || rank == 3) && theta.rank == 3 && theta.dim[1] == rank && theta.dim[2] == rank + 1;
    for (int64_t d = 0; d < rank && fits; d++) {
        side[d] = fire_whole(fire_get(size, d + 2));
        fits = side[d] >= 1 && fire_mul(places, side[d], &places);
    }
    if (!fits) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "theta and size do not fit"); return; }
    const fire_type type = fire_type_of(b->g, n->in[0]);
    fire_shape shape = {2, {rank + 1, 0}};
    shape.dim[1] = places;
    fire_tensor at = fire_lift_room(b, type, shape); /* [x, y, (z,) 1; places] */
    if (!at.data) return;
    for (int64_t p = 0; p < places; p++) {
        int64_t rest = p;
        for (int64_t d = 0; d < rank; d++) {
            double i = (double)(rest % side[rank - 1 - d]), of = (double)side[rank - 1 - d];
            rest /= side[rank - 1 - d];
            fire_put(&at, d * places + p, align ? of > 1 ? 2 * i / (of - 1) - 1 : -1 : (2 * i + 1) / of - 1);
        }
        fire_put(&at, rank * places + p, 1);
    }
    fire_value y = fire_import_permute(b, fire_import_two(b, "MatMul", n->in[0], fire_lift_made(b, &at)), (int[]){0, 2, 1});
    fire_shape to = {.rank = (int32_t)rank + 2, .dim = {theta.dim[0]}};
    for (int64_t d = 0; d < rank; d++) to.dim[d + 1] = side[d];
    to.dim[rank + 1] = rank;
    if (theta.dim[0] < 0) { (void)fire_import_concrete(b, n->in[0]); return; }
    n->out[0] = fire_import_reshape(b, y, to);
}

/* Cut, or filled with zeros, on both sides; of an odd number of elements one more behind. */
void fire_lift_center_crop_pad(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *axes = fire_lift_attr(n, "axes");
    const fire_tensor *shape = fire_import_numbers(b, fire_lift_in(n, 1));
    if (!shape) { fire_import_fail(b, FIRE_E_CORRUPT, "has no shape"); return; }
    fire_value x = n->in[0];
    const int rank = fire_shape_of(b->g, x).rank;
    const int64_t count = fire_count(&shape->shape);
    int64_t want[FIRE_MAX_RANK], pads[2 * FIRE_MAX_RANK] = {0};
    bool pad = false;
    if (count > FIRE_MAX_RANK || count != (axes ? axes->n_ints : rank)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "%lld sizes do not fit", (long long)count); return; }
    for (int64_t i = 0; i < count; i++) want[i] = fire_whole(fire_get(shape, i)); /* slices below may move the tensor that holds them */
    for (int64_t i = 0; i < count && !b->g->first.status; i++) {
        int d;
        if (fire_axis(axes ? axes->ints[i] : i, rank, &d, &b->g->first)) return;
        int64_t have = fire_shape_of(b->g, x).dim[d];
        if (have < 0) { (void)fire_import_concrete(b, x); return; }
        if (want[i] < 0) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "a size of %lld", (long long)want[i]); return; }
        if (want[i] < have) {
            int64_t from = (have - want[i]) / 2;
            x = fire_import_slice(b, x, d, from, from + want[i]);
        } else if (want[i] > have) {
            pad = true;
            pads[d] = (want[i] - have) / 2;
            pads[rank + d] = want[i] - have - pads[d];
        }
    }
    n->out[0] = pad ? fire_import_two(b, "Pad", x, fire_import_ints(b, 2 * rank, pads)) : x == n->in[0] ? fire_import_one(b, "Identity", x) : x;
}

/* Columns [n, c * taps, places] added up to pictures: a transposed convolution, by groups of one channel, whose weights put each tap where it belongs. */
void fire_lift_col2im(fire_import *b, fire_lift *n) {
    const fire_tensor *image = fire_import_numbers(b, fire_lift_in(n, 1)), *block;
    int64_t size[3], k[3], taps = 1, places = 1, channels;
    const char *names[3] = {"dilations", "strides", "pads"};
    const fire_onnx_attr *a[3];
    if (!image || fire_count(&image->shape) < 1 || fire_count(&image->shape) > 3) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "wants one to three dimensions"); return; }
    const int rank = (int)fire_count(&image->shape);
    for (int d = 0; d < rank; d++) size[d] = fire_whole(fire_get(image, d));
    block = fire_import_numbers(b, fire_lift_in(n, 2));
    if (!block || !fire_import_concrete(b, n->in[0])) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]), at = {.rank = rank + 2}, w = {.rank = rank + 2};
    bool fits = s.rank == 3 && fire_count(&block->shape) == rank;
    for (int i = 0; i < 3; i++) {
        a[i] = fire_lift_attr(n, names[i]);
        fits = fits && (!a[i] || a[i]->n_ints == (i == 2 ? 2 * rank : rank));
    }
    char text[400], *end = text;
    for (int i = 0; i < 3; i++) {
        if (!a[i]) continue;
        end += snprintf(end, (size_t)(text + sizeof text - end), " %s=[", names[i]);
        for (int64_t d = 0; d < a[i]->n_ints && d < 6; d++) end += snprintf(end, (size_t)(text + sizeof text - end), "%s%lld", d ? "," : "", (long long)a[i]->ints[d]);
        end += snprintf(end, (size_t)(text + sizeof text - end), "]");
    }
    end += snprintf(end, (size_t)(text + sizeof text - end), " output_padding=[");
    for (int d = 0; d < rank && fits; d++) {
        int64_t dilation = a[0] ? a[0]->ints[d] : 1, stride = a[1] ? a[1]->ints[d] : 1, low = a[2] ? a[2]->ints[d] : 0, high = a[2] ? a[2]->ints[rank + d] : 0;
        k[d] = fire_whole(fire_get(block, d));
        fits = k[d] >= 1 && k[d] <= 1 << 20 && dilation >= 1 && dilation <= 1 << 20 && stride >= 1 && low >= 0 && high >= 0 && low < 1 << 30 && high < 1 << 30 && size[d] >= 1 && size[d] < (int64_t)1 << 40;
        if (!fits) break;
        int64_t reach = (k[d] - 1) * dilation + 1, room = size[d] + low + high - reach;
        fits = room >= 0 && fire_mul(taps, k[d], &taps) && fire_mul(places, room / stride + 1, &places);
        at.dim[d + 2] = fits ? room / stride + 1 : 1;
        w.dim[d + 2] = k[d];
        end += snprintf(end, (size_t)(text + sizeof text - end), "%s%lld", d ? "," : "", (long long)(fits ? room % stride : 0));
    }
    if (!fits || places != s.dim[2] || s.dim[1] % taps || s.dim[1] < 1) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the columns do not fit picture and block"); return; }
    channels = s.dim[1] / taps;
    at.dim[0] = s.dim[0], at.dim[1] = w.dim[0] = s.dim[1], w.dim[1] = 1;
    fire_tensor one = fire_lift_room(b, fire_type_of(b->g, n->in[0]), w);
    if (!one.data) return;
    memset(one.data, 0, (size_t)fire_count(&w) * fire_type_size(one.type));
    for (int64_t c = 0; c < s.dim[1]; c++) fire_put(&one, c * taps + c % taps, 1);
    n->out[0] = fire_import_apply(b, "ConvTranspose", 2, FIRE_IN(fire_import_reshape(b, n->in[0], at), fire_lift_made(b, &one)), "group=%lld%s]", (long long)channels, text);
}

/* The numbers of a MaxPool put back where it took them from. output_shape beyond what the windows reach gets zeros behind. */
void fire_lift_max_unpool(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *kernel = fire_lift_attr(n, "kernel_shape"), *stride = fire_lift_attr(n, "strides"), *pads = fire_lift_attr(n, "pads");
    if (n->n_in < 2 || !n->in[1] || !fire_import_concrete(b, n->in[0])) { fire_import_fail(b, FIRE_E_CORRUPT, "has no indices"); return; }
    fire_shape s = fire_shape_of(b->g, n->in[0]), y = s, want;
    const int rank = s.rank - 2;
    bool fits = kernel && kernel->n_ints == rank && (!stride || stride->n_ints == rank) && (!pads || pads->n_ints == 2 * rank);
    for (int d = 0; d < rank && fits; d++) {
        int64_t size, by = stride ? stride->ints[d] : 1, low = pads ? pads->ints[d] : 0, high = pads ? pads->ints[rank + d] : 0;
        fits = kernel->ints[d] >= 1 && kernel->ints[d] < 1 << 30 && by >= 1 && low >= 0 && high >= 0 && low < 1 << 30 && high < 1 << 30 && s.dim[d + 2] >= 1 && fire_mul(s.dim[d + 2] - 1, by, &size) && size < (int64_t)1 << 60;
        y.dim[d + 2] = fits ? size + kernel->ints[d] - low - high : 0;
        fits = fits && y.dim[d + 2] >= 1;
    }
    if (!fits || fire_shape_check("the result", fire_type_of(b->g, n->in[0]), &y, NULL)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "kernel_shape, strides and pads do not fit the input"); return; }
    want = y;
    if (fire_lift_in(n, 2)) {
        const fire_tensor *shape = fire_import_numbers(b, n->in[2]);
        if (!shape) return;
        for (int d = 0; d < s.rank; d++) want.dim[d] = fire_count(&shape->shape) == s.rank ? fire_whole(fire_get(shape, d)) : -1;
    }
    const int64_t total = fire_count(&y), count = fire_count(&s);
    fire_value zero = fire_import_two(b, "Expand", fire_import_like(b, n->in[0], 0), fire_import_ints(b, 1, &total));
    fire_value at = fire_import_reshape(b, n->in[1], (fire_shape){1, {count}}), x = fire_import_reshape(b, n->in[0], (fire_shape){1, {count}});
    x = fire_import_reshape(b, fire_import_apply(b, "ScatterElements", 3, FIRE_IN(zero, at, x), "axis=0"), y);
    int64_t more[2 * FIRE_MAX_RANK] = {0};
    for (int d = 0; d < s.rank; d++) {
        if (want.dim[d] < 1) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "output_shape does not fit"); return; }
        more[s.rank + d] = want.dim[d] - y.dim[d];
    }
    n->out[0] = fire_same_shape(&want, &y) ? x : fire_import_two(b, "Pad", x, fire_import_ints(b, 2 * s.rank, more));
}

/* Boxes of opset 10 are not moved by half a pixel. */
void fire_lift_roi_align(fire_import *b, fire_lift *n) {
    char text[400];
    const fire_onnx_attr *transform = fire_lift_attr(n, "coordinate_transformation_mode");
    if (n->opset >= 16 || transform) { fire_lift_same(b, n, n->op, NULL); return; }
    snprintf(text, sizeof text, "coordinate_transformation_mode=output_half_pixel mode=%s output_height=%lld output_width=%lld sampling_ratio=%lld spatial_scale=%.9g", fire_lift_text(n, "mode", "max") ? "max" : "avg",
             (long long)fire_lift_int(n, "output_height", 1), (long long)fire_lift_int(n, "output_width", 1), (long long)fire_lift_int(n, "sampling_ratio", 0), fire_lift_float(n, "spatial_scale", 1));
    n->out[0] = fire_import_apply(b, n->op, (int)(n->n_in < 3 ? n->n_in : 3), n->in, "%s", text);
}
