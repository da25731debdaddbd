/* vector.h - vectors of the width of the instruction set that a file is being compiled for, by the compilers' own extension: plain C
** operators act on all lanes. Loads and stores through these types need no alignment beyond an element's. */
#ifndef FIRE_VECTOR_H
#define FIRE_VECTOR_H
#include <math.h>
#include <stdint.h>
#include <string.h>

#if FIRE_ISA_LEVEL == 3
#define FIRE_VECTOR_BYTES 64
#elif FIRE_ISA_LEVEL == 2
#define FIRE_VECTOR_BYTES 32
#else
#define FIRE_VECTOR_BYTES 16
#endif
typedef float fire_vf __attribute__((vector_size(FIRE_VECTOR_BYTES), aligned(4), may_alias));
typedef int32_t fire_vi __attribute__((vector_size(FIRE_VECTOR_BYTES), aligned(4), may_alias));
typedef double fire_vd __attribute__((vector_size(FIRE_VECTOR_BYTES), aligned(8), may_alias));
typedef int64_t fire_vl __attribute__((vector_size(FIRE_VECTOR_BYTES), aligned(8), may_alias));

/* Unroll a loop of constant length, so that arrays of vectors become registers. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define INLINE static inline __attribute__((always_inline))

/* Lane by lane m ? a : b; m is what a comparison of vectors gives. */
INLINE fire_vf fire_choose_vf(fire_vi m, fire_vf a, fire_vf b) { return (fire_vf)(((fire_vi)a & m) | ((fire_vi)b & ~m)); }
INLINE fire_vd fire_choose_vd(fire_vl m, fire_vd a, fire_vd b) { return (fire_vd)(((fire_vl)a & m) | ((fire_vl)b & ~m)); }

/* ---- float32 functions; relative errors are measured by tests/test_kernels.c. Polynomials are minimax fits in double arithmetic. ---- */

/* 2^k for whole k from -252 to 254, in two factors, so that results may be denormal or infinite. */
INLINE fire_vf fire_scale_vf(fire_vf x, fire_vi k) {
    fire_vi half = k >> 1;
    return x * (fire_vf)((half + 127) << 23) * (fire_vf)((k - half + 127) << 23);
}

/* e^x, to 1.5e-7: x = k ln 2 + r with |r| <= ln 2 / 2. NaN stays NaN. */
INLINE fire_vf fire_exp_vf(fire_vf x) {
    x = fire_choose_vf((fire_vi)(x > 89.0f), (fire_vf){0} + 89.0f, x);
    x = fire_choose_vf((fire_vi)(x < -104.0f), (fire_vf){0} - 104.0f, x);
    const float round = 0x1.8p23f; /* adding it rounds to a whole number, which then stands in the low bits */
    fire_vf t = x * 0x1.715476p0f + round, k = t - round;
    fire_vf r = x - k * 0x1.62e4p-1f - k * 0x1.7f7d1cp-20f; /* ln 2 in two parts; k times the first is exact */
    fire_vf q = (((0.0013814613f * r + 0.0083687101f) * r + 0.041668389f) * r + 0.1666652113f) * r + 0.49999994f;
    return fire_scale_vf(1 + (r + r * r * q), (fire_vi)t - (fire_vi)((fire_vf){0} + round));
}

/* Natural logarithm, to 1.5e-7 of max(|log x|, |x - 1|); -inf at 0, NaN below. */
INLINE fire_vf fire_log_vf(fire_vf x) {
    fire_vi tiny = (fire_vi)(x < 0x1p-126f);
    fire_vf v = fire_choose_vf(tiny, x * 0x1p23f, x);
    /* v = 2^k m with m in [sqrt(1/2), sqrt(2)) */
    fire_vi bits = (fire_vi)v - 0x3f3504f3, k = bits >> 23;
    fire_vf m = (fire_vf)((bits & 0x7fffff) + 0x3f3504f3);
    k -= tiny & 23;
    fire_vf s = (m - 1) / (m + 1), z = s * s;
    fire_vf series = (((z * (1 / 9.0f) + 1 / 7.0f) * z + 1 / 5.0f) * z + 1 / 3.0f) * z * s; /* atanh(s) - s */
    fire_vf f = __builtin_convertvector(k, fire_vf);
    fire_vf y = f * 0x1.62e4p-1f + (2 * s + (2 * series + f * 0x1.7f7d1cp-20f));
    y = fire_choose_vf((fire_vi)(x == INFINITY), x, y);
    y = fire_choose_vf((fire_vi)(x == 0), (fire_vf){0} - INFINITY, y);
    return fire_choose_vf((fire_vi)(x >= 0), y, (fire_vf){0} + NAN);
}

/* log(1 + x) for x in [0, 1], to 2e-7: 2 atanh(x / (2 + x)). */
INLINE fire_vf fire_log1p_vf(fire_vf x) {
    fire_vf s = x / (2 + x), z = s * s;
    fire_vf series = ((((((z * (1 / 15.0f) + 1 / 13.0f) * z + 1 / 11.0f) * z + 1 / 9.0f) * z + 1 / 7.0f) * z + 1 / 5.0f) * z + 1 / 3.0f) * z * s;
    return 2 * s + 2 * series;
}

INLINE fire_vf fire_abs_vf(fire_vf x) { return (fire_vf)((fire_vi)x & 0x7fffffff); }

/* Hyperbolic tangent, to 3e-7: an odd polynomial near 0, where 1 - 2 / (e^2x + 1) cancels. */
INLINE fire_vf fire_tanh_vf(fire_vf x) {
    fire_vf a = fire_abs_vf(x), z = x * x;
    fire_vf near = x + x * z * ((((-0.0055151633f * z + 0.0204694197f) * z - 0.0536880232f) * z + 0.1333083063f) * z - 0.3333325982f);
    fire_vf far = 1 - 2 / (fire_exp_vf(2 * a) + 1);
    far = (fire_vf)((fire_vi)far | ((fire_vi)x & (int32_t)0x80000000)); /* far is positive: give it x's sign */
    return fire_choose_vf((fire_vi)(a < 0.625f), near, far);
}

INLINE fire_vf fire_sigmoid_vf(fire_vf x) { return 1 / (1 + fire_exp_vf(-x)); }

INLINE fire_vf fire_sqrt_vf(fire_vf x) {
    for (int i = 0; i < (int)(sizeof x / sizeof(float)); i++) x[i] = sqrtf(x[i]);
    return x;
}

/* ---- float64: libm lane by lane. It serves exactness, not speed. ---- */
#define FIRE_LANES_VD(name, formula)                                                          \
    INLINE fire_vd name(fire_vd v) {                                                          \
        for (int i = 0; i < (int)(sizeof v / sizeof(double)); i++) { double x = v[i]; v[i] = formula; } \
        return v;                                                                             \
    }
FIRE_LANES_VD(fire_exp_vd, exp(x))
FIRE_LANES_VD(fire_log_vd, log(x))
FIRE_LANES_VD(fire_log1p_vd, log1p(x))
FIRE_LANES_VD(fire_tanh_vd, tanh(x))
FIRE_LANES_VD(fire_sqrt_vd, sqrt(x))
FIRE_LANES_VD(fire_sigmoid_vd, x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)))
INLINE fire_vd fire_abs_vd(fire_vd x) { return (fire_vd)((fire_vl)x & INT64_MAX); }
#endif
