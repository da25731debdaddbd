/* train.c - fire_fit: the loop over epochs and steps.
**
** Life of a step. Each shard's share of the batch is computed by slices, one thread each, every one with its own gradient buffer. Slices are added by
** one fixed binary tree, ranks by fire_comm_sum; the reduced loss is looked at; and one pass over the flat buffers updates the weights. Two ways
** to cut a step into slices:
**   usual         this rank's rows are cut into as many slices as there are threads, of at least MIN_SLICE rows each;
**   reproducible  each of the eight fixed shards is one slice. Sums follow the complete binary tree over the shards: a rank adds up the
**                 largest whole subtrees that it owns, these travel, and every rank finishes the same tree. So bits depend neither on threads nor on ranks.
** Nothing is allocated once plans for the row counts that occur are made.
*/
#include "denormal.h"
#include "lbfgs.h"
#include "order.h"
#include "rng.h"
#include "step.h"
#include "update.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MIN_SLICE 32        /* rows; below, matrix products lose speed */
#define REPRODUCIBLE 8      /* shards */
#define TAIL 3              /* numbers that travel behind a gradient: the loss, how many values it has, and whether somebody wants to stop */
#define BLOCK 256           /* rows that a slice computes at once where all rows make one step */
#define SPLIT (1 << 15)     /* weights per piece of the update at least, where it is split over threads */

typedef struct job { const int64_t *index; int64_t n; fire_status status; fire_tensor sum; } job; /* sum: where its plan has stopped */
typedef struct node { int32_t from, to; } node;   /* a subtree over shards [from, to) */

typedef struct fit {
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
    job *job;                   /* [slices] */
    int32_t n_jobs;
    int32_t part;               /* of the step: up to which of its sums over slices the jobs run */
    void *join;                 /* room for such a sum, one for each slice */
    fire_row_sums rows;         /* gradients of tables, of all slices and ranks */
    fire_updater updater;
    fire_lbfgs lbfgs;           /* where the optimizer takes all rows at once */
    void *last;                 /* the summed gradient of the last look, where that was a step */
    double *all;                /* [n_params + TAIL]: its sums over blocks of rows; NULL: it computes all rows as one step */
    node *tree;                 /* reproducible, several ranks: the subtrees that travel, left to right */
    int32_t n_tree, own_tree;   /* own_tree: index of this rank's first */
    int32_t own_tree_n;
    void *travel;               /* [n_tree][numbers of a slice] and the tail, or NULL: slice 0's gradient travels itself */
    int64_t rows_done;          /* of the epoch, all ranks */
    double penalty_sum;         /* of the epoch so far, each step's times its rows */
    double loss_sum, values_sum, last_loss; /* of the epoch so far; mean of the last finite step */
    int64_t steps;              /* of an epoch */
    bool cancel;
    double called;              /* when progress was last called */
    double *sums;               /* [slots][n_sums] for fire_add_slots */
    void *good_params, *good_fixed; /* weights of the last good epoch */
    int64_t good_epoch;         /* -1: as they were at the start */
    void *best_params, *best_fixed;
    double best;
    int32_t best_epoch, wait, monitor; /* monitor: index of the result, FIRE_MAX_RESULTS + i: of validation */
} fit;

/* ---- adding and updating ---- */

static void add(fire_type type, void *to_, const void *from_, int64_t from, int64_t to) {
    if (type == FIRE_F32) {
        float *a = to_;
        const float *b = from_;
        for (int64_t i = from; i < to; i++) a[i] += b[i];
    } else {
        double *a = to_;
        const double *b = from_;
        for (int64_t i = from; i < to; i++) a[i] += b[i];
    }
}

/* -0 becomes 0: a sum over ranks makes it so where there are several, and the bits shall not tell how many there were. */
static void plain_zeros(fire_type type, void *x, int64_t from, int64_t to) {
    if (type == FIRE_F32) for (int64_t i = from; i < to; i++) ((float *)x)[i] += 0.0f;
    else for (int64_t i = from; i < to; i++) ((double *)x)[i] += 0.0;
}

static void *number_at(const fit *f, void *p, int64_t i) { return (char *)p + (size_t)i * fire_type_size(f->net->type); }

/* The fixed tree over slices [0, n): in place, the sum ends in slice 0. */
static void add_slices(const fit *f, int32_t first, int32_t n, int64_t from, int64_t to) {
    for (int32_t stride = 1; stride < n; stride *= 2)
        for (int32_t i = 0; i + stride < n; i += 2 * stride) add(f->net->type, f->step.slice[first + i].grad, f->step.slice[first + i + stride].grad, from, to);
}

/* Finish the tree over shards [lo, hi) from the subtrees that travelled; the sum ends where the leftmost of them lies, which is returned. */
static void *finish_tree(const fit *f, int32_t lo, int32_t hi, int32_t *next, int64_t from, int64_t to) {
    const node *t = &f->tree[*next];
    if (t->from == lo && t->to == hi) return number_at(f, f->travel, f->step.numbers * (*next)++);
    int32_t mid = (lo + hi) / 2;
    void *a = finish_tree(f, lo, mid, next, from, to), *b = finish_tree(f, mid, hi, next, from, to);
    add(f->net->type, a, b, from, to);
    return a;
}

typedef struct pass { fit *f; bool sum, finish, last, update; int32_t pieces; double gscale; } pass; /* last: g is whole after it */

/* Piece i of the flat buffers: add the slices, finish the tree, update the weights, whatever this pass is to do. Blocks stay in the cache. */
static void run_piece(void *user, int32_t i) {
    pass *p = user;
    fit *f = p->f;
    fire_network *net = f->net;
    const int64_t block = 4096;
    int64_t n = f->step.numbers, blocks = (n + block - 1) / block, from = blocks * i / p->pieces * block, end = blocks * (i + 1) / p->pieces * block;
    bool reproducible = f->o.reproducible;
    if (end > n) end = n;
    /* One long run of weights with nothing to add needs no blocks. */
    bool whole = !p->sum && !p->finish && !reproducible;
    uint32_t denormals = fire_denormals_off();
    for (int64_t to; from < end; from = to) {
        to = whole || end - from < block ? end : from + block;
        void *g = f->step.slice[0].grad;
        if (p->sum) add_slices(f, 0, f->n_jobs, from, to);
        if (p->finish) {
            int32_t next = 0;
            g = finish_tree(f, 0, REPRODUCIBLE, &next, from, to);
        }
        if (!p->last) continue;
        if (reproducible) plain_zeros(net->type, g, from, to);
        if (p->update) fire_updater_piece(&f->updater, p->gscale, from, to, g);
    }
    fire_denormals_restore(denormals);
}

