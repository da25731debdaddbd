/* test_pool - every index once, in order of publishing, under contention, and with threads that come and go. */
#include "harness.h"
#include "pool.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

typedef struct { _Atomic int32_t count[257]; _Atomic int64_t sum; } tally;
static void count_one(void *user, int32_t i) {
    tally *t = user;
    atomic_fetch_add(&t->count[i], 1);
    atomic_fetch_add(&t->sum, i);
}

static void check_runs(fire_pool *pool, int rounds) {
    static const int32_t sizes[] = {0, 1, 2, 3, 7, 64, 257};
    for (int r = 0; r < rounds; r++) {
        int32_t n = sizes[r % 7];
        tally t = {0};
        fire_pool_run(pool, n, count_one, &t);
        for (int32_t i = 0; i < 257; i++) assert_int_equal(t.count[i], i < n);
        assert_int_equal(t.sum, (int64_t)n * (n - 1) / 2);
    }
}

static void test_every_index_once(void **state) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    check_runs(NULL, 20);
    for (int32_t threads = 1; threads <= 5; threads++) {
        fire_pool *pool;
        assert_int_equal(fire_pool_new(ctx, threads, &pool, NULL), FIRE_OK);
        assert_int_equal(fire_pool_threads(pool), threads);
        check_runs(pool, 3000);
        fire_pool_free(pool);
    }
    fire_context_free(ctx);
    assert_int_equal(h.live, 0);
}

/* What one job wrote, the next job and the caller must see, whichever thread it was. */
static void add_one(void *user, int32_t i) { ((int64_t *)user)[i * 8]++; }
static void test_jobs_see_each_other(void **state) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    fire_pool *pool;
    assert_int_equal(fire_pool_new(ctx, 3, &pool, NULL), FIRE_OK);
    int64_t cell[8 * 8] = {0};
    for (int r = 1; r <= 20000; r++) {
        fire_pool_run(pool, 8, add_one, cell);
        if (r % 1000 == 0) {
            for (int i = 0; i < 8; i++) assert_int_equal(cell[i * 8], r);
            struct timespec nap = {0, 200 * 1000}; /* long enough for all to park */
            nanosleep(&nap, NULL);
        }
    }
    fire_pool_free(pool);
    fire_context_free(ctx);
}

static void *own_pool(void *arg) {
    fire_pool *pool;
    if (fire_pool_new(arg, 2, &pool, NULL)) return arg;
    for (int r = 0; r < 2000; r++) {
        tally t = {0};
        fire_pool_run(pool, 33, count_one, &t);
        if (t.sum != 33 * 32 / 2) return arg;
    }
    fire_pool_free(pool);
    return NULL;
}
static void test_two_pools_at_once(void **state) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    pthread_t t[2];
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&t[i], NULL, own_pool, ctx), 0);
    for (int i = 0; i < 2; i++) {
        void *failed;
        pthread_join(t[i], &failed);
        assert_null(failed);
    }
    fire_context_free(ctx);
    assert_int_equal(h.live, 0);
}

static void test_made_and_freed_quickly(void **state) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    for (int r = 0; r < 300; r++) {
        fire_pool *pool;
        assert_int_equal(fire_pool_new(ctx, 1 + r % 4, &pool, NULL), FIRE_OK);
        if (r % 2) check_runs(pool, 7);
        fire_pool_free(pool);
    }
    fire_pool_free(NULL);
    fire_context_free(ctx);
    assert_int_equal(h.live, 0);
}

/* An idle pool must not burn a core: after a job and a rest of 50 ms, all threads together used under 10 ms. */
static double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
static void test_idle_threads_park(void **state) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    fire_pool *pool;
    assert_int_equal(fire_pool_new(ctx, 4, &pool, NULL), FIRE_OK);
    check_runs(pool, 7);
    double before = cpu_seconds();
    struct timespec nap = {0, 50 * 1000 * 1000};
    nanosleep(&nap, NULL);
    assert_true(cpu_seconds() - before < 0.010);
    fire_pool_free(pool);
    fire_context_free(ctx);
}

static fire_status make(fire_context *ctx, void *user, fire_error *err) {
    fire_pool *pool;
    fire_status s = fire_pool_new(ctx, 3, &pool, err);
    if (s) return s;
    check_runs(pool, 7);
    fire_pool_free(pool);
    return FIRE_OK;
}
static void test_allocation_fails(void **state) { assert_true(harness_fail_each(make, NULL) >= 1); }

static void test_bad_counts(void **state) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    fire_pool *pool = NULL;
    fire_error err = {0};
    assert_int_equal(fire_pool_new(ctx, 0, &pool, &err), FIRE_USAGE);
    assert_non_null(strstr(err.message, "1 to 1024"));
    assert_int_equal(fire_pool_new(ctx, 1025, &pool, &err), FIRE_USAGE);
    assert_null(pool);
    fire_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_index_once), cmocka_unit_test(test_jobs_see_each_other), cmocka_unit_test(test_two_pools_at_once),
        cmocka_unit_test(test_made_and_freed_quickly), cmocka_unit_test(test_idle_threads_park), cmocka_unit_test(test_allocation_fails),
        cmocka_unit_test(test_bad_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
