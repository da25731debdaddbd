/* tensorflow_lift_image.c - TensorFlow's operators on images [n, h, w, c] and on boxes.
**
** Resizing is linear: for each axis a matrix [out, in] of weights that are known when the shapes are.
*/
#include "formats/tensorflow_help.h"

typedef struct { bool corners, half; double scale; int64_t in, out; } axis_map;

static axis_map map_of(const fire_lift *n, int64_t in, int64_t out) {
    axis_map m = {fire_lift_int(n, "align_corners", 0), fire_lift_int(n, "half_pixel_centers", 0), 0, in, out};
    m.scale = m.corners && out > 1 ? (double)((float)(in - 1) / (float)(out - 1)) : (double)((float)in / (float)out); /* in float32, as there */
    return m;
}
static double place(const axis_map *m, int64_t i) {
    return m->half ? (double)(((float)i + 0.5f) * (float)m->scale - 0.5f) : (double)((float)i * (float)m->scale);
}
static int64_t inside(int64_t i, int64_t n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }

static double cubic_near(double x, double a) { return ((a + 2) * x - (a + 3)) * x * x + 1; }
static double cubic_far(double x, double a) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; }

/* Row i of the matrix: the weights of the input for place i of the output. */
static void row_of(const axis_map *m, const char *op, int64_t i, double *row) {
    double at = place(m, i);
    if (!strcmp(op, "ResizeBilinear")) {
        double low = floor(at), share = at - low;
        row[inside((int64_t)low, m->in)] += 1 - share;
        row[inside((int64_t)low + 1, m->in)] += share;
    } else if (!strcmp(op, "ResizeBicubic")) { /* weights come from a table of 1024 steps; with half pixels those outside have none */
        double low = floor(at), share = rint((at - low) * 1024) / 1024, a = m->half ? -0.5 : -0.75, sum = 0;
        double w[4] = {cubic_far(1 + share, a), cubic_near(share, a), cubic_near(1 - share, a), cubic_far(2 - share, a)};
        for (int k = 0; k < 4; k++) {
            int64_t p = (int64_t)low - 1 + k;
            if (m->half && (p < 0 || p >= m->in)) w[k] = 0;
            sum += w[k];
        }
        if (!m->half || fabs(sum) < 1e-3) sum = 1;
        for (int k = 0; k < 4; k++) row[inside((int64_t)low - 1 + k, m->in)] += w[k] / sum;
    } else { /* ResizeArea: the share of each number in [i, i + 1) */
        double from = (double)((float)i * (float)m->scale), to = (double)((float)(i + 1) * (float)m->scale);
        for (int64_t p = (int64_t)floor(from); (double)p < to; p++) {
            double part = ((double)p < from ? ((double)(p + 1) > to ? m->scale : (double)(p + 1) - from) : (double)(p + 1) > to ? to - (double)p : 1);
            row[inside(p, m->in)] += part / m->scale;
        }
    }
}

static fire_value resize_matrix(fire_import *b, const axis_map *m, const char *op) {
    fire_tensor t;
    int64_t work;
    double *row;
    if (!fire_mul(m->in, m->out, &work) || !fire_tf_spend(b, work) || !fire_tf_new(b, FIRE_F32, (fire_shape){2, {m->out, m->in}}, &t)) return 0;
    if (!(row = fire_arena_alloc(&b->arena, (size_t)m->in, sizeof *row, &b->g->first))) return 0;
    for (int64_t i = 0; i < m->out; i++) {
        for (int64_t k = 0; k < m->in; k++) row[k] = 0;
        row_of(m, op, i, row);
        for (int64_t k = 0; k < m->in; k++) ((float *)t.data)[i * m->in + k] = (float)row[k];
    }
    return fire_tf_keep(b, &t);
}

