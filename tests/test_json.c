/* test_json - the JSON reader and writer. */
#include "harness.h"
#include "json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static fire_context *ctx;
static int make_context(void **state) { return fire_context_new(NULL, &ctx, NULL); }
static int free_context(void **state) { fire_context_free(ctx); return 0; }

/* The kinds of all tokens as one letter each, or the code of the failure. Reads an exact copy, so that a sanitizer sees a byte too far. */
static int32_t scan(const char *text, size_t size, char *kinds, char *message) {
    char *exact = malloc(size ? size : 1);
    memcpy(exact, text, size);
    fire_json j;
    fire_json_open(&j, exact, size);
    fire_json_token t;
    fire_error err = {0};
    size_t n = 0;
    do {
        if (fire_json_next(&j, &t, &err)) break;
        if (kinds && n < 99) kinds[n++] = "$oa.ktintfz"[t.kind];
    } while (t.kind != FIRE_JSON_END);
    if (kinds) kinds[n] = 0;
    if (message) strcpy(message, err.message);
    free(exact);
    return err.code;
}

static void good_documents(void **state) {
    static const struct { const char *text, *kinds; } cases[] = {
        {"{}", "o.$"}, {" [ ] ", "a.$"}, {"1", "i$"}, {"\"\"", "t$"}, {"null", "z$"},
        {"{\"a\":[1,-2.5e3,true,false,null,{}],\"b\":\"\\u00e9\"}", "okaintfzo..kt.$"},
        {"[[[]],[]]", "aaa..a..$"}, {"[0,-0,10,1E+2,9223372036854775807,9223372036854775808,-9223372036854775808]", "aiiiniNi.$"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char kinds[100], expected[100];
        strcpy(expected, cases[i].kinds);
        for (char *p = expected; *p; p++) if (*p == 'N') *p = 'n'; /* a whole number that does not fit */
        assert_int_equal(scan(cases[i].text, strlen(cases[i].text), kinds, NULL), 0);
        assert_string_equal(kinds, expected);
    }
}

static void bad_documents(void **state) {
    static const struct { const char *text; int32_t code; const char *says; } cases[] = {
        {"", FIRE_E_TRUNCATED, "byte 0"}, {"  ", FIRE_E_TRUNCATED, "byte 2"}, {"{", FIRE_E_TRUNCATED, "byte 1"}, {"[1,", FIRE_E_TRUNCATED, "byte 3"},
        {"{\"a\"", FIRE_E_TRUNCATED, "expected ':'"}, {"{\"a\":", FIRE_E_TRUNCATED, "byte 5"}, {"\"abc", FIRE_E_TRUNCATED, "closing quote"},
        {"\"a\\", FIRE_E_TRUNCATED, "byte 3"}, {"[1", FIRE_E_TRUNCATED, "byte 2"}, {"-", FIRE_E_TRUNCATED, "digit"}, {"1.", FIRE_E_TRUNCATED, "digit"},
        {"[1,]", FIRE_E_CORRUPT, "byte 3"}, {"{\"a\":1,}", FIRE_E_CORRUPT, "byte 7"}, {"{,}", FIRE_E_CORRUPT, "byte 1"}, {"[1 2]", FIRE_E_CORRUPT, "byte 3"},
        {"{1:2}", FIRE_E_CORRUPT, "key"}, {"{\"a\" 1}", FIRE_E_CORRUPT, "':'"}, {"[}", FIRE_E_CORRUPT, "value"}, {"{]", FIRE_E_CORRUPT, "key"},
        {"1 1", FIRE_E_CORRUPT, "nothing after"}, {"tru", FIRE_E_CORRUPT, "value"}, {"nul", FIRE_E_CORRUPT, "value"}, {"NaN", FIRE_E_CORRUPT, "value"},
        {"01", FIRE_E_CORRUPT, "leading zeros"}, {"+1", FIRE_E_CORRUPT, "value"}, {".5", FIRE_E_CORRUPT, "value"}, {"1e", FIRE_E_TRUNCATED, "digit"},
        {"\"\n\"", FIRE_E_CORRUPT, "control"}, {"\"\\x\"", FIRE_E_CORRUPT, "escape"}, {"\"\\u12g4\"", FIRE_E_CORRUPT, "escape"},
        {"\"\\ud800\"", FIRE_E_CORRUPT, "escape"}, {"\"\\ud800\\u0041\"", FIRE_E_CORRUPT, "escape"}, {"\"\\udc00\"", FIRE_E_CORRUPT, "escape"},
        {"\"\xff\"", FIRE_E_CORRUPT, "UTF-8"}, {"\"\xc0\x80\"", FIRE_E_CORRUPT, "UTF-8"}, {"\"\xed\xa0\x80\"", FIRE_E_CORRUPT, "UTF-8"},
        {"\"\xf4\x90\x80\x80\"", FIRE_E_CORRUPT, "UTF-8"}, {"\"\xe2\x82\"", FIRE_E_CORRUPT, "UTF-8"}, {"'a'", FIRE_E_CORRUPT, "value"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char message[1024];
        int32_t code = scan(cases[i].text, strlen(cases[i].text), NULL, message);
        if (code != cases[i].code || !strstr(message, cases[i].says)) fail_msg("case %zu %s: %d \"%s\"", i, cases[i].text, code, message);
    }
}

static void nesting_ends(void **state) {
    char text[200], message[1024];
    memset(text, '[', 100), memset(text + 100, ']', 100);
    assert_int_equal(scan(text, 200, NULL, message), FIRE_E_CORRUPT);
    assert_non_null(strstr(message, "byte 64"));
    assert_int_equal(scan(text + 36, 128, NULL, message), 0);
}

static void every_prefix_fails(void **state) {
    const char *text = "{\"a\":[1,-2.5e3,true,{\"\\u00e9\\n\":null}],\"\xc3\xa9\":\"\\ud83d\\ude00\"}";
    for (size_t n = 0; n < strlen(text); n++) assert_int_not_equal(scan(text, n, NULL, NULL), 0);
    /* Any byte changed to any other: a status, whatever it is. */
    char copy[100];
    for (size_t n = 0; n < strlen(text); n++)
        for (int c = 0; c < 256; c++) {
            strcpy(copy, text);
            copy[n] = (char)c;
            scan(copy, strlen(text), NULL, NULL);
        }
}

static void texts(void **state) {
    const char *text = "{\"a\\u0062\\\"\\ud83d\\ude00\": 5, \"zero\\u0000\": [1, {\"x\": [2]}], \"c\": 7}";
    fire_json j;
    fire_json_open(&j, text, strlen(text));
    fire_json_token t;
    char copy[64];
    size_t size;
    assert_int_equal(fire_json_expect(&j, FIRE_JSON_OBJECT, "an object", &t, NULL), FIRE_OK);
    assert_int_equal(fire_json_expect(&j, FIRE_JSON_KEY, "a key", &t, NULL), FIRE_OK);
    assert_true(fire_json_is(&t, "ab\"\xf0\x9f\x98\x80"));
    assert_false(fire_json_is(&t, "ab\"") || fire_json_is(&t, "ab\"\xf0\x9f\x98\x80!") || fire_json_is(&t, ""));
    assert_int_equal(fire_json_copy(&j, &t, copy, sizeof copy, &size, NULL), FIRE_OK);
    assert_string_equal(copy, "ab\"\xf0\x9f\x98\x80");
    assert_int_equal(size, 7);
    assert_int_equal(fire_json_copy(&j, &t, copy, 8, NULL, NULL), FIRE_OK);
    fire_error err = {0};
    assert_int_equal(fire_json_copy(&j, &t, copy, 7, NULL, &err), FIRE_FILE);
    assert_non_null(strstr(err.message, "too long"));
    assert_int_equal(fire_json_expect(&j, FIRE_JSON_INT, "a number", &t, NULL), FIRE_OK);
    assert_int_equal(t.value, 5);
    assert_int_equal(fire_json_expect(&j, FIRE_JSON_KEY, "a key", &t, NULL), FIRE_OK);
    assert_false(fire_json_is(&t, "zero"));
    assert_int_equal(fire_json_copy(&j, &t, copy, sizeof copy, NULL, &err), FIRE_FILE);
    assert_int_equal(fire_json_next(&j, &t, NULL), FIRE_OK);
    assert_int_equal(fire_json_skip(&j, &t, NULL), FIRE_OK);
    assert_int_equal(fire_json_expect(&j, FIRE_JSON_KEY, "a key", &t, NULL), FIRE_OK);
    assert_true(fire_json_is(&t, "c"));
    assert_int_equal(fire_json_expect(&j, FIRE_JSON_TEXT, "a text", &t, &err), FIRE_FILE);
    assert_non_null(strstr(err.message, "expected a text"));
}

/* What is written reads back. */
static void round_trip(void **state) {
    const char *texts[] = {"", "plain", "\"quoted\" \\ back", "line\nend\ttab\x01\x7f", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x94\xa5"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        fire_buffer b = {.ctx = ctx};
        fire_json_put_text(&b, texts[i]);
        fire_json j;
        fire_json_open(&j, b.data, (size_t)b.size);
        fire_json_token t;
        char copy[64];
        assert_int_equal(fire_json_expect(&j, FIRE_JSON_TEXT, "a text", &t, NULL), FIRE_OK);
        assert_int_equal(fire_json_copy(&j, &t, copy, sizeof copy, NULL, NULL), FIRE_OK);
        assert_string_equal(copy, texts[i]);
        fire_buffer_free(&b);
    }
    fire_buffer b = {.ctx = ctx};
    fire_json_put_text(&b, "bad \xff byte");
    assert_memory_equal(b.data, "\"bad \\ufffd byte\"", 17);
    fire_buffer_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_documents), cmocka_unit_test(bad_documents), cmocka_unit_test(nesting_ends),
        cmocka_unit_test(every_prefix_fails), cmocka_unit_test(texts), cmocka_unit_test(round_trip),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
