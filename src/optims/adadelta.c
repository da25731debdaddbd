/* adadelta - Zeiler, 2012: gradients times the root mean square of past steps over that of gradients. */
#include "kernel.h"
#include "optim.h"
#include <math.h>

typedef struct { double learning_rate, rho, epsilon; } adadelta_attrs;

#define AT(field) offsetof(adadelta_attrs, field)
static const fire_attr attrs[] = {
    {"learning_rate", FIRE_ATTR_FLOAT, AT(learning_rate), 0.001, 0, 1e30, NULL, NULL, "step size; 1 in the paper"},
    {"rho", FIRE_ATTR_FLOAT, AT(rho), 0.95, 0, 1, NULL, NULL, "decay of both mean squares"},
    {"epsilon", FIRE_ATTR_FLOAT, AT(epsilon), 1e-7, 0, 1, NULL, NULL, "keeps the division finite"},
    {0},
};

#define ADADELTA(T, SQRT) \
    static void update_##T(T rate, T rho, T keep, T epsilon, T scale, int64_t from, int64_t to, T *restrict w, const T *restrict g, T *restrict v, T *restrict d) { \
        for (int64_t i = from; i < to; i++) { \
            T x = g[i] * scale; \
            v[i] = rho * v[i] + keep * (x * x); \
            T by = SQRT(d[i] + epsilon) * x / SQRT(v[i] + epsilon); \
            d[i] = rho * d[i] + keep * (by * by); \
            w[i] -= rate * by; \
        } \
    }
ADADELTA(float, sqrtf)
ADADELTA(double, sqrt)

static void adadelta_update(const fire_optim_call *c) {
    const adadelta_attrs *t = c->attrs;
    if (c->type == FIRE_F32)
        update_float((float)c->rate, (float)t->rho, (float)(1 - t->rho), (float)t->epsilon, (float)c->gscale, c->from, c->to, c->w, c->g, c->slot[0], c->slot[1]);
    else update_double(c->rate, t->rho, 1 - t->rho, t->epsilon, c->gscale, c->from, c->to, c->w, c->g, c->slot[0], c->slot[1]);
}

static int32_t adadelta_slots(const void *attrs_) { return 2; }

const fire_optim FIRE_ISA_NAME(fire_optim_adadelta) = {
    .name = "Adadelta", .help = "steps in units of past steps", .attrs = attrs, .attr_size = sizeof(adadelta_attrs), .rate_offset = AT(learning_rate),
    .slots = adadelta_slots, .update = adadelta_update,
};
