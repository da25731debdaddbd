/* weights.h - all weights of a network as doubles, and how far two networks are apart. */
#ifndef FIRE_TEST_WEIGHTS_H
#define FIRE_TEST_WEIGHTS_H
#include "graph.h"
#include "firesteel.h"
#include <math.h>

/* All weights as doubles. */
typedef struct weights { int n; double v[512]; } weights;
static inline void read_weights(fire_network *net, weights *w) {
    w->n = 0;
    for (int i = 0; i < fire_network_weights(net); i++) {
        fire_weight_info info;
        if (fire_network_weight(net, i, &info, NULL)) continue;
        for (int64_t k = 0; k < fire_count(&info.value.shape) && w->n < 512; k++) w->v[w->n++] = fire_get(&info.value, k);
    }
}
/* max |a - b| / max |a| */
static inline double difference(const weights *a, const weights *b) {
    double d = 0, m = 1e-300;
    if (a->n != b->n || !a->n) return INFINITY;
    for (int i = 0; i < a->n; i++) {
        d = fmax(d, fabs(a->v[i] - b->v[i]));
        m = fmax(m, fabs(a->v[i]));
        if (isnan(b->v[i])) return INFINITY;
    }
    return d / m;
}
#endif
