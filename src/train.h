/* train.h - what the parts of fire_fit share: train.c, the loop over epochs; train_setup.c, what is checked and made before the first step;
** train_step.c, one step; local.c, averaging after local steps.
*/
#ifndef FIRE_TRAIN_H
#define FIRE_TRAIN_H
#include "lbfgs.h"
#include "order.h"
#include "squeeze.h"
#include "step.h"
#include "trigger.h"
#include "update.h"

#define MIN_SLICE 32        /* rows; below, matrix products lose speed */
#define REPRODUCIBLE 8      /* shards */
#define TAIL 3              /* numbers that travel behind a gradient: the loss, how many values it has, and whether somebody wants to stop */

typedef struct fire_slice_job { const int64_t *index; int64_t n; fire_status status; fire_tensor sum; } fire_slice_job; /* sum: where its plan has stopped */
typedef struct fire_subtree { int32_t from, to; } fire_subtree;   /* a subtree over shards [from, to) */

/* Local steps under way. */
#define FIRE_LOCAL_TAIL 4       /* numbers that travel behind the moves: loss, values, penalty, and whether somebody wants to stop */
typedef struct fire_local {
    int32_t steps;              /* since the last averaging */
    int32_t length;             /* steps that were averaged then */
    void *from;                 /* [n_params]: weights of then */
    void *moved;                /* [n_params, updates of fixed weights, tail]: what travels */
    double loss, values, penalty; /* this rank's sums since then; penalty: times the rows of a step, of all workers */
    bool spoilt;                /* a loss was not finite: all ranks hear of it at the next averaging */
} fire_local;

typedef struct fire_training {
    fire_network *net;
    fire_dataset *data;
    fire_context *ctx;
    fire_fit_options o;
    fire_comm *comm;
    int32_t rank, ranks;
    fire_facts facts;
    fire_shards shards;
    int64_t *order;             /* of this epoch, own rows */
    int64_t *at;                /* [own]: rows of each own shard that steps before took */
    int64_t *batch;             /* this rank's rows of a step, where several shards are joined; or NULL */
    fire_step step, check;      /* training, validation */
    fire_pool *pool;
    int32_t threads;
    fire_slice_job *job;                   /* [slices] */
    int32_t n_jobs;
    int32_t part;               /* of the step: up to which of its sums over slices the jobs run */
    void *join;                 /* room for such a sum, one for each slice */
    fire_row_sums rows;         /* gradients of tables, of all slices and ranks */
    fire_updater updater;
    fire_lbfgs lbfgs;           /* where the optimizer takes all rows at once */
    void *last;                 /* the summed gradient of the last look, where that was a step */
    double *all;                /* [n_params + TAIL]: its sums over blocks of rows; NULL: it computes all rows as one step */
    fire_subtree *tree;                 /* reproducible, several ranks: the subtrees that travel, left to right */
    int32_t n_tree, own_tree;   /* own_tree: index of this rank's first */
    int32_t own_tree_n;
    void *travel;               /* [n_tree][numbers of a slice] and the tail, or NULL: slice 0's gradient travels itself */
    fire_squeeze squeeze;       /* compressed sums; kind FIRE_COMPRESS_NONE: none */
    fire_local local;
    int64_t rows_done;          /* of the epoch, all ranks */
    double penalty_sum;         /* of the epoch so far, each step's times its rows */
    double loss_sum, values_sum, last_loss; /* of the epoch so far; mean of the last finite step */
    int64_t steps;              /* of an epoch */
    bool cancel;
    fire_trigger end, validate, save; /* of the options; empty: none */
    bool cut;                   /* a trigger ended this epoch before its last step */
    double score;               /* that MaxScore looks at: the first metric of the last validation; NaN: none yet */
    double called;              /* when progress was last called */
    double *sums;               /* [slots][n_sums] for fire_add_slots */
    void *good_params, *good_fixed; /* weights of the last good epoch */
    int64_t good_epoch;         /* -1: as they were at the start */
    void *best_params, *best_fixed;
    double best;
    int32_t best_epoch, wait, monitor; /* monitor: index of the result, FIRE_MAX_RESULTS + i: of validation */
} fire_training;

/* train_setup.c */
fire_status fire_train_check(fire_training *f, const fire_fit_options *o, fire_error *err); /* the options, which it copies */
fire_status fire_train_set_up(fire_training *f, fire_error *err);

/* train_step.c. An iteration of an optimizer that takes all rows at once is an epoch; its objective is the mean loss over all rows with penalties. */
fire_status fire_train_step(fire_training *f, int32_t epoch, int64_t step, fire_error *err);
fire_status fire_train_iteration(fire_training *f, int32_t epoch, bool *done, fire_error *err);
fire_status fire_train_objective(void *user, void *g, double *loss, fire_error *err);

/* local.c: whether workers take steps by themselves; whether weights are now the same on all ranks; around each such step. */
bool fire_train_local(const fire_training *f);
bool fire_train_averaged(const fire_training *f);
fire_status fire_local_new(fire_training *f, fire_error *err);
void fire_local_free(fire_training *f);
void fire_local_begin(fire_training *f);
fire_status fire_local_average(fire_training *f, int32_t epoch, int64_t step, fire_error *err);

/* train.c: weights kept aside; the failure of a loss that is not finite, with the last good weights put back. */
fire_status fire_train_keep(fire_training *f, void **params, void **fixed, fire_error *err);
fire_status fire_train_diverged(fire_training *f, double loss, int32_t epoch, int64_t step, fire_error *err);
#endif
