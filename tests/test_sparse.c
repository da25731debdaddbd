/* test_sparse.c - embeddings whose gradients are rows: the numbers of whole gradients, on any number of threads and workers. */
#include "harness.h"
#include "ranks.h"
#include "step.h"
#include "weights.h"
#include <math.h>

enum { ROWS = 211, STEPS = 4, WORDS = 40 };
typedef struct table { double x[ROWS][STEPS]; int32_t y[ROWS]; } table;

/* Words 30 to 39 never occur. Numbers outside of the table do, and -1, which is word 39. */
static void make_table(table *t, bool outside) {
    uint64_t state = 5;
    for (int i = 0; i < ROWS; i++) {
        for (int k = 0; k < STEPS; k++) t->x[i][k] = (double)(harness_random(&state) % 30);
        t->y[i] = t->x[i][0] > 15 ? 2 : t->x[i][1] > 12;
        if (outside && i % 7 == 0) t->x[i][i % STEPS] = i % 3 == 0 ? WORDS : i % 3 == 1 ? -WORDS - 1 : -1;
    }
}

#define OK(call) do { fire_error e_ = {0}; fire_error *err_ = &e_; if ((call)) fail_msg("%s", e_.message); } while (0)
#define SCCE "sparse_categorical_crossentropy"

/* Layers as "Kind attrs" lines, with `sparse` behind each Embedding. */
static fire_status make_network(fire_context *ctx, fire_type type, const char *const *layers, const char *sparse, const char *optimizer, fire_network **out, fire_error *err) {
    fire_network *net = NULL;
    fire_status st = fire_network_new(ctx, type, &net, err);
    for (; !st && *layers; layers++) {
        char name[64], text[256];
        snprintf(text, sizeof text, "%s%s%s", *layers, strncmp(*layers, "Embedding", 9) ? "" : " sparse=", strncmp(*layers, "Embedding", 9) ? "" : sparse);
        const char *attrs = fire_name_read(text, name, sizeof name);
        st = fire_network_add(net, name, attrs, err);
    }
    if (!st) st = fire_network_compile(net, optimizer, SCCE, "accuracy", err);
    if (st) { fire_network_free(net); return st; }
    *out = net;
    return FIRE_OK;
}
static const char *const flat[] = {"Embedding input_dim=40 output_dim=3", "Flatten", "Dense units=8 activation=tanh", "Dense units=3 activation=softmax", NULL};
static const char *const masked[] = {"Embedding input_dim=40 output_dim=3 mask_zero=1", "LSTM units=4", "Dense units=3 activation=softmax", NULL};
static const char *const normed[] = {"Embedding input_dim=40 output_dim=3", "Flatten", "BatchNormalization momentum=0.8", "Dense units=3 activation=softmax kernel_regularizer=L2", NULL};
static const char *const frozen[] = {"Embedding input_dim=40 output_dim=3 trainable=0", "Flatten", "Dense units=3 activation=softmax", NULL};

typedef struct fixture { harness h; fire_context *ctx; fire_dataset *data; fire_network *net; table t; } fixture;
static void begin(fixture *f, fire_type type, const char *const *layers, const char *sparse, const char *optimizer, int32_t threads) {
    memset(f, 0, sizeof *f);
    harness_init(&f->h);
    f->ctx = harness_context(&f->h, &(fire_config){.threads = threads});
    make_table(&f->t, true);
    fire_tensor x = {FIRE_F64, {2, {ROWS, STEPS}}, f->t.x}, y = {FIRE_I32, {1, {ROWS}}, f->t.y};
    OK(fire_dataset_new(f->ctx, &f->data, err_));
    OK(fire_dataset_add(f->data, &x, &y, NULL, err_));
    OK(make_network(f->ctx, type, layers, sparse, optimizer, &f->net, err_));
}
static void end(fixture *f) {
    fire_network_free(f->net);
    fire_dataset_free(f->data);
    fire_context_free(f->ctx);
    assert_int_equal(f->h.live, 0);
}
static fire_fit_options options(int epochs, int64_t batch) { return (fire_fit_options){.size = sizeof(fire_fit_options), .epochs = epochs, .batch_size = batch, .seed = 4}; }

