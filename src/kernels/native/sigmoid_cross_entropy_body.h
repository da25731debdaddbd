/* sigmoid_cross_entropy_body.h - for one element type; sigmoid_cross_entropy.c includes it through both.h. */
#include "lanes_body.h"

static void T(loss)(const REAL *x, const REAL *t, REAL *y, REAL *p, int64_t count) {
    for (int64_t i = 0, n; i < count; i += n) {
        n = count - i < LANES ? count - i : LANES;
        VEC a = T(load_part)(x + i, n, 0), b = T(load_part)(t + i, n, 0);
        VEC e = V(exp)(-V(abs)(a));
        VEC above = (VEC)((MASK)a & ~(MASK)(a <= 0)); /* max(a, 0); a NaN comes through */
        T(store_part)(y + i, n, above - a * b + V(log1p)(e));
        T(store_part)(p + i, n, V(sigmoid_of)(a, e));
    }
}
