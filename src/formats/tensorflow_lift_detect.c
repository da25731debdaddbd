/* tensorflow_lift_detect.c - what stands at the ends of TensorFlow networks that detect and read: boxes of many classes, drawn boxes, warped pictures, the
** labels that a recurrent network spells.
*/
#include "formats/tensorflow_help.h"

typedef struct found { double score; int64_t box, kind; } found;

/* CombinedNonMaxSuppression(boxes [b, k, 1 or kinds, 4], scores [b, k, kinds], most of a kind, most of all, overlap that is too much, least score). */
void fire_tf_combined_nms(fire_import *b, fire_lift *n) {
    fire_tensor box, score, limit[2], y[4];
    int64_t most, total;
    if (!fire_tf_has(b, n, 6) || !fire_tf_numbers(b, n->in[0], &box) || !fire_tf_numbers(b, n->in[1], &score) || !fire_tf_whole(b, n->in[2], &most) || !fire_tf_whole(b, n->in[3], &total)) return;
    for (int k = 0; k < 2; k++)
        if (!fire_tf_numbers(b, n->in[4 + k], &limit[k]) || fire_count(&limit[k].shape) != 1) { fire_tf_fail(b, "a limit is not one number"); return; }
    const bool clip = fire_lift_int(n, "clip_boxes", 1);
    if (box.shape.rank != 4 || score.shape.rank != 3 || box.shape.dim[3] != 4 || box.shape.dim[0] != score.shape.dim[0] || box.shape.dim[1] != score.shape.dim[1] ||
        (box.shape.dim[2] != 1 && box.shape.dim[2] != score.shape.dim[2]) || most < 1 || total < 1 || total > INT32_MAX) { fire_tf_fail(b, "the boxes do not fit"); return; }
    const int64_t rows = score.shape.dim[0], k = score.shape.dim[1], kinds = score.shape.dim[2], q = box.shape.dim[2];
    if (most > k) most = k;
    int64_t size = total, room, work;
    if (fire_lift_int(n, "pad_per_class", 0)) {
        int64_t all;
        if (!fire_tf_whole(b, n->in[2], &all) || !fire_mul(all, kinds, &all)) { fire_tf_fail(b, "too many boxes"); return; }
        if (all < size) size = all;
    }
    if (!fire_mul(most, kinds, &room) || !fire_mul(rows, kinds, &work) || !fire_mul(work, k, &work) || !fire_mul(work, most + 1, &work) || !fire_mul(work, 8, &work) || !fire_tf_spend(b, work)) { fire_tf_fail(b, "too many boxes"); return; }
    if (!fire_tf_new(b, FIRE_F32, (fire_shape){3, {rows, size, 4}}, &y[0]) || !fire_tf_new(b, FIRE_F32, (fire_shape){2, {rows, size}}, &y[1]) ||
        !fire_tf_new(b, FIRE_F32, (fire_shape){2, {rows, size}}, &y[2]) || !fire_tf_new(b, FIRE_I32, (fire_shape){1, {rows}}, &y[3]) || !fire_import_pay(b, room + k, (int64_t)sizeof(found))) return;
    found *best = fire_arena_alloc(&b->arena, (size_t)room + 1, sizeof *best, &b->g->first);
    double *left = best ? fire_arena_alloc(&b->arena, (size_t)k + 1, sizeof *left, &b->g->first) : NULL;
    if (!left) return;
    const double overlap = fire_get(&limit[0], 0), least = fire_get(&limit[1], 0);
    for (int64_t r = 0; r < rows; r++) {
        int64_t count = 0;
        for (int64_t c = 0; c < kinds; c++) {
            const int64_t begin = count;
            for (int64_t i = 0; i < k; i++) {
                const double s = fire_get(&score, (r * k + i) * kinds + c);
                left[i] = s > least ? s : -INFINITY;
            }
            while (count - begin < most) {
                int64_t top = -1;
                for (int64_t i = 0; i < k; i++)
                    if (left[i] != -INFINITY && (top < 0 || left[i] > left[top])) top = i;
                if (top < 0) break;
                const int64_t at = (r * k + top) * q + (q > 1 ? c : 0);
                best[count++] = (found){left[top], at, c};
                left[top] = -INFINITY;
                for (int64_t i = 0; i < k; i++)
                    if (left[i] != -INFINITY && fire_tf_overlap(&box, at, (r * k + i) * q + (q > 1 ? c : 0)) > overlap) left[i] = -INFINITY;
            }
        }
        if (!fire_tf_spend(b, 4 * count)) return;
        int64_t given = 0;
        for (; given < size && given < count; given++) { /* the best of all kinds; of equals the first */
            int64_t top = given;
            if (!fire_tf_spend(b, count - given)) return;
            for (int64_t i = given + 1; i < count; i++)
                if (best[i].score > best[top].score) top = i;
            const found f = best[top];
            memmove(best + given + 1, best + given, (size_t)(top - given) * sizeof *best);
            best[given] = f;
            for (int d = 0; d < 4; d++) {
                const double v = fire_get(&box, f.box * 4 + d);
                fire_put(&y[0], (r * size + given) * 4 + d, clip ? fmin(fmax(v, 0), 1) : v);
            }
            fire_put(&y[1], r * size + given, f.score);
            fire_put(&y[2], r * size + given, (double)f.kind);
        }
        fire_put(&y[3], r, (double)given);
    }
    for (int i = 0; i < 4; i++) n->out[i] = fire_tf_keep(b, &y[i]);
}

