/* step_lr - torch's StepLR: the rate times gamma every step_size updates. */
#include "schedule.h"
#include <math.h>

typedef struct { double initial, gamma; int64_t size; } step_attrs;

#define AT(field) offsetof(step_attrs, field)
static const fire_attr attrs[] = {
    {"initial_learning_rate", FIRE_ATTR_FLOAT, AT(initial), 0.001, 0, 1e30, NULL, NULL, "the rate of the first update"},
    {"step_size", FIRE_ATTR_INT, AT(size), 1, 1, 1e15, NULL, NULL, "updates between two changes"},
    {"gamma", FIRE_ATTR_FLOAT, AT(gamma), 0.1, 0, 1e30, NULL, NULL, "factor of each change"},
    {0},
};

static double step_rate(const void *attrs_, int64_t step) {
    const step_attrs *t = attrs_;
    return t->initial * pow(t->gamma, (double)(step / t->size));
}

const fire_schedule fire_schedule_step_lr = {
    .name = "StepLR", .help = "torch's: falls by a factor every so many updates", .attrs = attrs, .attr_size = sizeof(step_attrs), .rate = step_rate,
    .examples = {"initial_learning_rate=0.2 step_size=3 gamma=0.5"},
};
