/* binary_focal_crossentropy - binary cross-entropy times (1 - the probability of what is right)^gamma, mean over an axis. */
#include "layer.h"
#include "loss.h"

typedef struct { double alpha, gamma, label_smoothing; int64_t axis; bool apply_class_balancing, from_logits; } focal_attrs;

#define AT(field) offsetof(focal_attrs, field)
static const fire_attr attrs[] = {
    {"apply_class_balancing", FIRE_ATTR_BOOL, AT(apply_class_balancing), 0, 0, 1, NULL, NULL, "weigh targets 1 by alpha and targets 0 by 1 - alpha"},
    {"alpha", FIRE_ATTR_FLOAT, AT(alpha), 0.25, 0, 1, NULL, NULL, "weight of targets 1"},
    {"gamma", FIRE_ATTR_FLOAT, AT(gamma), 2, 0, 1e3, NULL, NULL, "how much less what is right already counts"},
    {"from_logits", FIRE_ATTR_BOOL, AT(from_logits), 0, 0, 1, NULL, NULL, "y_pred is what a sigmoid would see"},
    {"label_smoothing", FIRE_ATTR_FLOAT, AT(label_smoothing), 0, 0, 1, NULL, NULL, "moves targets towards 1/2 by this share"},
    {"axis", FIRE_ATTR_INT, offsetof(focal_attrs, axis), -1, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, NULL, NULL, "dimension of the mean, counted with the batch"},
    {0},
};

static fire_status focal_target(const void *attrs_, const fire_shape *pred, fire_shape *target, fire_error *err) {
    return fire_target_along(((const focal_attrs *)attrs_)->axis, pred, target, err);
}

static fire_value focal_build(fire_graph *g, const void *attrs_, fire_value y_true, fire_value *y_pred) {
    const focal_attrs *t = attrs_;
    fire_value y = fire_smooth(g, fire_axis_to_last(g, y_true, t->axis), t->label_smoothing, 0.5), p = fire_axis_to_last(g, *y_pred, t->axis), one = fire_number(g, p, 1), each, out[FIRE_MAX_OUT];
    fire_value logits = t->from_logits ? p : p == *y_pred ? fire_logits(g, p, "sigmoid") : 0;
    if (logits) {
        if (fire_apply_all(g, "SigmoidCrossEntropy", 2, FIRE_IN(logits, y), NULL, out)) return 0;
        each = out[0];
        p = out[1];
        if (!t->from_logits) *y_pred = p;
    } else {
        fire_value cut = fire_clip_probability(g, p);
        fire_value yes = fire_two(g, "Mul", y, fire_one(g, "Log", cut));
        fire_value no = fire_two(g, "Mul", fire_two(g, "Sub", one, y), fire_one(g, "Log", fire_two(g, "Sub", one, cut)));
        each = fire_one(g, "Neg", fire_two(g, "Add", yes, no));
    }
    /* What is wrong: y (1 - p) + (1 - y) p. */
    fire_value wrong = fire_two(g, "Add", fire_two(g, "Mul", y, fire_two(g, "Sub", one, p)), fire_two(g, "Mul", fire_two(g, "Sub", one, y), p));
    fire_value factor = t->gamma == 2 ? fire_two(g, "Mul", wrong, wrong) : fire_two(g, "Pow", wrong, fire_number(g, p, t->gamma));
    if (t->gamma != 0) each = fire_two(g, "Mul", each, factor);
    if (t->apply_class_balancing) { /* y alpha + (1 - y) (1 - alpha) */
        fire_value weight = fire_two(g, "Add", fire_two(g, "Mul", y, fire_number(g, p, 2 * t->alpha - 1)), fire_number(g, p, 1 - t->alpha));
        each = fire_two(g, "Mul", each, weight);
    }
    return fire_mean_last(g, each);
}

const fire_loss fire_loss_binary_focal_crossentropy = {
    .name = "BinaryFocalCrossentropy", .alias = "binary_focal_crossentropy", .help = "for yes-or-no targets most of which are easy", .probability = true,
    .attrs = attrs, .attr_size = sizeof(focal_attrs), .target_shape = focal_target, .build = focal_build,
    .examples = {"[1]", "[3]", "[3] from_logits=1", "[2] gamma=1.5 apply_class_balancing=1 label_smoothing=0.1", "[2,3] axis=1"},
};
