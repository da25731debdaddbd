/* cumulative.h - what running sums and products along an axis share: attributes, the axis as a constant input, the pass over the numbers. */
#ifndef FIRE_CUMULATIVE_H
#define FIRE_CUMULATIVE_H
#include "op.h"

typedef struct fire_cumulative_attrs { int64_t exclusive, reverse; } fire_cumulative_attrs;

static const fire_attr fire_attrs_of_cumulative[] = {
    {"exclusive", FIRE_ATTR_INT, offsetof(fire_cumulative_attrs, exclusive), 0, 0, 1, .help = "leave the element itself out"},
    {"reverse", FIRE_ATTR_INT, offsetof(fire_cumulative_attrs, reverse), 0, 0, 1, .help = "begin at the end"},
    {0},
};

static inline fire_status fire_cumulative_axis(const fire_tensor *in, int *axis, fire_error *err) {
    fire_status s = fire_want_index(&in[1], "axis", err);
    if (s) return s;
    if (!in[1].data || fire_count(&in[1].shape) != 1) return fire_fail(err, FIRE_E_SHAPE, "axis is not one constant number");
    return fire_axis((int64_t)fire_get(&in[1], 0), in[0].shape.rank, axis, err);
}

static inline fire_status fire_cumulative_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    (void)attrs, (void)n_in;
    int axis;
    fire_status s = fire_want_number(&in[0], "input", err);
    out[0].type = in[0].type;
    out[0].shape = in[0].shape;
    return s ? s : fire_cumulative_axis(in, &axis, err);
}

/* in[0], any shape, to out[0] of the same; product: multiply, else add. In double, but for int64. */
static inline void fire_cumulative_run(const fire_call *call, bool product) {
    const fire_cumulative_attrs *t = call->attrs;
    const fire_shape *s = &call->in[0].shape;
    int axis = 0;
    if (fire_cumulative_axis(call->in, &axis, NULL)) return;
    if (!fire_count(s)) return; /* other sizes of an empty tensor may be of any size */
    int64_t outer = 1, size = s->dim[axis], step = 1;
    for (int d = 0; d < axis; d++) outer *= s->dim[d];
    for (int d = axis + 1; d < s->rank; d++) step *= s->dim[d];
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < step; i++) {
            if (call->in[0].type == FIRE_I64) { /* exact, where a double would not be */
                int64_t past = product, now;
                for (int64_t k = 0; k < size; k++, past = now) {
                    const int64_t at = (o * size + (t->reverse ? size - 1 - k : k)) * step + i, x = fire_whole_at(&call->in[0], at);
                    now = product ? fire_whole_mul(past, x) : fire_whole_add(past, x);
                    ((int64_t *)call->out[0].data)[at] = t->exclusive ? past : now;
                }
                continue;
            }
            double before = product, with;
            for (int64_t k = 0; k < size; k++, before = with) {
                const int64_t at = (o * size + (t->reverse ? size - 1 - k : k)) * step + i;
                const double x = fire_get(&call->in[0], at);
                with = product ? before * x : before + x;
                fire_put(&call->out[0], at, t->exclusive ? before : with);
            }
        }
}

/* The attributes of a running sum of gradients, which goes the other way. */
static inline const char *fire_cumulative_back(const fire_cumulative_attrs *t) {
    return t->exclusive ? (t->reverse ? "exclusive=1" : "exclusive=1 reverse=1") : t->reverse ? NULL : "reverse=1";
}
#endif
