/* softmax.h - what Softmax and LogSoftmax share: their attribute, and the lines along its axis. */
#ifndef FIRE_SOFTMAX_H
#define FIRE_SOFTMAX_H
#include "op.h"
#include <math.h>

typedef struct fire_softmax_attrs { int64_t axis; } fire_softmax_attrs;
static const fire_attr fire_softmax_table[] = {
    {"axis", FIRE_ATTR_INT, offsetof(fire_softmax_attrs, axis), -1, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, .help = "dimension along which the probabilities sum to 1"},
    {0},
};

static inline fire_status fire_softmax_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    int axis;
    fire_status s = fire_axis(((const fire_softmax_attrs *)attrs)->axis, in[0].shape.rank, &axis, err);
    return s ? s : fire_infer_same_float(attrs, n_in, in, out, err);
}

/* Element k of line i lies at fire_line(l, i) + k * step: `count` lines of `size` elements along the axis. An empty axis can have any number of lines. */
typedef struct fire_lines { int64_t count, size, step; } fire_lines;
static inline fire_lines fire_lines_of(const fire_call *call) {
    const fire_shape *s = &call->in[0].shape;
    fire_lines l = {1, 1, 1};
    int axis = 0;
    (void)fire_axis(((const fire_softmax_attrs *)call->attrs)->axis, s->rank, &axis, NULL);
    for (int d = 0; d < s->rank; d++)
        if (d != axis) l.count *= s->dim[d];
    l.size = s->dim[axis];
    for (int d = axis + 1; d < s->rank; d++) l.step *= s->dim[d];
    return l;
}
static inline int64_t fire_line(const fire_lines *l, int64_t i) { return i / l->step * l->step * l->size + i % l->step; }

/* The sum of e^(x - top) over a line that begins at `at`, top being the largest of it, so that nothing overflows. */
static inline double fire_line_sum(const fire_tensor *x, const fire_lines *l, int64_t at, double *top) {
    double sum = 0;
    *top = -INFINITY;
    for (int64_t k = 0; k < l->size; k++) *top = fmax(*top, fire_get(x, at + k * l->step));
    for (int64_t k = 0; k < l->size; k++) sum += exp(fire_get(x, at + k * l->step) - *top);
    return sum;
}

static inline int64_t fire_softmax_flops(const fire_call *call) { return FIRE_WORK(5, fire_count(&call->out[0].shape)); }
#endif
