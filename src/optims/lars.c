/* lars - You et al., 2017: momentum with a rate for each weight, trust_coefficient |w| / (|g| + decay |w|). For large batches. */
#include "kernel.h"
#include "optim.h"

typedef struct { double learning_rate, momentum, trust, l2, epsilon; bool nesterov; } lars_attrs;

#define AT(field) offsetof(lars_attrs, field)
static const fire_attr attrs[] = {
    {"learning_rate", FIRE_ATTR_FLOAT, AT(learning_rate), 0.01, 0, 1e30, NULL, NULL, "step size"},
    {"momentum", FIRE_ATTR_FLOAT, AT(momentum), 0.9, 0, 1, NULL, NULL, "share of the last step that is made again"},
    {"nesterov", FIRE_ATTR_BOOL, AT(nesterov), 0, 0, 1, NULL, NULL, "look ahead by the momentum"},
    {"trust_coefficient", FIRE_ATTR_FLOAT, AT(trust), 0.001, 0, 1e30, NULL, NULL, "a step's length as a share of the weight's"},
    {"l2", FIRE_ATTR_FLOAT, AT(l2), 0, 0, 1e30, NULL, NULL, "this share of the weight is added to its gradient: the paper's weight decay"},
    {"epsilon", FIRE_ATTR_FLOAT, AT(epsilon), 1e-8, 0, 1, NULL, NULL, "keeps the division finite"},
    {0},
};

#define LARS(T) \
    static void update_##T(T rate, T mu, T ahead, T l2, T scale, int64_t from, int64_t to, T *restrict w, const T *restrict g, T *restrict m) { \
        for (int64_t i = from; i < to; i++) { \
            T by = rate * (g[i] * scale + l2 * w[i]); \
            m[i] = mu * m[i] + by; \
            w[i] -= ahead * by + (ahead > 0 ? mu * m[i] : m[i]); \
        } \
    }
LARS(float)
LARS(double)

static void lars_update(const fire_optim_call *c) {
    const lars_attrs *t = c->attrs;
    double rate = c->rate, ahead = t->nesterov;
    if (c->w_norm > 0 && c->g_norm > 0) rate *= t->trust * c->w_norm / (c->g_norm + t->l2 * c->w_norm + t->epsilon);
    if (c->type == FIRE_F32) update_float((float)rate, (float)t->momentum, (float)ahead, (float)t->l2, (float)c->gscale, c->from, c->to, c->w, c->g, c->slot[0]);
    else update_double(rate, t->momentum, ahead, t->l2, c->gscale, c->from, c->to, c->w, c->g, c->slot[0]);
}

static int32_t lars_slots(const void *attrs_) { return 1; }

const fire_optim FIRE_ISA_NAME(fire_optim_lars) = {
    .name = "LARS", .help = "momentum with steps in proportion to each weight, for large batches", .attrs = attrs, .attr_size = sizeof(lars_attrs), .rate_offset = AT(learning_rate),
    .per_weight = true, .slots = lars_slots, .update = lars_update,
};
