/* test_core.c - errors, attributes, memory, files, catalog. */
#include "attrs.h"
#include "file.h"
#include "harness.h"
#include "json.h"
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- errors ---- */

static void test_codes(void **state) {
    int n = 0;
    for (int32_t last = 0, code; (code = fire_explain_codes(n)) != 0; last = code, n++) {
        const char *title = NULL;
        assert_true(code > last);
        assert_non_null(fire_explain(code, &title));
        assert_true(strlen(fire_explain(code, NULL)) > 20 && strlen(title) > 3);
        fire_error err = {0};
        fire_status s = fire_fail(&err, code, "row %d", 7);
        assert_int_equal(s, code == FIRE_E_NOMEM ? FIRE_NOMEM : code == FIRE_E_CANCELLED ? FIRE_CANCELLED : code / 1000);
        assert_int_equal(err.status, s);
        assert_int_equal(err.code, code);
        assert_string_equal(err.message, "row 7");
        assert_int_equal(fire_fail(NULL, code, "nobody reads this"), s);
    }
    assert_true(n >= 30);
    assert_int_equal(fire_explain_codes(-1), 0);
    assert_null(fire_explain(12345, NULL));
}

static void test_messages(void **state) {
    fire_error err = {0};
    char text[3000];
    fire_fail(&err, FIRE_E_SHAPE, "inner");
    fire_fail(&err, FIRE_E_SHAPE, "outer: %s", err.message); /* a message may be wrapped into a longer one */
    assert_string_equal(err.message, "outer: inner");
    /* Cut messages end in "..." and never inside a character: every length near the limit, two-byte characters. */
    for (size_t n = 500; n < 520; n++) {
        memset(text, 0, sizeof text);
        for (size_t i = 0; i < n; i++) memcpy(text + 2 * i, "\xC3\xA9", 2);
        for (int shift = 0; shift < 2; shift++) {
            fire_fail(&err, FIRE_E_SHAPE, "%s%s", shift ? "x" : "", text);
            size_t length = strlen(err.message), body = length;
            assert_true(length < sizeof err.message);
            if (2 * n + (size_t)shift >= sizeof err.message) {
                assert_string_equal(err.message + length - 3, "...");
                body = length - 3;
            }
            assert_int_equal((body - (size_t)shift) % 2, 0);
        }
    }
}

static void test_escape(void **state) {
    char to[64];
    assert_string_equal(fire_escape(to, sizeof to, "a b", 3), "a b");
    assert_string_equal(fire_escape(to, sizeof to, "a\nb\x1b[0m\xff", 8), "a\\x0Ab\\x1B[0m\\xFF");
    assert_string_equal(fire_escape(to, sizeof to, "a\0b", 3), "a\\x00b");
    const char *from = "ab\ncd\n\nefgh";
    for (size_t capacity = 0; capacity <= sizeof to; capacity++) {
        char *exact = malloc(capacity + 1); /* the sanitizer sees a byte too far */
        exact[capacity] = 'Z';
        char *room = malloc(capacity ? capacity : 1);
        fire_escape(room, capacity, from, strlen(from));
        if (capacity) {
            assert_true(strlen(room) < capacity);
            if (capacity >= 21) assert_string_equal(room, "ab\\x0Acd\\x0A\\x0Aefgh");
            else if (capacity >= 4) assert_string_equal(room + strlen(room) - 3, "...");
            else assert_string_equal(room, "");
        }
        free(room);
        free(exact);
    }
}

static void test_shape_text(void **state) {
    char text[FIRE_SHAPE_TEXT];
    assert_string_equal(fire_shape_text(&(fire_shape){0}, text), "[]");
    assert_string_equal(fire_shape_text(&(fire_shape){3, {-1, 28, 0}}, text), "[n, 28, 0]");
    fire_shape wide = {FIRE_MAX_RANK, {0}};
    for (int i = 0; i < FIRE_MAX_RANK; i++) wide.dim[i] = INT64_MIN;
    fire_shape_text(&wide, text);
    assert_int_equal(text[strlen(text) - 1], ']');
    assert_string_equal(fire_type_text(FIRE_F32), "float32");
    assert_string_equal(fire_type_text((fire_type)77), "no type");
}

/* ---- attributes ---- */

