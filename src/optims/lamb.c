/* lamb - You et al., 2020: Adam's direction, each weight's step as long as the weight itself times the rate. For large batches. */
#include "kernel.h"
#include "optim.h"
#include <math.h>

typedef struct { double learning_rate, beta_1, beta_2, epsilon; } lamb_attrs;

#define AT(field) offsetof(lamb_attrs, field)
static const fire_attr attrs[] = {
    {"learning_rate", FIRE_ATTR_FLOAT, AT(learning_rate), 0.001, 0, 1e30, NULL, NULL, "step size"},
    {"beta_1", FIRE_ATTR_FLOAT, AT(beta_1), 0.9, 0, 1, NULL, NULL, "decay of the mean gradient"},
    {"beta_2", FIRE_ATTR_FLOAT, AT(beta_2), 0.999, 0, 1, NULL, NULL, "decay of the mean squared gradient"},
    {"epsilon", FIRE_ATTR_FLOAT, AT(epsilon), 1e-7, 0, 1, NULL, NULL, "keeps the division finite"},
    {0},
};

#define LAMB(T, SQRT) \
    static void direction_##T(T by_m, T by_v, T keep1, T keep2, T epsilon, int64_t from, int64_t to, T *restrict g, T *restrict m, T *restrict v) { \
        for (int64_t i = from; i < to; i++) { \
            T x = g[i]; \
            m[i] += (x - m[i]) * keep1; \
            v[i] += (x * x - v[i]) * keep2; \
            g[i] = m[i] * by_m / (SQRT(v[i] * by_v) + epsilon); \
        } \
    } \
    static void update_##T(T rate, T scale, int64_t from, int64_t to, T *restrict w, const T *restrict g) { \
        for (int64_t i = from; i < to; i++) w[i] -= rate * (g[i] * scale); \
    }
LAMB(float, sqrtf)
LAMB(double, sqrt)

static void lamb_direction(const fire_optim_call *c) {
    const lamb_attrs *t = c->attrs;
    double by_m = 1 / (1 - pow((float)t->beta_1, (double)c->step)), by_v = 1 / (1 - pow((float)t->beta_2, (double)c->step)); /* float: see adam.h */
    if (c->type == FIRE_F32)
        direction_float((float)by_m, (float)by_v, (float)(1 - t->beta_1), (float)(1 - t->beta_2), (float)t->epsilon, c->from, c->to, c->g, c->slot[0], c->slot[1]);
    else direction_double(by_m, by_v, 1 - t->beta_1, 1 - t->beta_2, t->epsilon, c->from, c->to, c->g, c->slot[0], c->slot[1]);
}

static void lamb_update(const fire_optim_call *c) {
    double rate = c->rate * (c->w_norm > 0 && c->g_norm > 0 ? c->w_norm / c->g_norm : 1);
    if (c->type == FIRE_F32) update_float((float)rate, (float)c->gscale, c->from, c->to, c->w, c->g);
    else update_double(rate, c->gscale, c->from, c->to, c->w, c->g);
}

static int32_t lamb_slots(const void *attrs_) { return 2; }

const fire_optim FIRE_ISA_NAME(fire_optim_lamb) = {
    .name = "Lamb", .help = "Adam with steps in proportion to each weight, for large batches", .attrs = attrs, .attr_size = sizeof(lamb_attrs), .rate_offset = AT(learning_rate),
    .per_weight = true, .slots = lamb_slots, .direction = lamb_direction, .update = lamb_update,
};
