/* csv.c - CSV after RFC 4180: quoted fields, doubled quotes, line breaks inside quotes; any line ending; an optional header. */
#include "cli.h"
#include "error.h"
#include <math.h>
#include <string.h>

#define MOST_TEXT (64 << 20)   /* bytes of one record */
#define MOST_FIELDS (1 << 20)
#define MOST_CLASSES 100000

static fire_status fail_at(const cli_table *t, int64_t line, const char *what, fire_error *err) {
    return fire_fail(err, FIRE_E_DATA_FILE, "%s, line %lld: %s", t->src.shown, (long long)line, what);
}

static fire_status add_byte(cli_table *t, char c, fire_error *err) {
    if (t->text_size + 1 >= t->text_capacity) {
        if (t->text_size >= MOST_TEXT) return fail_at(t, t->line, "a record of more than 64 MiB; is a quote left open?", err);
        fire_status st = fire_grow(t->ctx, &t->text, &t->text_capacity, t->text_size + 4096, 1, err);
        if (st) return st;
    }
    t->text[t->text_size++] = c;
    return FIRE_OK;
}

static fire_status end_field(cli_table *t, int64_t begin, fire_error *err) {
    if (t->fields >= MOST_FIELDS) return fail_at(t, t->line, "more than 1,048,576 fields", err);
    fire_status st = fire_grow(t->ctx, &t->field, &t->field_capacity, t->fields + 1, sizeof *t->field, err);
    if (!st) st = add_byte(t, 0, err);
    if (!st) t->field[t->fields++] = begin;
    return st;
}

/* Read the next record into text and field; *more is false at the end of the file. `line` goes on counting. */
static fire_status record(cli_table *t, int64_t *line, bool *more, fire_error *err) {
    cli_source *s = &t->src;
    enum { START, PLAIN, QUOTED, QUOTE } state = START;
    int64_t begin = 0, opened = 0;
    fire_status st;
    t->text_size = t->fields = 0;
    t->line = *line;
    for (;;) {
        if (s->at == s->end && (st = cli_source_fill(s, 1, err))) return st;
        bool end = s->at == s->end;
        char c = end ? '\n' : (char)s->buf[s->at];
        if (!end) s->at++;
        if (!c) return fail_at(t, *line, "a zero byte; this is not a text file", err);
        if (end && state == QUOTED) return fail_at(t, opened, "a quote that opens here is never closed", err);
        if (state == QUOTED) {
            if (c == '\n') ++*line;
            if (c == '"') state = QUOTE;
            else if ((st = add_byte(t, c, err))) return st;
            continue;
        }
        if (state == QUOTE && c == '"') { /* doubled: one of it */
            if ((st = add_byte(t, c, err))) return st;
            state = QUOTED;
            continue;
        }
        if (c == '\r') { /* ends a line, alone or before a line feed */
            if (s->at == s->end && (st = cli_source_fill(s, 1, err))) return st;
            if (s->at < s->end && s->buf[s->at] == '\n') s->at++;
            c = '\n';
        }
        if (c == '\n') {
            bool empty = state == START && t->fields == 0;
            if (!end) ++*line;
            if (empty && end) {
                *more = false;
                return FIRE_OK;
            }
            if (empty) { /* blank lines are no records */
                t->line = *line;
                continue;
            }
            *more = true;
            return end_field(t, begin, err);
        }
        if (c == t->separator) {
            if ((st = end_field(t, begin, err))) return st;
            begin = t->text_size;
            state = START;
            continue;
        }
        if (state == QUOTE) return fail_at(t, *line, "text after a closing quote", err);
        if (c == '"' && state == START) {
            state = QUOTED;
            opened = *line;
            continue;
        }
        if (c == '"') return fail_at(t, *line, "a quote inside a field that does not begin with one", err);
        state = PLAIN;
        if ((st = add_byte(t, c, err))) return st;
    }
}

fire_status cli_csv_open(cli_table *t, int header, fire_error *err) {
    cli_source *s = &t->src;
    bool more;
    int64_t line = 1;
    if (s->end >= 3 && !memcmp(s->buf, "\xef\xbb\xbf", 3)) s->at = 3; /* a byte order mark */
    fire_status st = record(t, &line, &more, err);
    if (st) return st;
    if (!more) return fire_fail(err, FIRE_E_NO_ROWS, "%s is empty", s->shown);
    t->columns = t->fields;
    t->type = FIRE_F64;
    if (header < 0) { /* a first line of numbers is data; anything else names columns */
        header = 0;
        for (int64_t i = 0; i < t->fields; i++) {
            double v;
            const char *f = t->text + t->field[i];
            if (*f && !cli_number(f, &v)) header = 1;
        }
    }
    t->has_header = header;
    t->held = !header;
    if (header) {
        if (!(t->name = fire_alloc(t->ctx, (size_t)t->columns, sizeof *t->name, err))) return FIRE_NOMEM;
        for (int64_t i = 0; i < t->columns; i++)
            if (!(t->name[i] = fire_copy_text(t->ctx, t->text + t->field[i], err))) return FIRE_NOMEM;
    }
    t->rows_left = line; /* of a CSV: the line that comes next */
    return cli_table_pick(t, NULL, NULL, err);
}

