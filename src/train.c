/* train.c - fire_fit: the loop over epochs, when it stops, and what it leaves. */
#include "train.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- weights kept aside ---- */

fire_status fire_train_keep(fire_training *f, void **params, void **fixed, fire_error *err) {
    fire_network *net = f->net;
    size_t number = fire_type_size(net->type);
    if (!*params && !(*params = fire_alloc(f->ctx, (size_t)net->n_params, number, err))) return FIRE_NOMEM;
    if (!*fixed && !(*fixed = fire_alloc(f->ctx, (size_t)net->n_fixed, number, err))) return FIRE_NOMEM;
    memcpy(*params, net->params, (size_t)net->n_params * number);
    memcpy(*fixed, net->fixed, (size_t)net->n_fixed * number);
    return FIRE_OK;
}

static void put_back(fire_training *f, const void *params, const void *fixed) {
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
fire_status fire_train_diverged(fire_training *f, double loss, int32_t epoch, int64_t step, fire_error *err) {
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

/* ---- an epoch ---- */

static void tell(fire_training *f, fire_event event, int32_t epoch, int64_t step, double began, fire_progress *p) {
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
static void running(fire_training *f, double *result) {
    fire_step *s = &f->step;
    double *sums = f->sums;
    memset(sums, 0, (size_t)s->n_sums * sizeof *sums);
    for (int32_t i = 0; i < s->n_slices; i++)
        for (int64_t k = 0; k < s->n_sums; k++) sums[k] += s->slice[i].sums[k];
    fire_step_results(s, sums, result);
    result[0] = f->values_sum ? f->loss_sum / f->values_sum : 0;
    if (f->rows_done) result[0] += f->penalty_sum / (double)f->rows_done;
}

/* This rank's sums into its slots of f->sums: each slot (a rank, or in reproducible mode a shard) is filled by one rank. How many slots there are. */
static int64_t fill_slots(fire_training *f) {
    fire_step *s = &f->step;
    int64_t n = s->n_sums, slots = f->o.reproducible ? REPRODUCIBLE : f->ranks;
    memset(f->sums, 0, (size_t)(slots * n) * sizeof *f->sums);
    for (int32_t i = 0; i < s->n_slices; i++) {
        double *to = f->sums + n * (f->o.reproducible ? f->shards.first + i : f->rank);
        for (int64_t k = 0; k < n; k++) to[k] += s->slice[i].sums[k];
    }
    return slots;
}

/* The epoch's exact results. */
static fire_status epoch_results(fire_training *f, double *result, fire_error *err) {
    fire_status st = fire_add_slots(f->comm, f->sums, fill_slots(f), f->step.n_sums, err);
    if (st) return st;
    fire_step_results(&f->step, f->sums, result);
    result[0] += f->penalty_sum / (double)(f->cut ? f->rows_done : f->shards.total);
    return FIRE_OK;
}

/* ---- triggers ---- */

static fire_moment moment(const fire_training *f, int32_t epoch, bool ended) {
    return (fire_moment){.ended = ended, .epochs = epoch + ended, .steps = f->net->step, .loss = f->last_loss, .score = f->score};
}

/* Whether one fires after a step that is not the last of its epoch. All ranks say the same. */
static bool fires_inside(const fire_training *f, const fire_trigger *t, int32_t epoch) {
    fire_moment m = moment(f, epoch, false);
    return t->n && fire_train_averaged(f) && fire_trigger_fires(t, &m);
}

static bool fires_at_end(const fire_training *f, const fire_trigger *t, int32_t epoch) {
    fire_moment m = moment(f, epoch, true);
    return fire_trigger_fires(t, &m);
}

static fire_status check_triggers(const fire_training *f, fire_error *err) {
    const fire_trigger *all[] = {&f->end, &f->validate, &f->save};
    for (int i = 0; i < 3; i++) {
        if (fire_trigger_looks_at(all[i], true) && (!f->facts.validation_rows || f->net->n_results < 2 + (f->net->n_outputs > 1 ? f->net->n_outputs : 0)))
            return fire_fail(err, FIRE_E_USAGE, "a trigger looks at max_score, but there %s; give %s", f->facts.validation_rows ? "is no metric" : "are no validation rows",
                             f->facts.validation_rows ? "one" : "some");
        if (fire_trigger_looks_at(all[i], false) && fire_train_local(f))
            return fire_fail(err, FIRE_E_UNSUPPORTED, "a trigger looks at min_loss, but with local_steps=%d each worker has a loss of its own; leave one of them out", (int)f->o.local_steps);
    }
    return FIRE_OK;
}

static fire_status validate(fire_training *f, fire_progress *p, fire_error *err) {
    int64_t rows, metric = 1 + (f->net->n_outputs > 1 ? f->net->n_outputs : 0);
    fire_status st = fire_step_evaluate(&f->check, f->pool, true, f->comm, p->validation, &rows, err);
    if (st) return st;
    p->has_validation = true;
    if (metric < f->net->n_results) f->score = p->validation[metric];
    return FIRE_OK;
}

/* ---- in the middle of an epoch ---- */

/* Whether checkpoint_steps wants a checkpoint after the step just made: with local steps at the first averaging at or after the step where it is
** due. All ranks say the same. */
static bool steps_due(const fire_training *f) {
    int64_t every = f->save.n ? 0 : f->o.checkpoint_steps, before = f->net->step - (fire_train_local(f) ? f->local.length : 1);
    return every && fire_train_averaged(f) && f->net->step / every != before / every;
}

/* Whether one is to be written in the middle of an epoch, of which `done` steps are made. What is due at its end, run() writes. */
static bool checkpoint_due(const fire_training *f, int32_t epoch, int64_t done) {
    if (done == f->steps) return false;
    return f->save.n ? f->o.checkpoint_epochs && !fire_network_stateful(f->net) && fires_inside(f, &f->save, epoch) : steps_due(f);
}

/* Rank 0 writes one, or has it written by who listens. */
static fire_status checkpoint(fire_training *f, int32_t epoch, int64_t done, double began, fire_progress *p, fire_error *err) {
    if (f->o.checkpoint_dir) return f->rank ? FIRE_OK : fire_save_checkpoint(f->net, f->o.checkpoint_dir, err);
    if (f->o.progress) tell(f, FIRE_CHECKPOINT, epoch, done, began, p);
    return FIRE_OK;
}

/* The sums that the results of this epoch will be made of: three of the losses, then those of the metrics, of every slot (epoch_results). */
static fire_status checkpoint_inside(fire_training *f, int32_t epoch, int64_t done, double began, fire_progress *p, fire_error *err) {
    fire_network *net = f->net;
    int64_t n = fill_slots(f) * f->step.n_sums;
    fire_status st = f->ranks > 1 ? fire_comm_sum(f->comm, FIRE_F64, f->sums, n, err) : FIRE_OK;
    if (st) return st;
    if (net->n_epoch_sums != n + 3) {
        fire_free(f->ctx, net->epoch_sums);
        net->n_epoch_sums = 0;
        if (!(net->epoch_sums = fire_alloc(f->ctx, (size_t)n + 3, sizeof *net->epoch_sums, err))) return FIRE_NOMEM;
        net->n_epoch_sums = n + 3;
    }
    net->epoch_sums[0] = f->loss_sum, net->epoch_sums[1] = f->values_sum, net->epoch_sums[2] = f->penalty_sum;
    memcpy(net->epoch_sums + 3, f->sums, (size_t)n * sizeof *f->sums);
    net->epoch_step = done;
    st = checkpoint(f, epoch, done, began, p, err);
    net->epoch_step = 0;
    return st;
}

/* Go on after `done` steps of an epoch. Sums of as many slots as there are now go back to where they were; of others, all go to the first. */
static void go_on(fire_training *f, int64_t done) {
    fire_network *net = f->net;
    fire_step *s = &f->step;
    int64_t slots = f->o.reproducible ? REPRODUCIBLE : f->ranks, n = s->n_sums, merged = done * f->o.batch_size;
    for (int32_t k = 0; k < f->shards.own; k++) f->at[k] = fire_shards_upto(&f->shards, k, merged);
    f->rows_done = merged;
    if (net->epoch_step != done || net->n_epoch_sums < 3 || (net->n_epoch_sums - 3) % n) return;
    const double *sums = net->epoch_sums;
    f->loss_sum = sums[0], f->values_sum = sums[1], f->penalty_sum = sums[2];
    bool same = net->n_epoch_sums - 3 == slots * n;
    for (int32_t i = 0; same && i < (f->o.reproducible ? s->n_slices : 1); i++)
        if (!f->o.reproducible || i < f->shards.own) memcpy(s->slice[i].sums, sums + 3 + n * (f->o.reproducible ? f->shards.first + i : f->rank), (size_t)n * sizeof *sums);
    if (!same && f->rank == 0)
        for (int64_t k = 3; k < net->n_epoch_sums; k++) s->slice[0].sums[(k - 3) % n] += sums[k];
}

static fire_status one_epoch(fire_training *f, int32_t epoch, fire_progress *p, bool *enough, fire_error *err) {
    fire_network *net = f->net;
    bool told = f->o.progress != NULL;
    double began = told ? fire_seconds() : 0;
    bool full = net->optim->full_batch;
    *enough = false;
    fire_order(&f->shards, f->o.seed, net->epoch, !f->o.no_shuffle && !full, f->order);
    fire_dataset_reorder(f->data);
    fire_forget(f->ctx, f->order);
    if (!full) fire_step_clear_sums(&f->step);
    memset(f->at, 0, (size_t)f->shards.own * sizeof *f->at);
    f->step.draw[0] = (int64_t)f->o.seed;
    f->step.draw[1] = net->epoch;
    f->rows_done = 0;
    if (!full) f->loss_sum = f->values_sum = f->penalty_sum = 0;
    *p = (fire_progress){.n_results = (int32_t)net->n_results};
    int64_t first = epoch == f->o.initial_epoch ? f->o.initial_step : 0;
    if (first) go_on(f, first);
    net->epoch_step = 0;
    for (int64_t t = first; t < f->steps; t++) {
        fire_status st = full ? fire_train_iteration(f, epoch, enough, err) : fire_train_step(f, epoch, t, err);
        if (st) return st;
        if (!full && f->facts.validation_rows && t + 1 < f->steps && fires_inside(f, &f->validate, epoch)) {
            if ((st = validate(f, p, err))) return st;
            if (told) {
                running(f, p->result);
                tell(f, FIRE_VALIDATION, epoch, t + 1, began, p);
            }
            p->has_validation = false;
        }
        if (!full && checkpoint_due(f, epoch, t + 1) && (st = checkpoint_inside(f, epoch, t + 1, began, p, err))) return st;
        if (!full && t + 1 < f->steps && fires_inside(f, &f->end, epoch)) {
            *enough = f->cut = true;
            break;
        }
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
    if (!finite_numbers(net->type, net->params, net->n_params)) return fire_train_diverged(f, NAN, epoch, f->steps - 1, err);
    net->epoch++;
    if (f->facts.validation_rows && (!f->validate.n || fires_at_end(f, &f->validate, epoch)) && (st = validate(f, p, err))) return st;
    if (told) {
        f->called = fire_seconds();
        tell(f, FIRE_EPOCH_END, epoch, f->steps, began, p);
    }
    return FIRE_OK;
}

/* ---- stopping early ---- */

static fire_status find_monitor(fire_training *f, fire_error *err) {
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
static fire_status early(fire_training *f, int32_t epoch, const fire_progress *p, bool *enough, fire_error *err) {
    *enough = false;
    if (!f->o.stop.monitor || epoch < f->o.stop.start_from_epoch || (f->monitor >= FIRE_MAX_RESULTS && !p->has_validation)) return FIRE_OK;
    double v = f->monitor < FIRE_MAX_RESULTS ? p->result[f->monitor] : p->validation[f->monitor - FIRE_MAX_RESULTS];
    double gain = f->o.stop.maximize ? v - f->best : f->best - v;
    if (f->best_epoch < 0 || gain > fabs(f->o.stop.min_delta)) {
        f->best = v;
        f->best_epoch = epoch;
        f->wait = 0;
        return f->o.stop.restore_best ? fire_train_keep(f, &f->best_params, &f->best_fixed, err) : FIRE_OK;
    }
    *enough = ++f->wait >= f->o.stop.patience;
    return FIRE_OK;
}

/* ---- the loop ---- */

/* What callbacks decided at the end of an epoch reaches everyone: any rank's wish to stop, and rank 0's learning rate. */
static fire_status same_mind(fire_training *f, fire_error *err) {
    if (f->ranks == 1) return FIRE_OK;
    int64_t cancel = f->cancel;
    double rate = fire_network_learning_rate(f->net);
    fire_status st = fire_comm_sum(f->comm, FIRE_I64, &cancel, 1, err);
    if (!st) st = fire_comm_broadcast(f->comm, 0, &rate, sizeof rate, err);
    if (st) return st;
    f->cancel = cancel != 0;
    return rate == fire_network_learning_rate(f->net) ? FIRE_OK : fire_network_set_learning_rate(f->net, rate, err);
}

static fire_status run(fire_training *f, fire_fit_report *report, fire_error *err) {
    fire_network *net = f->net;
    fire_status st = FIRE_OK;
    int64_t step = net->step, sent = fire_comm_sent(f->comm);
    bool enough = false;
    for (int32_t epoch = f->o.initial_epoch; epoch < f->o.epochs && !enough; epoch++) {
        fire_progress p;
        bool converged;
        if ((st = one_epoch(f, epoch, &p, &converged, err))) return st;
        report->epochs_run++;
        report->steps += net->step - step;
        step = net->step;
        report->rows += f->cut ? f->rows_done : f->shards.total;
        if ((st = fire_train_keep(f, &f->good_params, &f->good_fixed, err))) return st;
        f->good_epoch = epoch;
        if ((st = early(f, epoch, &p, &enough, err))) return st;
        enough |= converged || fires_at_end(f, &f->end, epoch);
        bool regular = f->o.checkpoint_epochs && (f->save.n ? fires_at_end(f, &f->save, epoch) : (epoch + 1) % f->o.checkpoint_epochs == 0);
        bool due = steps_due(f) || (f->o.checkpoint_epochs && (regular || epoch + 1 == f->o.epochs || enough));
        if (due && (st = checkpoint(f, epoch, f->steps, f->called, &p, err))) return st;
        if ((st = same_mind(f, err))) return st;
        if (f->cancel) return fire_fail(err, FIRE_E_CANCELLED, "training was stopped after epoch %d", (int)epoch + 1);
    }
    report->stopped_early = enough;
    report->bytes_sent = fire_comm_sent(f->comm) - sent;
    return f->ranks > 1 ? fire_comm_sum(f->comm, FIRE_I64, &report->bytes_sent, 1, err) : FIRE_OK;
}

static void clear(fire_training *f) {
    fire_pool_free(f->pool);
    fire_row_sums_free(&f->rows, &f->step);
    fire_step_free(&f->step);
    fire_step_free(&f->check);
    fire_updater_free(&f->updater);
    fire_squeeze_free(&f->squeeze);
    fire_local_free(f);
    fire_lbfgs_free(&f->lbfgs);
    fire_shards_free(&f->shards);
    fire_dataset_leave(f->data);
    void *own[] = {f->order, f->at, f->batch, f->job, f->join, f->all, f->tree, f->travel, f->sums, f->good_params, f->good_fixed, f->best_params, f->best_fixed};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) fire_free(f->ctx, own[i]);
}

fire_status fire_fit(fire_network *net, fire_dataset *data, const fire_fit_options *options, fire_fit_report *report, fire_error *err) {
    fire_error local = {0};
    if (!err) err = &local;
    fire_training f = {.net = net, .data = data, .ctx = net->ctx};
    fire_fit_report r = {.best_epoch = -1};
    double began = fire_seconds();
    fire_status st = fire_train_check(&f, options, err);
    if (!st) st = fire_train_set_up(&f, err);
    if (!st) st = find_monitor(&f, err);
    if (!st) st = check_triggers(&f, err);
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
