/* test_dataset.c - arrays as rows, reading in any order, splitting, and dealing among workers. */
#include "harness.h"
#include "ranks.h"
#include "dataset.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct fixture { harness h; fire_context *ctx; fire_dataset *data; fire_error err; } fixture;

static void begin(fixture *f) {
    memset(f, 0, sizeof *f);
    harness_init(&f->h);
    f->ctx = harness_context(&f->h, NULL);
    assert_int_equal(fire_dataset_new(f->ctx, &f->data, &f->err), FIRE_OK);
}
static void end(fixture *f) {
    fire_dataset_free(f->data);
    fire_context_free(f->ctx);
    assert_int_equal(f->h.live, 0);
}

static fire_tensor tensor(fire_type type, int64_t n, int64_t k, void *data) {
    return (fire_tensor){type, k ? (fire_shape){2, {n, k}} : (fire_shape){1, {n}}, data};
}

static void arrays(void **state) {
    uint8_t a[] = {1, 2, 3, 4, 5, 6};
    float b[] = {7, 8, 9, 10};
    int64_t ya[] = {0, 1, 2}, yb[] = {1, 0};
    fixture f;
    begin(&f);
    fire_tensor x = tensor(FIRE_U8, 3, 2, a), y = tensor(FIRE_I64, 3, 0, ya);
    assert_int_equal(fire_dataset_add(f.data, &x, &y, NULL, &f.err), FIRE_OK);
    x = tensor(FIRE_F32, 2, 2, b), y = tensor(FIRE_I64, 2, 0, yb);
    assert_int_equal(fire_dataset_add(f.data, &x, &y, NULL, &f.err), FIRE_OK);
    fire_dataset_info info;
    fire_dataset_info_get(f.data, &info);
    assert_int_equal(info.rows, 5);
    assert_int_equal(info.x.dim[0], 2);
    assert_true(info.has_y && !info.has_w);
    int64_t index[] = {4, 0, 3, 2};
    float got[8], w[4];
    int64_t label[4];
    fire_dataset_gather(f.data, FIRE_ROLE_X, false, index, 0, 4, FIRE_F32, got);
    static const float expected[] = {9, 10, 1, 2, 7, 8, 5, 6};
    for (int i = 0; i < 8; i++) assert_true(got[i] == expected[i]);
    fire_dataset_gather(f.data, FIRE_ROLE_Y, false, index, 0, 4, FIRE_I64, label);
    assert_true(label[0] == 0 && label[1] == 0 && label[2] == 1 && label[3] == 2);
    fire_dataset_gather(f.data, FIRE_ROLE_W, false, index, 0, 4, FIRE_F32, w);
    for (int i = 0; i < 4; i++) assert_true(w[i] == 1);
    assert_ptr_equal(fire_dataset_direct(f.data, FIRE_ROLE_X, false, 3, 2, FIRE_F32), b);
    assert_ptr_equal(fire_dataset_direct(f.data, FIRE_ROLE_X, false, 4, 1, FIRE_F32), b + 2);
    assert_null(fire_dataset_direct(f.data, FIRE_ROLE_X, false, 2, 2, FIRE_F32)); /* two chunks */
    assert_null(fire_dataset_direct(f.data, FIRE_ROLE_X, false, 0, 2, FIRE_F32)); /* another type */
    assert_null(fire_dataset_direct(f.data, FIRE_ROLE_X, false, 3, 3, FIRE_F32)); /* past the end */
    end(&f);

    begin(&f); /* n numbers are n rows of one feature; no rows are rows too */
    x = tensor(FIRE_F32, 4, 0, b);
    assert_int_equal(fire_dataset_add(f.data, &x, NULL, NULL, &f.err), FIRE_OK);
    x = tensor(FIRE_F32, 0, 1, NULL);
    assert_int_equal(fire_dataset_add(f.data, &x, NULL, NULL, &f.err), FIRE_OK);
    fire_dataset_info_get(f.data, &info);
    assert_int_equal(info.rows, 4);
    assert_int_equal(info.x.rank, 1);
    assert_int_equal(info.x.dim[0], 1);
    end(&f);
}

