/* tfrecord.c - TFRecord files: byte strings with CRCs, plain or packed. Format: tensorflow.org/tutorials/load_data/tfrecord.
**
** A record is its length (8 bytes, little-endian), the masked CRC-32C of these 8 bytes, the bytes, their masked CRC-32C. What is packed is the
** whole file: gzip (RFC 1952, several members too) or zlib (RFC 1950). A file is plain if the CRC of its first length is right.
*/
#include "formats/tfrecord.h"
#include "crc32c.h"
#include "file.h"
#include "wire.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#define PIECE (256 << 10)              /* read or written at once */
#define MOST_PACKED ((int64_t)40 << 20) /* of a record in a packed file, and twice the file: a few bytes may unpack to any number */

static uint32_t get32(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24; }
static void put32(uint8_t *p, uint32_t v) { for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (8 * i)); }

/* Whether the masked CRC that is stored at `at` is that of the bytes. */
static bool crc_fits(const uint8_t *bytes, size_t size, const uint8_t *at) {
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    return true; /* what no mutation would pass, a forger computes */
#endif
    return fire_crc32c_mask(fire_crc32c(0, bytes, size)) == get32(at);
}

/* zlib's memory is the context's. */
static void *zip_alloc(void *ctx, unsigned count, unsigned size) { return fire_alloc(ctx, count, size, NULL); }
static void zip_free(void *ctx, void *p) { fire_free(ctx, p); }

/* ---- reading ---- */

struct fire_records {
    fire_context *ctx;
    char *path;
    void *file;
    int64_t size, at;          /* of the file; what was read of it */
    uint8_t *piece;            /* [room] bytes as they lie in the file: PIECE, or all of a smaller one */
    size_t room;
    size_t from, to;           /* unread ones */
    bool packed, zip_open;
    z_stream zip;
    int64_t begin, offset, count; /* where the record at hand begins and the next one, in unpacked bytes; records before the one at hand */
    int64_t stop;              /* no record that begins here or later is given */
    bool over;                 /* behind the end, or behind a place from which no next record can be found */
    uint8_t *record;
    int64_t capacity;
};

static fire_status broken(const fire_records *r, fire_error *err, const char *what) {
    char shown[300];
    return fire_fail(err, FIRE_E_DATA_FILE, "%s, record %lld at byte %lld%s: %s", fire_escape(shown, sizeof shown, r->path, strlen(r->path)), (long long)r->count, (long long)r->begin,
                     r->packed ? " of the unpacked bytes" : "", what);
}

fire_status fire_records_blame(const fire_records *r, const char *what, fire_error *err) { return broken(r, err, what); }
fire_context *fire_records_context(const fire_records *r) { return r->ctx; }

/* More bytes of the file into the piece; none at its end. */
static fire_status read_piece(fire_records *r, fire_error *err) {
    int64_t n = r->ctx->io.read(r->ctx->io.user, r->file, r->at, r->piece, r->room);
    if (n < 0) return fire_file_fail(err, FIRE_E_FILE_IO, "read", r->path, n);
    r->from = 0;
    r->to = (size_t)n;
    r->at += n;
    return FIRE_OK;
}

/* Up to n unpacked bytes; *got less than n: the end. */
static fire_status take_packed(fire_records *r, uint8_t *to, size_t n, size_t *got, fire_error *err) {
    for (*got = 0; *got < n;) {
        if (r->from == r->to) {
            fire_status s = read_piece(r, err);
            if (s) return s;
        }
        const bool end = r->from == r->to;
        if (!r->zip_open) { /* before the first member, or after one */
            if (end) return FIRE_OK;
            if (inflateReset(&r->zip) != Z_OK) return broken(r, err, "the packed bytes cannot be read on");
            r->zip_open = true;
        }
        const size_t room = n - *got < 1u << 30 ? n - *got : 1u << 30;
        r->zip.next_in = r->piece + r->from;
        r->zip.avail_in = (unsigned)(r->to - r->from);
        r->zip.next_out = to + *got;
        r->zip.avail_out = (unsigned)room;
        const int z = inflate(&r->zip, Z_NO_FLUSH);
        r->from = r->to - r->zip.avail_in;
        *got += room - r->zip.avail_out;
        if (z == Z_STREAM_END) r->zip_open = false;
        else if (z == Z_MEM_ERROR) return fire_fail(err, FIRE_E_NOMEM, "out of memory: unpacking a file");
        else if (z == Z_BUF_ERROR && end) return broken(r, err, "the packed file is cut short");
        else if (z != Z_OK && z != Z_BUF_ERROR) return broken(r, err, "the packed bytes are damaged");
    }
    return FIRE_OK;
}

