/* test_safetensors - tensors by name in one block. */
#include "harness.h"
#include "formats/safetensors.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const float weights[6] = {1, 2, 3, 4, 5, 6};
static const int64_t count[1] = {-7};
static const fire_safetensor tensors[] = {
    {"kernel", FIRE_F32, {2, {2, 3}}, weights, 24}, {"a \"count\"", FIRE_I64, {0}, count, 8}, {"empty", FIRE_BOOL, {2, {0, 4}}, "", 0},
};
static const fire_pair pairs[] = {{"step", "12"}, {"who", "n\xc3\xa4me\n"}};

/* A file, cut to exact size so that a sanitizer sees a byte too far. */
static uint8_t *make_file(fire_context *ctx, size_t *size) {
    fire_buffer b = {.ctx = ctx};
    fire_safetensors_write(&b, 3, tensors, 2, pairs);
    assert_int_equal(b.first.status, FIRE_OK);
    uint8_t *exact = malloc((size_t)b.size);
    memcpy(exact, b.data, *size = (size_t)b.size);
    fire_buffer_free(&b);
    return exact;
}

static fire_status read_back(fire_context *ctx, void *user, fire_error *err) {
    fire_buffer b = {.ctx = ctx};
    fire_safetensors s = {0};
    fire_safetensors_write(&b, 3, tensors, 2, pairs);
    fire_status r = b.first.status;
    if (r && err) *err = b.first;
    if (!r) r = fire_safetensors_read(ctx, b.data, (size_t)b.size, &s, err);
    if (!r) {
        assert_int_equal(s.n_tensors, 3);
        const fire_safetensor *t = fire_safetensors_find(&s, "kernel");
        assert_true(t && t->type == FIRE_F32 && t->shape.rank == 2 && t->shape.dim[0] == 2 && t->shape.dim[1] == 3 && t->bytes == 24);
        assert_memory_equal(t->data, weights, 24);
        assert_int_equal(((const uint8_t *)t->data - b.data) % 64, 0);
        t = fire_safetensors_find(&s, "a \"count\"");
        assert_true(t && t->type == FIRE_I64 && t->shape.rank == 0);
        assert_memory_equal(t->data, count, 8);
        t = fire_safetensors_find(&s, "empty");
        assert_true(t && t->type == FIRE_BOOL && t->bytes == 0);
        assert_null(fire_safetensors_find(&s, "kerne"));
        assert_string_equal(fire_safetensors_text(&s, "who"), "n\xc3\xa4me\n");
        assert_null(fire_safetensors_text(&s, "kernel"));
    }
    fire_safetensors_clear(&s);
    fire_buffer_free(&b);
    return r;
}
static void round_trip(void **state) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    assert_int_equal(read_back(ctx, NULL, NULL), FIRE_OK);
    fire_context_free(ctx);
    assert_int_equal(h.live, 0);
}
static void memory_runs_out(void **state) { assert_true(harness_fail_each(read_back, NULL) > 5); }

static int32_t read_text(fire_context *ctx, const char *header, size_t numbers, char *message) {
    size_t n = strlen(header);
    uint8_t *exact = calloc(1, 8 + n + numbers);
    for (int i = 0; i < 8; i++) exact[i] = (uint8_t)((uint64_t)n >> (8 * i));
    memcpy(exact + 8, header, n);
    fire_safetensors s;
    fire_error err = {0};
    fire_safetensors_read(ctx, exact, 8 + n + numbers, &s, &err);
    fire_safetensors_clear(&s);
    strcpy(message, err.message);
    free(exact);
    return err.code;
}