static void bad_arrays(void **state) {
    float v[] = {1, 2, 3, 4, 5, 6};
    double w[] = {1, -1, 2}, nan[] = {1, 2, NAN};
    fixture f;
    begin(&f);
    fire_tensor x = tensor(FIRE_F32, 3, 2, v), y = tensor(FIRE_F32, 2, 0, v), ww = tensor(FIRE_F64, 3, 0, w);
    assert_int_equal(fire_dataset_add(f.data, NULL, NULL, NULL, &f.err), FIRE_USAGE);
    assert_int_equal(fire_dataset_add(f.data, &x, &y, NULL, &f.err), FIRE_USAGE);
    assert_int_equal(f.err.code, FIRE_E_SHAPE);
    assert_non_null(strstr(f.err.message, "y has shape [2], expected 3 rows"));
    assert_int_equal(fire_dataset_add(f.data, &x, NULL, &ww, &f.err), FIRE_DATA);
    assert_non_null(strstr(f.err.message, "row 1 is -1"));
    ww.data = nan;
    assert_int_equal(fire_dataset_add(f.data, &x, NULL, &ww, &f.err), FIRE_DATA);
    assert_int_equal(f.err.code, FIRE_E_WEIGHT);
    x.shape.rank = 9;
    assert_int_equal(fire_dataset_add(f.data, &x, NULL, NULL, &f.err), FIRE_USAGE);
    x = tensor(FIRE_F32, -3, 2, v);
    assert_int_equal(fire_dataset_add(f.data, &x, NULL, NULL, &f.err), FIRE_USAGE);
    x = tensor(FIRE_F32, INT64_MAX / 4, 3, v);
    assert_int_equal(fire_dataset_add(f.data, &x, NULL, NULL, &f.err), FIRE_USAGE);
    x = tensor((fire_type)8, 3, 2, v); /* text */
    assert_int_equal(fire_dataset_add(f.data, &x, NULL, NULL, &f.err), FIRE_USAGE);
    x = tensor(FIRE_F32, 3, 2, v);
    assert_int_equal(fire_dataset_add(f.data, &x, NULL, NULL, &f.err), FIRE_OK);
    x = tensor(FIRE_F32, 2, 3, v);
    assert_int_equal(fire_dataset_add(f.data, &x, NULL, NULL, &f.err), FIRE_USAGE);
    assert_non_null(strstr(f.err.message, "[3], expected [2]"));
    y = tensor(FIRE_F32, 3, 0, v), x = tensor(FIRE_F32, 3, 2, v);
    assert_int_equal(fire_dataset_add(f.data, &x, &y, NULL, &f.err), FIRE_USAGE);
    fire_dataset_info info;
    fire_dataset_info_get(f.data, &info);
    assert_int_equal(info.rows, 3); /* failures left nothing behind */
    end(&f);
}

static void labels(void **state) {
    float x[] = {1, 2, 3}, y[] = {0, 2, 1.5f};
    fixture f;
    begin(&f);
    fire_tensor tx = tensor(FIRE_F32, 3, 1, x), ty = tensor(FIRE_F32, 3, 0, y);
    assert_int_equal(fire_dataset_add(f.data, &tx, &ty, NULL, &f.err), FIRE_OK);
    assert_int_equal(fire_dataset_check_labels(f.data, 0, 1, 2, NULL, &f.err), FIRE_DATA);
    assert_int_equal(f.err.code, FIRE_E_LABEL);
    assert_non_null(strstr(f.err.message, "row 1 is 2"));
    assert_non_null(strstr(f.err.message, "0 to 1"));
    assert_int_equal(fire_dataset_check_labels(f.data, 0, 1, 3, NULL, &f.err), FIRE_DATA);
    assert_non_null(strstr(f.err.message, "row 2 is 1.5"));
    y[2] = 0;
    assert_int_equal(fire_dataset_check_labels(f.data, 0, 1, 3, NULL, &f.err), FIRE_OK);
    end(&f);
}