static bool sizes(fire_import *b, const fire_lift *n, fire_shape *s, int64_t to[2]) {
    int64_t count;
    if (!fire_tf_has(b, n, 2) || !fire_import_concrete(b, n->in[0]) || !fire_tf_list(b, n->in[1], 2, to, &count)) return false;
    *s = fire_shape_of(b->g, n->in[0]);
    if (count == 2 && s->rank == 4 && to[0] > 0 && to[1] > 0 && to[0] < 1 << 24 && to[1] < 1 << 24 && s->dim[1] > 0 && s->dim[2] > 0) return true;
    fire_tf_fail(b, "images of %d dimensions cannot be resized so", (int)s->rank);
    return false;
}

void fire_tf_resize(fire_import *b, fire_lift *n) {
    fire_shape s;
    int64_t to[2];
    if (!sizes(b, n, &s, to)) return;
    fire_value x = fire_import_cast(b, n->in[0], FIRE_F32);
    axis_map h = map_of(n, s.dim[1], to[0]), w = map_of(n, s.dim[2], to[1]);
    if (!strcmp(n->op, "ResizeNearestNeighbor")) {
        x = n->in[0];
        for (int d = 1; d <= 2; d++) {
            const axis_map *m = d == 1 ? &h : &w;
            fire_tensor at;
            if (!fire_tf_new(b, FIRE_I64, (fire_shape){1, {m->out}}, &at)) return;
            for (int64_t i = 0; i < m->out; i++) {
                float p = m->half ? ((float)i + 0.5f) * (float)m->scale : (float)i * (float)m->scale;
                ((int64_t *)at.data)[i] = inside((int64_t)(m->corners ? roundf(p) : floorf(p)), m->in);
            }
            if (m->in != m->out || m->half) x = fire_tf_gather(b, x, fire_tf_keep(b, &at), d);
        }
        n->out[0] = x;
        return;
    }
    if (h.in != h.out || h.half) {
        x = fire_import_reshape(b, x, (fire_shape){3, {s.dim[0], s.dim[1], s.dim[2] * s.dim[3]}});
        x = fire_import_two(b, "MatMul", resize_matrix(b, &h, n->op), x);
        s.dim[1] = to[0];
    }
    x = fire_import_reshape(b, x, (fire_shape){3, {s.dim[0] * to[0], s.dim[2], s.dim[3]}});
    x = fire_import_two(b, "MatMul", resize_matrix(b, &w, n->op), x);
    n->out[0] = fire_import_reshape(b, x, (fire_shape){4, {s.dim[0], to[0], to[1], s.dim[3]}});
}

