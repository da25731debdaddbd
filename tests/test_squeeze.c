/* test_squeeze.c - compressed sums over workers, and workers that take steps by themselves. */
#include "harness.h"
#include "network.h"
#include "ranks.h"
#include "squeeze.h"
#include "weights.h"
#include <math.h>

#define OK(call) do { fire_error e_ = {0}; fire_error *err_ = &e_; if ((call)) fail_msg("%s", e_.message); } while (0)

/* ---- sums ---- */

enum { TURNS = 30, MOST = 20003, EXACT = 5 };
typedef struct sums {
    fire_compression kind;
    fire_type type;
    int64_t n;
    double ratio;
    int poison, garble;           /* rank that has a NaN; rank that sends nonsense */
    double *in, *out, *rest;      /* of all ranks and turns: sums of what went in, what came out on rank 0, and what was kept */
    void *last[4];                /* [n + EXACT] of each rank */
    fire_status status[4];
    int64_t plain[4], squeezed[4], told[4]; /* told: numbers that a message of THRESHOLD tells of */
} sums;

static double input(int rank, int turn, int64_t i) { /* of very unlike sizes; nothing in the last turns, so that rests drain */
    uint64_t state = (uint64_t)rank * 1000003 + (uint64_t)turn * 7919 + (uint64_t)i;
    return turn > TURNS / 2 ? 0 : ((double)(harness_random(&state) % 20001) / 10000 - 1) * pow(10, -(double)(i % 5));
}

static void *number_at(const sums *s, void *x, int64_t i) { return (char *)x + (size_t)i * fire_type_size(s->type); }
static double number(const sums *s, const void *x, int64_t i) { return s->type == FIRE_F32 ? (double)((const float *)x)[i] : ((const double *)x)[i]; }
static void set(const sums *s, void *x, int64_t i, double v) {
    if (s->type == FIRE_F32) *(float *)number_at(s, x, i) = (float)v;
    else *(double *)number_at(s, x, i) = v;
}

static void sums_body(fire_context *ctx, fire_comm *comm, int32_t rank, int32_t size, void *user) {
    sums *s = user;
    fire_squeeze q = {0};
    fire_error err = {0};
    void *x = fire_alloc(ctx, (size_t)(s->n + EXACT), 8, NULL);
    int64_t sent = fire_comm_sent(comm);
    OK(fire_comm_sum(comm, s->type, x, s->n + EXACT, err_));
    s->plain[rank] = fire_comm_sent(comm) - sent;
    if ((s->status[rank] = fire_squeeze_new(ctx, &q, comm, s->kind, s->ratio, s->type, s->n, EXACT, &err))) fail_msg("%s", err.message);
    for (int t = 0; t < TURNS && !s->status[rank]; t++) {
        for (int64_t i = 0; i < s->n + EXACT; i++) set(s, x, i, i < s->n ? input(rank, t, i) : (double)(rank + i - s->n));
        if (rank == s->poison && t == 2) set(s, x, s->n / 2, NAN);
        sent = fire_comm_sent(comm);
        if (rank == s->garble && t == 1) { /* a number far behind the last */
            const int64_t count = 3;
            memset(q.message, 0xff, (size_t)q.bytes * (size_t)size);
            memcpy(q.message + rank * q.bytes + 8, &count, sizeof count);
            s->status[rank] = fire_comm_gather(comm, q.message + rank * q.bytes, (size_t)q.bytes, q.message, &err);
            break;
        }
        s->status[rank] = fire_squeeze_sum(&q, x, &err);
        s->squeezed[rank] = fire_comm_sent(comm) - sent;
        if (q.message && t == 1) memcpy(&s->told[rank], q.message + rank * q.bytes + 8, sizeof s->told[rank]);
        if (s->garble >= 0 && s->status[rank]) assert_non_null(strstr(err.message, "cannot be read"));
        if (s->poison >= 0 && t == 2) break;
        if (s->poison >= 0 || s->garble >= 0) continue;
        for (int64_t i = 0; i < EXACT && !s->status[rank]; i++) assert_true(number(s, x, s->n + i) == size * (size - 1) / 2 + size * (double)i);
        for (int64_t i = 0; rank == 0 && i < s->n; i++) s->out[i] += number(s, x, i);
    }
    memcpy(s->last[rank], x, (size_t)(s->n + EXACT) * fire_type_size(s->type));
    for (int64_t i = 0; i < s->n; i++) s->rest[rank * s->n + i] = number(s, q.rest, i) + (q.sum_rest && (s->n * 2 > 16384 || !rank) ? (double)q.sum_rest[i] : 0);
    fire_squeeze_free(&q);
    fire_free(ctx, x);
}

