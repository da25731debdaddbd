/* lanes_body.h - across the lanes of a vector, and vectors that end early; for one element type. */

INLINE REAL T(add_lanes)(VEC v) {
    REAL a[LANES];
    memcpy(a, &v, sizeof a);
    UNROLL for (int64_t half = LANES / 2; half; half /= 2)
        UNROLL for (int64_t i = 0; i < half; i++) a[i] += a[i + half];
    return a[0];
}

/* The largest lane; a NaN comes through or not. */
INLINE REAL T(max_lanes)(VEC v) {
    REAL a[LANES];
    memcpy(a, &v, sizeof a);
    UNROLL for (int64_t half = LANES / 2; half; half /= 2)
        UNROLL for (int64_t i = 0; i < half; i++) a[i] = a[i + half] > a[i] ? a[i + half] : a[i];
    return a[0];
}

/* x[0..n) for n <= LANES, `rest` in the other lanes. */
INLINE VEC T(load_part)(const REAL *x, int64_t n, REAL rest) {
    if (n == LANES) return *(const VEC *)x;
    VEC v = (VEC){0} + rest;
    memcpy(&v, x, (size_t)n * sizeof(REAL));
    return v;
}
INLINE void T(store_part)(REAL *y, int64_t n, VEC v) {
    if (n == LANES) *(VEC *)y = v;
    else memcpy(y, &v, (size_t)n * sizeof(REAL));
}
