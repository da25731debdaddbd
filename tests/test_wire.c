/* test_wire - protobuf's wire format, and the hashes, against published vectors. */
#include "harness.h"
#include "formats/protobuf_text.h"
#include "sha256.h"
#include "wire.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static fire_context *ctx;
static int make_context(void **state) { return fire_context_new(NULL, &ctx, NULL); }
static int free_context(void **state) { fire_context_free(ctx); return 0; }

static const char *hex(const uint8_t *p, size_t n) {
    static char text[129];
    for (size_t i = 0; i < n; i++) snprintf(text + 2 * i, 3, "%02x", p[i]);
    return text;
}

/* FIPS 180-4's examples (NIST CSRC, "SHA-256" example values, and the million a's). */
static void sha256_vectors(void **state) {
    static const struct { const char *text, *hash; } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    uint8_t out[32];
    fire_sha256 s;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fire_sha256_init(&s);
        fire_sha256_add(&s, cases[i].text, strlen(cases[i].text));
        fire_sha256_end(&s, out);
        assert_string_equal(hex(out, 32), cases[i].hash);
    }
    fire_sha256_init(&s);
    char a[999];
    memset(a, 'a', sizeof a);
    for (int left = 1000000, n = 0; left; left -= n) { /* in pieces of many sizes */
        n = (n * 7 + 5) % (int)sizeof a;
        if (n > left) n = left;
        fire_sha256_add(&s, a, (size_t)n);
    }
    fire_sha256_end(&s, out);
    assert_string_equal(hex(out, 32), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void sha256_pieces(void **state) {
    /* However a text is cut, the hash is the same. */
    uint8_t text[200], whole[32], cut[32];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)(i * 37);
    for (size_t n = 0; n <= sizeof text; n++) {
        fire_sha256 s;
        fire_sha256_init(&s);
        fire_sha256_add(&s, text, n);
        fire_sha256_end(&s, whole);
        for (size_t at = 0; at <= n; at += 13) {
            fire_sha256_init(&s);
            fire_sha256_add(&s, text, at);
            fire_sha256_add(&s, text + at, n - at);
            fire_sha256_end(&s, cut);
            assert_memory_equal(cut, whole, 32);
        }
    }
}

