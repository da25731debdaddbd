/* ftrl - follow the regularized leader (McMahan et al., 2013): L1 keeps weights at exactly 0. Keras' form, with shrinkage and beta. */
#include "kernel.h"
#include "optim.h"
#include <math.h>

typedef struct { double learning_rate, power, start, l1, l2, shrinkage, beta; } ftrl_attrs;

#define AT(field) offsetof(ftrl_attrs, field)
static const fire_attr attrs[] = {
    {"learning_rate", FIRE_ATTR_FLOAT, AT(learning_rate), 0.001, 0, 1e30, NULL, NULL, "step size"},
    {"learning_rate_power", FIRE_ATTR_FLOAT, AT(power), -0.5, -1e6, 0, NULL, NULL, "power of the sum of squares that divides the rate; 0: the rate stays"},
    {"initial_accumulator_value", FIRE_ATTR_FLOAT, AT(start), 0.1, 0, 1e30, NULL, NULL, "what the sums of squares begin with"},
    {"l1_regularization_strength", FIRE_ATTR_FLOAT, AT(l1), 0, 0, 1e30, NULL, NULL, "makes weights exactly 0"},
    {"l2_regularization_strength", FIRE_ATTR_FLOAT, AT(l2), 0, 0, 1e30, NULL, NULL, "makes weights small"},
    {"l2_shrinkage_regularization_strength", FIRE_ATTR_FLOAT, AT(shrinkage), 0, 0, 1e30, NULL, NULL, "L2 that looks at the weights as they are"},
    {"beta", FIRE_ATTR_FLOAT, AT(beta), 0, 0, 1e30, NULL, NULL, "the beta of the paper"},
    {0},
};

#define FTRL(T, POW, SQRT) \
    static void update_##T(const ftrl_attrs *t, T rate, T scale, int64_t from, int64_t to, T *restrict w, const T *restrict g, T *restrict a, T *restrict z) { \
        const T power = (T)-t->power, l1 = (T)t->l1, twice = (T)(2 * (t->l2 + t->beta / (2 * (double)rate))), shrink = (T)(2 * t->shrinkage); \
        const bool root = t->power == -0.5; \
        for (int64_t i = from; i < to; i++) { \
            T x = g[i] * scale, sum = a[i] + x * x, now = root ? SQRT(sum) : POW(sum, power), old = root ? SQRT(a[i]) : POW(a[i], power); \
            z[i] += x + shrink * w[i] - (now - old) / rate * w[i]; \
            T held = z[i] > l1 ? l1 : z[i] < -l1 ? -l1 : z[i]; \
            w[i] = (held - z[i]) / (now / rate + twice); \
            a[i] = sum; \
        } \
    }
FTRL(float, powf, sqrtf)
FTRL(double, pow, sqrt)

static void ftrl_update(const fire_optim_call *c) {
    if (c->rate == 0) return; /* the rule divides by it; its limit is to do nothing */
    if (c->type == FIRE_F32) update_float(c->attrs, (float)c->rate, (float)c->gscale, c->from, c->to, c->w, c->g, c->slot[0], c->slot[1]);
    else update_double(c->attrs, c->rate, c->gscale, c->from, c->to, c->w, c->g, c->slot[0], c->slot[1]);
}

static int32_t ftrl_slots(const void *attrs_) { return 2; }
static double ftrl_start(const void *attrs_, int32_t k) { return k == 0 ? ((const ftrl_attrs *)attrs_)->start : 0; }

const fire_optim FIRE_ISA_NAME(fire_optim_ftrl) = {
    .name = "Ftrl", .help = "follow the regularized leader, for sparse linear models", .attrs = attrs, .attr_size = sizeof(ftrl_attrs), .rate_offset = AT(learning_rate),
    .slots = ftrl_slots, .start = ftrl_start, .update = ftrl_update,
};
