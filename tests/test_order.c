/* test_order.c - each row exactly once per epoch, steps balanced, the order drawn by seed and epoch alone. */
#include "harness.h"
#include "order.h"
#include "rng.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Shards of given sizes, all on this rank. */
static fire_shards shards_of(int32_t n, const int64_t *rows) {
    fire_shards s = {.n = n, .own = n, .rows = malloc(sizeof(int64_t) * (size_t)n)};
    for (int32_t k = 0; k < n; k++) s.rows[k] = rows[k], s.total += rows[k];
    return s;
}

/* The definition, in words: sort all rows by ((k + 1/2) / n, shard), count those of a shard among the first. */
static int64_t slow_upto(const fire_shards *s, int32_t shard, int64_t merged) {
    int64_t count = 0, at[64] = {0};
    for (int64_t r = 0; r < merged; r++) {
        int32_t best = -1;
        for (int32_t k = 0; k < s->n; k++) {
            if (at[k] == s->rows[k]) continue;
            /* (2 at + 1) / n compared by cross products */
            if (best < 0 || (2 * at[k] + 1) * s->rows[best] < (2 * at[best] + 1) * s->rows[k]) best = k;
        }
        at[best]++;
        count += best == shard;
    }
    return count;
}

static void schedule_is_the_definition(void **state) {
    static const int64_t cases[][9] = {
        {1, 10}, {2, 7, 7}, {2, 1, 99}, {3, 0, 5, 3}, {4, 100, 1, 0, 37}, {8, 13, 12, 11, 14, 13, 9, 16, 12}, {3, 2, 4, 8}, {5, 1, 1, 1, 1, 1}, {2, 3, 1000},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        fire_shards s = shards_of((int32_t)cases[c][0], &cases[c][1]);
        for (int64_t merged = 0; merged <= s.total; merged++)
            for (int32_t k = 0; k < s.n; k++) assert_int_equal(fire_shards_upto(&s, k, merged), slow_upto(&s, k, merged));
        free(s.rows);
    }
}

/* Any shards, any batch: the counts of each step add up to the batch, those of all steps to the shards, and no shard runs ahead of its share. */
static void steps_are_balanced(void **state) {
    uint64_t random = 3;
    for (int round = 0; round < 400; round++) {
        int64_t rows[20], total = 0;
        int32_t n = 1 + (int32_t)(harness_random(&random) % 20);
        for (int32_t k = 0; k < n; k++) {
            rows[k] = (int64_t)(harness_random(&random) % (round % 3 ? 300 : 5));
            if (round % 7 == 0 && k == 0) rows[k] *= 99;
            total += rows[k];
        }
        if (!total) continue;
        fire_shards s = shards_of(n, rows);
        int64_t batch = 1 + (int64_t)(harness_random(&random) % 200), at[20] = {0};
        for (int64_t end = 0; end < total;) {
            int64_t next = end + batch < total ? end + batch : total, sum = 0;
            for (int32_t k = 0; k < n; k++) {
                int64_t upto = fire_shards_upto(&s, k, next), take = upto - at[k];
                assert_true(take >= 0);
                assert_true(fabs((double)upto - (double)next * (double)rows[k] / (double)total) <= n);
                sum += take;
                at[k] = upto;
            }
            assert_int_equal(sum, next - end);
            end = next;
        }
        for (int32_t k = 0; k < n; k++) assert_int_equal(at[k], rows[k]);
        free(s.rows);
    }
}

static void large_numbers(void **state) {
    int64_t rows[] = {(int64_t)1 << 40, ((int64_t)1 << 40) + 1, 3};
    fire_shards s = shards_of(3, rows);
    for (int64_t merged = s.total - 5; merged <= s.total; merged++) {
        int64_t sum = 0;
        for (int32_t k = 0; k < 3; k++) sum += fire_shards_upto(&s, k, merged);
        assert_int_equal(sum, merged);
    }
    free(s.rows);
}

typedef struct fixture { harness h; fire_context *ctx; fire_dataset *data; fire_shards shards; float *x; } fixture;

