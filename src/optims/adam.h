/* adam.h - what Adam and AdamW share: Kingma and Ba, 2015, with the bias correction folded into the rate (their section 2, last
** paragraph), as Keras does; amsgrad divides by the largest mean square so far (Reddi et al., 2018). */
#ifndef FIRE_ADAM_H
#define FIRE_ADAM_H
#include "kernel.h"
#include "optim.h"
#include <math.h>

typedef struct { double learning_rate, beta_1, beta_2, epsilon; bool amsgrad; } adam_attrs;

#define AT(field) offsetof(adam_attrs, field)
static const fire_attr attrs[] = {
    {"learning_rate", FIRE_ATTR_FLOAT, AT(learning_rate), 0.001, 0, 1e30, NULL, NULL, "step size"},
    {"beta_1", FIRE_ATTR_FLOAT, AT(beta_1), 0.9, 0, 1, NULL, NULL, "decay of the mean gradient"},
    {"beta_2", FIRE_ATTR_FLOAT, AT(beta_2), 0.999, 0, 1, NULL, NULL, "decay of the mean squared gradient"},
    {"epsilon", FIRE_ATTR_FLOAT, AT(epsilon), 1e-7, 0, 1, NULL, NULL, "keeps the division finite"},
    {"amsgrad", FIRE_ATTR_BOOL, AT(amsgrad), 0, 0, 1, NULL, NULL, "divide by the largest mean square so far"},
    {0},
};

#define ADAM(T, SQRT) \
    static void update_##T(T rate, T keep1, T keep2, T epsilon, T scale, int64_t from, int64_t to, T *restrict w, const T *restrict g, \
                           T *restrict m, T *restrict v) { \
        for (int64_t i = from; i < to; i++) { \
            T x = g[i] * scale; \
            m[i] += (x - m[i]) * keep1; \
            v[i] += (x * x - v[i]) * keep2; \
            w[i] -= m[i] * rate / (SQRT(v[i]) + epsilon); \
        } \
    } \
    static void amsgrad_##T(T rate, T keep1, T keep2, T epsilon, T scale, int64_t from, int64_t to, T *restrict w, const T *restrict g, \
                            T *restrict m, T *restrict v, T *restrict most) { \
        for (int64_t i = from; i < to; i++) { \
            T x = g[i] * scale; \
            m[i] += (x - m[i]) * keep1; \
            v[i] += (x * x - v[i]) * keep2; \
            most[i] = most[i] > v[i] ? most[i] : v[i]; \
            w[i] -= m[i] * rate / (SQRT(most[i]) + epsilon); \
        } \
    }
ADAM(float, sqrtf)
ADAM(double, sqrt)

static void adam_update(const fire_optim_call *c) {
    const adam_attrs *t = c->attrs;
    double beta = isnan(c->momentum) ? t->beta_1 : c->momentum, keep1 = 1 - beta, keep2 = 1 - t->beta_2;
    /* Keras on TensorFlow takes these powers of the float32 next to each beta, in float64 too; its trajectories come out by doing the
    ** same, and the first steps differ from the paper's by 6e-6 of their size. */
    double rate = c->rate * sqrt(1 - pow((float)t->beta_2, (double)c->step)) / (1 - pow((float)beta, (double)c->step));
    if (c->type == FIRE_F32) {
        float r = (float)rate, k1 = (float)keep1, k2 = (float)keep2, e = (float)t->epsilon, s = (float)c->gscale;
        if (t->amsgrad) amsgrad_float(r, k1, k2, e, s, c->from, c->to, c->w, c->g, c->slot[0], c->slot[1], c->slot[2]);
        else update_float(r, k1, k2, e, s, c->from, c->to, c->w, c->g, c->slot[0], c->slot[1]);
    } else {
        if (t->amsgrad) amsgrad_double(rate, keep1, keep2, t->epsilon, c->gscale, c->from, c->to, c->w, c->g, c->slot[0], c->slot[1], c->slot[2]);
        else update_double(rate, keep1, keep2, t->epsilon, c->gscale, c->from, c->to, c->w, c->g, c->slot[0], c->slot[1]);
    }
}

static int32_t adam_slots(const void *attrs_) { return 2 + ((const adam_attrs *)attrs_)->amsgrad; }
#endif