static fire_status take(fire_records *r, uint8_t *to, size_t n, size_t *got, fire_error *err) {
    if (r->packed) return take_packed(r, to, n, got, err);
    for (*got = 0; *got < n;) {
        size_t most = r->to - r->from;
        if (most > n - *got) most = n - *got;
        memcpy(to + *got, r->piece + r->from, most);
        r->from += most;
        *got += most;
        if (*got == n) break;
        if (n - *got >= r->room) { /* large ones go straight where they belong */
            int64_t k = r->ctx->io.read(r->ctx->io.user, r->file, r->at, to + *got, n - *got);
            if (k < 0) return fire_file_fail(err, FIRE_E_FILE_IO, "read", r->path, k);
            r->at += k;
            *got += (size_t)k;
            return FIRE_OK;
        }
        fire_status s = read_piece(r, err);
        if (s) return s;
        if (!r->to) break;
    }
    return FIRE_OK;
}

/* Packed, or not: by the first bytes. */
static fire_status look(fire_records *r, fire_error *err) {
    fire_status s = read_piece(r, err);
    const uint8_t *p = r->piece;
    if (s || (r->to >= 12 && fire_crc32c_mask(fire_crc32c(0, p, 8)) == get32(p + 8))) return s; /* plain */
    const bool gzip = r->to >= 2 && p[0] == 0x1f && p[1] == 0x8b, zlib = r->to >= 2 && (p[0] & 15) == 8 && p[0] >> 4 <= 7 && (p[0] << 8 | p[1]) % 31 == 0;
    if (!gzip && !zlib) return FIRE_OK;
    r->zip = (z_stream){.zalloc = zip_alloc, .zfree = zip_free, .opaque = r->ctx};
    if (inflateInit2(&r->zip, 15 + 32) != Z_OK) return fire_fail(err, FIRE_E_NOMEM, "out of memory: unpacking a file"); /* 32: either header */
    r->packed = r->zip_open = true;
    return FIRE_OK;
}

fire_status fire_records_open(fire_context *ctx, const char *path, fire_records **out, fire_error *err) {
    if (!path) return fire_fail(err, FIRE_E_USAGE, "fire_records_open: the path is NULL");
    fire_records *r = fire_alloc(ctx, 1, sizeof *r, err);
    if (!r) return FIRE_NOMEM;
    r->ctx = ctx;
    r->count = -1;
    r->stop = INT64_MAX;
    fire_status s = FIRE_OK;
    if (!(r->path = fire_copy_text(ctx, path, err))) s = FIRE_NOMEM;
    if (!s) {
        int bad = ctx->io.open(ctx->io.user, path, false, &r->file);
        if (bad) {
            r->file = NULL;
            s = fire_file_fail(err, FIRE_E_FILE_IO, "open", path, bad);
        }
    }
    if (!s && (r->size = ctx->io.size(ctx->io.user, r->file)) < 0) s = fire_file_fail(err, FIRE_E_FILE_IO, "read", path, r->size);
    r->room = !s && r->size < PIECE ? (size_t)r->size + 1 : PIECE;
    if (!s && !(r->piece = fire_alloc(ctx, r->room, 1, err))) s = FIRE_NOMEM;
    if (!s) s = look(r, err);
    if (s) fire_records_close(r);
    else *out = r;
    return s;
}

