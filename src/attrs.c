/* attrs.c - options as tables: read, print, describe. */
#include "attrs.h"
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers: the same text whatever locale the program around us has set ---- */

double fire_number_read(const char *text, char **end) {
    /* glibc gives its own constant object for "C": this neither allocates nor fails. */
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    double v = c ? strtod_l(text, end, c) : strtod(text, end);
    if (c) freelocale(c);
    return v;
}

const char *fire_number_text(double v, char buf[FIRE_NUMBER_TEXT]) {
    if (isnan(v)) return memcpy(buf, "nan", 4);
    if (isinf(v)) return v > 0 ? memcpy(buf, "inf", 4) : memcpy(buf, "-inf", 5);
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0), old = c ? uselocale(c) : (locale_t)0;
    /* The shortest text that reads back to the same bits; 17 digits always do. */
    if (fabs(v) < 1e15 && v == floor(v)) snprintf(buf, FIRE_NUMBER_TEXT, "%.0f", v); /* 1000, not 1e+03 */
    else
        for (int digits = 1; digits <= 17; digits++) {
            snprintf(buf, FIRE_NUMBER_TEXT, "%.*g", digits, v);
            if (strtod(buf, NULL) == v) break;
        }
    if (c) { uselocale(old); freelocale(c); }
    return buf;
}

/* ---- names ---- */

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

bool fire_same_word(const char *a, const char *b) {
    while (*a && lower(*a) == lower(*b)) a++, b++;
    return !*a && !*b;
}

/* Edits (insert, remove, replace, swap neighbours) from a to b, upper and lower case alike. */
static int edits(const char *a, const char *b) {
    enum { MAX = 40 };
    int n = (int)strnlen(a, MAX + 1), m = (int)strnlen(b, MAX + 1), row[3][MAX + 1];
    if (n > MAX || m > MAX) return MAX;
    for (int j = 0; j <= m; j++) row[0][j] = j;
    for (int i = 1; i <= n; i++) {
        int *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= m; j++) {
            int v = last[j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));
            if (last[j] + 1 < v) v = last[j] + 1;
            if (now[j - 1] + 1 < v) v = now[j - 1] + 1;
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]) && before[j - 2] + 1 < v)
                v = before[j - 2] + 1;
            now[j] = v;
        }
    }
    return row[n % 3][m];
}

void fire_near_try(fire_near *n, const char *candidate) {
    int d = edits(n->name, candidate);
    if (!n->best || d < n->distance) n->best = candidate, n->distance = d;
}

const char *fire_near_text(const fire_near *n, char buf[FIRE_NEAR_TEXT]) {
    /* More than a third of the letters wrong is another word, not a slip. */
    int letters = (int)strnlen(n->name, 60);
    buf[0] = 0;
    if (n->best && n->distance <= (letters + 2) / 3) snprintf(buf, FIRE_NEAR_TEXT, "; did you mean '%s'?", n->best);
    return buf;
}

const char *fire_name_read(const char *text, char *name, size_t capacity) {
    size_t n = 0, k;
    while (*text == ' ') text++;
    while (text[n] && text[n] != ' ') n++;
    k = n < capacity - 1 ? n : capacity - 1;
    memcpy(name, text, k);
    name[k] = 0;
    for (text += n; *text == ' ';) text++;
    return text;
}

/* ---- reading ---- */

static bool blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
static bool word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.'; }

/* One name=value pair; the pieces point into the text. */
typedef struct { const char *name, *value; size_t n_name, n_value; } pair;

/* Step over one pair. False: no pair stands here. A value is a quoted text, a [list] or everything up to a blank. */
static bool next_pair(const char **text, pair *p) {
    const char *s = *text;
    p->name = s;
    while (word(*s)) s++;
    p->n_name = (size_t)(s - p->name);
    if (p->n_name == 0 || *s != '=') return false;
    p->value = ++s;
    if (*s == '"') {
        for (s++; *s && *s != '"'; s++) {
            if ((unsigned char)*s < 0x20 || *s == 0x7F) return false;
            if (*s == '\\' && !*++s) return false;
        }
        if (*s++ != '"') return false;
    } else if (*s == '[') {
        while (*s && *s != ']') s++;
        if (*s++ != ']') return false;
    } else
        while (*s && !blank(*s)) {
            if ((unsigned char)*s < 0x20 || *s == 0x7F || *s == '"') return false;
            s++;
        }
    p->n_value = (size_t)(s - p->value);
    if (*s && !blank(*s)) return false;
    *text = s;
    return true;
}

