/* arrays.c - arrays of numbers in files: NPY (numpy.lib.format, versions 1 to 3) and IDX (the format of MNIST).
**
** Headers are not believed: sizes are checked, and memory is taken for what arrives, not for what is promised. */
#include "cli.h"
#include "error.h"
#include <math.h>
#include <string.h>

#define MOST_ROW ((int64_t)1 << 30) /* bytes of one row */

/* The shape is known: a row is everything but the first dimension. */
static fire_status set_shape(cli_table *t, const fire_shape *all, fire_error *err) {
    char text[FIRE_SHAPE_TEXT];
    int64_t bytes = 0;
    t->row = (fire_shape){.rank = all->rank > 0 ? all->rank - 1 : 0};
    for (int i = 0; i < t->row.rank; i++) t->row.dim[i] = all->dim[i + 1];
    t->width = fire_count(&t->row);
    if (all->rank == 0) return fire_fail(err, FIRE_E_DATA_FILE, "%s holds a single number, expected rows", t->src.shown);
    if (t->width == 0) return fire_fail(err, FIRE_E_DATA_FILE, "%s has shape %s: rows without numbers", t->src.shown, fire_shape_text(all, text));
    if (t->width < 0 || !fire_mul(t->width, 8, &bytes) || bytes > MOST_ROW)
        return fire_fail(err, FIRE_E_DATA_FILE, "%s has shape %s: rows of more than 1 GiB", t->src.shown, fire_shape_text(all, text));
    t->rows = t->rows_left = all->dim[0];
    t->element = fire_type_size(t->type);
    return FIRE_OK;
}

/* ---- IDX: 0, 0, type, rank, then the sizes and numbers, big-endian ---- */

fire_status cli_idx_open(cli_table *t, fire_error *err) {
    uint8_t head[4], size[4];
    fire_status st = cli_source_read(&t->src, head, 4, err);
    if (st) return st;
    switch (head[2]) {
    case 0x08: t->type = FIRE_U8; break;
    case 0x09: t->type = FIRE_I8; break;
    case 0x0B: t->type = FIRE_I16; break;
    case 0x0C: t->type = FIRE_I32; break;
    case 0x0D: t->type = FIRE_F32; break;
    case 0x0E: t->type = FIRE_F64; break;
    default: return fire_fail(err, FIRE_E_DATA_FILE, "%s: byte 2 is 0x%02X, which no IDX file has; it is neither CSV, NPY nor IDX", t->src.shown, head[2]);
    }
    if (head[3] < 1 || head[3] > FIRE_MAX_RANK) return fire_fail(err, FIRE_E_DATA_FILE, "%s: byte 3 says %d dimensions, expected 1 to %d", t->src.shown, head[3], FIRE_MAX_RANK);
    fire_shape all = {.rank = head[3]};
    for (int i = 0; i < all.rank; i++) {
        if ((st = cli_source_read(&t->src, size, 4, err))) return st;
        all.dim[i] = (int64_t)size[0] << 24 | size[1] << 16 | size[2] << 8 | size[3];
    }
    t->swap = true;
    return set_shape(t, &all, err);
}

/* ---- NPY: magic, version, length of the header, a Python dict as text, numbers ---- */

typedef struct dict { const char *at; cli_table *t; bool fortran, has_order, has_shape; fire_shape shape; } dict;

static void blanks(dict *d) { while (*d->at == ' ' || *d->at == '\t' || *d->at == '\n') d->at++; }
static bool take(dict *d, const char *word) {
    blanks(d);
    size_t n = strlen(word);
    if (strncmp(d->at, word, n)) return false;
    d->at += n;
    return true;
}

static bool text_of(dict *d, char *to, size_t capacity) {
    blanks(d);
    char quote = *d->at;
    if (quote != '\'' && quote != '"') return false;
    const char *end = strchr(d->at + 1, quote);
    if (!end || (size_t)(end - d->at) > capacity) return false;
    memcpy(to, d->at + 1, (size_t)(end - d->at - 1));
    to[end - d->at - 1] = 0;
    d->at = end + 1;
    return true;
}

static bool shape_of(dict *d) {
    if (!take(d, "(")) return false;
    d->shape.rank = 0;
    while (!take(d, ")")) {
        int64_t v = 0;
        blanks(d);
        if (*d->at < '0' || *d->at > '9' || d->shape.rank == FIRE_MAX_RANK) return false;
        for (; *d->at >= '0' && *d->at <= '9'; d->at++)
            if (!fire_mul(v, 10, &v) || !fire_add(v, *d->at - '0', &v)) return false;
        d->shape.dim[d->shape.rank++] = v;
        if (*d->at == 'L') d->at++; /* Python 2 */
        blanks(d);
        if (*d->at != ')' && !take(d, ",")) return false;
    }
    return d->has_shape = true;
}

