/* table.c - rows of numbers from a file: CSV, NPY or IDX, told apart by their first bytes. */
#include "cli.h"
#include "error.h"
#include <math.h>
#include <string.h>

fire_status cli_table_open(fire_context *ctx, const char *path, const cli_read *how, cli_table *t, fire_error *err) {
    *t = (cli_table){.ctx = ctx, .rows = -1, .label = -1, .separator = how->separator ? how->separator : ',', .invalid = how->invalid};
    fire_status st = cli_source_open(ctx, path, &t->src, err);
    if (st) return st;
    st = cli_source_fill(&t->src, 8, err);
    const uint8_t *b = t->src.buf;
    if (!st) {
        if (t->src.end >= 6 && !memcmp(b, "\x93NUMPY", 6)) {
            t->format = CLI_NPY;
            st = cli_npy_open(t, err);
        } else if (t->src.end >= 4 && b[0] == 0 && b[1] == 0) {
            t->format = CLI_IDX;
            st = cli_idx_open(t, err);
        } else {
            t->format = CLI_CSV;
            st = cli_csv_open(t, how->header, err);
        }
    }
    if (st) cli_table_close(t);
    return st;
}

void cli_table_close(cli_table *t) {
    cli_source_close(&t->src);
    if (!t->ctx) return;
    fire_free(t->ctx, t->text);
    fire_free(t->ctx, t->field);
    for (int64_t i = 0; t->name && i < t->columns; i++) fire_free(t->ctx, t->name[i]);
    fire_free(t->ctx, t->name);
    fire_free(t->ctx, t->pick);
    for (int64_t i = 0; i < t->classes.n; i++) fire_free(t->ctx, t->classes.name[i]);
    fire_free(t->ctx, t->classes.name);
    *t = (cli_table){0};
}

/* ---- choosing columns ---- */

/* The column with this name, or whose number (from 1) it is. */
static fire_status column_find(const cli_table *t, const char *name, int64_t *out, fire_error *err) {
    fire_near near = {.name = name};
    for (int64_t i = 0; t->name && i < t->columns; i++) {
        if (!strcmp(t->name[i], name)) {
            *out = i;
            return FIRE_OK;
        }
        fire_near_try(&near, t->name[i]);
    }
    int64_t number = 0;
    for (const char *p = name; *p >= '0' && *p <= '9' && number < t->columns * 10; p++) number = number * 10 + (*p - '0');
    if (name[0] && strspn(name, "0123456789") == strlen(name) && number >= 1 && number <= t->columns) {
        *out = number - 1;
        return FIRE_OK;
    }
    char shown[100], text[FIRE_NEAR_TEXT];
    fire_escape(shown, sizeof shown, name, strlen(name));
    if (!t->name) return fire_fail(err, FIRE_E_COLUMN_MISSING, "%s has no header and %lld columns, so '%s' is none of them; give a number from 1", t->src.shown, (long long)t->columns, shown);
    fire_near_text(&near, text);
    return fire_fail(err, FIRE_E_COLUMN_MISSING, "%s has no column '%s'%s", t->src.shown, shown, text[0] ? text : "; its first line names the columns");
}

fire_status cli_table_pick(cli_table *t, const char *features, const char *label, fire_error *err) {
    if (t->format != CLI_CSV) {
        if (features || label) return fire_fail(err, FIRE_E_USAGE, "%s has no named columns; --features and --label are for CSV", t->src.shown);
        return FIRE_OK;
    }
    int64_t target = -1;
    fire_status st = label ? column_find(t, label, &target, err) : FIRE_OK;
    fire_free(t->ctx, t->pick);
    t->pick = NULL;
    t->n_pick = 0;
    int64_t most = t->columns + 1;
    for (const char *p = features; p && *p; p++) most += *p == ',';
    if (!st && !(t->pick = fire_alloc(t->ctx, (size_t)most, sizeof *t->pick, err))) st = FIRE_NOMEM;
    if (st) return st;
    if (features) {
        for (const char *p = features; *p;) {
            char name[512];
            size_t n = strcspn(p, ",");
            if (n >= sizeof name) return fire_fail(err, FIRE_E_USAGE, "a column name of %zu bytes in --features", n);
            memcpy(name, p, n);
            name[n] = 0;
            if ((st = column_find(t, name, &t->pick[t->n_pick], err))) return st;
            if (t->pick[t->n_pick] == target) return fire_fail(err, FIRE_E_USAGE, "column '%s' is the label and cannot be a feature", label);
            t->n_pick++;
            p += n + (p[n] == ',');
        }
    } else
        for (int64_t i = 0; i < t->columns; i++)
            if (i != target) t->pick[t->n_pick++] = i;
    if (t->n_pick == 0) return fire_fail(err, FIRE_E_COLUMN_MISSING, "%s has no column left for the features", t->src.shown);
    if (label) {
        t->label = t->n_pick;
        t->pick[t->n_pick++] = target;
    }
    t->row = (fire_shape){1, {t->n_pick}};
    t->width = t->n_pick;
    return FIRE_OK;
}