static void over_weights(fit *f, pass p) {
    int64_t pieces = f->step.numbers / SPLIT;
    if (pieces > f->threads) pieces = f->threads;
    p.f = f;
    p.pieces = pieces > 1 ? (int32_t)pieces : 1;
    if (p.pieces == 1) run_piece(&p, 0);
    else fire_pool_run(f->pool, p.pieces, run_piece, &p);
}

typedef struct row_pass { const fit *f; int64_t table; double gscale; int32_t pieces; } row_pass;

static void run_rows(void *user, int32_t i) {
    const row_pass *p = user;
    int64_t n = p->f->rows.total[p->table].n;
    uint32_t denormals = fire_denormals_off();
    fire_updater_rows(&p->f->updater, p->table, p->gscale, n * i / p->pieces, n * (i + 1) / p->pieces);
    fire_denormals_restore(denormals);
}

static void over_tables(fit *f, double gscale) {
    for (int64_t t = 0; t < f->updater.n_tables; t++) {
        int64_t pieces = f->rows.total[t].n * f->step.table[t].width / SPLIT;
        row_pass p = {f, t, gscale, pieces > f->threads ? f->threads : pieces > 1 ? (int32_t)pieces : 1};
        if (p.pieces == 1) run_rows(&p, 0);
        else fire_pool_run(f->pool, p.pieces, run_rows, &p);
    }
}

/* ---- weights kept aside ---- */

static fire_status keep(fit *f, void **params, void **fixed, fire_error *err) {
    fire_network *net = f->net;
    size_t number = fire_type_size(net->type);
    if (!*params && !(*params = fire_alloc(f->ctx, (size_t)net->n_params, number, err))) return FIRE_NOMEM;
    if (!*fixed && !(*fixed = fire_alloc(f->ctx, (size_t)net->n_fixed, number, err))) return FIRE_NOMEM;
    memcpy(*params, net->params, (size_t)net->n_params * number);
    memcpy(*fixed, net->fixed, (size_t)net->n_fixed * number);
    return FIRE_OK;
}

static void put_back(fit *f, const void *params, const void *fixed) {
    size_t number = fire_type_size(f->net->type);
    memcpy(f->net->params, params, (size_t)f->net->n_params * number);
    memcpy(f->net->fixed, fixed, (size_t)f->net->n_fixed * number);
}

static bool finite_numbers(fire_type type, const void *x, int64_t n) {
    double s = 0;
    if (type == FIRE_F32) for (int64_t i = 0; i < n; i++) { float v = ((const float *)x)[i]; s += (double)(v - v); }
    else for (int64_t i = 0; i < n; i++) { double v = ((const double *)x)[i]; s += v - v; }
    return s == 0;
}

/* The loss is not finite. Every rank comes here at the same step, for it looks at the same reduced loss. */
static fire_status diverged(fit *f, double loss, int32_t epoch, int64_t step, fire_error *err) {
    fire_network *net = f->net;
    const char *what, *how = isnan(loss) ? "NaN" : "infinite", *back = f->good_epoch < 0 ? "the start" : "the last good epoch";
    int32_t slice;
    int64_t at, row = -1;
    double largest = fire_step_spoilt(&f->step, &slice, &at, &what);
    if (slice >= 0 && f->ranks == 1) row = fire_dataset_source(f->data, false, f->job[slice].index[at]); /* rows that were dealt have no number that anybody knows */
    put_back(f, f->good_params, f->good_fixed);
    /* The optimizer's moments belong to weights that are gone. */
    fire_network_clear_slots(net);
    net->step = 0;
    if (slice >= 0) {
        char where[40] = "";
        if (row >= 0) snprintf(where, sizeof where, ", row %lld for one", (long long)row);
        return fire_fail(err, FIRE_E_DIVERGED, "the loss became %s at epoch %d, step %lld: the %s of this batch hold NaN or infinity%s; fill or leave out such rows. The weights of %s were put back",
                         how, (int)epoch + 1, (long long)step + 1, what, where, back);
    }
    return fire_fail(err, FIRE_E_DIVERGED, "the loss became %s at epoch %d, step %lld: last finite loss %g, learning rate %g, features of this batch reach %g; lower the learning rate, add a Normalization layer or scale the features. The weights of %s were put back",
                     how, (int)epoch + 1, (long long)step + 1, f->last_loss, f->updater.rate, largest, back);
}

/* ---- a step ---- */

static void run_job(void *user, int32_t i) {
    fit *f = user;
    f->job[i].status = fire_step_run(&f->step, i, false, f->job[i].index, 0, f->job[i].n);
}

/* The same in parts, up to the next sum over slices. */
static void run_part(void *user, int32_t i) {
    fit *f = user;
    job *j = &f->job[i];
    if (f->part == 0) j->status = fire_step_start(&f->step, i, false, j->index, 0, j->n);
    if (!j->status && f->part < f->step.n_points) fire_step_go(&f->step, i, &j->sum);
    else if (!j->status) fire_step_finish(&f->step, i);
}

