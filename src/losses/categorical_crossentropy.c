/* categorical_crossentropy - -sum(y_true * log(y_pred)) over the last axis, y_true being probabilities (one-hot, as a rule). */
#include "loss.h"
#include "layer.h"

typedef struct { double label_smoothing; bool from_logits; } cce_attrs;

static const fire_attr attrs[] = {
    {"from_logits", FIRE_ATTR_BOOL, offsetof(cce_attrs, from_logits), 0, 0, 1, NULL, NULL, "y_pred is what a softmax would see"},
    {"label_smoothing", FIRE_ATTR_FLOAT, offsetof(cce_attrs, label_smoothing), 0, 0, 1, NULL, NULL, "share of y_true spread evenly over the classes"},
    {0},
};

static fire_value cce_build(fire_graph *g, const void *attrs_, fire_value y_true, fire_value *y_pred) {
    const cce_attrs *t = attrs_;
    if (g->first.status) return 0;
    fire_shape shape = fire_shape_of(g, *y_pred);
    fire_type type = fire_type_of(g, *y_pred);
    if (t->label_smoothing > 0) {
        y_true = fire_apply(g, "Mul", 2, FIRE_IN(y_true, fire_graph_scalar(g, type, 1 - t->label_smoothing)), NULL);
        y_true = fire_apply(g, "Add", 2, FIRE_IN(y_true, fire_graph_scalar(g, type, t->label_smoothing / (double)shape.dim[shape.rank - 1])), NULL);
    }
    fire_value logits = t->from_logits ? *y_pred : fire_logits(g, *y_pred, "softmax"), out[FIRE_MAX_OUT];
    if (logits) {
        if (fire_apply_all(g, "SoftmaxCrossEntropy", 2, FIRE_IN(logits, y_true), NULL, out)) return 0;
        if (!t->from_logits) *y_pred = out[1];
        return out[0];
    }
    fire_value p = fire_apply(g, "Div", 2, FIRE_IN(*y_pred, fire_sum_last(g, *y_pred, true)), NULL);
    fire_value log = fire_apply(g, "Log", 1, FIRE_IN(fire_clip_probability(g, p)), NULL);
    return fire_apply(g, "Neg", 1, FIRE_IN(fire_sum_last(g, fire_apply(g, "Mul", 2, FIRE_IN(y_true, log), NULL), false)), NULL);
}

const fire_loss fire_loss_categorical_crossentropy = {
    .name = "CategoricalCrossentropy", .alias = "categorical_crossentropy", .help = "for one-hot targets or probabilities",
    .attrs = attrs, .attr_size = sizeof(cce_attrs), .target_shape = fire_target_like_pred, .build = cce_build,
    .examples = {"[5]", "[5] from_logits=1", "[4] label_smoothing=0.1", "[3,4] from_logits=1"},
};