typedef struct {
    int64_t units, free_int;
    double rate, free_float;
    bool bias;
    char kind[FIRE_ATTR_TEXT_SIZE], any[FIRE_ATTR_TEXT_SIZE];
    fire_ints shape, kernel;
} options;

#define AT(field) offsetof(options, field)
static const fire_attr table[] = {
    {"units", FIRE_ATTR_INT, AT(units), 1, 1, 1000, .help = "how many"},
    {"free_int", FIRE_ATTR_INT, AT(free_int), -3, 0, 0, .help = "any whole number"},
    {"rate", FIRE_ATTR_FLOAT, AT(rate), 0.1, 0, 1, .help = "a share"},
    {"free_float", FIRE_ATTR_FLOAT, AT(free_float), 1e-7, 0, 0, .help = "any number"},
    {"use_bias", FIRE_ATTR_BOOL, AT(bias), 1, .help = "a switch"},
    {"kind", FIRE_ATTR_TEXT, AT(kind), .text = "linear", .choices = "linear|relu|", .help = "a word"},
    {"any", FIRE_ATTR_TEXT, AT(any), .help = "a \"text\""},
    {"shape", FIRE_ATTR_INTS, AT(shape), 0, -1, 4096, .help = "sizes"},
    {"kernel", FIRE_ATTR_INTS, AT(kernel), 0, 1, 9, .text = "[1,1]", .help = "sizes with a default"},
    {0},
};

static fire_status read_options(const char *text, options *o, fire_error *err) {
    memset(o, 0, sizeof *o);
    return fire_attrs_read("Dense", table, o, text, NULL, 0, err);
}

static void test_attrs_read(void **state) {
    options o;
    fire_error err = {0};
    assert_int_equal(read_options(NULL, &o, &err), FIRE_OK);
    assert_true(o.units == 1 && o.free_int == -3 && o.rate == 0.1 && o.free_float == 1e-7 && o.bias && o.shape.n == 0 && o.kernel.n == 2 && o.kernel.v[1] == 1);
    assert_string_equal(o.kind, "linear");
    assert_string_equal(o.any, "");
    assert_int_equal(read_options("  units=10 rate=1e-3\tfree_int=-9223372036854775808 free_float=-inf use_bias=False kind=relu any=\"a \\\"b\\\" \\\\ =c\"\n shape=[ 2, -1,3 ] kernel=[]", &o, &err), FIRE_OK);
    assert_true(o.units == 10 && o.rate == 1e-3 && o.free_int == INT64_MIN && o.free_float == -INFINITY && !o.bias && o.shape.n == 3 && o.shape.v[1] == -1 && o.kernel.n == 0);
    assert_string_equal(o.kind, "relu");
    assert_string_equal(o.any, "a \"b\" \\ =c");
    assert_int_equal(read_options("kind=\"\" any=bare-word,1 units=True", &o, &err), FIRE_OK);
    assert_string_equal(o.kind, "");
    assert_string_equal(o.any, "bare-word,1");
    assert_int_equal(read_options("units=2 units=3", &o, &err), FIRE_OK); /* the last one counts */
    assert_int_equal(o.units, 3);
}

