/* test_rng.c - Philox against its published vectors; the draws look uniform. */
#include "harness.h"
#include "rng.h"
#include <math.h>
#include <stdlib.h>

/* From the authors' Random123 distribution, file kat_vectors, philox4x32 10. */
static void known_answers(void **state) {
    static const struct { uint32_t c[4], k[2], out[4]; } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t out[4];
        fire_philox((fire_key){{cases[i].k[0], cases[i].k[1]}}, cases[i].c, out);
        for (int j = 0; j < 4; j++) assert_int_equal(out[j], cases[i].out[j]);
    }
}

static void draws_are_uniform(void **state) {
    fire_key key = fire_key_make(7, FIRE_STREAM_TEST);
    enum { N = 100000 };
    double sum = 0, square = 0, lag = 0, last = 0.5;
    int64_t bit[64] = {0};
    for (uint64_t i = 0; i < N; i++) {
        uint64_t x = fire_draw(key, i, 3);
        double u = fire_uniform53(x);
        assert_true(u >= 0 && u < 1);
        sum += u, square += u * u, lag += (u - 0.5) * (last - 0.5), last = u;
        for (int b = 0; b < 64; b++) bit[b] += x >> b & 1;
    }
    /* Five standard deviations of each estimate. */
    assert_true(fabs(sum / N - 0.5) < 5 * sqrt(1 / 12.0 / N));
    assert_true(fabs(square / N - 1 / 3.0) < 5 * sqrt(4 / 45.0 / N));
    assert_true(fabs(lag / N) < 5 / 12.0 / sqrt(N));
    for (int b = 0; b < 64; b++) assert_true(llabs(2 * bit[b] - N) < 5 * sqrt(N));
}

static void keys_differ(void **state) {
    fire_key a = fire_key_make(1, FIRE_STREAM_INIT), b = fire_key_make(1, FIRE_STREAM_SHUFFLE), c = fire_key_make(2, FIRE_STREAM_INIT);
    assert_true(fire_draw(a, 0, 0) != fire_draw(b, 0, 0));
    assert_true(fire_draw(a, 0, 0) != fire_draw(c, 0, 0));
    assert_true(fire_draw(a, 0, 0) != fire_draw(a, 0, 1) && fire_draw(a, 0, 0) != fire_draw(a, 1, 0));
    assert_true(fire_draw(a, 5, 9) == fire_draw(a, 5, 9));
    assert_true(fire_uniform(0xffffffffu) < 1.0f && fire_uniform53(~(uint64_t)0) < 1.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_answers), cmocka_unit_test(draws_are_uniform), cmocka_unit_test(keys_differ)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