static void splits(void **state) {
    enum { N = 200 };
    float x[N];
    for (int i = 0; i < N; i++) x[i] = (float)i;
    for (int last = 0; last < 2; last++)
        for (int again = 0; again < 2; again++) {
            fixture f;
            begin(&f);
            fire_tensor tx = tensor(FIRE_F32, N, 1, x);
            assert_int_equal(fire_dataset_add(f.data, &tx, NULL, NULL, &f.err), FIRE_OK);
            assert_int_equal(fire_dataset_split(f.data, 0.15, 7, last, &f.err), FIRE_OK);
            fire_dataset_info info;
            fire_dataset_info_get(f.data, &info);
            assert_int_equal(info.rows, 170);
            assert_int_equal(info.validation_rows, 30);
            if (again) { /* a second share joins the first */
                assert_int_equal(fire_dataset_split(f.data, 0.5, 8, last, &f.err), FIRE_OK);
                fire_dataset_info_get(f.data, &info);
                assert_int_equal(info.rows, 85);
                assert_int_equal(info.validation_rows, 115);
            }
            int seen[N] = {0};
            float v, before = -1;
            for (int part = 0; part < 2; part++)
                for (int64_t i = 0; i < (part ? info.validation_rows : info.rows); i++) {
                    fire_dataset_gather(f.data, FIRE_ROLE_X, part, NULL, i, 1, FIRE_F32, &v);
                    seen[(int)v]++;
                    if (!part) { assert_true(v > before); before = v; }
                    if (last && !again) assert_true(part == (v >= 170));
                    if (!part) assert_int_equal(fire_dataset_row_id(f.data, i), (uint64_t)v);
                }
            for (int i = 0; i < N; i++) assert_int_equal(seen[i], 1);
            end(&f);
        }
    fixture f;
    begin(&f);
    fire_tensor tx = tensor(FIRE_F32, 2, 1, x);
    assert_int_equal(fire_dataset_add(f.data, &tx, NULL, NULL, &f.err), FIRE_OK);
    assert_int_equal(fire_dataset_split(f.data, 1.5, 7, false, &f.err), FIRE_USAGE);
    assert_int_equal(fire_dataset_split(f.data, 0.9, 7, false, &f.err), FIRE_DATA);
    assert_int_equal(f.err.code, FIRE_E_NO_ROWS);
    end(&f);
}

/* Row ids are part of every trained model's history: these numbers may never change. */
static void fixed_hashes(void **state) {
    static const char text[] = "firesteel deals rows by their bytes";
    assert_true(fire_mix(1) == 0x89f469dbd36d13ebu);
    assert_true(fire_hash(0, text, 0) == 0);
    assert_true(fire_hash(0, text, sizeof text - 1) == 0xad34c63b7bb5be78u);
    assert_true(fire_hash(1, text, sizeof text - 1) == 0x3644de688c9066edu);
}

/* ---- dealing ---- */

enum { ROWS = 997, WIDTH = 3 };
typedef struct table { float x[ROWS][WIDTH]; int32_t y[ROWS]; uint8_t test[ROWS]; } table;

/* Every fifth row is like the one before it. */
static void make_table(table *t) {
    uint64_t state = 5;
    for (int i = 0; i < ROWS; i++) {
        for (int k = 0; k < WIDTH; k++) t->x[i][k] = i % 5 == 4 ? t->x[i - 1][k] : (float)(harness_random(&state) % 1000);
        t->y[i] = i % 5 == 4 ? t->y[i - 1] : (int32_t)(harness_random(&state) % 10);
        t->test[i] = i % 50 < 5;
    }
}

/* Rows index[0..n) of the table as a record batch, packed. */
static void pack_rows(fire_dataset *d, const table *t, const int *index, int64_t n) {
    float *x = malloc(sizeof(float) * WIDTH * (size_t)(n + 1));
    int32_t *y = malloc(sizeof(int32_t) * (size_t)(n + 1));
    uint8_t *bits = calloc((size_t)n / 8 + 1, 1);
    for (int64_t i = 0; i < n; i++) {
        memcpy(x + i * WIDTH, t->x[index[i]], sizeof t->x[0]);
        y[i] = t->y[index[i]];
        bits[i / 8] |= (uint8_t)(t->test[index[i]] << i % 8);
    }
    assert_int_equal(ranks_pack_batch(d, FIRE_F32, "f", n, WIDTH, x, y, bits, NULL), FIRE_OK);
    free(x);
    free(y);
    free(bits);
}

typedef struct dealt { uint64_t id[ROWS]; float x[ROWS][WIDTH]; int64_t n[2]; float validation[ROWS]; int64_t shard_rows[16]; } dealt;
typedef struct work { const table *t; int split; int32_t shards; const int *order; fire_status status[8]; dealt whole; int64_t at[8][2]; } work;

