/* test_cache.c - rows on local disk: the same bits as in memory, errors of the disk, and nothing left behind. */
#include "harness.h"
#include "network.h"
#include "ranks.h"
#include "weights.h"
#include <dirent.h>
#include <unistd.h>

#define OK(call) do { fire_error e_ = {0}; fire_error *err_ = &e_; if ((call)) fail_msg("%s", e_.message); } while (0)

enum { ROWS = 6000, WIDTH = 20, BATCHES = 6 };
typedef struct job {
    const char *folder;          /* NULL: in memory */
    int64_t memory, window;
    int32_t threads, shards;
    bool validation, skewed;     /* skewed: the last rank brings nearly all rows */
    float x[ROWS][WIDTH];
    int32_t y[ROWS];
    weights w[4];
    double loss[4][8], val[4][8];
    int64_t on_disk[4];
} job;
typedef struct heard { job *j; int rank; } heard;

static int hear(void *user, const fire_progress *p) {
    heard *h = user;
    if (p->event != FIRE_EPOCH_END) return 0;
    h->j->loss[h->rank][p->epoch] = p->result[0];
    h->j->val[h->rank][p->epoch] = p->validation[0];
    return 0;
}

static fire_status life(fire_context *ctx, fire_comm *comm, int32_t rank, int32_t size, job *j, int rows, fire_error *err) {
    fire_dataset *d = NULL;
    fire_network *net = NULL;
    heard h = {j, rank};
    int64_t from = (int64_t)rows * rank / size, to = (int64_t)rows * (rank + 1) / size;
    if (j->skewed) from = rank ? rank == size - 1 ? size - 1 : rank : 0, to = rank == size - 1 ? rows : rank + 1;
    fire_status st = fire_dataset_new(ctx, &d, err);
    if (!st && j->folder) st = fire_dataset_cache(d, j->folder, j->memory, j->window, err);
    for (int b = 0; b < BATCHES && !st; b++) {
        int64_t first = from + (to - from) * b / BATCHES, last = from + (to - from) * (b + 1) / BATCHES;
        uint8_t test[ROWS / 8 + 1] = {0};
        for (int64_t i = first; i < last; i++) test[(i - first) / 8] |= (uint8_t)((i % 7 == 0) << (i - first) % 8);
        if (last > first) st = ranks_pack_batch(d, FIRE_F32, "f", last - first, WIDTH, j->x[first], j->y + first, j->validation ? test : NULL, err);
    }
    if (!st) st = fire_dataset_deal(d, comm, j->shards, err);
    fire_dataset_info info = {0};
    if (d) fire_dataset_info_get(d, &info);
    j->on_disk[rank] = info.on_disk;
    if (!st) st = fire_network_new(ctx, FIRE_F32, &net, err);
    if (!st) st = fire_network_add(net, "Normalization", NULL, err);
    if (!st) st = fire_network_add(net, "Dense", "units=8 activation=relu", err);
    if (!st) st = fire_network_add(net, "Dropout", "rate=0.2", err);
    if (!st) st = fire_network_add(net, "Dense", "units=3 activation=softmax", err);
    if (!st) st = fire_network_compile(net, "Adam", "sparse_categorical_crossentropy", "accuracy", err);
    fire_fit_options o = {.size = sizeof o, .epochs = 2, .batch_size = 100, .seed = 3, .comm = comm, .progress = hear, .user = &h};
    if (!st) st = fire_fit(net, d, &o, NULL, err);
    if (net && !st) read_weights(net, &j->w[rank]);
    fire_network_free(net);
    fire_dataset_free(d);
    return st;
}

static void body(fire_context *ctx, fire_comm *comm, int32_t rank, int32_t size, void *user) {
    fire_error err = {0};
    if (life(ctx, comm, rank, size, user, ROWS, &err)) fail_msg("rank %d: %s", (int)rank, err.message);
}

static job *new_job(const char *folder, int64_t memory, int64_t window) {
    job *j = calloc(1, sizeof *j);
    uint64_t state = 8;
    j->folder = folder, j->memory = memory, j->window = window;
    for (int i = 0; i < ROWS; i++) {
        for (int k = 0; k < WIDTH; k++) j->x[i][k] = (float)(harness_random(&state) % 2000) / 1000 - 1;
        j->y[i] = j->x[i][0] + j->x[i][1] > 0.4f ? 2 : j->x[i][2] > j->x[i][3];
    }
    for (int i = 40; i < 60; i++) memcpy(j->x[i], j->x[3000], sizeof *j->x), j->y[i] = j->y[3000]; /* equal rows */
    return j;
}

static void temporary(char dir[64]) {
    snprintf(dir, 64, "/tmp/fire-cache-XXXXXX");
    assert_non_null(mkdtemp(dir));
}
static void gone(const char *dir) { if (rmdir(dir)) fail_msg("files are left in %s", dir); }

