/* categorical_hinge - max(1 + the best score of another class - that of the right one, 0); y_true is one-hot. */
#include "loss.h"

static fire_value categorical_hinge_build(fire_graph *g, const void *attrs_, fire_value y_true, fire_value *y_pred) {
    fire_value axis = fire_graph_const(g, FIRE_I64, (fire_shape){1, {1}}, &(int64_t){-1}), one = fire_number(g, *y_pred, 1);
    fire_value right = fire_sum_last(g, fire_two(g, "Mul", y_true, *y_pred), false);
    fire_value others = fire_two(g, "Mul", fire_two(g, "Sub", one, y_true), *y_pred), best = fire_apply(g, "ReduceMax", 2, FIRE_IN(others, axis), "keepdims=0");
    return fire_one(g, "Relu", fire_two(g, "Add", fire_two(g, "Sub", best, right), one));
}

const fire_loss fire_loss_categorical_hinge = {
    .name = "CategoricalHinge", .alias = "categorical_hinge", .help = "margin between classes, for one-hot targets",
    .target_shape = fire_target_like_pred, .build = categorical_hinge_build, .examples = {"[5]", "[3,4]"},
};
