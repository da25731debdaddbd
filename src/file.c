/* file.c - POSIX files behind fire_io, and whole files through it. */
#include "file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- the default hooks; a file handle is its descriptor plus one, so that 0 is never NULL ---- */

static int fd_of(void *file) { return (int)((intptr_t)file - 1); }

static int posix_open(void *user, const char *path, bool write, void **file) {
    int fd;
    do fd = open(path, (write ? O_WRONLY | O_CREAT | O_TRUNC : O_RDONLY) | O_CLOEXEC, 0666);
    while (fd < 0 && errno == EINTR);
    if (fd < 0) return -errno;
    *file = (void *)((intptr_t)fd + 1);
    return 0;
}
static int64_t posix_size(void *user, void *file) {
    struct stat s;
    if (fstat(fd_of(file), &s)) return -errno;
    return S_ISDIR(s.st_mode) ? -EISDIR : (int64_t)s.st_size;
}
static int64_t posix_read(void *user, void *file, int64_t offset, void *to, size_t bytes) {
    size_t done = 0;
    while (done < bytes) {
        ssize_t n = pread(fd_of(file), (char *)to + done, bytes - done, (off_t)(offset + (int64_t)done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -errno;
        if (n == 0) break;
        done += (size_t)n;
    }
    return (int64_t)done;
}
static int64_t posix_write(void *user, void *file, const void *from, size_t bytes) {
    size_t done = 0;
    while (done < bytes) {
        ssize_t n = write(fd_of(file), (const char *)from + done, bytes - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -errno;
        done += (size_t)n;
    }
    return (int64_t)done;
}
/* Some file systems cannot sync a folder or a pipe; EINVAL says so, and there is nothing more to do then. */
static int posix_sync(void *user, void *file) { return fsync(fd_of(file)) && errno != EINVAL ? -errno : 0; }
static int posix_close(void *user, void *file) { return close(fd_of(file)) && errno != EINTR ? -errno : 0; }
static int posix_rename(void *user, const char *from, const char *to) { return rename(from, to) ? -errno : 0; }
static int posix_remove(void *user, const char *path) { return remove(path) ? -errno : 0; }
static int posix_make_dir(void *user, const char *path) { return mkdir(path, 0777) ? -errno : 0; }
static int posix_sync_dir(void *user, const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -errno;
    int r = fsync(fd) && errno != EINVAL ? -errno : 0;
    close(fd);
    return r;
}

const fire_io fire_io_posix = {
    .open = posix_open, .size = posix_size, .read = posix_read, .write = posix_write, .sync = posix_sync, .close = posix_close,
    .rename = posix_rename, .remove = posix_remove, .make_dir = posix_make_dir, .sync_dir = posix_sync_dir,
};

/* ---- whole files ---- */

fire_status fire_file_fail(fire_error *err, int32_t code, const char *verb, const char *path, int64_t minus_errno) {
    char name[512];
    const char *why = strerrordesc_np((int)-minus_errno);
    return fire_fail(err, code, "cannot %s '%s': %s", verb, fire_escape(name, sizeof name, path, strlen(path)), why ? why : "unknown error");
}

char *fire_path_join(fire_context *ctx, const char *dir, const char *name, fire_error *err) {
    size_t a = strlen(dir), b = strlen(name);
    char *p = fire_alloc(ctx, a + b + 2, 1, err);
    if (!p) return NULL;
    memcpy(p, dir, a);
    if (a && dir[a - 1] != '/') p[a++] = '/';
    memcpy(p + a, name, b + 1);
    return p;
}

fire_status fire_dir_make(fire_context *ctx, const char *path, fire_error *err) {
    int r = ctx->io.make_dir(ctx->io.user, path);
    return r && r != -EEXIST ? fire_file_fail(err, FIRE_E_FILE_IO, "make folder", path, r) : FIRE_OK;
}

fire_status fire_file_read(fire_context *ctx, const char *path, void **bytes, size_t *size, fire_error *err) {
    const fire_io *io = &ctx->io;
    void *file = NULL;
    char *p = NULL;
    fire_status s = FIRE_OK;
    int r = io->open(io->user, path, false, &file);
    if (r) return fire_file_fail(err, FIRE_E_FILE_IO, "open", path, r);
    int64_t n = io->size(io->user, file), got = 0;
    if (n < 0) s = fire_file_fail(err, FIRE_E_FILE_IO, "read", path, n);
    else if (!(p = fire_alloc(ctx, (size_t)n + 1, 1, err))) s = FIRE_NOMEM;
    else if ((got = io->read(io->user, file, 0, p, (size_t)n)) < 0) s = fire_file_fail(err, FIRE_E_FILE_IO, "read", path, got);
    io->close(io->user, file); /* nothing was written: a failure here loses nothing */
    if (s) { fire_free(ctx, p); return s; }
    *bytes = p;
    *size = (size_t)got; /* less than n when the file shrank meanwhile; the reader sees it as cut short */
    return FIRE_OK;
}

char *fire_temporary_path(fire_context *ctx, const char *path, fire_error *err) {
    size_t capacity = strlen(path) + 64;
    char *p = fire_alloc(ctx, capacity, 1, err);
    if (!p) return NULL;
    /* Two writers of one path, in one process or two, must not meet in one temporary file. */
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    snprintf(p, capacity, "%s.%ld-%llx.tmp", path, (long)getpid(), (unsigned long long)t.tv_sec * 1000000000u + (unsigned long long)t.tv_nsec + (uintptr_t)p);
    return p;
}

fire_status fire_file_write(fire_context *ctx, const char *path, int n, const fire_piece *piece, fire_error *err) {
    const fire_io *io = &ctx->io;
    size_t length = strlen(path);
    char *temporary = fire_temporary_path(ctx, path, err), *dir = fire_alloc(ctx, length + 2, 1, err);
    void *file = NULL;
    int64_t r = FIRE_OK;
    const char *verb = "write";
    if (!temporary || !dir) { fire_free(ctx, temporary); fire_free(ctx, dir); return FIRE_NOMEM; }
    const char *slash = strrchr(path, '/');
    if (!slash) memcpy(dir, ".", 2);
    else memcpy(dir, path, slash == path ? 1 : (size_t)(slash - path));
    r = io->open(io->user, temporary, true, &file);
    if (r) verb = "create";
    else {
        for (int i = 0; i < n && !r; i++)
            if (piece[i].bytes) {
                int64_t w = io->write(io->user, file, piece[i].data, piece[i].bytes);
                r = w < 0 ? w : (size_t)w != piece[i].bytes ? -EIO : 0;
            }
        if (!r && (r = io->sync(io->user, file))) verb = "sync";
        int c = io->close(io->user, file);
        if (!r) r = c;
        if (!r && (r = io->rename(io->user, temporary, path))) verb = "rename a temporary file to";
        if (r) io->remove(io->user, temporary);
        else if ((r = io->sync_dir(io->user, dir))) verb = "sync the folder of";
    }
    fire_free(ctx, temporary);
    fire_free(ctx, dir);
    return r ? fire_file_fail(err, FIRE_E_FILE_IO, verb, path, r) : FIRE_OK;
}
