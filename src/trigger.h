/* trigger.h - conditions on the state of a training, as text: when to validate, to write a checkpoint, to end. */
#ifndef FIRE_TRIGGER_H
#define FIRE_TRIGGER_H
#include "firesteel.h"

#define FIRE_TRIGGER_TERMS 32

/* Where a training stands: after a step, or (ended) after the last one of an epoch. */
typedef struct fire_moment {
    bool ended;
    int64_t epochs, steps;   /* done, of all epochs */
    double loss;             /* mean of the last step */
    double score;            /* the first metric of the last validation; NaN: none */
} fire_moment;

/* Terms in postfix order. */
typedef struct fire_trigger { int32_t n; struct { int32_t kind; double value; } term[FIRE_TRIGGER_TERMS]; } fire_trigger;

/* fire_trigger_read - from text: every_epoch, several_iteration=N, max_epoch=N, max_iteration=N, min_loss=X, max_score=X, and `and` and `or` behind the two
** that they join: "max_epoch=5 min_loss=0.1 or". NULL or "": none, which never fires. */
fire_status fire_trigger_read(fire_trigger *t, const char *text, fire_error *err);
bool fire_trigger_fires(const fire_trigger *t, const fire_moment *m);
/* fire_trigger_looks_at - whether it asks for the loss, or for the score. */
bool fire_trigger_looks_at(const fire_trigger *t, bool score);
#endif
