/* softmax_body.h - rows of logits for one element type; softmax.c includes it through both.h. A row's bits depend on that row alone. */
#include "lanes_body.h"

/* p = softmax(x), which may lie over x. *top gets the largest x; returns the sum of e^(x - *top). */
INLINE REAL T(softmax_row)(const REAL *x, REAL *p, int64_t classes, REAL *top) {
    if (classes <= LANES) {
        VEC v = T(load_part)(x, classes, -INFINITY);
        *top = T(max_lanes)(v);
        VEC e = V(exp)(v - *top); /* 0 in lanes past the row */
        REAL sum = T(add_lanes)(e);
        T(store_part)(p, classes, e * (1 / sum));
        return sum;
    }
    VEC m = (VEC){0} - INFINITY, total = {0};
    for (int64_t k = 0, n; k < classes; k += n) {
        n = classes - k < LANES ? classes - k : LANES;
        VEC v = T(load_part)(x + k, n, -INFINITY);
        m = V(choose)((MASK)(v > m), v, m);
    }
    *top = T(max_lanes)(m);
    for (int64_t k = 0, n; k < classes; k += n) {
        n = classes - k < LANES ? classes - k : LANES;
        VEC e = V(exp)(T(load_part)(x + k, n, -INFINITY) - *top);
        T(store_part)(p + k, n, e);
        total += e;
    }
    REAL sum = T(add_lanes)(total), share = 1 / sum;
    for (int64_t k = 0, n; k < classes; k += n) {
        n = classes - k < LANES ? classes - k : LANES;
        T(store_part)(p + k, n, T(load_part)(p + k, n, 0) * share);
    }
    return sum;
}

static void T(softmax)(const fire_call *call, int64_t rows, int64_t classes) {
    const REAL *x = call->in[0].data;
    REAL *y = call->out[0].data, top;
    for (int64_t i = 0; i < rows; i++, x += classes, y += classes) T(softmax_row)(x, y, classes, &top);
}

/* dx = y (dy - sum of y dy) */
static void T(softmax_grad)(const fire_call *call, int64_t rows, int64_t classes) {
    const REAL *y = call->in[0].data, *dy = call->in[1].data;
    REAL *dx = call->out[0].data;
    for (int64_t i = 0; i < rows; i++, y += classes, dy += classes, dx += classes) {
        VEC dot = {0};
        for (int64_t k = 0, n; k < classes; k += n) {
            n = classes - k < LANES ? classes - k : LANES;
            dot += T(load_part)(y + k, n, 0) * T(load_part)(dy + k, n, 0);
        }
        REAL sum = T(add_lanes)(dot);
        for (int64_t k = 0, n; k < classes; k += n) {
            n = classes - k < LANES ? classes - k : LANES;
            T(store_part)(dx + k, n, T(load_part)(y + k, n, 0) * (T(load_part)(dy + k, n, 0) - sum));
        }
    }
}

/* y = x - log of the sum of e^x */
static void T(log_softmax)(const fire_call *call, int64_t rows, int64_t classes) {
    const REAL *x = call->in[0].data;
    REAL *y = call->out[0].data;
    for (int64_t i = 0; i < rows; i++, x += classes, y += classes) {
        VEC m = (VEC){0} - INFINITY, total = {0};
        for (int64_t k = 0, n; k < classes; k += n) {
            n = classes - k < LANES ? classes - k : LANES;
            VEC v = T(load_part)(x + k, n, -INFINITY);
            m = V(choose)((MASK)(v > m), v, m);
        }
        REAL top = T(max_lanes)(m);
        for (int64_t k = 0, n; k < classes; k += n) {
            n = classes - k < LANES ? classes - k : LANES;
            total += V(exp)(T(load_part)(x + k, n, -INFINITY) - top);
        }
        REAL log_sum = V(log)(V(all)(T(add_lanes)(total)))[0];
        for (int64_t k = 0, n; k < classes; k += n) {
            n = classes - k < LANES ? classes - k : LANES;
            T(store_part)(y + k, n, T(load_part)(x + k, n, 0) - top - log_sum);
        }
    }
}

/* dx = dy - e^y times the sum of dy */
static void T(log_softmax_grad)(const fire_call *call, int64_t rows, int64_t classes) {
    const REAL *y = call->in[0].data, *dy = call->in[1].data;
    REAL *dx = call->out[0].data;
    for (int64_t i = 0; i < rows; i++, y += classes, dy += classes, dx += classes) {
        VEC total = {0};
        for (int64_t k = 0, n; k < classes; k += n) {
            n = classes - k < LANES ? classes - k : LANES;
            total += T(load_part)(dy + k, n, 0);
        }
        REAL sum = T(add_lanes)(total);
        for (int64_t k = 0, n; k < classes; k += n) {
            n = classes - k < LANES ? classes - k : LANES;
            T(store_part)(dx + k, n, T(load_part)(dy + k, n, 0) - V(exp)(T(load_part)(y + k, n, 0)) * sum);
        }
    }
}

/* Losses and probabilities. The target is a class per row or a distribution per row. */
static void T(softmax_cross_entropy)(const fire_call *call, int64_t rows, int64_t classes) {
    const fire_tensor *target = &call->in[1];
    const REAL *x = call->in[0].data, *t = target->type == call->in[0].type ? target->data : NULL;
    REAL *loss = call->out[0].data, *p = call->out[1].data, top;
    for (int64_t i = 0; i < rows; i++, x += classes, p += classes) {
        REAL sum = T(softmax_row)(x, p, classes, &top), log_sum = V(log)(V(all)(sum))[0];
        if (!t) {
            int64_t c = class_of(target, i, classes);
            loss[i] = c < 0 ? (REAL)NAN : log_sum - (x[c] - top);
            continue;
        }
        VEC total = {0};
        for (int64_t k = 0, n; k < classes; k += n) { /* 0 times infinity is 0 here */
            n = classes - k < LANES ? classes - k : LANES;
            VEC d = T(load_part)(t + k, n, 0);
            total += (VEC)((MASK)(d * (log_sum - (T(load_part)(x + k, n, 0) - top))) & (MASK)(d != 0));
        }
        loss[i] = T(add_lanes)(total);
        t += classes;
    }
}

/* dx = dy (p sum(t) - t) */
static void T(softmax_cross_entropy_grad)(const fire_call *call, int64_t rows, int64_t classes) {
    const fire_tensor *target = &call->in[1];
    const REAL *p = call->in[0].data, *t = target->type == call->in[0].type ? target->data : NULL, *dy = call->in[2].data;
    REAL *dx = call->out[0].data;
    for (int64_t i = 0; i < rows; i++, p += classes, dx += classes) {
        REAL mass = 1;
        if (t) {
            VEC sum = {0};
            for (int64_t k = 0, n; k < classes; k += n) {
                n = classes - k < LANES ? classes - k : LANES;
                sum += T(load_part)(t + k, n, 0);
            }
            mass = T(add_lanes)(sum);
        }
        REAL scale = t ? mass : dy[i], at_class = 0;
        int64_t c = t ? -1 : class_of(target, i, classes);
        if (c >= 0) at_class = dy[i] * (p[c] - 1); /* before dx, which may lie over p */
        for (int64_t k = 0, n; k < classes; k += n) {
            n = classes - k < LANES ? classes - k : LANES;
            VEC v = T(load_part)(p + k, n, 0) * scale;
            if (t) v = (v - T(load_part)(t + k, n, 0)) * dy[i];
            else if (c < 0) v = v + (REAL)NAN;
            T(store_part)(dx + k, n, v);
        }
        if (c >= 0) dx[c] = at_class;
        if (t) t += classes;
    }
}
