/* binary_crossentropy - mean over the last axis of -(t log p + (1 - t) log(1 - p)). */
#include "layer.h"
#include "loss.h"

typedef struct { double label_smoothing; bool from_logits; } bce_attrs;

static const fire_attr attrs[] = {
    {"from_logits", FIRE_ATTR_BOOL, offsetof(bce_attrs, from_logits), 0, 0, 1, NULL, NULL, "y_pred is what a sigmoid would see"},
    {"label_smoothing", FIRE_ATTR_FLOAT, offsetof(bce_attrs, label_smoothing), 0, 0, 1, NULL, NULL, "moves targets towards 1/2 by this share"},
    {0},
};

static fire_value bce_build(fire_graph *g, const void *attrs_, fire_value y_true, fire_value *y_pred) {
    const bce_attrs *t = attrs_;
    fire_type type = fire_type_of(g, *y_pred);
    if (t->label_smoothing > 0) {
        y_true = fire_apply(g, "Mul", 2, FIRE_IN(y_true, fire_graph_scalar(g, type, 1 - t->label_smoothing)), NULL);
        y_true = fire_apply(g, "Add", 2, FIRE_IN(y_true, fire_graph_scalar(g, type, 0.5 * t->label_smoothing)), NULL);
    }
    fire_value logits = t->from_logits ? *y_pred : fire_logits(g, *y_pred, "sigmoid"), out[FIRE_MAX_OUT];
    if (logits) {
        if (fire_apply_all(g, "SigmoidCrossEntropy", 2, FIRE_IN(logits, y_true), NULL, out)) return 0;
        if (!t->from_logits) *y_pred = out[1];
        return fire_mean_last(g, out[0]);
    }
    fire_value one = fire_graph_scalar(g, type, 1), p = fire_clip_probability(g, *y_pred);
    fire_value yes = fire_apply(g, "Mul", 2, FIRE_IN(y_true, fire_apply(g, "Log", 1, &p, NULL)), NULL);
    fire_value log = fire_apply(g, "Log", 1, FIRE_IN(fire_apply(g, "Sub", 2, FIRE_IN(one, p), NULL)), NULL);
    fire_value no = fire_apply(g, "Mul", 2, FIRE_IN(fire_apply(g, "Sub", 2, FIRE_IN(one, y_true), NULL), log), NULL);
    return fire_apply(g, "Neg", 1, FIRE_IN(fire_mean_last(g, fire_apply(g, "Add", 2, FIRE_IN(yes, no), NULL))), NULL);
}

const fire_loss fire_loss_binary_crossentropy = {
    .name = "BinaryCrossentropy", .alias = "binary_crossentropy|bce", .help = "for one or several yes-or-no targets",
    .attrs = attrs, .attr_size = sizeof(bce_attrs), .probability = true, .target_shape = fire_target_like_pred, .build = bce_build,
    .examples = {"[1]", "[3]", "[3] from_logits=1", "[2] label_smoothing=0.2"},
};
