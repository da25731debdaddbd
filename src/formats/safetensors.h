/* safetensors.h - tensors by name in one block: huggingface.co/docs/safetensors (format section). No code, no pickles: eight bytes with
** the length of a JSON header, the header, the numbers. */
#ifndef FIRE_SAFETENSORS_H
#define FIRE_SAFETENSORS_H
#include "json.h"

typedef struct fire_safetensor {
    const char *name;
    fire_type type;       /* FIRE_NO_TYPE: one that the engine does not compute with */
    fire_shape shape;
    const void *data;     /* dense; at any alignment when it was read: copy before use as numbers */
    size_t bytes;
    const char *dtype;    /* "F32"; reading sets it, writing looks at it where type is FIRE_NO_TYPE */
} fire_safetensor;

typedef struct fire_pair { const char *key, *text; } fire_pair;

typedef struct fire_safetensors {
    fire_arena arena;
    fire_safetensor *tensor; int64_t n_tensors, tensor_capacity; /* sorted by name */
    fire_pair *pair; int64_t n_pairs, pair_capacity;             /* of __metadata__ */
} fire_safetensors;

/* fire_safetensors_read - index a file in memory. Numbers are borrowed from `bytes`, all else is in *out until fire_safetensors_clear, which
** is due on failure too. Refuses overlaps, gaps, names given twice, shapes that do not fit their bytes, and types of unknown size. */
fire_status fire_safetensors_read(fire_context *ctx, const void *bytes, size_t size, fire_safetensors *out, fire_error *err);
void fire_safetensors_clear(fire_safetensors *s);
/* fire_safetensors_find, fire_safetensors_text - by name; NULL when there is none. */
const fire_safetensor *fire_safetensors_find(const fire_safetensors *s, const char *name);
const char *fire_safetensors_text(const fire_safetensors *s, const char *key);

/* fire_safetensors_writes - whether tensors of a type have a place in such files. */
bool fire_safetensors_writes(fire_type type);
/* fire_safetensors_write - append a file to `b`: the numbers begin at a multiple of 64 bytes. Failures stick to the buffer. */
void fire_safetensors_write(fire_buffer *b, int64_t n_tensors, const fire_safetensor *tensor, int n_pairs, const fire_pair *pair);
#endif
