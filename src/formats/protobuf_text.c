/* protobuf_text.c - protocol buffers' text format to wire format. */
#include "formats/protobuf_text.h"
#include "attrs.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_DEPTH 60   /* the reader of what comes out goes to 64 */
#define MAX_NUMBER 120 /* characters */

typedef struct reader {
    const uint8_t *begin, *at, *end;
    fire_buffer *out;
    fire_error *err;
    int depth, quiet; /* quiet: inside of what is left out */
} reader;

static fire_status fail_at(const reader *r, const uint8_t *at, const char *what) {
    long long line = 1, column = 1;
    for (const uint8_t *p = r->begin; p < at; p++) {
        column = *p == '\n' ? 1 : column + 1;
        line += *p == '\n';
    }
    return fire_fail(r->err, at < r->end ? FIRE_E_CORRUPT : FIRE_E_TRUNCATED, "line %lld, column %lld: %s", line, column, what);
}

/* About a piece of the file. */
static fire_status fail_with(const reader *r, const uint8_t *at, size_t size, const char *after, const char *name) {
    char shown[80], text[300];
    snprintf(text, sizeof text, "'%s' %s%s", fire_escape(shown, sizeof shown, (const char *)at, size), after, name);
    return fail_at(r, at, text);
}

static bool is_digit(int c) { return c >= '0' && c <= '9'; }
static bool is_letter(int c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static int hex_of(int c) { return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

/* The next character that is neither space nor comment; -1: the end. */
static int next(reader *r) {
    while (r->at < r->end) {
        const int c = *r->at;
        if (c == '#') while (r->at < r->end && *r->at != '\n') r->at++;
        else if (c == ' ' || (c >= '\t' && c <= '\r')) r->at++;
        else return c;
    }
    return -1;
}

static size_t word(const reader *r) {
    size_t n = 0, left = (size_t)(r->end - r->at);
    while (n < left && (is_letter(r->at[n]) || (n && is_digit(r->at[n])))) n++;
    return n;
}

static bool same(const uint8_t *at, size_t size, const char *text) { return strlen(text) == size && !memcmp(at, text, size); }

/* ---- texts ---- */

static void put(reader *r, const void *bytes, size_t size) { if (!r->quiet) fire_buffer_add(r->out, bytes, size); }

static void put_utf8(reader *r, uint32_t c) {
    uint8_t u[4];
    size_t n = 0;
    if (c < 0x80) u[n++] = (uint8_t)c;
    else if (c < 0x800) u[n++] = (uint8_t)(0xc0 | c >> 6);
    else if (c < 0x10000) u[n++] = (uint8_t)(0xe0 | c >> 12), u[n++] = (uint8_t)(0x80 | (c >> 6 & 63));
    else u[n++] = (uint8_t)(0xf0 | c >> 18), u[n++] = (uint8_t)(0x80 | (c >> 12 & 63)), u[n++] = (uint8_t)(0x80 | (c >> 6 & 63));
    if (c >= 0x80) u[n++] = (uint8_t)(0x80 | (c & 63));
    put(r, u, n);
}

/* At most `most` digits of base 8 or 16; false: there are fewer than `least`. */
static bool digits(reader *r, int base, int least, int most, uint32_t *v) {
    int n = 0;
    for (*v = 0; n < most && r->at < r->end; n++, r->at++) {
        const int d = hex_of(*r->at);
        if (d < 0 || d >= base) break;
        *v = *v * (uint32_t)base + (uint32_t)d;
    }
    return n >= least;
}

static fire_status escape(reader *r) { /* behind the backslash */
    static const char plain[] = "abfnrtv?\\'\"", means[] = "\a\b\f\n\r\t\v?\\'\"";
    const uint8_t *start = r->at - 1;
    uint32_t v, low;
    if (r->at == r->end) return fail_at(r, r->at, "the file ends inside a text");
    const int c = *r->at++;
    const char *found = c ? strchr(plain, c) : NULL;
    if (found) { put(r, &means[found - plain], 1); return FIRE_OK; }
    if (c >= '0' && c <= '7') {
        r->at--;
        if (digits(r, 8, 1, 3, &v) && v < 256) { put(r, &(uint8_t){(uint8_t)v}, 1); return FIRE_OK; }
    } else if (c == 'x' || c == 'X') {
        if (digits(r, 16, 1, 2, &v)) { put(r, &(uint8_t){(uint8_t)v}, 1); return FIRE_OK; }
    } else if (c == 'u' || c == 'U') {
        bool fine = digits(r, 16, c == 'u' ? 4 : 8, c == 'u' ? 4 : 8, &v);
        if (fine && v >= 0xd800 && v < 0xdc00 && r->end - r->at >= 2 && r->at[0] == '\\' && r->at[1] == 'u') { /* the first of a pair */
            r->at += 2;
            fine = digits(r, 16, 4, 4, &low) && low >= 0xdc00 && low < 0xe000;
            if (fine) v = 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00);
        }
        if (fine && v <= 0x10ffff && (v < 0xd800 || v > 0xdfff)) { put_utf8(r, v); return FIRE_OK; }
    }
    return fail_with(r, start, (size_t)(r->at - start), "is no escape that texts have", "");
}

/* One text or several that stand beside each other. */
static fire_status read_text(reader *r, uint32_t number) {
    int quote;
    const int64_t place = r->quiet ? 0 : fire_wire_open(r->out, number);
    while ((quote = next(r)) == '"' || quote == '\'') {
        r->at++;
        for (;;) {
            const uint8_t *from = r->at;
            while (r->at < r->end && *r->at != quote && *r->at != '\\' && *r->at != '\n') r->at++;
            put(r, from, (size_t)(r->at - from));
            if (r->at == r->end) return fail_at(r, r->at, "the file ends inside a text");
            const int c = *r->at++;
            if (c == quote) break;
            if (c == '\n') return fail_at(r, r->at - 1, "the line ends inside a text");
            fire_status s = escape(r);
            if (s) return s;
        }
    }
    if (!r->quiet) fire_wire_close(r->out, place);
    return FIRE_OK;
}

/* ---- numbers ---- */

/* The characters of a number or name, without the sign before it. */
static size_t token(const reader *r) {
    size_t n = 0, left = (size_t)(r->end - r->at);
    const bool hex = left > 1 && r->at[0] == '0' && (r->at[1] | 32) == 'x';
    for (; n < left; n++) {
        const int c = r->at[n];
        const bool sign = (c == '+' || c == '-') && n && (r->at[n - 1] | 32) == 'e' && !hex;
        if (!is_letter(c) && !is_digit(c) && c != '.' && !sign) break;
    }
    return n;
}

static bool whole(const char *t, uint64_t *v) {
    int base = 10;
    *v = 0;
    if (t[0] == '0' && (t[1] | 32) == 'x') base = 16, t += 2;
    else if (t[0] == '0' && t[1]) base = 8, t++;
    if (!*t) return false;
    for (; *t; t++) {
        const int d = hex_of(*t);
        if (d < 0 || d >= base || __builtin_mul_overflow(*v, (uint64_t)base, v) || __builtin_add_overflow(*v, (uint64_t)d, v)) return false;
    }
    return true;
}

static bool is_word(const char *t, const char *lower) {
    for (; *t && *lower; t++, lower++)
        if ((*t | 32) != *lower) return false;
    return !*t && !*lower;
}

static bool real(char *t, double *v) {
    size_t n = strlen(t);
    if (is_word(t, "inf") || is_word(t, "infinity")) *v = INFINITY;
    else if (is_word(t, "nan")) *v = NAN;
    else {
        char *end;
        if (n > 1 && (t[n - 1] | 32) == 'f') t[--n] = 0;
        if (strspn(t, "0123456789.eE+-") != n || (!is_digit(t[0]) && !(t[0] == '.' && is_digit(t[1])))) return false;
        *v = fire_number_read(t, &end);
        return !*end;
    }
    return true;
}

static bool name_of(const fire_proto_name *names, const char *t, uint64_t *v) {
    for (; names && names->name; names++)
        if (!strcmp(names->name, t)) { *v = (uint64_t)(int64_t)names->number; return true; }
    return false;
}

static fire_status read_number(reader *r, const fire_proto_field *f) {
    const uint8_t *start = r->at;
    char t[MAX_NUMBER + 1];
    bool minus = *r->at == '-', fine = true;
    if (minus) r->at++, (void)next(r);
    const size_t n = token(r);
    if (!n) return fail_with(r, start, 1, "stands where a value is expected, of field ", f->name);
    if (n > MAX_NUMBER) return fail_at(r, start, "a number or name of more than 120 characters");
    memcpy(t, r->at, n);
    t[n] = 0;
    r->at += n;
    if (r->quiet) return FIRE_OK;
    uint64_t v = 0;
    double d = 0;
    if (f->kind == FIRE_PROTO_FLOAT || f->kind == FIRE_PROTO_DOUBLE) {
        fine = real(t, &d);
        if (minus) d = -d;
        if (fine && f->kind == FIRE_PROTO_FLOAT) fire_wire_put_float(r->out, f->number, (float)d);
        else if (fine) fire_wire_put_double(r->out, f->number, d);
    } else if (f->kind == FIRE_PROTO_BOOL) {
        const bool yes = !strcmp(t, "true") || !strcmp(t, "True") || !strcmp(t, "t") || !strcmp(t, "1");
        fine = !minus && (yes || !strcmp(t, "false") || !strcmp(t, "False") || !strcmp(t, "f") || !strcmp(t, "0"));
        if (fine) fire_wire_put_int(r->out, f->number, yes);
    } else {
        const bool narrow = f->kind == FIRE_PROTO_I32 || f->kind == FIRE_PROTO_ENUM, sign = narrow || f->kind == FIRE_PROTO_I64;
        const uint64_t most = f->kind == FIRE_PROTO_U64 ? UINT64_MAX : f->kind == FIRE_PROTO_U32 ? UINT32_MAX : narrow ? INT32_MAX : INT64_MAX;
        if (f->kind != FIRE_PROTO_ENUM || minus || !name_of(f->names, t, &v)) {
            fine = whole(t, &v) && v <= most + (minus && sign) && !(minus && !sign && v);
            if (minus) v = -v;
        }
        if (fine) fire_wire_put_int(r->out, f->number, v);
    }
    return fine ? FIRE_OK : fail_with(r, start, (size_t)(r->at - start), "is no value of field ", f->name);
}

/* ---- messages ---- */

static fire_status read_message(reader *r, const fire_proto_message *m, int close);

static fire_status read_value(reader *r, const fire_proto_field *f) {
    const int c = next(r);
    const bool opens = c == '{' || c == '<', text = c == '"' || c == '\'';
    if (c < 0) return fail_at(r, r->at, "the file ends where a value is expected");
    if (!r->quiet && (opens != (f->kind == FIRE_PROTO_MESSAGE) || text != (f->kind == FIRE_PROTO_BYTES)))
        return fail_with(r, r->at, 1, f->kind == FIRE_PROTO_MESSAGE ? "stands where { is expected, of field " : f->kind == FIRE_PROTO_BYTES ? "stands where a text is expected, of field " : "stands where a value is expected, of field ", f->name);
    if (text) return read_text(r, f->number);
    if (!opens) return read_number(r, f);
    if (r->depth >= MAX_DEPTH) return fail_at(r, r->at, "messages nested deeper than 60");
    r->at++;
    r->depth++;
    const int64_t place = r->quiet ? 0 : fire_wire_open(r->out, f->number);
    fire_status s = read_message(r, r->quiet ? NULL : f->message, c == '{' ? '}' : '>');
    if (!s && !r->quiet) fire_wire_close(r->out, place);
    r->depth--;
    return s;
}

static fire_status read_values(reader *r, const fire_proto_field *f) {
    int c = next(r);
    const bool colon = c == ':';
    if (colon) r->at++, c = next(r);
    if (c != '[') return colon || c == '{' || c == '<' ? read_value(r, f) : fail_with(r, r->at, c >= 0, "stands where : is expected, behind field ", f->name);
    r->at++;
    if (next(r) == ']') { r->at++; return FIRE_OK; }
    for (;;) {
        fire_status s = read_value(r, f);
        if (s) return s;
        c = next(r);
        if (c != ',' && c != ']') return fail_with(r, r->at, c >= 0, "stands where , or ] is expected, in the list of field ", f->name);
        r->at++;
        if (c == ']') return FIRE_OK;
    }
}

/* m NULL: whatever it is, it is left out. close: what ends it; -1: the end of the file. */
static fire_status read_message(reader *r, const fire_proto_message *m, int close) {
    for (;;) {
        static const fire_proto_field unknown = {.name = "that is left out", .kind = FIRE_PROTO_SKIP};
        const fire_proto_field *f = NULL;
        int c = next(r);
        if (c == close) { r->at += c >= 0; return FIRE_OK; }
        if (c < 0) return fail_at(r, r->at, "the file ends inside a message");
        const uint8_t *start = r->at;
        size_t n = word(r);
        if (c == '[') { /* an extension */
            while (r->at < r->end && *r->at != ']' && *r->at != '\n') r->at++;
            if (r->at == r->end || *r->at != ']') return fail_at(r, r->at, "the name of an extension does not end");
            n = (size_t)(++r->at - start);
        } else if (!n) return fail_with(r, start, 1, "stands where the name of a field is expected", "");
        else {
            r->at += n;
            for (f = m ? m->field : &unknown; f->name && !(m ? same(start, n, f->name) : true); f++) {}
            if (!f->name) f = NULL;
        }
        if (!f && m && !m->open) return fail_with(r, start, n, "is no field of ", m->name);
        if (!f) f = &unknown;
        r->quiet += f->kind == FIRE_PROTO_SKIP;
        fire_status s = read_values(r, f);
        r->quiet -= f->kind == FIRE_PROTO_SKIP;
        if (!s && r->out->first.status) s = fire_fail(r->err, r->out->first.code, "%s", r->out->first.message);
        if (s) return s;
        c = next(r);
        if (c == ',' || c == ';') r->at++;
    }
}

/* ---- the whole ---- */

static reader begin(const void *text, size_t size, fire_buffer *out, fire_error *err) {
    const uint8_t *p = text;
    const bool mark = size >= 3 && p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf;
    return (reader){p, size ? p + 3 * mark : p, size ? p + size : p, out, err, 0, 0};
}

bool fire_proto_text_is(const void *text, size_t size, const fire_proto_message *m) {
    reader r = begin(text, size, NULL, NULL);
    (void)next(&r);
    const uint8_t *start = r.at;
    const size_t n = word(&r);
    if (!n) return false;
    r.at += n;
    const int c = next(&r);
    if (c != ':' && c != '{' && c != '<') return false;
    for (const fire_proto_field *f = m->field; f->name; f++)
        if (same(start, n, f->name)) return true;
    return false;
}

fire_status fire_proto_text_read(const void *text, size_t size, const fire_proto_message *m, fire_buffer *out, fire_error *err) {
    reader r = begin(text, size, out, err);
    return read_message(&r, m, -1);
}