/* Workers, shards, threads, validation rows, a table that lies on one worker alone; all on disk, or a part of it. */
static void same_bits_as_in_memory(void **state) {
    static const struct { int32_t size, threads, shards; bool validation, skewed; int64_t memory, window; } cases[] = {
        {1, 1, 0, false, false, 0, 1}, {1, 2, 0, true, false, 0, 60000}, {2, 1, 0, false, false, 0, 30000}, {2, 1, 0, true, false, 100000, 200000},
        {3, 1, 0, true, true, 50000, 40000}, {2, 2, 8, false, false, 0, 20000},
    };
    char dir[64];
    temporary(dir);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        job *in = new_job(NULL, 0, 0), *out = new_job(dir, cases[c].memory, cases[c].window);
        for (int k = 0; k < 2; k++) {
            job *j = k ? out : in;
            j->shards = cases[c].shards, j->validation = cases[c].validation, j->skewed = cases[c].skewed;
            ranks_run(cases[c].size, cases[c].threads, body, j);
        }
        for (int32_t r = 0; r < cases[c].size; r++) {
            assert_memory_equal(&in->w[0], &out->w[r], sizeof in->w[0]);
            assert_memory_equal(in->loss[0], out->loss[r], sizeof in->loss[0]);
            assert_memory_equal(in->val[0], out->val[r], sizeof in->val[0]);
            assert_true(in->on_disk[r] == 0 && out->on_disk[r] > (ROWS / cases[c].size - 1000) * WIDTH * 4 - cases[c].memory);
        }
        free(in), free(out);
    }
    gone(dir);
}

static void few_rows_stay_in_memory(void **state) {
    job *j = new_job("/nowhere", 10 << 20, 1 << 20);
    ranks_run(2, 1, body, j);
    assert_true(j->on_disk[0] == 0 && j->on_disk[1] == 0);
    free(j);
}

static void no_name_and_no_space(void **state) {
    char dir[64], missing[96];
    temporary(dir);
    harness h;
    fire_error err = {0};
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    job *j = new_job(dir, 0, 1000);
    fire_dataset *d = NULL;
    OK(fire_dataset_new(ctx, &d, err_));
    OK(fire_dataset_cache(d, dir, 0, 1000, err_));
    OK(ranks_pack_batch(d, FIRE_F32, "f", 3000, WIDTH, j->x, j->y, NULL, err_));
    DIR *list = opendir(dir);
    assert_non_null(list);
    for (struct dirent *e; (e = readdir(list));) assert_true(e->d_name[0] == '.'); /* rows lie there, and no file is to be seen */
    closedir(list);
    for (int64_t k = 1; k < 40; k++) {
        fire_dataset_info info;
        h.fail_at = h.calls + k; /* one of the calls of the next batch: all stays as it was */
        fire_status st = ranks_pack_batch(d, FIRE_F32, "f", 2000, WIDTH, j->x[3000], j->y + 3000, NULL, &err);
        fire_dataset_info_get(d, &info);
        assert_true(info.rows == (st ? 3000 : 5000));
        if (!st) break;
        if (st == FIRE_FILE) assert_true(strstr(err.message, dir) && strstr(err.message, "No space left on device"));
    }
    h.fail_at = 0;
    fire_dataset_free(d);
    snprintf(missing, sizeof missing, "%s/missing", dir);
    OK(fire_dataset_new(ctx, &d, err_));
    OK(fire_dataset_cache(d, missing, 0, 1000, err_));
    assert_int_equal(ranks_pack_batch(d, FIRE_F32, "f", 10, WIDTH, j->x, j->y, NULL, &err), FIRE_FILE);
    assert_non_null(strstr(err.message, missing));
    assert_int_equal(fire_dataset_cache(d, "", 0, 1000, &err), FIRE_USAGE);
    assert_int_equal(fire_dataset_cache(d, dir, -1, 1000, &err), FIRE_USAGE);
    assert_int_equal(fire_dataset_cache(d, dir, 0, 0, &err), FIRE_USAGE);
    OK(fire_dataset_cache(d, dir, 0, 1000, err_));
    OK(ranks_pack_batch(d, FIRE_F32, "f", 10, WIDTH, j->x, j->y, NULL, err_));
    assert_int_equal(fire_dataset_cache(d, dir, 0, 1000, &err), FIRE_USAGE);
    fire_dataset_free(d);
    fire_context_free(ctx);
    assert_int_equal(h.live, 0);
    free(j);
    gone(dir);
}

static fire_status small_life(fire_context *ctx, void *user, fire_error *err) { return life(ctx, NULL, 0, 1, user, 700, err); }
static void failing_calls(void **state) {
    char dir[64];
    temporary(dir);
    job *j = new_job(dir, 0, 1000);
    assert_true(harness_fail_each(small_life, j) > 50);
    free(j);
    gone(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_bits_as_in_memory), cmocka_unit_test(few_rows_stay_in_memory), cmocka_unit_test(no_name_and_no_space), cmocka_unit_test(failing_calls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
