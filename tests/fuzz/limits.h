/* limits.h - a context for fuzzing: memory is counted, and a hostile size is refused as a full machine would refuse it. */
#ifndef FIRE_FUZZ_LIMITS_H
#define FIRE_FUZZ_LIMITS_H
#include "firesteel.h"
#include <stdlib.h>

#define FUZZ_MEMORY ((size_t)256 << 20)

static size_t fuzz_used;
static void *fuzz_alloc(void *user, size_t bytes, size_t align) {
    if (bytes > FUZZ_MEMORY || fuzz_used > FUZZ_MEMORY - bytes) return NULL;
    size_t whole = (bytes + align - 1) / align * align;
    char *p = aligned_alloc(align, whole + align);
    if (!p) return NULL;
    *(size_t *)p = bytes;
    fuzz_used += bytes;
    return p + align; /* align is at least the size of a size_t */
}
static void fuzz_free(void *user, void *p) {
    if (!p) return;
    char *start = (char *)p - 64;
    fuzz_used -= *(size_t *)start;
    free(start);
}
static fire_context *fuzz_context_of(bool reference_only, const fire_io *io) { /* io NULL: the usual files */
    static const fire_memory memory = {NULL, fuzz_alloc, fuzz_free};
    fire_context *ctx = NULL;
    fuzz_used = 0;
    if (fire_context_new(&(fire_config){.size = sizeof(fire_config), .memory = &memory, .io = io, .reference_only = reference_only}, &ctx, NULL)) abort();
    return ctx;
}
static inline fire_context *fuzz_context_with(bool reference_only) { return fuzz_context_of(reference_only, NULL); }
static inline fire_context *fuzz_context(void) { return fuzz_context_of(false, NULL); }
#endif