/* Each box of each image at crop_size places: image, boxes [k, 4], whose image [k], size [2]. For each of height and width a matrix [k, crop, in]. */
void fire_tf_crop_and_resize(fire_import *b, fire_lift *n) {
    fire_tensor box, whose;
    int64_t to[2], count;
    if (!fire_tf_has(b, n, 4) || !fire_import_concrete(b, n->in[0]) || !fire_tf_numbers(b, n->in[1], &box) || !fire_tf_numbers(b, n->in[2], &whose) ||
        !fire_tf_list(b, n->in[3], 2, to, &count)) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]);
    int64_t k = fire_count(&whose.shape), cells;
    const bool nearest = fire_lift_text(n, "method", "nearest");
    if (count != 2 || s.rank != 4 || box.shape.rank != 2 || box.shape.dim[0] != k || box.shape.dim[1] != 4 || to[0] < 1 || to[1] < 1 || to[0] > 1 << 24 || to[1] > 1 << 24 || s.dim[1] < 1 || s.dim[2] < 1) { fire_tf_fail(b, "the boxes do not fit"); return; }
    for (int64_t i = 0; i < k; i++)
        if (!(fire_get(&whose, i) >= 0 && fire_get(&whose, i) < (double)s.dim[0])) { fire_tf_fail(b, "image %g of %lld", fire_get(&whose, i), (long long)s.dim[0]); return; }
    fire_value m[2], valid[2];
    for (int d = 0; d < 2; d++) {
        fire_tensor t, v;
        int64_t in = s.dim[d + 1], out = to[d];
        if (!fire_mul(k, out, &cells) || !fire_mul(cells, in, &cells) || !fire_tf_spend(b, cells) || !fire_tf_new(b, FIRE_F32, (fire_shape){3, {k, out, in}}, &t) || !fire_tf_new(b, FIRE_BOOL, (fire_shape){2, {k, out}}, &v)) return;
        for (int64_t i = 0; i < k; i++) {
            float low = (float)fire_get(&box, i * 4 + d), high = (float)fire_get(&box, i * 4 + d + 2);
            float scale = out > 1 ? (high - low) * (float)(in - 1) / (float)(out - 1) : 0;
            for (int64_t p = 0; p < out; p++) {
                float at = out > 1 ? low * (float)(in - 1) + (float)p * scale : 0.5f * (low + high) * (float)(in - 1);
                float *row = (float *)t.data + (i * out + p) * in;
                bool fine = at >= 0 && at <= (float)(in - 1);
                ((uint8_t *)v.data)[i * out + p] = fine;
                if (!fine) continue;
                if (nearest) row[inside((int64_t)roundf(at), in)] = 1;
                else {
                    int64_t top = (int64_t)floorf(at), bottom = (int64_t)ceilf(at);
                    row[top] += 1 - (at - (float)top);
                    row[bottom] += at - (float)top;
                }
            }
        }
        m[d] = fire_tf_keep(b, &t), valid[d] = fire_import_unsqueeze(b, fire_import_unsqueeze(b, fire_tf_keep(b, &v), d == 0 ? 2 : 1), 3);
    }
    fire_value x = fire_tf_gather(b, fire_import_cast(b, n->in[0], FIRE_F32), fire_import_cast(b, n->in[2], FIRE_I64), 0);
    x = fire_import_two(b, "MatMul", m[0], fire_import_reshape(b, x, (fire_shape){3, {k, s.dim[1], s.dim[2] * s.dim[3]}}));
    x = fire_import_reshape(b, x, (fire_shape){4, {k, to[0], s.dim[2], s.dim[3]}});
    x = fire_import_two(b, "MatMul", fire_import_unsqueeze(b, m[1], 1), x);
    n->out[0] = fire_tf_where(b, fire_import_two(b, "And", valid[0], valid[1]), x, fire_import_like(b, x, fire_lift_float(n, "extrapolation_value", 0)));
}

