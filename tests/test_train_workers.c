/* test_train_workers.c - fit by several workers: the same weights as one, the same bits twice, and all stop together. */
#include "train_table.h"

typedef struct job {
    table *t;
    fire_type type;
    const char *const *layers;
    const char *optimizer, *loss;
    int split, epochs, poison_rank;
    int64_t batch;
    int32_t shards, cancel_rank;
    bool reproducible, validation, shuffle_rows, undealt;
    double rate;
    fire_status status[8];
    fire_error err[8];
    weights w[8];
    double results[8][FIRE_MAX_RESULTS];
    told told[8];
} job;

static void part_of(int split, int32_t rank, int32_t size, int64_t *from, int64_t *to) {
    int64_t cut[9] = {0};
    for (int32_t r = 0; r <= size; r++) cut[r] = (int64_t)ROWS * r / size;
    if (split == 1 && size > 1) cut[1] = 0;                                                      /* rank 0 is empty */
    if (split == 2 && size > 1) cut[size - 1] = ROWS - 1;                                        /* the last has one row */
    if (split == 3 && size > 1) for (int32_t r = 1; r < size; r++) cut[r] = ROWS * 99 / 100;     /* 99 to 1, others empty */
    *from = cut[rank];
    *to = cut[rank + 1];
}

static int cancel_soon(void *user, const fire_progress *p) { return p->event == FIRE_EPOCH_END && p->epoch == 1; }

static void worker(fire_context *ctx, fire_comm *comm, int32_t rank, int32_t size, void *user) {
    job *j = user;
    fire_dataset *d = NULL;
    fire_network *net = NULL;
    fire_error *err = &j->err[rank];
    int64_t from, to;
    part_of(j->split, rank, size, &from, &to);
    table *t = malloc(sizeof *t);
    *t = *j->t;
    if (j->shuffle_rows) { /* Spark's shuffle brings rows in any order, a different one for each number of workers */
        uint64_t random = (uint64_t)size * 100 + (uint64_t)j->split;
        for (int i = ROWS - 1; i > 0; i--) {
            int k = (int)(harness_random(&random) % (uint64_t)(i + 1));
            double x[WIDTH];
            memcpy(x, t->x[i], sizeof x), memcpy(t->x[i], t->x[k], sizeof x), memcpy(t->x[k], x, sizeof x);
            int32_t y = t->y[i];
            t->y[i] = t->y[k], t->y[k] = y;
        }
    }
    if (rank == j->poison_rank) t->y[from] = 77;
    fire_status st = fire_dataset_new(ctx, &d, err);
    if (!st && to > from) st = ranks_pack_batch(d, j->type, "g", to - from, WIDTH, t->x[from], t->y + from, NULL, err);
    if (!st && j->poison_rank < 0 && !j->undealt) st = fire_dataset_deal(d, comm, j->shards, err);
    if (!st && j->validation) st = fire_dataset_split(d, 0.2, 6, false, err);
    if (!st) st = make_network(ctx, j->type, j->layers, j->optimizer, j->loss, &net, err);
    fire_fit_options o = options(j->epochs, j->batch);
    o.comm = comm;
    o.reproducible = j->reproducible;
    o.progress = listen_in, o.user = &j->told[rank];
    if (j->cancel_rank >= 0) o.progress = rank == j->cancel_rank ? cancel_soon : NULL;
    if (!st && rank) st = fire_network_build(net, &(fire_shape){1, {WIDTH}}, err);
    if (!st && rank) st = fire_network_init(net, 0, err); /* drawn otherwise elsewhere: rank 0's weights count */
    if (st && comm) fire_comm_fail(comm, err);
    if (!st) st = fire_fit(net, d, &o, NULL, err);
    if (!st) st = fire_evaluate(net, d, comm, j->results[rank], err);
    j->status[rank] = st;
    if (net) read_weights(net, &j->w[rank]);
    fire_network_free(net);
    fire_dataset_free(d);
    free(t);
}

static job *new_job(fire_type type, const char *const *layers, int64_t batch, int epochs) {
    job *j = calloc(1, sizeof *j);
    j->t = malloc(sizeof *j->t);
    make_table(j->t);
    j->type = type, j->layers = layers, j->batch = batch, j->epochs = epochs;
    j->optimizer = "Adam learning_rate=0.01", j->loss = SCCE;
    j->poison_rank = j->cancel_rank = -1;
    j->shuffle_rows = true;
    return j;
}
static void free_job(job *j) { free(j->t); free(j); }
static void run_job(job *j, int32_t size, int32_t threads) {
    memset(j->told, 0, sizeof j->told);
    ranks_run(size, threads, worker, j);
}
static void all_ok(const job *j, int32_t size) {
    for (int32_t r = 0; r < size; r++) {
        if (j->status[r]) fail_msg("rank %d: %s", r, j->err[r].message);
        assert_memory_equal(&j->w[0], &j->w[r], sizeof j->w[0]); /* all ranks end with the same bits */
        assert_memory_equal(j->results[0], j->results[r], sizeof(double) * 2);
    }
}

