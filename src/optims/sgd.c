/* sgd - gradient descent with momentum (Polyak), Nesterov's form of it, and a rate that falls as 1 / (1 + decay t).
**
** Keras' velocity holds the rate: m = mu m - rate g. torch's does not, m = mu m + (1 - dampening) g with m = g at first, which differs where the rate
** moves; it is what dampening and a schedule that moves the momentum (OneCycleLR) take. */
#include "kernel.h"
#include "optim.h"
#include <math.h>

typedef struct { double learning_rate, momentum, decay, dampening; bool nesterov; } sgd_attrs;

#define AT(field) offsetof(sgd_attrs, field)
static const fire_attr attrs[] = {
    {"learning_rate", FIRE_ATTR_FLOAT, AT(learning_rate), 0.01, 0, 1e30, NULL, NULL, "step size"},
    {"momentum", FIRE_ATTR_FLOAT, AT(momentum), 0, 0, 1, NULL, NULL, "share of the last step that is made again"},
    {"nesterov", FIRE_ATTR_BOOL, AT(nesterov), 0, 0, 1, NULL, NULL, "look ahead by the momentum"},
    {"decay", FIRE_ATTR_FLOAT, AT(decay), 0, 0, 1e30, NULL, NULL, "the rate of update t, from 0, is learning_rate / (1 + decay t)"},
    {"dampening", FIRE_ATTR_FLOAT, AT(dampening), 0, 0, 1, NULL, NULL, "torch's: share of the gradient that the momentum does not take in"},
    {0},
};

/* One loop per element type; `restrict` and plain indices let the compiler vectorise it. */
#define SGD(T) \
    static void plain_##T(T rate, T scale, int64_t from, int64_t to, T *restrict w, const T *restrict g) { \
        for (int64_t i = from; i < to; i++) w[i] -= rate * (g[i] * scale); \
    } \
    static void momentum_##T(T rate, T mu, T scale, int64_t from, int64_t to, T *restrict w, const T *restrict g, T *restrict m) { \
        for (int64_t i = from; i < to; i++) { \
            m[i] = mu * m[i] - rate * (g[i] * scale); \
            w[i] += m[i]; \
        } \
    } \
    static void nesterov_##T(T rate, T mu, T scale, int64_t from, int64_t to, T *restrict w, const T *restrict g, T *restrict m) { \
        for (int64_t i = from; i < to; i++) { \
            T step = rate * (g[i] * scale); \
            m[i] = mu * m[i] - step; \
            w[i] += mu * m[i] - step; \
        } \
    } \
    /* ahead: Nesterov's form */ \
    static void torch_##T(T rate, T mu, T take, T ahead, T scale, int64_t from, int64_t to, T *restrict w, const T *restrict g, T *restrict m) { \
        for (int64_t i = from; i < to; i++) { \
            T x = g[i] * scale; \
            m[i] = mu * m[i] + take * x; \
            w[i] -= rate * (ahead > 0 ? x + mu * m[i] : m[i]); \
        } \
    }
SGD(float)
SGD(double)

static void sgd_update(const fire_optim_call *c) {
    const sgd_attrs *t = c->attrs;
    bool torch = t->momentum != 0 && (t->dampening != 0 || !isnan(c->momentum));
    double mu = isnan(c->momentum) ? t->momentum : c->momentum, take = c->step == 1 ? 1 : 1 - t->dampening;
    if (c->type == FIRE_F32) {
        float r = (float)c->rate, u = (float)mu, s = (float)c->gscale;
        if (t->momentum == 0) plain_float(r, s, c->from, c->to, c->w, c->g);
        else if (torch) torch_float(r, u, (float)take, t->nesterov, s, c->from, c->to, c->w, c->g, c->slot[0]);
        else if (t->nesterov) nesterov_float(r, u, s, c->from, c->to, c->w, c->g, c->slot[0]);
        else momentum_float(r, u, s, c->from, c->to, c->w, c->g, c->slot[0]);
    } else {
        if (t->momentum == 0) plain_double(c->rate, c->gscale, c->from, c->to, c->w, c->g);
        else if (torch) torch_double(c->rate, mu, take, t->nesterov, c->gscale, c->from, c->to, c->w, c->g, c->slot[0]);
        else if (t->nesterov) nesterov_double(c->rate, mu, c->gscale, c->from, c->to, c->w, c->g, c->slot[0]);
        else momentum_double(c->rate, mu, c->gscale, c->from, c->to, c->w, c->g, c->slot[0]);
    }
}

static int32_t sgd_slots(const void *attrs_) { return ((const sgd_attrs *)attrs_)->momentum != 0; }
static double sgd_rate(const void *attrs_, double base, int64_t step) { return base / (1 + ((const sgd_attrs *)attrs_)->decay * (double)(step - 1)); }

const fire_optim FIRE_ISA_NAME(fire_optim_sgd) = {
    .name = "SGD", .help = "gradient descent, with momentum", .attrs = attrs, .attr_size = sizeof(sgd_attrs), .rate_offset = AT(learning_rate),
    .slots = sgd_slots, .update = sgd_update, .rate = sgd_rate,
};
