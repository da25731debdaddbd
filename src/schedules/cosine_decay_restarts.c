/* cosine_decay_restarts - cosines one after the other, each t_mul times as long and m_mul times as high (Loshchilov and Hutter, 2016). */
#include "schedule.h"
#include <math.h>

typedef struct { double initial, t_mul, m_mul, alpha; int64_t first; } decay_attrs;

#define AT(field) offsetof(decay_attrs, field)
static const fire_attr attrs[] = {
    {"initial_learning_rate", FIRE_ATTR_FLOAT, AT(initial), 0.001, 0, 1e30, NULL, NULL, "the rate of the first update"},
    {"first_decay_steps", FIRE_ATTR_INT, AT(first), 1, 1, 1e15, NULL, NULL, "updates of the first fall"},
    {"t_mul", FIRE_ATTR_FLOAT, AT(t_mul), 2, 1, 1e6, NULL, NULL, "each fall is so many times as long as that before it"},
    {"m_mul", FIRE_ATTR_FLOAT, AT(m_mul), 1, 0, 1e6, NULL, NULL, "and begins at so many times its height"},
    {"alpha", FIRE_ATTR_FLOAT, AT(alpha), 0, 0, 1e30, NULL, NULL, "share of the rate that remains"},
    {0},
};

static double decay_rate(const void *attrs_, int64_t step) {
    const decay_attrs *t = attrs_;
    double done = (double)step / (double)t->first, restarts;
    if (t->t_mul == 1) restarts = floor(done), done -= restarts;
    else {
        restarts = floor(log(1 - done * (1 - t->t_mul)) / log(t->t_mul));
        double length = pow(t->t_mul, restarts);
        done = (done - (1 - length) / (1 - t->t_mul)) / length;
    }
    double cosine = 0.5 * pow(t->m_mul, restarts) * (1 + cos(acos(-1) * done));
    return t->initial * ((1 - t->alpha) * cosine + t->alpha);
}

const fire_schedule fire_schedule_cosine_decay_restarts = {
    .name = "CosineDecayRestarts", .help = "cosines that begin again", .attrs = attrs, .attr_size = sizeof(decay_attrs), .rate = decay_rate,
    .examples = {"initial_learning_rate=0.1 first_decay_steps=3", "first_decay_steps=4 t_mul=1 m_mul=0.5", "first_decay_steps=3 t_mul=1.5 m_mul=0.9 alpha=0.1"},
};
