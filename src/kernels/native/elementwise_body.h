/* elementwise_body.h - the formulas, for one element type; elementwise.c includes it through both.h. */
#include "lanes_body.h"

/* One operand of the next `lanes` results; what lies past the end of an unfinished vector is 1, good for every formula. */
INLINE VEC T(load)(const REAL *x, bool steps, int64_t i, int64_t lanes) { return steps ? T(load_part)(x + i, lanes, 1) : V(all)(*x); }

INLINE void T(walk)(int64_t n, REAL *y, const REAL *a, bool a_steps, const REAL *b, bool b_steps, VEC p, VEC q, VEC (*f)(VEC, VEC, VEC, VEC)) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) *(VEC *)(y + i) = f(T(load)(a, a_steps, i, LANES), T(load)(b, b_steps, i, LANES), p, q);
    if (i < n) T(store_part)(y + i, n - i, f(T(load)(a, a_steps, i, n - i), T(load)(b, b_steps, i, n - i), p, q));
}

/* The formula of a, b and two numbers of the attributes, p and q, is inlined into a loop for each way of stepping. A number that stands still
** is read before y is written over it. */
#define FORMULA(name, formula)                                                                               \
    INLINE VEC T(name##_of)(VEC a, VEC b, VEC p, VEC q) { (void)b, (void)p, (void)q; return formula; }        \
    static void T(name)(int64_t n, void *y, const void *a, bool a_steps, const void *b, bool b_steps, const double *of) { \
        REAL one = *(const REAL *)a, two = *(const REAL *)b;                                                 \
        VEC p = V(all)((REAL)of[0]), q = V(all)((REAL)of[1]);                                                \
        if (a_steps && b_steps) T(walk)(n, y, a, true, b, true, p, q, T(name##_of));                         \
        else if (a_steps) T(walk)(n, y, a, true, &two, false, p, q, T(name##_of));                           \
        else if (b_steps) T(walk)(n, y, &one, false, b, true, p, q, T(name##_of));                           \
        else T(walk)(n, y, &one, false, &two, false, p, q, T(name##_of));                                    \
    }
#define WHERE(condition, yes, no) V(choose)((MASK)(condition), yes, no)

/* y cut to [0, 1]; a NaN comes through. */
INLINE VEC T(cut)(VEC y) { return WHERE(y < 0, V(all)(0), WHERE(y > 1, V(all)(1), y)); }
INLINE VEC T(mish_slope)(VEC x, VEC s) { return s + x * V(sigmoid)(x) * (1 - s) * (s + 1); }
INLINE VEC T(swish_slope)(VEC z, VEC s) { return s + z * s * (1 - s); }
/* Gelu's share is 0 or 1, and its slope too, long before |x| = 40: squares and cubes overflow nothing. */
INLINE VEC T(near)(VEC x) { return WHERE(x > 40, V(all)(40), WHERE(x < -40, V(all)(-40), x)); }
INLINE VEC T(gelu_slope)(VEC x, VEC e) { return V(normal_share)(x, e) + x * e * (REAL)0.39894228040143267794; /* 1 / sqrt(2 pi) */ }
#define GELU_FACTOR (REAL)1.59576912160573071176 /* 2 sqrt(2 / pi) */
#define GELU_CUBE (REAL)0.044715
INLINE VEC T(gelu_inner)(VEC x) { return GELU_FACTOR * (x + GELU_CUBE * x * x * x); }
INLINE VEC T(gelu_tanh_slope)(VEC x, VEC s) { return s + x * s * (1 - s) * GELU_FACTOR * (3 * GELU_CUBE * x * x + 1); }

FORMULA(add, a + b)
FORMULA(sum, a + b)
FORMULA(sub, a - b)
FORMULA(mul, a * b)
FORMULA(div, a / b)
FORMULA(max, V(choose)((MASK)(b > a) | (MASK)(b != b), b, a)) /* a NaN comes through */
FORMULA(min, V(choose)((MASK)(b < a) | (MASK)(b != b), b, a))
FORMULA(relu_grad, (VEC)((MASK)b & (MASK)(a > 0)))
FORMULA(sigmoid_grad, b * a * (1 - a))
FORMULA(tanh_grad, b * ((1 - a) * (1 + a))) /* not 1 - a^2, which loses the digits of a near 1 */
FORMULA(neg, -a)
FORMULA(abs, V(abs)(a))
FORMULA(sign, V(choose)((MASK)(a > 0), V(all)(1), V(choose)((MASK)(a < 0), V(all)(-1), a))) /* 0 and NaN stay */
FORMULA(relu, (VEC)((MASK)a & ~(MASK)(a <= 0))) /* a NaN comes through */
FORMULA(sigmoid, V(sigmoid)(a))
FORMULA(tanh, V(tanh)(a))
FORMULA(exp, V(exp)(a))
FORMULA(log, V(log)(a))
FORMULA(sqrt, V(sqrt)(a))
FORMULA(reciprocal, (REAL)1 / a)
FORMULA(erf, V(erf)(a))
FORMULA(softplus, V(softplus_of)(a, V(exp)(-V(abs)(a))))
FORMULA(softsign, a / (V(abs)(a) + 1))
FORMULA(prelu, WHERE(a < 0, a * b, a))

/* Activations and their gradients, from x and dy. */
FORMULA(leaky_relu, WHERE(a < 0, a * p, a))
FORMULA(leaky_relu_grad, WHERE(a > 0, b, b * p))
FORMULA(thresholded_relu, WHERE(a <= p, V(all)(0), a))
FORMULA(thresholded_relu_grad, b * WHERE(a > p, V(all)(1), V(all)(0)))
FORMULA(elu, WHERE(a <= 0, p * V(expm1_below)(WHERE(a > 0, V(all)(0), a)), a))
FORMULA(elu_grad, WHERE(a <= 0, b * p * V(exp)(WHERE(a > 0, V(all)(0), a)), b))
FORMULA(selu, q * T(elu_of)(a, b, p, q))
FORMULA(selu_grad, q * T(elu_grad_of)(a, b, p, q))
FORMULA(hard_sigmoid, T(cut)(a * p + q))
FORMULA(hard_sigmoid_grad, b * (VEC)((MASK)p & (MASK)(a * p + q > 0) & (MASK)(a * p + q < 1)))
FORMULA(hard_swish, WHERE(a <= -3, V(all)(0), WHERE(a >= 3, a, a * ((a + 3) * (REAL)(1.0 / 6)))))
FORMULA(hard_swish_grad, b * WHERE(a <= -3, V(all)(0), WHERE(a >= 3, V(all)(1), (a * 2 + 3) * (REAL)(1.0 / 6))))
FORMULA(mish, a * V(mish_share)(a))
FORMULA(mish_grad, b * T(mish_slope)(a, V(mish_share)(a)))
FORMULA(swish, a * V(sigmoid)(a * p))
FORMULA(swish_grad, b * T(swish_slope)(a * p, V(sigmoid)(a * p)))
FORMULA(gelu, a * V(normal_share)(T(near)(a), V(exp)(T(near)(a) * T(near)(a) * (REAL)-0.5)))
FORMULA(gelu_grad, b * T(gelu_slope)(T(near)(a), V(exp)(T(near)(a) * T(near)(a) * (REAL)-0.5)))
FORMULA(gelu_tanh, a * V(sigmoid)(T(gelu_inner)(T(near)(a))))
FORMULA(gelu_tanh_grad, b * T(gelu_tanh_slope)(T(near)(a), V(sigmoid)(T(gelu_inner)(T(near)(a)))))
FORMULA(expand, a)
FORMULA(expand_like, a)
#undef FORMULA
#undef WHERE
#undef GELU_FACTOR
#undef GELU_CUBE
