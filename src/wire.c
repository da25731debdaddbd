/* wire.c - protocol buffers' wire format, read within bounds and written. */
#include "wire.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_DEPTH 64
/* Lengths of messages inside are written with five bytes whatever their value: then nothing moves when a message is closed, and
** the writer knows where in the file a tensor's bytes will lie. Readers must accept such varints. 2^31 is protobuf's limit. */
#define LENGTH_BYTES 5

static int64_t offset_of(const fire_wire *w, const uint8_t *at) { return at - w->begin; }

static fire_status read_varint(fire_wire *w, uint64_t *out, fire_error *err) {
    uint64_t v = 0;
    for (int i = 0; i < 10; i++) {
        if (w->at + i == w->end)
            return fire_fail(err, FIRE_E_TRUNCATED, "the file ends inside a number at byte %lld", (long long)offset_of(w, w->at));
        uint8_t byte = w->at[i];
        if (i == 9 && byte > 1) break; /* more than 64 bits */
        v |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            w->at += i + 1;
            *out = v;
            return FIRE_OK;
        }
    }
    return fire_fail(err, FIRE_E_CORRUPT, "a number of more than 64 bits at byte %lld", (long long)offset_of(w, w->at));
}

fire_status fire_wire_next(fire_wire *w, fire_wire_field *f, bool *more, fire_error *err) {
    *more = w->at < w->end;
    if (!*more) return FIRE_OK;
    const uint8_t *start = w->at;
    long long at = (long long)offset_of(w, start);
    uint64_t tag;
    fire_status s = read_varint(w, &tag, err);
    if (s) return s;
    *f = (fire_wire_field){.kind = tag & 7};
    if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff) {
        w->at = start;
        return fire_fail(err, FIRE_E_CORRUPT, "field number %llu at byte %lld, expected 1 to 536870911", (unsigned long long)(tag >> 3), at);
    }
    f->number = (uint32_t)(tag >> 3);
    size_t left = (size_t)(w->end - w->at), fixed = f->kind == 1 ? 8 : f->kind == 5 ? 4 : 0;
    if (f->kind == 0) return read_varint(w, &f->value, err);
    if (fixed) {
        if (left < fixed) return fire_fail(err, FIRE_E_TRUNCATED, "the file ends inside field %u at byte %lld", f->number, at);
        for (size_t i = 0; i < fixed; i++) f->value |= (uint64_t)w->at[i] << (8 * i);
        w->at += fixed;
        return FIRE_OK;
    }
    if (f->kind != 2) return fire_fail(err, FIRE_E_CORRUPT, "field %u at byte %lld has wire type %u, expected 0, 1, 2 or 5", f->number, at, f->kind);
    uint64_t size;
    if ((s = read_varint(w, &size, err))) return s;
    left = (size_t)(w->end - w->at);
    if (size > left)
        return fire_fail(err, FIRE_E_TRUNCATED, "field %u at byte %lld says %llu bytes, but only %zu are left", f->number, at, (unsigned long long)size, left);
    f->bytes = w->at;
    f->size = (size_t)size;
    w->at += size;
    return FIRE_OK;
}

fire_status fire_wire_enter(const fire_wire *w, const fire_wire_field *f, fire_wire *inner, fire_error *err) {
    if (f->kind != 2)
        return fire_fail(err, FIRE_E_CORRUPT, "field %u before byte %lld has wire type %u, expected 2", f->number, (long long)offset_of(w, w->at), f->kind);
    if (w->depth >= MAX_DEPTH) return fire_fail(err, FIRE_E_CORRUPT, "messages nested deeper than %d at byte %lld", MAX_DEPTH, (long long)offset_of(w, f->bytes));
    *inner = (fire_wire){w->begin, f->bytes, f->bytes + f->size, w->depth + 1};
    return FIRE_OK;
}

/* ---- writing ---- */