static void train(fire_type type, const char *const *layers, const char *sparse, const char *optimizer, int32_t threads, bool reproducible, weights *w) {
    fixture f;
    begin(&f, type, layers, sparse, optimizer, threads);
    fire_fit_options o = options(3, 70);
    o.reproducible = reproducible;
    OK(fire_fit(f.net, f.data, &o, NULL, err_));
    read_weights(f.net, w);
    end(&f);
}

/* ---- one process ---- */

/* Where a gradient of zero moves nothing, rows give what whole gradients give. Some batches have no known word in some slices. */
static void equals_dense(void **state) {
    static const char *const exact[] = {"SGD learning_rate=0.5", "Adagrad learning_rate=0.1", "SGD learning_rate=0.5 clipnorm=0.05", "SGD learning_rate=0.5 global_clipnorm=0.05",
                                        "Adagrad learning_rate=0.1 clipvalue=0.001", "SGD learning_rate=\"ExponentialDecay initial_learning_rate=0.5 decay_steps=3 decay_rate=0.5\""};
    static const char *const *const nets[] = {flat, masked, normed, frozen};
    static weights dense, sparse;
    for (size_t k = 0; k < sizeof exact / sizeof *exact; k++)
        for (size_t n = 0; n < sizeof nets / sizeof *nets; n++)
            for (int32_t threads = 1; threads <= 3; threads++) {
                train(FIRE_F64, nets[n], "never", exact[k], threads, threads == 3, &dense);
                train(FIRE_F64, nets[n], "always", exact[k], threads, threads == 3, &sparse);
                double d = difference(&dense, &sparse);
                if (d > 1e-12) fail_msg("%s, network %d, %d threads: %g", exact[k], (int)n, (int)threads, d);
                if (k || n || threads > 1) continue;
                train(FIRE_F32, nets[n], "never", exact[k], threads, false, &dense);
                train(FIRE_F32, nets[n], "always", exact[k], threads, false, &sparse);
                assert_true(difference(&dense, &sparse) < 1e-5);
            }
}

/* Of every optimizer that can: rows of words that do not occur keep their bits, the others learn. */
static void only_what_is_read(void **state) {
    static weights before, after;
    for (const fire_optim *const *p = fire_optims; *p; p++) {
        if ((*p)->full_batch || (*p)->per_weight) continue;
        char optimizer[64];
        snprintf(optimizer, sizeof optimizer, "%s weight_decay=0.01", (*p)->name);
        fixture f;
        begin(&f, FIRE_F32, flat, "always", optimizer, 2);
        OK(fire_network_build(f.net, &(fire_shape){1, {STEPS}}, err_));
        OK(fire_network_init(f.net, 4, err_));
        read_weights(f.net, &before);
        fire_fit_options o = options(2, 50);
        OK(fire_fit(f.net, f.data, &o, NULL, err_));
        read_weights(f.net, &after);
        int moved = 0;
        for (int i = 0; i < 39 * 3; i++) moved += before.v[i] != after.v[i];
        assert_memory_equal(before.v + 30 * 3, after.v + 30 * 3, 9 * 3 * sizeof *after.v);
        if (moved < 30 * 3 * 9 / 10) fail_msg("%s: only %d numbers of 90 moved", (*p)->name, moved);
        end(&f);
    }
}