static sums *new_sums(fire_compression kind, fire_type type, int64_t n, double ratio) {
    sums *s = calloc(1, sizeof *s);
    *s = (sums){.kind = kind, .type = type, .n = n, .ratio = ratio, .poison = -1, .garble = -1};
    s->out = calloc((size_t)n, sizeof(double));
    s->rest = calloc((size_t)n * 4, sizeof(double));
    for (int r = 0; r < 4; r++) s->last[r] = calloc((size_t)n + EXACT, sizeof(double));
    return s;
}
static void free_sums(sums *s) {
    for (int r = 0; r < 4; r++) free(s->last[r]);
    free(s->out), free(s->rest), free(s);
}

/* Whatever is left out stays in the rests: what came out and what is kept are together what went in. All ranks get the same bits. */
static void nothing_is_lost(void **state) {
    static const int64_t lengths[] = {1, 300, MOST};
    for (int kind = FIRE_COMPRESS_BF16; kind <= FIRE_COMPRESS_THRESHOLD; kind++)
        for (int type = 0; type < 2; type++)
            for (int k = 0; k < 3; k++)
                for (int32_t size = 2; size <= 4; size++) {
                    sums *s = new_sums((fire_compression)kind, type ? FIRE_F64 : FIRE_F32, lengths[k], size == 4 ? 0.01 : 1.0 / 16);
                    ranks_run(size, 1, sums_body, s);
                    for (int32_t r = 0; r < size; r++) {
                        assert_int_equal(s->status[r], FIRE_OK);
                        assert_memory_equal(s->last[0], s->last[r], (size_t)(s->n + EXACT) * fire_type_size(s->type));
                        if (kind == FIRE_COMPRESS_BF16) assert_true(k < 2 || (double)s->squeezed[r] < 0.51 * (double)s->plain[r]);
                        else if (k == 2 && size == 2 && !type) assert_true((double)s->told[r] > 0.24 * (double)s->n); /* two bits for each number; large ones of these need more than the usual five */
                        if (kind == FIRE_COMPRESS_THRESHOLD && k == 2) assert_true((double)s->squeezed[r] < 1.001 * s->ratio * (double)s->plain[r] && (double)s->squeezed[r] > 0.9 * s->ratio * (double)s->plain[r]);
                    }
                    for (int64_t i = 0; i < s->n; i++) {
                        double in = 0, kept = 0;
                        for (int32_t r = 0; r < size; r++) kept += s->rest[r * s->n + i];
                        for (int32_t r = 0; r < size; r++) for (int t = 0; t < TURNS; t++) in += input(r, t, i);
                        assert_true(fabs(in - kept - s->out[i]) < 3e-5 * (1 + fabs(in)));
                    }
                    free_sums(s);
                }
}

static void what_is_not_finite_is_told(void **state) {
    for (int kind = FIRE_COMPRESS_BF16; kind <= FIRE_COMPRESS_THRESHOLD; kind++) {
        sums *s = new_sums((fire_compression)kind, FIRE_F32, 300, 0.1);
        s->poison = 1;
        ranks_run(3, 1, sums_body, s);
        for (int r = 0; r < 3; r++) {
            bool any = false;
            for (int64_t i = 0; i < s->n; i++) any |= isnan(number(s, s->last[r], i));
            assert_true(any);
        }
        free_sums(s);
    }
}

