/* onnx_lift_text.c - operators on texts. They are computed while the model is imported, which is once for each run; see onnx_import.h. */
#include "formats/onnx_lift.h"
#include "small.h"
#include <stdio.h>
#include <stdlib.h>

/* Texts that an operator makes: joined in one block that lies in the graph's arena. */
typedef struct { fire_span *text; int64_t n; uint8_t *at; } maker;

static bool start(fire_import *b, maker *m, int64_t n, int64_t bytes) {
    *m = (maker){0};
    if (!fire_import_pay(b, n, sizeof *m->text) || !fire_import_pay(b, bytes, 1)) return false;
    m->text = fire_arena_alloc(&b->arena, (size_t)n, sizeof *m->text, &b->g->first);
    m->at = m->text ? fire_arena_alloc(&b->g->arena, (size_t)bytes, 1, &b->g->first) : NULL;
    return m->at;
}
static void put(maker *m, const void *bytes, size_t size) { /* at the end of the last text; the size was counted before */
    if (size) memcpy(m->at, bytes, size);
    m->at += size;
    m->text[m->n - 1].size += size;
}
static void begin(maker *m) { m->text[m->n++] = (fire_span){m->at, 0}; }

static bool same(fire_span a, fire_span b) { return a.size == b.size && (!a.size || !memcmp(a.bytes, b.bytes, a.size)); }

/* ---- numbers and texts ---- */

/* The shortest decimal text that reads back as the same number, as Python prints it. */
static int float_text(double v, bool narrow, char to[40]) {
    char printed[40], plain[24];
    int exponent = 0, n = 0;
    if (v != v) return snprintf(to, 40, "nan");
    if (fabs(v) > 1.7976931348623157e308) return snprintf(to, 40, v < 0 ? "-inf" : "inf");
    for (int precision = 0; precision < 17; precision++) { /* digits and exponent are taken apart, so that the point may be a comma */
        snprintf(printed, sizeof printed, "%.*e", precision, fabs(v));
        char *e = strchr(printed, 'e'), back[40];
        exponent = (int)strtol(e + 1, NULL, 10);
        n = 0;
        for (const char *p = printed; p < e; p++)
            if (*p >= '0' && *p <= '9') plain[n++] = *p;
        plain[n] = 0;
        snprintf(back, sizeof back, "%se%d", plain, exponent - n + 1);
        const double read = fire_number_read(back, NULL);
        if (narrow ? (float)read == (float)fabs(v) : read == fabs(v)) break;
    }
    while (n > 1 && plain[n - 1] == '0') n--;
    const char *minus = signbit(v) ? "-" : "";
    if (exponent < -4 || exponent >= 16) return snprintf(to, 40, n > 1 ? "%s%c.%.*se%c%02d" : "%s%c%.*se%c%02d", minus, plain[0], n - 1, plain + 1, exponent < 0 ? '-' : '+', exponent < 0 ? -exponent : exponent);
    if (exponent < 0) return snprintf(to, 40, "%s0.%.*s%.*s", minus, -exponent - 1, "0000", n, plain);
    if (n <= exponent + 1) return snprintf(to, 40, "%s%.*s%.*s.0", minus, n, plain, exponent + 1 - n, "0000000000000000");
    return snprintf(to, 40, "%s%.*s.%.*s", minus, exponent + 1, plain, n - exponent - 1, plain + exponent + 1);
}

static int number_text(const fire_tensor *t, int64_t i, char to[40]) {
    switch (t->type) {
    case FIRE_F32: case FIRE_F64: return float_text(fire_get(t, i), t->type == FIRE_F32, to);
    case FIRE_U64: return snprintf(to, 40, "%llu", (unsigned long long)((const uint64_t *)t->data)[i]);
    case FIRE_I64: return snprintf(to, 40, "%lld", (long long)((const int64_t *)t->data)[i]);
    case FIRE_BOOL: return snprintf(to, 40, fire_get(t, i) != 0 ? "True" : "False");
    default: return snprintf(to, 40, "%lld", (long long)fire_get(t, i));
    }
}

