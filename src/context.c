/* context.c - memory, CPU features, small checked helpers. */
#include "context.h"
#include "file.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined __x86_64__ || defined __i386__
#include <cpuid.h>
#endif

const char *fire_version(void) { return FIRE_VERSION; }

size_t fire_type_size(fire_type t) {
    switch (t) {
    case FIRE_U8: case FIRE_I8: case FIRE_BOOL: return 1;
    case FIRE_U16: case FIRE_I16: case FIRE_F16: case FIRE_BF16: return 2;
    case FIRE_F32: case FIRE_I32: case FIRE_U32: return 4;
    case FIRE_F64: case FIRE_I64: case FIRE_U64: return 8;
    default: return t >= FIRE_F8_E4M3FN && t <= FIRE_F6_E3M2;
    }
}

/* ---- context ---- */

static void *default_alloc(void *user, size_t bytes, size_t align) {
    /* aligned_alloc wants a multiple of the alignment; our callers never come near SIZE_MAX. */
    return bytes > SIZE_MAX - align ? NULL : aligned_alloc(align, (bytes + align - 1) / align * align);
}
static void default_free(void *user, void *p) { free(p); }

/* The best instruction set that the CPU has and the operating system saves (the builtin checks XGETBV). */
static fire_isa cpu_isa(void) {
#if defined __x86_64__ || defined __i386__
    __builtin_cpu_init();
    unsigned a, b, c, d; /* clang before 16 does not know "f16c": leaf 1, ECX bit 29 */
    bool f16c = __get_cpuid(1, &a, &b, &c, &d) && (c >> 29 & 1);
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && f16c;
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    return avx2 && avx512 ? FIRE_ISA_AVX512 : avx2 ? FIRE_ISA_AVX2 : FIRE_ISA_BASE;
#else
    return FIRE_ISA_BASE;
#endif
}

/* Before each block stands its size, so that the context knows what it has given, and whether it lies on disk; as long as the alignment. */
#define HEADER 64
typedef struct block { size_t whole; bool spilled; void *file; } block;

fire_status fire_context_new(const fire_config *config, fire_context **out, fire_error *err) {
    fire_config c = {.size = sizeof c};
    if (config) {
        /* A caller built against an older header gives a shorter struct: what it lacks stays zero. */
        if (config->size == 0 || config->size > sizeof c)
            return fire_fail(err, FIRE_E_USAGE, "fire_context_new: config.size is %zu, expected at most %zu; set it to sizeof(fire_config)",
                             config->size, sizeof c);
        memcpy(&c, config, config->size);
    }
    if (c.threads < 0 || c.threads > 1024)
        return fire_fail(err, FIRE_E_USAGE, "fire_context_new: threads is %d, expected 0 to 1024", (int)c.threads);
    if (c.memory_limit < 0 || c.work_limit < 0) return fire_fail(err, FIRE_E_USAGE, "fire_context_new: a limit is negative, expected a number from 0, which is none");
    if (c.isa < 0 || c.isa > FIRE_ISA_AVX512)
        return fire_fail(err, FIRE_E_USAGE, "fire_context_new: isa is %d, expected 0 to %d", (int)c.isa, FIRE_ISA_AVX512);
    fire_context first = {
        .memory = c.memory ? *c.memory : (fire_memory){NULL, default_alloc, default_free},
        .io = c.io ? *c.io : fire_io_posix,
        .threads = c.threads ? c.threads : 1,
        .isa = cpu_isa(),
        .reference_only = c.reference_only,
        .memory_limit = c.memory_limit,
        .work_limit = c.work_limit,
    };
    if (c.isa && first.isa > (fire_isa)c.isa) first.isa = (fire_isa)c.isa;
    fire_context *ctx = fire_alloc(&first, 1, sizeof *ctx, err);
    if (!ctx) return FIRE_NOMEM;
    *ctx = first;
    *out = ctx;
    return FIRE_OK;
}

void fire_context_free(fire_context *ctx) {
    if (!ctx) return;
    fire_free(ctx, ctx->cache);
    fire_memory m = ctx->memory;
    m.free(m.user, (char *)ctx - HEADER);
}