/* Sum what the slices have stopped at, in the tree of the gradients, and give it to all of them. */
static fire_status join_slices(fit *f, const struct fire_point *p, fire_error *err) {
    fire_type type = f->net->type;
    size_t bytes = (size_t)p->count * fire_type_size(type);
    int32_t n = f->o.reproducible ? REPRODUCIBLE : f->n_jobs > 0 ? f->n_jobs : 1, first = f->o.reproducible ? f->shards.first : 0;
    bool over_workers = f->ranks > 1 && (type == FIRE_F64 || f->o.reproducible || p->over_workers);
    memset(f->join, 0, (size_t)n * bytes);
    for (int32_t i = 0; i < f->n_jobs; i++)
        if (f->job[i].sum.data) memcpy((char *)f->join + (size_t)(first + i) * bytes, f->job[i].sum.data, bytes);
    fire_status st = FIRE_OK;
    if (over_workers && f->o.reproducible) st = fire_comm_sum(f->comm, type, f->join, n * p->count, err);
    if (f->o.reproducible) plain_zeros(type, f->join, 0, n * p->count);
    for (int32_t stride = 1; stride < n; stride *= 2)
        for (int32_t i = 0; i + stride < n; i += 2 * stride) add(type, (char *)f->join + (size_t)i * bytes, (char *)f->join + (size_t)(i + stride) * bytes, 0, p->count);
    if (over_workers && !f->o.reproducible) st = fire_comm_sum(f->comm, type, f->join, p->count, err);
    for (int32_t i = 0; i < f->n_jobs; i++)
        if (f->job[i].sum.data) memcpy(f->job[i].sum.data, f->join, bytes);
    return st;
}

/* All slices of a step. A failure is that of the first job that has one. */
static fire_status run_jobs(fit *f, fire_error *err) {
    bool joins = f->step.n_points && (f->n_jobs > 1 || f->ranks > 1);
    for (f->part = 0; f->part <= (joins ? f->step.n_points : 0); f->part++) {
        void (*run)(void *, int32_t) = joins ? run_part : run_job;
        if (f->n_jobs == 1) run(f, 0);
        else if (f->n_jobs > 1) fire_pool_run(f->pool, f->n_jobs, run, f);
        for (int32_t i = 0; i < f->n_jobs; i++) {
            if (!f->job[i].status) continue;
            if (err) *err = f->step.slice[i].error;
            return f->job[i].status;
        }
        fire_status st = joins && f->part < f->step.n_points ? join_slices(f, &f->step.point[f->part], err) : FIRE_OK;
        if (st) return st;
    }
    return FIRE_OK;
}

/* Cut this rank's rows of step t into jobs, one per slice. */
static void cut(fit *f, int64_t merged_end) {
    int32_t own = f->shards.own;
    int64_t total = 0;
    for (int32_t s = 0; s < own; s++) {
        int64_t end = fire_shards_upto(&f->shards, s, merged_end), n = end - f->at[s];
        const int64_t *index = f->order + f->shards.start[s] + f->at[s];
        f->at[s] = end;
        if (f->o.reproducible) f->job[s] = (job){.index = index, .n = n};
        else if (own > 1) memcpy(f->batch + total, index, (size_t)n * sizeof *index);
        else f->job[0].index = index;
        total += n;
    }
    if (f->o.reproducible) { f->n_jobs = own; return; }
    const int64_t *index = own == 1 ? f->job[0].index : f->batch;
    int64_t k = total / MIN_SLICE;
    f->n_jobs = (int32_t)(k < 1 ? 1 : k > f->threads ? f->threads : k);
    for (int32_t i = 0; i < f->n_jobs; i++) {
        int64_t a = total * i / f->n_jobs, b = total * (i + 1) / f->n_jobs;
        f->job[i] = (job){.index = index + a, .n = b - a};
    }
}

/* One reproducible step over several ranks: own subtrees into the buffer that travels, zeros elsewhere. */
static void fill_travel(fit *f) {
    int64_t n = f->step.numbers;
    size_t number = fire_type_size(f->net->type);
    memset(f->travel, 0, ((size_t)f->n_tree * (size_t)n + TAIL) * number);
    for (int32_t k = 0; k < f->own_tree_n; k++) {
        const node *t = &f->tree[f->own_tree + k];
        int32_t first = t->from - f->shards.first;
        add_slices(f, first, t->to - t->from, 0, n);
        memcpy(number_at(f, f->travel, (f->own_tree + k) * n), f->step.slice[first].grad, (size_t)n * number);
    }
}

/* What all slices of a step gave, summed over the workers. What is left to do with the gradient: add the slices, or finish the tree. */
typedef struct total { double loss, values; void *g; bool add, finish; } total;

static fire_status add_up(fit *f, total *t, fire_error *err) {
    fire_network *net = f->net;
    *t = (total){.g = f->step.slice[0].grad, .add = f->n_jobs > 1};
    for (int32_t i = 0; i < f->n_jobs; i++) {
        t->loss += f->step.slice[i].loss;
        t->values += f->step.slice[i].values;
    }
    if (f->ranks > 1) {
        int64_t n = f->travel ? f->n_tree * f->step.numbers : f->step.numbers;
        if (f->travel) fill_travel(f), t->g = f->travel;
        else if (t->add) over_weights(f, (pass){.sum = true});
        t->add = false;
        t->finish = f->travel != NULL;
        fire_tensor tail = {.type = net->type, .data = number_at(f, t->g, n)};
        fire_put(&tail, 0, t->loss);
        fire_put(&tail, 1, t->values);
        fire_put(&tail, 2, f->cancel);
        fire_status st = fire_comm_sum(f->comm, net->type, t->g, n + TAIL, err);
        if (st) return st;
        t->loss = fire_get(&tail, 0);
        t->values = fire_get(&tail, 1);
        f->cancel = fire_get(&tail, 2) != 0;
    }
    if (net->loss->sum || !t->values) t->values = 1; /* a mask may leave nothing to count */
    return FIRE_OK;
}