static void nonsense_is_refused(void **state) {
    sums *s = new_sums(FIRE_COMPRESS_THRESHOLD, FIRE_F32, 300, 0.1);
    s->garble = 1;
    ranks_run(2, 1, sums_body, s);
    assert_int_equal(s->status[0], FIRE_CLUSTER);
    free_sums(s);
}

static fire_status make_one(fire_context *ctx, void *user, fire_error *err) {
    fire_squeeze q = {0};
    fire_status st = fire_squeeze_new(ctx, &q, NULL, *(fire_compression *)user, 0.1, FIRE_F32, 1000, 3, err);
    fire_squeeze_free(&q);
    return st;
}
static void failing_allocations(void **state) {
    for (int kind = FIRE_COMPRESS_BF16; kind <= FIRE_COMPRESS_THRESHOLD; kind++) {
        fire_compression k = (fire_compression)kind;
        assert_true(harness_fail_each(make_one, &k) >= 3);
    }
}

/* ---- training ---- */

enum { ROWS = 360, WIDTH = 5 };
typedef struct job {
    fire_fit_options o;
    const char *const *layers;
    const char *optimizer;
    fire_type type;
    bool undealt, alone;           /* rows r * ROWS / size on; alone: without the others */
    int turn;                      /* rows arrive in another order */
    int stop_rank;                 /* that asks to stop after its second epoch */
    double x[ROWS][WIDTH];
    int32_t y[ROWS];
    weights w[4];
    double loss[4][32];
    fire_fit_report report[4];
    fire_status status[4];
    fire_error err[4];
} job;
typedef struct heard { job *j; int rank; } heard;

static const char *const mlp[] = {"Dense units=16 activation=tanh kernel_regularizer=L2", "BatchNormalization momentum=0.8", "Dense units=3 activation=softmax", NULL};
static const char *const plain[] = {"Dense units=16 activation=tanh", "Dense units=3 activation=softmax", NULL};
static const char *const table[] = {"Embedding input_dim=40 output_dim=3 sparse=always", "Flatten", "Dense units=3 activation=softmax", NULL};

static int hear(void *user, const fire_progress *p) {
    heard *h = user;
    if (p->event != FIRE_EPOCH_END) return 0;
    h->j->loss[h->rank][p->epoch] = p->result[0];
    return h->rank == h->j->stop_rank && p->epoch == 1;
}

static void train(fire_context *ctx, fire_comm *comm, int32_t rank, int32_t size, void *user) {
    job *j = user;
    fire_dataset *d = NULL;
    fire_network *net = NULL;
    fire_error *err = &j->err[rank];
    heard h = {j, rank};
    int64_t from = (int64_t)ROWS * rank / size, to = (int64_t)ROWS * (rank + 1) / size;
    double x[ROWS][WIDTH];
    int32_t y[ROWS];
    for (int i = 0; i < ROWS; i++) {
        int k = (i * (j->turn ? 7 + 6 * j->turn : 1)) % ROWS; /* 13, 19: no divisor of ROWS */
        memcpy(x[i], j->x[k], sizeof *x);
        y[i] = j->y[k];
    }
    fire_status st = fire_dataset_new(ctx, &d, err);
    if (!st) st = ranks_pack_batch(d, j->type, "g", to - from, WIDTH, x[from], y + from, NULL, err);
    if (!st && !j->undealt) st = fire_dataset_deal(d, comm, 0, err);
    if (!st) st = fire_network_new(ctx, j->type, &net, err);
    for (const char *const *l = j->layers; !st && *l; l++) {
        char name[64];
        const char *attrs = fire_name_read(*l, name, sizeof name);
        st = fire_network_add(net, name, attrs, err);
    }
    if (!st) st = fire_network_compile(net, j->optimizer, "sparse_categorical_crossentropy", "accuracy", err);
    fire_fit_options o = j->o;
    o.comm = j->alone ? NULL : comm;
    o.progress = hear, o.user = &h;
    if (!st) st = fire_fit(net, d, &o, &j->report[rank], err);
    j->status[rank] = st;
    if (net) read_weights(net, &j->w[rank]);
    fire_network_free(net);
    fire_dataset_free(d);
}