static void test_attrs_refused(void **state) {
    static const struct { const char *text, *says; } bad[] = {
        {"unit=3", "Dense: no attribute 'unit'; did you mean 'units'?"},
        {"Units=3", "did you mean 'units'?"},
        {"use_bais=1", "did you mean 'use_bias'?"},
        {"colour=red", "no attribute 'colour'; it has units, free_int, rate"},
        {"units=0", "Dense: units is 0, expected 1 to 1000"},
        {"units=1001", "units is 1001, expected 1 to 1000"},
        {"units=ten", "units is 'ten', expected a whole number"},
        {"units=1.5", "expected a whole number"},
        {"units=", "expected a whole number"},
        {"units=\"3\"", "expected a whole number"},
        {"units=99999999999999999999", "expected a whole number"},
        {"rate=1.5", "rate is 1.5, expected 0 to 1"},
        {"rate=nan", "expected a number"},
        {"rate=0.5x", "expected a number"},
        {"free_float=\"1\"", "expected a number"},
        {"use_bias=2", "expected true or false"},
        {"use_bias=yes", "expected true or false"},
        {"kind=selu", "kind is 'selu', expected one of linear|relu|"},
        {"kind=lin", "expected one of"},
        {"shape=3", "expected a list"},
        {"shape=[1,,2]", "expected a list"},
        {"shape=[1;2]", "expected a list"},
        {"shape=[5000]", "expected -1 to 4096"},
        {"shape=[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33]", "more than 32 numbers"},
        {"shape=[1,2", "cannot read attributes at 'shape=[1,2'"},
        {"any=\"open", "cannot read attributes"},
        {"any=\"a\"b", "cannot read attributes"},
        {"any=a\"b", "cannot read attributes"},
        {"any=\"two\nlines\"", "cannot read attributes at 'any=\"two\\x0Alines\"'"},
        {"any=\"\\", "cannot read attributes"},
        {"units", "expected name=value"},
        {"=3", "expected name=value"},
        {"units =3", "expected name=value"},
        {"units=3 \x01", "cannot read attributes at '\\x01'"},
    };
    options o;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fire_error err = {0};
        char *exact = strdup(bad[i].text);
        assert_int_equal(read_options(exact, &o, &err), FIRE_USAGE);
        free(exact);
        assert_int_equal(err.code, FIRE_E_ATTRIBUTE);
        if (!strstr(err.message, bad[i].says)) fail_msg("'%s' gives '%s', expected '%s'", bad[i].text, err.message, bad[i].says);
    }
    fire_error err = {0};
    char text[FIRE_ATTR_TEXT_SIZE + 8] = "any=";
    memset(text + 4, 'x', FIRE_ATTR_TEXT_SIZE);
    text[4 + FIRE_ATTR_TEXT_SIZE] = 0;
    assert_int_equal(read_options(text, &o, &err), FIRE_USAGE);
    assert_non_null(strstr(err.message, "1024 bytes long, expected at most 1023"));
    text[4 + FIRE_ATTR_TEXT_SIZE - 1] = 0;
    assert_int_equal(read_options(text, &o, &err), FIRE_OK);
    assert_int_equal(strlen(o.any), FIRE_ATTR_TEXT_SIZE - 1);
    assert_int_equal(fire_attrs_read("Relu", NULL, NULL, "alpha=1", NULL, 0, &err), FIRE_USAGE);
    assert_string_equal(err.message, "Relu: no attribute 'alpha'; it has none");
    assert_int_equal(fire_attrs_read("Relu", NULL, NULL, "  ", NULL, 0, &err), FIRE_OK);
}

static void test_attrs_rest(void **state) {
    options o = {0};
    char rest[32];
    fire_error err = {0};
    assert_int_equal(fire_attrs_read("Dense", table, &o, "name=dense_1 units=4 trainable=\"a b\"", rest, sizeof rest, &err), FIRE_OK);
    assert_string_equal(rest, "name=dense_1 trainable=\"a b\"");
    assert_int_equal(o.units, 4);
    for (size_t capacity = 1; capacity <= sizeof rest; capacity++) {
        char *exact = malloc(capacity);
        fire_status s = fire_attrs_read("Dense", table, &o, "name=dense_1 x=1", exact, capacity, &err);
        assert_int_equal(s, capacity >= 17 ? FIRE_OK : FIRE_USAGE); /* 16 characters and the end */
        free(exact);
    }
}

static void test_attrs_write(void **state) {
    options o;
    char text[2048];
    read_options(NULL, &o, NULL);
    assert_int_equal(fire_attrs_write(table, &o, false, text, sizeof text), 0);
    assert_string_equal(text, "");
    fire_attrs_write(table, &o, true, text, sizeof text);
    assert_string_equal(text, "units=1 free_int=-3 rate=0.1 free_float=1e-07 use_bias=true kind=linear any=\"\" shape=[] kernel=[1,1]");
    read_options("rate=0 use_bias=0 kernel=[1,2]", &o, NULL);
    strcpy(o.any, "[x"); /* would read as a list if it stood bare */
    size_t length = fire_attrs_write(table, &o, false, text, sizeof text);
    assert_string_equal(text, "rate=0 use_bias=false any=\"[x\" kernel=[1,2]");
    for (size_t capacity = 0; capacity <= length + 1; capacity++) {
        char *exact = malloc(capacity ? capacity : 1);
        assert_int_equal(fire_attrs_write(table, &o, false, exact, capacity), length);
        if (capacity) assert_true(strlen(exact) == (capacity <= length ? capacity - 1 : length) && !strncmp(exact, text, strlen(exact)));
        free(exact);
    }
}

