/* adamax - Adam with the largest gradient, decaying, in place of the mean square (Kingma and Ba, 2015, section 7.1). */
#include "kernel.h"
#include "optim.h"
#include <math.h>

typedef struct { double learning_rate, beta_1, beta_2, epsilon; } adamax_attrs;

#define AT(field) offsetof(adamax_attrs, field)
static const fire_attr attrs[] = {
    {"learning_rate", FIRE_ATTR_FLOAT, AT(learning_rate), 0.001, 0, 1e30, NULL, NULL, "step size"},
    {"beta_1", FIRE_ATTR_FLOAT, AT(beta_1), 0.9, 0, 1, NULL, NULL, "decay of the mean gradient"},
    {"beta_2", FIRE_ATTR_FLOAT, AT(beta_2), 0.999, 0, 1, NULL, NULL, "decay of the largest gradient"},
    {"epsilon", FIRE_ATTR_FLOAT, AT(epsilon), 1e-7, 0, 1, NULL, NULL, "keeps the division finite"},
    {0},
};

#define ADAMAX(T, ABS) \
    static void update_##T(T rate, T keep1, T beta2, T epsilon, T scale, int64_t from, int64_t to, T *restrict w, const T *restrict g, \
                           T *restrict m, T *restrict u) { \
        for (int64_t i = from; i < to; i++) { \
            T x = g[i] * scale, size = ABS(x), old = beta2 * u[i]; \
            m[i] += (x - m[i]) * keep1; \
            u[i] = old > size ? old : size; \
            w[i] -= rate * m[i] / (u[i] + epsilon); \
        } \
    }
ADAMAX(float, fabsf)
ADAMAX(double, fabs)

static void adamax_update(const fire_optim_call *c) {
    const adamax_attrs *t = c->attrs;
    double rate = c->rate / (1 - pow((float)t->beta_1, (double)c->step)); /* the float32 next to beta_1: see adam.h */
    if (c->type == FIRE_F32)
        update_float((float)rate, (float)(1 - t->beta_1), (float)t->beta_2, (float)t->epsilon, (float)c->gscale, c->from, c->to, c->w, c->g, c->slot[0], c->slot[1]);
    else update_double(rate, 1 - t->beta_1, t->beta_2, t->epsilon, c->gscale, c->from, c->to, c->w, c->g, c->slot[0], c->slot[1]);
}

static int32_t adamax_slots(const void *attrs_) { return 2; }

const fire_optim FIRE_ISA_NAME(fire_optim_adamax) = {
    .name = "Adamax", .help = "Adam by the largest gradient", .attrs = attrs, .attr_size = sizeof(adamax_attrs), .rate_offset = AT(learning_rate),
    .slots = adamax_slots, .update = adamax_update,
};
