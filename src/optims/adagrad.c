/* adagrad - Duchi et al., 2011: gradients divided by the root of the sum of all their squares. */
#include "kernel.h"
#include "optim.h"
#include <math.h>

typedef struct { double learning_rate, start, epsilon; } adagrad_attrs;

#define AT(field) offsetof(adagrad_attrs, field)
static const fire_attr attrs[] = {
    {"learning_rate", FIRE_ATTR_FLOAT, AT(learning_rate), 0.001, 0, 1e30, NULL, NULL, "step size"},
    {"initial_accumulator_value", FIRE_ATTR_FLOAT, AT(start), 0.1, 0, 1e30, NULL, NULL, "what the sums of squares begin with"},
    {"epsilon", FIRE_ATTR_FLOAT, AT(epsilon), 1e-7, 0, 1, NULL, NULL, "keeps the division finite"},
    {0},
};

#define ADAGRAD(T, SQRT) \
    static void update_##T(T rate, T epsilon, T scale, int64_t from, int64_t to, T *restrict w, const T *restrict g, T *restrict a) { \
        for (int64_t i = from; i < to; i++) { \
            T x = g[i] * scale; \
            a[i] += x * x; \
            w[i] -= rate * x / SQRT(a[i] + epsilon); \
        } \
    }
ADAGRAD(float, sqrtf)
ADAGRAD(double, sqrt)

static void adagrad_update(const fire_optim_call *c) {
    const adagrad_attrs *t = c->attrs;
    if (c->type == FIRE_F32) update_float((float)c->rate, (float)t->epsilon, (float)c->gscale, c->from, c->to, c->w, c->g, c->slot[0]);
    else update_double(c->rate, t->epsilon, c->gscale, c->from, c->to, c->w, c->g, c->slot[0]);
}

static int32_t adagrad_slots(const void *attrs_) { return 1; }
static double adagrad_start(const void *attrs_, int32_t k) { return ((const adagrad_attrs *)attrs_)->start; }

const fire_optim FIRE_ISA_NAME(fire_optim_adagrad) = {
    .name = "Adagrad", .help = "rates that fall with all that a weight has seen", .attrs = attrs, .attr_size = sizeof(adagrad_attrs), .rate_offset = AT(learning_rate),
    .slots = adagrad_slots, .start = adagrad_start, .update = adagrad_update,
};