static void bad_headers(void **state) {
#define A "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"
    static const struct { const char *header; size_t numbers; int32_t code; const char *says; } cases[] = {
        {"{}", 0, 0, ""}, {"{" A "}", 8, 0, ""}, {"{" A "}  \n", 8, 0, ""},
        {"{" A "}", 7, FIRE_E_TRUNCATED, "ends at byte 8"}, {"{" A "}", 9, FIRE_E_CORRUPT, "belong to no tensor"}, {"{}", 1, FIRE_E_CORRUPT, "no tensor"},
        {"{" A "," A "}", 8, FIRE_E_CORRUPT, "overlaps"}, {"{" A ",\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[8,8]}}", 8, FIRE_E_CORRUPT, "twice"},
        {"{" A ",\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[7,9]}}", 9, FIRE_E_CORRUPT, "overlaps"},
        {"{" A ",\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[9,10]}}", 10, FIRE_E_CORRUPT, "gap"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, FIRE_E_CORRUPT, "does not fit"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}", 0, FIRE_E_CORRUPT, "does not fit"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, FIRE_E_CORRUPT, "at least 0"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}", 8, FIRE_E_CORRUPT, "too many"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, FIRE_E_CORRUPT, "before they begin"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", 8, FIRE_E_CORRUPT, "whole number"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}", 8, FIRE_E_CORRUPT, "too many"},
        {"{\"a\":{\"dtype\":\"F5\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, FIRE_E_CORRUPT, "type that this version"},
        {"{\"a\":{\"dtype\":\"F4\",\"shape\":[2,3],\"data_offsets\":[0,3]},\"b\":{\"dtype\":\"F6_E3M2\",\"shape\":[4],\"data_offsets\":[3,6]}}", 6, 0, ""},
        {"{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]}}", 2, FIRE_E_CORRUPT, "does not fit"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, FIRE_E_CORRUPT, "missing"}, {"{\"a\":{\"x\":1}}", 0, FIRE_E_CORRUPT, "expected dtype"},
        {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 0, FIRE_E_CORRUPT, "twice"}, {"{\"a\":1}", 0, FIRE_E_CORRUPT, "an object"}, {"[]", 0, FIRE_E_CORRUPT, "an object"},
        {"{\"__metadata__\":{\"a\":1}}", 0, FIRE_E_CORRUPT, "a text"}, {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, FIRE_E_CORRUPT, "twice"},
        {"{} x", 0, FIRE_E_CORRUPT, "nothing after"}, {"{", 0, FIRE_E_TRUNCATED, "byte 1"}, {"", 0, FIRE_E_TRUNCATED, "byte 0"},
    };
    fire_context *ctx;
    assert_int_equal(fire_context_new(NULL, &ctx, NULL), FIRE_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char message[1024];
        int32_t code = read_text(ctx, cases[i].header, cases[i].numbers, message);
        if (code != cases[i].code || !strstr(message, cases[i].says)) fail_msg("case %zu: %d \"%s\"", i, code, message);
    }
    fire_context_free(ctx);
}

static void cut_and_flipped(void **state) {
    fire_context *ctx;
    assert_int_equal(fire_context_new(NULL, &ctx, NULL), FIRE_OK);
    size_t size;
    uint8_t *file = make_file(ctx, &size);
    for (size_t n = 0; n < size; n++) { /* every prefix is refused */
        uint8_t *exact = malloc(n ? n : 1);
        memcpy(exact, file, n);
        fire_safetensors s;
        fire_error err = {0};
        assert_int_equal(fire_safetensors_read(ctx, exact, n, &s, &err), FIRE_FILE);
        fire_safetensors_clear(&s);
        free(exact);
    }
    for (size_t n = 0; n < size; n++)
        for (int bit = 0; bit < 8; bit++) { /* any bit flipped: a status */
            file[n] ^= (uint8_t)(1 << bit);
            fire_safetensors s;
            fire_error err = {0};
            fire_status r = fire_safetensors_read(ctx, file, size, &s, &err);
            assert_true(r == FIRE_OK || (r == FIRE_FILE && err.message[0]));
            fire_safetensors_clear(&s);
            file[n] ^= (uint8_t)(1 << bit);
        }
    free(file);
    fire_context_free(ctx);
}

/* Many tensors in an order that is neither that of names nor of places. */
static void many(void **state) {
    fire_context *ctx;
    assert_int_equal(fire_context_new(NULL, &ctx, NULL), FIRE_OK);
    static char name[500][16];
    static fire_safetensor t[500];
    static double value[500];
    for (int i = 0; i < 500; i++) {
        snprintf(name[i], sizeof name[i], "w%d", i * 277 % 500);
        value[i] = i;
        t[i] = (fire_safetensor){name[i], FIRE_F64, {0}, &value[i], 8};
    }
    fire_buffer b = {.ctx = ctx};
    fire_safetensors_write(&b, 500, t, 0, NULL);
    fire_safetensors s;
    assert_int_equal(fire_safetensors_read(ctx, b.data, (size_t)b.size, &s, NULL), FIRE_OK);
    assert_int_equal(s.n_tensors, 500);
    for (int i = 0; i < 500; i++) assert_memory_equal(fire_safetensors_find(&s, name[i])->data, &value[i], 8);
    fire_safetensors_clear(&s);
    fire_buffer_free(&b);
    fire_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip), cmocka_unit_test(memory_runs_out), cmocka_unit_test(bad_headers), cmocka_unit_test(cut_and_flipped), cmocka_unit_test(many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
