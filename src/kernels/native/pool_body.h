/* pool_body.h - for one element type; pool.c includes it through both.h. Each function takes its operator's inputs and its output. */

static void T(max_pool)(const fire_window *w, const fire_window_attrs *t, const REAL *x, const REAL *none, REAL *y) {
    int64_t c = w->c, row = fire_window_count(w->x) * c, at[TAPS], p[3];
    for (int64_t n = 0; n < w->n; n++, x += row)
        for (p[0] = 0; p[0] < w->y[0]; p[0]++)
            for (p[1] = 0; p[1] < w->y[1]; p[1]++)
                for (p[2] = 0; p[2] < w->y[2]; p[2]++, y += c) {
                    int taps = taps_of(w, p, c, at);
                    for (int64_t j = 0; j < c; j++) y[j] = taps ? x[at[0] + j] : (REAL)-INFINITY;
                    for (int k = 1; k < taps; k++) {
                        const REAL *v = x + at[k];
                        EACH(j, c) y[j] = v[j] > y[j] || v[j] != v[j] ? v[j] : y[j];
                    }
                }
}

/* Windows that do not meet write each number of dx once; then only what no window covers needs zeros. */
static void T(max_pool_grad)(const fire_window *w, const fire_window_attrs *t, const REAL *x, const REAL *dy, REAL *dx) {
    int64_t c = w->c, row = fire_window_count(w->x) * c, at[TAPS], p[3];
    bool apart = true, whole = true;
    for (int d = 0; d < 3; d++) {
        apart = apart && w->dilation[d] == 1 && w->k[d] <= w->stride[d];
        whole = whole && w->k[d] == w->stride[d] && w->y[d] * w->k[d] == w->x[d] && !w->low[d];
    }
    REAL least = t->p ? 0 : (REAL)-INFINITY; /* "relu": only numbers above 0 */
    for (int64_t n = 0; n < w->n; n++, x += row, dx += row) {
        if (!(apart && whole)) memset(dx, 0, (size_t)row * sizeof *dx);
        for (p[0] = 0; p[0] < w->y[0]; p[0]++)
            for (p[1] = 0; p[1] < w->y[1]; p[1]++)
                for (p[2] = 0; p[2] < w->y[2]; p[2]++, dy += c) {
                    int taps = taps_of(w, p, c, at);
                    for (int64_t from = 0; from < c && taps; from += BLOCK) {
                        int64_t m = c - from < BLOCK ? c - from : BLOCK;
                        REAL top[BLOCK], share[BLOCK];
                        INT best[BLOCK];
                        const REAL *v = x + at[0] + from;
                        for (int64_t j = 0; j < m; j++) top[j] = v[j], best[j] = 0;
                        for (int k = 1; k < taps; k++) {
                            v = x + at[k] + from;
                            for (int64_t j = 0; j < m; j++) {
                                bool more = v[j] > top[j] || (v[j] != v[j] && top[j] == top[j]);
                                top[j] = more ? v[j] : top[j];
                                best[j] = more ? (INT)k : best[j];
                            }
                        }
                        for (int64_t j = 0; j < m; j++) share[j] = top[j] > least || (top[j] != top[j] && !t->p) || (!t->p && top[j] == least) ? dy[from + j] : 0;
                        for (int k = 0; k < taps; k++) {
                            REAL *to = dx + at[k] + from;
                            if (apart) for (int64_t j = 0; j < m; j++) to[j] = best[j] == (INT)k ? share[j] : 0;
                            else for (int64_t j = 0; j < m; j++) to[j] += best[j] == (INT)k ? share[j] : 0;
                        }
                    }
                }
    }
}

static void T(average_pool)(const fire_window *w, const fire_window_attrs *t, const REAL *x, const REAL *none, REAL *y) {
    int64_t c = w->c, row = fire_window_count(w->x) * c, at[TAPS], p[3];
    for (int64_t n = 0; n < w->n; n++, x += row)
        for (p[0] = 0; p[0] < w->y[0]; p[0]++)
            for (p[1] = 0; p[1] < w->y[1]; p[1]++)
                for (p[2] = 0; p[2] < w->y[2]; p[2]++, y += c) {
                    int taps = taps_of(w, p, c, at);
                    REAL by = (REAL)(t->count_include_pad ? divisor(w, p) : taps);
                    for (int64_t j = 0; j < c; j++) y[j] = taps ? x[at[0] + j] : 0;
                    for (int k = 1; k < taps; k++) {
                        const REAL *v = x + at[k];
                        EACH(j, c) y[j] += v[j];
                    }
                    if (by > 1) EACH(j, c) y[j] /= by;
                }
}

static void T(average_pool_grad)(const fire_window *w, const fire_window_attrs *t, const REAL *dy, const REAL *none, REAL *dx) {
    int64_t c = w->c, row = fire_window_count(w->x) * c, at[TAPS], p[3];
    for (int64_t n = 0; n < w->n; n++, dx += row) {
        memset(dx, 0, (size_t)row * sizeof *dx);
        for (p[0] = 0; p[0] < w->y[0]; p[0]++)
            for (p[1] = 0; p[1] < w->y[1]; p[1]++)
                for (p[2] = 0; p[2] < w->y[2]; p[2]++, dy += c) {
                    int taps = taps_of(w, p, c, at);
                    REAL by = (REAL)(t->count_include_pad ? divisor(w, p) : taps);
                    for (int k = 0; k < taps; k++) {
                        REAL *to = dx + at[k];
                        EACH(j, c) to[j] += dy[j] / by;
                    }
                }
    }
}
