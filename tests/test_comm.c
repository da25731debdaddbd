/* test_comm - the transport: what operations give, that sums have the same bits every time, and what misuse is told. */
#include "crew.h"

/* ---- results ---- */

/* Element i of rank r's terms: of many magnitudes, so that another order of adding gives other bits. */
static double term(int r, int64_t i) {
    uint64_t state = (uint64_t)(r * 1000003 + i);
    uint64_t z = harness_random(&state);
    return ((double)(z >> 11) * 0x1p-53 - 0.5) * (double)(1u << (z % 20));
}

static float tree_f32(int lo, int hi, int64_t i) {
    if (hi - lo == 1) return (float)term(lo, i);
    int half = 1;
    while (half * 2 < hi - lo) half *= 2;
    return tree_f32(lo, lo + half, i) + tree_f32(lo + half, hi, i);
}
static double tree_f64(int lo, int hi, int64_t i) {
    if (hi - lo == 1) return term(lo, i);
    int half = 1;
    while (half * 2 < hi - lo) half *= 2;
    return tree_f64(lo, lo + half, i) + tree_f64(lo + half, hi, i);
}
static int64_t tree_i64(int size, int64_t i) {
    int64_t s = 0;
    for (int r = 0; r < size; r++) s += (int64_t)(term(r, i) * 1000);
    return s;
}

static const int64_t lengths[] = {0, 1, 2, 7, 63, 2047, 2048, 2049, 4096, 4097, 100003, 1000000};

static void sums(crew *c, fire_comm *comm, int rank) {
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        int64_t n = lengths[k];
        for (int t = 0; t < 3; t++) {
            fire_type type = t == 0 ? FIRE_F32 : t == 1 ? FIRE_F64 : FIRE_I64;
            for (int again = 0; again < 2; again++) {
                fire_error err = {0};
                uint8_t *buf = malloc((size_t)n * 8 + 1); /* n = 0 too */
                for (int64_t i = 0; i < n; i++) {
                    if (t == 0) ((float *)(void *)buf)[i] = (float)term(rank, i);
                    else if (t == 1) ((double *)(void *)buf)[i] = term(rank, i);
                    else ((int64_t *)(void *)buf)[i] = (int64_t)(term(rank, i) * 1000);
                }
                fire_status st = fire_comm_sum(comm, type, buf, n, &err);
                CHECK(st == FIRE_OK, "sum of %lld: %s", (long long)n, err.message);
                for (int64_t i = 0; i < n && st == FIRE_OK; i++) {
                    if (t == 0) { float want = tree_f32(0, c->size, i); CHECK(!memcmp(&want, (float *)(void *)buf + i, 4), "f32 %lld of %lld", (long long)i, (long long)n); }
                    else if (t == 1) { double want = tree_f64(0, c->size, i); CHECK(!memcmp(&want, (double *)(void *)buf + i, 8), "f64 %lld of %lld", (long long)i, (long long)n); }
                    else CHECK(((int64_t *)(void *)buf)[i] == tree_i64(c->size, i), "i64 %lld of %lld", (long long)i, (long long)n);
                }
                free(buf);
            }
        }
    }
}

static void test_sums(void **state) {
    (void)state;
    for (int size = 1; size <= MOST; size++) {
        crew c;
        crew_begin(&c, size, 60, size == 3 ? "::1" : "127.0.0.1");
        crew_run(&c, sums);
        crew_fine(&c);
        crew_end(&c);
    }
}

static uint8_t byte_of(int from, int to, size_t i) { return (uint8_t)((size_t)(from * 31 + to * 7) + i * 13); }