/* Full batch, float64: 1 to 4 workers and any partitioning give the same weights to 1e-9, with Normalization adapted over all rows. */
static void workers_equal_one(void **state) {
    static const char *const normal[] = {"Normalization", "Dense units=16 activation=tanh", "Dense units=3 activation=softmax", NULL};
    static weights one;
    double results[2] = {0};
    for (int32_t size = 1; size <= 4; size++)
        for (int split = 0; split < (size > 1 ? 4 : 1); split++) {
            job *j = new_job(FIRE_F64, normal, ROWS, 3);
            j->split = split;
            run_job(j, size, 1);
            all_ok(j, size);
            if (size == 1) one = j->w[0], memcpy(results, j->results[0], sizeof results);
            assert_true(difference(&one, &j->w[0]) < 1e-9);
            assert_true(fabs(results[0] - j->results[0][0]) < 1e-12 && results[1] == j->results[0][1]);
            free_job(j);
        }
}

/* The same where workers share moments of the batch; with penalties, constraints, clipping and averages around the update. */
static void workers_share_moments(void **state) {
    static weights one;
    for (int32_t size = 1; size <= 4; size++) {
        job *j = new_job(FIRE_F64, normed, ROWS, 3);
        j->split = size == 3;
        run_job(j, size, size == 2 ? 2 : 1);
        all_ok(j, size);
        if (size == 1) one = j->w[0];
        assert_true(difference(&one, &j->w[0]) < 1e-9);
        free_job(j);
    }
    for (int32_t size = 1; size <= 3; size++) {
        static const char *const tight[] = {"Dense units=16 activation=tanh kernel_regularizer=L2 bias_constraint=UnitNorm", "BatchNormalization", "Dense units=3 activation=softmax", NULL};
        job *j = new_job(FIRE_F64, tight, ROWS, 4);
        j->optimizer = "Lamb clipnorm=0.1 weight_decay=0.01 use_ema=1 gradient_accumulation_steps=2";
        run_job(j, size, 1);
        all_ok(j, size);
        if (size == 1) one = j->w[0];
        assert_true(difference(&one, &j->w[0]) < 1e-9);
        free_job(j);
    }
}

/* L-BFGS: the history of the objective is that of one worker, whatever the blocks; in reproducible mode to the bit. */
static void lbfgs_workers(void **state) {
    static const char *const layers[] = {"Dense units=8 activation=tanh kernel_regularizer=\"L2 l2=0.001\"", "Dense units=3 activation=softmax", NULL};
    for (int mode = 0; mode < 3; mode++) {
        told one = {0};
        weights w;
        for (int32_t size = 1; size <= 4; size++) {
            job *j = new_job(mode == 1 ? FIRE_F32 : FIRE_F64, mode == 2 ? normed : layers, 64, 12);
            j->optimizer = "lbfgs tol=0", j->reproducible = mode == 1, j->shards = mode == 1 ? 8 : 0;
            run_job(j, size, size == 2 ? 2 : 1);
            all_ok(j, size);
            if (size == 1) one = j->told[0], w = j->w[0];
            assert_int_equal(j->told[0].epochs, 12);
            for (int e = 0; e < 12; e++) {
                if (e) assert_true(j->told[0].loss[e] <= j->told[0].loss[e - 1]);
                if (mode == 1) assert_true(j->told[0].loss[e] == one.loss[e]);
                else assert_true(fabs(j->told[0].loss[e] - one.loss[e]) < 1e-9 * one.loss[e]);
            }
            if (mode == 1) assert_memory_equal(&w, &j->w[0], sizeof w);
            assert_true(j->told[0].loss[11] < 0.5 * j->told[0].loss[0]);
            free_job(j);
        }
    }
}

