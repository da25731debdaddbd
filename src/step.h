/* step.h - a network with its loss made ready to run slices of rows: what training, evaluation and gradients share.
**
** A slice has its own plans, buffers and sums, so several threads can each run one. Nothing is normalised here: losses and gradients are sums over
** rows, which slices, shards and workers add up, and the division by the number of loss values comes last.
*/
#ifndef FIRE_STEP_H
#define FIRE_STEP_H
#include "dataset.h"
#include "network.h"
#include "plan.h"
#include "pool.h"
#include "sparse.h"

#define FIRE_SLICE_PLANS 16 /* plans kept per slice, by number of rows; the least recently used makes room */

typedef struct fire_ready { int64_t rows; uint64_t used; fire_plan *plan; } fire_ready;

/* An output of the network with its loss. Its targets are y_width numbers of each row of labels, from y_from on. */
typedef struct fire_step_output {
    const fire_compiled_loss *loss;
    fire_value y, pred;         /* what metrics look at */
    fire_value each, count;     /* losses [n] or [n, values of a row]; how many of them count, [1], where a mask says so, else 0 */
    fire_shape pred_row, target;
    int64_t y_from, y_width, values;
} fire_step_output;

typedef struct fire_slice {
    fire_ready ready[FIRE_SLICE_PLANS];
    fire_ready *last;     /* the plan that ran last */
    uint64_t runs;
    void *x, *y, *w;      /* [capacity, ...]; x is made when rows must be gathered */
    int64_t *id;          /* [capacity], when dropout and the like ask for it */
    void *grad;           /* [numbers + 3]: the first `flat` numbers like net->params, then what updates make of fixed weights; three numbers behind; only when training */
    const void *x_used;   /* where the last run took x from */
    int64_t rows, at;     /* of the last run; where its plan has stopped */
    double loss, values;  /* sum of its weighted losses, and how many they are: what it is divided by */
    fire_rows *rows_of;   /* [n_tables]: gradients of tables in the last run */
    fire_row_adder adder;
    double *sums;         /* [n_sums] since cleared: for each output losses and how many, then those of each metric */
    fire_error error;     /* of the last run */
} fire_slice;

typedef struct fire_step {
    fire_context *ctx;
    fire_network *net;
    const fire_dataset *data;
    const uint64_t *row_id;     /* of each training row; NULL: fire_dataset_row_id */
    fire_graph g;
    fire_network_graph made;
    bool training;
    fire_value y, w, loss, dx;  /* loss: what is differentiated, [n, ...] */
    fire_value penalty;         /* and with it, [n]: penalties on outputs of layers, times what a slice's losses are divided by for each row; 0: none */
    int64_t activity_at;        /* where the sums of these penalties begin: as they are, and of how many rows */
    fire_step_output output[FIRE_MAX_PARTS];
    int32_t n_outputs;
    fire_value *weight, *grad;  /* [net->n_weights]; grad 0: none */
    fire_value *update;         /* [net->n_weights]: what training makes of a fixed weight, 0: nothing */
    int64_t *update_at;         /* [net->n_weights]: where it lies in a slice's grad */
    int64_t flat;               /* numbers of net->params that have a place in a slice's grad: all, or those before the tables */
    int64_t numbers;            /* of a slice's grad that are summed: flat, and those of updates */
    fire_table *table;          /* [n_tables] weights whose gradients are rows; grad of them is 0 */
    fire_table_use *table_use;
    int32_t n_tables, n_table_uses;
    double batch_rows;          /* of all slices of a step: the share of a slice in updates is its rows over these. Set before it runs. */
    struct fire_point { int64_t count; bool over_workers; } *point; /* [n_points] where plans stop for sums over slices */
    int32_t n_points;
    fire_shape target;          /* of all outputs */
    fire_type target_type;
    bool weighted;              /* rows have weights other than 1 */
    int64_t x_width, y_width, values; /* numbers per row; values of `loss` per row */
    int64_t n_sums, *sums_at;   /* of losses and metrics; where each metric's begin */
    int64_t draw[2];            /* seed, epoch */
    const double *class_weight;
    int32_t n_class_weight;
    int64_t capacity;           /* rows of a slice at most */
    int32_t n_slices;
    fire_slice *slice;
} fire_step;