static const char *column_text(const cli_table *t, int64_t column, char *to, size_t capacity) {
    char shown[80];
    if (t->name) snprintf(to, capacity, "'%s'", fire_escape(shown, sizeof shown, t->name[column], strlen(t->name[column])));
    else snprintf(to, capacity, "%lld", (long long)column + 1);
    return to;
}

static fire_status class_of(cli_table *t, const char *text, double *v, fire_error *err) {
    cli_classes *c = &t->classes;
    for (int64_t i = 0; i < c->n; i++)
        if (!strcmp(c->name[i], text)) {
            *v = (double)i;
            return FIRE_OK;
        }
    if (c->n >= MOST_CLASSES) return fire_fail(err, FIRE_E_LABEL, "%s, line %lld: more than %d different labels; is this column a label?", t->src.shown, (long long)t->line, MOST_CLASSES);
    fire_status st = fire_grow(t->ctx, &c->name, &c->capacity, c->n + 1, sizeof *c->name, err);
    if (st) return st;
    if (!(c->name[c->n] = fire_copy_text(t->ctx, text, err))) return FIRE_NOMEM;
    *v = (double)c->n++;
    return FIRE_OK;
}

/* The picked fields of the record as numbers. *keep is false when the row is to be left out. */
static fire_status numbers(cli_table *t, double *to, bool *keep, fire_error *err) {
    char column[100], shown[80];
    *keep = true;
    if (t->fields != t->columns)
        return fire_fail(err, FIRE_E_DATA_FILE, "%s, line %lld has %lld fields, expected %lld", t->src.shown, (long long)t->line, (long long)t->fields, (long long)t->columns);
    for (int64_t i = 0; i < t->n_pick; i++) {
        const char *f = t->text + t->field[t->pick[i]];
        bool label = i == t->label, empty = !f[strspn(f, " \t")];
        fire_status st;
        if (empty) {
            if (t->invalid == FIRE_INVALID_SKIP) *keep = false;
            else if (t->invalid == FIRE_INVALID_ERROR || label)
                return fire_fail(err, FIRE_E_NULL_VALUE, "%s, line %lld, column %s is empty; --invalid skip leaves such rows out", t->src.shown, (long long)t->line, column_text(t, t->pick[i], column, sizeof column));
            to[i] = NAN;
            continue;
        }
        bool number = cli_number(f, &to[i]);
        if (label && t->label_kind == CLI_LABEL_OPEN) t->label_kind = number ? CLI_LABEL_NUMBER : CLI_LABEL_TEXT;
        if (label && t->label_kind == CLI_LABEL_TEXT) {
            if ((st = class_of(t, f, &to[i], err))) return st;
            continue;
        }
        if (!number)
            return fire_fail(err, FIRE_E_DATA_FILE, "%s, line %lld, column %s: '%s' is not a number", t->src.shown, (long long)t->line, column_text(t, t->pick[i], column, sizeof column),
                             fire_escape(shown, sizeof shown, f, strlen(f)));
        if (isfinite(to[i])) continue;
        if (t->invalid == FIRE_INVALID_SKIP) *keep = false;
        else if (t->invalid == FIRE_INVALID_ERROR || label)
            return fire_fail(err, FIRE_E_NOT_FINITE, "%s, line %lld, column %s is %s; --invalid skip leaves such rows out", t->src.shown, (long long)t->line,
                             column_text(t, t->pick[i], column, sizeof column), fire_escape(shown, sizeof shown, f, strlen(f)));
    }
    return FIRE_OK;
}

fire_status cli_csv_next(cli_table *t, int64_t most, double *to, int64_t *rows, fire_error *err) {
    int64_t n = 0;
    while (n < most) {
        bool more = true, keep;
        fire_status st = t->held ? FIRE_OK : record(t, &t->rows_left, &more, err);
        if (st) return st;
        if (!more) break;
        t->held = false;
        if ((st = numbers(t, to + n * t->width, &keep, err))) return st;
        if (keep) n++;
        else t->skipped++;
    }
    *rows = n;
    return FIRE_OK;
}
