/* train_setup.c - what fire_fit checks and makes before the first step. */
#include "train.h"
#include <math.h>
#include <string.h>

#define BLOCK 256           /* rows that a slice computes at once where all rows make one step */

fire_status fire_train_check(fire_training *f, const fire_fit_options *o, fire_error *err) {
    f->o = (fire_fit_options){0};
    if (o) {
        if (o->size == 0 || o->size > sizeof f->o) return fire_fail(err, FIRE_E_USAGE, "fire_fit: options.size is %zu, expected at most %zu; set it to sizeof(fire_fit_options)", o->size, sizeof f->o);
        memcpy(&f->o, o, o->size);
    }
    if (!f->o.epochs) f->o.epochs = 1;
    if (!f->o.checkpoint_epochs && f->o.checkpoint_dir) f->o.checkpoint_epochs = 1;
    if (f->o.checkpoint_steps < 0) return fire_fail(err, FIRE_E_USAGE, "checkpoint_steps is %d, expected a positive number", (int)f->o.checkpoint_steps);
    if (f->o.initial_step < 0) return fire_fail(err, FIRE_E_USAGE, "initial_step is %lld, expected a positive number", (long long)f->o.initial_step);
    if (f->o.checkpoint_epochs < 0) return fire_fail(err, FIRE_E_USAGE, "checkpoint_epochs is %d, expected a positive number", (int)f->o.checkpoint_epochs);
    if (!f->o.batch_size) f->o.batch_size = 32;
    if (f->o.epochs < 0 || f->o.initial_epoch < 0) return fire_fail(err, FIRE_E_USAGE, "epochs is %d from epoch %d, expected positive numbers", (int)f->o.epochs, (int)f->o.initial_epoch);
    if (f->o.batch_size < 0) return fire_fail(err, FIRE_E_USAGE, "the batch size is %lld, expected at least 1", (long long)f->o.batch_size);
    if (f->o.n_class_weight < 0 || (f->o.n_class_weight && !f->o.class_weight)) return fire_fail(err, FIRE_E_USAGE, "class_weight has %d entries but no numbers", (int)f->o.n_class_weight);
    for (int32_t i = 0; i < f->o.n_class_weight; i++)
        if (!(f->o.class_weight[i] >= 0) || !isfinite(f->o.class_weight[i]))
            return fire_fail(err, FIRE_E_USAGE, "the weight of class %d is %g, expected a finite number of at least 0", (int)i, f->o.class_weight[i]);
    if (!f->o.n_class_weight) f->o.class_weight = NULL;
    if (f->o.stop.patience < 0) return fire_fail(err, FIRE_E_USAGE, "patience is %d, expected at least 0", (int)f->o.stop.patience);
    if (!f->o.local_steps) f->o.local_steps = 1;
    if (f->o.local_steps < 0) return fire_fail(err, FIRE_E_USAGE, "local_steps is %d, expected a positive number", (int)f->o.local_steps);
    if ((uint32_t)f->o.compression > FIRE_COMPRESS_THRESHOLD) return fire_fail(err, FIRE_E_USAGE, "compression is %d, expected 0 to %d", (int)f->o.compression, (int)FIRE_COMPRESS_THRESHOLD);
    if (!f->o.compression_ratio) f->o.compression_ratio = 1.0 / 16;
    if (!(f->o.compression_ratio > 0 && f->o.compression_ratio <= 1)) return fire_fail(err, FIRE_E_USAGE, "compression_ratio is %g, expected a number above 0 and up to 1", f->o.compression_ratio);
    if (f->o.reproducible && (f->o.local_steps > 1 || f->o.compression))
        return fire_fail(err, FIRE_E_USAGE, "reproducible training gives the same bits for any number of workers, %s does not; leave one of them out", f->o.compression ? "compression" : "local_steps");
    f->score = NAN;
    fire_status st = fire_trigger_read(&f->end, f->o.end_trigger, err);
    if (!st) st = fire_trigger_read(&f->validate, f->o.validation_trigger, err);
    if (!st) st = fire_trigger_read(&f->save, f->o.checkpoint_trigger, err);
    if (st) return st;
    f->comm = f->o.comm;
    f->rank = fire_comm_rank(f->comm);
    f->ranks = fire_comm_size(f->comm);
    return FIRE_OK;
}