/* Bytes of a text in the struct. */
static size_t text_size(const fire_attr *a) { return a->max ? (size_t)a->max + 1 : FIRE_ATTR_TEXT_SIZE; }

static bool has_range(const fire_attr *a) { return a->min != 0 || a->max != 0; }

static fire_status out_of_range(const char *who, const fire_attr *a, const char *value, fire_error *err) {
    char low[FIRE_NUMBER_TEXT], high[FIRE_NUMBER_TEXT];
    return fire_fail(err, FIRE_E_ATTRIBUTE, "%s: %s is %s, expected %s to %s", who, a->name, value,
                     fire_number_text(a->min, low), fire_number_text(a->max, high));
}

/* A whole number at s; *end moves past it. */
static bool read_int(const char *s, char **end, int64_t *v) {
    errno = 0;
    long long x = strtoll(s, end, 10);
    *v = x;
    return *end != s && errno != ERANGE && !blank(*s);
}

/* Put one value, a terminated text without quotes, into the struct. */
static fire_status read_value(const char *who, const fire_attr *a, void *mem, const char *text, bool quoted, fire_error *err) {
    void *to = (char *)mem + a->offset;
    char *end, shown[80];
    fire_escape(shown, sizeof shown, text, strlen(text));
    switch (a->type) {
    case FIRE_ATTR_INT: {
        int64_t v;
        if (fire_same_word(text, "true") || fire_same_word(text, "false")) v = lower(*text) == 't', end = (char *)text + strlen(text);
        else if (!read_int(text, &end, &v)) end = (char *)text;
        if (quoted || *end || end == text) return fire_fail(err, FIRE_E_ATTRIBUTE, "%s: %s is '%s', expected a whole number", who, a->name, shown);
        if (has_range(a) && ((double)v < a->min || (double)v > a->max)) return out_of_range(who, a, shown, err);
        memcpy(to, &v, sizeof v);
        return FIRE_OK;
    }
    case FIRE_ATTR_FLOAT: {
        double v = fire_number_read(text, &end);
        if (quoted || *end || end == text || blank(*text) || isnan(v))
            return fire_fail(err, FIRE_E_ATTRIBUTE, "%s: %s is '%s', expected a number", who, a->name, shown);
        if (has_range(a) && (v < a->min || v > a->max)) return out_of_range(who, a, shown, err);
        memcpy(to, &v, sizeof v);
        return FIRE_OK;
    }
    case FIRE_ATTR_BOOL: {
        bool yes = !strcmp(text, "1") || fire_same_word(text, "true"), no = !strcmp(text, "0") || fire_same_word(text, "false");
        if (quoted || (!yes && !no)) return fire_fail(err, FIRE_E_ATTRIBUTE, "%s: %s is '%s', expected true or false", who, a->name, shown);
        memcpy(to, &yes, sizeof yes);
        return FIRE_OK;
    }
    case FIRE_ATTR_TEXT: case FIRE_ATTR_TEXTS: {
        size_t n = strlen(text);
        if (n >= text_size(a))
            return fire_fail(err, FIRE_E_ATTRIBUTE, "%s: %s is %zu bytes long, expected at most %zu", who, a->name, n, text_size(a) - 1);
        if (a->choices) {
            char one[FIRE_NEAR_TEXT], best[FIRE_NEAR_TEXT] = "", hint[FIRE_NEAR_TEXT];
            fire_near near = {.name = text};
            const char *c = a->choices;
            for (;; c++) {
                size_t k = strcspn(c, "|");
                if (k == n && !memcmp(c, text, n)) break;
                snprintf(one, sizeof one, "%.*s", (int)k, c);
                fire_near_try(&near, one);
                if (near.best == one) near.best = memcpy(best, one, sizeof best);  /* `one` is written over */
                c += k;
                if (!*c) return fire_fail(err, FIRE_E_ATTRIBUTE, "%s: %s is '%s', expected one of %s%s", who, a->name, shown, a->choices, fire_near_text(&near, hint));
            }
        }
        memset(to, 0, text_size(a));
        memcpy(to, text, n);
        return FIRE_OK;
    }
    case FIRE_ATTR_INTS: case FIRE_ATTR_FLOATS: {
        bool whole = a->type == FIRE_ATTR_INTS;
        fire_ints ints = {0};
        fire_floats floats = {0};
        const char *s = text, *like = whole ? "[2,3]" : "[0.5,1]";
        int32_t n = 0, most = (int32_t)(whole ? sizeof ints.v / sizeof *ints.v : sizeof floats.v / sizeof *floats.v);
        if (quoted || *s++ != '[') return fire_fail(err, FIRE_E_ATTRIBUTE, "%s: %s is '%s', expected a list such as %s", who, a->name, shown, like);
        while (blank(*s)) s++;
        while (*s != ']') {
            int64_t x = 0;
            double v = 0;
            if (n == most) return fire_fail(err, FIRE_E_ATTRIBUTE, "%s: %s has more than %d numbers", who, a->name, (int)n);
            bool good = whole ? read_int(s, &end, &x) : !blank(*s);
            if (good && !whole) v = fire_number_read(s, &end), good = end != s && !isnan(v);
            if (!good) return fire_fail(err, FIRE_E_ATTRIBUTE, "%s: %s is '%s', expected a list such as %s", who, a->name, shown, like);
            if (whole) v = (double)x;
            if (has_range(a) && (v < a->min || v > a->max)) return out_of_range(who, a, shown, err);
            if (whole) ints.v[n++] = x;
            else floats.v[n++] = v;
            for (s = end; blank(*s);) s++;
            if (*s == ',') for (s++; blank(*s);) s++;
            else if (*s != ']') return fire_fail(err, FIRE_E_ATTRIBUTE, "%s: %s is '%s', expected a list such as %s", who, a->name, shown, like);
        }
        ints.n = floats.n = n;
        if (whole) memcpy(to, &ints, sizeof ints);
        else memcpy(to, &floats, sizeof floats);
        return FIRE_OK;
    }
    }
    return FIRE_OK;
}