/* More shards than ranks outside of the reproducible mode, and ranks that train on rows of their own without a deal: full batches are the same. */
static void other_shards(void **state) {
    static weights one;
    static const int32_t shards[] = {0, 8, 5, 0};
    for (int k = 0; k < 4; k++)
        for (int32_t size = k ? 2 : 1; size <= (k ? 3 : 1); size++) {
            job *j = new_job(FIRE_F64, mlp, ROWS, 3);
            j->shards = shards[k], j->undealt = k == 3, j->split = 3 * (k == 3);
            run_job(j, size, 2);
            all_ok(j, size);
            if (!k) one = j->w[0];
            assert_true(difference(&one, &j->w[0]) < 1e-9);
            free_job(j);
        }
    for (int32_t size = 2; size <= 3; size++) { /* mini-batches: all rows are told of, on every rank alike */
        job *j = new_job(FIRE_F32, mlp, 64, 2);
        j->shards = 5;
        run_job(j, size, 2);
        all_ok(j, size);
        assert_int_equal(j->told[size - 1].rows, 2 * ROWS);
        free_job(j);
    }
}

/* Mini-batches: the same table and number of workers give the same bits, however rows arrive; every epoch counts each row once. */
static void same_bits_twice(void **state) {
    for (int32_t size = 2; size <= 3; size++) {
        static weights first;
        for (int split = 0; split < 4; split++) {
            job *j = new_job(FIRE_F32, dropped, 48, 2);
            j->split = split, j->validation = true;
            run_job(j, size, 2);
            all_ok(j, size);
            if (!split) first = j->w[0];
            assert_memory_equal(&first, &j->w[0], sizeof first);
            for (int32_t r = 0; r < size; r++) {
                assert_int_equal(j->told[r].epochs, 2);
                assert_true(j->told[r].rows > 2 * ROWS * 0.7 && j->told[r].rows < 2 * ROWS * 0.9); /* a fifth went to validation */
                assert_true(j->told[r].loss[1] == j->told[0].loss[1] && j->told[r].val[1] == j->told[0].val[1]);
            }
            free_job(j);
        }
    }
}

/* Reproducible: bits, and what is reported, depend neither on the number of workers nor on that of threads. Ten workers: two own no shard. */
static void reproducible_workers(void **state) {
    static weights first;
    told heard = {0};
    static const int32_t cases[][2] = {{1, 1}, {1, 2}, {1, 3}, {1, 4}, {2, 1}, {2, 2}, {3, 1}, {4, 1}, {4, 2}, {5, 1}, {8, 1}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        job *j = new_job(FIRE_F32, held, 60, 2);
        j->split = (int)c % 4, j->reproducible = j->validation = true, j->shards = 8;
        run_job(j, cases[c][0], cases[c][1]);
        all_ok(j, cases[c][0]);
        if (!c) first = j->w[0], heard = j->told[0];
        assert_memory_equal(&first, &j->w[0], sizeof first);
        assert_memory_equal(heard.loss, j->told[0].loss, sizeof heard.loss);
        assert_memory_equal(heard.accuracy, j->told[0].accuracy, sizeof heard.accuracy);
        assert_memory_equal(heard.val, j->told[0].val, sizeof heard.val);
        free_job(j);
    }
}

static void all_stop_together(void **state) {
    job *j = new_job(FIRE_F32, regression, 64, 5);
    j->optimizer = "SGD learning_rate=1e25", j->loss = "mse";
    run_job(j, 3, 1);
    for (int32_t r = 0; r < 3; r++) {
        assert_int_equal(j->status[r], FIRE_DIVERGED);
        const char *where = strstr(j->err[r].message, "epoch "), *first = strstr(j->err[0].message, "epoch ");
        assert_non_null(where);
        assert_memory_equal(where, first, 15); /* the same step */
        assert_memory_equal(&j->w[0], &j->w[r], sizeof j->w[0]);
        for (int i = 0; i < j->w[r].n; i++) assert_true(isfinite(j->w[r].v[i]));
    }
    free_job(j);

    j = new_job(FIRE_F32, mlp, 64, 50); /* one rank asks to stop: all do */
    j->cancel_rank = 1;
    run_job(j, 3, 1);
    for (int32_t r = 0; r < 3; r++) {
        assert_int_equal(j->status[r], FIRE_CANCELLED);
        assert_memory_equal(&j->w[0], &j->w[r], sizeof j->w[0]);
    }
    free_job(j);

    j = new_job(FIRE_F32, mlp, 64, 2); /* one rank fails for a reason of its own: the others hear its words */
    j->poison_rank = 2;
    run_job(j, 3, 1);
    assert_int_equal(j->status[2], FIRE_DATA);
    for (int32_t r = 0; r < 2; r++) {
        assert_int_equal(j->status[r], FIRE_CLUSTER);
        assert_non_null(strstr(j->err[r].message, "77"));
    }
    free_job(j);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_equal_one), cmocka_unit_test(workers_share_moments), cmocka_unit_test(lbfgs_workers),
        cmocka_unit_test(other_shards), cmocka_unit_test(same_bits_twice), cmocka_unit_test(reproducible_workers),
        cmocka_unit_test(all_stop_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
