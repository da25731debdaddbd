/* lanes_body.h - across the lanes of a vector, and vectors that end early; for one element type. */

/* The sum of all lanes, halves onto halves, and the largest lane; a NaN comes through the latter or not. */
#if FIRE_ISA_LEVEL == 3
INLINE REAL T(add_lanes)(VEC v) { return sizeof(REAL) == 4 ? (REAL)_mm512_reduce_add_ps((__m512)v) : (REAL)_mm512_reduce_add_pd((__m512d)v); }
INLINE REAL T(max_lanes)(VEC v) { return sizeof(REAL) == 4 ? (REAL)_mm512_reduce_max_ps((__m512)v) : (REAL)_mm512_reduce_max_pd((__m512d)v); }
#else
INLINE REAL T(add_lanes)(VEC v) {
    REAL a[LANES];
    memcpy(a, &v, sizeof a);
    UNROLL for (int64_t half = LANES / 2; half; half /= 2)
        UNROLL for (int64_t i = 0; i < half; i++) a[i] += a[i + half];
    return a[0];
}
INLINE REAL T(max_lanes)(VEC v) {
    REAL a[LANES];
    memcpy(a, &v, sizeof a);
    UNROLL for (int64_t half = LANES / 2; half; half /= 2)
        UNROLL for (int64_t i = 0; i < half; i++) a[i] = a[i + half] > a[i] ? a[i + half] : a[i];
    return a[0];
}
#endif

/* x[0..n) for 1 <= n <= LANES, `rest` in the other lanes; nothing past them is read or written. Whole vectors have a way of their own, since
** what a masked store wrote cannot be read again before it has reached the cache. */
#if FIRE_ISA_LEVEL == 3
INLINE VEC T(load_masked)(const REAL *x, int64_t n, REAL rest) {
    if (sizeof(REAL) == 4) return (VEC)_mm512_mask_loadu_ps((__m512)((VEC){0} + rest), (__mmask16)((1u << n) - 1), x);
    return (VEC)_mm512_mask_loadu_pd((__m512d)((VEC){0} + rest), (__mmask8)((1u << n) - 1), x);
}
INLINE void T(store_masked)(REAL *y, int64_t n, VEC v) {
    if (sizeof(REAL) == 4) _mm512_mask_storeu_ps(y, (__mmask16)((1u << n) - 1), (__m512)v);
    else _mm512_mask_storeu_pd(y, (__mmask8)((1u << n) - 1), (__m512d)v);
}
#elif FIRE_ISA_LEVEL == 2
INLINE __m256i T(first_lanes)(int64_t n) { /* the sign of each lane is the mask of AVX2's masked moves */
    MASK lane;
    UNROLL for (int i = 0; i < (int)LANES; i++) lane[i] = i;
    return (__m256i)(MASK)(lane < (INT)n);
}
INLINE VEC T(load_masked)(const REAL *x, int64_t n, REAL rest) {
    __m256i m = T(first_lanes)(n);
    VEC v = sizeof(REAL) == 4 ? (VEC)_mm256_maskload_ps((const float *)x, m) : (VEC)_mm256_maskload_pd((const double *)x, m);
    return V(choose)((MASK)m, v, (VEC){0} + rest);
}
INLINE void T(store_masked)(REAL *y, int64_t n, VEC v) {
    if (sizeof(REAL) == 4) _mm256_maskstore_ps((float *)y, T(first_lanes)(n), (__m256)v);
    else _mm256_maskstore_pd((double *)y, T(first_lanes)(n), (__m256d)v);
}
#else
INLINE VEC T(load_masked)(const REAL *x, int64_t n, REAL rest) {
    VEC v = (VEC){0} + rest;
    for (int64_t i = 0; i < n; i++) v[i] = x[i];
    return v;
}
INLINE void T(store_masked)(REAL *y, int64_t n, VEC v) {
    for (int64_t i = 0; i < n; i++) y[i] = v[i];
}
#endif
INLINE VEC T(load_part)(const REAL *x, int64_t n, REAL rest) { return n == LANES ? *(const VEC *)x : T(load_masked)(x, n, rest); }
INLINE void T(store_part)(REAL *y, int64_t n, VEC v) {
    if (n == LANES) *(VEC *)y = v;
    else T(store_masked)(y, n, v);
}