static fire_status one_step(fit *f, int32_t epoch, int64_t t, fire_error *err) {
    fire_network *net = f->net;
    int64_t first = t * f->o.batch_size, end = first + f->o.batch_size;
    if (end > f->shards.total) end = f->shards.total;
    cut(f, end);
    f->step.batch_rows = (double)(end - first);
    fire_status st = run_jobs(f, err);
    if (st) return st;
    total sum;
    if ((st = add_up(f, &sum, err))) return st;
    double mean = sum.loss / sum.values, penalty = 0;
    fire_updater *u = &f->updater;
    if (!u->plain) {
        if (sum.add || sum.finish || f->o.reproducible) over_weights(f, (pass){.sum = sum.add, .finish = sum.finish, .last = true});
        penalty = fire_penalties_add(&u->penalties, net, sum.values, sum.g);
    }
    if (!isfinite(sum.loss + penalty)) return diverged(f, sum.loss + penalty, epoch, t, err);
    if (f->cancel) return fire_fail(err, FIRE_E_CANCELLED, "training was stopped at epoch %d, step %lld", (int)epoch + 1, (long long)t);
    f->loss_sum += sum.loss;
    f->values_sum += sum.values;
    f->penalty_sum += penalty * (double)(end - first);
    f->last_loss = mean + penalty;
    f->rows_done = end;

    if (f->step.n_tables && (st = fire_row_sums_make(&f->rows, &f->step, f->n_jobs, f->o.reproducible, f->comm, err))) return st;
    fire_updater_begin(u);
    if (u->plain) {
        over_weights(f, (pass){.sum = sum.add, .finish = sum.finish, .last = true, .update = true, .gscale = 1.0 / sum.values});
        over_tables(f, 1.0 / sum.values);
    } else {
        uint32_t denormals = fire_denormals_off();
        fire_updater_run(u, 1.0 / sum.values, sum.g);
        fire_denormals_restore(denormals);
    }
    if (f->step.numbers > f->step.flat) fire_step_updates(&f->step, sum.g);
    return FIRE_OK;
}

/* ---- all rows at once ---- */

/* Sums over all rows, block by block, into f->all, and over the workers. */
static fire_status sum_blocks(fit *f, fire_error *err) {
    fire_network *net = f->net;
    int64_t n = net->n_params, rows = f->shards.start[f->shards.own];
    memset(f->all, 0, (size_t)(n + TAIL) * sizeof *f->all);
    for (int64_t at = 0; at < rows;) {
        for (f->n_jobs = 0; f->n_jobs < f->step.n_slices && at < rows; f->n_jobs++) {
            int64_t m = rows - at < f->step.capacity ? rows - at : f->step.capacity;
            f->job[f->n_jobs] = (job){.index = f->order + at, .n = m};
            at += m;
        }
        fire_status st = run_jobs(f, err);
        if (st) return st;
        for (int32_t k = 0; k < f->n_jobs; k++) {
            const fire_slice *c = &f->step.slice[k];
            if (net->type == FIRE_F32) for (int64_t i = 0; i < n; i++) f->all[i] += (double)((const float *)c->grad)[i];
            else add(FIRE_F64, f->all, c->grad, 0, n);
            f->all[n] += c->loss;
            f->all[n + 1] += c->values;
        }
    }
    return f->ranks > 1 ? fire_comm_sum(f->comm, FIRE_F64, f->all, n + TAIL, err) : FIRE_OK;
}

/* What L-BFGS makes smaller: the mean loss over all rows with penalties, and its gradient. The metrics are those of the last look. */
static fire_status objective(void *user, void *g, double *loss, fire_error *err) {
    fit *f = user;
    fire_network *net = f->net;
    fire_step_clear_sums(&f->step);
    total sum = {0};
    fire_tensor to = {.type = net->type, .data = g}, from = {.type = net->type};
    if (f->all) {
        fire_status st = sum_blocks(f, err);
        if (st) return st;
        sum.loss = f->all[net->n_params], sum.values = f->all[net->n_params + 1];
        if (net->loss->sum || !sum.values) sum.values = 1;
        from = (fire_tensor){.type = FIRE_F64, .data = f->all};
    } else {
        memset(f->at, 0, (size_t)f->shards.own * sizeof *f->at);
        cut(f, f->shards.total);
        f->step.batch_rows = (double)f->shards.total;
        fire_status st = run_jobs(f, err);
        if (!st) st = add_up(f, &sum, err);
        if (!st && f->o.reproducible) { /* the line search looks at every bit of the loss */
            double slot[2 * REPRODUCIBLE] = {0};
            for (int32_t i = 0; i < f->n_jobs; i++) slot[2 * (f->shards.first + i)] = f->step.slice[i].loss, slot[2 * (f->shards.first + i) + 1] = f->step.slice[i].values;
            st = fire_add_slots(f->comm, slot, REPRODUCIBLE, 2, err);
            sum.loss = slot[0];
            if (!net->loss->sum && slot[1]) sum.values = slot[1];
        }
        if (st) return st;
        over_weights(f, (pass){.sum = sum.add, .finish = sum.finish, .last = true});
        from.data = sum.g;
        f->last = sum.g;
    }
    for (int64_t i = 0; i < net->n_params; i++) fire_put(&to, i, fire_get(&from, i) / sum.values);
    double penalty = fire_penalties_add(&f->updater.penalties, net, 1, g);
    f->penalty_sum = penalty * (double)f->shards.total;
    f->loss_sum = sum.loss;
    f->values_sum = sum.values;
    *loss = sum.loss / sum.values + penalty;
    return FIRE_OK;
}

/* One iteration, which is an epoch. */
static fire_status one_iteration(fit *f, int32_t epoch, bool *done, fire_error *err) {
    fire_network *net = f->net;
    f->step.draw[0] = (int64_t)f->o.seed;
    f->step.draw[1] = net->epoch;
    if (f->step.made.draw) f->lbfgs.known = false; /* dropout and the like: the objective is another in each epoch */
    f->updater.rate = fire_network_learning_rate(net);
    uint32_t denormals = fire_denormals_off();
    fire_status st = fire_lbfgs_step(&f->lbfgs, done, err);
    fire_denormals_restore(denormals);
    if (st) return st;
    if (!isfinite(f->lbfgs.loss)) return diverged(f, f->lbfgs.loss, epoch, 0, err);
    f->last_loss = f->lbfgs.loss;
    f->rows_done = f->shards.total;
    if (f->last && f->step.numbers > f->step.flat) fire_step_updates(&f->step, f->last);
    return FIRE_OK;
}

/* ---- an epoch ---- */

static void tell(fit *f, fire_event event, int32_t epoch, int64_t step, double began, fire_progress *p) {
    p->event = event;
    p->epoch = epoch;
    p->epochs = f->o.epochs;
    p->step = step;
    p->steps = f->steps;
    p->rows = f->rows_done;
    p->seconds = f->called - began;
    p->learning_rate = f->updater.rate;
    f->net->value_stamp++; /* the caller may want to score */
    if (f->o.progress(f->o.user, p)) f->cancel = true;
}