fire_status fire_set_threads(fire_context *ctx, int32_t threads, fire_error *err) {
    if (threads < 1 || threads > 1024)
        return fire_fail(err, FIRE_E_USAGE, "fire_set_threads: %d threads, expected 1 to 1024", (int)threads);
    ctx->threads = threads;
    return FIRE_OK;
}

fire_status fire_set_limits(fire_context *ctx, int64_t memory, int64_t work, fire_error *err) {
    if (memory < 0 || work < 0) return fire_fail(err, FIRE_E_USAGE, "fire_set_limits: a limit is negative, expected a number from 0, which is none");
    ctx->memory_limit = memory;
    ctx->work_limit = work;
    return FIRE_OK;
}

/* ---- memory ---- */

static void *take(fire_context *ctx, size_t bytes, bool zeroed, fire_error *err) {
    const size_t whole = (bytes ? bytes : 1) + HEADER;
    const uint64_t used = (uint64_t)__atomic_add_fetch(&ctx->used, (int64_t)whole, __ATOMIC_RELAXED); /* others may add at the same time: it may wrap */
    const int64_t limit = __atomic_load_n(&ctx->memory_limit, __ATOMIC_RELAXED);
    const bool within = !limit || used <= (uint64_t)limit;
    char *p = within ? ctx->memory.alloc(ctx->memory.user, whole, 64) : NULL;
    if (p) {
        memset(p, 0, zeroed ? whole : HEADER);
        *(block *)(void *)p = (block){.whole = whole};
        return p + HEADER;
    }
    __atomic_sub_fetch(&ctx->used, (int64_t)whole, __ATOMIC_RELAXED);
    if (within) fire_fail(err, FIRE_E_NOMEM, "out of memory: %zu bytes asked for", bytes);
    else fire_fail(err, FIRE_E_NOMEM, "out of memory: %zu bytes asked for besides the %llu that are used; the limit is %lld, set by memory_limit or fire_set_limits",
                   bytes, (unsigned long long)(used - whole), (long long)limit);
    return NULL;
}

void *fire_alloc(fire_context *ctx, size_t count, size_t size, fire_error *err) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > (size_t)PTRDIFF_MAX - 4 * HEADER) {
        fire_fail(err, FIRE_E_NOMEM, "out of memory: %zu elements of %zu bytes asked for", count, size);
        return NULL;
    }
    return take(ctx, bytes, true, err);
}

void *fire_alloc_raw(fire_context *ctx, size_t bytes, fire_error *err) {
    if (bytes <= (size_t)PTRDIFF_MAX - 4 * HEADER) return take(ctx, bytes, false, err);
    fire_fail(err, FIRE_E_NOMEM, "out of memory: %zu bytes asked for", bytes);
    return NULL;
}

void fire_free(fire_context *ctx, void *p) {
    if (!p) return;
    char *start = (char *)p - HEADER;
    const block h = *(block *)(void *)start;
    if (h.spilled) {
        ctx->io.unmap(ctx->io.user, start, h.whole);
        ctx->io.close(ctx->io.user, h.file);
        return;
    }
    __atomic_sub_fetch(&ctx->used, (int64_t)h.whole, __ATOMIC_RELAXED);
    ctx->memory.free(ctx->memory.user, start);
}

void *fire_spill(fire_context *ctx, const char *dir, size_t count, size_t size, fire_error *err) {
    size_t bytes;
    void *p = NULL, *file = NULL;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > (size_t)PTRDIFF_MAX - 4 * HEADER) {
        fire_fail(err, FIRE_E_FILE_IO, "cannot keep %zu elements of %zu bytes on disk", count, size);
        return NULL;
    }
    int r = ctx->io.spill && ctx->io.unmap ? ctx->io.spill(ctx->io.user, dir, bytes + HEADER, &p, &file) : -ENOTSUP;
    if (r) {
        char name[512];
        const char *why = strerrordesc_np(-r);
        fire_fail(err, FIRE_E_FILE_IO, "cannot keep %zu bytes of rows on local disk in '%s': %s; free some space there, or name another folder", bytes,
                  fire_escape(name, sizeof name, dir, strlen(dir)), why ? why : "unknown error");
        return NULL;
    }
    *(block *)p = (block){bytes + HEADER, true, file};
    return (char *)p + HEADER;
}

