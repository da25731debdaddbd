/* regularizers.h - penalties on weights: Keras' names, defaults and formulas; one row each in regularizers.c. A weight has one by its
** text, "L2 l2=0.01" (fire_how, layer.h). The penalty is added once to the reduced loss, its gradient once to the reduced gradient. */
#ifndef FIRE_REGULARIZERS_H
#define FIRE_REGULARIZERS_H
#include "attrs.h"

#define FIRE_REGULARIZER_SIZE (FIRE_ATTR_TEXT_SIZE + 64) /* bytes of attributes at most */

typedef struct fire_regularizer {
    const char *name, *alias, *help; /* Keras' class, found in any case, and other names separated by '|' */
    const fire_attr *attrs;
    size_t attr_size;
    fire_status (*fits)(const void *attrs, const fire_shape *shape, fire_error *err); /* NULL: any weight */
    int64_t (*scratch)(const void *attrs, const fire_shape *shape);                   /* doubles that value needs; NULL: none */
    /* The penalty of w; dw (data NULL: not wanted) += scale * its gradient. */
    double (*value)(const void *attrs, const fire_tensor *w, double scale, const fire_tensor *dw, double *scratch);
} fire_regularizer;
extern const fire_regularizer *const fire_regularizers[]; /* ends with NULL */

/* fire_regularizer_read - the one that `text` names and its attributes, into mem[FIRE_REGULARIZER_SIZE]; *out NULL for "" and NULL.
** fire_regularizer_check - whether that would go well; for a layer's check. */
fire_status fire_regularizer_read(const char *text, const fire_regularizer **out, void *mem, fire_error *err);
fire_status fire_regularizer_check(const char *text, fire_error *err);
#endif
