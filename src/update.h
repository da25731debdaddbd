/* update.h - from the gradient summed over all rows to new weights: penalties, accumulation, clipping, weight decay, the optimizer's rule,
** moving averages, constraints, in Keras' order. */
#ifndef FIRE_UPDATE_H
#define FIRE_UPDATE_H
#include "constraints.h"
#include "network.h"
#include "regularizers.h"
#include "sparse.h"

/* The penalties of all weights that learn. */
typedef struct fire_penalty { int64_t weight; const fire_regularizer *kind; void *attrs; } fire_penalty;
typedef struct fire_penalties { fire_context *ctx; fire_penalty *row; int64_t n; double *scratch; } fire_penalties;
fire_status fire_penalties_new(fire_penalties *p, const fire_network *net, fire_error *err);
void fire_penalties_free(fire_penalties *p);
/* fire_penalties_add - their sum for the weights as they are; grad (flat, like net->params; NULL: not wanted) += scale * its gradient. */
double fire_penalties_add(const fire_penalties *p, const fire_network *net, double scale, void *grad);

/* A run of weights that learn and are treated alike; between single weights lies padding, which is zero and stays so. */
typedef struct fire_range { int64_t from, to; int32_t optim; bool decays; } fire_range; /* optim: place in fire_updater.optim */
typedef struct fire_rule { int64_t weight; int32_t optim; bool decays; const fire_constraint *constraint; void *attrs; uint32_t axes; } fire_rule;

/* A table: in each step only rows->row are updated, and what the optimizer keeps for them. Weight decay is theirs as well. */
typedef struct fire_row_rule { int64_t weight; int32_t optim; bool decays; const fire_rows *rows; } fire_row_rule;

/* An optimizer in use: the network's own, then those of single layers. rate, momentum: of the update under way; momentum NaN: its own. */
typedef struct fire_using { const fire_optim *kind; const void *attrs; double rate, momentum; } fire_using;

typedef struct fire_updater {
    fire_network *net;
    fire_range *range;      /* [n_ranges] of all weights that learn */
    int64_t n_ranges;
    fire_rule *rule;        /* [n_rules], one for each weight that learns */
    int64_t n_rules;
    fire_row_rule *table;   /* [n_tables] */
    int64_t n_tables;
    fire_penalties penalties;
    double *scratch;
    /* Each number is updated from its own gradient alone, so that any piece can be updated by itself: fire_updater_piece. Otherwise
    ** fire_updater_run does the whole. */
    bool plain;
    fire_using *optim;      /* [n_own_optims + 1] */
    double rate;            /* of the first one */
    int64_t update;         /* its number, from 1 */
} fire_updater;

/* fire_updater_new - for the weights whose moved[] is not 0 (net->n_weights of them). Slots are there. */
fire_status fire_updater_new(fire_updater *u, fire_network *net, const fire_value *moved, fire_error *err);
void fire_updater_free(fire_updater *u);
/* fire_updater_add_table - a weight that was not moved[] gets its gradient from `rows`, which are borrowed and change from step to step. At most n_weights. */
void fire_updater_add_table(fire_updater *u, int64_t weight, const fire_rows *rows);

/* fire_updater_begin - the next step: counts it and finds the rate. */
void fire_updater_begin(fire_updater *u);
/* fire_updater_piece - weights [from, to) with gradient g (flat) times gscale; only where plain. */
void fire_updater_piece(const fire_updater *u, double gscale, int64_t from, int64_t to, void *g);
/* fire_updater_rows - rows [from, to) of the gradient of table t times gscale; only where plain. */
void fire_updater_rows(const fire_updater *u, int64_t t, double gscale, int64_t from, int64_t to);
/* fire_updater_run - all weights, and what is averaged and accumulated. g is overwritten. */
void fire_updater_run(fire_updater *u, double gscale, void *g);

/* fire_average_take, fire_average_leave - use_ema: at the end of a fit weights become their average; at the beginning of the next they
** are what training had made of them, unless somebody has changed them. */
void fire_average_take(fire_updater *u);
void fire_average_leave(fire_updater *u);
#endif