/* DrawBoundingBoxes(images, boxes [b, k, 4]), V2 (.., colors): lines one pixel wide, later boxes over earlier ones. */
void fire_tf_draw_boxes(fire_import *b, fire_lift *n) {
    static const float usual[10][4] = {{1, 1, 0, 1}, {0, 0, 1, 1}, {1, 0, 0, 1}, {0, 1, 0, 1}, {0.5f, 0, 0.5f, 1}, {0.5f, 0.5f, 0, 1}, {0.5f, 0, 0, 1}, {0, 0, 0.5f, 1}, {0, 1, 1, 1}, {1, 0, 1, 1}};
    fire_tensor box, colors = {0}, paint, there;
    const bool own = !strcmp(n->op, "DrawBoundingBoxesV2");
    if (!fire_tf_has(b, n, own ? 3 : 2) || !fire_import_concrete(b, n->in[0]) || !fire_tf_numbers(b, n->in[1], &box) || (own && !fire_tf_numbers(b, n->in[2], &colors))) return;
    const fire_shape s = fire_shape_of(b->g, n->in[0]);
    if (s.rank != 4 || box.shape.rank != 3 || box.shape.dim[0] != s.dim[0] || box.shape.dim[2] != 4 || s.dim[1] > INT32_MAX || s.dim[2] > INT32_MAX) { fire_tf_fail(b, "the boxes do not fit"); return; }
    const int64_t depth = s.dim[3], rows = s.dim[1], columns = s.dim[2], k = box.shape.dim[1];
    int64_t table = own && fire_count(&colors.shape) > 0 ? colors.shape.dim[0] : 0, work;
    if (table && (colors.shape.rank != 2 || colors.shape.dim[1] < depth)) { fire_tf_fail(b, "the colors do not fit %lld channels", (long long)depth); return; }
    if (!table && depth > 4) { fire_tf_fail(b, "%lld channels, expected at most 4", (long long)depth); return; }
    if (!fire_mul(2 * (rows + columns + 4), depth + 1, &work) || !fire_mul(work, k, &work) || !fire_mul(work, s.dim[0], &work) || !fire_tf_spend(b, work)) { fire_tf_fail(b, "too many boxes"); return; }
    if (!fire_tf_new(b, FIRE_F32, s, &paint) || !fire_tf_new(b, FIRE_BOOL, (fire_shape){4, {s.dim[0], rows, columns, 1}}, &there)) return;
    for (int64_t r = 0; r < s.dim[0]; r++)
        for (int64_t i = 0; i < k; i++) {
            int64_t edge[4]; /* top, left, bottom, right */
            bool finite = true;
            for (int d = 0; d < 4; d++) {
                const double v = (double)((float)fire_get(&box, (r * k + i) * 4 + d) * (float)(d & 1 ? columns - 1 : rows - 1));
                finite &= v > -1e15 && v < 1e15;
                edge[d] = finite ? (int64_t)v : 0;
            }
            if (!finite || edge[0] > edge[2] || edge[1] > edge[3] || edge[0] >= rows || edge[2] < 0 || edge[1] >= columns || edge[3] < 0) continue;
            for (int d = 0; d < 4; d++) {
                const bool down = d & 1; /* left and right go down */
                if (edge[d] < 0 || edge[d] >= (down ? columns : rows)) continue;
                int64_t from = edge[down ? 0 : 1], to = edge[down ? 2 : 3];
                if (from < 0) from = 0;
                if (to > (down ? rows : columns) - 1) to = (down ? rows : columns) - 1;
                for (int64_t p = from; p <= to; p++) {
                    const int64_t at = (r * rows + (down ? p : edge[d])) * columns + (down ? edge[d] : p);
                    ((uint8_t *)there.data)[at] = 1;
                    for (int64_t c = 0; c < depth; c++)
                        ((float *)paint.data)[at * depth + c] = table ? (float)fire_get(&colors, i % table * colors.shape.dim[1] + c) : depth == 1 ? 1 : usual[i % 10][c];
                }
            }
        }
    n->out[0] = fire_tf_where(b, fire_tf_keep(b, &there), fire_import_cast(b, fire_tf_keep(b, &paint), fire_tf_type(b, n->in[0])), n->in[0]);
}