static void others(crew *c, fire_comm *comm, int rank) {
    static const size_t sizes[] = {0, 1, 33, 70000, 3000001};
    fire_error err = {0};
    CHECK(fire_comm_rank(comm) == rank && fire_comm_size(comm) == c->size, "rank and size");
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        size_t n = sizes[k];
        uint8_t *buf = malloc(n + 1), *all = malloc(n * (size_t)c->size + 1);
        for (int root = 0; root < c->size; root++) {
            for (size_t i = 0; i < n; i++) buf[i] = byte_of(rank, root, i);
            CHECK(fire_comm_broadcast(comm, root, buf, n, &err) == FIRE_OK, "broadcast: %s", err.message);
            for (size_t i = 0; i < n; i++) CHECK(buf[i] == byte_of(root, root, i), "broadcast of %zu from %d at %zu", n, root, i);
        }
        for (size_t i = 0; i < n; i++) buf[i] = byte_of(rank, 9, i);
        CHECK(fire_comm_gather(comm, buf, n, all, &err) == FIRE_OK, "gather: %s", err.message);
        for (int r = 0; r < c->size; r++)
            for (size_t i = 0; i < n; i++) CHECK(all[(size_t)r * n + i] == byte_of(r, 9, i), "gather of %zu from %d at %zu", n, r, i);
        /* Everyone sends something of another size to everyone, nothing to the next. */
        const void *send[MOST];
        void *recv[MOST];
        size_t bytes[MOST], received[MOST];
        for (int r = 0; r < c->size; r++) {
            bytes[r] = r == (rank + 1) % c->size ? 0 : n + (size_t)(rank * 10 + r);
            uint8_t *p = malloc(bytes[r] + 1);
            for (size_t i = 0; i < bytes[r]; i++) p[i] = byte_of(rank, r, i);
            send[r] = p;
        }
        fire_status st = fire_comm_exchange(comm, send, bytes, recv, received, &err);
        CHECK(st == FIRE_OK, "exchange: %s", err.message);
        for (int r = 0; r < c->size; r++) {
            free((void *)(uintptr_t)send[r]);
            if (st != FIRE_OK) continue;
            size_t want = rank == (r + 1) % c->size ? 0 : n + (size_t)(r * 10 + rank);
            CHECK(received[r] == want, "exchange: %zu bytes from %d, expected %zu", received[r], r, want);
            for (size_t i = 0; i < want && received[r] == want; i++) CHECK(((uint8_t *)recv[r])[i] == byte_of(r, rank, i), "exchange from %d at %zu", r, i);
            fire_comm_release(comm, recv[r]);
        }
        free(buf);
        free(all);
    }
}

static void test_others(void **state) {
    (void)state;
    for (int size = 1; size <= MOST; size++) {
        crew c;
        crew_begin(&c, size, 60, size == 2 ? NULL : "127.0.0.1");
        crew_run(&c, others);
        crew_fine(&c);
        crew_end(&c);
    }
}

/* After the first call of a kind nothing is allocated. */
static void steady(crew *c, fire_comm *comm, int rank) {
    float *buf = calloc(300000, 4);
    fire_comm_sum(comm, FIRE_F32, buf, 300000, NULL);
    fire_comm_sum(comm, FIRE_F32, buf, 10, NULL);
    int64_t before = __atomic_load_n(&c->h.calls, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 20; i++) CHECK(fire_comm_sum(comm, FIRE_F32, buf, i % 2 ? 10 : 300000, NULL) == FIRE_OK, "sum");
    CHECK(__atomic_load_n(&c->h.calls, __ATOMIC_SEQ_CST) == before, "a sum allocated");
    free(buf);
}

static void test_steady(void **state) {
    (void)state;
    crew c;
    crew_begin(&c, 1, 60, "127.0.0.1");
    crew_run(&c, steady);
    crew_fine(&c);
    crew_end(&c);
    crew_begin(&c, 3, 60, "127.0.0.1");
    for (int r = 0; r < 3; r++) c.comm[r]->deadline = 60;
    crew_run(&c, steady);
    crew_fine(&c);
    crew_end(&c);
}

/* ---- misuse ---- */