static void begin(fixture *f, int64_t n, int32_t fixed) {
    memset(f, 0, sizeof *f);
    harness_init(&f->h);
    f->ctx = harness_context(&f->h, NULL);
    f->x = calloc((size_t)n + 1, sizeof *f->x);
    assert_int_equal(fire_dataset_new(f->ctx, &f->data, NULL), FIRE_OK);
    fire_tensor x = {FIRE_F32, {2, {n, 1}}, f->x};
    assert_int_equal(fire_dataset_add(f->data, &x, NULL, NULL, NULL), FIRE_OK);
    assert_int_equal(fire_shards_new(f->ctx, &f->shards, f->data, NULL, fixed, NULL), FIRE_OK);
    assert_int_equal(f->shards.total, n);
}
static void end(fixture *f) {
    fire_shards_free(&f->shards);
    fire_dataset_free(f->data);
    fire_context_free(f->ctx);
    free(f->x);
    assert_int_equal(f->h.live, 0);
}

static void each_row_once(void **state) {
    static const int64_t sizes[] = {1, 2, 7, 100, 5000};
    for (size_t c = 0; c < 5; c++)
        for (int32_t fixed = 0; fixed <= 8; fixed += 8) {
            fixture f;
            int64_t n = sizes[c], *order = malloc(sizeof *order * (size_t)n), *other = malloc(sizeof *order * (size_t)n);
            char *seen = calloc((size_t)n, 1);
            begin(&f, n, fixed);
            fire_order(&f.shards, 11, 4, true, order);
            for (int32_t k = 0; k < f.shards.own; k++)
                for (int64_t i = f.shards.start[k]; i < f.shards.start[k + 1]; i++) {
                    assert_true(order[i] >= 0 && order[i] < n && !seen[order[i]]);
                    seen[order[i]] = 1;
                    if (fixed) assert_int_equal(fire_mix((uint64_t)order[i]) % 8, k); /* every row stays in its shard */
                }
            assert_int_equal(f.shards.start[f.shards.own], n);
            fire_order(&f.shards, 11, 4, true, other);
            assert_memory_equal(order, other, sizeof *order * (size_t)n);
            if (n >= 100) {
                fire_order(&f.shards, 11, 5, true, other);
                assert_memory_not_equal(order, other, sizeof *order * (size_t)n);
                fire_order(&f.shards, 12, 4, true, other);
                assert_memory_not_equal(order, other, sizeof *order * (size_t)n);
            }
            fire_order(&f.shards, 11, 4, false, other);
            for (int64_t i = 0; i < n && !fixed; i++) assert_int_equal(other[i], i);
            end(&f);
            free(order);
            free(other);
            free(seen);
        }
}

/* The order is that of the draws themselves, equal halves included. */
static void sorted_by_draw(void **state) {
    enum { N = 200000 }; /* about 5 pairs share the upper 32 bits */
    fixture f;
    int64_t *order = malloc(sizeof *order * N), ties = 0;
    begin(&f, N, 0);
    fire_order(&f.shards, 1, 0, true, order);
    fire_key key = fire_key_make(1, FIRE_STREAM_SHUFFLE);
    uint64_t last = 0;
    for (int64_t i = 0; i < N; i++) {
        uint64_t draw = fire_draw(key, (uint64_t)order[i], 0);
        assert_true(i == 0 || draw > last);
        ties += i && draw >> 32 == last >> 32;
        last = draw;
    }
    assert_true(ties > 0);
    /* A shuffle: first places are taken by rows from everywhere. */
    double mean = 0;
    for (int i = 0; i < 10000; i++) mean += (double)order[i] / 10000;
    assert_true(fabs(mean - N / 2.0) < 5 * N / sqrt(12.0 * 10000));
    end(&f);
    free(order);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedule_is_the_definition), cmocka_unit_test(steps_are_balanced), cmocka_unit_test(large_numbers), cmocka_unit_test(each_row_once), cmocka_unit_test(sorted_by_draw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