/* Which rows of the order a rank begins with: by `split`, all even, one empty, one with a single row, 99 to 1. */
static void part_of(int split, int32_t rank, int32_t size, int64_t *from, int64_t *to) {
    int64_t cut[9] = {0};
    for (int32_t r = 0; r <= size; r++) cut[r] = ROWS * r / size;
    if (split == 1 && size > 1) cut[1] = 0;
    if (split == 2 && size > 1) cut[size - 1] = ROWS - 1;
    if (split == 3 && size > 1) for (int32_t r = 1; r < size; r++) cut[r] = ROWS * 99 / 100;
    *from = cut[rank];
    *to = cut[rank + 1];
}

static void deal_rank(fire_context *ctx, fire_comm *comm, int32_t rank, int32_t size, void *user) {
    work *w = user;
    fire_dataset *d = NULL;
    fire_error err = {0};
    int64_t from, to;
    part_of(w->split, rank, size, &from, &to);
    if (fire_dataset_new(ctx, &d, &err)) return;
    for (int64_t i = from; i < to; i += 100) pack_rows(d, w->t, w->order + i, to - i < 100 ? to - i : 100);
    w->status[rank] = fire_dataset_deal(d, comm, w->shards, &err);
    if (w->status[rank]) print_error("%s\n", err.message);
    /* Ranks own shards in order, so rank after rank the rows lie as they would on one rank; each writes behind the ranks before. */
    int64_t counts[2] = {d->n[0], d->n[1]}, all[16] = {0}, at[2] = {0};
    if (comm) fire_comm_gather(comm, counts, sizeof counts, all, &err);
    for (int32_t r = 0; r < rank; r++) at[0] += all[2 * r], at[1] += all[2 * r + 1];
    for (int64_t i = 0; i < d->n[0]; i++) {
        w->whole.id[at[0] + i] = fire_dataset_row_id(d, i);
        fire_dataset_gather(d, FIRE_ROLE_X, false, NULL, i, 1, FIRE_F32, w->whole.x[at[0] + i]);
    }
    for (int64_t i = 0; i < d->n[1]; i++) {
        float v[WIDTH];
        fire_dataset_gather(d, FIRE_ROLE_X, true, NULL, i, 1, FIRE_F32, v);
        w->whole.validation[at[1] + i] = v[0];
    }
    int32_t first, own;
    fire_dataset_own_shards(d, &first, &own);
    for (int32_t s = 0; s < own; s++) {
        int64_t begin_;
        w->whole.shard_rows[first + s] = fire_dataset_shard(d, false, s, &begin_);
    }
    w->at[rank][0] = d->n[0];
    w->at[rank][1] = d->n[1];
    fire_dataset_free(d);
}

static void deals(void **state) {
    table *t = malloc(sizeof *t);
    dealt *first = calloc(1, sizeof *first);
    int *order = malloc(sizeof(int) * ROWS);
    make_table(t);
    uint64_t random = 1;
    for (int i = 0; i < ROWS; i++) order[i] = i;
    bool have = false;
    for (int32_t size = 1; size <= 4; size++)
        for (int split = 0; split < 4; split++) {
            for (int i = ROWS - 1; i > 0; i--) { /* arrives in another order each time */
                int j = (int)(harness_random(&random) % (uint64_t)(i + 1)), swap = order[i];
                order[i] = order[j];
                order[j] = swap;
            }
            work *w = calloc(1, sizeof *w);
            w->t = t, w->split = split, w->shards = 8, w->order = order;
            ranks_run(size, 1, deal_rank, w);
            int64_t n[2] = {0};
            for (int32_t r = 0; r < size; r++) {
                assert_int_equal(w->status[r], FIRE_OK);
                n[0] += w->at[r][0], n[1] += w->at[r][1];
            }
            assert_int_equal(n[0] + n[1], ROWS);
            w->whole.n[0] = n[0], w->whole.n[1] = n[1];
            if (!have) *first = w->whole;
            have = true;
            assert_memory_equal(first, &w->whole, sizeof *first);
            free(w);
        }
    /* Each row is there once: sums of all columns, training and validation apart. */
    double sum = 0, expected = 0;
    for (int i = 0; i < ROWS; i++) if (!t->test[i]) for (int k = 0; k < WIDTH; k++) expected += t->x[i][k];
    for (int64_t i = 0; i < first->n[0]; i++) {
        for (int k = 0; k < WIDTH; k++) sum += first->x[i][k];
        assert_true(i == 0 || first->id[i] != first->id[i - 1]); /* equal rows are told apart */
    }
    assert_true(sum == expected);
    int64_t tests = 0;
    for (int i = 0; i < ROWS; i++) tests += t->test[i];
    assert_int_equal(first->n[1], tests);
    for (int s = 0; s < 8; s++) assert_true(first->shard_rows[s] > 80 && first->shard_rows[s] < 150);
    free(t);
    free(first);
    free(order);
}