/* Windows as rows of numbers: [n, rows, columns, kh kw c]. */
void fire_tf_patches(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *list[3] = {fire_lift_attr(n, "ksizes"), fire_lift_attr(n, "strides"), fire_lift_attr(n, "rates")};
    if (!fire_tf_has(b, n, 1) || !fire_import_concrete(b, n->in[0])) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]);
    int64_t low[2], y[2], pads[8] = {0};
    const bool same = fire_lift_text(n, "padding", "SAME");
    fire_value x = n->in[0];
    for (int k = 0; k < 3; k++)
        if (!list[k] || list[k]->n_ints != 4 || s.rank != 4 || list[k]->ints[1] < 1 || list[k]->ints[2] < 1 || list[k]->ints[1] > 1 << 20 || list[k]->ints[2] > 1 << 20) { fire_tf_fail(b, "the windows do not fit"); return; }
    for (int d = 0; d < 2; d++) {
        int64_t in = s.dim[d + 1], stride = list[1]->ints[d + 1], size = (list[0]->ints[d + 1] - 1) * list[2]->ints[d + 1] + 1;
        if (same) {
            y[d] = (in + stride - 1) / stride;
            int64_t need = (y[d] - 1) * stride + size - in;
            low[d] = need > 0 ? need / 2 : 0;
            pads[d + 1] = low[d], pads[d + 5] = need > 0 ? need - low[d] : 0;
        } else y[d] = in >= size ? (in - size) / stride + 1 : 0, low[d] = 0;
        s.dim[d + 1] += pads[d + 1] + pads[d + 5];
    }
    if (list[0]->ints[1] * list[0]->ints[2] > 1 << 16) { fire_tf_fail(b, "windows of too many numbers"); return; }
    int64_t kh = list[0]->ints[1], kw = list[0]->ints[2], rows = s.dim[1] * s.dim[2], all = kh * kw, k = 0;
    fire_tensor at;
    if (!fire_mul(all, y[0], &all) || !fire_mul(all, y[1], &all) || !fire_tf_new(b, FIRE_I64, (fire_shape){1, {all}}, &at)) { fire_tf_fail(b, "too many windows"); return; }
    for (int64_t i = 0; i < y[0]; i++)
        for (int64_t j = 0; j < y[1]; j++)
            for (int64_t p = 0; p < kh; p++)
                for (int64_t q = 0; q < kw; q++)
                    ((int64_t *)at.data)[k++] = (i * list[1]->ints[1] + p * list[2]->ints[1]) * s.dim[2] + j * list[1]->ints[2] + q * list[2]->ints[2];
    if (pads[1] || pads[2] || pads[5] || pads[6]) x = fire_import_apply(b, "Pad", 3, FIRE_IN(x, fire_import_ints(b, 8, pads), fire_import_like(b, x, 0)), "mode=constant");
    x = fire_tf_gather(b, fire_import_reshape(b, x, (fire_shape){3, {s.dim[0], rows, s.dim[3]}}), fire_tf_keep(b, &at), 1);
    n->out[0] = fire_import_reshape(b, x, (fire_shape){4, {s.dim[0], y[0], y[1], kh * kw * s.dim[3]}});
}

/* ---- colours ---- */

static fire_value channel(fire_import *b, fire_value x, int64_t c) { return fire_import_slice(b, x, fire_tf_shape(b, x).rank - 1, c, c + 1); }

/* h in [0, 1), s, v, each [..., 1] */
static void to_hsv(fire_import *b, fire_value x, fire_value hsv[3]) {
    int last = fire_tf_shape(b, x).rank - 1;
    fire_value red = channel(b, x, 0), green = channel(b, x, 1), blue = channel(b, x, 2);
    fire_value v = fire_import_reduce(b, "ReduceMax", x, 1u << last, true), range = fire_import_two(b, "Sub", v, fire_import_reduce(b, "ReduceMin", x, 1u << last, true));
    fire_value zero = fire_import_like(b, x, 0), positive = fire_import_two(b, "Greater", range, zero);
    fire_value sixth = fire_import_two(b, "Div", fire_import_like(b, x, 1.0 / 6), fire_tf_where(b, positive, range, fire_import_like(b, x, 1)));
    fire_value h = fire_tf_where(b, fire_import_two(b, "Equal", red, v), fire_import_two(b, "Mul", sixth, fire_import_two(b, "Sub", green, blue)),
                                 fire_tf_where(b, fire_import_two(b, "Equal", green, v), fire_tf_plus(b, fire_import_two(b, "Mul", sixth, fire_import_two(b, "Sub", blue, red)), 2.0 / 6),
                                               fire_tf_plus(b, fire_import_two(b, "Mul", sixth, fire_import_two(b, "Sub", red, green)), 4.0 / 6)));
    h = fire_tf_where(b, positive, h, zero);
    hsv[0] = fire_tf_where(b, fire_import_two(b, "Less", h, zero), fire_tf_plus(b, h, 1), h);
    fire_value some = fire_import_two(b, "Greater", v, zero);
    hsv[1] = fire_tf_where(b, some, fire_import_two(b, "Div", range, fire_tf_where(b, some, v, fire_import_like(b, x, 1))), zero);
    hsv[2] = v;
}

static fire_value clipped(fire_import *b, fire_value x) { return fire_import_two(b, "Min", fire_import_two(b, "Max", x, fire_import_like(b, x, 0)), fire_import_like(b, x, 1)); }

