/* output.c - results as CSV or NPY. A file appears complete under its name, or not at all. */
#include "cli.h"
#include "error.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static fire_status fail_write(const cli_writer *w, fire_error *err) {
    char shown[200];
    const char *path = w->path ? w->path : "standard output";
    return fire_fail(err, FIRE_E_FILE_IO, "cannot write %s: %s", fire_escape(shown, sizeof shown, path, strlen(path)), strerror(errno));
}

/* The header of an NPY file always takes 128 bytes, so that the number of rows can be filled in at the end. */
static bool npy_header(cli_writer *w) {
    char text[300], shape[100];
    int at = snprintf(shape, sizeof shape, "(%lld,", (long long)w->rows);
    for (int i = 0; i < w->row.rank && at < (int)sizeof shape - 1; i++) at += snprintf(shape + at, sizeof shape - (size_t)at, i ? ", %lld" : " %lld", (long long)w->row.dim[i]);
    if (at < (int)sizeof shape - 1) snprintf(shape + at, sizeof shape - (size_t)at, ")");
    int n = snprintf(text, sizeof text, "{'descr': '<f%zu', 'fortran_order': False, 'shape': %s, }", fire_type_size(w->type), shape);
    if (n < 0 || n > 117 || at >= (int)sizeof shape - 1) return false;
    memset(text + n, ' ', (size_t)(117 - n));
    text[117] = '\n';
    return fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, w->file) == 10 && fwrite(text, 1, 118, w->file) == 118;
}

fire_status cli_writer_open(fire_context *ctx, const char *path, fire_type type, const fire_shape *row, cli_writer *w, fire_error *err) {
    *w = (cli_writer){.ctx = ctx, .type = type, .row = *row};
    size_t n = path ? strlen(path) : 0;
    w->npy = n > 4 && !strcmp(path + n - 4, ".npy");
    if (!path || !strcmp(path, "-")) {
        w->file = stdout;
        return FIRE_OK;
    }
    struct stat st;
    bool in_place = stat(path, &st) == 0 && !S_ISREG(st.st_mode); /* /dev/null, a pipe */
    w->path = fire_copy_text(ctx, path, err);
    w->temporary = w->path && !in_place ? fire_alloc(ctx, n + 32, 1, err) : NULL;
    if (!w->path || (!in_place && !w->temporary)) {
        cli_writer_close(w, false, NULL);
        return FIRE_NOMEM;
    }
    if (w->temporary) snprintf(w->temporary, n + 32, "%s.%ld.tmp", path, (long)getpid());
    w->file = fopen(w->temporary ? w->temporary : path, "wb");
    fire_status status = !w->file || (w->npy && !npy_header(w)) ? fail_write(w, err) : FIRE_OK;
    if (status) cli_writer_close(w, false, NULL);
    return status;
}

void cli_writer_number(cli_writer *w, double v) {
    char buf[FIRE_NUMBER_TEXT];
    if (w->type == FIRE_F32) {
        for (int digits = 6; digits <= 9; digits++) {
            snprintf(buf, sizeof buf, "%.*g", digits, v);
            if (strtof(buf, NULL) == (float)v) break;
        }
        fputs(buf, w->file);
    } else fputs(fire_number_text(v, buf), w->file);
}

void cli_writer_text(cli_writer *w, const char *text) {
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, w->file);
        return;
    }
    fputc('"', w->file);
    for (; *text; text++) {
        if (*text == '"') fputc('"', w->file);
        fputc(*text, w->file);
    }
    fputc('"', w->file);
}

fire_status cli_writer_rows(cli_writer *w, const void *data, int64_t rows, fire_error *err) {
    size_t n = (size_t)(rows * fire_count(&w->row)) * fire_type_size(w->type);
    w->rows += rows;
    return fwrite(data, 1, n, w->file) == n ? FIRE_OK : fail_write(w, err);
}

fire_status cli_writer_close(cli_writer *w, bool ok, fire_error *err) {
    fire_status st = FIRE_OK;
    if (w->file && ok && w->npy && (fseek(w->file, 0, SEEK_SET) != 0 || !npy_header(w))) st = fail_write(w, err);
    if (w->file && !st && ok && (fflush(w->file) != 0 || ferror(w->file))) st = fail_write(w, err);
    if (w->file && w->file != stdout && fclose(w->file) != 0 && ok && !st) st = fail_write(w, err);
    if (w->temporary && ok && !st && rename(w->temporary, w->path) != 0) st = fail_write(w, err);
    if (w->temporary && (!ok || st)) unlink(w->temporary);
    if (w->ctx) {
        fire_free(w->ctx, w->path);
        fire_free(w->ctx, w->temporary);
    }
    *w = (cli_writer){0};
    return st;
}