static void texts_of_numbers(fire_import *b, fire_lift *n) {
    const fire_type type = fire_type_of(b->g, n->in[0]);
    fire_value x = fire_import_widen(b, n->in[0]);
    if (type == FIRE_F16 || type == FIRE_BF16) x = fire_import_cast(b, x, FIRE_F32);
    const fire_tensor *t = fire_import_numbers(b, x);
    if (!t) return;
    const fire_tensor from = *t;
    const int64_t count = fire_count(&from.shape);
    char text[40];
    maker m;
    int64_t bytes = 0;
    for (int64_t i = 0; i < count; i++) bytes += number_text(&from, i, text);
    if (!start(b, &m, count, bytes)) return;
    for (int64_t i = 0; i < count; i++) {
        int size = number_text(&from, i, text);
        begin(&m);
        put(&m, text, (size_t)size);
    }
    n->out[0] = fire_import_texts(b, from.shape, m.text);
}

/* A text that is a whole number of 64 bits, so that no digit is lost; others are read as doubles. */
static bool whole_text(const char *s, bool *minus, uint64_t *v) {
    *minus = *s == '-';
    if (*s == '-' || *s == '+') s++;
    *v = 0;
    if (!*s) return false;
    for (; *s; s++)
        if (*s < '0' || *s > '9' || __builtin_mul_overflow(*v, 10, v) || __builtin_add_overflow(*v, (uint64_t)(*s - '0'), v)) return false;
    return true;
}

static void numbers_of_texts(fire_import *b, fire_lift *n, fire_type to) {
    fire_shape s;
    const fire_span *text = fire_import_text_get(b, n->in[0], &s);
    if (!text) return;
    const bool small = fire_small_find(to), half = to == FIRE_F16 || to == FIRE_BF16;
    fire_tensor y = {small || half ? FIRE_F32 : to, s, NULL};
    const int64_t count = fire_count(&s), size = (int64_t)fire_type_size(y.type);
    if (!fire_import_pay(b, count, size) || !(y.data = fire_arena_alloc(&b->g->arena, (size_t)count, (size_t)size, &b->g->first))) return;
    for (int64_t i = 0; i < count; i++) {
        char copy[80], shown[80], *end = copy;
        uint64_t whole;
        bool minus = false;
        const bool fits = text[i].size && text[i].size < sizeof copy && !memchr(text[i].bytes, 'x', text[i].size) && !memchr(text[i].bytes, 'X', text[i].size);
        if (fits) memcpy(copy, text[i].bytes, text[i].size), copy[text[i].size] = 0;
        const double v = fits ? fire_number_read(copy, &end) : 0;
        if (!fits || end == copy || *end) {
            fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "'%s' is no number", fire_escape(shown, sizeof shown, (const char *)text[i].bytes, text[i].size));
            return;
        }
        if (y.type == FIRE_U64 && whole_text(copy, &minus, &whole)) ((uint64_t *)y.data)[i] = minus ? 0 - whole : whole;
        else if (y.type == FIRE_I64 && whole_text(copy, &minus, &whole) && whole <= INT64_MAX) ((int64_t *)y.data)[i] = minus ? -(int64_t)whole : (int64_t)whole;
        else fire_put(&y, i, v);
    }
    fire_value v = fire_graph_borrow(b->g, y.type, s, y.data);
    n->out[0] = small ? fire_import_narrow(b, v, to, fire_lift_int(n, "saturate", 1), 0) : fire_import_cast(b, v, to);
}

void fire_import_cast_text(fire_import *b, fire_lift *n, fire_type to) {
    if (to == FIRE_TEXT) texts_of_numbers(b, n);
    else numbers_of_texts(b, n, to);
}

/* ---- texts and texts ---- */

/* Texts of inputs 0 and 1, and the shape that they have together. */
static bool two_texts(fire_import *b, fire_lift *n, const fire_span *x[2], fire_shape s[2], fire_shape *both) {
    fire_error err = {0};
    if (n->n_in != 2) { fire_import_fail(b, FIRE_E_CORRUPT, "%lld inputs, expected 2", (long long)n->n_in); return false; }
    for (int i = 0; i < 2; i++)
        if (!(x[i] = fire_import_text_get(b, n->in[i], &s[i]))) return false;
    if (fire_broadcast_shape(&s[0], &s[1], both, &err) || fire_shape_check("the texts", FIRE_U64, both, &err)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "%s", err.message); return false; }
    return true;
}