static void defaults(const fire_attr *attrs, void *mem) {
    for (const fire_attr *a = attrs; a && a->name; a++) {
        void *to = (char *)mem + a->offset;
        int64_t whole = (int64_t)a->value;
        bool flag = a->value != 0;
        switch (a->type) {
        case FIRE_ATTR_INT: memcpy(to, &whole, sizeof whole); break;
        case FIRE_ATTR_FLOAT: memcpy(to, &a->value, sizeof a->value); break;
        case FIRE_ATTR_BOOL: memcpy(to, &flag, sizeof flag); break;
        case FIRE_ATTR_TEXT: case FIRE_ATTR_TEXTS: snprintf(to, text_size(a), "%s", a->text ? a->text : ""); break;
        case FIRE_ATTR_INTS: case FIRE_ATTR_FLOATS: {
            fire_attr free_range = *a; /* a default may lie outside of the range: -1 for "not given" */
            free_range.min = free_range.max = 0;
            if (a->text) read_value("", &free_range, mem, a->text, false, NULL);
            break;
        }
        }
    }
}

static fire_status unknown_name(const char *who, const fire_attr *attrs, const char *name, fire_error *err) {
    char shown[80], near[FIRE_NEAR_TEXT], known[400] = "";
    fire_near n = {.name = name};
    size_t k = 0;
    for (const fire_attr *a = attrs; a && a->name; a++) {
        fire_near_try(&n, a->name);
        if (k < sizeof known) k += (size_t)snprintf(known + k, sizeof known - k, "%s%s", k ? ", " : "", a->name);
    }
    fire_escape(shown, sizeof shown, name, strlen(name));
    if (!k) return fire_fail(err, FIRE_E_ATTRIBUTE, "%s: no attribute '%s'; it has none", who, shown);
    if (*fire_near_text(&n, near)) return fire_fail(err, FIRE_E_ATTRIBUTE, "%s: no attribute '%s'%s", who, shown, near);
    return fire_fail(err, FIRE_E_ATTRIBUTE, "%s: no attribute '%s'; it has %s", who, shown, known);
}

