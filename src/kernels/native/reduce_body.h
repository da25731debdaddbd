/* reduce_body.h - sums for one element type; reduce.c includes it through both.h. */
#include "lanes_body.h"

/* Sums of many numbers are made in blocks of BLOCK additions, so that rounding errors grow with the number of blocks, not of numbers. */

/* Four vectors of columns at a time, all rows of them. */
static void T(sum_rows)(const REAL *x, int64_t size, int64_t inner, REAL *y, REAL scale) {
    int64_t j = 0;
    for (; j + 4 * LANES <= inner; j += 4 * LANES) {
        VEC sum[4] = {{0}};
        for (int64_t r = 0; r < size;) {
            VEC a[4] = {{0}};
            for (int64_t end = r + BLOCK < size ? r + BLOCK : size; r < end; r++)
                UNROLL for (int q = 0; q < 4; q++) a[q] += *(const VEC *)(x + r * inner + j + q * LANES);
            UNROLL for (int q = 0; q < 4; q++) sum[q] += a[q];
        }
        UNROLL for (int q = 0; q < 4; q++) *(VEC *)(y + j + q * LANES) = sum[q] * scale;
    }
    for (int64_t n; j < inner; j += n) {
        n = inner - j < LANES ? inner - j : LANES;
        VEC sum = {0};
        for (int64_t r = 0; r < size;) {
            VEC a = {0};
            for (int64_t end = r + BLOCK < size ? r + BLOCK : size; r < end; r++) a += T(load_part)(x + r * inner + j, n, 0);
            sum += a;
        }
        T(store_part)(y + j, n, sum * scale);
    }
}

/* One line of `size` numbers. */
static REAL T(sum_line)(const REAL *x, int64_t size) {
    VEC sum = {0};
    int64_t i = 0;
    while (i + 4 * LANES <= size) {
        VEC a[4] = {{0}};
        for (int64_t end = size - i < BLOCK * 4 * LANES ? size : i + BLOCK * 4 * LANES; i + 4 * LANES <= end; i += 4 * LANES)
            UNROLL for (int q = 0; q < 4; q++) a[q] += *(const VEC *)(x + i + q * LANES);
        sum += (a[0] + a[1]) + (a[2] + a[3]);
    }
    for (int64_t n; i < size; i += n) {
        n = size - i < LANES ? size - i : LANES;
        sum += T(load_part)(x + i, n, 0);
    }
    return T(add_lanes)(sum);
}

static void T(sum)(const REAL *x, int64_t outer, int64_t size, int64_t inner, REAL *y, REAL scale) {
    for (int64_t o = 0; o < outer; o++, x += size * inner, y += inner)
        if (inner == 1) *y = T(sum_line)(x, size) * scale;
        else T(sum_rows)(x, size, inner, y, scale);
}

/* dz = dy where y > 0, db = sum of dz over rows. dz may be y or dy. */
static void T(bias_relu_grad)(const REAL *y, const REAL *dy, int64_t rows, int64_t m, REAL *dz, REAL *db) {
    int64_t j = 0;
    for (; j + 4 * LANES <= m; j += 4 * LANES) {
        VEC sum[4] = {{0}};
        for (int64_t r = 0, at = j; r < rows;) {
            VEC a[4] = {{0}};
            for (int64_t end = r + BLOCK < rows ? r + BLOCK : rows; r < end; r++, at += m)
                UNROLL for (int q = 0; q < 4; q++) {
                    VEC d = (VEC)(*(const MASK *)(dy + at + q * LANES) & (MASK)(*(const VEC *)(y + at + q * LANES) > 0));
                    *(VEC *)(dz + at + q * LANES) = d;
                    a[q] += d;
                }
            UNROLL for (int q = 0; q < 4; q++) sum[q] += a[q];
        }
        UNROLL for (int q = 0; q < 4; q++) *(VEC *)(db + j + q * LANES) = sum[q];
    }
    for (int64_t n; j < m; j += n) {
        n = m - j < LANES ? m - j : LANES;
        VEC sum = {0};
        for (int64_t r = 0, at = j; r < rows;) {
            VEC a = {0};
            for (int64_t end = r + BLOCK < rows ? r + BLOCK : rows; r < end; r++, at += m) {
                VEC d = (VEC)((MASK)T(load_part)(dy + at, n, 0) & (MASK)(T(load_part)(y + at, n, 0) > 0));
                T(store_part)(dz + at, n, d);
                a += d;
            }
            sum += a;
        }
        T(store_part)(db + j, n, sum);
    }
}