static bool reserve(fire_buffer *b, size_t more) {
    if (b->first.status) return false;
    int64_t need;
    if (more > INT64_MAX / 4 || !fire_add(b->size, (int64_t)more, &need)) {
        fire_fail(&b->first, FIRE_E_NOMEM, "out of memory: a buffer of %zu more bytes", more);
        return false;
    }
    if (need <= b->capacity) return true;
    return fire_grow(b->ctx, &b->data, &b->capacity, need, 1, &b->first) == FIRE_OK;
}

void fire_buffer_add(fire_buffer *b, const void *bytes, size_t size) {
    if (!reserve(b, size) || !size) return;
    memcpy(b->data + b->size, bytes, size);
    b->size += (int64_t)size;
}

void fire_buffer_text(fire_buffer *b, const char *fmt, ...) {
    if (b->first.status) return;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0 || !reserve(b, (size_t)n + 1)) return; /* room for the terminator, which does not count */
    va_start(args, fmt);
    vsnprintf((char *)b->data + b->size, (size_t)n + 1, fmt, args);
    va_end(args);
    b->size += n;
}

void fire_buffer_free(fire_buffer *b) {
    if (b->ctx) fire_free(b->ctx, b->data);
    b->data = NULL;
    b->size = b->capacity = 0;
}

fire_status fire_buffer_give(fire_buffer *b, fire_status status, void **bytes, size_t *size) {
    if (status) fire_buffer_free(b);
    else *bytes = b->data, *size = (size_t)b->size;
    return status;
}

void fire_wire_put_varint(fire_buffer *b, uint64_t v) {
    uint8_t bytes[10];
    size_t n = 0;
    for (; v >= 0x80; v >>= 7) bytes[n++] = (uint8_t)(v | 0x80);
    bytes[n++] = (uint8_t)v;
    fire_buffer_add(b, bytes, n);
}

void fire_wire_put_int(fire_buffer *b, uint32_t number, uint64_t value) {
    fire_wire_put_varint(b, (uint64_t)number << 3);
    fire_wire_put_varint(b, value);
}

void fire_wire_put_float(fire_buffer *b, uint32_t number, float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    fire_wire_put_varint(b, (uint64_t)number << 3 | 5);
    fire_buffer_add(b, (uint8_t[4]){(uint8_t)bits, (uint8_t)(bits >> 8), (uint8_t)(bits >> 16), (uint8_t)(bits >> 24)}, 4);
}

void fire_wire_put_double(fire_buffer *b, uint32_t number, double value) {
    uint8_t bytes[8];
    uint64_t bits;
    memcpy(&bits, &value, 8);
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(bits >> (8 * i));
    fire_wire_put_varint(b, (uint64_t)number << 3 | 1);
    fire_buffer_add(b, bytes, 8);
}

void fire_wire_put_bytes(fire_buffer *b, uint32_t number, const void *bytes, size_t size) {
    fire_wire_put_varint(b, (uint64_t)number << 3 | 2);
    fire_wire_put_varint(b, size);
    fire_buffer_add(b, bytes, size);
}

void fire_wire_put_text(fire_buffer *b, uint32_t number, const char *text) { fire_wire_put_bytes(b, number, text, strlen(text)); }

int64_t fire_wire_open(fire_buffer *b, uint32_t number) {
    fire_wire_put_varint(b, (uint64_t)number << 3 | 2);
    int64_t place = b->size;
    fire_buffer_add(b, (uint8_t[LENGTH_BYTES]){0}, LENGTH_BYTES);
    return place;
}

void fire_wire_close(fire_buffer *b, int64_t place) {
    if (b->first.status) return;
    int64_t size = b->size - place - LENGTH_BYTES;
    assert(size >= 0);
    if (size > INT32_MAX) {
        fire_fail(&b->first, FIRE_E_UNSUPPORTED, "a message of %lld bytes; protocol buffers end at 2147483647", (long long)size);
        return;
    }
    for (int i = 0; i < LENGTH_BYTES; i++) {
        b->data[place + i] = (uint8_t)((uint64_t)size >> (7 * i) & 0x7f) | (i < LENGTH_BYTES - 1 ? 0x80 : 0);
    }
}