fire_status fire_attrs_read(const char *who, const fire_attr *attrs, void *mem, const char *text, char *rest, size_t capacity, fire_error *err) {
    size_t used = 0;
    char shown[80];
    defaults(attrs, mem);
    if (rest && capacity) rest[0] = 0;
    for (const char *s = text ? text : "";;) {
        while (blank(*s)) s++;
        if (!*s) return FIRE_OK;
        const char *start = s;
        pair p;
        if (!next_pair(&s, &p))
            return fire_fail(err, FIRE_E_ATTRIBUTE, "%s: cannot read attributes at '%s', expected name=value", who,
                             fire_escape(shown, sizeof shown, start, strlen(start)));
        const fire_attr *a = attrs;
        while (a && a->name && (strlen(a->name) != p.n_name || memcmp(a->name, p.name, p.n_name))) a++;
        if (!a || !a->name) {
            char name[80];
            snprintf(name, sizeof name, "%.*s", (int)(p.n_name < sizeof name ? p.n_name : sizeof name - 1), p.name);
            if (!rest) return unknown_name(who, attrs, name, err);
            size_t n = (size_t)(s - start);
            if (used + n + 2 > capacity) return fire_fail(err, FIRE_E_ATTRIBUTE, "%s: attributes are too long at '%s'", who, name);
            if (used) rest[used++] = ' ';
            memcpy(rest + used, start, n);
            rest[used += n] = 0;
            continue;
        }
        char value[2 * FIRE_ATTR_LONGEST + 2]; /* every character escaped, and the quotes */
        size_t n = 0;
        bool quoted = *p.value == '"';
        if (p.n_value >= sizeof value) return fire_fail(err, FIRE_E_ATTRIBUTE, "%s: %s is %zu bytes long", who, a->name, p.n_value);
        for (size_t i = quoted; i < p.n_value - quoted; i++) {
            if (quoted && p.value[i] == '\\') i++;
            value[n++] = p.value[i];
        }
        value[n] = 0;
        fire_status st = read_value(who, a, mem, value, quoted, err);
        if (st) return st;
    }
}

/* ---- writing ---- */

/* Text into a buffer that may be too small, as snprintf does: `length` counts what was wanted. */
typedef struct { char *to; size_t capacity, length; } sink;
static void put(sink *s, const char *text, size_t n) {
    for (size_t i = 0; i < n; i++, s->length++)
        if (s->length + 1 < s->capacity) s->to[s->length] = text[i];
}
static void puts_(sink *s, const char *text) { put(s, text, strlen(text)); }

static void put_value(sink *s, const fire_attr *a, const void *mem) {
    const void *from = (const char *)mem + a->offset;
    char buf[FIRE_NUMBER_TEXT];
    switch (a->type) {
    case FIRE_ATTR_INT: {
        int64_t v;
        memcpy(&v, from, sizeof v);
        put(s, buf, (size_t)snprintf(buf, sizeof buf, "%lld", (long long)v));
        break;
    }
    case FIRE_ATTR_FLOAT: {
        double v;
        memcpy(&v, from, sizeof v);
        puts_(s, fire_number_text(v, buf));
        break;
    }
    case FIRE_ATTR_BOOL: puts_(s, *(const bool *)from ? "true" : "false"); break;
    case FIRE_ATTR_TEXT: case FIRE_ATTR_TEXTS: {
        const char *t = from;
        bool bare = *t && *t != '[';
        for (const char *c = t; *c; c++) bare = bare && !blank(*c) && *c != '"' && *c != '\\' && *c != '=';
        if (bare) { puts_(s, t); break; }
        puts_(s, "\"");
        for (; *t; t++) {
            if (*t == '"' || *t == '\\') puts_(s, "\\");
            put(s, t, 1);
        }
        puts_(s, "\"");
        break;
    }
    case FIRE_ATTR_INTS: {
        fire_ints v;
        memcpy(&v, from, sizeof v);
        puts_(s, "[");
        for (int i = 0; i < v.n; i++) put(s, buf, (size_t)snprintf(buf, sizeof buf, i ? ",%lld" : "%lld", (long long)v.v[i]));
        puts_(s, "]");
        break;
    }
    case FIRE_ATTR_FLOATS: {
        fire_floats v;
        memcpy(&v, from, sizeof v);
        puts_(s, "[");
        for (int i = 0; i < v.n; i++) {
            if (i) puts_(s, ",");
            puts_(s, fire_number_text(v.v[i], buf));
        }
        puts_(s, "]");
        break;
    }
    }
}

