/* huber - mean over the last axis of d^2 / 2 where |d| <= delta, delta |d| - delta^2 / 2 beyond; d = y_pred - y_true. */
#include "loss.h"

typedef struct { double delta; } huber_attrs;

static const fire_attr attrs[] = {
    {"delta", FIRE_ATTR_FLOAT, offsetof(huber_attrs, delta), 1, 1e-300, 1e300, NULL, NULL, "where the square goes over into a line"},
    {0},
};

static fire_value huber_build(fire_graph *g, const void *attrs_, fire_value y_true, fire_value *y_pred) {
    double delta = ((const huber_attrs *)attrs_)->delta;
    fire_value d = fire_one(g, "Abs", fire_two(g, "Sub", *y_pred, y_true)), near = fire_two(g, "LessOrEqual", d, fire_number(g, d, delta));
    fire_value square = fire_two(g, "Mul", fire_two(g, "Mul", d, d), fire_number(g, d, 0.5));
    fire_value line = fire_two(g, "Sub", fire_two(g, "Mul", d, fire_number(g, d, delta)), fire_number(g, d, 0.5 * delta * delta));
    return fire_mean_last(g, fire_where(g, near, square, line));
}

const fire_loss fire_loss_huber = {
    .name = "Huber", .alias = "huber", .help = "square of small differences, absolute value of large ones",
    .attrs = attrs, .attr_size = sizeof(huber_attrs), .target_shape = fire_target_like_pred, .build = huber_build,
    .examples = {"[3]", "[3] delta=0.4", "[4,3] delta=0.7"},
};
