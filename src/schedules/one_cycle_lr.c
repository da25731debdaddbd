/* one_cycle_lr - Smith's one cycle (2018) as torch's OneCycleLR has it: up to max_lr, then far down, while the momentum goes the other way. */
#include "schedule.h"
#include <math.h>

typedef struct { double max_lr, pct_start, base_momentum, max_momentum, div_factor, final_div_factor; int64_t total; bool cycle_momentum, three_phase; fire_attr_text anneal; } cycle_attrs;
_Static_assert(sizeof(cycle_attrs) <= FIRE_SCHEDULE_SIZE, "FIRE_SCHEDULE_SIZE");

#define AT(field) offsetof(cycle_attrs, field)
static const fire_attr attrs[] = {
    {"max_lr", FIRE_ATTR_FLOAT, AT(max_lr), 0.01, 0, 1e30, NULL, NULL, "the highest rate"},
    {"total_steps", FIRE_ATTR_INT, AT(total), 100, 2, 1e15, NULL, NULL, "updates of the cycle; after them the last rate stays"},
    {"pct_start", FIRE_ATTR_FLOAT, AT(pct_start), 0.3, 0, 1, NULL, NULL, "share of the updates that go up"},
    {"anneal_strategy", FIRE_ATTR_TEXT, AT(anneal), 0, 0, 0, "cos", "cos|linear", "shape of the ways up and down"},
    {"cycle_momentum", FIRE_ATTR_BOOL, AT(cycle_momentum), 1, 0, 1, NULL, NULL, "move SGD's momentum, or Adam's beta_1, too"},
    {"base_momentum", FIRE_ATTR_FLOAT, AT(base_momentum), 0.85, 0, 1, NULL, NULL, "the lowest momentum, where the rate is highest"},
    {"max_momentum", FIRE_ATTR_FLOAT, AT(max_momentum), 0.95, 0, 1, NULL, NULL, "the highest momentum, at both ends"},
    {"div_factor", FIRE_ATTR_FLOAT, AT(div_factor), 25, 1e-30, 1e30, NULL, NULL, "the first rate is max_lr divided by this"},
    {"final_div_factor", FIRE_ATTR_FLOAT, AT(final_div_factor), 10000, 1e-30, 1e30, NULL, NULL, "the last rate is the first divided by this"},
    {"three_phase", FIRE_ATTR_BOOL, AT(three_phase), 0, 0, 1, NULL, NULL, "down as steeply as up, then on to the last rate"},
    {0},
};

/* One quantity that is `a` at both ends of the hill, `b` on top and `c` at the end of all. */
static double along(const cycle_attrs *t, int64_t step, double a, double b, double c) {
    double total = (double)t->total, now = (double)step < total - 1 ? (double)step : total - 1, from = 0;
    double end[3] = {t->pct_start * total - 1, t->three_phase ? 2 * t->pct_start * total - 2 : total - 1, total - 1};
    double lo[3] = {a, b, a}, hi[3] = {b, t->three_phase ? a : c, c};
    int phases = t->three_phase ? 3 : 2, k = 0;
    while (k < phases - 1 && now > end[k]) from = end[k++];
    double share = end[k] > from ? (now - from) / (end[k] - from) : 1;
    if (t->anneal[0] == 'l') return lo[k] + (hi[k] - lo[k]) * share;
    return hi[k] + (lo[k] - hi[k]) / 2 * (1 + cos(acos(-1) * share));
}

static double cycle_rate(const void *attrs_, int64_t step) {
    const cycle_attrs *t = attrs_;
    double first = t->max_lr / t->div_factor;
    return along(t, step, first, t->max_lr, first / t->final_div_factor);
}

static double cycle_momentum(const void *attrs_, int64_t step) {
    const cycle_attrs *t = attrs_;
    return t->cycle_momentum ? along(t, step, t->max_momentum, t->base_momentum, t->max_momentum) : NAN;
}

const fire_schedule fire_schedule_one_cycle_lr = {
    .name = "OneCycleLR", .help = "torch's: one hill of the rate, one valley of the momentum", .attrs = attrs, .attr_size = sizeof(cycle_attrs), .rate = cycle_rate,
    .momentum = cycle_momentum,
    .examples = {"max_lr=0.2 total_steps=10", "max_lr=0.1 total_steps=12 pct_start=0.4 anneal_strategy=linear three_phase=1", "max_lr=0.2 total_steps=9 cycle_momentum=0"},
};
