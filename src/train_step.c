/* train_step.c - one step of fire_fit.
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
#include "train.h"
#include <math.h>
#include <string.h>

#define SPLIT (1 << 15)     /* weights per piece of the update at least, where it is split over threads */

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

static void *number_at(const fire_training *f, void *p, int64_t i) { return (char *)p + (size_t)i * fire_type_size(f->net->type); }

/* The fixed tree over slices [0, n): in place, the sum ends in slice 0. */
static void add_slices(const fire_training *f, int32_t first, int32_t n, int64_t from, int64_t to) {
    for (int32_t stride = 1; stride < n; stride *= 2)
        for (int32_t i = 0; i + stride < n; i += 2 * stride) add(f->net->type, f->step.slice[first + i].grad, f->step.slice[first + i + stride].grad, from, to);
}

/* Finish the tree over shards [lo, hi) from the subtrees that travelled; the sum ends where the leftmost of them lies, which is returned. */
static void *finish_tree(const fire_training *f, int32_t lo, int32_t hi, int32_t *next, int64_t from, int64_t to) {
    const fire_subtree *t = &f->tree[*next];
    if (t->from == lo && t->to == hi) return number_at(f, f->travel, f->step.numbers * (*next)++);
    int32_t mid = (lo + hi) / 2;
    void *a = finish_tree(f, lo, mid, next, from, to), *b = finish_tree(f, mid, hi, next, from, to);
    add(f->net->type, a, b, from, to);
    return a;
}

typedef struct pass { fire_training *f; bool sum, finish, last, update; int32_t pieces; double gscale; } pass; /* last: g is whole after it */

