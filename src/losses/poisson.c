/* poisson - mean of y_pred - y_true log(y_pred + 1e-7) over the last axis. */
#include "loss.h"

static fire_value poisson_build(fire_graph *g, const void *attrs_, fire_value y_true, fire_value *y_pred) {
    fire_value log = fire_one(g, "Log", fire_two(g, "Add", *y_pred, fire_number(g, *y_pred, FIRE_EPSILON)));
    return fire_mean_last(g, fire_two(g, "Sub", *y_pred, fire_two(g, "Mul", y_true, log)));
}

const fire_loss fire_loss_poisson = {
    .name = "Poisson", .alias = "poisson", .help = "for counts; y_pred is the expected one",
    .target_shape = fire_target_like_pred, .build = poisson_build, .examples = {"[3]", "[1]", "[4,3]"},
};