static job *new_job(fire_type type, const char *const *layers, int32_t local_steps, fire_compression compression) {
    job *j = calloc(1, sizeof *j);
    *j = (job){.type = type, .layers = layers, .optimizer = "Adam learning_rate=0.02", .stop_rank = -1,
               .o = {.size = sizeof(fire_fit_options), .epochs = 12, .batch_size = 32, .seed = 4, .local_steps = local_steps, .compression = compression}};
    uint64_t state = 5;
    for (int i = 0; i < ROWS; i++) {
        for (int k = 0; k < WIDTH; k++) j->x[i][k] = layers == table ? (double)(harness_random(&state) % 40) : (double)(harness_random(&state) % 2000) / 1000 - 1;
        j->y[i] = layers == table ? (int)j->x[i][0] % 3 : j->x[i][0] + j->x[i][1] > 0.4 ? 2 : j->x[i][2] > j->x[i][3];
    }
    return j;
}

static void all_alike(const job *j, int32_t size) {
    for (int32_t r = 0; r < size; r++) {
        if (j->status[r]) fail_msg("rank %d: %s", r, j->err[r].message);
        assert_memory_equal(&j->w[0], &j->w[r], sizeof j->w[0]);
        assert_memory_equal(j->loss[0], j->loss[r], sizeof j->loss[0]);
        assert_true(j->report[r].bytes_sent == j->report[0].bytes_sent);
    }
}

/* With one averaging at the end, weights are the means of what workers make by themselves of their rows. */
static void averaging_is_the_mean(void **state) {
    static const char *const optimizer[] = {"SGD learning_rate=0.1 momentum=0.9", "Adam learning_rate=0.01 clipnorm=1"};
    for (int k = 0; k < 2; k++)
        for (int32_t size = 2; size <= 3; size++) {
            job *j = new_job(FIRE_F64, plain, 1000, FIRE_COMPRESS_NONE), *alone = new_job(FIRE_F64, plain, 0, FIRE_COMPRESS_NONE);
            j->optimizer = alone->optimizer = optimizer[k];
            j->undealt = alone->undealt = alone->alone = true;
            j->o.no_shuffle = alone->o.no_shuffle = true;
            j->o.epochs = alone->o.epochs = 1;
            j->o.batch_size = 10 * size, alone->o.batch_size = 10;
            ranks_run(size, 1, train, j);
            ranks_run(size, 1, train, alone);
            all_alike(j, size);
            weights mean = {.n = j->w[0].n};
            for (int32_t r = 0; r < size; r++) for (int i = 0; i < mean.n; i++) mean.v[i] += alone->w[r].v[i] / size;
            assert_true(difference(&mean, &j->w[0]) < 1e-12);
            assert_true(difference(&alone->w[0], &alone->w[1]) > 1e-3);
            free(j), free(alone);
        }
}

/* local_steps 1 is exact synchronous training, to the bit. */
static void one_local_step(void **state) {
    job *a = new_job(FIRE_F32, mlp, 0, FIRE_COMPRESS_NONE), *b = new_job(FIRE_F32, mlp, 1, FIRE_COMPRESS_NONE);
    ranks_run(2, 1, train, a);
    ranks_run(2, 1, train, b);
    all_alike(a, 2), all_alike(b, 2);
    assert_memory_equal(&a->w[0], &b->w[0], sizeof a->w[0]);
    free(a), free(b);
}

