/* pool_body.h - for one element type; pool.c includes it through both.h. Each function takes its operator's inputs and its outputs. */
#include "lanes_body.h"

static void T(max_pool)(const fire_window *w, const fire_window_attrs *t, const REAL *x, const REAL *none, REAL *y, REAL *sum) {
    int64_t c = w->c, row = fire_window_count(w->x) * c, at[TAPS];
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