/* CTCGreedyDecoder(inputs [steps, rows, classes], length of each row): the likeliest class of each step without blanks, as a sparse matrix; minus the
** sum of what they scored. */
void fire_tf_ctc_greedy(fire_import *b, fire_lift *n) {
    fire_tensor x, length, at, values, sum;
    if (!fire_tf_has(b, n, 2) || !fire_tf_numbers(b, n->in[0], &x) || !fire_tf_numbers(b, n->in[1], &length)) return;
    if (x.shape.rank != 3 || fire_count(&length.shape) != x.shape.dim[1] || x.shape.dim[2] < 1) { fire_tf_fail(b, "the lengths do not fit"); return; }
    const int64_t rows = x.shape.dim[1], kinds = x.shape.dim[2];
    int64_t blank = fire_lift_int(n, "blank_index", -1), count = 0, longest = 0;
    const bool merge = fire_lift_int(n, "merge_repeated", 0);
    if (blank < 0) blank += kinds;
    if (!fire_tf_spend(b, 2 * fire_count(&x.shape)) || !fire_tf_new(b, x.type, (fire_shape){2, {rows, 1}}, &sum)) return;
    for (int pass = 0; pass < 2; pass++) {
        if (pass && (!fire_tf_new(b, FIRE_I64, (fire_shape){2, {count, 2}}, &at) || !fire_tf_new(b, FIRE_I64, (fire_shape){1, {count}}, &values))) return;
        count = 0;
        for (int64_t r = 0; r < rows; r++) {
            const int64_t steps = fire_whole(fire_get(&length, r));
            int64_t before = -1, own = 0;
            double total = 0;
            if (steps < 0 || steps > x.shape.dim[0]) { fire_tf_fail(b, "%lld steps of %lld", (long long)steps, (long long)x.shape.dim[0]); return; }
            for (int64_t t = 0; t < steps; t++) {
                int64_t top = 0;
                for (int64_t c = 1; c < kinds; c++)
                    if (fire_get(&x, (t * rows + r) * kinds + c) > fire_get(&x, (t * rows + r) * kinds + top)) top = c;
                total -= fire_get(&x, (t * rows + r) * kinds + top);
                if (top != blank && !(merge && top == before)) {
                    if (pass) ((int64_t *)at.data)[2 * count] = r, ((int64_t *)at.data)[2 * count + 1] = own, ((int64_t *)values.data)[count] = top;
                    count++, own++;
                }
                before = top;
            }
            fire_put(&sum, r, total);
            if (own > longest) longest = own;
        }
    }
    n->out[0] = fire_tf_keep(b, &at);
    n->out[1] = fire_tf_keep(b, &values);
    n->out[2] = fire_import_ints(b, 2, (int64_t[]){rows, longest});
    n->out[3] = fire_tf_keep(b, &sum);
}

/* Where a coordinate outside of [0, size) is looked up. */
static float inside(float v, int64_t size, char mode) {
    const float last = (float)(size - 1), n = (float)size;
    if (mode == 'C') return v;
    if (mode == 'N') return fminf(fmaxf(v, 0), last);
    if (mode == 'R') {
        if (size <= 1) return 0;
        if (v < 0) {
            if (v < -2 * n) v += 2 * n * truncf(-v / (2 * n));
            v = v < -n ? v + 2 * n : -v - 1;
        } else if (v > last) {
            v -= 2 * n * truncf(v / (2 * n));
            if (v >= n) v = 2 * n - v - 1;
        }
    } else if (size <= 1) v = 0;
    else if (v < 0) v += n * (truncf(-v / last) + 1);
    else if (v > last) v -= n * truncf(v / last);
    return fminf(fmaxf(v, 0), last);
}

