/* test_crc32c.c - known CRCs, and the instruction against the table. */
#include "harness.h"
#include "crc32c.h"
#include <string.h>

static void test_known(void **state) {
    uint8_t zeros[32] = {0}, ones[32], up[32], down[32];
    memset(ones, 0xff, sizeof ones);
    for (int i = 0; i < 32; i++) up[i] = (uint8_t)i, down[i] = (uint8_t)(31 - i);
    /* RFC 3720, appendix B.4; the check value of the catalogue of CRC algorithms. */
    const struct { const void *bytes; size_t size; uint32_t crc; } known[] = {
        {"", 0, 0}, {"123456789", 9, 0xe3069283u}, {zeros, 32, 0x8a9136aau}, {ones, 32, 0x62a8ab43u}, {up, 32, 0x46dd794eu}, {down, 32, 0x113fdb5cu},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        assert_int_equal(fire_crc32c(0, known[i].bytes, known[i].size), known[i].crc);
        assert_int_equal(fire_crc32c_table(0, known[i].bytes, known[i].size), known[i].crc);
    }
    assert_int_equal(fire_crc32c_unmask(fire_crc32c_mask(0xe3069283u)), 0xe3069283u);
    assert_int_equal(fire_crc32c_mask(0), 0xa282ead8u);
}

static void test_both_ways(void **state) {
    uint8_t bytes[700];
    uint64_t seed = 1;
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)harness_random(&seed);
    for (size_t from = 0; from < 9; from++)
        for (size_t size = 0; size < 600; size += size < 40 ? 1 : 37) {
            uint32_t whole = fire_crc32c(0, bytes + from, size);
            assert_int_equal(whole, fire_crc32c_table(0, bytes + from, size));
            for (size_t cut = 0; cut <= size; cut += 1 + size / 5) /* in two parts */
                assert_int_equal(fire_crc32c(fire_crc32c_table(0, bytes + from, cut), bytes + from + cut, size - cut), whole);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known), cmocka_unit_test(test_both_ways)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
