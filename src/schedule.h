/* schedule.h - what a schedule file sees: the learning rate of each update as a function of its number; one file in src/schedules/, one
** line in schedules.def. Names, defaults and formulas are Keras 3's; torch's own under torch's names. An optimizer takes one as its
** learning_rate: Adam learning_rate="CosineDecay initial_learning_rate=0.1 decay_steps=1000". */
#ifndef FIRE_SCHEDULE_H
#define FIRE_SCHEDULE_H
#include "attrs.h"

#define FIRE_SCHEDULE_SIZE 1280 /* bytes of attributes at most */

typedef struct fire_schedule {
    const char *name, *help;  /* saved in model files: never rename */
    const fire_attr *attrs;
    size_t attr_size;
    /* What the table cannot say; NULL: nothing. */
    fire_status (*check)(const void *attrs, fire_error *err);
    double (*rate)(const void *attrs, int64_t step);     /* of update `step`, from 0 */
    double (*momentum)(const void *attrs, int64_t step); /* it moves the momentum too; NULL, or NaN: does not */
    const char *examples[4];  /* attributes that it must work with */
} fire_schedule;
extern const fire_schedule *const fire_schedules[]; /* sorted by name, ends with NULL */
const fire_schedule *fire_schedule_find(const char *name); /* in any case */

/* fire_schedule_read - attributes from text into mem[FIRE_SCHEDULE_SIZE], checked; `canonical` (FIRE_ATTR_TEXT_SIZE bytes, may hold `text`)
** gets "Name attr=...". */
fire_status fire_schedule_read(const fire_schedule *s, void *mem, const char *text, char *canonical, fire_error *err);
#endif
