/* rmsprop - Tieleman and Hinton, 2012; Keras' form: epsilon stands inside the square root. */
#include "kernel.h"
#include "optim.h"
#include <math.h>

typedef struct { double learning_rate, rho, momentum, epsilon; bool centered; } rmsprop_attrs;

#define AT(field) offsetof(rmsprop_attrs, field)
static const fire_attr attrs[] = {
    {"learning_rate", FIRE_ATTR_FLOAT, AT(learning_rate), 0.001, 0, 1e30, NULL, NULL, "step size"},
    {"rho", FIRE_ATTR_FLOAT, AT(rho), 0.9, 0, 1, NULL, NULL, "decay of the mean square"},
    {"momentum", FIRE_ATTR_FLOAT, AT(momentum), 0, 0, 1, NULL, NULL, "share of the last step that is made again"},
    {"epsilon", FIRE_ATTR_FLOAT, AT(epsilon), 1e-7, 0, 1, NULL, NULL, "keeps the division finite"},
    {"centered", FIRE_ATTR_BOOL, AT(centered), 0, 0, 1, NULL, NULL, "divide by the deviation instead of the mean square"},
    {0},
};

/* v: mean square; a: mean (centered); m: momentum. The four cases are four loops: a branch inside would cost more than they do. */
#define LOOP(T, SQRT, MEAN, SPREAD, STEP) \
    for (int64_t i = from; i < to; i++) { \
        T x = g[i] * scale; \
        v[i] = rho * v[i] + keep * (x * x); \
        MEAN; \
        T by = rate * x / SQRT(SPREAD + epsilon); \
        STEP; \
    }
#define RMSPROP(T, SQRT) \
    static void update_##T(const rmsprop_attrs *t, T rate, T scale, int64_t from, int64_t to, T *restrict w, const T *restrict g, \
                           T *restrict v, T *restrict a, T *restrict m) { \
        const T rho = (T)t->rho, keep = (T)(1 - t->rho), mu = (T)t->momentum, epsilon = (T)t->epsilon; \
        if (t->centered && m) LOOP(T, SQRT, a[i] = rho * a[i] + keep * x, v[i] - a[i] * a[i], m[i] = mu * m[i] + by; w[i] -= m[i]) \
        else if (t->centered) LOOP(T, SQRT, a[i] = rho * a[i] + keep * x, v[i] - a[i] * a[i], w[i] -= by) \
        else if (m) LOOP(T, SQRT, , v[i], m[i] = mu * m[i] + by; w[i] -= m[i]) \
        else LOOP(T, SQRT, , v[i], w[i] -= by) \
    }
RMSPROP(float, sqrtf)
RMSPROP(double, sqrt)

static void rmsprop_update(const fire_optim_call *c) {
    const rmsprop_attrs *t = c->attrs;
    void *a = t->centered ? c->slot[1] : NULL, *m = t->momentum != 0 ? c->slot[t->centered ? 2 : 1] : NULL;
    if (c->type == FIRE_F32) update_float(t, (float)c->rate, (float)c->gscale, c->from, c->to, c->w, c->g, c->slot[0], a, m);
    else update_double(t, c->rate, c->gscale, c->from, c->to, c->w, c->g, c->slot[0], a, m);
}

static int32_t rmsprop_slots(const void *attrs_) {
    const rmsprop_attrs *t = attrs_;
    return 1 + t->centered + (t->momentum != 0);
}

const fire_optim FIRE_ISA_NAME(fire_optim_rmsprop) = {
    .name = "RMSprop", .help = "divides by a running mean of squared gradients", .attrs = attrs, .attr_size = sizeof(rmsprop_attrs),
    .rate_offset = AT(learning_rate), .slots = rmsprop_slots, .update = rmsprop_update,
};
