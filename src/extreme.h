/* extreme.h - what Max and Min share: the extreme of 1 to 8 inputs, element by element, with broadcasting, and its gradient. */
#ifndef FIRE_EXTREME_H
#define FIRE_EXTREME_H
#include "op.h"

/* A NaN anywhere comes through. */
static inline void fire_extreme_run(const fire_call *call, bool largest) {
    const fire_tensor *y = &call->out[0];
    fire_walk w = fire_walk_start(&y->shape, call->n_in, call->in);
    for (int64_t e = 0, count = fire_count(&y->shape); e < count; e++, fire_walk_next(&w)) {
        if (y->type == FIRE_I64) { /* exact, where a double would not be */
            int64_t most = fire_whole_at(&call->in[0], w.i[0]);
            for (int k = 1; k < call->n_in; k++) {
                const int64_t x = fire_whole_at(&call->in[k], w.i[k]);
                if (largest ? x > most : x < most) most = x;
            }
            ((int64_t *)y->data)[e] = most;
            continue;
        }
        double best = fire_get(&call->in[0], w.i[0]);
        for (int k = 1; k < call->n_in; k++) {
            double x = fire_get(&call->in[k], w.i[k]);
            if ((largest ? x > best : x < best) || x != x) best = x;
        }
        fire_put(y, e, best);
    }
}

/* Each element's gradient goes to the first input that equals y there, once, also when several do. */
static inline void fire_extreme_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value left = dy[0], zero = fire_graph_scalar(g, fire_type_of(g, dy[0]), 0);
    for (int i = 0; i < n->n_in; i++) {
        fire_value mine = fire_apply(g, "Equal", 2, FIRE_IN(n->in[i], n->out[0]), NULL);
        dx[i] = fire_sum_like(g, fire_apply(g, "Where", 3, FIRE_IN(mine, left, zero), NULL), n->in[i]);
        left = fire_apply(g, "Where", 3, FIRE_IN(mine, zero, left), NULL);
    }
}

/* All of a descriptor but name, help and run. */
#define FIRE_EXTREME                                                                                  \
    .min_in = 1, .max_in = FIRE_MAX_WALK, .n_out = 1, .in_place = 1,                                  \
    .infer = fire_infer_broadcast, .grad = fire_extreme_grad,                                         \
    .examples = {"[2,3] [2,3]", "[4,3] [3]", "[2,3] [2,3] [2,3]", "[3] [4,1]", "[2,3]", "i32[5] i32[5]"}
#endif
