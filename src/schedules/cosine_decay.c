/* cosine_decay - half a cosine from the rate down to alpha times it (Loshchilov and Hutter, 2016), after a linear warm-up if one is wanted. */
#include "schedule.h"
#include <math.h>

typedef struct { double initial, alpha, target; int64_t steps, warmup; } decay_attrs;

#define AT(field) offsetof(decay_attrs, field)
static const fire_attr attrs[] = {
    {"initial_learning_rate", FIRE_ATTR_FLOAT, AT(initial), 0.001, 0, 1e30, NULL, NULL, "the rate of the first update"},
    {"decay_steps", FIRE_ATTR_INT, AT(steps), 1, 1, 1e15, NULL, NULL, "updates of the fall"},
    {"alpha", FIRE_ATTR_FLOAT, AT(alpha), 0, 0, 1e30, NULL, NULL, "share of the rate that remains"},
    {"warmup_target", FIRE_ATTR_FLOAT, AT(target), -1, 0, 1e30, NULL, NULL, "the rate rises to this first; without it there is no warm-up"},
    {"warmup_steps", FIRE_ATTR_INT, AT(warmup), 0, 0, 1e15, NULL, NULL, "updates of the rise"},
    {0},
};

static double fall(const decay_attrs *t, double now, double from) {
    double cosine = 0.5 * (1 + cos(acos(-1) * (now / (double)t->steps)));
    return from * ((1 - t->alpha) * cosine + t->alpha);
}

static double decay_rate(const void *attrs_, int64_t step) {
    const decay_attrs *t = attrs_;
    double now = (double)step, steps = (double)t->steps, warmup = (double)t->warmup;
    if (t->target < 0) return fall(t, now < steps ? now : steps, t->initial);
    if (now < warmup) return (t->target - t->initial) * (now / warmup) + t->initial;
    return fall(t, (now < steps + warmup ? now : steps + warmup) - warmup, t->target);
}

const fire_schedule fire_schedule_cosine_decay = {
    .name = "CosineDecay", .help = "half a cosine, after a warm-up if wanted", .attrs = attrs, .attr_size = sizeof(decay_attrs), .rate = decay_rate,
    .examples = {"initial_learning_rate=0.1 decay_steps=6", "initial_learning_rate=0 decay_steps=8 warmup_target=0.2 warmup_steps=3", "decay_steps=5 alpha=0.1"},
};