/* ImageProjectiveTransformV2 and V3(images, transforms [b or 1, 8], size[, fill]): each pixel from the place that its row of eight numbers says. */
void fire_tf_projective(fire_import *b, fire_lift *n) {
    fire_tensor how, fill = {0}, pick, weight, outside;
    int64_t to[2], count, all;
    const bool v3 = !strcmp(n->op, "ImageProjectiveTransformV3"), nearest = fire_lift_text(n, "interpolation", "NEAREST");
    const char mode = fire_lift_text(n, "fill_mode", "REFLECT") ? 'R' : fire_lift_text(n, "fill_mode", "WRAP") ? 'W' : fire_lift_text(n, "fill_mode", "NEAREST") ? 'N' : 'C';
    if (!fire_tf_has(b, n, v3 ? 4 : 3) || !fire_import_concrete(b, n->in[0]) || !fire_tf_numbers(b, n->in[1], &how) || !fire_tf_list(b, n->in[2], 2, to, &count) || (v3 && !fire_tf_numbers(b, n->in[3], &fill))) return;
    const fire_shape s = fire_shape_of(b->g, n->in[0]);
    const fire_type type = fire_type_of(b->g, n->in[0]);
    if (s.rank != 4 || how.shape.rank != 2 || how.shape.dim[1] != 8 || (how.shape.dim[0] != 1 && how.shape.dim[0] != s.dim[0]) || count != 2 || to[0] < 1 || to[1] < 1 || to[0] > INT32_MAX ||
        to[1] > INT32_MAX || (v3 && fire_count(&fill.shape) != 1) || fire_count(&s) < 1) { fire_tf_fail(b, "the transforms do not fit"); return; }
    const int taps = nearest ? 1 : 4;
    if (!fire_mul(s.dim[0] * taps, to[0], &all) || !fire_mul(all, to[1], &all) || !fire_tf_spend(b, 8 * (all < INT64_MAX / 8 ? all : INT64_MAX / 8))) { fire_tf_fail(b, "too many pixels"); return; }
    const fire_shape places = {2, {s.dim[0] * to[0] * to[1], taps}}, one = {3, {places.dim[0], taps, 1}};
    if (!fire_tf_new(b, FIRE_I64, places, &pick) || !fire_tf_new(b, FIRE_F32, one, &weight) || !fire_tf_new(b, FIRE_F32, (fire_shape){2, {places.dim[0], 1}}, &outside)) return;
    for (int64_t i = 0; i < places.dim[0]; i++) {
        const int64_t row = i / (to[0] * to[1]), y = i / to[1] % to[0], x = i % to[1];
        float t[8], at[2], part[2];
        for (int k = 0; k < 8; k++) t[k] = (float)fire_get(&how, (how.shape.dim[0] == 1 ? 0 : row) * 8 + k);
        const float by = t[6] * (float)x + t[7] * (float)y + 1;
        at[1] = inside((t[0] * (float)x + t[1] * (float)y + t[2]) / by, s.dim[2], mode), at[0] = inside((t[3] * (float)x + t[4] * (float)y + t[5]) / by, s.dim[1], mode);
        if (by == 0 || !(fabsf(at[0]) < 1e9f) || !(fabsf(at[1]) < 1e9f)) { /* nowhere */
            ((float *)outside.data)[i] = 1;
            continue;
        }
        for (int d = 0; d < 2; d++) {
            const float low = nearest ? roundf(at[d]) : floorf(at[d]);
            part[d] = at[d] - low, at[d] = low;
        }
        for (int k = 0; k < taps; k++) {
            const int64_t h = (int64_t)at[0] + (k >> 1), w = (int64_t)at[1] + (k & 1);
            const float share = nearest ? 1 : (k >> 1 ? part[0] : 1 - part[0]) * (k & 1 ? part[1] : 1 - part[1]);
            if (h < 0 || w < 0 || h >= s.dim[1] || w >= s.dim[2]) { ((float *)outside.data)[i] += share; continue; }
            ((int64_t *)pick.data)[i * taps + k] = (row * s.dim[1] + h) * s.dim[2] + w;
            ((float *)weight.data)[i * taps + k] = share;
        }
    }
    const bool exact = type == FIRE_F64 || type == FIRE_I32 || type == FIRE_I64;
    const fire_type as = exact ? FIRE_F64 : FIRE_F32;
    fire_value v = fire_import_cast(b, fire_import_reshape(b, n->in[0], (fire_shape){2, {s.dim[0] * s.dim[1] * s.dim[2], s.dim[3]}}), as);
    v = fire_import_two(b, "Mul", fire_tf_gather(b, v, fire_tf_keep(b, &pick), 0), fire_import_cast(b, fire_tf_keep(b, &weight), as));
    v = fire_import_reduce(b, "ReduceSum", v, 2, false);
    if (v3 && fire_get(&fill, 0) != 0) v = fire_import_two(b, "Add", v, fire_tf_times(b, fire_import_cast(b, fire_tf_keep(b, &outside), as), fire_get(&fill, 0)));
    n->out[0] = fire_import_reshape(b, fire_import_cast(b, v, type), (fire_shape){4, {s.dim[0], to[0], to[1], s.dim[3]}});
}
