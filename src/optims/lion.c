/* lion - Chen et al., 2023: steps of one size, in the direction of the sign of momentum mixed with the gradient. */
#include "kernel.h"
#include "optim.h"

typedef struct { double learning_rate, beta_1, beta_2; } lion_attrs;

#define AT(field) offsetof(lion_attrs, field)
static const fire_attr attrs[] = {
    {"learning_rate", FIRE_ATTR_FLOAT, AT(learning_rate), 0.001, 0, 1e30, NULL, NULL, "step size"},
    {"beta_1", FIRE_ATTR_FLOAT, AT(beta_1), 0.9, 0, 1, NULL, NULL, "share of momentum in the step"},
    {"beta_2", FIRE_ATTR_FLOAT, AT(beta_2), 0.99, 0, 1, NULL, NULL, "decay of the momentum"},
    {0},
};

#define LION(T) \
    static void update_##T(T rate, T beta1, T keep1, T beta2, T keep2, T scale, int64_t from, int64_t to, T *restrict w, const T *restrict g, T *restrict m) { \
        for (int64_t i = from; i < to; i++) { \
            T x = g[i] * scale, by = m[i] * beta1 + x * keep1; \
            w[i] -= by > 0 ? rate : by < 0 ? -rate : 0; \
            m[i] = m[i] * beta2 + x * keep2; \
        } \
    }
LION(float)
LION(double)

static void lion_update(const fire_optim_call *c) {
    const lion_attrs *t = c->attrs;
    if (c->type == FIRE_F32)
        update_float((float)c->rate, (float)t->beta_1, (float)(1 - t->beta_1), (float)t->beta_2, (float)(1 - t->beta_2), (float)c->gscale, c->from, c->to, c->w, c->g, c->slot[0]);
    else update_double(c->rate, t->beta_1, 1 - t->beta_1, t->beta_2, 1 - t->beta_2, c->gscale, c->from, c->to, c->w, c->g, c->slot[0]);
}

static int32_t lion_slots(const void *attrs_) { return 1; }

const fire_optim FIRE_ISA_NAME(fire_optim_lion) = {
    .name = "Lion", .help = "steps by the sign of the momentum", .attrs = attrs, .attr_size = sizeof(lion_attrs), .rate_offset = AT(learning_rate),
    .slots = lion_slots, .update = lion_update,
};