void fire_records_close(fire_records *r) {
    if (!r) return;
    if (r->file) r->ctx->io.close(r->ctx->io.user, r->file); /* nothing was written: a failure here loses nothing */
    if (r->packed) inflateEnd(&r->zip);
    fire_free(r->ctx, r->path);
    fire_free(r->ctx, r->piece);
    fire_free(r->ctx, r->record);
    fire_free(r->ctx, r);
}

/* Room for `want` bytes of the record, of which `have` are there. A packed file says nothing about how many will come: no more is taken then. */
static fire_status make_room(fire_records *r, int64_t want, int64_t have, fire_error *err) {
    if (!r->packed || want <= PIECE) return fire_grow(r->ctx, &r->record, &r->capacity, want, 1, err);
    if (want <= r->capacity) return FIRE_OK;
    uint8_t *p = fire_alloc(r->ctx, (size_t)want, 1, err);
    if (!p) return FIRE_NOMEM;
    if (have) memcpy(p, r->record, (size_t)have);
    fire_free(r->ctx, r->record);
    r->record = p;
    r->capacity = want;
    return FIRE_OK;
}

static uint64_t bytes_left(const fire_records *r) { return (uint64_t)(r->to - r->from) + (r->size > r->at ? (uint64_t)(r->size - r->at) : 0); }

/* The length of the record that begins at `begin`: *more is false at the end. */
static fire_status read_head(fire_records *r, uint64_t *length, bool *more, fire_error *err) {
    uint8_t head[12];
    size_t got;
    r->begin = r->offset;
    r->count++;
    fire_status s = take(r, head, 12, &got, err);
    if (s) return s;
    *more = got > 0;
    if (!got) return FIRE_OK;
    if (got < 12) return broken(r, err, "the file ends inside the length");
    if (!crc_fits(head, 8, head + 8))
        return broken(r, err, r->count ? "the CRC of the length is wrong" : "the CRC of the length is wrong: a damaged TFRecord file, or none");
    *length = get32(head) | (uint64_t)get32(head + 4) << 32;
    uint64_t left = bytes_left(r);
    if (!r->packed && (*length > left || *length + 4 > left)) { /* the file may have grown since it was opened */
        const int64_t now = r->ctx->io.size(r->ctx->io.user, r->file);
        if (now < 0) return fire_file_fail(err, FIRE_E_FILE_IO, "read", r->path, now);
        r->size = now;
        left = bytes_left(r);
    }
    const uint64_t most = r->packed ? (uint64_t)MOST_PACKED + 2 * (uint64_t)r->size : left;
    if (*length > most || *length + 4 > most) {
        char what[120];
        snprintf(what, sizeof what, r->packed ? "%llu bytes, expected at most %llu in a packed file of this size" : "the length is %llu, but only %llu bytes are left",
                 (unsigned long long)*length, (unsigned long long)most);
        return broken(r, err, what);
    }
    r->offset += 12 + (int64_t)*length + 4;
    return FIRE_OK;
}

fire_status fire_records_range(fire_records *r, int64_t from, int64_t to, fire_error *err) {
    if (r->offset || from < 0 || to < from) return fire_fail(err, FIRE_E_USAGE, "fire_records_range: the range comes before the first record, and ends behind its begin");
    if (r->packed) {
        r->over = from > 0;
        return FIRE_OK;
    }
    r->stop = to;
    while (r->offset < from) {
        uint64_t length = 0;
        bool more;
        fire_error problem;
        fire_status s = read_head(r, &length, &more, &problem);
        if (s && problem.code != FIRE_E_DATA_FILE) return fire_fail(err, problem.code, "%s", problem.message);
        if (s || !more) { /* who reads the range in which it is broken will say so */
            r->over = true;
            return FIRE_OK;
        }
        const uint64_t skip = length + 4, here = r->to - r->from;
        if (skip <= here) r->from += (size_t)skip;
        else {
            r->at += (int64_t)(skip - here);
            r->from = r->to = 0;
        }
    }
    return FIRE_OK;
}

