/* hinge - mean of max(1 - y_true y_pred, 0) over the last axis; y_true is -1 or 1, and 0 counts as -1. */
#include "loss.h"

/* max(1 - y_true y_pred, 0) */
static fire_value margin(fire_graph *g, fire_value y_true, fire_value y_pred) {
    fire_value sign = fire_where(g, fire_two(g, "Equal", y_true, fire_number(g, y_true, 0)), fire_number(g, y_true, -1), y_true);
    return fire_one(g, "Relu", fire_two(g, "Sub", fire_number(g, y_pred, 1), fire_two(g, "Mul", sign, y_pred)));
}

static fire_value hinge_build(fire_graph *g, const void *attrs_, fire_value y_true, fire_value *y_pred) {
    return fire_mean_last(g, margin(g, y_true, *y_pred));
}

const fire_loss fire_loss_hinge = {
    .name = "Hinge", .alias = "hinge", .help = "for targets -1 and 1 (or 0 and 1)",
    .target_shape = fire_target_like_pred, .build = hinge_build, .examples = {"[3]", "[1]", "[4,3]"},
};
