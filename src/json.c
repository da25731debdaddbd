/* json.c - reading and writing JSON (RFC 8259). */
#include "json.h"
#include <string.h>

void fire_json_open(fire_json *j, const void *text, size_t size) {
    const char *p = text;
    *j = (fire_json){.begin = p, .at = p, .end = p + size};
}

static fire_status fail_at(const fire_json *j, const char *at, const char *message, fire_error *err) {
    if (at == j->end) return fire_fail(err, FIRE_E_TRUNCATED, "byte %lld: the text ends; %s", (long long)(at - j->begin), message);
    char found[24];
    return fire_fail(err, FIRE_E_CORRUPT, "byte %lld: found '%s'; %s", (long long)(at - j->begin),
                     fire_escape(found, sizeof found, at, (size_t)(j->end - at < 8 ? j->end - at : 8)), message);
}

fire_status fire_json_fail(const fire_json *j, const fire_json_token *t, const char *message, fire_error *err) {
    return fire_fail(err, FIRE_E_CORRUPT, "byte %lld: %s", (long long)(t->text - j->begin), message);
}

static void skip_space(fire_json *j) {
    while (j->at < j->end && (*j->at == ' ' || *j->at == '\n' || *j->at == '\t' || *j->at == '\r')) j->at++;
}

/* Bytes of the UTF-8 character at p, 0 if it is none (overlong, surrogate, past U+10FFFF or cut; RFC 3629). */
static size_t utf8_size(const uint8_t *p, size_t left) {
    if (p[0] < 0x80) return 1;
    size_t n = p[0] >= 0xc2 && p[0] <= 0xdf ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4 : 0;
    if (!n || n > left) return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) return 0;
    return n;
}

bool fire_utf8_check(const char *text, size_t size) {
    for (size_t n, i = 0; i < size; i += n)
        if (!(n = utf8_size((const uint8_t *)text + i, size - i))) return false;
    return true;
}

static int hex4(const char *p) {
    int v = 0;
    for (int i = 0; i < 4; i++) {
        int d = p[i] >= '0' && p[i] <= '9' ? p[i] - '0' : p[i] >= 'a' && p[i] <= 'f' ? p[i] - 'a' + 10 : p[i] >= 'A' && p[i] <= 'F' ? p[i] - 'A' + 10 : -1;
        if (d < 0) return -1;
        v = v * 16 + d;
    }
    return v;
}

