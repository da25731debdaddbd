/* categorical_crossentropy - -sum(y_true * log(y_pred)) over an axis, y_true being probabilities (one-hot, as a rule). */
#include "layer.h"
#include "loss.h"

typedef struct { double label_smoothing; int64_t axis; bool from_logits; } cce_attrs;

#define AT(field) offsetof(cce_attrs, field)
static const fire_attr attrs[] = {
    {"from_logits", FIRE_ATTR_BOOL, AT(from_logits), 0, 0, 1, NULL, NULL, "y_pred is what a softmax would see"},
    {"label_smoothing", FIRE_ATTR_FLOAT, AT(label_smoothing), 0, 0, 1, NULL, NULL, "share of y_true spread evenly over the classes"},
    {"axis", FIRE_ATTR_INT, offsetof(cce_attrs, axis), -1, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, NULL, NULL, "dimension of the classes, counted with the batch"},
    {0},
};

static fire_status cce_target(const void *attrs_, const fire_shape *pred, fire_shape *target, fire_error *err) {
    return fire_target_along(((const cce_attrs *)attrs_)->axis, pred, target, err);
}

static fire_value cce_build(fire_graph *g, const void *attrs_, fire_value y_true, fire_value *y_pred) {
    const cce_attrs *t = attrs_;
    fire_value p = fire_axis_to_last(g, *y_pred, t->axis), out[FIRE_MAX_OUT];
    y_true = fire_axis_to_last(g, y_true, t->axis);
    if (g->first.status) return 0;
    fire_shape shape = fire_shape_of(g, p);
    y_true = fire_smooth(g, y_true, t->label_smoothing, 1 / (double)shape.dim[shape.rank - 1]);
    fire_value logits = t->from_logits ? p : p == *y_pred ? fire_logits(g, p, "softmax") : 0;
    if (logits) {
        if (fire_apply_all(g, "SoftmaxCrossEntropy", 2, FIRE_IN(logits, y_true), NULL, out)) return 0;
        if (!t->from_logits) *y_pred = out[1];
        return out[0];
    }
    fire_value log = fire_one(g, "Log", fire_clip_probability(g, fire_two(g, "Div", p, fire_sum_last(g, p, true))));
    return fire_one(g, "Neg", fire_sum_last(g, fire_two(g, "Mul", y_true, log), false));
}

const fire_loss fire_loss_categorical_crossentropy = {
    .name = "CategoricalCrossentropy", .alias = "categorical_crossentropy", .help = "for one-hot targets or probabilities",
    .attrs = attrs, .attr_size = sizeof(cce_attrs), .target_shape = cce_target, .build = cce_build,
    .examples = {"[5]", "[5] from_logits=1", "[4] label_smoothing=0.1", "[3,4] from_logits=1", "[3,4] axis=1"},
};
