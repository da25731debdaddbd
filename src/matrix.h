/* matrix.h - what operators on the matrices in the last two dimensions share. They are copied to doubles one at a time. */
#ifndef FIRE_MATRIX_H
#define FIRE_MATRIX_H
#include "op.h"
#include <math.h>

typedef struct fire_matrices { int64_t count, rows, columns; } fire_matrices;

static inline fire_matrices fire_matrices_of(const fire_shape *s) {
    fire_matrices m = {1, s->dim[s->rank - 2], s->dim[s->rank - 1]};
    for (int d = 0; d < s->rank - 2; d++) m.count *= s->dim[d];
    return m;
}

/* fire_want_matrices - floats of rank 2 or more whose last two dimensions are known; square if wanted. */
static inline fire_status fire_want_matrices(const fire_tensor *t, const char *what, bool square, fire_error *err) {
    fire_status s = fire_want_float(t, what, err);
    if (s) return s;
    const fire_shape *x = &t->shape;
    char text[FIRE_SHAPE_TEXT];
    if (x->rank < 2 || x->dim[x->rank - 1] < 0 || x->dim[x->rank - 2] < 0) return fire_fail(err, FIRE_E_SHAPE, "%s is %s, expected matrices", what, fire_shape_text(x, text));
    if (x->dim[x->rank - 1] > INT32_MAX || x->dim[x->rank - 2] > INT32_MAX) return fire_fail(err, FIRE_E_SHAPE, "%s is %s, which is too large", what, fire_shape_text(x, text));
    if (square && x->dim[x->rank - 1] != x->dim[x->rank - 2]) return fire_fail(err, FIRE_E_SHAPE, "%s is %s, expected square matrices", what, fire_shape_text(x, text));
    return FIRE_OK;
}

/* Bytes of n doubles for each of rows * columns; a size that cannot be is one that nothing can allocate. */
static inline size_t fire_matrix_bytes(int64_t rows, int64_t columns, int64_t extra) {
    int64_t n;
    if (!fire_mul(rows, columns, &n) || !fire_add(n, extra, &n) || !fire_mul(n, 8, &n)) return SIZE_MAX / 2;
    return (size_t)n;
}
static inline void fire_matrix_get(const fire_tensor *t, int64_t at, int64_t n, double *to) {
    for (int64_t i = 0; i < n; i++) to[i] = fire_get(t, at * n + i);
}
static inline void fire_matrix_put(const fire_tensor *t, int64_t at, int64_t n, const double *from) {
    for (int64_t i = 0; i < n; i++) fire_put(t, at * n + i, from[i]);
}
static inline int64_t fire_matrix_work(int64_t count, int64_t a, int64_t b, int64_t c) { /* count a b c, or the greatest number */
    int64_t n;
    return fire_mul(count, a, &n) && fire_mul(n, b, &n) && fire_mul(n, c, &n) ? n : INT64_MAX;
}
#endif