/* Running means while the epoch is under way: the loss of all ranks, the metrics of this one. */
static void running(fit *f, double *result) {
    fire_step *s = &f->step;
    double *sums = f->sums;
    memset(sums, 0, (size_t)s->n_sums * sizeof *sums);
    for (int32_t i = 0; i < s->n_slices; i++)
        for (int64_t k = 0; k < s->n_sums; k++) sums[k] += s->slice[i].sums[k];
    fire_step_results(s, sums, result);
    result[0] = f->values_sum ? f->loss_sum / f->values_sum : 0;
    if (f->rows_done) result[0] += f->penalty_sum / (double)f->rows_done;
}

/* The epoch's exact results: each slot (a rank, or in reproducible mode a shard) is filled by one rank. */
static fire_status epoch_results(fit *f, double *result, fire_error *err) {
    fire_step *s = &f->step;
    int64_t n = s->n_sums, slots = f->o.reproducible ? REPRODUCIBLE : f->ranks;
    memset(f->sums, 0, (size_t)(slots * n) * sizeof *f->sums);
    for (int32_t i = 0; i < s->n_slices; i++) {
        double *to = f->sums + n * (f->o.reproducible ? f->shards.first + i : f->rank);
        for (int64_t k = 0; k < n; k++) to[k] += s->slice[i].sums[k];
    }
    fire_status st = fire_add_slots(f->comm, f->sums, slots, n, err);
    if (st) return st;
    fire_step_results(s, f->sums, result);
    result[0] += f->penalty_sum / (double)f->shards.total;
    return FIRE_OK;
}

static fire_status one_epoch(fit *f, int32_t epoch, fire_progress *p, bool *enough, fire_error *err) {
    fire_network *net = f->net;
    bool told = f->o.progress != NULL;
    double began = told ? fire_seconds() : 0;
    bool full = net->optim->full_batch;
    *enough = false;
    fire_order(&f->shards, f->o.seed, net->epoch, !f->o.no_shuffle && !full, f->order);
    if (!full) fire_step_clear_sums(&f->step);
    memset(f->at, 0, (size_t)f->shards.own * sizeof *f->at);
    f->step.draw[0] = (int64_t)f->o.seed;
    f->step.draw[1] = net->epoch;
    f->rows_done = 0;
    if (!full) f->loss_sum = f->values_sum = f->penalty_sum = 0;
    *p = (fire_progress){.n_results = (int32_t)net->n_results};
    for (int64_t t = 0; t < f->steps; t++) {
        fire_status st = full ? one_iteration(f, epoch, enough, err) : one_step(f, epoch, t, err);
        if (st) return st;
        if (!told || t + 1 == f->steps) continue;
        double now = fire_seconds();
        if (now - f->called >= 0.1) {
            f->called = now;
            running(f, p->result);
            tell(f, FIRE_BATCH_END, epoch, t + 1, began, p);
            if (f->cancel && f->ranks == 1) return fire_fail(err, FIRE_E_CANCELLED, "training was stopped at epoch %d, step %lld", (int)epoch + 1, (long long)t + 1);
        }
    }
    fire_status st = epoch_results(f, p->result, err);
    if (st) return st;
    /* The last update may have spoilt what the last loss could not tell yet. */
    if (!finite_numbers(net->type, net->params, net->n_params)) return diverged(f, NAN, epoch, f->steps - 1, err);
    net->epoch++;
    if (f->facts.validation_rows) {
        int64_t rows;
        if ((st = fire_step_evaluate(&f->check, f->pool, true, f->comm, p->validation, &rows, err))) return st;
        p->has_validation = true;
    }
    if (told) {
        f->called = fire_seconds();
        tell(f, FIRE_EPOCH_END, epoch, f->steps, began, p);
    }
    return FIRE_OK;
}

/* ---- stopping early ---- */

static fire_status find_monitor(fit *f, fire_error *err) {
    const char *name = f->o.stop.monitor;
    if (!name) return FIRE_OK;
    bool validation = strncmp(name, "val_", 4) == 0;
    for (int i = 0; i < f->net->n_results; i++)
        if (strcmp(name + (validation ? 4 : 0), fire_network_metric(f->net, i)) == 0) {
            if (validation && !f->facts.validation_rows)
                return fire_fail(err, FIRE_E_USAGE, "early stopping looks at '%s', but there are no validation rows; give some, or monitor 'loss'", name);
            f->monitor = validation ? FIRE_MAX_RESULTS + i : i;
            return FIRE_OK;
        }
    char list[600] = "", quoted[80];
    size_t used = 0;
    for (int i = 0; i < f->net->n_results; i++) {
        const char *m = fire_network_metric(f->net, i);
        size_t n = strlen(m);
        if (used + 2 * n + 12 >= sizeof list) break;
        if (used) memcpy(list + used, ", ", 2), used += 2;
        memcpy(list + used, m, n);
        memcpy(list + used + n, ", val_", 6);
        memcpy(list + used + n + 6, m, n + 1);
        used += 2 * n + 6;
    }
    return fire_fail(err, FIRE_E_UNKNOWN_NAME, "early stopping looks at '%s', which fit does not report; it reports %s", fire_escape(quoted, sizeof quoted, name, strlen(name)), list);
}

/* After an epoch, as Keras' EarlyStopping; true: enough. All ranks decide alike, for their numbers are the same. */
static fire_status early(fit *f, int32_t epoch, const fire_progress *p, bool *enough, fire_error *err) {
    *enough = false;
    if (!f->o.stop.monitor || epoch < f->o.stop.start_from_epoch) return FIRE_OK;
    double v = f->monitor < FIRE_MAX_RESULTS ? p->result[f->monitor] : p->validation[f->monitor - FIRE_MAX_RESULTS];
    double gain = f->o.stop.maximize ? v - f->best : f->best - v;
    if (f->best_epoch < 0 || gain > fabs(f->o.stop.min_delta)) {
        f->best = v;
        f->best_epoch = epoch;
        f->wait = 0;
        return f->o.stop.restore_best ? keep(f, &f->best_params, &f->best_fixed, err) : FIRE_OK;
    }
    *enough = ++f->wait >= f->o.stop.patience;
    return FIRE_OK;
}