/* RFC 4231, test cases 1, 2, 3, 6. */
static void hmac_vectors(void **state) {
    uint8_t out[32], key[131], data[50];
    memset(key, 0x0b, 20);
    fire_hmac_sha256(key, 20, "Hi There", 8, out);
    assert_string_equal(hex(out, 32), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    fire_hmac_sha256((const uint8_t *)"Jefe", 4, "what do ya want for nothing?", 28, out);
    assert_string_equal(hex(out, 32), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    memset(data, 0xdd, sizeof data);
    fire_hmac_sha256(key, 20, data, 50, out);
    assert_string_equal(hex(out, 32), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    const char *text = "Test Using Larger Than Block-Size Key - Hash Key First";
    fire_hmac_sha256(key, 131, text, strlen(text), out);
    assert_string_equal(hex(out, 32), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void equal_compares(void **state) {
    assert_true(fire_equal("abc", "abc", 3));
    assert_false(fire_equal("abc", "abd", 3));
    assert_true(fire_equal("", "x", 0));
}

static fire_wire over(const void *bytes, size_t size) { return (fire_wire){bytes, bytes, (const uint8_t *)bytes + size, 0}; }

/* What is written reads back: numbers at every length of a varint, floats, texts, messages inside. */
static void round_trip(void **state) {
    fire_buffer b = {.ctx = ctx};
    for (int i = 0; i < 64; i++) fire_wire_put_int(&b, (uint32_t)i + 1, (uint64_t)1 << i);
    fire_wire_put_int(&b, 100, UINT64_MAX);
    fire_wire_put_float(&b, 0x1fffffff, -1.5f);
    int64_t outer = fire_wire_open(&b, 7), inner = fire_wire_open(&b, 8);
    fire_wire_put_text(&b, 9, "deep");
    fire_wire_close(&b, inner);
    fire_wire_put_bytes(&b, 10, NULL, 0);
    fire_wire_close(&b, outer);
    assert_int_equal(b.first.status, FIRE_OK);

    fire_wire w = over(b.data, (size_t)b.size), in, deep;
    fire_wire_field f;
    bool more;
    for (int i = 0; i < 64; i++) {
        assert_int_equal(fire_wire_next(&w, &f, &more, NULL), FIRE_OK);
        assert_true(more && f.kind == 0 && f.number == (uint32_t)i + 1 && f.value == (uint64_t)1 << i);
    }
    assert_int_equal(fire_wire_next(&w, &f, &more, NULL), FIRE_OK);
    assert_true(f.value == UINT64_MAX);
    assert_int_equal(fire_wire_next(&w, &f, &more, NULL), FIRE_OK);
    assert_true(f.kind == 5 && f.number == 0x1fffffff && f.value == 0xbfc00000);
    assert_int_equal(fire_wire_next(&w, &f, &more, NULL), FIRE_OK);
    assert_int_equal(fire_wire_enter(&w, &f, &in, NULL), FIRE_OK);
    assert_int_equal(fire_wire_next(&in, &f, &more, NULL), FIRE_OK);
    assert_int_equal(fire_wire_enter(&in, &f, &deep, NULL), FIRE_OK);
    assert_int_equal(deep.depth, 2);
    assert_int_equal(fire_wire_next(&deep, &f, &more, NULL), FIRE_OK);
    assert_true(f.number == 9 && f.size == 4 && !memcmp(f.bytes, "deep", 4));
    assert_int_equal(fire_wire_next(&in, &f, &more, NULL), FIRE_OK);
    assert_true(f.number == 10 && f.kind == 2 && f.size == 0);
    assert_true(!fire_wire_next(&in, &f, &more, NULL) && !more);
    assert_true(!fire_wire_next(&w, &f, &more, NULL) && !more);
    fire_buffer_free(&b);
}

/* The bytes of the encoding guide: 150 in field 1, "testing" in field 2. */
static void guide_bytes(void **state) {
    fire_buffer b = {.ctx = ctx};
    fire_wire_put_int(&b, 1, 150);
    fire_wire_put_text(&b, 2, "testing");
    assert_int_equal(b.size, 12);
    assert_memory_equal(b.data, "\x08\x96\x01\x12\x07testing", 12);
    fire_buffer_free(&b);
}

static void bad_bytes(void **state) {
    static const struct { const char *bytes; size_t size; int32_t code; const char *says; } cases[] = {
        {"\x08", 1, FIRE_E_TRUNCATED, "byte 1"},                                           /* no value */
        {"\x08\x96", 2, FIRE_E_TRUNCATED, "byte 1"},                                       /* half a value */
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11, FIRE_E_CORRUPT, "64 bits"},
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, FIRE_E_CORRUPT, "64 bits"},
        {"\x12\x05" "abc", 5, FIRE_E_TRUNCATED, "says 5 bytes, but only 3"},
        {"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, FIRE_E_TRUNCATED, "says 18446744073709551615"},
        {"\x0d" "abc", 4, FIRE_E_TRUNCATED, "field 1"},                                    /* 3 of 4 bytes */
        {"\x09" "abcdefg", 8, FIRE_E_TRUNCATED, "field 1"},
        {"\x00\x01", 2, FIRE_E_CORRUPT, "field number 0"},
        {"\x0b\x01", 2, FIRE_E_CORRUPT, "wire type 3"},                                    /* groups are gone */
        {"\x0e\x01", 2, FIRE_E_CORRUPT, "wire type 6"},
        {"\xf8\xff\xff\xff\xff\x01\x00", 7, FIRE_E_CORRUPT, "field number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t *exact = malloc(cases[i].size); /* so that a sanitizer sees a byte too far */
        memcpy(exact, cases[i].bytes, cases[i].size);
        fire_wire w = over(exact, cases[i].size);
        fire_wire_field f;
        bool more;
        fire_error err = {0};
        fire_status s = fire_wire_next(&w, &f, &more, &err);
        assert_int_equal(s, FIRE_FILE);
        assert_int_equal(err.code, cases[i].code);
        if (!strstr(err.message, cases[i].says)) fail_msg("case %zu: \"%s\" lacks \"%s\"", i, err.message, cases[i].says);
        free(exact);
    }
}

static void nesting_ends(void **state) {
    fire_buffer b = {.ctx = ctx};
    int64_t place[80];
    for (int i = 0; i < 80; i++) place[i] = fire_wire_open(&b, 1);
    for (int i = 80; i--;) fire_wire_close(&b, place[i]);
    fire_wire w = over(b.data, (size_t)b.size), inner;
    fire_wire_field f;
    bool more;
    fire_error err = {0};
    fire_status s = FIRE_OK;
    int depth = 0;
    while (!s) {
        assert_int_equal(fire_wire_next(&w, &f, &more, &err), FIRE_OK);
        if (!(s = fire_wire_enter(&w, &f, &inner, &err))) w = inner, depth++;
    }
    assert_int_equal(depth, 64);
    assert_int_equal(err.code, FIRE_E_CORRUPT);
    f.kind = 0; /* a number is no message */
    assert_int_equal(fire_wire_enter(&w, &f, &inner, &err), FIRE_FILE);
    fire_buffer_free(&b);
}

static void buffer_fails_sticky(void **state) {
    fire_buffer b = {.ctx = ctx};
    fire_buffer_text(&b, "%s %d", "n =", 7);
    assert_int_equal(b.size, 5);
    assert_memory_equal(b.data, "n = 7", 5);
    fire_buffer_add(&b, "x", SIZE_MAX / 2); /* refused before anything is read */
    assert_int_equal(b.first.code, FIRE_E_NOMEM);
    fire_buffer_add(&b, "x", 1);
    fire_buffer_text(&b, "more");
    assert_int_equal(b.size, 5);
    fire_buffer_free(&b);
}

/* ---- text format ---- */

static const fire_proto_name colors[] = {{"RED", 1}, {"BLUE", -2}, {NULL, 0}};
static const fire_proto_message inner;
static const fire_proto_field fields[] = {
    {"i", 1, FIRE_PROTO_I32, NULL, NULL}, {"u", 2, FIRE_PROTO_U64, NULL, NULL}, {"b", 3, FIRE_PROTO_BOOL, NULL, NULL}, {"f", 4, FIRE_PROTO_FLOAT, NULL, NULL},
    {"d", 5, FIRE_PROTO_DOUBLE, NULL, NULL}, {"s", 6, FIRE_PROTO_BYTES, NULL, NULL}, {"e", 7, FIRE_PROTO_ENUM, NULL, colors}, {"m", 8, FIRE_PROTO_MESSAGE, &inner, NULL},
    {"no", 9, FIRE_PROTO_SKIP, NULL, NULL}, {NULL, 0, FIRE_PROTO_SKIP, NULL, NULL}};
static const fire_proto_message strict = {"Strict", fields, false};
static const fire_proto_message inner = {"Inner", fields, true};

static void text_becomes_wire(void **state) {
    static const struct { const char *text, *wire; } cases[] = {
        {"", ""}, {"i: 150 # two bytes", "089601"}, {"i:-1;", "08ffffffffffffffffff01"}, {"i: 0x1F, i: 017 i:- 0", "081f080f0800"}, {"i: [1, 2,3] i: []", "080108020803"},
        {"u: 18446744073709551615", "10ffffffffffffffffff01"}, {"i: -2147483648", "0880808080f8ffffffff01"}, {"b: true b: f b: 1", "180118001801"},
        {"f: 1.5f f: -inf f: 1e-1 f: 10", "250000c03f25000080ff25cdcccc3d2500002041"}, {"d: .5 d: -Infinity", "29000000000000e03f29000000000000f0ff"},
        {"s: \"a\" 'b\"' # c\n \"\"", "328361" "6222"}, {"s: '\\n\\101\\x4a\\0\\u20ac\\U0001F600\\ud83d\\ude00'", "328f" "0a414a00e282acf09f9880f09f9880"},
        {"e: BLUE e: 1 e: RED", "38feffffffffffffffff01" "3801" "3801"}, {"m { i: 1 } m: <i: 2> m [{}, {i: 3}]", "4282080142820802428042820803"},
        {"m { what: { i: [<>, -nan, 'x'] } [a.b/c] { y: 1 } i: 4 z [] }", "428208" "04"}, {"no { x: 1 } no: 5 no: [1, 2] i: 5", "0805"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[400] = {0};
        fire_buffer b = {.ctx = ctx};
        fire_error err = {0};
        strcpy(text, cases[i].text);
        assert_int_equal(fire_proto_text_read(text, strlen(text), &strict, &b, &err), FIRE_OK);
        for (int64_t k = 0; k < b.size; k++) snprintf(text + 2 * k, 3, "%02x", b.data[k]);
        text[2 * b.size] = 0;
        for (char *p; (p = strstr(text + 1, "80808000"));) memmove(p, p + 8, strlen(p + 8) + 1); /* lengths take five bytes; one of them says what */
        assert_string_equal(text, cases[i].wire);
        fire_buffer_free(&b);
    }
}

static void bad_text_is_placed(void **state) {
    static const struct { const char *text, *says; } cases[] = {
        {"i: 1\nj: 2", "line 2, column 1: 'j' is no field of Strict"}, {"i 1", "column 3: '1' stands where : is expected, behind field i"}, {"i: 2147483648", "column 4: '2147483648' is no value of field i"},
        {"u: -1", "'-1' is no value of field u"}, {"i: 08", "is no value"}, {"i: 1.5", "'1.5' is no value of field i"}, {"i: { }", "'{' stands where a value is expected, of field i"},
        {"s: 'a", "column 6: the file ends inside a text"}, {"s: 'a\n'", "column 6: the line ends inside a text"}, {"s: '\\q'", "column 5: '\\q' is no escape"}, {"s: '\\400'", "no escape"},
        {"s: '\\ud800'", "no escape"}, {"e: GREEN", "'GREEN' is no value of field e"}, {"b: 2", "is no value"}, {"f: 1e", "is no value"}, {"f: x", "is no value"}, {"m { i: 1", "the file ends inside a message"},
        {"m: 5", "'5' stands where { is expected, of field m"}, {"i: [1 2]", "'2' stands where , or ] is expected, in the list of field i"}, {"m { >", "'>' stands where the name of a field is expected"},
        {"i:", "the file ends where a value is expected"}, {"[a.b", "the name of an extension does not end"}, {"i: \x01", "'\\x01' stands where a value"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fire_buffer b = {.ctx = ctx};
        fire_error err = {0};
        assert_int_not_equal(fire_proto_text_read(cases[i].text, strlen(cases[i].text), &strict, &b, &err), FIRE_OK);
        if (!strstr(err.message, cases[i].says)) fail_msg("'%s' gives '%s', expected '%s'", cases[i].text, err.message, cases[i].says);
        fire_buffer_free(&b);
    }
    char deep[1024] = "";
    for (int i = 0; i < 100; i++) strcat(deep, "m<");
    fire_buffer b = {.ctx = ctx};
    fire_error err = {0};
    assert_int_equal(fire_proto_text_read(deep, strlen(deep), &strict, &b, &err), FIRE_FILE);
    assert_non_null(strstr(err.message, "nested deeper than 60"));
    fire_buffer_free(&b);
}

static void text_is_told_by_its_first_field(void **state) {
    static const char yes[] = "\xef\xbb\xbf# made by hand\n\n  m <", no[] = "i = 5", *none = "j: 5";
    assert_true(fire_proto_text_is(yes, sizeof yes - 1, &strict));
    assert_false(fire_proto_text_is(no, sizeof no - 1, &strict));
    assert_false(fire_proto_text_is(none, strlen(none), &strict));
    assert_false(fire_proto_text_is("i", 1, &strict));
    assert_false(fire_proto_text_is(NULL, 0, &strict));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_vectors), cmocka_unit_test(sha256_pieces), cmocka_unit_test(hmac_vectors), cmocka_unit_test(equal_compares),
        cmocka_unit_test(round_trip), cmocka_unit_test(guide_bytes), cmocka_unit_test(bad_bytes), cmocka_unit_test(nesting_ends),
        cmocka_unit_test(buffer_fails_sticky), cmocka_unit_test(text_becomes_wire), cmocka_unit_test(bad_text_is_placed), cmocka_unit_test(text_is_told_by_its_first_field),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
