/* vector_math.h - exp, log, tanh, sigmoid of all lanes, without branches; vector.h includes it for each type through both.h.
**
** Exponentials are Taylor's series on [-ln 2 / 2, ln 2 / 2], logarithms the series of the inverse hyperbolic tangent; terms end where the
** first one left out is below a tenth of the last place. Errors are 1 to 2.5 units in the last place (tests/test_kernel_bits.c).
*/
#define F32 (sizeof(REAL) == 4)
#define NUMBER(f32, f64) ((REAL)(F32 ? (f32) : (f64)))
#define FRACTION (F32 ? 23 : 52)                    /* bits of the fraction */
#define BIAS (F32 ? 127 : 1023)                     /* of the exponent */
#define ROUND NUMBER(0x1.8p23, 0x1.8p52)            /* added and taken off it rounds to a whole number, which meanwhile stands in the low bits */
#define LN2_HIGH NUMBER(0x1.63p-1, 0x1.62e42feep-1) /* few enough bits that its product with an exponent is exact */
#define LN2_LOW NUMBER(-0x1.bd0106p-13, 0x1.a39ef35793c76p-33)
#define SIGN ((INT)((uint64_t)1 << (8 * sizeof(INT) - 1))) /* bit */

INLINE VEC V(all)(REAL x) { return x - (VEC){0}; } /* 0 + x would lose the sign of -0 */

/* Lane by lane m ? a : b; m is what a comparison of vectors gives. */
INLINE VEC V(choose)(MASK m, VEC a, VEC b) { return (VEC)(((MASK)a & m) | ((MASK)b & ~m)); }

INLINE VEC V(abs)(VEC x) { return (VEC)((MASK)x & ~SIGN); }

INLINE VEC V(sqrt)(VEC x) {
    for (int i = 0; i < (int)LANES; i++) x[i] = F32 ? (REAL)sqrtf((float)x[i]) : (REAL)sqrt((double)x[i]);
    return x;
}

/* x = n ln 2 + r, |r| <= ln 2 / 2: gives e^r - 1, with all its digits also near 0, and n. */
INLINE VEC V(exp_reduced)(VEC x, MASK *n) {
    static const REAL taylor[] = {(REAL)(1.0 / 6227020800), (REAL)(1.0 / 479001600), (REAL)(1.0 / 39916800), (REAL)(1.0 / 3628800), (REAL)(1.0 / 362880),
                                  (REAL)(1.0 / 40320), (REAL)(1.0 / 5040), (REAL)(1.0 / 720), (REAL)(1.0 / 120), (REAL)(1.0 / 24), (REAL)(1.0 / 6), (REAL)0.5};
    enum { FIRST = F32 ? 6 : 0, END = sizeof taylor / sizeof *taylor };
    VEC t = x * (REAL)1.44269504088896340736 + ROUND, whole = t - ROUND;
    *n = (MASK)((BITS)t - (BITS)V(all)(ROUND));
    VEC r = (x - whole * LN2_HIGH) - whole * LN2_LOW, p = V(all)(taylor[FIRST]);
    UNROLL for (int i = FIRST + 1; i < END; i++) p = p * r + taylor[i];
    return p * r * r + r;
}
INLINE VEC V(power_of_2)(MASK n) { return (VEC)(((BITS)n + BIAS) << FRACTION); } /* as far as it is a normal number */

/* e^x. The power of two is applied in two steps, so that results below the normal numbers are rounded once. NaN stays NaN. */
INLINE VEC V(exp)(VEC x) {
    const REAL least = NUMBER(-104, -746), most = NUMBER(89, 710); /* beyond them it is 0 and infinite */
    MASK n, none = (MASK)(x < least);
    x = V(choose)((MASK)(x > most), V(all)(most), (VEC)((MASK)x & ~none)); /* products below the normal numbers are slow: not for 0 */
    VEC p = V(exp_reduced)(x, &n) + 1;
    MASK half = n >> 1;
    return (VEC)((MASK)(p * V(power_of_2)(half) * V(power_of_2)(n - half)) & ~none);
}

/* Natural logarithm; -inf at 0, NaN below. With s = f / (2 + f): log(1 + f) = 2 (s + s^3/3 + s^5/5 ...) = f - s (f - r), where
** r = 2 (s^2/3 + s^4/5 ...). */
INLINE VEC V(log)(VEC x) {
    static const REAL series[] = {(REAL)(2.0 / 21), (REAL)(2.0 / 19), (REAL)(2.0 / 17), (REAL)(2.0 / 15), (REAL)(2.0 / 13), (REAL)(2.0 / 11),
                                  (REAL)(2.0 / 9), (REAL)(2.0 / 7), (REAL)(2.0 / 5), (REAL)(2.0 / 3)};
    enum { FIRST = F32 ? 6 : 0, END = sizeof series / sizeof *series };
    const INT root_half = F32 ? 0x3f3504f3 : (INT)0x3fe6a09e667f3bcd; /* the bits of 1/sqrt(2) */
    MASK small = (MASK)(x < NUMBER(0x1p-126, 0x1p-1022)); /* below the normal numbers: scaled first */
    BITS bits = (BITS)V(choose)(small, x * NUMBER(0x1p23, 0x1p52), x);
    MASK e = (MASK)(bits - (BITS)((MASK){0} + root_half)) >> FRACTION;
    VEC f = (VEC)(bits - ((BITS)e << FRACTION)) - 1; /* in [1/sqrt(2), sqrt(2)), less 1 */
    e -= small & (INT)FRACTION;
    VEC n = (VEC)((BITS)V(all)(ROUND) + (BITS)e) - ROUND, s = f / (f + 2), z = s * s, r = V(all)(series[FIRST]);
    UNROLL for (int i = FIRST + 1; i < END; i++) r = r * z + series[i];
    VEC y = n * LN2_HIGH + (f - (s * (f - r * z) - n * LN2_LOW));
    y = V(choose)((MASK)(x > 0), y, V(choose)((MASK)(x == 0), V(all)((REAL)-INFINITY), V(all)((REAL)NAN)));
    return V(choose)((MASK)(x == (REAL)INFINITY), x, y);
}

/* log(1 + x) for x in [0, 1]: what 1 + x lost to rounding is added again. */
INLINE VEC V(log1p)(VEC x) {
    VEC u = x + 1;
    return V(log)(u) + (x - (u - 1)) / u;
}

/* 1 / (1 + e^-x), given e = e^-|x|: neither side overflows. */
INLINE VEC V(sigmoid_of)(VEC x, VEC e) {
    VEC r = (REAL)1 / (e + 1);
    return V(choose)((MASK)(x >= 0), r, e * r);
}
INLINE VEC V(sigmoid)(VEC x) { return V(sigmoid_of)(x, V(exp)(-V(abs)(x))); }

/* tanh |x| = m / (m + 2) with m = e^2|x| - 1, which keeps its digits near 0; it is 1 long before 2|x| = 40. */
INLINE VEC V(tanh)(VEC x) {
    VEC a = V(abs)(x) * 2;
    MASK n, sign = (MASK)x & SIGN;
    a = V(choose)((MASK)(a > 40), V(all)(40), a);
    VEC q = V(exp_reduced)(a, &n), power = V(power_of_2)(n), m = q * power + (power - 1);
    return (VEC)((MASK)(m / (m + 2)) | sign);
}

#undef F32
#undef NUMBER
#undef FRACTION
#undef BIAS
#undef ROUND
#undef LN2_HIGH
#undef LN2_LOW
#undef SIGN