/* ---- setting up ---- */

static fire_status check_options(fit *f, const fire_fit_options *o, fire_error *err) {
    f->o = (fire_fit_options){0};
    if (o) {
        if (o->size == 0 || o->size > sizeof f->o) return fire_fail(err, FIRE_E_USAGE, "fire_fit: options.size is %zu, expected at most %zu; set it to sizeof(fire_fit_options)", o->size, sizeof f->o);
        memcpy(&f->o, o, o->size);
    }
    if (!f->o.epochs) f->o.epochs = 1;
    if (!f->o.batch_size) f->o.batch_size = 32;
    if (f->o.epochs < 0 || f->o.initial_epoch < 0) return fire_fail(err, FIRE_E_USAGE, "epochs is %d from epoch %d, expected positive numbers", (int)f->o.epochs, (int)f->o.initial_epoch);
    if (f->o.batch_size < 0) return fire_fail(err, FIRE_E_USAGE, "the batch size is %lld, expected at least 1", (long long)f->o.batch_size);
    if (f->o.n_class_weight < 0 || (f->o.n_class_weight && !f->o.class_weight)) return fire_fail(err, FIRE_E_USAGE, "class_weight has %d entries but no numbers", (int)f->o.n_class_weight);
    for (int32_t i = 0; i < f->o.n_class_weight; i++)
        if (!(f->o.class_weight[i] >= 0) || !isfinite(f->o.class_weight[i]))
            return fire_fail(err, FIRE_E_USAGE, "the weight of class %d is %g, expected a finite number of at least 0", (int)i, f->o.class_weight[i]);
    if (!f->o.n_class_weight) f->o.class_weight = NULL;
    if (f->o.stop.patience < 0) return fire_fail(err, FIRE_E_USAGE, "patience is %d, expected at least 0", (int)f->o.stop.patience);
    f->comm = f->o.comm;
    f->rank = fire_comm_rank(f->comm);
    f->ranks = fire_comm_size(f->comm);
    return FIRE_OK;
}

/* Rank 0's weights, optimizer state and position become everyone's. */
static fire_status same_start(fit *f, fire_error *err) {
    fire_network *net = f->net;
    if (f->ranks == 1) return FIRE_OK;
    size_t number = fire_type_size(net->type);
    int32_t slots = fire_network_slot_count(net);
    struct { int64_t params, fixed, weights, step, epoch, averaged; double rate; } head = {net->n_params, net->n_fixed, net->n_weights, net->step, net->epoch, net->averaged, fire_network_learning_rate(net)};
    fire_status st = fire_comm_broadcast(f->comm, 0, &head, sizeof head, err);
    if (!st && (head.params != net->n_params || head.fixed != net->n_fixed || head.weights != net->n_weights))
        st = fire_fail(err, FIRE_E_USAGE, "the network of rank %d has other weights than that of rank 0; all workers must be given the same network", (int)f->rank);
    if (!st) st = fire_comm_broadcast(f->comm, 0, net->params, (size_t)net->n_params * number, err);
    if (!st) st = fire_comm_broadcast(f->comm, 0, net->fixed, (size_t)net->n_fixed * number, err);
    if (!st && slots) st = fire_comm_broadcast(f->comm, 0, net->slots, (size_t)slots * (size_t)net->n_params * number, err);
    if (st) return st;
    net->step = head.step;
    net->epoch = head.epoch;
    net->averaged = head.averaged;
    /* Layers that adapt are ready where rank 0's are. */
    uint8_t *ready = fire_alloc(f->ctx, (size_t)net->n_weights, 1, err);
    if (!ready) return FIRE_NOMEM;
    for (int64_t i = 0; i < net->n_weights; i++) ready[i] = net->weight[i].ready;
    st = fire_comm_broadcast(f->comm, 0, ready, (size_t)net->n_weights, err);
    for (int64_t i = 0; !st && i < net->n_weights; i++) net->weight[i].ready = ready[i];
    fire_free(f->ctx, ready);
    if (st) return st;
    return head.rate == fire_network_learning_rate(net) ? FIRE_OK : fire_network_set_learning_rate(net, head.rate, err);
}

/* The largest whole subtrees of [lo, hi) inside of [a, b), left to right. */
static void subtrees(int32_t lo, int32_t hi, int32_t a, int32_t b, node *to, int32_t *n) {
    if (b <= lo || hi <= a) return;
    if (a <= lo && hi <= b) { to[(*n)++] = (node){lo, hi}; return; }
    subtrees(lo, (lo + hi) / 2, a, b, to, n);
    subtrees((lo + hi) / 2, hi, a, b, to, n);
}

static fire_status make_tree(fit *f, fire_error *err) {
    if (!f->o.reproducible || f->ranks == 1) return FIRE_OK;
    int64_t count;
    if (!(f->tree = fire_alloc(f->ctx, REPRODUCIBLE, sizeof *f->tree, err))) return FIRE_NOMEM;
    for (int32_t r = 0; r < f->ranks; r++) {
        if (r == f->rank) f->own_tree = f->n_tree;
        subtrees(0, REPRODUCIBLE, fire_shard_first(REPRODUCIBLE, f->ranks, r), fire_shard_first(REPRODUCIBLE, f->ranks, r + 1), f->tree, &f->n_tree);
        if (r == f->rank) f->own_tree_n = f->n_tree - f->own_tree;
    }
    if (!fire_mul(f->n_tree, f->step.numbers, &count)) return fire_fail(err, FIRE_E_NOMEM, "out of memory: the network is too large");
    f->travel = fire_alloc(f->ctx, (size_t)count + TAIL, fire_type_size(f->net->type), err);
    return f->travel ? FIRE_OK : FIRE_NOMEM;
}

