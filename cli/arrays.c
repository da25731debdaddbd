/* arrays.c - arrays of numbers in files, a row after the other: NPY and IDX (the format of MNIST).
**
** Headers are not believed: sizes are checked, and memory is taken for what arrives, not for what is promised. */
#include "cli.h"
#include "error.h"
#include "formats/npy.h"
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

/* ---- NPY ---- */

fire_status cli_npy_open(cli_table *t, fire_error *err) {
    uint8_t header[FIRE_NPY_MOST_HEADER + FIRE_NPY_HEAD];
    size_t n;
    fire_npy npy;
    fire_error why = {0};
    fire_status st = cli_source_read(&t->src, header, FIRE_NPY_HEAD, err);
    if (st) return st;
    if (!(st = fire_npy_header(header, &n, &why))) {
        if ((st = cli_source_read(&t->src, header + FIRE_NPY_HEAD, n - FIRE_NPY_HEAD, err))) return st;
        st = fire_npy_read(header, n, &npy, &why);
    }
    if (st) return fire_fail(err, why.code, "%s: %s", t->src.shown, why.message);
    if (npy.type == FIRE_NO_TYPE || npy.type > FIRE_F64 || npy.type == FIRE_F16)
        return fire_fail(err, FIRE_E_DATA_FILE, "%s: rows of %s are not read; use float32, float64, bool or a signed integer", t->src.shown, fire_type_text(npy.type));
    if (npy.fortran && npy.shape.rank > 1) return fire_fail(err, FIRE_E_DATA_FILE, "%s is in Fortran order; save numpy.ascontiguousarray(x)", t->src.shown);
    t->type = npy.type;
    t->swap = npy.swap;
    return set_shape(t, &npy.shape, err);
}

/* ---- rows of both ---- */

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
    if (t->swap) fire_swap_bytes(to, n * t->width, t->element);
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
