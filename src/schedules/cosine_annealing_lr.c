/* cosine_annealing_lr - torch's CosineAnnealingLR: a cosine with half a period of T_max updates, which rises again after them. */
#include "schedule.h"
#include <math.h>

typedef struct { double initial, eta_min; int64_t t_max; } cosine_attrs;

#define AT(field) offsetof(cosine_attrs, field)
static const fire_attr attrs[] = {
    {"initial_learning_rate", FIRE_ATTR_FLOAT, AT(initial), 0.001, 0, 1e30, NULL, NULL, "the rate of the first update"},
    {"T_max", FIRE_ATTR_INT, AT(t_max), 1, 1, 1e15, NULL, NULL, "updates until the lowest rate"},
    {"eta_min", FIRE_ATTR_FLOAT, AT(eta_min), 0, 0, 1e30, NULL, NULL, "the lowest rate"},
    {0},
};

static double cosine_rate(const void *attrs_, int64_t step) {
    const cosine_attrs *t = attrs_;
    return t->eta_min + 0.5 * (t->initial - t->eta_min) * (1 + cos(acos(-1) * (double)step / (double)t->t_max));
}

const fire_schedule fire_schedule_cosine_annealing_lr = {
    .name = "CosineAnnealingLR", .help = "torch's: down and up along a cosine", .attrs = attrs, .attr_size = sizeof(cosine_attrs), .rate = cosine_rate,
    .examples = {"initial_learning_rate=0.2 T_max=8", "T_max=5 eta_min=0.0001"},
};