/* ---- rows ---- */

fire_status cli_table_next(cli_table *t, int64_t most, void *to, int64_t *rows, fire_error *err) {
    fire_status st = t->format == CLI_CSV ? cli_csv_next(t, most, to, rows, err) : cli_array_next(t, most, to, rows, err);
    if (!st) t->given += *rows;
    return st;
}

int64_t cli_table_block(const cli_table *t) {
    int64_t bytes = t->width * (int64_t)fire_type_size(t->type), rows = bytes > 0 ? (8 << 20) / bytes : 4096;
    return rows < 1 ? 1 : rows;
}

fire_status cli_table_all(cli_table *t, void **data, int64_t *rows, fire_error *err) {
    uint8_t *all = NULL;
    int64_t capacity = 0, n = 0, got = 1, row = t->width * (int64_t)fire_type_size(t->type);
    fire_status st = FIRE_OK;
    while (!st && got > 0) {
        int64_t need = 0, block = cli_table_block(t);
        if (block > n + 64) block = n + 64; /* small files stay small */
        /* Only what came is believed, never what a header promises: the array grows as rows arrive. */
        if (!fire_mul(n + block, row, &need)) st = fire_fail(err, FIRE_E_NOMEM, "out of memory: %s has too many rows", t->src.shown);
        if (!st) st = fire_grow(t->ctx, &all, &capacity, need, 1, err);
        if (!st) st = cli_table_next(t, block, all + n * row, &got, err);
        if (!st) n += got;
    }
    if (st) {
        fire_free(t->ctx, all);
        return st;
    }
    *data = all;
    *rows = n;
    return FIRE_OK;
}

/* ---- numbers ---- */

bool cli_number(const char *text, double *v) {
    /* Plain decimals of up to 15 digits are exact as an integer divided by an exact power of ten; that is nearly all there are. */
    static const double power[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    while (*text == ' ' || *text == '\t') text++;
    const char *p = text + (*text == '-' || *text == '+');
    int64_t digits = 0;
    int n = 0, after = 0;
    for (; *p >= '0' && *p <= '9' && n < 16; p++, n++) digits = digits * 10 + (*p - '0');
    if (*p == '.')
        for (p++; *p >= '0' && *p <= '9' && n < 16; p++, n++, after++) digits = digits * 10 + (*p - '0');
    const char *rest = p;
    while (*rest == ' ' || *rest == '\t') rest++;
    if (!*rest && n > 0 && n < 16) {
        double x = (double)digits / power[after];
        *v = *text == '-' ? -x : x;
        return true;
    }
    if (fire_same_word(text, "true")) return *v = 1, true;
    if (fire_same_word(text, "false")) return *v = 0, true;
    char *end;
    if (!*text || strpbrk(text, "xXpP(")) return false; /* strtod's hexadecimals and nan(...) */
    *v = fire_number_read(text, &end);
    if (end == text) return false;
    while (*end == ' ' || *end == '\t') end++;
    return !*end;
}

fire_type cli_scaled_type(fire_type type, fire_type network) {
    if (network == FIRE_F64 || type == FIRE_F64 || type == FIRE_I64 || type == FIRE_I32) return FIRE_F64;
    return FIRE_F32;
}

void cli_scale(fire_type type, const void *from, fire_type to_type, void *to, int64_t n, double by) {
#define SCALE(T)                                                                                        \
    for (int64_t i = 0; i < n; i++) {                                                                   \
        if (to_type == FIRE_F32) ((float *)to)[i] = (float)((const T *)from)[i] / (float)by;            \
        else ((double *)to)[i] = (double)((const T *)from)[i] / by;                                     \
    }                                                                                                   \
    break;
    switch (type) {
    case FIRE_U8: case FIRE_BOOL: SCALE(uint8_t)
    case FIRE_I8: SCALE(int8_t)
    case FIRE_U16: SCALE(uint16_t)
    case FIRE_I16: SCALE(int16_t)
    case FIRE_I32: SCALE(int32_t)
    case FIRE_I64: SCALE(int64_t)
    case FIRE_F32: SCALE(float)
    case FIRE_F64: SCALE(double)
    default: break;
    }
#undef SCALE
}
