/* pool_body.h - for one element type; pool.c includes it through both.h. Each function takes its operator's inputs and its outputs. */
#include "lanes_body.h"

/* x[0], x[stride], x[2 stride] ... for 1 <= m <= LANES; nothing past the last of them is read. */
INLINE VEC T(load_every)(const REAL *x, int64_t stride, int64_t m) {
    if (stride == 1) return T(load_part)(x, m, 0);
    VEC v = {0};
    if (stride == 2) { /* two vectors that share an element, so that no number behind the last is touched */
        if (m == LANES) return T(every_second)(*(const VEC *)x, *(const VEC *)(x + LANES - 1));
        if (2 * m <= LANES) return T(every_second)(T(load_masked)(x, 2 * m - 1, 0), v);
        return T(every_second)(*(const VEC *)x, T(load_masked)(x + LANES - 1, 2 * m - LANES, 0));
    }
    for (int64_t i = 0; i < m; i++) v[i] = x[i * stride];
    return v;
}

/* Channels first: windows beside each other, y[first .. first + m) of one row, whose taps all lie within x along that row. x: the plane. The taps
** come in the order of taps_of, so that a window has the same bits however it is reached. `taps`: how many were in x. */
INLINE VEC T(beside)(const fire_window *w, const REAL *x, const int64_t at[3], int64_t first, int64_t m, bool largest, int64_t *taps) {
    VEC all = V(all)(largest ? (REAL)-INFINITY : 0);
    *taps = 0;
    for (int64_t k0 = 0, i0 = at[0] * w->stride[0] - w->low[0]; k0 < w->k[0]; k0++, i0 += w->dilation[0])
        for (int64_t k1 = 0, i1 = at[1] * w->stride[1] - w->low[1]; k1 < w->k[1]; k1++, i1 += w->dilation[1]) {
            if (i0 < 0 || i0 >= w->x[0] || i1 < 0 || i1 >= w->x[1]) continue;
            const REAL *row = x + (i0 * w->x[1] + i1) * w->x[2] + first * w->stride[2] - w->low[2];
            *taps += w->k[2];
            for (int64_t k2 = 0; k2 < w->k[2]; k2++, row += w->dilation[2]) {
                VEC v = T(load_every)(row, w->stride[2], m);
                if (largest) all = V(choose)((MASK)(v > all) | (MASK)(v != v), v, all);
                else all += v;
            }
        }
    return all;
}

/* One window, which may reach into the padding. */
INLINE REAL T(alone)(const fire_window *w, const REAL *x, const walk *p, bool largest, int64_t *taps) {
    int64_t at[TAPS];
    int n = taps_of(w, p, 1, at);
    REAL all = largest ? (REAL)-INFINITY : 0;
    for (int k = 0; k < n; k++) {
        REAL v = x[at[k]];
        all = !largest ? all + v : v > all || v != v ? v : all;
    }
    *taps = n;
    return all;
}

/* One channel, or planes of it one after the other: the inner loop runs along the last dimension. */
INLINE void T(pool_planes)(const fire_window *w, const fire_window_attrs *t, const REAL *x, REAL *y, bool largest) {
    int64_t places = fire_window_count(w->x), reach = (w->k[2] - 1) * w->dilation[2], step = w->stride[2], taps;
    int64_t from = (w->low[2] + step - 1) / step, to = w->x[2] + w->low[2] - reach - 1; /* windows from .. to - 1 of a row lie in x */
    to = to < 0 ? 0 : to / step + 1;
    to = to < w->y[2] ? to : w->y[2];
    from = from < to ? from : to;
    walk p = walk_start(w);
    for (int64_t n = 0; n < w->n; n++, x += places)
        for (p.at[0] = p.at[1] = 0; p.at[0] < w->y[0]; walk_next(w, &p), y += w->y[2]) {
            for (p.at[2] = 0; p.at[2] < w->y[2]; p.at[2]++) {
                if (p.at[2] == from) p.at[2] = to;
                if (p.at[2] == w->y[2]) break;
                REAL one = T(alone)(w, x, &p, largest, &taps), by = largest ? 1 : (REAL)(t->count_include_pad ? divisor(w, p.at) : taps);
                y[p.at[2]] = by > 1 ? one / by : one;
            }
            p.at[2] = from;
            for (int64_t j = from, m; j < to; j += m) {
                if (to - j < LANES && to - from >= LANES) j = to - LANES; /* some windows a second time, to the same bits */
                m = to - j < LANES ? to - j : LANES;
                VEC part = T(beside)(w, x, p.at, j, m, largest, &taps);
                REAL by = largest ? 1 : (REAL)(t->count_include_pad ? divisor(w, p.at) : taps);
                if (by > 1) part /= by;
                T(store_part)(y + j, m, part);
            }
            p.at[2] = w->y[2] - 1; /* the next row */
        }
}

static void T(max_pool)(const fire_window *w, const fire_window_attrs *t, const REAL *x, const REAL *none, REAL *y, REAL *sum) {
    int64_t c = w->c, row = fire_window_count(w->x) * c, at[TAPS];
    if (c == 1) {
        T(pool_planes)(w, t, x, y, true);
        return;
    }
    for (int64_t n = 0; n < w->n; n++, x += row)
        for (walk p = walk_start(w); p.at[0] < w->y[0]; walk_next(w, &p), y += c) {
            int taps = taps_of(w, &p, c, at);
            for (int64_t j = 0, m; j < c; j += m) {
                m = c - j < LANES ? c - j : LANES;
                VEC top = V(all)((REAL)-INFINITY);
                for (int k = 0; k < taps; k++) {
                    VEC v = T(load_part)(x + at[k] + j, m, 0);
                    top = V(choose)((MASK)(v > top) | (MASK)(v != v), v, top);
                }
                T(store_part)(y + j, m, top);
            }
        }
}

