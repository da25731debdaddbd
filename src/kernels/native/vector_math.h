/* vector_math.h - exp, log, tanh, sigmoid, erf ... of all lanes, without branches; vector.h includes it for each type through both.h.
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

/* e^x - 1 for x <= 0, which keeps its digits near 0; it is -1 long before x = -40. NaN stays NaN. */
INLINE VEC V(expm1_below)(VEC x) {
    MASK n;
    VEC q = V(exp_reduced)(V(choose)((MASK)(x < -40), V(all)(-40), x), &n), power = V(power_of_2)(n);
    return q * power + (power - 1);
}

/* log(1 + e^x), given e = e^-|x|. NaN stays NaN. */
INLINE VEC V(softplus_of)(VEC x, VEC e) { return V(choose)((MASK)(x <= 0), V(all)(0), x) + V(log1p)(e); }

/* erfc x for x >= 0, given e = e^(-x^2): e / (1 + 2 x) times a polynomial in (x - 3.75) / (x + 3.75), which stays in [-1, 1). Its coefficients
** come from the Chebyshev series of (1 + 2 x) e^(x^2) erfc x, cut where terms are below the last place. */
INLINE VEC V(erfc_of)(VEC x, VEC e) {
    static const REAL narrow[] = {(REAL)-2.2411675e-4, (REAL)3.9630761e-4, (REAL)1.67591222e-3, (REAL)-9.84449486e-3, (REAL)2.84092524e-2, (REAL)-5.86468587e-2,
                                  (REAL)9.22907696e-2, (REAL)-0.10881427, (REAL)8.227842e-2, (REAL)3.58627039e-3, (REAL)-0.140240658, (REAL)1.23751262};
    static const REAL wide[] = {(REAL)3.111433380979925199e-10, (REAL)-2.623107347133475761e-9, (REAL)-3.744210080962018644e-9, (REAL)3.197926671666804292e-8,
                                (REAL)2.326350870885912373e-8, (REAL)-2.485712624801674287e-7, (REAL)-5.72182306032240875e-8, (REAL)1.741982158622481592e-6,
                                (REAL)-9.735598967367749341e-7, (REAL)-1.143804803334689355e-5, (REAL)2.238423915508222982e-5, (REAL)5.164652974177416126e-5,
                                (REAL)-2.90154080540841711e-4, (REAL)2.937143780449580299e-4, (REAL)1.755625852895295357e-3, (REAL)-9.746579683265262231e-3,
                                (REAL)2.836227741895640429e-2, (REAL)-5.86933985766493384e-2, (REAL)9.230432116037747776e-2, (REAL)-0.1088039301424446127,
                                (REAL)8.227673849014520768e-2, (REAL)3.585415485479025638e-3, (REAL)-0.1402405985855469624, (REAL)1.237512630837827529};
    const REAL *c = F32 ? narrow : wide;
    enum { END = F32 ? sizeof narrow / sizeof *narrow : sizeof wide / sizeof *wide };
    VEC s = (x - (REAL)3.75) / (x + (REAL)3.75), p = V(all)(c[0]);
    UNROLL for (int i = 1; i < END; i++) p = p * s + c[i];
    return p * e / (x * 2 + 1);
}

/* The error function: near 0 its Taylor series, so that its digits are kept. */
INLINE VEC V(erf)(VEC x) {
    static const REAL series[] = {(REAL)4.463224263286477345e-13, (REAL)-6.711366855164110378e-12, (REAL)9.422759064650410971e-11, (REAL)-1.229055530171792735e-9,
                                  (REAL)1.480719281587921724e-8, (REAL)-1.636584469123492432e-7, (REAL)1.64621143658892474e-6, (REAL)-1.492565035840625098e-5,
                                  (REAL)1.205533298178966425e-4, (REAL)-8.548327023450852833e-4, (REAL)5.223977625442187842e-3, (REAL)-2.686617064513125176e-2,
                                  (REAL)0.1128379167095512574, (REAL)-0.3761263890318375246, (REAL)1.128379167095512574};
    enum { FIRST = F32 ? 6 : 0, END = sizeof series / sizeof *series };
    VEC a = V(abs)(x), z, p = V(all)(series[FIRST]);
    a = V(choose)((MASK)(a > 40), V(all)(40), a); /* it is 1 long before */
    z = a * a;
    UNROLL for (int i = FIRST + 1; i < END; i++) p = p * z + series[i];
    p = V(choose)((MASK)(a < (REAL)0.75), p * a, 1 - V(erfc_of)(a, V(exp)(-z)));
    return (VEC)((MASK)p | ((MASK)x & SIGN));
}

/* The share of a normal distribution below x, (1 + erf(x / sqrt 2)) / 2, given e = e^(-x^2 / 2). */
INLINE VEC V(normal_share)(VEC x, VEC e) {
    VEC half = V(erfc_of)(V(abs)(x) * (REAL)0.70710678118654752440, e) * (REAL)0.5;
    return V(choose)((MASK)(x > 0), 1 - half, half);
}

/* tanh(log(1 + e^x)) = n / (n + 2) with n = e^x (e^x + 2); it is 1 long before x = 40. */
INLINE VEC V(mish_share)(VEC x) {
    VEC e = V(exp)(V(choose)((MASK)(x > 40), V(all)(40), x)), n = e * (e + 2);
    return n / (n + 2);
}

#undef F32
#undef NUMBER
#undef FRACTION
#undef BIAS
#undef ROUND
#undef LN2_HIGH
#undef LN2_LOW
#undef SIGN
