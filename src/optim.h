/* optim.h - what an optimizer file sees: one update rule over flat arrays; one file in src/optims/, one line in optims.def. Compiled
** once per instruction set (FIRE_ISA_NAME, kernel.h). Names, defaults and formulas are Keras 3's. */
#ifndef FIRE_OPTIM_H
#define FIRE_OPTIM_H
#include "attrs.h"

typedef struct fire_optim {
    const char *name, *help;   /* "Adam"; saved in checkpoints: never rename. Found in any case. */
    const fire_attr *attrs;    /* one of them is learning_rate */
    size_t attr_size, rate_offset; /* where learning_rate lies */
    int32_t (*slots)(const void *attrs); /* state arrays per weight, start at zero */

    /* Update weights [from, to) in place. step counts updates from 1; rate is the learning rate of this step; g is multiplied by
    ** gscale first (1 / number of loss values). w, g, slot[k] are flat arrays of `type`, F32 or F64. One pass over memory. */
    void (*update)(const void *attrs, double rate, int64_t step, double gscale, fire_type type, int64_t from, int64_t to,
                   void *w, const void *g, void *const *slot);
    /* Learning rate of update `step` (from 1) given the current base rate; NULL: the base rate. */
    double (*rate)(const void *attrs, double base, int64_t step);
} fire_optim;

/* fire_optim_find - by Keras name in any case ("adam"), the copy for this instruction set. */
const fire_optim *fire_optim_find(const char *name, int isa);
extern const fire_optim *const fire_optims[]; /* the baseline copies, ends with NULL */
#endif
