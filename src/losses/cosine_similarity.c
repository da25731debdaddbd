/* cosine_similarity - minus the cosine of the angle between y_true and y_pred along an axis: -1 for the same direction. */
#include "loss.h"

typedef struct { int64_t axis; } cosine_attrs;

static const fire_attr attrs[] = {
    {"axis", FIRE_ATTR_INT, offsetof(cosine_attrs, axis), -1, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, NULL, NULL, "dimension of the vectors, counted with the batch"},
    {0},
};

static fire_status cosine_target(const void *attrs_, const fire_shape *pred, fire_shape *target, fire_error *err) {
    return fire_target_along(((const cosine_attrs *)attrs_)->axis, pred, target, err);
}

/* x / |x|; of lengths below 1e-6 as if they were that. */
static fire_value unit(fire_graph *g, fire_value x) {
    fire_value length = fire_one(g, "Sqrt", fire_clip(g, fire_sum_last(g, fire_two(g, "Mul", x, x), true), 1e-12, INFINITY));
    return fire_two(g, "Div", x, length);
}

static fire_value cosine_build(fire_graph *g, const void *attrs_, fire_value y_true, fire_value *y_pred) {
    int64_t axis = ((const cosine_attrs *)attrs_)->axis;
    fire_value t = fire_axis_to_last(g, y_true, axis), p = fire_axis_to_last(g, *y_pred, axis);
    return fire_one(g, "Neg", fire_sum_last(g, fire_two(g, "Mul", unit(g, t), unit(g, p)), false));
}

const fire_loss fire_loss_cosine_similarity = {
    .name = "CosineSimilarity", .alias = "cosine_similarity", .help = "minus the cosine between target and prediction",
    .attrs = attrs, .attr_size = sizeof(cosine_attrs), .target_shape = cosine_target, .build = cosine_build,
    .examples = {"[4]", "[3,4]", "[3,4] axis=1"},
};
