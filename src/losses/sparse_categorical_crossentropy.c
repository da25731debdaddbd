/* sparse_categorical_crossentropy - -log(y_pred[y_true]), y_true being class numbers. */
#include "layer.h"
#include "loss.h"

typedef struct { fire_floats weight; int64_t ignore_class; bool from_logits; } scce_attrs;

#define AT(field) offsetof(scce_attrs, field)
static const fire_attr attrs[] = {
    {"from_logits", FIRE_ATTR_BOOL, AT(from_logits), 0, 0, 1, NULL, NULL, "y_pred is what a softmax would see"},
    {"ignore_class", FIRE_ATTR_INT, AT(ignore_class), FIRE_NO_CLASS, -2147483648.0, 2147483647.0, NULL, NULL, "class number whose losses do not count; without it all do"},
    {"weight", FIRE_ATTR_FLOATS, AT(weight), 0, 0, 1e300, "[]", NULL, "torch's weight of each class: losses are divided by the sum of their weights"},
    {0},
};

static bool scce_ignores(const void *attrs_, int64_t *class) {
    *class = ((const scce_attrs *)attrs_)->ignore_class;
    return *class != (int64_t)FIRE_NO_CLASS;
}
static fire_value scce_weigh(fire_graph *g, const void *attrs_, fire_type type, fire_value y_true) {
    const scce_attrs *t = attrs_;
    return fire_weigh_classes(g, type, &t->weight, t->ignore_class, y_true);
}
static fire_status scce_target(const void *attrs_, const fire_shape *pred, fire_shape *target, fire_error *err) {
    fire_status s = fire_target_index(attrs_, pred, target, err);
    return s ? s : fire_weight_fits(&((const scce_attrs *)attrs_)->weight, pred->dim[pred->rank - 1], err);
}

static fire_value scce_build(fire_graph *g, const void *attrs_, fire_value y_true, fire_value *y_pred) {
    const scce_attrs *t = attrs_;
    fire_value logits = t->from_logits ? *y_pred : fire_logits(g, *y_pred, "softmax"), out[FIRE_MAX_OUT];
    /* Probabilities of another origin: as Keras with TensorFlow, the softmax of their clipped logarithm. */
    fire_value z = logits ? logits : fire_one(g, "Log", fire_clip_probability(g, *y_pred));
    if (fire_apply_all(g, "SoftmaxCrossEntropy", 2, FIRE_IN(z, fire_known_class(g, t->ignore_class, y_true)), NULL, out)) return 0;
    if (logits && !t->from_logits) *y_pred = out[1];
    return out[0];
}

const fire_loss fire_loss_sparse_categorical_crossentropy = {
    .name = "SparseCategoricalCrossentropy", .alias = "sparse_categorical_crossentropy", .help = "for class numbers 0, 1 ...",
    .attrs = attrs, .attr_size = sizeof(scce_attrs), .target = FIRE_I64, .class_index = true, .target_shape = scce_target, .build = scce_build,
    .weigh = scce_weigh, .ignores = scce_ignores,
    .examples = {"[5]", "[5] from_logits=1", "[3,4]", "[3] weight=[0.5,1,2]", "[3,4] ignore_class=2", "[4] ignore_class=1 weight=[1,2,0.5,1] from_logits=1"},
};
