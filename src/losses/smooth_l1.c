/* smooth_l1 - torch's SmoothL1Loss: mean of d^2 / (2 beta) where |d| < beta, |d| - beta / 2 beyond. */
#include "loss.h"

typedef struct { double beta; } smooth_attrs;

static const fire_attr attrs[] = {
    {"beta", FIRE_ATTR_FLOAT, offsetof(smooth_attrs, beta), 1, 1e-300, 1e300, NULL, NULL, "where the square goes over into a line"},
    {0},
};

static fire_value smooth_build(fire_graph *g, const void *attrs_, fire_value y_true, fire_value *y_pred) {
    double beta = ((const smooth_attrs *)attrs_)->beta;
    fire_value d = fire_one(g, "Abs", fire_two(g, "Sub", *y_pred, y_true)), near = fire_two(g, "Less", d, fire_number(g, d, beta));
    fire_value square = fire_two(g, "Mul", fire_two(g, "Mul", d, d), fire_number(g, d, 0.5 / beta));
    return fire_mean_last(g, fire_where(g, near, square, fire_two(g, "Sub", d, fire_number(g, d, 0.5 * beta))));
}

const fire_loss fire_loss_smooth_l1 = {
    .name = "SmoothL1Loss", .alias = "smooth_l1", .help = "torch's: square of small differences, absolute value of large ones",
    .attrs = attrs, .attr_size = sizeof(smooth_attrs), .target_shape = fire_target_like_pred, .build = smooth_build,
    .examples = {"[3]", "[3] beta=0.4", "[4,3] beta=0.5"},
};
