/* elementwise_body.h - the formulas, for one element type; elementwise.c includes it through both.h. */
#include "lanes_body.h"

/* One operand of the next `lanes` results; what lies past the end of an unfinished vector is 1, good for every formula. */
INLINE VEC T(load)(const REAL *x, bool steps, int64_t i, int64_t lanes) { return steps ? T(load_part)(x + i, lanes, 1) : V(all)(*x); }

INLINE void T(walk)(int64_t n, REAL *y, const REAL *a, bool a_steps, const REAL *b, bool b_steps, VEC (*f)(VEC, VEC)) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) *(VEC *)(y + i) = f(T(load)(a, a_steps, i, LANES), T(load)(b, b_steps, i, LANES));
    if (i < n) T(store_part)(y + i, n - i, f(T(load)(a, a_steps, i, n - i), T(load)(b, b_steps, i, n - i)));
}

/* The formula is inlined into a loop for each way of stepping. A number that stands still is read before y is written over it. */
#define FORMULA(name, formula)                                                                               \
    INLINE VEC T(name##_of)(VEC a, VEC b) { (void)b; return formula; }                                       \
    static void T(name)(int64_t n, void *y, const void *a, bool a_steps, const void *b, bool b_steps) {      \
        REAL one = *(const REAL *)a, two = *(const REAL *)b;                                                 \
        if (a_steps && b_steps) T(walk)(n, y, a, true, b, true, T(name##_of));                               \
        else if (a_steps) T(walk)(n, y, a, true, &two, false, T(name##_of));                                 \
        else if (b_steps) T(walk)(n, y, &one, false, b, true, T(name##_of));                                 \
        else T(walk)(n, y, &one, false, &two, false, T(name##_of));                                          \
    }

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
FORMULA(expand, a)
FORMULA(expand_like, a)
#undef FORMULA
