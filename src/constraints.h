/* constraints.h - what weights are brought back to after each update: Keras' names, defaults and formulas; one row each in constraints.c.
** A weight has one by its text, "MaxNorm max_value=2" (fire_how, layer.h). */
#ifndef FIRE_CONSTRAINTS_H
#define FIRE_CONSTRAINTS_H
#include "attrs.h"

#define FIRE_CONSTRAINT_SIZE 320 /* bytes of attributes at most */

typedef struct fire_constraint {
    const char *name, *alias, *help; /* Keras' class, found in any case, and other names separated by '|' */
    const fire_attr *attrs;
    size_t attr_size;
    void (*apply)(const void *attrs, uint32_t axes, const fire_tensor *w, double *scratch); /* in place; scratch: fire_count(w) doubles */
} fire_constraint;
extern const fire_constraint *const fire_constraints[]; /* ends with NULL */

/* fire_constraint_read - the one that `text` names and its attributes, into mem[FIRE_CONSTRAINT_SIZE]; *out NULL for "" and NULL.
** fire_constraint_check - whether that would go well; for a layer's check. */
fire_status fire_constraint_read(const char *text, const fire_constraint **out, void *mem, fire_error *err);
fire_status fire_constraint_check(const char *text, fire_error *err);

/* fire_constraint_axes - the dimensions of a weight over which norms are taken, as a set of bits. */
fire_status fire_constraint_axes(const fire_constraint *c, const void *attrs, const fire_shape *shape, uint32_t *axes, fire_error *err);
#endif