/* How much red, green and blue are in a hue in [0, 1). */
static void hats(fire_import *b, fire_value hue, fire_value part[3]) {
    const fire_value h = fire_tf_times(b, hue, 6);
    part[0] = clipped(b, fire_tf_plus(b, fire_import_one(b, "Abs", fire_tf_plus(b, h, -3)), -1));
    part[1] = clipped(b, fire_import_two(b, "Sub", fire_import_like(b, h, 2), fire_import_one(b, "Abs", fire_tf_plus(b, h, -2))));
    part[2] = clipped(b, fire_import_two(b, "Sub", fire_import_like(b, h, 2), fire_import_one(b, "Abs", fire_tf_plus(b, h, -4))));
}

static fire_value to_rgb(fire_import *b, const fire_value hsv[3]) {
    fire_value one = fire_import_like(b, hsv[0], 1), part[3];
    hats(b, hsv[0], part);
    for (int k = 0; k < 3; k++) /* (1 - s + s p) v */
        part[k] = fire_import_two(b, "Mul", fire_import_two(b, "Add", fire_import_two(b, "Sub", one, hsv[1]), fire_import_two(b, "Mul", hsv[1], part[k])), hsv[2]);
    return fire_tf_concat(b, 3, part, fire_tf_shape(b, hsv[0]).rank - 1);
}

void fire_tf_color(fire_import *b, fire_lift *n) { /* RGBToHSV, HSVToRGB, AdjustHue, AdjustSaturation, AdjustContrastv2 */
    const char *op = n->op;
    fire_value hsv[3];
    if (!fire_tf_has(b, n, op[0] == 'A' ? 2 : 1)) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]);
    if (s.rank < 1 || (strcmp(op, "AdjustContrastv2") && s.dim[s.rank - 1] != 3) || (!strcmp(op, "AdjustContrastv2") && s.rank < 3)) { fire_tf_fail(b, "the last dimension is not a colour"); return; }
    if (!strcmp(op, "AdjustContrastv2")) {
        fire_value mean = fire_import_reduce(b, "ReduceMean", n->in[0], 3u << (s.rank - 3), true); /* over height and width */
        n->out[0] = fire_import_two(b, "Add", fire_import_two(b, "Mul", fire_import_two(b, "Sub", n->in[0], mean), n->in[1]), mean);
        return;
    }
    if (!strcmp(op, "HSVToRGB"))
        for (int k = 0; k < 3; k++) hsv[k] = channel(b, n->in[0], k);
    else to_hsv(b, n->in[0], hsv);
    if (!strcmp(op, "RGBToHSV")) { n->out[0] = fire_tf_concat(b, 3, hsv, s.rank - 1); return; }
    if (!strcmp(op, "AdjustHue")) { /* the hue between the least and the greatest of the three, which may be any numbers */
        hsv[0] = fire_import_two(b, "Add", hsv[0], n->in[1]);
        hsv[0] = fire_import_two(b, "Sub", hsv[0], fire_import_one(b, "Floor", hsv[0]));
        const fire_value least = fire_import_reduce(b, "ReduceMin", n->in[0], 1u << (s.rank - 1), true), range = fire_import_two(b, "Sub", hsv[2], least);
        fire_value part[3];
        hats(b, hsv[0], part);
        for (int k = 0; k < 3; k++) part[k] = fire_import_two(b, "Add", least, fire_import_two(b, "Mul", part[k], range));
        n->out[0] = fire_tf_concat(b, 3, part, s.rank - 1);
        return;
    } else if (!strcmp(op, "AdjustSaturation")) hsv[1] = clipped(b, fire_import_two(b, "Mul", hsv[1], n->in[1]));
    n->out[0] = to_rgb(b, hsv);
}

/* ---- boxes ---- */

