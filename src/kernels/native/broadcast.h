/* broadcast.h - a broadcast as a walk over long runs: within a run each input either moves on element by element or stands still. */
#ifndef FIRE_BROADCAST_H
#define FIRE_BROADCAST_H
#include "op.h"

/* `count` runs of `length` elements of the output, which lie one after the other. walk.i[k] is where input k's run begins, and step[k],
** 0 or 1, how it moves within. */
typedef struct runs { fire_walk walk; int64_t count, length, step[FIRE_MAX_WALK]; } runs;

/* runs_of - inputs in[n] broadcast to shape y. Neighbouring dimensions that all inputs walk through alike become one. */
static inline runs runs_of(const fire_shape *y, int n, const fire_tensor *in) {
    runs r = {.walk = fire_walk_start(y, n, in), .count = 1, .length = 1};
    fire_walk *w = &r.walk;
    int rank = 0;
    for (int d = 0; d < w->rank; d++) {
        int64_t size = w->dim[d]; /* dim[rank] and dim[d] may be one place */
        if (size == 1) continue;
        bool joins = rank > 0;
        for (int k = 0; k < n; k++) joins = joins && w->stride[k][rank - 1] == w->stride[k][d] * size;
        if (!joins) w->dim[rank++] = 1;
        w->dim[rank - 1] *= size;
        for (int k = 0; k < n; k++) w->stride[k][rank - 1] = w->stride[k][d];
    }
    w->rank = rank > 0 ? rank - 1 : 0;
    if (rank) r.length = w->dim[rank - 1];
    for (int k = 0; rank && k < n; k++) r.step[k] = w->stride[k][rank - 1];
    for (int d = 0; d < w->rank; d++) r.count *= w->dim[d];
    if (r.length == 0) r.count = 0;
    return r;
}
#endif