/* Rank 0's weights, optimizer state and position become everyone's. */
static fire_status same_start(fire_training *f, fire_error *err) {
    fire_network *net = f->net;
    if (f->ranks == 1) return FIRE_OK;
    size_t number = fire_type_size(net->type);
    int32_t slots = fire_network_slot_count(net);
    struct { int64_t params, fixed, weights, step, epoch, averaged, epoch_step, sums; double rate; } head = {net->n_params, net->n_fixed, net->n_weights, net->step, net->epoch, net->averaged,
        net->epoch_step, net->n_epoch_sums, fire_network_learning_rate(net)};
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
    net->epoch_step = head.epoch_step;
    if (head.epoch_step && f->rank) {
        fire_free(f->ctx, net->epoch_sums);
        net->n_epoch_sums = 0;
        if (!(net->epoch_sums = fire_alloc(f->ctx, (size_t)head.sums, sizeof *net->epoch_sums, err))) return FIRE_NOMEM;
        net->n_epoch_sums = head.sums;
    }
    if (head.epoch_step && head.sums && (st = fire_comm_broadcast(f->comm, 0, net->epoch_sums, (size_t)head.sums * sizeof *net->epoch_sums, err))) return st;
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
static void subtrees(int32_t lo, int32_t hi, int32_t a, int32_t b, fire_subtree *to, int32_t *n) {
    if (b <= lo || hi <= a) return;
    if (a <= lo && hi <= b) { to[(*n)++] = (fire_subtree){lo, hi}; return; }
    subtrees(lo, (lo + hi) / 2, a, b, to, n);
    subtrees((lo + hi) / 2, hi, a, b, to, n);
}

static fire_status make_tree(fire_training *f, fire_error *err) {
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
static int64_t slice_capacity(const fire_training *f) {
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
static fire_status stateful_fits(const fire_training *f, fire_error *err) {
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

fire_status fire_train_set_up(fire_training *f, fire_error *err) {
    fire_network *net = f->net;
    fire_status st;
    if (net->onnx) return fire_network_no_layers(net, "fit", err);
    if (!net->loss || !net->optim) return fire_fail(err, FIRE_E_NOT_COMPILED, "the network is not compiled; call compile with an optimizer and a loss first");
    static const char *const same_name[] = {"epochs", "initial epoch", "initial step", "batch size", "seed", "no_shuffle", "reproducible", "number type", "layer count", "checkpoint_steps",
        "local_steps", "own_state", "compression", "compression ratio"};
    int64_t same[] = {f->o.epochs, f->o.initial_epoch, f->o.initial_step, f->o.batch_size, (int64_t)f->o.seed, f->o.no_shuffle, f->o.reproducible, net->type, net->n_layers, f->o.checkpoint_steps,
        f->o.local_steps, f->o.own_state, f->o.compression, 0};
    memcpy(&same[sizeof same / sizeof *same - 1], &f->o.compression_ratio, sizeof f->o.compression_ratio);
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

    if (net->optim->full_batch && (f->o.local_steps > 1 || f->o.compression))
        return fire_fail(err, FIRE_E_UNSUPPORTED, "%s searches along a line with all workers' rows, which local steps and compression would bend; take another optimizer", net->optim->name);
    if (fire_network_stateful(net)) f->o.reproducible = false; /* one thread is */
    if ((st = fire_shards_new(f->ctx, &f->shards, f->data, f->comm, f->o.reproducible ? REPRODUCIBLE : 0, err))) return st;
    bool full = net->optim->full_batch;
    if (full) f->o.batch_size = f->shards.total;
    f->steps = (f->shards.total - 1) / f->o.batch_size + 1;
    if (f->o.initial_step >= f->steps && f->o.initial_step)
        return fire_fail(err, FIRE_E_USAGE, "training goes on after step %lld of an epoch, and these rows make %lld steps; go on with the rows and the batch size of before",
                         (long long)f->o.initial_step, (long long)f->steps);
    f->threads = f->ctx->threads;
    bool stateful = fire_network_stateful(net);
    if (stateful) f->o.checkpoint_steps = 0; /* the states between batches are in no checkpoint */
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
    if (!(f->order = fire_dataset_room(f->data, own_rows, sizeof *f->order, err)) || !(f->at = fire_alloc(f->ctx, (size_t)f->shards.own, sizeof *f->at, err)) ||
        !(f->job = fire_alloc(f->ctx, (size_t)slices, sizeof *f->job, err)) ||
        !(f->sums = fire_alloc(f->ctx, (size_t)slots, (size_t)f->step.n_sums * sizeof *f->sums, err)))
        return err->status;
    if (!f->o.reproducible && f->shards.own > 1) {
        int64_t most = f->o.batch_size < own_rows ? f->o.batch_size : own_rows;
        if (!(f->batch = fire_alloc(f->ctx, (size_t)most, sizeof *f->batch, err))) return FIRE_NOMEM;
    }
    int64_t most = 0;
    for (int32_t i = 0; i < f->step.n_points; i++)
        if (f->step.point[i].count > most) most = f->step.point[i].count;
    if (!(f->join = fire_alloc(f->ctx, (size_t)most * (size_t)(f->o.reproducible ? REPRODUCIBLE : f->threads), fire_type_size(net->type), err))) return FIRE_NOMEM;
    if (full && (st = fire_lbfgs_new(&f->lbfgs, net, f, fire_train_objective, err))) return st;
    if (blocks && !(f->all = fire_alloc(f->ctx, (size_t)net->n_params + TAIL, sizeof *f->all, err))) return FIRE_NOMEM;
    if (!f->o.reproducible && f->shards.own == 1 && !full && !stateful && (st = fire_dataset_window(f->data, err))) return st;
    if ((st = fire_row_sums_new(&f->rows, &f->step, f->comm, err))) return st;
    if ((st = fire_updater_new(&f->updater, net, f->step.grad, err)) || (st = make_tree(f, err))) return st;
    if ((st = fire_local_new(f, err))) return st;
    if (f->o.compression && f->ranks > 1) {
        int64_t exact = f->step.numbers - f->step.flat;
        st = fire_train_local(f) ? fire_squeeze_new(f->ctx, &f->squeeze, f->comm, f->o.compression, f->o.compression_ratio, net->type, net->n_params, exact + FIRE_LOCAL_TAIL, err)
                                 : fire_squeeze_new(f->ctx, &f->squeeze, f->comm, f->o.compression, f->o.compression_ratio, net->type, f->step.flat, exact + TAIL, err);
        if (st) return st;
    }
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
    if ((st = fire_train_keep(f, &f->good_params, &f->good_fixed, err)) || !net->averaged) return st;
    fire_average_leave(&f->updater);
    return fire_train_keep(f, &f->good_params, &f->good_fixed, err);
}