static fire_status type_of(dict *d, fire_error *err) {
    static const struct { const char *text; fire_type type; } types[] = {{"f4", FIRE_F32}, {"f8", FIRE_F64}, {"u1", FIRE_U8}, {"i1", FIRE_I8}, {"u2", FIRE_U16},
                                                                         {"i2", FIRE_I16}, {"i4", FIRE_I32}, {"i8", FIRE_I64}, {"b1", FIRE_BOOL}};
    char text[40];
    if (!text_of(d, text, sizeof text)) return fire_fail(err, FIRE_E_DATA_FILE, "%s: the elements are no plain numbers; save an array of one number type", d->t->src.shown);
    char order = text[0];
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if ((order == '<' || order == '>' || order == '=' || order == '|') && !strcmp(text + 1, types[i].text)) {
            d->t->type = types[i].type;
            d->t->swap = order == '>' && text[2] != '1';
            return FIRE_OK;
        }
    char shown[60];
    return fire_fail(err, FIRE_E_DATA_FILE, "%s: elements of type '%s' are not read; use float32, float64, bool or an integer of up to 64 bits", d->t->src.shown,
                     fire_escape(shown, sizeof shown, text, strlen(text)));
}

fire_status cli_npy_open(cli_table *t, fire_error *err) {
    uint8_t head[12];
    char text[65536];
    fire_status st = cli_source_read(&t->src, head, 8, err);
    size_t n = 0;
    if (st) return st;
    if (head[6] < 1 || head[6] > 3) return fire_fail(err, FIRE_E_DATA_FILE, "%s is NPY of version %d, expected 1 to 3", t->src.shown, head[6]);
    if ((st = cli_source_read(&t->src, head + 8, head[6] == 1 ? 2 : 4, err))) return st;
    for (int i = head[6] == 1 ? 1 : 3; i >= 0; i--) n = n << 8 | head[8 + i];
    if (n >= sizeof text) return fire_fail(err, FIRE_E_DATA_FILE, "%s: a header of %zu bytes, expected less than 65536", t->src.shown, n);
    if ((st = cli_source_read(&t->src, text, n, err))) return st;
    text[n] = 0;
    dict d = {.at = text, .t = t};
    bool good = take(&d, "{");
    while (good && !take(&d, "}")) {
        char key[40];
        good = text_of(&d, key, sizeof key) && take(&d, ":");
        if (!good) break;
        if (!strcmp(key, "descr")) {
            if ((st = type_of(&d, err))) return st;
        } else if (!strcmp(key, "fortran_order")) {
            d.fortran = take(&d, "True");
            good = d.has_order = d.fortran || take(&d, "False");
        } else if (!strcmp(key, "shape")) good = shape_of(&d);
        else good = false;
        if (good && !take(&d, ",") && *d.at != '}') good = false;
    }
    if (!good || !t->type || !d.has_order || !d.has_shape)
        return fire_fail(err, FIRE_E_DATA_FILE, "%s: the NPY header cannot be read at byte %d", t->src.shown, (int)(d.at - text) + (head[6] == 1 ? 10 : 12));
    if (d.fortran && d.shape.rank > 1) return fire_fail(err, FIRE_E_DATA_FILE, "%s is in Fortran order; save numpy.ascontiguousarray(x)", t->src.shown);
    return set_shape(t, &d.shape, err);
}

/* ---- rows of both ---- */

static void swap_bytes(uint8_t *p, int64_t n, size_t size) {
    for (int64_t i = 0; i < n; i++, p += size)
        for (size_t k = 0; k < size / 2; k++) {
            uint8_t b = p[k];
            p[k] = p[size - 1 - k];
            p[size - 1 - k] = b;
        }
}

/* The first number of a row that is NaN or infinite, -1 when all are finite. */
static int64_t not_finite(const cli_table *t, const void *row) {
    for (int64_t i = 0; i < t->width; i++)
        if (t->type == FIRE_F32 ? !isfinite(((const float *)row)[i]) : !isfinite(((const double *)row)[i])) return i;
    return -1;
}

static fire_status next_block(cli_table *t, int64_t most, void *to, int64_t *rows, fire_error *err) {
    int64_t n = t->rows_left < most ? t->rows_left : most, bytes = n * t->width * (int64_t)t->element, kept = 0;
    fire_status st = cli_source_read(&t->src, to, (size_t)bytes, err);
    if (st) return st;
    if (t->swap) swap_bytes(to, n * t->width, t->element);
    t->rows_left -= n;
    if ((t->type != FIRE_F32 && t->type != FIRE_F64) || t->invalid == FIRE_INVALID_KEEP) {
        *rows = n;
        return FIRE_OK;
    }
    for (int64_t i = 0; i < n; i++) {
        uint8_t *row = (uint8_t *)to + i * t->width * (int64_t)t->element;
        int64_t bad = not_finite(t, row);
        if (bad >= 0 && t->invalid == FIRE_INVALID_ERROR)
            return fire_fail(err, FIRE_E_NOT_FINITE, "%s, row %lld, number %lld is NaN or infinite; --invalid skip leaves such rows out", t->src.shown,
                             (long long)(t->given + t->skipped + i), (long long)bad);
        if (bad >= 0) continue;
        if (kept < i) memmove((uint8_t *)to + kept * t->width * (int64_t)t->element, row, (size_t)(t->width * (int64_t)t->element));
        kept++;
    }
    t->skipped += n - kept;
    *rows = kept;
    return FIRE_OK;
}

fire_status cli_array_next(cli_table *t, int64_t most, void *to, int64_t *rows, fire_error *err) {
    fire_status st;
    do st = next_block(t, most, to, rows, err); while (!st && *rows == 0 && t->rows_left > 0); /* 0 would mean the end */
    return st;
}