/* The code point of the \u escape at p (with its second half where it needs one); *used characters. -1: malformed. */
static int32_t unicode_escape(const char *p, const char *end, size_t *used) {
    if (end - p < 6) return -1;
    int32_t high = hex4(p + 2);
    *used = 6;
    if (high < 0xd800 || high > 0xdfff) return high; /* -1 included */
    if (high > 0xdbff || end - p < 12 || p[6] != '\\' || p[7] != 'u') return -1;
    int32_t low = hex4(p + 8);
    if (low < 0xdc00 || low > 0xdfff) return -1;
    *used = 12;
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* Past the closing quote; the text between the quotes goes to *t. */
static fire_status read_text(fire_json *j, fire_json_token *t, fire_error *err) {
    const char *p = j->at + 1;
    t->text = p;
    for (; p < j->end && *p != '"';) {
        size_t n;
        if ((uint8_t)*p < 0x20) return fail_at(j, p, "control characters in a text are written \\uXXXX", err);
        if (*p == '\\') {
            n = 2;
            if (j->end - p < 2) return fail_at(j, j->end, "expected the rest of a text", err);
            if (p[1] == 'u') {
                if (unicode_escape(p, j->end, &n) < 0) return fail_at(j, p, "not a \\uXXXX escape", err);
            } else if (!memchr("\"\\/bfnrt", p[1], 8)) return fail_at(j, p, "not an escape of JSON", err);
        } else if (!(n = utf8_size((const uint8_t *)p, (size_t)(j->end - p)))) return fail_at(j, p, "the text is not UTF-8", err);
        p += n;
    }
    if (p == j->end) return fail_at(j, p, "expected the closing quote of a text", err);
    t->size = (size_t)(p - t->text);
    j->at = p + 1;
    return FIRE_OK;
}

static bool is_digit(const fire_json *j, const char *p) { return p < j->end && *p >= '0' && *p <= '9'; }

static fire_status read_number(fire_json *j, fire_json_token *t, fire_error *err) {
    const char *p = j->at;
    bool negative = *p == '-', whole = true, fits = true;
    int64_t v = 0;
    p += negative;
    if (!is_digit(j, p)) return fail_at(j, p, "expected a digit", err);
    if (*p == '0' && is_digit(j, p + 1)) return fail_at(j, p, "numbers have no leading zeros", err);
    for (; is_digit(j, p); p++)
        fits = fits && !__builtin_mul_overflow(v, 10, &v) && !__builtin_sub_overflow(v, *p - '0', &v); /* downwards: INT64_MIN has no positive */
    if (p < j->end && *p == '.') {
        whole = false;
        if (!is_digit(j, ++p)) return fail_at(j, p, "expected a digit", err);
        while (is_digit(j, p)) p++;
    }
    if (p < j->end && (*p == 'e' || *p == 'E')) {
        whole = false;
        p++;
        if (p < j->end && (*p == '+' || *p == '-')) p++;
        if (!is_digit(j, p)) return fail_at(j, p, "expected a digit", err);
        while (is_digit(j, p)) p++;
    }
    if (whole && fits && !negative) fits = !__builtin_sub_overflow(0, v, &v);
    *t = (fire_json_token){whole && fits ? FIRE_JSON_INT : FIRE_JSON_NUMBER, j->at, (size_t)(p - j->at), whole && fits ? v : 0};
    j->at = p;
    return FIRE_OK;
}

fire_status fire_json_next(fire_json *j, fire_json_token *t, fire_error *err) {
    skip_space(j);
    *t = (fire_json_token){.text = j->at};
    bool array = j->depth && (j->arrays >> (j->depth - 1) & 1);
    if (j->state == FIRE_JSON_DONE) {
        if (j->at < j->end) return fail_at(j, j->at, "expected nothing after the document", err);
        t->kind = FIRE_JSON_END;
        return FIRE_OK;
    }
    if (j->at == j->end) return fail_at(j, j->at, "expected more", err);
    if (j->state == FIRE_JSON_WANTS_FIRST || j->state == FIRE_JSON_WANTS_MORE) { /* inside, between members */
        if (*j->at == (array ? ']' : '}')) {
            j->at++;
            j->depth--;
            j->state = j->depth ? FIRE_JSON_WANTS_MORE : FIRE_JSON_DONE;
            *t = (fire_json_token){FIRE_JSON_CLOSE, t->text, 1, 0};
            return FIRE_OK;
        }
        if (j->state == FIRE_JSON_WANTS_MORE) {
            if (*j->at != ',') return fail_at(j, j->at, array ? "expected ',' or ']'" : "expected ',' or '}'", err);
            j->at++;
            skip_space(j);
            if (j->at == j->end) return fail_at(j, j->at, "expected more", err);
            t->text = j->at;
        }
        if (!array) {
            if (*j->at != '"') return fail_at(j, j->at, "expected a key in double quotes", err);
            t->kind = FIRE_JSON_KEY;
            fire_status s = read_text(j, t, err);
            if (s) return s;
            skip_space(j);
            if (j->at == j->end || *j->at != ':') return fail_at(j, j->at, "expected ':'", err);
            j->at++;
            j->state = FIRE_JSON_WANTS_VALUE;
            return FIRE_OK;
        }
    }
    char c = *j->at;
    fire_status s = FIRE_OK;
    if (c == '{' || c == '[') {
        if (j->depth == FIRE_JSON_DEPTH) return fail_at(j, j->at, "nested deeper than 64", err);
        *t = (fire_json_token){c == '[' ? FIRE_JSON_ARRAY : FIRE_JSON_OBJECT, j->at++, 1, 0};
        uint64_t bit = (uint64_t)1 << j->depth++;
        j->arrays = c == '[' ? j->arrays | bit : j->arrays & ~bit;
        j->state = FIRE_JSON_WANTS_FIRST;
        return FIRE_OK;
    }
    if (c == '"') {
        t->kind = FIRE_JSON_TEXT;
        s = read_text(j, t, err);
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        s = read_number(j, t, err);
    } else {
        static const struct { const char *word; size_t size; fire_json_kind kind; } words[] = {
            {"true", 4, FIRE_JSON_TRUE}, {"false", 5, FIRE_JSON_FALSE}, {"null", 4, FIRE_JSON_NULL}};
        for (int i = 0; i < 3 && !t->kind; i++)
            if ((size_t)(j->end - j->at) >= words[i].size && !memcmp(j->at, words[i].word, words[i].size)) {
                *t = (fire_json_token){words[i].kind, j->at, words[i].size, 0};
                j->at += words[i].size;
            }
        if (!t->kind) return fail_at(j, j->at, "expected a value", err);
    }
    if (!s) j->state = j->depth ? FIRE_JSON_WANTS_MORE : FIRE_JSON_DONE;
    return s;
}

fire_status fire_json_expect(fire_json *j, fire_json_kind kind, const char *what, fire_json_token *t, fire_error *err) {
    fire_status s = fire_json_next(j, t, err);
    if (s || t->kind == kind) return s;
    char message[128] = "expected ";
    strncat(message, what, sizeof message - strlen(message) - 1);
    return fire_json_fail(j, t, message, err);
}

fire_status fire_json_skip(fire_json *j, const fire_json_token *t, fire_error *err) {
    if (t->kind != FIRE_JSON_OBJECT && t->kind != FIRE_JSON_ARRAY) return FIRE_OK;
    fire_json_token inner;
    for (int32_t depth = j->depth - 1; j->depth > depth;) {
        fire_status s = fire_json_next(j, &inner, err);
        if (s) return s;
    }
    return FIRE_OK;
}

static size_t put_utf8(char *to, int32_t c) {
    if (c < 0x80) { to[0] = (char)c; return 1; }
    if (c < 0x800) { to[0] = (char)(0xc0 | c >> 6), to[1] = (char)(0x80 | (c & 63)); return 2; }
    if (c < 0x10000) { to[0] = (char)(0xe0 | c >> 12), to[1] = (char)(0x80 | (c >> 6 & 63)), to[2] = (char)(0x80 | (c & 63)); return 3; }
    to[0] = (char)(0xf0 | c >> 18), to[1] = (char)(0x80 | (c >> 12 & 63)), to[2] = (char)(0x80 | (c >> 6 & 63)), to[3] = (char)(0x80 | (c & 63));
    return 4;
}

/* The character at *p, unescaped, in to[4]; moves *p on. The text was checked when it was read. */
static size_t next_char(const char **p, const char *end, char to[4]) {
    if (**p != '\\') { to[0] = *(*p)++; return 1; }
    if ((*p)[1] == 'u') {
        size_t used;
        int32_t c = unicode_escape(*p, end, &used);
        *p += used;
        return put_utf8(to, c);
    }
    static const char from[] = "\"\\/bfnrt", plain[] = "\"\\/\b\f\n\r\t";
    to[0] = plain[strchr(from, (*p)[1]) - from];
    *p += 2;
    return 1;
}

bool fire_json_is(const fire_json_token *t, const char *word) {
    if (t->kind != FIRE_JSON_KEY && t->kind != FIRE_JSON_TEXT) return false;
    for (const char *p = t->text, *end = p + t->size; p < end;) {
        char c[4];
        size_t n = next_char(&p, end, c);
        if (strncmp(word, c, n)) return false;
        for (size_t i = 0; i < n; i++)
            if (!*word++) return false; /* a zero character equals the end of `word`, but is not it */
    }
    return !*word;
}

fire_status fire_json_copy(const fire_json *j, const fire_json_token *t, char *to, size_t capacity, size_t *size, fire_error *err) {
    if (t->kind != FIRE_JSON_KEY && t->kind != FIRE_JSON_TEXT) return fire_json_fail(j, t, "expected a text", err);
    size_t used = 0;
    for (const char *p = t->text, *end = p + t->size; p < end;) {
        char c[4];
        size_t n = next_char(&p, end, c);
        if (n == 1 && !c[0]) return fire_json_fail(j, t, "a zero character in a text", err);
        if (n >= capacity - used) return fire_json_fail(j, t, "the text is too long", err);
        memcpy(to + used, c, n);
        used += n;
    }
    to[used] = 0;
    if (size) *size = used;
    return FIRE_OK;
}

void fire_json_put_text(fire_buffer *b, const char *text) {
    const uint8_t *p = (const uint8_t *)text, *end = p + strlen(text);
    fire_buffer_add(b, "\"", 1);
    while (p < end) {
        size_t n = utf8_size(p, (size_t)(end - p));
        if (!n) { fire_buffer_add(b, "\\ufffd", 6); n = 1; }
        else if (*p == '"' || *p == '\\') { fire_buffer_add(b, (char[]){'\\', (char)*p}, 2); }
        else if (*p < 0x20 || *p == 0x7f) fire_buffer_text(b, "\\u%04x", *p);
        else fire_buffer_add(b, p, n);
        p += n;
    }
    fire_buffer_add(b, "\"", 1);
}
