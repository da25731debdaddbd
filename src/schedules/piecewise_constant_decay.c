/* piecewise_constant_decay - values[0] up to and with step boundaries[0], values[1] up to boundaries[1] ... and the last value after. */
#include "schedule.h"

typedef struct { fire_floats boundaries, values; } decay_attrs;

static const fire_attr attrs[] = {
    {"boundaries", FIRE_ATTR_FLOATS, offsetof(decay_attrs, boundaries), 0, 0, 1e15, NULL, NULL, "updates, rising, after which the next value holds"},
    {"values", FIRE_ATTR_FLOATS, offsetof(decay_attrs, values), 0, 0, 1e30, NULL, NULL, "rates, one more than boundaries"},
    {0},
};

static fire_status decay_check(const void *attrs_, fire_error *err) {
    const decay_attrs *t = attrs_;
    if (t->values.n != t->boundaries.n + 1 || !t->boundaries.n)
        return fire_fail(err, FIRE_E_ATTRIBUTE, "there are %d boundaries and %d values, expected one value more than boundaries", (int)t->boundaries.n, (int)t->values.n);
    for (int i = 1; i < t->boundaries.n; i++)
        if (!(t->boundaries.v[i] > t->boundaries.v[i - 1])) return fire_fail(err, FIRE_E_ATTRIBUTE, "boundaries do not rise at %g", t->boundaries.v[i]);
    return FIRE_OK;
}

static double decay_rate(const void *attrs_, int64_t step) {
    const decay_attrs *t = attrs_;
    int i = 0;
    while (i < t->boundaries.n && (double)step > t->boundaries.v[i]) i++;
    return t->values.v[i];
}

const fire_schedule fire_schedule_piecewise_constant_decay = {
    .name = "PiecewiseConstantDecay", .help = "one rate after the other", .attrs = attrs, .attr_size = sizeof(decay_attrs), .check = decay_check, .rate = decay_rate,
    .examples = {"boundaries=[3,6] values=[0.2,0.1,0.02]", "boundaries=[5] values=[1,0.5]"},
};