/* Whatever a struct holds comes back from its text, bit by bit. */
static void test_attrs_round_trip(void **state) {
    uint64_t seed = 1;
    static const char letters[] = "abcXYZ019 _-=[]{},.\\\"'/";
    for (int round = 0; round < 5000; round++) {
        options a, b;
        char text[4096], again[4096];
        memset(&a, 0, sizeof a);
        a.units = 1 + (int64_t)(harness_random(&seed) % 1000);
        a.free_int = (int64_t)harness_random(&seed);
        a.rate = (double)(harness_random(&seed) >> 11) * 0x1p-53;
        do {
            uint64_t bits = harness_random(&seed);
            memcpy(&a.free_float, &bits, 8);
        } while (isnan(a.free_float));
        if (round % 7 == 0) a.free_float = round % 2 ? -0.0 : INFINITY;
        a.bias = harness_random(&seed) & 1;
        strcpy(a.kind, harness_random(&seed) & 1 ? "relu" : "");
        for (size_t n = harness_random(&seed) % FIRE_ATTR_TEXT_SIZE, i = 0; i < n; i++) a.any[i] = letters[harness_random(&seed) % (sizeof letters - 1)];
        a.shape.n = (int32_t)(harness_random(&seed) % 17);
        for (int i = 0; i < a.shape.n; i++) a.shape.v[i] = (int64_t)(harness_random(&seed) % 4098) - 1;
        a.kernel.n = 1;
        a.kernel.v[0] = 3;
        bool all = round & 1;
        size_t n = fire_attrs_write(table, &a, all, text, sizeof text);
        assert_true(n < sizeof text);
        fire_error err = {0};
        if (read_options(text, &b, &err)) fail_msg("'%s': %s", text, err.message);
        fire_attrs_write(table, &b, all, again, sizeof again);
        assert_string_equal(text, again);
        assert_true(a.units == b.units && a.free_int == b.free_int && !memcmp(&a.rate, &b.rate, 8) && !memcmp(&a.free_float, &b.free_float, 8) && a.bias == b.bias);
        assert_string_equal(a.any, b.any);
        assert_string_equal(a.kind, b.kind);
        assert_memory_equal(&a.shape, &b.shape, sizeof a.shape);
        assert_memory_equal(&a.kernel, &b.kernel, sizeof a.kernel);
    }
}

/* Random bytes, mostly of the alphabet that matters: a status, whatever they say. */
static void test_attrs_hostile(void **state) {
    uint64_t seed = 5;
    static const char *const pieces[] = {"units", "=", "any", "\"", "[", "]", ",", " ", "3", "-", "\\", "e", ".", "kind", "relu", "shape", "\n", "\xff", "rate", "1e999", "inf"};
    for (int round = 0; round < 20000; round++) {
        char text[400] = "", rest[64];
        for (int n = (int)(harness_random(&seed) % 12); n > 0; n--) strcat(text, pieces[harness_random(&seed) % (sizeof pieces / sizeof *pieces)]);
        char *exact = strdup(text);
        options o = {0};
        fire_error err = {0};
        fire_status s = round & 1 ? fire_attrs_read("Dense", table, &o, exact, NULL, 0, &err) : fire_attrs_read("Dense", table, &o, exact, rest, sizeof rest, &err);
        assert_true(s == FIRE_OK || (s == FIRE_USAGE && err.code == FIRE_E_ATTRIBUTE && err.message[0]));
        for (const char *c = err.message; *c; c++) assert_true(*c >= 0x20 && *c < 0x7f);
        free(exact);
    }
}

static void test_numbers(void **state) {
    char buf[FIRE_NUMBER_TEXT];
    assert_string_equal(fire_number_text(0.1, buf), "0.1");
    assert_string_equal(fire_number_text(1000, buf), "1000");
    assert_string_equal(fire_number_text(1e300, buf), "1e+300");
    assert_string_equal(fire_number_text(0.1 + 0.2, buf), "0.30000000000000004");
    assert_string_equal(fire_number_text(123456, buf), "123456");
    assert_string_equal(fire_number_text(-0.0, buf), "-0");
    assert_string_equal(fire_number_text(NAN, buf), "nan");
    /* A program in another locale (decimal comma) writes and reads the same text. Any such locale that is installed will do. */
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "nl_NL.UTF-8", "ru_RU.UTF-8", "de_DE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (setlocale(LC_ALL, names[i])) {
            assert_string_equal(fire_number_text(0.5, buf), "0.5");
            assert_true(fire_number_read("0.5", NULL) == 0.5);
            setlocale(LC_ALL, "C");
            break;
        }
}

