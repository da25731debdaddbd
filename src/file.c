/* file.c - POSIX files behind fire_io, and whole files through it. */
#include "file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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

/* Private: what others write into the file may show or not, but nothing that we do reaches it. */
static int posix_map(void *user, void *file, size_t bytes, void **data) {
    void *p = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd_of(file), 0);
    if (p == MAP_FAILED) return -errno;
    *data = p;
    return 0;
}
static void posix_unmap(void *user, void *data, size_t bytes) { munmap(data, bytes); }

/* A file that never has a name where the file system can do that, and otherwise for a moment. */
static int nameless(const char *dir) {
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT)) return fd >= 0 ? fd : -errno;
    char path[4096];
    if (snprintf(path, sizeof path, "%s/firesteel-XXXXXX", dir) >= (int)sizeof path) return -ENAMETOOLONG;
    if ((fd = mkostemp(path, O_CLOEXEC)) < 0) return -errno;
    return unlink(path) ? (close(fd), -EIO) : fd;
}

static int posix_spill(void *user, const char *dir, size_t bytes, void **data, void **file) {
    int fd = nameless(dir), r;
    if (fd < 0) return fd;
    do r = -posix_fallocate(fd, 0, (off_t)bytes); while (r == -EINTR); /* a hole would be SIGBUS when the disk is full */
    void *p = r ? MAP_FAILED : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (!r && p == MAP_FAILED) r = -errno;
    if (r) close(fd);
    else *data = p, *file = (void *)((intptr_t)fd + 1);
    return r;
}
static void posix_forget(void *user, void *data, size_t bytes) { madvise(data, bytes, MADV_DONTNEED); } /* of a shared mapping: the file keeps it */

/* struct open_how of linux/openat2.h, which older systems lack. */
struct how { uint64_t flags, mode, resolve; };
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#define NO_SYMLINKS 0x04 /* RESOLVE_NO_SYMLINKS */
#define BENEATH 0x08     /* RESOLVE_BENEATH */
#define FOR_READING (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW) /* no waiting for a pipe's writer */

/* Component by component, for kernels before 5.6 and sandboxes without openat2. There is no ".." in path. */
static int walk_below(int dir, const char *path) {
    int at = dir;
    for (;;) {
        size_t n = strcspn(path, "/");
        char part[256];
        bool last = !path[n];
        if (n >= sizeof part) { if (at != dir) close(at); return -ENAMETOOLONG; }
        memcpy(part, path, n);
        part[n] = 0;
        int next = openat(at, n ? part : ".", last ? FOR_READING : O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), why = errno;
        if (at != dir) close(at);
        if (next < 0) return -why;
        if (last) return next;
        at = next;
        path += n + 1;
    }
}

static int posix_open_below(void *user, const char *dir, const char *path, void **file) {
    for (const char *p = path;; p++) { /* whatever the system does with them */
        size_t n = strcspn(p, "/");
        if (p == path && !n) return -EXDEV; /* absolute, or nothing */
        if (n == 2 && p[0] == '.' && p[1] == '.') return -EXDEV;
        if (!*(p += n)) break;
    }
    int base = open(*dir ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (base < 0) return -errno;
    struct how how = {.flags = FOR_READING, .resolve = NO_SYMLINKS | BENEATH};
    long fd = syscall(SYS_openat2, base, path, &how, sizeof how);
    if (fd < 0) fd = errno == ENOSYS || errno == EPERM ? walk_below(base, path) : -errno;
    close(base);
    if (fd < 0) return (int)fd;
    struct stat s;
    int r = fstat((int)fd, &s) ? -errno : S_ISREG(s.st_mode) ? 0 : -EINVAL;
    if (r) close((int)fd);
    else *file = (void *)((intptr_t)fd + 1);
    return r;
}

const fire_io fire_io_posix = {
    .open = posix_open, .size = posix_size, .read = posix_read, .write = posix_write, .sync = posix_sync, .close = posix_close,
    .rename = posix_rename, .remove = posix_remove, .make_dir = posix_make_dir, .sync_dir = posix_sync_dir,
    .map = posix_map, .unmap = posix_unmap, .open_below = posix_open_below,
    .spill = posix_spill, .forget = posix_forget,
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

/* Read or map what is open; closes it. */
static fire_status take(fire_context *ctx, void *file, const char *path, bool map, fire_contents *out, fire_error *err) {
    const fire_io *io = &ctx->io;
    fire_contents b = {0};
    fire_status s = FIRE_OK;
    int64_t n = io->size(io->user, file), r = 0;
    if (n < 0) s = fire_file_fail(err, FIRE_E_FILE_IO, "read", path, n);
    else if (map && io->map && io->unmap && n >= FIRE_MAP_FROM) {
        r = io->map(io->user, file, (size_t)n, &b.data);
        if (r) s = fire_file_fail(err, FIRE_E_FILE_IO, "map", path, r);
        b.size = (size_t)n;
        b.mapped = true;
    } else if (!(b.data = fire_alloc(ctx, (size_t)n + 1, 1, err))) s = FIRE_NOMEM;
    else if ((r = io->read(io->user, file, 0, b.data, (size_t)n)) < 0) s = fire_file_fail(err, FIRE_E_FILE_IO, "read", path, r);
    else b.size = (size_t)r; /* less than n when the file shrank meanwhile; the reader sees it as cut short */
    io->close(io->user, file); /* nothing was written: a failure here loses nothing */
    if (s) {
        if (!b.mapped) fire_free(ctx, b.data);
        return s;
    }
    *out = b;
    return FIRE_OK;
}

static fire_status open_and_take(fire_context *ctx, const char *path, bool map, fire_contents *out, fire_error *err) {
    void *file = NULL;
    int r = ctx->io.open(ctx->io.user, path, false, &file);
    return r ? fire_file_fail(err, FIRE_E_FILE_IO, "open", path, r) : take(ctx, file, path, map, out, err);
}

fire_status fire_file_read(fire_context *ctx, const char *path, void **bytes, size_t *size, fire_error *err) {
    fire_contents b;
    fire_status s = open_and_take(ctx, path, false, &b, err);
    if (!s) *bytes = b.data, *size = b.size;
    return s;
}

fire_status fire_file_map(fire_context *ctx, const char *path, fire_contents *out, fire_error *err) { return open_and_take(ctx, path, true, out, err); }

fire_status fire_file_map_below(fire_context *ctx, const char *dir, const char *path, fire_contents *out, fire_error *err) {
    void *file = NULL;
    int r = ctx->io.open_below ? ctx->io.open_below(ctx->io.user, dir, path, &file) : -ENOTSUP;
    if (r == -EXDEV || r == -ELOOP) {
        char name[300];
        return fire_fail(err, FIRE_E_FILE_IO, "'%s' leaves the model's folder or goes through a link", fire_escape(name, sizeof name, path, strlen(path)));
    }
    return r ? fire_file_fail(err, FIRE_E_FILE_IO, "open", path, r) : take(ctx, file, path, true, out, err);
}

void fire_contents_free(fire_context *ctx, fire_contents *b) {
    if (b->mapped) ctx->io.unmap(ctx->io.user, b->data, b->size);
    else fire_free(ctx, b->data);
    *b = (fire_contents){0};
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
