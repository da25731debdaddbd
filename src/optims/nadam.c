/* nadam - Adam with Nesterov's look-ahead (Dozat, 2016); its beta_1 grows as beta_1 (1 - 0.96^t / 2), and so the product of all of
** them so far takes the place of its power. torch's NAdam slows the growth by momentum_decay. */
#include "kernel.h"
#include "optim.h"
#include <math.h>

typedef struct { double learning_rate, beta_1, beta_2, epsilon, momentum_decay; } nadam_attrs;

#define AT(field) offsetof(nadam_attrs, field)
static const fire_attr attrs[] = {
    {"learning_rate", FIRE_ATTR_FLOAT, AT(learning_rate), 0.001, 0, 1e30, NULL, NULL, "step size"},
    {"beta_1", FIRE_ATTR_FLOAT, AT(beta_1), 0.9, 0, 1, NULL, NULL, "decay of the mean gradient"},
    {"beta_2", FIRE_ATTR_FLOAT, AT(beta_2), 0.999, 0, 1, NULL, NULL, "decay of the mean squared gradient"},
    {"epsilon", FIRE_ATTR_FLOAT, AT(epsilon), 1e-7, 0, 1, NULL, NULL, "keeps the division finite"},
    {"momentum_decay", FIRE_ATTR_FLOAT, AT(momentum_decay), 1, 0, 1, NULL, NULL, "beta_1 of update t is beta_1 (1 - 0.96^(t momentum_decay) / 2); torch has 0.004"},
    {0},
};

#define NADAM(T, SQRT) \
    static void update_##T(T by_m, T by_g, T keep1, T keep2, T root, T epsilon, T scale, int64_t from, int64_t to, T *restrict w, const T *restrict g, \
                           T *restrict m, T *restrict v) { \
        for (int64_t i = from; i < to; i++) { \
            T x = g[i] * scale; \
            m[i] += (x - m[i]) * keep1; \
            v[i] += (x * x - v[i]) * keep2; \
            w[i] -= (by_m * m[i] + by_g * x) / (SQRT(v[i] * root) + epsilon); \
        } \
    }
NADAM(float, sqrtf)
NADAM(double, sqrt)

static double growing(const nadam_attrs *t, double step) { return t->beta_1 * (1 - 0.5 * pow(0.96, step * t->momentum_decay)); }

static void nadam_update(const fire_optim_call *c) {
    const nadam_attrs *t = c->attrs;
    double now = growing(t, (double)c->step), next = growing(t, (double)c->step + 1), product = 1;
    for (int64_t k = 1; k <= c->step && product > 1e-20; k++) product *= growing(t, (double)k); /* below, 1 - product is 1 */
    double by_m = c->rate * next / (1 - product * next), by_g = c->rate * (1 - now) / (1 - product), root = 1 / (1 - pow((float)t->beta_2, (double)c->step));
    if (c->type == FIRE_F32)
        update_float((float)by_m, (float)by_g, (float)(1 - t->beta_1), (float)(1 - t->beta_2), (float)root, (float)t->epsilon, (float)c->gscale, c->from, c->to, c->w, c->g,
                     c->slot[0], c->slot[1]);
    else update_double(by_m, by_g, 1 - t->beta_1, 1 - t->beta_2, root, t->epsilon, c->gscale, c->from, c->to, c->w, c->g, c->slot[0], c->slot[1]);
}

static int32_t nadam_slots(const void *attrs_) { return 2; }

const fire_optim FIRE_ISA_NAME(fire_optim_nadam) = {
    .name = "Nadam", .help = "Adam with Nesterov's look-ahead", .attrs = attrs, .attr_size = sizeof(nadam_attrs), .rate_offset = AT(learning_rate),
    .slots = nadam_slots, .update = nadam_update,
};
