/* loss.h - what a loss file sees: one loss per file in src/losses/, one line in losses.def. Names, defaults and meanings are
** Keras 3's. A loss gives one value per row (per row and position for sequences); weights, sums over shards and workers, and the
** division by the number of values (Keras' "sum_over_batch_size") happen outside. */
#ifndef FIRE_LOSS_H
#define FIRE_LOSS_H
#include "compose.h"
#include <math.h>

typedef struct fire_loss {
    const char *name;         /* Keras' class: "SparseCategoricalCrossentropy" */
    const char *alias;        /* Keras' function names, as accepted by compile, separated by '|': "mean_squared_error|mse" */
    const char *help;
    const fire_attr *attrs;
    size_t attr_size;
    fire_type target;         /* type of y_true; FIRE_NO_TYPE: the network's */
    bool class_index;         /* y_true holds class numbers, checked against the last dimension of y_pred */
    bool probability;         /* y_true holds 0, 1 or what lies between, checked */

    /* Shape of y_true for predictions of this shape, both without the batch, or say why it cannot be. */
    fire_status (*target_shape)(const void *attrs, const fire_shape *pred, fire_shape *target, fire_error *err);

    /* Add nodes: losses of each row, shape [n] (or [n, positions]). May replace *y_pred by an equal value that comes for free,
    ** e.g. the probabilities that the fused softmax cross-entropy computes anyway. */
    fire_value (*build)(fire_graph *g, const void *attrs, fire_value y_true, fire_value *y_pred);

    /* Losses that weigh their values by the target (weights of classes, a class that is ignored): add nodes for the factors, shaped like the
    ** losses. Losses are multiplied by them, and divided by their sum instead of their number. 0, or NULL: all count alike. */
    fire_value (*weigh)(fire_graph *g, const void *attrs, fire_type type, fire_value y_true); /* of the network's type */
    /* A class number that may stand for "ignore" although it is none; false, or NULL: there is none. */
    bool (*ignores)(const void *attrs, int64_t *class);
    /* What the attribute table cannot say; NULL: nothing. */
    fire_status (*check)(const void *attrs, fire_error *err);

    const char *examples[8];  /* shape of the predictions without batch, and attributes: "[10] from_logits=1" */
} fire_loss;
extern const fire_loss *const fire_losses[];
const fire_loss *fire_loss_find(const char *name); /* by name or alias, in any case */

/* Shared by loss files. */
fire_value fire_where(fire_graph *g, fire_value condition, fire_value yes, fire_value no);
fire_value fire_clip(fire_graph *g, fire_value x, double low, double high); /* high INFINITY: none */
/* fire_axis_to_last - x with `axis` (of a tensor with batch) moved to the end. */
fire_value fire_axis_to_last(fire_graph *g, fire_value x, int64_t axis);
/* fire_target_along - target like predictions, which have `axis` (counted with the batch, which it is not). */
fire_status fire_target_along(int64_t axis, const fire_shape *pred, fire_shape *target, fire_error *err);
/* fire_target_index - class numbers: the predictions' shape without its last dimension, which is at least 2. */
fire_status fire_target_index(const void *attrs, const fire_shape *pred, fire_shape *target, fire_error *err);
/* fire_smooth - targets moved by a share towards `middle` (label smoothing). */
fire_value fire_smooth(fire_graph *g, fire_value y_true, double share, double middle);
#define FIRE_EPSILON 1e-7 /* Keras' backend.epsilon() */

/* Shared by losses over class numbers: torch's weight of each class, Keras' ignore_class. */
#define FIRE_NO_CLASS (-9007199254740992.0)
fire_value fire_weigh_classes(fire_graph *g, fire_type type, const fire_floats *weight, int64_t ignore, fire_value y_true);
fire_value fire_known_class(fire_graph *g, int64_t ignore, fire_value y_true); /* the ignored one as 0 */
fire_status fire_weight_fits(const fire_floats *weight, int64_t classes, fire_error *err);

/* y_true like y_pred; mean and sum over the last axis, which goes. */
fire_status fire_target_like_pred(const void *attrs, const fire_shape *pred, fire_shape *target, fire_error *err);
fire_value fire_mean_last(fire_graph *g, fire_value x);
fire_value fire_sum_last(fire_graph *g, fire_value x, bool keep);
fire_value fire_clip_probability(fire_graph *g, fire_value p); /* to [1e-7, 1 - 1e-7], Keras' backend.epsilon() */
bool fire_alias_has(const char *aliases, const char *name); /* one of a|b|c, in any case */
#endif
