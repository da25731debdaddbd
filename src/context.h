/* context.h - memory, files, CPU: what everything is made from. */
#ifndef FIRE_CONTEXT_H
#define FIRE_CONTEXT_H
#include "error.h"

typedef enum fire_isa { FIRE_ISA_BASE = 1, FIRE_ISA_AVX2 = 2, FIRE_ISA_AVX512 = 3 } fire_isa;

struct fire_context {
    fire_memory memory;
    fire_io io;
    int32_t threads;
    fire_isa isa;          /* best that CPU and config allow */
    bool reference_only;
    int64_t memory_limit, work_limit; /* 0: none */
    char *cache;           /* folder of what processes share (packs.h); NULL: none */
    int64_t used;          /* bytes that fire_alloc has given and not got back; changed atomically */
};

/* fire_alloc - zeroed memory, aligned to 64 bytes, or NULL with FIRE_E_NOMEM in *err. bytes 0 gives a
** pointer that may be freed. count * size is checked for overflow, and the sum of all against the context's memory_limit. */
void *fire_alloc(fire_context *ctx, size_t count, size_t size, fire_error *err);
void fire_free(fire_context *ctx, void *p);
void *fire_alloc_raw(fire_context *ctx, size_t bytes, fire_error *err); /* the same, neither zeroed nor touched */

/* fire_spill - the same on local disk, in a file without a name in `dir`; fire_free frees it. Fails with FIRE_E_FILE_IO. fire_forget - it need not
** stay in memory, where p is such a block. */
void *fire_spill(fire_context *ctx, const char *dir, size_t count, size_t size, fire_error *err);
void fire_forget(fire_context *ctx, void *p);
/* fire_spill_read - bytes from `offset` on of such a block, or of any other, by reading its file. */
fire_status fire_spill_read(fire_context *ctx, const void *p, int64_t offset, void *to, size_t bytes, fire_error *err);

/* fire_grow - make *array (elements of `size` bytes, *capacity of them) hold at least `need`, keeping
** contents and zeroing what is new; on failure all stays. */
fire_status fire_grow(fire_context *ctx, void *array, int64_t *capacity, int64_t need, size_t size, fire_error *err);

char *fire_copy_text(fire_context *ctx, const char *text, fire_error *err);

/* fire_mul, fire_add - checked: false on overflow or a negative operand. */
static inline bool fire_mul(int64_t a, int64_t b, int64_t *out) { return a >= 0 && b >= 0 && !__builtin_mul_overflow(a, b, out); }
static inline bool fire_add(int64_t a, int64_t b, int64_t *out) { return a >= 0 && b >= 0 && !__builtin_add_overflow(a, b, out); }

/* FIRE_WORK - the product of its arguments, INT64_MAX where that takes more than 64 bits: how costs of computing are counted. */
#define FIRE_WORK(...) fire_work((int)(sizeof (int64_t[]){__VA_ARGS__} / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__})
static inline int64_t fire_work(int n, const int64_t *factor) {
    int64_t product = 1;
    for (int i = 0; i < n; i++) if (__builtin_mul_overflow(product, factor[i], &product)) return INT64_MAX;
    return product;
}

/* fire_count - elements of a shape without -1; -1 when a dimension is unknown or the product overflows. */
int64_t fire_count(const fire_shape *s);
bool fire_same_shape(const fire_shape *a, const fire_shape *b);

/* fire_seconds - monotonic clock. */
double fire_seconds(void);

/* ---- arena: small things that live and die together ---- */
typedef struct fire_arena { fire_context *ctx; struct fire_arena_block *blocks; } fire_arena;
void *fire_arena_alloc(fire_arena *a, size_t count, size_t size, fire_error *err); /* zeroed, 16-byte aligned */
char *fire_arena_text(fire_arena *a, const char *text, fire_error *err);
void fire_arena_free(fire_arena *a); /* all of it */
#endif
