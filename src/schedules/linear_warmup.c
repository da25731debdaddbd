/* linear_warmup - rises on a straight line from initial_learning_rate to target_learning_rate in warmup_steps updates and stays there. */
#include "schedule.h"

typedef struct { double initial, target; int64_t steps; } warmup_attrs;

#define AT(field) offsetof(warmup_attrs, field)
static const fire_attr attrs[] = {
    {"target_learning_rate", FIRE_ATTR_FLOAT, AT(target), 0.001, 0, 1e30, NULL, NULL, "the rate after the rise"},
    {"warmup_steps", FIRE_ATTR_INT, AT(steps), 1, 1, 1e15, NULL, NULL, "updates of the rise"},
    {"initial_learning_rate", FIRE_ATTR_FLOAT, AT(initial), 0, 0, 1e30, NULL, NULL, "the rate of the first update"},
    {0},
};

static double warmup_rate(const void *attrs_, int64_t step) {
    const warmup_attrs *t = attrs_;
    return step < t->steps ? t->initial + (t->target - t->initial) * ((double)step / (double)t->steps) : t->target;
}

const fire_schedule fire_schedule_linear_warmup = {
    .name = "LinearWarmup", .help = "rises to a rate and stays there", .attrs = attrs, .attr_size = sizeof(warmup_attrs), .rate = warmup_rate,
    .examples = {"target_learning_rate=0.1 warmup_steps=4", "target_learning_rate=0.1 warmup_steps=3 initial_learning_rate=0.01"},
};
