/* channel_body.h - for one element type; channel.c includes it through both.h. p2 to p5 are inputs 2 to 5, NULL when left out. */
#include "lanes_body.h"

#define ARGS const fire_call *call, int64_t rows, int64_t c, const REAL *p2, const REAL *p3, const REAL *p4, const REAL *p5

INLINE VEC T(take)(const REAL *x, int64_t n, bool whole) { return whole ? *(const VEC *)x : T(load_part)(x, n, 0); }
INLINE void T(give)(REAL *y, int64_t n, bool whole, VEC v) {
    if (whole) *(VEC *)y = v;
    else T(store_part)(y, n, v);
}

/* nv vectors of columns from x on, of which the last may be cut to n (whole: it is not). */
INLINE void T(moments_of)(const REAL *x, int64_t rows, int64_t c, int nv, int64_t n, bool whole, REAL *sums, REAL *squares) {
    VEC sum[2] = {{0}}, square[2] = {{0}};
    for (int64_t r = 0; r < rows; r += BLOCK) {
        int64_t m = rows - r < BLOCK ? rows - r : BLOCK;
        VEC s[2] = {{0}}, mean[2], q[2] = {{0}};
        const REAL *p = x + r * c;
        for (int64_t i = 0; i < m; i++, p += c)
            UNROLL for (int k = 0; k < nv; k++) s[k] += T(take)(p + k * LANES, n, whole);
        UNROLL for (int k = 0; k < nv; k++) mean[k] = s[k] / (REAL)m;
        p = x + r * c;
        for (int64_t i = 0; i < m; i++, p += c)
            UNROLL for (int k = 0; k < nv; k++) {
                VEC d = T(take)(p + k * LANES, n, whole) - mean[k];
                q[k] += d * d;
            }
        REAL share = r ? (REAL)((double)r * (double)m / (double)(r + m)) : 0;
        UNROLL for (int k = 0; k < nv; k++) {
            VEC d = mean[k] - sum[k] / (REAL)(r ? r : 1); /* times 0 at first */
            square[k] += q[k] + d * d * share;
            sum[k] += s[k];
        }
    }
    UNROLL for (int k = 0; k < nv; k++) {
        T(give)(sums + k * LANES, n, whole, sum[k]);
        T(give)(squares + k * LANES, n, whole, square[k]);
    }
}

static void T(channel_moments)(ARGS) {
    const REAL *x = call->in[0].data;
    REAL *sum = call->out[0].data, *square = call->out[1].data;
    int64_t j = 0;
    for (; j + 2 * LANES <= c; j += 2 * LANES) T(moments_of)(x + j, rows, c, 2, LANES, true, sum + j, square + j);
    for (; j + LANES <= c; j += LANES) T(moments_of)(x + j, rows, c, 1, LANES, true, sum + j, square + j);
    if (j < c) T(moments_of)(x + j, rows, c, 1, c - j, false, sum + j, square + j);
}

INLINE void T(affine_sums)(const REAL *dy, const REAL *x, const REAL *mean, int64_t rows, int64_t c, int nv, int64_t n, bool whole, REAL *shift, REAL *scale) {
    VEC m[2], a[2] = {{0}}, b[2] = {{0}};
    UNROLL for (int k = 0; k < nv; k++) m[k] = mean ? T(take)(mean + k * LANES, n, whole) : (VEC){0};
    for (int64_t r = 0; r < rows;) {
        VEC s[2] = {{0}}, q[2] = {{0}};
        for (int64_t end = rows - r < BLOCK ? rows : r + BLOCK; r < end; r++)
            UNROLL for (int k = 0; k < nv; k++) {
                VEC d = T(take)(dy + r * c + k * LANES, n, whole);
                s[k] += d;
                q[k] += d * (T(take)(x + r * c + k * LANES, n, whole) - m[k]);
            }
        UNROLL for (int k = 0; k < nv; k++) a[k] += s[k], b[k] += q[k];
    }
    UNROLL for (int k = 0; k < nv; k++) {
        T(give)(shift + k * LANES, n, whole, a[k]);
        T(give)(scale + k * LANES, n, whole, b[k]);
    }
}

static void T(channel_affine_grad)(ARGS) {
    const REAL *dy = call->in[0].data, *x = call->in[1].data, *mean = p2;
    REAL *shift = call->out[0].data, *scale = call->out[1].data;
    int64_t j = 0;
#define MEAN (mean ? mean + j : NULL)
    for (; j + 2 * LANES <= c; j += 2 * LANES) T(affine_sums)(dy + j, x + j, MEAN, rows, c, 2, LANES, true, shift + j, scale + j);
    for (; j + LANES <= c; j += LANES) T(affine_sums)(dy + j, x + j, MEAN, rows, c, 1, LANES, true, shift + j, scale + j);
    if (j < c) T(affine_sums)(dy + j, x + j, MEAN, rows, c, 1, c - j, false, shift + j, scale + j);
#undef MEAN
}

/* One run of c numbers after the other; what is left out counts as 0. */
static void T(channel_affine)(ARGS) {
    const REAL *x = call->in[0].data, *scale = call->in[1].data, *shift = p2, *mean = p3;
    REAL *y = call->out[0].data;
    for (int64_t r = 0; r < rows; r++, x += c, y += c)
        for (int64_t j = 0, n; j < c; j += n) {
            n = c - j < LANES ? c - j : LANES;
            VEC v = T(load_part)(x + j, n, 0);
            if (mean) v -= T(load_part)(mean + j, n, 0);
            v *= T(load_part)(scale + j, n, 0);
            if (shift) v += T(load_part)(shift + j, n, 0);
            T(store_part)(y + j, n, v);
        }
}

static void T(channel_blend)(ARGS) {
    const REAL *dy = call->in[0].data, *x = call->in[1].data, *a = p2, *b = p3, *shift = p4, *mean = p5;
    REAL *dx = call->out[0].data;
    for (int64_t r = 0; r < rows; r++, x += c, dy += c, dx += c)
        for (int64_t j = 0, n; j < c; j += n) {
            n = c - j < LANES ? c - j : LANES;
            VEC v = T(load_part)(x + j, n, 0);
            if (mean) v -= T(load_part)(mean + j, n, 0);
            v = v * T(load_part)(b + j, n, 0) + T(load_part)(dy + j, n, 0) * T(load_part)(a + j, n, 0);
            if (shift) v += T(load_part)(shift + j, n, 0);
            T(store_part)(dx + j, n, v);
        }
}
#undef ARGS