/* Splitting after the deal depends on ids alone as well. */
static void split_rank(fire_context *ctx, fire_comm *comm, int32_t rank, int32_t size, void *user) {
    int64_t *out = user;
    table *t = malloc(sizeof *t);
    int order[ROWS];
    fire_dataset *d = NULL;
    fire_error err = {0};
    int64_t from, to;
    make_table(t);
    for (int i = 0; i < ROWS; i++) order[i] = i;
    part_of(3, rank, size, &from, &to);
    fire_status st = fire_dataset_new(ctx, &d, &err);
    pack_rows(d, t, order + from, to - from);
    if (!st) st = fire_dataset_deal(d, comm, 8, &err);
    if (!st) st = fire_dataset_split(d, 0.2, 3, false, &err);
    int64_t at = 0, sums[2] = {d->n[1], 0}; /* how many went, and the ids of those that stay */
    for (int32_t s = 0; !st && s < d->own_shards; s++) {
        int64_t first, n = fire_dataset_shard(d, true, s, &first);
        if (first != at) st = FIRE_USAGE;
        at += n;
    }
    for (int64_t i = 0; i < d->n[0]; i++) sums[1] = (int64_t)((uint64_t)sums[1] + fire_dataset_row_id(d, i));
    if (!st && comm) st = fire_comm_sum(comm, FIRE_I64, sums, 2, &err);
    if (rank == 0) {
        out[0] = st || at != d->n[1];
        out[1] = sums[0];
        out[2] = sums[1];
    }
    fire_dataset_free(d);
    free(t);
}

static void splits_after_deal(void **state) {
    int64_t first[3], other[3];
    ranks_run(1, 1, split_rank, first);
    assert_true(first[0] == 0 && first[1] > 180 && first[1] < 320);
    for (int32_t size = 2; size <= 3; size++) {
        ranks_run(size, 1, split_rank, other);
        assert_memory_equal(first, other, sizeof first);
    }
}

static fire_status deal_alone(fire_context *ctx, void *user, fire_error *err) {
    fire_dataset *d = NULL;
    table *t = user;
    static const uint8_t validation[5] = {1, 2, 4, 0, 255};
    fire_status st = fire_dataset_new(ctx, &d, err);
    if (!st) st = ranks_pack_batch(d, FIRE_F32, "f", 40, WIDTH, t->x, t->y, validation, err);
    if (!st) st = fire_dataset_deal(d, NULL, 4, err);
    if (!st) st = fire_dataset_split(d, 0.3, 1, false, err);
    fire_dataset_free(d);
    return st;
}

static void allocation_failures(void **state) {
    table *t = malloc(sizeof *t);
    make_table(t);
    assert_true(harness_fail_each(deal_alone, t) > 10);
    free(t);
}

static void rules(void **state) {
    float x[] = {1, 2, 3};
    fixture f;
    begin(&f);
    fire_tensor tx = tensor(FIRE_F32, 3, 1, x);
    assert_int_equal(fire_dataset_add(f.data, &tx, NULL, NULL, &f.err), FIRE_OK);
    assert_int_equal(fire_dataset_deal(f.data, NULL, 0, &f.err), FIRE_USAGE); /* not packed */
    assert_non_null(strstr(f.err.message, "fire_dataset_pack"));
    end(&f);
    begin(&f);
    assert_int_equal(fire_dataset_deal(f.data, NULL, -1, &f.err), FIRE_USAGE);
    assert_int_equal(fire_dataset_deal(f.data, NULL, 0, &f.err), FIRE_OK); /* no rows: fine */
    assert_int_equal(fire_dataset_add(f.data, &tx, NULL, NULL, &f.err), FIRE_USAGE); /* too late */
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays), cmocka_unit_test(bad_arrays), cmocka_unit_test(labels), cmocka_unit_test(splits), cmocka_unit_test(fixed_hashes), cmocka_unit_test(deals),
        cmocka_unit_test(splits_after_deal), cmocka_unit_test(allocation_failures), cmocka_unit_test(rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