/* Piece i of the flat buffers: add the slices, finish the tree, update the weights, whatever this pass is to do. Blocks stay in the cache. */
static void run_piece(void *user, int32_t i) {
    pass *p = user;
    fire_training *f = p->f;
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

static void over_weights(fire_training *f, pass p) {
    int64_t pieces = f->step.numbers / SPLIT;
    if (pieces > f->threads) pieces = f->threads;
    p.f = f;
    p.pieces = pieces > 1 ? (int32_t)pieces : 1;
    if (p.pieces == 1) run_piece(&p, 0);
    else fire_pool_run(f->pool, p.pieces, run_piece, &p);
}

typedef struct row_pass { const fire_training *f; int64_t table; double gscale; int32_t pieces; } row_pass;

static void run_rows(void *user, int32_t i) {
    const row_pass *p = user;
    int64_t n = p->f->rows.total[p->table].n;
    uint32_t denormals = fire_denormals_off();
    fire_updater_rows(&p->f->updater, p->table, p->gscale, n * i / p->pieces, n * (i + 1) / p->pieces);
    fire_denormals_restore(denormals);
}

static void over_tables(fire_training *f, double gscale) {
    for (int64_t t = 0; t < f->updater.n_tables; t++) {
        int64_t pieces = f->rows.total[t].n * f->step.table[t].width / SPLIT;
        row_pass p = {f, t, gscale, pieces > f->threads ? f->threads : pieces > 1 ? (int32_t)pieces : 1};
        if (p.pieces == 1) run_rows(&p, 0);
        else fire_pool_run(f->pool, p.pieces, run_rows, &p);
    }
}

/* ---- a step ---- */

static void run_job(void *user, int32_t i) {
    fire_training *f = user;
    f->job[i].status = fire_step_run(&f->step, i, false, f->job[i].index, 0, f->job[i].n);
}

/* The same in parts, up to the next sum over slices. */
static void run_part(void *user, int32_t i) {
    fire_training *f = user;
    fire_slice_job *j = &f->job[i];
    if (f->part == 0) j->status = fire_step_start(&f->step, i, false, j->index, 0, j->n);
    if (!j->status && f->part < f->step.n_points) fire_step_go(&f->step, i, &j->sum);
    else if (!j->status) fire_step_finish(&f->step, i);
}

/* Sum what the slices have stopped at, in the tree of the gradients, and give it to all of them. */
static fire_status join_slices(fire_training *f, const struct fire_point *p, fire_error *err) {
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
static fire_status run_jobs(fire_training *f, fire_error *err) {
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
static void cut(fire_training *f, int64_t merged_end) {
    int32_t own = f->shards.own;
    int64_t total = 0;
    for (int32_t s = 0; s < own; s++) {
        int64_t end = fire_shards_upto(&f->shards, s, merged_end), n = end - f->at[s];
        const int64_t *index = f->order + f->shards.start[s] + f->at[s];
        f->at[s] = end;
        if (f->o.reproducible) f->job[s] = (fire_slice_job){.index = index, .n = n};
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
        f->job[i] = (fire_slice_job){.index = index + a, .n = b - a};
    }
}

/* One reproducible step over several ranks: own subtrees into the buffer that travels, zeros elsewhere. */
static void fill_travel(fire_training *f) {
    int64_t n = f->step.numbers;
    size_t number = fire_type_size(f->net->type);
    memset(f->travel, 0, ((size_t)f->n_tree * (size_t)n + TAIL) * number);
    for (int32_t k = 0; k < f->own_tree_n; k++) {
        const fire_subtree *t = &f->tree[f->own_tree + k];
        int32_t first = t->from - f->shards.first;
        add_slices(f, first, t->to - t->from, 0, n);
        memcpy(number_at(f, f->travel, (f->own_tree + k) * n), f->step.slice[first].grad, (size_t)n * number);
    }
}

/* What all slices of a step gave, summed over the workers. What is left to do with the gradient: add the slices, or finish the tree. */
typedef struct total { double loss, values; void *g; bool add, finish; } total;

static fire_status add_up(fire_training *f, total *t, fire_error *err) {
    fire_network *net = f->net;
    bool together = f->ranks > 1 && !fire_train_local(f);
    *t = (total){.g = f->step.slice[0].grad, .add = f->n_jobs > 1};
    for (int32_t i = 0; i < f->n_jobs; i++) {
        t->loss += f->step.slice[i].loss;
        t->values += f->step.slice[i].values;
    }
    if (together) {
        int64_t n = f->travel ? f->n_tree * f->step.numbers : f->step.numbers;
        if (f->travel) fill_travel(f), t->g = f->travel;
        else if (t->add) over_weights(f, (pass){.sum = true});
        t->add = false;
        t->finish = f->travel != NULL;
        fire_tensor tail = {.type = net->type, .data = number_at(f, t->g, n)};
        fire_put(&tail, 0, t->loss);
        fire_put(&tail, 1, t->values);
        fire_put(&tail, 2, f->cancel);
        fire_status st = f->squeeze.kind ? fire_squeeze_sum(&f->squeeze, t->g, err) : fire_comm_sum(f->comm, net->type, t->g, n + TAIL, err);
        if (st) return st;
        t->loss = fire_get(&tail, 0);
        t->values = fire_get(&tail, 1);
        f->cancel = fire_get(&tail, 2) != 0;
    }
    if (net->loss->sum || !t->values) t->values = 1; /* a mask may leave nothing to count */
    return FIRE_OK;
}

/* Weights and tables from what a step gave. Where the update is not plain, sum->g is whole and has the penalties in it. */
static fire_status update(fire_training *f, const total *sum, fire_error *err) {
    fire_updater *u = &f->updater;
    fire_status st;
    if (f->step.n_tables && (st = fire_row_sums_make(&f->rows, &f->step, f->n_jobs, f->o.reproducible, fire_train_local(f) ? NULL : f->comm, err))) return st;
    fire_updater_begin(u);
    if (u->plain) {
        over_weights(f, (pass){.sum = sum->add, .finish = sum->finish, .last = true, .update = true, .gscale = 1.0 / sum->values});
        over_tables(f, 1.0 / sum->values);
    } else {
        uint32_t denormals = fire_denormals_off();
        fire_updater_run(u, 1.0 / sum->values, sum->g);
        fire_denormals_restore(denormals);
    }
    if (f->step.numbers > f->step.flat) fire_step_updates(&f->step, sum->g);
    return FIRE_OK;
}

/* A step that this rank takes by itself. What is not finite waits for the others to hear of it. */
static fire_status local_step(fire_training *f, int32_t epoch, int64_t t, int64_t rows, int64_t own, const total *sum, double penalty, fire_error *err) {
    fire_local *l = &f->local;
    fire_status st = FIRE_OK;
    l->spoilt |= !isfinite(sum->loss + penalty);
    l->loss += sum->loss;
    l->values += own ? sum->values : 0;
    l->penalty += penalty * (double)rows;
    if (own && !l->spoilt) st = update(f, sum, err);
    else fire_updater_begin(&f->updater); /* steps are counted alike everywhere */
    if (!st && (l->steps >= f->o.local_steps || t + 1 == f->steps)) st = fire_local_average(f, epoch, t, err);
    return st;
}

fire_status fire_train_step(fire_training *f, int32_t epoch, int64_t t, fire_error *err) {
    fire_network *net = f->net;
    int64_t first = t * f->o.batch_size, end = first + f->o.batch_size, own = 0;
    if (end > f->shards.total) end = f->shards.total;
    bool local = fire_train_local(f);
    cut(f, end);
    for (int32_t i = 0; i < f->n_jobs; i++) own += f->job[i].n;
    f->step.batch_rows = (double)(local ? own : end - first);
    if (local) fire_local_begin(f);
    const int64_t *index = f->job[0].index;
    fire_status st = f->shards.own == 1 && !f->o.reproducible ? fire_dataset_bring(f->data, index, f->order + f->shards.start[1] - index, own, err) : FIRE_OK;
    if (!st) st = run_jobs(f, err);
    if (st) return st;
    total sum;
    if ((st = add_up(f, &sum, err))) return st;
    double mean = sum.loss / sum.values, penalty = 0;
    fire_updater *u = &f->updater;
    if (!u->plain) {
        if (sum.add || sum.finish || f->o.reproducible) over_weights(f, (pass){.sum = sum.add, .finish = sum.finish, .last = true});
        penalty = fire_penalties_add(&u->penalties, net, sum.values, sum.g);
    }
    f->rows_done = end;
    if (local) return local_step(f, epoch, t, end - first, own, &sum, penalty, err);
    if (!isfinite(sum.loss + penalty)) return fire_train_diverged(f, sum.loss + penalty, epoch, t, err);
    if (f->cancel) return fire_fail(err, FIRE_E_CANCELLED, "training was stopped at epoch %d, step %lld", (int)epoch + 1, (long long)t);
    f->loss_sum += sum.loss;
    f->values_sum += sum.values;
    f->penalty_sum += penalty * (double)(end - first);
    f->last_loss = mean + penalty;
    return update(f, &sum, err);
}

/* ---- all rows at once ---- */

/* Sums over all rows, block by block, into f->all, and over the workers. */
static fire_status sum_blocks(fire_training *f, fire_error *err) {
    fire_network *net = f->net;
    int64_t n = net->n_params, rows = f->shards.start[f->shards.own];
    memset(f->all, 0, (size_t)(n + TAIL) * sizeof *f->all);
    for (int64_t at = 0; at < rows;) {
        for (f->n_jobs = 0; f->n_jobs < f->step.n_slices && at < rows; f->n_jobs++) {
            int64_t m = rows - at < f->step.capacity ? rows - at : f->step.capacity;
            f->job[f->n_jobs] = (fire_slice_job){.index = f->order + at, .n = m};
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
fire_status fire_train_objective(void *user, void *g, double *loss, fire_error *err) {
    fire_training *f = user;
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
fire_status fire_train_iteration(fire_training *f, int32_t epoch, bool *done, fire_error *err) {
    fire_network *net = f->net;
    f->step.draw[0] = (int64_t)f->o.seed;
    f->step.draw[1] = net->epoch;
    if (f->step.made.draw) f->lbfgs.known = false; /* dropout and the like: the objective is another in each epoch */
    f->updater.rate = fire_network_learning_rate(net);
    uint32_t denormals = fire_denormals_off();
    fire_status st = fire_lbfgs_step(&f->lbfgs, done, err);
    fire_denormals_restore(denormals);
    if (st) return st;
    if (!isfinite(f->lbfgs.loss)) return fire_train_diverged(f, f->lbfgs.loss, epoch, 0, err);
    f->last_loss = f->lbfgs.loss;
    f->rows_done = f->shards.total;
    if (f->last && f->step.numbers > f->step.flat) fire_step_updates(&f->step, f->last);
    return FIRE_OK;
}
