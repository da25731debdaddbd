/* compare_body.h - for one element type; compare.c includes it through both.h. */
#include "lanes_body.h"

/* y = a ? b in runs in which both move on, or one stands still. */
#define COMPARE(name, symbol)                                                             \
    static void T(name)(const fire_call *call) {                                          \
        runs r = runs_of(&call->out[0].shape, 2, call->in);                               \
        uint8_t *y = call->out[0].data;                                                   \
        for (int64_t c = 0; c < r.count; c++, y += r.length, fire_walk_next(&r.walk)) {   \
            const REAL *a = (const REAL *)call->in[0].data + r.walk.i[0];                 \
            const REAL *b = (const REAL *)call->in[1].data + r.walk.i[1];                 \
            REAL one = *a, two = *b;                                                      \
            if (r.step[0] && r.step[1]) EACH(i, r.length) y[i] = a[i] symbol b[i];        \
            else if (r.step[0]) EACH(i, r.length) y[i] = a[i] symbol two;                 \
            else if (r.step[1]) EACH(i, r.length) y[i] = one symbol b[i];                 \
            else EACH(i, r.length) y[i] = one symbol two;                                 \
        }                                                                                 \
    }
COMPARE(equal, ==)
COMPARE(greater, >)
COMPARE(greater_or_equal, >=)
COMPARE(less, <)
COMPARE(less_or_equal, <=)
#undef COMPARE

static void T(where)(const fire_call *call) {
    runs r = runs_of(&call->out[0].shape, 3, call->in);
    REAL *y = call->out[0].data;
    for (int64_t c = 0; c < r.count; c++, y += r.length, fire_walk_next(&r.walk)) {
        const uint8_t *w = (const uint8_t *)call->in[0].data + r.walk.i[0];
        const REAL *a = (const REAL *)call->in[1].data + r.walk.i[1], *b = (const REAL *)call->in[2].data + r.walk.i[2];
        REAL one = *a, two = *b;
        if (!r.step[0]) { /* one side for the whole run */
            const REAL *side = *w ? a : b;
            if (r.step[*w ? 1 : 2]) EACH(i, r.length) y[i] = side[i];
            else EACH(i, r.length) y[i] = *w ? one : two;
        }
        else if (r.step[1] && r.step[2]) EACH(i, r.length) y[i] = w[i] ? a[i] : b[i];
        else if (r.step[1]) EACH(i, r.length) y[i] = w[i] ? a[i] : two;
        else if (r.step[2]) EACH(i, r.length) y[i] = w[i] ? one : b[i];
        else EACH(i, r.length) y[i] = w[i] ? one : two;
    }
}

static void T(clip)(const fire_call *call) {
    const REAL *x = call->in[0].data;
    REAL *y = call->out[0].data;
    REAL low = call->n_in > 1 && call->in[1].type ? *(const REAL *)call->in[1].data : (REAL)-INFINITY;
    REAL high = call->n_in > 2 && call->in[2].type ? *(const REAL *)call->in[2].data : (REAL)INFINITY;
    for (int64_t i = 0, n, count = fire_count(&call->out[0].shape); i < count; i += n) {
        n = count - i < LANES ? count - i : LANES;
        VEC v = T(load_part)(x + i, n, 0);
        v = V(choose)((MASK)(v < low), V(all)(low), v); /* NaN stays */
        T(store_part)(y + i, n, V(choose)((MASK)(v > high), V(all)(high), v));
    }
}