/* One window's channels j to j + m: dy goes to the first of the largest numbers. */
INLINE VEC T(send)(const REAL *x, const REAL *dy, REAL *dx, const int64_t *at, int taps, int64_t m, bool relu, bool apart) {
    VEC top = T(load_part)(x + at[0], m, 0), d = T(load_part)(dy, m, 0);
    MASK best = {0};
    for (int k = 1; k < taps; k++) {
        VEC v = T(load_part)(x + at[k], m, 0);
        MASK more = (MASK)(v > top) | ((MASK)(v != v) & (MASK)(top == top));
        top = V(choose)(more, v, top);
        best = (best & ~more) | (((MASK){0} + (INT)k) & more);
    }
    if (relu) d = (VEC)((MASK)d & (MASK)(top > 0));
    for (int k = 0; k < taps; k++) {
        VEC part = (VEC)((MASK)d & (MASK)(best == (INT)k));
        if (!apart) part += T(load_part)(dx + at[k], m, 0);
        T(store_part)(dx + at[k], m, part);
    }
    return d;
}

/* Windows that do not meet write each number of dx once; then only what no window covers needs zeros. `sum` (NULL: not wanted) is made of the sums of
** rows, for so many channels at a time. */
static void T(max_pool_grad)(const fire_window *w, const fire_window_attrs *t, const REAL *x, const REAL *dy, REAL *dx, REAL *sum) {
    enum { SLICE = 1024 };
    int64_t c = w->c, row = fire_window_count(w->x) * c, ends = fire_window_count(w->y) * c, at[TAPS];
    bool apart = true, whole = true, relu = t->p;
    for (int d = 0; d < 3; d++) {
        apart = apart && w->dilation[d] == 1 && w->k[d] <= w->stride[d];
        whole = whole && w->k[d] == w->stride[d] && w->y[d] * w->k[d] == w->x[d] && !w->low[d];
    }
    if (!(apart && whole)) memset(dx, 0, (size_t)(row * w->n) * sizeof *dx);
    for (int64_t from = 0; from < c; from += SLICE) {
        int64_t width = c - from < SLICE ? c - from : SLICE;
        REAL part[SLICE];
        if (sum) memset(sum + from, 0, (size_t)width * sizeof *sum);
        for (int64_t n = 0; n < w->n; n++) {
            const REAL *a = x + n * row + from, *d = dy + n * ends + from;
            REAL *b = dx + n * row + from;
            memset(part, 0, (size_t)width * sizeof *part);
            for (walk p = walk_start(w); p.at[0] < w->y[0]; walk_next(w, &p), d += c) {
                int taps = taps_of(w, &p, c, at);
                if (!taps) continue;
                int64_t j = 0;
                for (; j + LANES <= width; j += LANES) *(VEC *)(part + j) += T(send)(a + j, d + j, b + j, at, taps, LANES, relu, apart);
                if (j < width) T(store_part)(part + j, width - j, T(load_part)(part + j, width - j, 0) + T(send)(a + j, d + j, b + j, at, taps, width - j, relu, apart));
            }
            for (int64_t j = 0; j < width && sum; j++) sum[from + j] += part[j];
        }
    }
}

static void T(average_pool)(const fire_window *w, const fire_window_attrs *t, const REAL *x, const REAL *none, REAL *y, REAL *sum) {
    int64_t c = w->c, row = fire_window_count(w->x) * c, at[TAPS];
    if (c == 1) {
        T(pool_planes)(w, t, x, y, false);
        return;
    }
    for (int64_t n = 0; n < w->n; n++, x += row)
        for (walk p = walk_start(w); p.at[0] < w->y[0]; walk_next(w, &p), y += c) {
            int taps = taps_of(w, &p, c, at);
            REAL by = (REAL)(t->count_include_pad ? divisor(w, p.at) : taps);
            for (int64_t j = 0, m; j < c; j += m) {
                m = c - j < LANES ? c - j : LANES;
                VEC all = {0};
                for (int k = 0; k < taps; k++) all += T(load_part)(x + at[k] + j, m, 0);
                if (by > 1) all /= by;
                T(store_part)(y + j, m, all);
            }
        }
}

static void T(average_pool_grad)(const fire_window *w, const fire_window_attrs *t, const REAL *dy, const REAL *none, REAL *dx, REAL *sum) {
    int64_t c = w->c, row = fire_window_count(w->x) * c, at[TAPS];
    for (int64_t n = 0; n < w->n; n++, dx += row) {
        memset(dx, 0, (size_t)row * sizeof *dx);
        for (walk p = walk_start(w); p.at[0] < w->y[0]; walk_next(w, &p), dy += c) {
            int taps = taps_of(w, &p, c, at);
            REAL by = (REAL)(t->count_include_pad ? divisor(w, p.at) : taps);
            for (int64_t j = 0, m; j < c; j += m) {
                m = c - j < LANES ? c - j : LANES;
                VEC d = T(load_part)(dy + j, m, 0) / by;
                for (int k = 0; k < taps; k++) T(store_part)(dx + at[k] + j, m, T(load_part)(dx + at[k] + j, m, 0) + d);
            }
        }
    }
}