double fire_tf_overlap(const fire_tensor *box, int64_t i, int64_t j) {
    double p[2][4];
    for (int k = 0; k < 2; k++) {
        double v[4];
        for (int d = 0; d < 4; d++) v[d] = fire_get(box, (k ? j : i) * 4 + d);
        p[k][0] = fmin(v[0], v[2]), p[k][1] = fmin(v[1], v[3]), p[k][2] = fmax(v[0], v[2]), p[k][3] = fmax(v[1], v[3]);
    }
    double a = (p[0][2] - p[0][0]) * (p[0][3] - p[0][1]), c = (p[1][2] - p[1][0]) * (p[1][3] - p[1][1]);
    double h = fmin(p[0][2], p[1][2]) - fmax(p[0][0], p[1][0]), w = fmin(p[0][3], p[1][3]) - fmax(p[0][1], p[1][1]);
    return a <= 0 || c <= 0 || h <= 0 || w <= 0 ? 0 : h * w / (a + c - h * w);
}

static double one_number(fire_import *b, const fire_lift *n, int64_t i, double otherwise) {
    fire_tensor t;
    if (i >= n->n_in) return otherwise;
    if (!fire_tf_numbers(b, n->in[i], &t) || fire_count(&t.shape) != 1) { fire_tf_fail(b, "input %lld is not one number", (long long)i); return otherwise; }
    return fire_get(&t, 0);
}

/* boxes [k, 4], scores [k], how many at most, overlap that is too much, least score, sigma of the soft kind. Always the best that is left; those that it
** overlaps go, or (soft) lose score. NonMaxSuppressionWithOverlaps gets the overlaps [k, k] instead of boxes. */
void fire_tf_nms(fire_import *b, fire_lift *n) {
    fire_tensor box, score;
    int64_t most;
    const char v = n->op[strlen(n->op) - 1];
    const bool given = strstr(n->op, "Overlaps") != NULL;
    if (!fire_tf_has(b, n, 3) || !fire_tf_numbers(b, n->in[0], &box) || !fire_tf_numbers(b, n->in[1], &score) || !fire_tf_whole(b, n->in[2], &most)) return;
    int64_t k = fire_count(&score.shape), count = 0, work;
    double limit = one_number(b, n, 3, fire_lift_float(n, "iou_threshold", 0.5)), least = one_number(b, n, 4, -INFINITY), sigma = one_number(b, n, 5, 0);
    if (box.shape.rank != 2 || box.shape.dim[0] != k || box.shape.dim[1] != (given ? k : 4)) { fire_tf_fail(b, "the boxes do not fit"); return; }
    const bool pad = fire_lift_int(n, "pad_to_max_output_size", 0);
    int64_t room = most < 0 ? 0 : pad ? most : most < k ? most : k;
    if (!fire_mul(k, most < k ? most : k, &work) || !fire_mul(work, 8, &work) || !fire_tf_spend(b, work > 0 ? work : 0)) return;
    double *left = fire_arena_alloc(&b->arena, (size_t)k + 1, sizeof *left, &b->g->first);
    int64_t *pick = left ? fire_arena_alloc(&b->arena, (size_t)k + 1, sizeof *pick, &b->g->first) : NULL;
    double *got = pick ? fire_arena_alloc(&b->arena, (size_t)k + 1, sizeof *got, &b->g->first) : NULL;
    if (!got) return;
    for (int64_t i = 0; i < k; i++) left[i] = fire_get(&score, i) > least ? fire_get(&score, i) : -INFINITY;
    while (count < most && count < k) {
        int64_t best = -1;
        for (int64_t i = 0; i < k; i++)
            if (left[i] != -INFINITY && (best < 0 || left[i] > left[best])) best = i;
        if (best < 0) break;
        pick[count] = best;
        got[count++] = left[best];
        left[best] = -INFINITY;
        for (int64_t i = 0; i < k; i++) {
            if (left[i] == -INFINITY) continue;
            double o = given ? fire_get(&box, i * k + best) : fire_tf_overlap(&box, best, i);
            if (sigma > 0) {
                left[i] = o <= limit ? left[i] * exp(-0.5 / sigma * o * o) : -INFINITY;
                if (!(left[i] > least)) left[i] = -INFINITY;
            } else if (o > limit) left[i] = -INFINITY;
        }
    }
    fire_tensor index, scores;
    int64_t size = pad ? room : count;
    if (!fire_tf_new(b, FIRE_I32, (fire_shape){1, {size}}, &index) || !fire_tf_new(b, score.type, (fire_shape){1, {size}}, &scores)) return;
    for (int64_t i = 0; i < count; i++) fire_put(&index, i, (double)pick[i]), fire_put(&scores, i, got[i]);
    n->out[0] = fire_tf_keep(b, &index);
    fire_value valid = fire_tf_index(b, FIRE_I32, (fire_shape){0}, &count);
    if (v == '5') n->out[1] = fire_tf_keep(b, &scores), n->out[2] = valid;
    else if (n->n_out > 1) n->out[1] = valid;
}

