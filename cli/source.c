/* source.c - bytes of a file, plain or packed with gzip, through one buffer. */
#include "cli.h"
#include "error.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

fire_status cli_source_open(fire_context *ctx, const char *path, cli_source *s, fire_error *err) {
    *s = (cli_source){.ctx = ctx};
    fire_escape(s->shown, sizeof s->shown, strcmp(path, "-") ? path : "standard input", strcmp(path, "-") ? strlen(path) : 14);
    int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : dup(0);
    if (fd < 0) return fire_fail(err, FIRE_E_DATA_FILE, "cannot open %s: %s", s->shown, strerror(errno));
    gzFile gz = gzdopen(fd, "rb"); /* passes files through that are not packed */
    if (!gz) {
        close(fd);
        return fire_fail(err, FIRE_E_NOMEM, "out of memory");
    }
    gzbuffer(gz, 128 << 10);
    s->gz = gz;
    s->buf = fire_alloc(ctx, CLI_SOURCE_BUFFER, 1, err);
    if (s->buf) return FIRE_OK;
    cli_source_close(s);
    return FIRE_NOMEM;
}

void cli_source_close(cli_source *s) {
    if (s->gz) gzclose_r(s->gz);
    fire_free(s->ctx, s->buf);
    s->gz = NULL;
    s->buf = NULL;
}

static fire_status fail_read(cli_source *s, fire_error *err) {
    int number;
    const char *text = gzerror(s->gz, &number);
    return fire_fail(err, FIRE_E_DATA_FILE, "%s, near byte %lld: %s", s->shown, (long long)(s->offset + (int64_t)s->end), number == Z_ERRNO ? strerror(errno) : text);
}

static fire_status read_some(cli_source *s, void *to, size_t bytes, size_t *got, fire_error *err) {
    int n = gzread(s->gz, to, (unsigned)bytes);
    if (n < 0) return fail_read(s, err);
    if (n == 0) {
        int number;
        gzerror(s->gz, &number);
        if (number != Z_OK && number != Z_STREAM_END) return fail_read(s, err); /* a packed file that is cut short */
        s->finished = true;
    }
    *got = (size_t)n;
    return FIRE_OK;
}

fire_status cli_source_fill(cli_source *s, size_t least, fire_error *err) {
    if (s->end - s->at >= least) return FIRE_OK;
    memmove(s->buf, s->buf + s->at, s->end - s->at);
    s->offset += (int64_t)s->at;
    s->end -= s->at;
    s->at = 0;
    while (s->end < least && !s->finished) {
        size_t got = 0;
        fire_status st = read_some(s, s->buf + s->end, CLI_SOURCE_BUFFER - s->end, &got, err);
        if (st) return st;
        s->end += got;
    }
    return FIRE_OK;
}

fire_status cli_source_read(cli_source *s, void *to, size_t bytes, fire_error *err) {
    uint8_t *out = to;
    size_t wanted = bytes;
    while (bytes > 0) {
        fire_status st;
        size_t n = s->end - s->at < bytes ? s->end - s->at : bytes;
        if (n > 0) {
            memcpy(out, s->buf + s->at, n);
            s->at += n;
        } else if (bytes >= CLI_SOURCE_BUFFER && !s->finished) { /* large pieces go straight where they belong */
            s->offset += (int64_t)s->end;
            s->at = s->end = 0;
            if ((st = read_some(s, out, bytes < (1u << 30) ? bytes : 1u << 30, &n, err))) return st;
            s->offset += (int64_t)n;
        } else if ((st = cli_source_fill(s, 1, err))) return st;
        else if (s->end == s->at)
            return fire_fail(err, FIRE_E_DATA_FILE, "%s is cut short: it ends at byte %lld, %zu of %zu bytes are missing there", s->shown,
                             (long long)(s->offset + (int64_t)s->end), bytes, wanted);
        out += n;
        bytes -= n;
    }
    return FIRE_OK;
}