typedef struct fire_step_options {
    bool training;              /* dropout active */
    bool gradient, input_gradient;
    bool sparse;                /* gradients of tables are rows (sparse.h); otherwise they lie in grad like the others */
    bool stateful;              /* stateful layers go on from batch to batch: all of fire_network_batch rows, one slice */
    bool update;                /* find what becomes of fixed weights (fire_update) */
    const double *class_weight;
    int32_t n_class_weight;
    int32_t slices;
    int64_t capacity;
} fire_step_options;

/* fire_step_new - build graph and buffers. The network is built and compiled, and its places stay fixed until the step is freed. */
fire_status fire_step_new(fire_step *s, fire_network *net, const fire_dataset *data, const fire_step_options *o, fire_error *err);
void fire_step_free(fire_step *s);

/* fire_step_run - rows index[0..n), or first .. first + n - 1, through slice i; its status is returned and its error kept in the slice.
** n 0 gives zero sums and gradients. */
fire_status fire_step_run(fire_step *s, int32_t i, bool validation, const int64_t *index, int64_t first, int64_t n);

/* The same in parts, for steps with points: start, then go to each of the points (*sum as of fire_plan_go; data NULL where the slice has no
** rows), then finish. */
fire_status fire_step_start(fire_step *s, int32_t i, bool validation, const int64_t *index, int64_t first, int64_t n);
void fire_step_go(fire_step *s, int32_t i, fire_tensor *sum);
void fire_step_finish(fire_step *s, int32_t i);

/* fire_step_updates - fixed weights become what their updates, summed over slices in a slice's grad, say. */
void fire_step_updates(const fire_step *s, const void *grad);

/* fire_step_spoilt - where the last run of all slices read NaN or infinity: slice, row of it and "features" or "labels"; slice -1: nowhere.
** Returns the largest finite feature before that. */
double fire_step_spoilt(const fire_step *s, int32_t *slice, int64_t *row, const char **what);

/* fire_step_wants - the values that a step's plan is made for, into outputs[fire_step_wants_most]. Returns how many. */
int fire_step_wants(const fire_step *s, fire_value *outputs);
size_t fire_step_wants_most(const fire_step *s);

void fire_step_clear_sums(fire_step *s);
/* fire_step_results - loss and metrics from summed sums[n_sums], into results[FIRE_MAX_RESULTS]. Returns how many. */
int32_t fire_step_results(const fire_step *s, const double *sums, double *results);

/* fire_step_fits - whether rows of shapes x and y (has_y) are what the network and its loss take. */
fire_status fire_step_fits(const fire_network *net, const fire_shape *x, bool has_y, const fire_shape *y, const fire_shape *target, fire_error *err);

/* fire_step_check_labels - whether the labels are what the loss takes: class numbers, or numbers from 0 to 1. */
fire_status fire_step_check_labels(const fire_network *net, const fire_dataset *data, fire_error *err);

/* fire_step_evaluate - sums over all rows of the part, on every rank the same; shards in their order, each in blocks of `capacity` rows. Does not
** depend on the number of threads. */
fire_status fire_step_evaluate(fire_step *s, fire_pool *pool, bool validation, fire_comm *comm, double *results, int64_t *rows, fire_error *err);

/* fire_add_slots - sums of several slots over the ranks, then over the slots in order: sums[slots, n] on each rank, where every slot is filled
** by one rank and zero elsewhere, end in sums[0 .. n). The same bits for any number of ranks. */
fire_status fire_add_slots(fire_comm *comm, double *sums, int64_t slots, int64_t n, fire_error *err);

/* fire_meet - what ranks tell each other first: the shape of rows, which a rank without rows cannot know, and how many there are. */
typedef struct fire_facts {
    int64_t rows, validation_rows;  /* of all ranks */
    fire_shape x, y;
    bool has_y;
} fire_facts;
fire_status fire_meet(fire_context *ctx, const fire_dataset *data, fire_comm *comm, const int64_t *same, int32_t n_same, const char *const *same_name, fire_facts *facts, fire_error *err);

/* fire_adapt_layers - adapt layers that have no values yet; all: the others too. */
fire_status fire_adapt_layers(fire_network *net, const fire_dataset *data, fire_comm *comm, bool all, fire_error *err);
#endif