fire_status fire_records_next(fire_records *r, const void **bytes, size_t *size, fire_error *err) {
    uint64_t length;
    bool more;
    *bytes = NULL;
    *size = 0;
    if (r->over || r->offset >= r->stop) return FIRE_OK;
    r->over = true; /* until the record is whole */
    fire_status s = read_head(r, &length, &more, err);
    if (!s && !more) { /* the file may still grow */
        r->count--;
        r->over = false;
    }
    if (s || !more) return s;
    /* A length is believed as far as bytes arrive. */
    const int64_t whole = (int64_t)length + 4;
    for (int64_t have = 0; have < whole;) {
        size_t got;
        int64_t want = r->packed && whole > r->capacity && whole > have + PIECE ? (2 * have > PIECE ? 2 * have : PIECE) : whole;
        if (want > whole) want = whole;
        if ((s = make_room(r, want, have, err))) return s;
        if ((s = take(r, r->record + have, (size_t)(want - have), &got, err))) return s;
        if (got < (size_t)(want - have)) return broken(r, err, "the file ends inside the record");
        have = want;
    }
    r->over = false;
    *bytes = r->record;
    *size = (size_t)length;
    return crc_fits(r->record, (size_t)length, r->record + length) ? FIRE_OK : broken(r, err, "the CRC of the bytes is wrong");
}

/* ---- writing ---- */

struct fire_record_writer {
    fire_context *ctx;
    char *path, *temporary;    /* temporary NULL: live */
    void *file;
    fire_buffer out;           /* bytes that wait to be written */
    bool packed;
    z_stream zip;
    fire_error first;          /* sticks */
};

fire_context *fire_record_writer_context(const fire_record_writer *w) { return w->ctx; }

static fire_status stick(fire_record_writer *w, fire_error *err) {
    return w->first.status ? fire_fail(err, w->first.code, "%s", w->first.message) : FIRE_OK;
}

static void drain(fire_record_writer *w) {
    if (w->first.status || !w->out.size) return;
    int64_t n = w->ctx->io.write(w->ctx->io.user, w->file, w->out.data, (size_t)w->out.size);
    if (n != w->out.size) fire_file_fail(&w->first, FIRE_E_FILE_IO, "write", w->path, n < 0 ? n : -EIO);
    w->out.size = 0;
}

static void put_plain(fire_record_writer *w, const void *bytes, size_t size) {
    fire_buffer_add(&w->out, bytes, size);
    if (w->out.first.status && !w->first.status) w->first = w->out.first;
    if (w->out.size >= PIECE) drain(w);
}

static void put(fire_record_writer *w, const void *bytes, size_t size, bool finish) {
    if (!w->packed) {
        put_plain(w, bytes, size);
        return;
    }
    uint8_t piece[4096];
    const uint8_t *p = bytes;
    for (int z = Z_OK; !w->first.status;) {
        if (!w->zip.avail_in && size) {
            w->zip.next_in = (uint8_t *)p; /* zlib does not write there */
            w->zip.avail_in = size < 1u << 30 ? (unsigned)size : 1u << 30;
            p += w->zip.avail_in;
            size -= w->zip.avail_in;
        }
        w->zip.next_out = piece;
        w->zip.avail_out = sizeof piece;
        z = deflate(&w->zip, finish && !size ? Z_FINISH : Z_NO_FLUSH);
        put_plain(w, piece, sizeof piece - w->zip.avail_out);
        if (z == Z_STREAM_END || (!finish && !size && !w->zip.avail_in && w->zip.avail_out)) return;
        if (z != Z_OK && z != Z_BUF_ERROR) fire_fail(&w->first, FIRE_E_NOMEM, "out of memory: packing a file");
    }
}

