/* wire.h - protocol buffers' wire format: a bounded reader over memory and a writer. Encoding: protobuf.dev/programming-guides/encoding.
** The reader never allocates or copies, never reads past its end, and fails with the byte offset. */
#ifndef FIRE_WIRE_H
#define FIRE_WIRE_H
#include "context.h"

typedef struct fire_wire {           /* one message being read */
    const uint8_t *begin, *at, *end; /* begin: of the file, for offsets in messages */
    int32_t depth;                   /* nesting; at most 64 */
} fire_wire;

typedef struct fire_wire_field {
    uint32_t number;
    uint32_t kind;         /* 0 varint, 1 fixed64, 2 bytes, 5 fixed32 */
    uint64_t value;        /* of kinds 0, 1 and 5 */
    const uint8_t *bytes;  /* of kind 2, borrowed */
    size_t size;
} fire_wire_field;

/* fire_wire_next - read the next field. *more is false at the end of the message. */
fire_status fire_wire_next(fire_wire *w, fire_wire_field *f, bool *more, fire_error *err);
/* fire_wire_enter - the message inside a field of kind 2. */
fire_status fire_wire_enter(const fire_wire *w, const fire_wire_field *f, fire_wire *inner, fire_error *err);

/* A growing buffer that is written to; failure sticks. */
typedef struct fire_buffer { fire_context *ctx; uint8_t *data; int64_t size, capacity; fire_error first; } fire_buffer;
void fire_buffer_add(fire_buffer *b, const void *bytes, size_t size);
void fire_buffer_text(fire_buffer *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void fire_buffer_free(fire_buffer *b);
/* fire_buffer_give - hand what was written to a caller who frees it with fire_release, or free it when status says that writing failed; gives status. */
fire_status fire_buffer_give(fire_buffer *b, fire_status status, void **bytes, size_t *size);
/* fire_wire_put_varint - a number alone; the others: a field with its number. */
void fire_wire_put_varint(fire_buffer *b, uint64_t value);
void fire_wire_put_int(fire_buffer *b, uint32_t number, uint64_t value);
void fire_wire_put_float(fire_buffer *b, uint32_t number, float value);
void fire_wire_put_double(fire_buffer *b, uint32_t number, double value);
void fire_wire_put_bytes(fire_buffer *b, uint32_t number, const void *bytes, size_t size);
void fire_wire_put_text(fire_buffer *b, uint32_t number, const char *text);
/* fire_wire_open, fire_wire_close - a message inside: open gives a place, close fills its length in. */
int64_t fire_wire_open(fire_buffer *b, uint32_t number);
void fire_wire_close(fire_buffer *b, int64_t place);
#endif
