/* radam - Adam whose adaptive rate waits until its variance can be told (Liu et al., 2020); torch's form, epsilon added to the root. */
#include "kernel.h"
#include "optim.h"
#include <math.h>

typedef struct { double learning_rate, beta_1, beta_2, epsilon; } radam_attrs;

#define AT(field) offsetof(radam_attrs, field)
static const fire_attr attrs[] = {
    {"learning_rate", FIRE_ATTR_FLOAT, AT(learning_rate), 0.001, 0, 1e30, NULL, NULL, "step size"},
    {"beta_1", FIRE_ATTR_FLOAT, AT(beta_1), 0.9, 0, 1, NULL, NULL, "decay of the mean gradient"},
    {"beta_2", FIRE_ATTR_FLOAT, AT(beta_2), 0.999, 0, 1, NULL, NULL, "decay of the mean squared gradient"},
    {"epsilon", FIRE_ATTR_FLOAT, AT(epsilon), 1e-8, 0, 1, NULL, NULL, "keeps the division finite"},
    {0},
};

/* adapt 0: plain momentum. */
#define RADAM(T, SQRT) \
    static void update_##T(T rate, T adapt, T keep1, T keep2, T epsilon, T scale, int64_t from, int64_t to, T *restrict w, const T *restrict g, \
                           T *restrict m, T *restrict v) { \
        for (int64_t i = from; i < to; i++) { \
            T x = g[i] * scale; \
            m[i] += (x - m[i]) * keep1; \
            v[i] += (x * x - v[i]) * keep2; \
            w[i] -= m[i] * (adapt > 0 ? rate * adapt / (SQRT(v[i]) + epsilon) : rate); \
        } \
    }
RADAM(float, sqrtf)
RADAM(double, sqrt)

static void radam_update(const fire_optim_call *c) {
    const radam_attrs *t = c->attrs;
    double step = (double)c->step, power = pow(t->beta_2, step), left = 1 - power, most = 2 / (1 - t->beta_2) - 1, length = most - 2 * step * power / left, adapt = 0;
    if (length > 5) adapt = sqrt((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)) * sqrt(left);
    double rate = c->rate / (1 - pow(t->beta_1, step));
    if (c->type == FIRE_F32)
        update_float((float)rate, (float)adapt, (float)(1 - t->beta_1), (float)(1 - t->beta_2), (float)t->epsilon, (float)c->gscale, c->from, c->to, c->w, c->g, c->slot[0], c->slot[1]);
    else update_double(rate, adapt, 1 - t->beta_1, 1 - t->beta_2, t->epsilon, c->gscale, c->from, c->to, c->w, c->g, c->slot[0], c->slot[1]);
}

static int32_t radam_slots(const void *attrs_) { return 2; }

const fire_optim FIRE_ISA_NAME(fire_optim_radam) = {
    .name = "RAdam", .help = "torch's: Adam that begins as momentum", .attrs = attrs, .attr_size = sizeof(radam_attrs), .rate_offset = AT(learning_rate),
    .slots = radam_slots, .update = radam_update,
};