void fire_lift_equal(fire_import *b, fire_lift *n) {
    const fire_span *x[2];
    fire_shape s[2], both;
    if (!n->n_in || n->in[0] <= 0 || fire_import_type(b, n->in[0]) != FIRE_TEXT) {
        for (int64_t i = 0; i < n->n_in; i++)
            if (n->in[i] > 0) n->in[i] = fire_import_type(b, n->in[i]) == FIRE_TEXT ? 0 : fire_import_widen(b, n->in[i]);
        fire_lift_binary(b, n);
        return;
    }
    if (!two_texts(b, n, x, s, &both)) return;
    const int64_t count = fire_count(&both);
    uint8_t *y = fire_import_pay(b, count, 1) ? fire_arena_alloc(&b->g->arena, (size_t)count, 1, &b->g->first) : NULL;
    if (!y) return;
    fire_walk w = fire_walk_start(&both, 2, (fire_tensor[]){{FIRE_U8, s[0], NULL}, {FIRE_U8, s[1], NULL}});
    for (int64_t i = 0; i < count; i++, fire_walk_next(&w)) y[i] = same(x[0][w.i[0]], x[1][w.i[1]]);
    n->out[0] = fire_graph_borrow(b->g, FIRE_BOOL, both, y);
}

void fire_lift_string_concat(fire_import *b, fire_lift *n) {
    const fire_span *x[2];
    fire_shape s[2], both;
    maker m;
    if (!two_texts(b, n, x, s, &both)) return;
    const fire_tensor t[2] = {{FIRE_U8, s[0], NULL}, {FIRE_U8, s[1], NULL}};
    const int64_t count = fire_count(&both);
    int64_t bytes = 0;
    if (!fire_import_pay(b, count, 1)) return; /* so that counting is bounded as well */
    fire_walk w = fire_walk_start(&both, 2, t);
    for (int64_t i = 0; i < count; i++, fire_walk_next(&w)) {
        bytes += (int64_t)(x[0][w.i[0]].size + x[1][w.i[1]].size);
        if (bytes > b->bytes_left) break; /* start will say so */
    }
    if (!start(b, &m, count, bytes)) return;
    w = fire_walk_start(&both, 2, t);
    for (int64_t i = 0; i < count; i++, fire_walk_next(&w)) {
        begin(&m);
        put(&m, x[0][w.i[0]].bytes, x[0][w.i[0]].size);
        put(&m, x[1][w.i[1]].bytes, x[1][w.i[1]].size);
    }
    n->out[0] = fire_import_texts(b, both, m.text);
}