/* ---- quantization that stays in floats ---- */

/* x cut to [low, high] and put on one of 2^bits steps, 0 being one of them; low and high are moved for that. */
static fire_value fake_quantize(fire_import *b, fire_value x, const fire_tensor *low, const fire_tensor *high, int64_t bits, bool narrow) {
    fire_tensor t[4]; /* least, greatest, step, 1 / step */
    double first = narrow, last = ldexp(1, (int)bits) - 1;
    for (int k = 0; k < 4; k++)
        if (!fire_tf_new(b, FIRE_F32, low->shape, &t[k])) return 0;
    for (int64_t i = 0; i < fire_count(&low->shape); i++) {
        float from = (float)fire_get(low, i), to = (float)fire_get(high, i), step = (to - from) / (float)(last - first), zero = (float)first - from / step;
        float at = zero < (float)first ? (float)first : zero > (float)last ? (float)last : roundf(zero);
        if (!(to > from)) at = 0, step = 0;
        ((float *)t[0].data)[i] = ((float)first - at) * step;
        ((float *)t[1].data)[i] = ((float)last - at) * step;
        ((float *)t[2].data)[i] = step;
        ((float *)t[3].data)[i] = step > 0 ? (float)(1 / step) : 0;
    }
    fire_value least = fire_tf_keep(b, &t[0]), step = fire_tf_keep(b, &t[2]), by = fire_tf_keep(b, &t[3]);
    fire_value y = fire_import_two(b, "Min", fire_import_two(b, "Max", x, least), fire_tf_keep(b, &t[1]));
    y = fire_import_one(b, "Floor", fire_tf_plus(b, fire_import_two(b, "Mul", fire_import_two(b, "Sub", y, least), by), 0.5));
    return fire_import_two(b, "Add", fire_import_two(b, "Mul", y, step), least);
}

void fire_tf_fake_quantize(fire_import *b, fire_lift *n) { /* ...Args, ...Vars(x, min, max), ...VarsPerChannel */
    int64_t bits = fire_lift_int(n, "num_bits", 8);
    const bool args = strstr(n->op, "Args") != NULL;
    fire_tensor low, high;
    if (!fire_tf_has(b, n, args ? 1 : 3)) return;
    if (bits < 2 || bits > 16) { fire_tf_fail(b, "%lld bits", (long long)bits); return; }
    fire_value from = args ? fire_graph_scalar(b->g, FIRE_F32, fire_lift_float(n, "min", -6)) : n->in[1], to = args ? fire_graph_scalar(b->g, FIRE_F32, fire_lift_float(n, "max", 6)) : n->in[2];
    if (!fire_tf_numbers(b, from, &low) || !fire_tf_numbers(b, to, &high)) return;
    if (!fire_same_shape(&low.shape, &high.shape)) { fire_tf_fail(b, "the limits differ in shape"); return; }
    n->out[0] = fake_quantize(b, n->in[0], &low, &high, bits, fire_lift_int(n, "narrow_range", 0));
}
