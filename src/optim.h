/* optim.h - what an optimizer file sees: one update rule over flat arrays; one file in src/optims/, one line in optims.def. Compiled
** once per instruction set (FIRE_ISA_NAME, kernel.h). Names, defaults and formulas are Keras 3's; torch's own under torch's names.
**
** What all optimizers share (weight decay, clipping, moving averages of weights, accumulation, schedules) is not theirs: it stands in
** fire_optim_common, in attributes that every optimizer's text may name, and update.c does it. */
#ifndef FIRE_OPTIM_H
#define FIRE_OPTIM_H
#include "schedule.h"

/* One call: update weights [from, to) in place. w, g, slot[k] are flat arrays of `type`, F32 or F64. One pass over memory. */
typedef struct fire_optim_call {
    const void *attrs;
    double rate;       /* the learning rate of this update */
    double momentum;   /* that the schedule wants (OneCycleLR); NaN: the optimizer's own */
    double gscale;     /* g is multiplied by it first: 1 / number of loss values */
    int64_t step;      /* counts updates from 1 */
    fire_type type;
    int64_t from, to;
    void *w, *g;       /* g is only read, but by `direction` */
    void *const *slot;
    double w_norm, g_norm; /* per_weight: Euclidean norms of w and of g, scaled and after direction */
} fire_optim_call;

typedef struct fire_optim {
    const char *name, *help;   /* "Adam"; saved in checkpoints: never rename. Found in any case. */
    const char *alias;         /* other names that compile takes, separated by '|', or NULL */
    const fire_attr *attrs;    /* one of them is learning_rate */
    size_t attr_size, rate_offset; /* where learning_rate lies */
    double weight_decay;       /* default of the attribute that all have */
    bool per_weight;           /* update is called once for each weight, with norms */
    bool full_batch;           /* steps are taken over all rows by lbfgs.c; update is NULL */
    int32_t (*slots)(const void *attrs); /* state arrays per weight */
    double (*start)(const void *attrs, int32_t k); /* what slot k begins with; NULL: 0 */

    void (*update)(const fire_optim_call *call);
    /* per_weight: turn g into the direction of the step, whose norm update is then given; gscale has been applied. NULL: g itself. */
    void (*direction)(const fire_optim_call *call);
    /* Learning rate of update `step` (from 1) given the current base rate; NULL: the base rate. */
    double (*rate)(const void *attrs, double base, int64_t step);
} fire_optim;

/* Lies behind an optimizer's own attributes. Of weight_decay to gradient_accumulation_steps 0 means: not wanted. */
typedef struct fire_optim_common {
    fire_attr_text rate_text; /* learning_rate as given: a number or a schedule */
    double weight_decay, clipnorm, clipvalue, global_clipnorm, ema_momentum;
    bool use_ema;
    int64_t ema_overwrite_frequency, gradient_accumulation_steps;
    fire_attr_text exclude_from_weight_decay; /* parts of names, separated by '|' */
    fire_attr_text layers;    /* names of layers or their beginnings, separated by '|', of an optimizer that is not for all */
    const fire_schedule *schedule;       /* NULL: the rate is a number */
    _Alignas(16) unsigned char schedule_attrs[FIRE_SCHEDULE_SIZE];
} fire_optim_common;

/* fire_optim_find - by Keras name in any case ("adam"), the copy for this instruction set. */
const fire_optim *fire_optim_find(const char *name, int isa);
extern const fire_optim *const fire_optims[]; /* the baseline copies, ends with NULL */

/* fire_optim_bytes - of an optimizer's attributes and what all have; fire_optim_shared - the latter. */
size_t fire_optim_bytes(const fire_optim *o);
fire_optim_common *fire_optim_shared(const fire_optim *o, const void *attrs);

/* fire_optim_read - attributes from text into mem[fire_optim_bytes], zeroed. learning_rate is a number or the text of a schedule. */
fire_status fire_optim_read(const fire_optim *o, void *mem, const char *text, fire_error *err);
/* fire_optim_write - "Adam beta_1=0.8 weight_decay=0.1": the canonical text, as snprintf. */
size_t fire_optim_write(const fire_optim *o, const void *mem, char *to, size_t capacity);
/* fire_optim_set_rate - make the learning rate a number. */
void fire_optim_set_rate(const fire_optim *o, void *mem, double rate);
/* fire_optim_look - own and shared attributes as one table, for the catalog; learning_rate as a number. */
#define FIRE_OPTIM_ATTRS 40
void fire_optim_look(const fire_optim *o, fire_attr table[FIRE_OPTIM_ATTRS]);
#endif
