/* inverse_time_decay - initial_learning_rate / (1 + decay_rate * step / decay_steps). */
#include "schedule.h"
#include <math.h>

typedef struct { double initial, rate; int64_t steps; bool staircase; } decay_attrs;

#define AT(field) offsetof(decay_attrs, field)
static const fire_attr attrs[] = {
    {"initial_learning_rate", FIRE_ATTR_FLOAT, AT(initial), 0.001, 0, 1e30, NULL, NULL, "the rate of the first update"},
    {"decay_steps", FIRE_ATTR_INT, AT(steps), 1, 1, 1e15, NULL, NULL, "updates that count as one unit of time"},
    {"decay_rate", FIRE_ATTR_FLOAT, AT(rate), 0.5, 0, 1e30, NULL, NULL, "how fast the divisor grows"},
    {"staircase", FIRE_ATTR_BOOL, AT(staircase), 0, 0, 1, NULL, NULL, "in whole stairs of decay_steps updates"},
    {0},
};

static double decay_rate(const void *attrs_, int64_t step) {
    const decay_attrs *t = attrs_;
    double p = (double)step / (double)t->steps;
    return t->initial / (1 + t->rate * (t->staircase ? floor(p) : p));
}

const fire_schedule fire_schedule_inverse_time_decay = {
    .name = "InverseTimeDecay", .help = "falls as 1 / (1 + time)", .attrs = attrs, .attr_size = sizeof(decay_attrs), .rate = decay_rate,
    .examples = {"initial_learning_rate=0.1 decay_steps=3 decay_rate=0.7", "decay_steps=4 decay_rate=0.5 staircase=1"},
};
