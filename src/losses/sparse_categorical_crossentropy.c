/* sparse_categorical_crossentropy - -log(y_pred[y_true]), y_true being class numbers. */
#include "layer.h"
#include "loss.h"

typedef struct { bool from_logits; } scce_attrs;

static const fire_attr attrs[] = {
    {"from_logits", FIRE_ATTR_BOOL, offsetof(scce_attrs, from_logits), 0, 0, 1, NULL, NULL, "y_pred is what a softmax would see"},
    {0},
};

static fire_status scce_target(const void *attrs_, const fire_shape *pred, fire_shape *target, fire_error *err) {
    char text[FIRE_SHAPE_TEXT];
    if (pred->rank == 0 || pred->dim[pred->rank - 1] < 2)
        return fire_fail(err, FIRE_E_SHAPE, "one row of the network's output is %s, expected one number per class; for two classes and one output use BinaryCrossentropy",
                         fire_shape_text(pred, text));
    *target = *pred;
    target->dim[--target->rank] = 0;
    return FIRE_OK;
}

static fire_value scce_build(fire_graph *g, const void *attrs_, fire_value y_true, fire_value *y_pred) {
    const scce_attrs *t = attrs_;
    fire_value logits = t->from_logits ? *y_pred : fire_logits(g, *y_pred, "softmax"), out[FIRE_MAX_OUT];
    /* Probabilities of another origin: as Keras with TensorFlow, the softmax of their clipped logarithm. */
    fire_value z = logits ? logits : fire_apply(g, "Log", 1, FIRE_IN(fire_clip_probability(g, *y_pred)), NULL);
    if (fire_apply_all(g, "SoftmaxCrossEntropy", 2, FIRE_IN(z, y_true), NULL, out)) return 0;
    if (logits && !t->from_logits) *y_pred = out[1];
    return out[0];
}

const fire_loss fire_loss_sparse_categorical_crossentropy = {
    .name = "SparseCategoricalCrossentropy", .alias = "sparse_categorical_crossentropy", .help = "for class numbers 0, 1 ...",
    .attrs = attrs, .attr_size = sizeof(scce_attrs), .target = FIRE_I64, .class_index = true, .target_shape = scce_target, .build = scce_build,
    .examples = {"[5]", "[5] from_logits=1", "[3,4]"},
};