static bool is_space(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* The next part of *rest, which moves behind it; false: there is none. `last`: it is to be all that is left. */
static bool next_part(fire_span *rest, bool *more, fire_span by, bool last, fire_span *part) {
    if (!by.size) { /* white space, however much of it */
        while (rest->size && is_space(*rest->bytes)) rest->bytes++, rest->size--;
        if (!rest->size) return false;
        size_t k = 0;
        while (k < rest->size && (last || !is_space(rest->bytes[k]))) k++;
        *part = (fire_span){rest->bytes, k};
        *rest = (fire_span){rest->bytes + k, rest->size - k};
        return true;
    }
    if (!*more) return false;
    size_t k = 0;
    const bool found = !last && rest->size >= by.size;
    while (found && k + by.size <= rest->size && memcmp(rest->bytes + k, by.bytes, by.size)) k++;
    *more = found && k + by.size <= rest->size;
    *part = (fire_span){rest->bytes, *more ? k : rest->size};
    *rest = *more ? (fire_span){rest->bytes + k + by.size, rest->size - k - by.size} : (fire_span){0};
    return true;
}

/* [...] becomes [..., most parts], filled with empty texts, and the numbers of parts. */
void fire_lift_string_split(fire_import *b, fire_lift *n) {
    fire_shape s;
    const fire_onnx_attr *by = fire_lift_attr(n, "delimiter");
    const int64_t limit = fire_lift_attr(n, "maxsplit") ? fire_lift_int(n, "maxsplit", 0) : -1;
    const fire_span *x = n->n_in ? fire_import_text_get(b, n->in[0], &s) : NULL, delimiter = by ? by->text : (fire_span){0};
    if (!x) return;
    const int64_t count = fire_count(&s);
    int64_t most = 0, total;
    int64_t *parts = fire_import_pay(b, count, 8) ? fire_arena_alloc(&b->g->arena, (size_t)count, sizeof *parts, &b->g->first) : NULL;
    if (!parts) return;
    for (int64_t i = 0; i < count; i++) {
        fire_span rest = x[i], part;
        bool more = true;
        while (next_part(&rest, &more, delimiter, limit >= 0 && parts[i] == limit, &part)) parts[i]++;
        if (parts[i] > most) most = parts[i];
    }
    if (s.rank == FIRE_MAX_RANK || !fire_mul(count, most, &total) || !fire_import_pay(b, total, sizeof(fire_span))) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "%lld texts of %lld parts", (long long)count, (long long)most); return; }
    fire_span *text = fire_arena_alloc(&b->arena, (size_t)total, sizeof *text, &b->g->first);
    if (!text) return;
    for (int64_t i = 0; i < count; i++) {
        fire_span rest = x[i];
        bool more = true;
        for (int64_t k = 0; k < parts[i]; k++) (void)next_part(&rest, &more, delimiter, limit >= 0 && k == limit, &text[i * most + k]);
    }
    fire_shape wide = s;
    wide.dim[wide.rank++] = most;
    n->out[0] = fire_import_texts(b, wide, text);
    n->out[1] = fire_graph_borrow(b->g, FIRE_I64, s, parts);
}

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c; }
static uint8_t upper(uint8_t c) { return c >= 'a' && c <= 'z' ? (uint8_t)(c - 32) : c; }
static bool alike(fire_span a, fire_span b, bool exactly) {
    if (exactly || a.size != b.size) return same(a, b);
    for (size_t i = 0; i < a.size; i++)
        if (lower(a.bytes[i]) != lower(b.bytes[i])) return false;
    return true;
}

/* [c] or [1, c] without the stop words, in upper or lower case; of ASCII's letters, since others change with the language. */
void fire_lift_string_normalizer(fire_import *b, fire_lift *n) {
    fire_shape s;
    const bool exactly = fire_lift_int(n, "is_case_sensitive", 0), low = fire_lift_text(n, "case_change_action", "LOWER"), up = fire_lift_text(n, "case_change_action", "UPPER");
    const fire_onnx_attr *stop = fire_lift_attr(n, "stopwords");
    const fire_span *x = n->n_in ? fire_import_text_get(b, n->in[0], &s) : NULL;
    maker m;
    if (!x) return;
    if (s.rank < 1 || s.rank > 2 || (s.rank == 2 && s.dim[0] != 1)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "wants texts of shape [c] or [1, c]"); return; }
    const int64_t count = fire_count(&s);
    int64_t bytes = 0, work;
    for (int64_t i = 0; i < count; i++) {
        bytes += (int64_t)x[i].size;
        for (size_t k = 0; k < x[i].size && (low || up || (stop && !exactly)); k++)
            if (x[i].bytes[k] > 127) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "letters beyond ASCII change case by language, which this version does not know"); return; }
    }
    if (stop && (!fire_mul(stop->n_texts, count, &work) || (b->work_left -= work) < 0)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "too many stop words"); return; }
    if (!start(b, &m, count + 1, bytes)) return;
    for (int64_t i = 0; i < count; i++) {
        bool out = false;
        for (int64_t k = 0; stop && k < stop->n_texts && !out; k++) out = alike(x[i], stop->texts[k], exactly);
        if (out) continue;
        begin(&m);
        put(&m, x[i].bytes, x[i].size);
        uint8_t *at = m.at - x[i].size;
        for (size_t k = 0; k < x[i].size; k++) at[k] = low ? lower(at[k]) : up ? upper(at[k]) : at[k];
    }
    if (!m.n) begin(&m); /* one empty text stands for none */
    s.dim[s.rank - 1] = m.n;
    n->out[0] = fire_import_texts(b, s, m.text);
}