/* Two and two epochs are four, by every optimizer's state. */
static void goes_on(void **state) {
    static weights whole, parts;
    char dir[] = "/tmp/fire-sparse-XXXXXX", command[64];
    assert_non_null(mkdtemp(dir));
    for (const fire_optim *const *p = fire_optims; *p; p++) {
        if ((*p)->full_batch || (*p)->per_weight) continue;
        fixture f;
        begin(&f, FIRE_F32, masked, "always", (*p)->name, 1);
        fire_fit_options o = options(4, 50);
        OK(fire_fit(f.net, f.data, &o, NULL, err_));
        read_weights(f.net, &whole);
        end(&f);
        begin(&f, FIRE_F32, masked, "always", (*p)->name, 1);
        fire_network *again = NULL;
        o.epochs = 2, o.checkpoint_dir = dir;
        OK(fire_fit(f.net, f.data, &o, NULL, err_));
        OK(fire_load(f.ctx, dir, &again, err_));
        o.epochs = 4, o.initial_epoch = 2, o.checkpoint_dir = NULL;
        OK(fire_fit(again, f.data, &o, NULL, err_));
        read_weights(again, &parts);
        fire_network_free(again);
        end(&f);
        if (memcmp(&whole, &parts, sizeof whole)) fail_msg("%s: two epochs and two more are not four", (*p)->name);
    }
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

static void refused(void **state) {
    static const struct { const char *layer, *optimizer, *message; } cases[] = {
        {"Embedding input_dim=40 output_dim=3", "LAMB", "layer 'embedding': sparse=always does not go with the optimizer Lamb, which looks at whole weights; take another optimizer or sparse=never"},
        {"Embedding input_dim=40 output_dim=3", "LBFGS", "layer 'embedding': sparse=always does not go with the optimizer LBFGS, which looks at whole weights; take another optimizer or sparse=never"},
        {"Embedding input_dim=40 output_dim=3", "SGD use_ema=1", "layer 'embedding': sparse=always does not go with the optimizer SGD, whose use_ema averages whole weights; take another optimizer or sparse=never"},
        {"Embedding input_dim=40 output_dim=3", "Adam gradient_accumulation_steps=2",
         "layer 'embedding': sparse=always does not go with the optimizer Adam, whose gradient_accumulation_steps adds up whole gradients; take another optimizer or sparse=never"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        fixture f;
        fire_error err = {0};
        const char *const layers[] = {cases[k].layer, "Flatten", "Dense units=3 activation=softmax", NULL};
        begin(&f, FIRE_F64, layers, "always", cases[k].optimizer, 1);
        fire_fit_options o = options(1, 50);
        assert_int_not_equal(fire_fit(f.net, f.data, &o, NULL, &err), FIRE_OK);
        assert_string_equal(err.message, cases[k].message);
        end(&f);
    }
    fixture f;
    fire_network *net = NULL;
    fire_error err = {0};
    begin(&f, FIRE_F32, flat, "always", "SGD", 1);
    OK(fire_network_new(f.ctx, FIRE_F32, &net, err_));
    assert_int_not_equal(fire_network_add(net, "Embedding", "input_dim=4 output_dim=3 sparse=always embeddings_regularizer=L2", &err), FIRE_OK);
    assert_non_null(strstr(err.message, "sparse=always does not go with embeddings_regularizer"));
    assert_int_not_equal(fire_network_add(net, "Embedding", "input_dim=4 output_dim=3 sparse=always embeddings_constraint=NonNeg", &err), FIRE_OK);
    assert_non_null(strstr(err.message, "sparse=always does not go with embeddings_constraint"));
    OK(fire_network_add(net, "Input", "shape=[2]", err_));
    assert_int_not_equal(fire_network_add(net, "Embedding", "input_dim=16777217 output_dim=1", &err), FIRE_OK); /* numbers that float32 cannot tell apart */
    assert_non_null(strstr(err.message, "input_dim is 16777217, but float32 holds whole numbers to 16777216 only"));
    fire_network_free(net);
    end(&f);
}

/* ---- several workers ---- */

typedef struct job {
    table t;
    fire_type type;
    const char *const *layers, *optimizer, *sparse;
    int64_t batch;
    int32_t shards;
    int split;
    bool reproducible;
    fire_status status[8];
    fire_error err[8];
    weights w[8];
} job;

static void part_of(int split, int32_t rank, int32_t size, int64_t *from, int64_t *to) {
    int64_t cut[9] = {0};
    for (int32_t r = 0; r <= size; r++) cut[r] = (int64_t)ROWS * r / size;
    if (split == 1 && size > 1) cut[1] = 0;                   /* rank 0 is empty */
    if (split == 2 && size > 1) cut[size - 1] = ROWS - 1;     /* the last has one row */
    *from = cut[rank];
    *to = cut[rank + 1];
}

static void worker(fire_context *ctx, fire_comm *comm, int32_t rank, int32_t size, void *user) {
    job *j = user;
    fire_dataset *d = NULL;
    fire_network *net = NULL;
    fire_error *err = &j->err[rank];
    int64_t from, to;
    part_of(j->split, rank, size, &from, &to);
    fire_status st = fire_dataset_new(ctx, &d, err);
    if (!st && to > from) st = ranks_pack_batch(d, j->type, "g", to - from, STEPS, j->t.x[from], j->t.y + from, NULL, err);
    if (!st) st = fire_dataset_deal(d, comm, j->shards, err);
    if (!st) st = make_network(ctx, j->type, j->layers, j->sparse, j->optimizer, &net, err);
    fire_fit_options o = options(3, j->batch);
    o.comm = comm;
    o.reproducible = j->reproducible;
    if (st && comm) fire_comm_fail(comm, err);
    if (!st) st = fire_fit(net, d, &o, NULL, err);
    j->status[rank] = st;
    if (net) read_weights(net, &j->w[rank]);
    fire_network_free(net);
    fire_dataset_free(d);
}

static void run_job(job *j, int32_t size, int32_t threads) {
    make_table(&j->t, true);
    ranks_run(size, threads, worker, j);
    for (int32_t r = 0; r < size; r++) {
        if (j->status[r]) fail_msg("rank %d of %d: %s", (int)r, (int)size, j->err[r].message);
        assert_memory_equal(&j->w[0], &j->w[r], sizeof j->w[0]);
    }
}

/* Full batch, float64: any number of workers and any partitioning give the same weights, whole gradients as well. */
static void workers_equal_one(void **state) {
    static const char *const *const nets[] = {flat, masked, normed};
    static const char *const optimizers[] = {"SGD learning_rate=0.5", "Adam learning_rate=0.02", "Adagrad learning_rate=0.1 global_clipnorm=0.05"};
    static weights one;
    job *j = calloc(1, sizeof *j);
    for (size_t n = 0; n < 3; n++) {
        *j = (job){.type = FIRE_F64, .layers = nets[n], .optimizer = optimizers[n], .batch = ROWS, .sparse = "always"};
        run_job(j, 1, 1);
        one = j->w[0];
        if (n != 1) { /* Adam moves rows whose gradient is zero */
            j->sparse = "never";
            run_job(j, 1, 1);
            assert_true(difference(&one, &j->w[0]) < 1e-12);
            j->sparse = "always";
        }
        for (int32_t size = 2; size <= 4; size++)
            for (j->split = 0; j->split < 3; j->split++) {
                run_job(j, size, 1 + j->split % 2);
                double d = difference(&one, &j->w[0]);
                if (d > 1e-9) fail_msg("network %d, %d workers, split %d: %g", (int)n, (int)size, j->split, d);
            }
    }
    free(j);
}

/* Reproducible mode: the same bits in float32 for any number of workers and threads, in mini-batches. */
static void reproducible(void **state) {
    static const int32_t cases[][2] = {{1, 1}, {1, 3}, {2, 1}, {2, 2}, {3, 1}, {4, 2}, {8, 1}};
    static weights first;
    job *j = calloc(1, sizeof *j);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        *j = (job){.type = FIRE_F32, .layers = flat, .optimizer = "Adam learning_rate=0.02", .batch = 40, .sparse = "always", .shards = 8, .reproducible = true, .split = (int)c % 3};
        run_job(j, cases[c][0], cases[c][1]);
        if (!c) first = j->w[0];
        if (memcmp(&first, &j->w[0], sizeof first)) fail_msg("%d workers with %d threads give other bits", (int)cases[c][0], (int)cases[c][1]);
    }
    free(j);
}

/* ---- peers that lie ---- */

typedef struct lie { int kind; fire_status status; fire_error err; } lie;
enum { LIES = 10 };

/* Rank 0 sums what its step gave with what rank 1 sends: rows of a table [40, 3] in float64 that make no sense, or, in the last one, two that do. */
static void listener(fire_context *ctx, fire_comm *comm, int32_t rank, int32_t size, void *user) {
    lie *l = user;
    if (rank == 1) {
        static const struct { size_t bytes; int64_t m[10]; } said[LIES] = {
            {0, {0}}, {4, {1}}, {8, {-1}}, {8, {(int64_t)1 << 40}}, {16, {1, -2}}, {16, {1, 7}}, {48, {1, 1, 40}}, {80, {1, 2, 5, 5}}, {56, {1, 1, 3}}, {80, {1, 2, 3, 5, 0, 0, 0}},
        };
        const void *send[2] = {said[l->kind].m, NULL};
        size_t bytes[2] = {said[l->kind].bytes, 0}, got[2];
        void *recv[2];
        if (fire_comm_exchange(comm, send, bytes, recv, got, NULL)) return;
        for (int k = 0; k < 2; k++) fire_comm_release(comm, recv[k]);
        return;
    }
    table t;
    make_table(&t, false);
    fire_dataset *d = NULL;
    fire_network *net = NULL;
    fire_step s = {0};
    fire_row_sums sums = {0};
    fire_tensor x = {FIRE_F64, {2, {ROWS, STEPS}}, t.x}, y = {FIRE_I32, {1, {ROWS}}, t.y};
    fire_step_options o = {.training = true, .gradient = true, .sparse = true, .slices = 1, .capacity = ROWS};
    fire_error *err = &l->err;
    fire_status st = fire_dataset_new(ctx, &d, err);
    if (!st) st = fire_dataset_add(d, &x, &y, NULL, err);
    if (!st) st = make_network(ctx, FIRE_F64, flat, "always", "SGD", &net, err);
    if (!st) st = fire_network_build(net, &(fire_shape){1, {STEPS}}, err);
    if (!st) st = fire_network_init(net, 1, err);
    if (!st) st = fire_step_new(&s, net, d, &o, err);
    if (!st) st = fire_step_run(&s, 0, false, NULL, 0, ROWS);
    if (!st) st = fire_row_sums_new(&sums, &s, comm, err);
    if (!st) st = fire_row_sums_make(&sums, &s, 1, false, comm, err);
    l->status = st;
    if (!st) assert_int_equal(sums.total[0].n, 30); /* rows 3 and 5 were there already */
    fire_row_sums_free(&sums, &s);
    fire_step_free(&s);
    fire_network_free(net);
    fire_dataset_free(d);
}

static void lying_peers(void **state) {
    for (int k = 0; k < LIES; k++) {
        lie l = {.kind = k, .status = FIRE_NOMEM};
        ranks_run(2, 1, listener, &l);
        if (k == LIES - 1) assert_int_equal(l.status, FIRE_OK);
        else if (!l.status || !strstr(l.err.message, "rank 1 sent rows of an embedding that make no sense")) fail_msg("lie %d: %s", k, l.err.message);
    }
}

/* ---- failing calls ---- */

static fire_status whole_life(fire_context *ctx, void *user, fire_error *err) {
    table *t = user;
    fire_dataset *d = NULL;
    fire_network *net = NULL;
    fire_tensor x = {FIRE_F64, {2, {70, STEPS}}, t->x}, y = {FIRE_I32, {1, {70}}, t->y};
    fire_fit_options o = options(1, 32);
    fire_status st = fire_dataset_new(ctx, &d, err);
    if (!st) st = fire_dataset_add(d, &x, &y, NULL, err);
    if (!st) st = make_network(ctx, FIRE_F32, flat, "always", "Adam", &net, err);
    if (!st) st = fire_fit(net, d, &o, NULL, err);
    fire_network_free(net);
    fire_dataset_free(d);
    return st;
}

static void allocation_failures(void **state) {
    table *t = malloc(sizeof *t);
    make_table(t, true);
    assert_true(harness_fail_each(whole_life, t) > 50);
    free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_dense), cmocka_unit_test(only_what_is_read), cmocka_unit_test(goes_on), cmocka_unit_test(refused),
        cmocka_unit_test(workers_equal_one), cmocka_unit_test(reproducible), cmocka_unit_test(lying_peers), cmocka_unit_test(allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
