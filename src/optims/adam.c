/* adam - Kingma and Ba, 2015, with the bias correction folded into the rate (their section 2, last paragraph), as Keras does. */
#include "kernel.h"
#include "optim.h"
#include <math.h>

typedef struct { double learning_rate, beta_1, beta_2, epsilon; } adam_attrs;

#define AT(field) offsetof(adam_attrs, field)
static const fire_attr attrs[] = {
    {"learning_rate", FIRE_ATTR_FLOAT, AT(learning_rate), 0.001, 0, 1e30, NULL, NULL, "step size"},
    {"beta_1", FIRE_ATTR_FLOAT, AT(beta_1), 0.9, 0, 1, NULL, NULL, "decay of the mean gradient"},
    {"beta_2", FIRE_ATTR_FLOAT, AT(beta_2), 0.999, 0, 1, NULL, NULL, "decay of the mean squared gradient"},
    {"epsilon", FIRE_ATTR_FLOAT, AT(epsilon), 1e-7, 0, 1, NULL, NULL, "keeps the division finite"},
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
    }
ADAM(float, sqrtf)
ADAM(double, sqrt)

static void adam_update(const void *attrs_, double rate, int64_t step, double gscale, fire_type type, int64_t from, int64_t to,
                        void *w, const void *g, void *const *slot) {
    const adam_attrs *t = attrs_;
    double keep1 = 1 - t->beta_1, keep2 = 1 - t->beta_2;
    /* Keras on TensorFlow takes these powers of the float32 next to each beta, in float64 too; its trajectories come out by doing the
    ** same, and the first steps differ from the paper's by 6e-6 of their size. */
    rate *= sqrt(1 - pow((float)t->beta_2, (double)step)) / (1 - pow((float)t->beta_1, (double)step));
    if (type == FIRE_F32)
        update_float((float)rate, (float)keep1, (float)keep2, (float)t->epsilon, (float)gscale, from, to, w, g, slot[0], slot[1]);
    else update_double(rate, keep1, keep2, t->epsilon, gscale, from, to, w, g, slot[0], slot[1]);
}

static int32_t adam_slots(const void *attrs_) { return 2; }

const fire_optim FIRE_ISA_NAME(fire_optim_adam) = {
    .name = "Adam", .help = "adaptive moment estimation", .attrs = attrs, .attr_size = sizeof(adam_attrs), .rate_offset = AT(learning_rate),
    .slots = adam_slots, .update = adam_update,
};