static void mismatched(crew *c, fire_comm *comm, int rank) {
    double x[4] = {0}, all[16];
    fire_error err = {0}, again = {0};
    fire_status st = fire_comm_sum(comm, FIRE_F64, x, 4, &err); /* all have met, then: who still meets would fail to */
    if (!st) st = rank == 1 ? fire_comm_gather(comm, x, 32, all, &err) : fire_comm_sum(comm, FIRE_F64, x, 4, &err);
    CHECK(st == FIRE_USAGE || st == FIRE_CLUSTER, "status %d: %s", st, err.message);
    CHECK(strstr(err.message, "sum 2") && strstr(err.message, "gather 2") && strstr(err.message, "rank 1"), "%s", err.message);
    CHECK(fire_comm_sum(comm, FIRE_F64, x, 4, &again) != FIRE_OK && !strcmp(err.message, again.message), "then: %s", again.message);
}

static void shorter(crew *c, fire_comm *comm, int rank) {
    static float x[2][100000];
    fire_error err = {0};
    fire_status st = fire_comm_sum(comm, FIRE_F32, x[rank], 1, &err);
    if (!st) st = fire_comm_sum(comm, FIRE_F32, x[rank], rank ? 99999 : 100000, &err);
    CHECK(st == FIRE_USAGE || st == FIRE_CLUSTER, "status %d", st);
    CHECK(strstr(err.message, "400000 bytes") && strstr(err.message, "399996 bytes"), "%s", err.message);
}

static void test_mismatch(void **state) {
    (void)state;
    crew c;
    crew_begin(&c, 3, 20, "127.0.0.1");
    crew_run(&c, mismatched);
    crew_fine(&c);
    crew_end(&c);
    crew_begin(&c, 2, 20, "127.0.0.1");
    crew_run(&c, shorter);
    crew_fine(&c);
    crew_end(&c);
}

static void test_misuse(void **state) {
    (void)state;
    crew c;
    fire_error err;
    float x = 3;
    crew_begin(&c, 1, 1, "127.0.0.1");
    assert_int_equal(fire_comm_sum(c.comm[0], FIRE_F32, &x, 1, &err), FIRE_USAGE); /* not open */
    assert_int_equal(fire_comm_open(c.comm[0], 1, 1, c.addresses, c.secret[0], 1, &err), FIRE_USAGE);
    assert_int_equal(fire_comm_open(c.comm[0], 0, 1, c.addresses, c.secret[0], 0.0 / 1, &err), FIRE_USAGE);
    assert_int_equal(fire_comm_open(c.comm[0], 0, 1, c.addresses, c.secret[0], 1, &err), FIRE_OK);
    assert_int_equal(fire_comm_open(c.comm[0], 0, 1, c.addresses, c.secret[0], 1, &err), FIRE_USAGE);
    assert_int_equal(fire_comm_sum(c.comm[0], FIRE_I32, &x, 1, &err), FIRE_USAGE);
    assert_int_equal(fire_comm_sum(c.comm[0], FIRE_F32, &x, -1, &err), FIRE_USAGE);
    assert_int_equal(fire_comm_sum(c.comm[0], FIRE_F64, &x, INT64_MAX / 4, &err), FIRE_USAGE);
    assert_int_equal(fire_comm_broadcast(c.comm[0], 1, &x, 4, &err), FIRE_USAGE);
    assert_int_equal(fire_comm_sum(c.comm[0], FIRE_F32, &x, 1, &err), FIRE_OK);
    assert_true(x == 3);
    assert_int_equal(fire_comm_sum(NULL, FIRE_F32, &x, 1, &err), FIRE_OK); /* no comm: alone */
    assert_int_equal(fire_comm_broadcast(NULL, 0, &x, 4, &err), FIRE_OK);
    float y = 0;
    assert_int_equal(fire_comm_gather(NULL, &x, 4, &y, &err), FIRE_OK);
    assert_true(y == 3);
    crew_end(&c);
    fire_comm *comm;
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    char small[4], text[64];
    assert_int_equal(fire_comm_listen(ctx, "127.0.0.1", small, sizeof small, &comm, &err), FIRE_USAGE);
    assert_int_equal(fire_comm_listen(ctx, "192.0.2.77", text, sizeof text, &comm, &err), FIRE_CLUSTER);
    assert_int_equal(err.code, FIRE_E_PORT);
    fire_context_free(ctx);
}
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_steady),
        cmocka_unit_test(test_mismatch),
        cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