static void test_names(void **state) {
    char name[6], near[FIRE_NEAR_TEXT];
    assert_string_equal(fire_name_read("Adam  learning_rate=1", name, sizeof name), "learning_rate=1");
    assert_string_equal(name, "Adam");
    assert_string_equal(fire_name_read("  RMSpropagation", name, sizeof name), "");
    assert_string_equal(name, "RMSpr");
    assert_true(fire_same_word("aDaM", "Adam") && !fire_same_word("Adam", "Adamw") && !fire_same_word("Adamw", "Adam") && fire_same_word("", ""));
    static const struct { const char *typed, *meant; } slips[] = {{"Dnese", "Dense"}, {"dense", "Dense"}, {"Dropuot", "Dropout"}, {"Densee", "Dense"}, {"Convolution", ""}, {"x", ""}, {"", ""}};
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
        fire_near n = {.name = slips[i].typed};
        fire_near_try(&n, "Flatten");
        fire_near_try(&n, "Dense");
        fire_near_try(&n, "Dropout");
        fire_near_text(&n, near);
        if (*slips[i].meant) assert_non_null(strstr(near, slips[i].meant));
        else assert_string_equal(near, "");
    }
    char long_name[200];
    memset(long_name, 'a', sizeof long_name);
    long_name[199] = 0;
    fire_near n = {.name = long_name};
    fire_near_try(&n, long_name + 1);
    fire_near_text(&n, near);
}

/* ---- context and memory ---- */

static void test_memory_limit(void **state) {
    fire_context *ctx = NULL;
    fire_error err = {0};
    assert_int_equal(fire_context_new(&(fire_config){.size = sizeof(fire_config), .memory_limit = 100000}, &ctx, &err), FIRE_OK);
    void *a = fire_alloc(ctx, 60000, 1, &err), *b = fire_alloc(ctx, 60000, 1, &err);
    assert_non_null(a);
    assert_null(b);
    assert_int_equal(err.code, FIRE_E_NOMEM);
    assert_non_null(strstr(err.message, "the limit is 100000"));
    fire_free(ctx, a);
    assert_non_null(b = fire_alloc(ctx, 60000, 1, &err)); /* what was given back counts no more */
    assert_null(fire_alloc(ctx, SIZE_MAX / 2 - 300, 1, NULL));
    assert_int_equal(fire_set_limits(ctx, 0, -1, &err), FIRE_USAGE);
    assert_int_equal(fire_set_limits(ctx, 0, 0, &err), FIRE_OK);
    assert_non_null(a = fire_alloc(ctx, 60000, 1, &err));
    fire_free(ctx, a);
    fire_free(ctx, b);
    fire_context_free(ctx);
}

static void test_context(void **state) {
    fire_context *ctx = NULL;
    fire_error err = {0};
    assert_int_equal(fire_context_new(NULL, &ctx, &err), FIRE_OK);
    fire_isa best = ctx->isa;
    assert_true(best >= FIRE_ISA_BASE && best <= FIRE_ISA_AVX512);
    assert_int_equal(ctx->threads, 1);
    assert_int_equal(fire_set_threads(ctx, 0, &err), FIRE_USAGE);
    assert_int_equal(fire_set_threads(ctx, 1025, &err), FIRE_USAGE);
    assert_int_equal(fire_set_threads(ctx, 4, &err), FIRE_OK);
    assert_int_equal(ctx->threads, 4);
    fire_context_free(ctx);
    fire_context_free(NULL);
    for (int isa = 0; isa <= 3; isa++) {
        assert_int_equal(fire_context_new(&(fire_config){.size = sizeof(fire_config), .isa = isa, .threads = 2}, &ctx, &err), FIRE_OK);
        assert_int_equal(ctx->isa, isa == 0 || (fire_isa)isa > best ? best : (fire_isa)isa);
        fire_context_free(ctx);
    }
    /* A caller from before the last fields were added. */
    assert_int_equal(fire_context_new(&(fire_config){.size = offsetof(fire_config, isa), .isa = 99}, &ctx, &err), FIRE_OK);
    fire_context_free(ctx);
    ctx = (fire_context *)&err;
    assert_int_equal(fire_context_new(&(fire_config){.size = 0}, &ctx, &err), FIRE_USAGE);
    assert_int_equal(fire_context_new(&(fire_config){.size = sizeof(fire_config) + 8}, &ctx, &err), FIRE_USAGE);
    assert_int_equal(fire_context_new(&(fire_config){.size = sizeof(fire_config), .threads = -1}, &ctx, &err), FIRE_USAGE);
    assert_int_equal(fire_context_new(&(fire_config){.size = sizeof(fire_config), .isa = 4}, &ctx, &err), FIRE_USAGE);
    assert_int_equal(fire_context_new(&(fire_config){.size = sizeof(fire_config), .memory_limit = -1}, &ctx, &err), FIRE_USAGE);
    harness h;
    harness_init(&h);
    h.fail_at = 1;
    assert_int_equal(fire_context_new(&(fire_config){.size = sizeof(fire_config), .memory = &h.memory}, &ctx, &err), FIRE_NOMEM);
    assert_ptr_equal(ctx, &err); /* on failure out parameters are untouched */
    assert_string_equal(fire_version(), FIRE_VERSION);
    assert_int_equal(fire_type_size(FIRE_F64), 8);
    assert_int_equal(fire_type_size((fire_type)8), 0);
}

