/* loss.h - what a loss file sees: one loss per file in src/losses/, one line in losses.def. Names, defaults and meanings are
** Keras 3's. A loss gives one value per row (per row and position for sequences); weights, sums over shards and workers, and the
** division by the number of values (Keras' "sum_over_batch_size") happen outside. */
#ifndef FIRE_LOSS_H
#define FIRE_LOSS_H
#include "graph.h"

typedef struct fire_loss {
    const char *name;         /* Keras' class: "SparseCategoricalCrossentropy" */
    const char *alias;        /* Keras' function name, as accepted by compile: "sparse_categorical_crossentropy" */
    const char *help;
    const fire_attr *attrs;
    size_t attr_size;
    fire_type target;         /* type of y_true; FIRE_NO_TYPE: the network's */
    bool class_index;         /* y_true holds class numbers, checked against the last dimension of y_pred */

    /* Shape of y_true for predictions of this shape, both without the batch, or say why it cannot be. */
    fire_status (*target_shape)(const void *attrs, const fire_shape *pred, fire_shape *target, fire_error *err);

    /* Add nodes: losses of each row, shape [n] (or [n, positions]). May replace *y_pred by an equal value that comes for free,
    ** e.g. the probabilities that the fused softmax cross-entropy computes anyway. */
    fire_value (*build)(fire_graph *g, const void *attrs, fire_value y_true, fire_value *y_pred);

    const char *examples[8];  /* shape of the predictions without batch, and attributes: "[10] from_logits=1" */
} fire_loss;
extern const fire_loss *const fire_losses[];
const fire_loss *fire_loss_find(const char *name); /* by name or alias */
#endif
