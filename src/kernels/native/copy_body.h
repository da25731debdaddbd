/* copy_body.h - for one element type; copy.c includes it through both.h. */

/* y[j][i] = x[i][j], in squares small enough that the lines of both stay in the first-level cache. */
static void T(turn)(const REAL *x, int64_t x_row, REAL *y, int64_t y_row, int64_t rows, int64_t cols) {
    enum { SQUARE = 16 };
    for (int64_t i0 = 0; i0 < rows; i0 += SQUARE)
        for (int64_t j0 = 0; j0 < cols; j0 += SQUARE) {
            int64_t i1 = i0 + SQUARE < rows ? i0 + SQUARE : rows, j1 = j0 + SQUARE < cols ? j0 + SQUARE : cols;
            for (int64_t j = j0; j < j1; j++)
                for (int64_t i = i0; i < i1; i++) y[j * y_row + i] = x[i * x_row + j];
        }
}

/* The last dimension of y is a run of x, or x's own run is another one and the two make a matrix that is turned; around it, the rest. */
static void T(move)(const moves *m, const REAL *x, REAL *y) {
    int last = m->rank - 1, run = last;
    for (int d = 0; d < m->rank; d++)
        if (m->from[d] == 1) run = d;
    int64_t at[FIRE_MAX_RANK] = {0};
    for (;;) {
        if (run == last) memcpy(y, x, (size_t)m->size[last] * sizeof(REAL));
        else T(turn)(x, m->from[last], y, m->to[run], m->size[last], m->size[run]);
        int d = last - 1;
        for (; d >= 0; d--) {
            if (d == run) continue;
            x += m->from[d], y += m->to[d];
            if (++at[d] < m->size[d]) break;
            at[d] = 0;
            x -= m->from[d] * m->size[d], y -= m->to[d] * m->size[d];
        }
        if (d < 0) return;
    }
}