static void test_checked(void **state) {
    int64_t v = 77;
    assert_true(fire_mul(3, 4, &v) && v == 12);
    assert_true(fire_mul(0, INT64_MAX, &v) && v == 0);
    assert_false(fire_mul(INT64_MAX, 2, &v));
    assert_false(fire_mul(-1, 2, &v));
    assert_false(fire_mul(2, -1, &v));
    assert_true(fire_add(INT64_MAX - 1, 1, &v) && v == INT64_MAX);
    assert_false(fire_add(INT64_MAX, 1, &v));
    assert_false(fire_add(-1, 5, &v));
    assert_int_equal(fire_count(&(fire_shape){0}), 1);
    assert_int_equal(fire_count(&(fire_shape){3, {2, 0, 5}}), 0);
    assert_int_equal(fire_count(&(fire_shape){2, {-1, 5}}), -1);
    assert_int_equal(fire_count(&(fire_shape){3, {INT64_MAX, 2, 2}}), -1);
    assert_false(fire_same_shape(&(fire_shape){1, {2}}, &(fire_shape){2, {2, 1}}));
    assert_true(fire_same_shape(&(fire_shape){1, {-1, 5}}, &(fire_shape){1, {-1, 6}})); /* what lies past the rank does not matter */
    double t = fire_seconds();
    assert_true(t > 0 && fire_seconds() >= t);
}

static void test_alloc(void **state) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    fire_error err = {0};
    for (size_t n = 0; n < 200; n += 7) {
        unsigned char *p = fire_alloc(ctx, n, 1, &err);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        for (size_t i = 0; i < n; i++) assert_int_equal(p[i], 0);
        fire_free(ctx, p);
    }
    fire_free(ctx, NULL);
    assert_null(fire_alloc(ctx, SIZE_MAX / 2, 3, &err));
    assert_int_equal(err.code, FIRE_E_NOMEM);
    assert_null(fire_alloc(ctx, SIZE_MAX, 1, &err));
    assert_null(fire_alloc(ctx, (size_t)PTRDIFF_MAX, 1, NULL));

    int64_t *array = NULL, capacity = 0;
    for (int64_t n = 1; n < 1000; n++) {
        assert_int_equal(fire_grow(ctx, &array, &capacity, n, sizeof *array, &err), FIRE_OK);
        assert_true(capacity >= n);
        assert_int_equal(array[n - 1], 0);
        array[n - 1] = n;
    }
    for (int64_t n = 1; n < 1000; n++) assert_int_equal(array[n - 1], n);
    int64_t *old = array, old_capacity = capacity;
    assert_int_equal(fire_grow(ctx, &array, &capacity, INT64_MAX, sizeof *array, &err), FIRE_NOMEM);
    h.fail_at = h.calls + 1;
    assert_int_equal(fire_grow(ctx, &array, &capacity, capacity + 1, sizeof *array, &err), FIRE_NOMEM);
    assert_ptr_equal(array, old);
    assert_int_equal(capacity, old_capacity);
    assert_int_equal(array[998], 999);
    fire_free(ctx, array);
    char *text = fire_copy_text(ctx, "abc", &err);
    assert_string_equal(text, "abc");
    fire_release(ctx, text);
    fire_context_free(ctx);
    assert_int_equal(h.live, 0);
}

