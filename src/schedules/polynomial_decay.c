/* polynomial_decay - from initial_learning_rate to end_learning_rate in decay_steps updates, along (1 - t)^power. */
#include "schedule.h"
#include <math.h>

typedef struct { double initial, end, power; int64_t steps; bool cycle; } decay_attrs;

#define AT(field) offsetof(decay_attrs, field)
static const fire_attr attrs[] = {
    {"initial_learning_rate", FIRE_ATTR_FLOAT, AT(initial), 0.001, 0, 1e30, NULL, NULL, "the rate of the first update"},
    {"decay_steps", FIRE_ATTR_INT, AT(steps), 1, 1, 1e15, NULL, NULL, "updates until end_learning_rate is reached"},
    {"end_learning_rate", FIRE_ATTR_FLOAT, AT(end), 0.0001, 0, 1e30, NULL, NULL, "the rate at the end"},
    {"power", FIRE_ATTR_FLOAT, AT(power), 1, 0, 1e30, NULL, NULL, "1: a straight line"},
    {"cycle", FIRE_ATTR_BOOL, AT(cycle), 0, 0, 1, NULL, NULL, "begin again, over a longer time, once the end is reached"},
    {0},
};

static double decay_rate(const void *attrs_, int64_t step) {
    const decay_attrs *t = attrs_;
    double now = (double)step, steps = (double)t->steps;
    if (t->cycle) steps *= step ? ceil(now / steps) : 1;
    else if (now > steps) now = steps;
    return (t->initial - t->end) * pow(1 - now / steps, t->power) + t->end;
}

const fire_schedule fire_schedule_polynomial_decay = {
    .name = "PolynomialDecay", .help = "falls to an end rate along a power of time", .attrs = attrs, .attr_size = sizeof(decay_attrs), .rate = decay_rate,
    .examples = {"initial_learning_rate=0.1 decay_steps=6", "initial_learning_rate=0.1 decay_steps=4 power=2 cycle=1", "decay_steps=5 end_learning_rate=0 power=0.5"},
};
