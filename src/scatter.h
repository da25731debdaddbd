/* scatter.h - what joins a number that is there with one that comes, in Scatter operators. */
#ifndef FIRE_SCATTER_H
#define FIRE_SCATTER_H
#include "op.h"

#define FIRE_SCATTER_CHOICES "none|add|mul|max|min"
/* fire_scatter - element o of y becomes what `how` makes of it and element i of x. */
static inline void fire_scatter(const char *how, const fire_tensor *y, int64_t o, const fire_tensor *x, int64_t i) {
    double a, b;
    if (how[0] == 'n') { fire_move(y, o, x, i); return; }
    if (y->type == FIRE_I64) { /* exact, where a double would not be */
        const int64_t there = fire_whole_at(y, o), comes = fire_whole_at(x, i);
        ((int64_t *)y->data)[o] = how[0] == 'a' ? fire_whole_add(there, comes) : how[1] == 'u' ? fire_whole_mul(there, comes) : (how[1] == 'a' ? comes > there : comes < there) ? comes : there;
        return;
    }
    a = fire_get(y, o), b = fire_get(x, i);
    fire_put(y, o, how[0] == 'a' ? a + b : how[1] == 'u' ? a * b : how[1] == 'a' ? (b > a || b != b ? b : a) : (b < a || b != b ? b : a));
}
#endif