static void test_arena(void **state) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    fire_arena a = {.ctx = ctx};
    fire_error err = {0};
    unsigned char *p[300];
    for (size_t i = 0; i < 300; i++) {
        size_t n = i % 50 == 49 ? 10000 : i;
        p[i] = fire_arena_alloc(&a, n, 1, &err);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        for (size_t k = 0; k < n; k++) assert_int_equal(p[i][k], 0);
        memset(p[i], (int)(i & 255), n);
    }
    for (size_t i = 0; i < 300; i++) /* nobody wrote over a neighbour */
        for (size_t k = 0; k < (i % 50 == 49 ? 10000 : i); k++) assert_int_equal(p[i][k], i & 255);
    assert_true(h.live < 40); /* many things in few blocks */
    assert_string_equal(fire_arena_text(&a, "text", &err), "text");
    assert_null(fire_arena_alloc(&a, SIZE_MAX, 2, &err));
    assert_int_equal(err.code, FIRE_E_NOMEM);
    h.fail_at = h.calls + 1;
    assert_null(fire_arena_alloc(&a, 100000, 1, &err));
    fire_arena_free(&a);
    fire_arena_free(&a);
    fire_context_free(ctx);
    assert_int_equal(h.live, 0);
}

/* ---- files ---- */

static char folder[64];

static fire_status replace_file(fire_context *ctx, void *user, fire_error *err) {
    const char *path = user;
    static const char first[] = "new ", second[] = "content";
    /* The old file is put there without the hooks. */
    FILE *f = fopen(path, "w");
    fputs("old", f);
    fclose(f);
    fire_status s = fire_file_write(ctx, path, 3, (fire_piece[]){{first, 4}, {NULL, 0}, {second, 7}}, err);
    char text[32] = "";
    f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    if (!s) assert_string_equal(text, "new content");
    else assert_true(!strcmp(text, "old") || !strcmp(text, "new content")); /* never a mixture */
    return s;
}
static fire_status read_file(fire_context *ctx, void *user, fire_error *err) {
    void *bytes = NULL;
    size_t size = 0;
    fire_status s = fire_file_read(ctx, user, &bytes, &size, err);
    if (!s) {
        assert_int_equal(size, 11);
        assert_string_equal((char *)bytes, "new content");
    } else assert_null(bytes);
    fire_free(ctx, bytes);
    return s;
}

static void test_files(void **state) {
    char path[128], missing[160];
    strcpy(folder, "/tmp/firesteel-core-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a file", folder);
    assert_true(harness_fail_each(replace_file, path) >= 8);
    assert_true(harness_fail_each(read_file, path) >= 4);
    /* Failed attempts left no temporary file, unless removing it was what failed: none of these did. */
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    fire_error err = {0};
    void *bytes;
    size_t size;
    snprintf(missing, sizeof missing, "%s/missing\n", folder);
    assert_int_equal(fire_file_read(ctx, missing, &bytes, &size, &err), FIRE_FILE);
    assert_non_null(strstr(err.message, "missing\\x0A': No such file or directory"));
    assert_int_equal(fire_file_read(ctx, folder, &bytes, &size, &err), FIRE_FILE);
    assert_non_null(strstr(err.message, "Is a directory"));
    snprintf(missing, sizeof missing, "%s/none/file", folder);
    assert_int_equal(fire_file_write(ctx, missing, 0, NULL, &err), FIRE_FILE);
    assert_int_equal(fire_file_write(ctx, path, 0, NULL, &err), FIRE_OK); /* an empty file */
    assert_int_equal(fire_file_read(ctx, path, &bytes, &size, &err), FIRE_OK);
    assert_int_equal(size, 0);
    fire_free(ctx, bytes);
    snprintf(missing, sizeof missing, "%s/sub", folder);
    assert_int_equal(fire_dir_make(ctx, missing, &err), FIRE_OK);
    assert_int_equal(fire_dir_make(ctx, missing, &err), FIRE_OK);
    char *joined = fire_path_join(ctx, "a/", "b", &err);
    assert_string_equal(joined, "a/b");
    fire_free(ctx, joined);
    joined = fire_path_join(ctx, "a", "b", &err);
    assert_string_equal(joined, "a/b");
    fire_free(ctx, joined);
    fire_context_free(ctx);
    assert_int_equal(h.live, 0);
    assert_int_equal(remove(missing), 0);
    assert_int_equal(remove(path), 0);
    assert_int_equal(remove(folder), 0); /* fails when a temporary file was left behind */
}