/* Every way learns, gives all ranks the same bits, the same bits twice however rows arrive, and sends less. */
static void every_way_learns(void **state) {
    for (int net = 0; net < 2; net++) {
        job *exact = new_job(FIRE_F32, net ? table : mlp, 0, FIRE_COMPRESS_NONE);
        ranks_run(2, 1, train, exact);
        for (int way = 0; way < 6; way++) {
            weights first = {0};
            for (int turn = 0; turn < 2; turn++) {
                int32_t size = way == 3 ? 3 : 2;
                job *j = new_job(way == 4 ? FIRE_F64 : FIRE_F32, net ? table : mlp, way % 2 ? 4 : 1, way < 2 ? FIRE_COMPRESS_BF16 : way < 5 ? FIRE_COMPRESS_THRESHOLD : FIRE_COMPRESS_NONE);
                j->turn = turn;
                j->o.compression_ratio = 0.25; /* of a few hundred numbers most of a message is its head */
                j->o.own_state = way == 5;
                j->o.checkpoint_steps = 3;
                ranks_run(size, way == 2 ? 2 : 1, train, j);
                all_alike(j, size);
                if (!turn) first = j->w[0];
                assert_memory_equal(&first, &j->w[0], sizeof first);
                if (!(j->loss[0][11] < 0.6 * j->loss[0][0])) fail_msg("net %d way %d: loss from %g to %g", net, way, j->loss[0][0], j->loss[0][11]);
                if (size == 2 && !net && way != 4) assert_true(j->report[0].bytes_sent < exact->report[0].bytes_sent);
                assert_true(j->report[0].steps == exact->report[0].steps);
                free(j);
            }
        }
        free(exact);
    }
}

static void all_stop_together(void **state) {
    job *j = new_job(FIRE_F32, plain, 5, FIRE_COMPRESS_NONE);
    j->stop_rank = 1;
    ranks_run(3, 1, train, j);
    for (int r = 0; r < 3; r++) {
        assert_int_equal(j->status[r], FIRE_CANCELLED);
        assert_memory_equal(&j->w[0], &j->w[r], sizeof j->w[0]);
    }
    free(j);
    for (int k = 0; k < 2; k++) { /* one rank's rows spoil its loss: all hear of it, and have the weights of the start */
        j = new_job(FIRE_F32, plain, 5, k ? FIRE_COMPRESS_THRESHOLD : FIRE_COMPRESS_NONE);
        j->undealt = true;
        for (int i = 0; i < 20; i++) j->x[i][0] = 1e300; /* infinity as float32 */
        ranks_run(2, 1, train, j);
        for (int r = 0; r < 2; r++) {
            assert_int_equal(j->status[r], FIRE_DIVERGED);
            assert_memory_equal(&j->w[0], &j->w[r], sizeof j->w[0]);
            for (int i = 0; i < j->w[r].n; i++) assert_true(isfinite(j->w[r].v[i]));
        }
        free(j);
    }
}

static void bad_options(void **state) {
    static const struct { fire_fit_options o; const char *optimizer, *says; } bad[] = {
        {{.local_steps = -1}, "Adam", "local_steps is -1"},
        {{.compression = (fire_compression)3}, "Adam", "compression is 3"},
        {{.compression_ratio = 2}, "Adam", "compression_ratio is 2"},
        {{.compression_ratio = NAN}, "Adam", "compression_ratio is"},
        {{.reproducible = true, .local_steps = 2}, "Adam", "local_steps does not"},
        {{.reproducible = true, .compression = FIRE_COMPRESS_BF16}, "Adam", "compression does not"},
        {{.local_steps = 2}, "LBFGS", "take another optimizer"},
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        job *j = new_job(FIRE_F32, plain, 0, FIRE_COMPRESS_NONE);
        j->o = bad[k].o;
        j->o.size = sizeof j->o;
        j->optimizer = bad[k].optimizer;
        ranks_run(1, 1, train, j);
        assert_true(j->status[0] == FIRE_USAGE);
        if (!strstr(j->err[0].message, bad[k].says)) fail_msg("expected '%s' in: %s", bad[k].says, j->err[0].message);
        free(j);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost), cmocka_unit_test(what_is_not_finite_is_told), cmocka_unit_test(nonsense_is_refused), cmocka_unit_test(failing_allocations),
        cmocka_unit_test(averaging_is_the_mean), cmocka_unit_test(one_local_step), cmocka_unit_test(every_way_learns), cmocka_unit_test(all_stop_together), cmocka_unit_test(bad_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