/* Rows of one slice at most: by the merged schedule a shard's share of a step is its part of the batch, give or take a few rows. */
static int64_t slice_capacity(const fit *f) {
    int64_t share = 0, most = 0;
    for (int32_t k = 0; k < f->shards.own; k++) {
        int64_t rows = f->shards.rows[f->shards.first + k], n = rows;
        if (f->o.batch_size < f->shards.total) n = (int64_t)((unsigned __int128)(uint64_t)f->o.batch_size * (uint64_t)rows / (uint64_t)f->shards.total) + f->shards.n + 2;
        if (n > rows) n = rows;
        if (n > f->o.batch_size) n = f->o.batch_size;
        share += n;
        if (n > most) most = n;
    }
    if (f->o.reproducible) return most;
    if (share > f->o.batch_size) share = f->o.batch_size;
    int64_t each = share / f->threads + 1, least = 2 * MIN_SLICE;
    if (each < least) each = least;
    return each < share ? each : share;
}

/* Whether states can be kept from batch to batch. */
static fire_status stateful_fits(const fit *f, fire_error *err) {
    int64_t batch = fire_network_batch(f->net);
    if (f->ranks > 1 || f->data->start[0])
        return fire_fail(err, FIRE_E_UNSUPPORTED, "a network with stateful layers goes through rows in order, which rows dealt to workers have not; train it in one process, or give states as "
                         "further inputs and outputs (return_state)");
    if (f->net->optim->full_batch) return fire_fail(err, FIRE_E_UNSUPPORTED, "%s takes all rows at once, stateful layers batch after batch; choose another optimizer", f->net->optim->name);
    if (f->o.batch_size != batch)
        return fire_fail(err, FIRE_E_USAGE, "batch_size is %lld, the states of the network's stateful layers are for batches of %lld rows, as Input says; fit with batch_size=%lld",
                         (long long)f->o.batch_size, (long long)batch, (long long)batch);
    fire_status st = fire_states_check(f->net, f->facts.rows, "train on", err);
    return st ? st : fire_states_check(f->net, f->facts.validation_rows, "validate on", err);
}

static fire_status set_up(fit *f, fire_error *err) {
    fire_network *net = f->net;
    fire_status st;
    if (net->onnx) return fire_fail(err, FIRE_E_UNSUPPORTED, "the network was loaded from a plain ONNX graph, which cannot be trained");
    if (!net->loss || !net->optim) return fire_fail(err, FIRE_E_NOT_COMPILED, "the network is not compiled; call compile with an optimizer and a loss first");
    static const char *const same_name[] = {"epochs", "initial epoch", "batch size", "seed", "no_shuffle", "reproducible", "number type", "layer count"};
    int64_t same[] = {f->o.epochs, f->o.initial_epoch, f->o.batch_size, (int64_t)f->o.seed, f->o.no_shuffle, f->o.reproducible, net->type, net->n_layers};
    if ((st = fire_meet(f->ctx, f->data, f->comm, same, (int32_t)(sizeof same / sizeof *same), same_name, &f->facts, err))) return st;
    if (!f->facts.rows) return fire_fail(err, FIRE_E_NO_ROWS, "there are no rows to train on, only %lld validation rows", (long long)f->facts.validation_rows);
    if (!net->built && (st = fire_network_build(net, &f->facts.x, err))) return st;
    fire_shape target;
    if ((st = fire_network_check_compiled(net, &target, err))) return st;
    if ((st = fire_step_fits(net, &f->facts.x, f->facts.has_y, &f->facts.y, &target, err))) return st;
    if ((st = fire_step_check_labels(net, f->data, err))) return st;
    if ((st = fire_network_init(net, f->o.seed, err))) return st;
    if ((st = fire_network_slots(net, err))) return st;
    if ((st = same_start(f, err))) return st;
    if ((st = fire_adapt_layers(net, f->data, f->comm, false, err))) return st;

    if (fire_network_stateful(net)) f->o.reproducible = false; /* one thread is */
    if ((st = fire_shards_new(f->ctx, &f->shards, f->data, f->comm, f->o.reproducible ? REPRODUCIBLE : 0, err))) return st;
    bool full = net->optim->full_batch;
    if (full) f->o.batch_size = f->shards.total;
    f->steps = (f->shards.total - 1) / f->o.batch_size + 1;
    f->threads = f->ctx->threads;
    bool stateful = fire_network_stateful(net);
    if (stateful) { /* batches one after the other, whole, in order: shards and slices have nothing to share */
        if ((st = stateful_fits(f, err))) return st;
        f->threads = 1;
    }
    int32_t slices = f->o.reproducible ? (f->shards.own ? f->shards.own : 1) : f->threads; /* a rank beyond the eighth owns no shard */
    fire_step_options train = {.training = true, .gradient = true, .sparse = true, .update = true, .stateful = stateful, .class_weight = f->o.class_weight, .n_class_weight = f->o.n_class_weight,
                               .slices = slices, .capacity = slice_capacity(f)};
    bool blocks = full && !f->o.reproducible && train.capacity > BLOCK;
    if (blocks) train.capacity = BLOCK;
    if ((st = fire_step_new(&f->step, net, f->data, &train, err))) return st;
    if (blocks && f->step.n_points) { /* moments of the batch are those of all rows: they are computed at once */
        fire_step_free(&f->step);
        train.capacity = slice_capacity(f);
        blocks = false;
        if ((st = fire_step_new(&f->step, net, f->data, &train, err))) return st;
    }
    f->step.row_id = f->shards.id;
    if (f->facts.validation_rows) {
        fire_step_options check = {.stateful = stateful, .slices = f->threads, .capacity = fire_block_rows(net)};
        if ((st = fire_step_new(&f->check, net, f->data, &check, err))) return st;
    }
    int64_t own_rows = f->shards.start[f->shards.own];
    int64_t slots = f->o.reproducible ? REPRODUCIBLE : f->ranks;
    if (!(f->order = fire_alloc(f->ctx, (size_t)own_rows, sizeof *f->order, err)) || !(f->at = fire_alloc(f->ctx, (size_t)f->shards.own, sizeof *f->at, err)) ||
        !(f->job = fire_alloc(f->ctx, (size_t)slices, sizeof *f->job, err)) ||
        !(f->sums = fire_alloc(f->ctx, (size_t)slots, (size_t)f->step.n_sums * sizeof *f->sums, err)))
        return FIRE_NOMEM;
    if (!f->o.reproducible && f->shards.own > 1) {
        int64_t most = f->o.batch_size < own_rows ? f->o.batch_size : own_rows;
        if (!(f->batch = fire_alloc(f->ctx, (size_t)most, sizeof *f->batch, err))) return FIRE_NOMEM;
    }
    int64_t most = 0;
    for (int32_t i = 0; i < f->step.n_points; i++)
        if (f->step.point[i].count > most) most = f->step.point[i].count;
    if (!(f->join = fire_alloc(f->ctx, (size_t)most * (size_t)(f->o.reproducible ? REPRODUCIBLE : f->threads), fire_type_size(net->type), err))) return FIRE_NOMEM;
    if (full && (st = fire_lbfgs_new(&f->lbfgs, net, f, objective, err))) return st;
    if (blocks && !(f->all = fire_alloc(f->ctx, (size_t)net->n_params + TAIL, sizeof *f->all, err))) return FIRE_NOMEM;
    if ((st = fire_row_sums_new(&f->rows, &f->step, f->comm, err))) return st;
    if ((st = fire_updater_new(&f->updater, net, f->step.grad, err)) || (st = make_tree(f, err)) || (st = find_monitor(f, err))) return st;
    if (f->threads > 1 && (st = fire_pool_new(f->ctx, f->threads, &f->pool, err))) return st;
    for (int64_t k = 0; full && k < f->updater.n_rules; k++)
        if (f->updater.rule[k].constraint)
            return fire_fail(err, FIRE_E_UNSUPPORTED, "%s: weight %s has a constraint, which a line search would step over; take another optimizer", net->optim->name,
                             net->weight[f->updater.rule[k].weight].name);
    for (int32_t t = 0; t < f->step.n_tables; t++) fire_updater_add_table(&f->updater, f->step.table[t].weight, &f->rows.total[t]);
    f->good_epoch = -1;
    f->best_epoch = -1;
    f->last_loss = NAN;
    f->updater.rate = fire_network_learning_rate(net);
    if ((st = keep(f, &f->good_params, &f->good_fixed, err)) || !net->averaged) return st;
    fire_average_leave(&f->updater);
    return keep(f, &f->good_params, &f->good_fixed, err);
}