/* ---- the catalog: JSON, one object a line ---- */

typedef struct { char *text; size_t size, capacity; } sink;
static void keep(void *user, const char *text, size_t bytes) {
    sink *s = user;
    if (s->size + bytes + 1 > s->capacity) s->text = realloc(s->text, s->capacity = 2 * (s->size + bytes + 1));
    memcpy(s->text + s->size, text, bytes);
    s->text[s->size += bytes] = 0;
}

/* Read one JSON value; counts the objects that have a "name". */
static int check_json(const char *text, size_t size) {
    fire_json j;
    fire_json_token t;
    fire_error err = {0};
    int names = 0;
    fire_json_open(&j, text, size);
    do {
        if (fire_json_next(&j, &t, &err)) fail_msg("%.*s: %s", (int)size, text, err.message);
        names += t.kind == FIRE_JSON_KEY && fire_json_is(&t, "name");
    } while (t.kind != FIRE_JSON_END);
    return names;
}

static void test_json(void **state) {
    sink s = {0};
    fire_attrs_json(table, keep, &s);
    assert_int_equal(check_json(s.text, s.size), 9);
    assert_non_null(strstr(s.text, "{\"name\": \"units\", \"type\": \"int\", \"default\": 1, \"min\": 1, \"max\": 1000, \"help\": \"how many\"}"));
    assert_non_null(strstr(s.text, "{\"name\": \"any\", \"type\": \"text\", \"default\": \"\", \"help\": \"a \\\"text\\\"\"}"));
    assert_non_null(strstr(s.text, "\"choices\": \"linear|relu|\""));
    s.size = 0;
    fire_attrs_json(NULL, keep, &s);
    assert_string_equal(s.text, "[]");
    s.size = 0;
    fire_json_text(keep, &s, "a\"b\\c\nd\x01\xC3\xA9");
    assert_string_equal(s.text, "\"a\\\"b\\\\c\\u000ad\\u0001\xC3\xA9\"");
    static const fire_attr unbounded[] = {{"x", FIRE_ATTR_FLOAT, 0, INFINITY, 0, INFINITY, .help = "no end"}, {0}};
    s.size = 0;
    fire_attrs_json(unbounded, keep, &s);
    assert_int_equal(check_json(s.text, s.size), 1);
    free(s.text);
}

static void test_catalog(void **state) {
    static const char *const kinds[] = {"layer", "loss", "metric", "optimizer", "initializer", "operator"};
    int seen[6] = {0}, lines = 0;
    sink s = {0};
    fire_catalog(keep, &s);
    for (char *line = s.text, *end; line && *line; line = end + 1) {
        end = strchr(line, '\n');
        assert_non_null(end);
        assert_true(check_json(line, (size_t)(end - line)) >= 1);
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            char start[40];
            int n = snprintf(start, sizeof start, "{\"kind\": \"%s\", \"name\": \"", kinds[k]);
            seen[k] += !strncmp(line, start, (size_t)n);
        }
        lines++;
    }
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        if (!seen[k]) fail_msg("the catalog has no %s", kinds[k]);
    assert_true(lines > 60);
    free(s.text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes), cmocka_unit_test(test_messages), cmocka_unit_test(test_escape), cmocka_unit_test(test_shape_text),
        cmocka_unit_test(test_attrs_read), cmocka_unit_test(test_attrs_refused), cmocka_unit_test(test_attrs_rest), cmocka_unit_test(test_attrs_write),
        cmocka_unit_test(test_attrs_round_trip), cmocka_unit_test(test_attrs_hostile), cmocka_unit_test(test_numbers), cmocka_unit_test(test_names),
        cmocka_unit_test(test_context), cmocka_unit_test(test_memory_limit), cmocka_unit_test(test_checked), cmocka_unit_test(test_alloc), cmocka_unit_test(test_arena),
        cmocka_unit_test(test_files), cmocka_unit_test(test_json), cmocka_unit_test(test_catalog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