fire_status fire_spill_read(fire_context *ctx, const void *p, int64_t offset, void *to, size_t bytes, fire_error *err) {
    const block h = *(const block *)(const void *)((const char *)p - HEADER);
    if (!h.spilled) {
        memcpy(to, (const char *)p + offset, bytes);
        return FIRE_OK;
    }
    int64_t n = ctx->io.read(ctx->io.user, h.file, HEADER + offset, to, bytes);
    return n == (int64_t)bytes ? FIRE_OK : fire_file_fail(err, FIRE_E_FILE_IO, "read back", "rows that were kept on local disk", n < 0 ? n : -EIO);
}

void fire_forget(fire_context *ctx, void *p) {
    if (!p) return;
    char *start = (char *)p - HEADER;
    const block h = *(block *)(void *)start;
    if (h.spilled && ctx->io.forget) ctx->io.forget(ctx->io.user, start, h.whole);
}

void fire_release(fire_context *ctx, void *bytes) { fire_free(ctx, bytes); }

fire_status fire_grow(fire_context *ctx, void *array, int64_t *capacity, int64_t need, size_t size, fire_error *err) {
    if (need <= *capacity) return FIRE_OK;
    int64_t more = *capacity > INT64_MAX / 2 ? need : *capacity * 2;
    if (more < need) more = need;
    if (more < 8) more = 8;
    void *old, *p = fire_alloc(ctx, (size_t)more, size, err);
    if (!p) return FIRE_NOMEM;
    memcpy(&old, array, sizeof old);
    if (old) memcpy(p, old, (size_t)*capacity * size);
    fire_free(ctx, old);
    memcpy(array, &p, sizeof p);
    *capacity = more;
    return FIRE_OK;
}

char *fire_copy_text(fire_context *ctx, const char *text, fire_error *err) {
    size_t n = strlen(text) + 1;
    char *p = fire_alloc(ctx, n, 1, err);
    if (p) memcpy(p, text, n);
    return p;
}

/* ---- shapes, time ---- */

int64_t fire_count(const fire_shape *s) {
    int64_t n = 1;
    for (int i = 0; i < s->rank; i++)
        if (!fire_mul(n, s->dim[i], &n)) return -1;
    return n;
}

bool fire_same_shape(const fire_shape *a, const fire_shape *b) {
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i]) return false;
    return true;
}

double fire_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- arena ---- */

/* Blocks are chained newest first; an allocation that does not fit the newest one opens another, so a large one has a block of its
** own and the tail of the block before it is given up. */
struct fire_arena_block {
    struct fire_arena_block *next;
    size_t used, capacity; /* of data */
    _Alignas(16) unsigned char data[];
};

void *fire_arena_alloc(fire_arena *a, size_t count, size_t size, fire_error *err) {
    size_t bytes, header = sizeof(struct fire_arena_block);
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > (size_t)PTRDIFF_MAX / 2) {
        fire_fail(err, FIRE_E_NOMEM, "out of memory: %zu elements of %zu bytes asked for", count, size);
        return NULL;
    }
    bytes = bytes ? (bytes + 15) & ~(size_t)15 : 16;
    struct fire_arena_block *b = a->blocks;
    if (!b || b->capacity - b->used < bytes) {
        size_t capacity = bytes > 4096 - header ? bytes : 4096 - header;
        b = fire_alloc(a->ctx, 1, header + capacity, err);
        if (!b) return NULL;
        b->capacity = capacity;
        b->next = a->blocks;
        a->blocks = b;
    }
    void *p = b->data + b->used;
    b->used += bytes;
    return p;
}

char *fire_arena_text(fire_arena *a, const char *text, fire_error *err) {
    size_t n = strlen(text) + 1;
    char *p = fire_arena_alloc(a, n, 1, err);
    if (p) memcpy(p, text, n);
    return p;
}

void fire_arena_free(fire_arena *a) {
    while (a->blocks) {
        struct fire_arena_block *b = a->blocks;
        a->blocks = b->next;
        fire_free(a->ctx, b);
    }
}