/* Whether the attribute at `mem` equals its default. */
static bool is_default(const fire_attr *a, const void *mem) {
    const void *x = (const char *)mem + a->offset;
    union { int64_t whole; double number; bool flag; fire_ints ints; fire_floats floats; } d = {0};
    if (a->type == FIRE_ATTR_TEXT || a->type == FIRE_ATTR_TEXTS) return !strcmp(x, a->text ? a->text : "");
    fire_attr one[2] = {*a, {0}};
    one[0].offset = 0;
    defaults(one, &d);
    switch (a->type) {
    case FIRE_ATTR_INTS: return ((const fire_ints *)x)->n == d.ints.n && !memcmp(((const fire_ints *)x)->v, d.ints.v, (size_t)d.ints.n * sizeof *d.ints.v);
    case FIRE_ATTR_FLOATS: return ((const fire_floats *)x)->n == d.floats.n && !memcmp(((const fire_floats *)x)->v, d.floats.v, (size_t)d.floats.n * sizeof *d.floats.v);
    case FIRE_ATTR_BOOL: return *(const bool *)x == d.flag;
    default: return !memcmp(x, &d, 8); /* bits: -0 is not 0 */
    }
}

size_t fire_attrs_write(const fire_attr *attrs, const void *mem, bool all, char *to, size_t capacity) {
    sink s = {to, capacity, 0};
    for (const fire_attr *a = attrs; a && a->name; a++) {
        if (!all && is_default(a, mem)) continue;
        if (s.length) puts_(&s, " ");
        puts_(&s, a->name);
        puts_(&s, "=");
        put_value(&s, a, mem);
    }
    if (capacity) to[s.length < capacity ? s.length : capacity - 1] = 0;
    return s.length;
}

/* ---- JSON ---- */

void fire_print(fire_write *write, void *user, const char *fmt, ...) {
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n > 0) write(user, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

void fire_json_text(fire_write *write, void *user, const char *text) {
    write(user, "\"", 1);
    for (const char *s = text; *s;) {
        size_t n = 0;
        while (s[n] && s[n] != '"' && s[n] != '\\' && (unsigned char)s[n] >= 0x20) n++;
        if (n) write(user, s, n);
        s += n;
        if (*s) fire_print(write, user, (unsigned char)*s < 0x20 ? "\\u%04x" : "\\%c", (unsigned char)*s), s++;
    }
    write(user, "\"", 1);
}

void fire_attrs_json(const fire_attr *attrs, fire_write *write, void *user) {
    static const char *const type[] = {"int", "float", "bool", "text", "ints", "floats", "texts"};
    char buf[FIRE_NUMBER_TEXT];
    fire_print(write, user, "[");
    for (const fire_attr *a = attrs; a && a->name; a++) {
        fire_print(write, user, "%s{\"name\": ", a == attrs ? "" : ", ");
        fire_json_text(write, user, a->name);
        fire_print(write, user, ", \"type\": \"%s\", \"default\": ", type[a->type]);
        bool number = a->type == FIRE_ATTR_INT || a->type == FIRE_ATTR_FLOAT;
        if (number && isfinite(a->value)) fire_print(write, user, "%s", fire_number_text(a->value, buf));
        else if (number) fire_json_text(write, user, fire_number_text(a->value, buf)); /* JSON has no infinity */
        else if (a->type == FIRE_ATTR_BOOL) fire_print(write, user, a->value != 0 ? "true" : "false");
        else if (a->type == FIRE_ATTR_TEXT || a->type == FIRE_ATTR_TEXTS) fire_json_text(write, user, a->text ? a->text : "");
        else fire_print(write, user, "%s", a->text ? a->text : "[]");
        if ((number || a->type == FIRE_ATTR_INTS || a->type == FIRE_ATTR_FLOATS) && has_range(a)) {
            if (isfinite(a->min)) fire_print(write, user, ", \"min\": %s", fire_number_text(a->min, buf));
            if (isfinite(a->max)) fire_print(write, user, ", \"max\": %s", fire_number_text(a->max, buf));
        }
        if (a->choices) {
            fire_print(write, user, ", \"choices\": ");
            fire_json_text(write, user, a->choices);
        }
        fire_print(write, user, ", \"help\": ");
        fire_json_text(write, user, a->help ? a->help : "");
        fire_print(write, user, "}");
    }
    fire_print(write, user, "]");
}