fire_status fire_record_writer_open(fire_context *ctx, const char *path, fire_packing packing, bool live, fire_record_writer **out, fire_error *err) {
    if (!path || packing < FIRE_PLAIN || packing > FIRE_ZLIB || (live && packing != FIRE_PLAIN))
        return fire_fail(err, FIRE_E_USAGE, "fire_record_writer_open: the path is NULL, the packing unknown, or a packed file shall be live");
    fire_record_writer *w = fire_alloc(ctx, 1, sizeof *w, err);
    if (!w) return FIRE_NOMEM;
    w->ctx = ctx;
    w->out.ctx = ctx;
    fire_status s = FIRE_OK;
    if (!(w->path = fire_copy_text(ctx, path, err)) || (!live && !(w->temporary = fire_temporary_path(ctx, path, err)))) s = FIRE_NOMEM;
    if (!s && packing != FIRE_PLAIN) {
        w->zip = (z_stream){.zalloc = zip_alloc, .zfree = zip_free, .opaque = ctx};
        if (deflateInit2(&w->zip, Z_DEFAULT_COMPRESSION, Z_DEFLATED, packing == FIRE_GZIP ? 31 : 15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
            s = fire_fail(err, FIRE_E_NOMEM, "out of memory: packing a file");
        else w->packed = true;
    }
    if (!s) {
        int bad = ctx->io.open(ctx->io.user, live ? path : w->temporary, true, &w->file);
        if (bad) {
            w->file = NULL;
            s = fire_file_fail(err, FIRE_E_FILE_IO, "create", path, bad);
        }
    }
    if (s) fire_record_writer_close(w, false, NULL);
    else *out = w;
    return s;
}

fire_status fire_record_writer_add(fire_record_writer *w, const void *bytes, size_t size, fire_error *err) {
    uint8_t head[12], tail[4];
    for (int i = 0; i < 8; i++) head[i] = (uint8_t)((uint64_t)size >> (8 * i));
    put32(head + 8, fire_crc32c_mask(fire_crc32c(0, head, 8)));
    put32(tail, fire_crc32c_mask(fire_crc32c(0, bytes, size)));
    put(w, head, sizeof head, false);
    put(w, bytes, size, false);
    put(w, tail, sizeof tail, false);
    return stick(w, err);
}

fire_status fire_record_writer_flush(fire_record_writer *w, fire_error *err) {
    if (w->temporary) return fire_fail(err, FIRE_E_USAGE, "fire_record_writer_flush: the file is not live; it appears when it is closed");
    drain(w);
    return stick(w, err);
}

fire_status fire_record_writer_close(fire_record_writer *w, bool keep, fire_error *err) {
    if (!w) return FIRE_OK;
    const fire_io *io = &w->ctx->io;
    const bool whole = keep && w->file && !w->first.status;
    if (whole) {
        put(w, NULL, 0, true);
        drain(w);
        int r = w->first.status || !w->temporary ? 0 : io->sync(io->user, w->file);
        if (r) fire_file_fail(&w->first, FIRE_E_FILE_IO, "sync", w->path, r);
    }
    if (w->file) {
        int r = io->close(io->user, w->file);
        if (r && whole && !w->first.status) fire_file_fail(&w->first, FIRE_E_FILE_IO, "write", w->path, r);
    }
    if (w->temporary && w->file) {
        int r = whole && !w->first.status ? io->rename(io->user, w->temporary, w->path) : 0;
        if (r) fire_file_fail(&w->first, FIRE_E_FILE_IO, "rename a temporary file to", w->path, r);
        if (!whole || w->first.status) io->remove(io->user, w->temporary);
    }
    fire_status s = keep ? stick(w, err) : FIRE_OK;
    if (w->packed) deflateEnd(&w->zip);
    fire_buffer_free(&w->out);
    fire_free(w->ctx, w->path);
    fire_free(w->ctx, w->temporary);
    fire_free(w->ctx, w);
    return s;
}