/* What callbacks decided at the end of an epoch reaches everyone: any rank's wish to stop, and rank 0's learning rate. */
static fire_status same_mind(fit *f, fire_error *err) {
    if (f->ranks == 1) return FIRE_OK;
    int64_t cancel = f->cancel;
    double rate = fire_network_learning_rate(f->net);
    fire_status st = fire_comm_sum(f->comm, FIRE_I64, &cancel, 1, err);
    if (!st) st = fire_comm_broadcast(f->comm, 0, &rate, sizeof rate, err);
    if (st) return st;
    f->cancel = cancel != 0;
    return rate == fire_network_learning_rate(f->net) ? FIRE_OK : fire_network_set_learning_rate(f->net, rate, err);
}

static fire_status run(fit *f, fire_fit_report *report, fire_error *err) {
    fire_network *net = f->net;
    fire_status st = FIRE_OK;
    int64_t step = net->step;
    bool enough = false;
    for (int32_t epoch = f->o.initial_epoch; epoch < f->o.epochs && !enough; epoch++) {
        fire_progress p;
        bool converged;
        if ((st = one_epoch(f, epoch, &p, &converged, err))) return st;
        report->epochs_run++;
        report->steps += net->step - step;
        step = net->step;
        report->rows += f->shards.total;
        if ((st = keep(f, &f->good_params, &f->good_fixed, err))) return st;
        f->good_epoch = epoch;
        if ((st = early(f, epoch, &p, &enough, err))) return st;
        enough |= converged;
        if (f->o.checkpoint_dir && f->rank == 0 && (st = fire_save_checkpoint(net, f->o.checkpoint_dir, err))) return st;
        if ((st = same_mind(f, err))) return st;
        if (f->cancel) return fire_fail(err, FIRE_E_CANCELLED, "training was stopped after epoch %d", (int)epoch + 1);
    }
    report->stopped_early = enough;
    return FIRE_OK;
}

static void clear(fit *f) {
    fire_pool_free(f->pool);
    fire_row_sums_free(&f->rows, &f->step);
    fire_step_free(&f->step);
    fire_step_free(&f->check);
    fire_updater_free(&f->updater);
    fire_lbfgs_free(&f->lbfgs);
    fire_shards_free(&f->shards);
    void *own[] = {f->order, f->at, f->batch, f->job, f->join, f->all, f->tree, f->travel, f->sums, f->good_params, f->good_fixed, f->best_params, f->best_fixed};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) fire_free(f->ctx, own[i]);
}

fire_status fire_fit(fire_network *net, fire_dataset *data, const fire_fit_options *options, fire_fit_report *report, fire_error *err) {
    fire_error local = {0};
    if (!err) err = &local;
    fit f = {.net = net, .data = data, .ctx = net->ctx};
    fire_fit_report r = {.best_epoch = -1};
    double began = fire_seconds();
    fire_status st = check_options(&f, options, err);
    if (!st) st = set_up(&f, err);
    if (!st) st = run(&f, &r, err);
    if (f.updater.net && (!st || st == FIRE_CANCELLED)) fire_average_take(&f.updater);
    if (f.o.stop.monitor && f.best_params && (!st || st == FIRE_CANCELLED)) put_back(&f, f.best_params, f.best_fixed);
    r.best_epoch = f.o.stop.monitor && !st ? f.best_epoch : -1;
    r.seconds = fire_seconds() - began;
    net->value_stamp++;
    net->last_seed = f.o.seed;
    /* Peers that wait for this rank must not wait for long. What all ranks know, they need not be told. */
    if (st && st != FIRE_DIVERGED && st != FIRE_CANCELLED && f.comm) fire_comm_fail(f.comm, err);
    clear(&f);
    if (report && (!st || st == FIRE_CANCELLED)) *report = r;
    return st;
}
