/* onnx_value.c - see onnx_value.h. Messages: TensorProto of onnx.proto; SequenceProto { elem_type 2; repeated TensorProto tensor_values 3 } and
** OptionalProto { elem_type 2; TensorProto tensor_value 3; SequenceProto sequence_value 5 } of onnx-data.proto. */
#include "formats/onnx_value.h"
#include "formats/onnx.h"
#include "small.h"
#include <string.h>

enum { ELEM_TENSOR = 1, ELEM_SEQUENCE = 3 }; /* elem_type */

static fire_status read_texts(fire_arena *arena, const fire_onnx *m, const fire_onnx_tensor *t, fire_tensor *out, fire_error *err) {
    const int64_t n = fire_count(&out->shape);
    fire_span *span = fire_arena_alloc(arena, (size_t)n, sizeof *span, err);
    const char **text = span ? fire_arena_alloc(arena, (size_t)n, sizeof *text, err) : NULL;
    if (!text) return FIRE_NOMEM;
    out->data = text;
    fire_status s = fire_onnx_tensor_texts(m, t, "the tensor", n, span, err);
    for (int64_t i = 0; i < n && !s; i++) {
        char *own = fire_arena_alloc(arena, span[i].size + 1, 1, err);
        if (!own) return FIRE_NOMEM;
        if (span[i].size && memchr(span[i].bytes, 0, span[i].size)) return fire_fail(err, FIRE_E_UNSUPPORTED, "text %lld of the tensor holds a zero character", (long long)i);
        if (span[i].size) memcpy(own, span[i].bytes, span[i].size);
        text[i] = own;
    }
    return s;
}

static fire_status read_tensor(fire_arena *arena, const fire_onnx *m, const fire_wire *w, const fire_wire_field *at, fire_tensor *out, fire_error *err) {
    fire_onnx_tensor t;
    fire_status s = fire_onnx_tensor_read(w, at, &t, err);
    if (!s) s = fire_onnx_tensor_shape(m, &t, "the tensor", out, err);
    if (s) return s;
    if (out->type == FIRE_TEXT) return read_texts(arena, m, &t, out, err);
    const size_t bytes = (size_t)fire_count(&out->shape) * fire_type_size(out->type);
    if (!(out->data = fire_arena_alloc(arena, bytes + 64, 1, err))) return FIRE_NOMEM;
    out->data = (char *)out->data + (-(uintptr_t)out->data & 63); /* as plans like it */
    return fire_onnx_tensor_copy(m, &t, "the tensor", out, out->data, bytes, err);
}

/* SequenceProto */
static fire_status read_list(fire_arena *arena, const fire_onnx *m, const fire_wire *w, const fire_wire_field *at, fire_type want, fire_tensor *out, fire_error *err) {
    fire_wire in, again;
    fire_wire_field f;
    bool more;
    int64_t n = 0, i = 0;
    fire_status s = fire_wire_enter(w, at, &in, err);
    again = in;
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
        if (f.number > 3) return fire_fail(err, FIRE_E_UNSUPPORTED, "a list of other things than tensors");
        n += f.number == 3;
    }
    fire_tensor *item = s ? NULL : fire_arena_alloc(arena, (size_t)n, sizeof *item, err);
    if (!item) return s ? s : FIRE_NOMEM;
    while (!s && !(s = fire_wire_next(&again, &f, &more, err)) && more)
        if (f.number == 3) s = read_tensor(arena, m, &again, &f, &item[i++], err);
    *out = (fire_tensor){(fire_type)(FIRE_LIST | (want & ~FIRE_OPTIONAL)), {1, {n}}, item};
    return s;
}

fire_status fire_onnx_value_read(fire_arena *arena, const void *bytes, size_t size, fire_type want, fire_tensor *out, fire_error *err) {
    const fire_onnx m = {.ctx = arena->ctx, .arena = {.ctx = arena->ctx}, .bytes = bytes, .size = size};
    const fire_wire w = {bytes, bytes, (const uint8_t *)bytes + size, 0};
    fire_wire_field at = {.kind = 2, .bytes = bytes, .size = size};
    fire_wire in;
    bool more, found = !(want & FIRE_OPTIONAL);
    *out = (fire_tensor){0};
    if (!found) { /* OptionalProto */
        fire_wire_field f;
        fire_status s = fire_wire_enter(&w, &at, &in, err);
        while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more)
            if (f.number == (want & FIRE_LIST ? 5u : 3u)) at = f, found = true;
        if (s || !found) return s;
    }
    return want & FIRE_LIST ? read_list(arena, &m, &w, &at, want, out, err) : read_tensor(arena, &m, &w, &at, out, err);
}

/* ---- writing ---- */

/* Numbers of less than 8 bits lie close together in a file, the first in the lowest bits. */
static void put_packed(fire_buffer *b, const uint8_t *from, int64_t n, int bits) {
    uint8_t piece[3]; /* a multiple of 2, 4 and 6 bits */
    const int64_t each = 24 / bits;
    for (int64_t i = 0; i < n; i += each) {
        uint32_t v = 0;
        const int64_t k = n - i < each ? n - i : each;
        for (int64_t e = 0; e < k; e++) v |= (uint32_t)(from[i + e] & ((1u << bits) - 1)) << (e * bits);
        for (int c = 0; c < 3; c++) piece[c] = (uint8_t)(v >> (8 * c));
        fire_buffer_add(b, piece, (size_t)((k * bits + 7) / 8));
    }
}

static void put_tensor(fire_buffer *b, const char *name, const fire_tensor *t) {
    const int64_t n = fire_count(&t->shape);
    const fire_small *small = fire_small_find(t->type);
    for (int i = 0; i < t->shape.rank; i++) fire_wire_put_int(b, 1, (uint64_t)t->shape.dim[i]);
    fire_wire_put_int(b, 2, (uint64_t)t->type);
    for (int64_t i = 0; i < n && t->type == FIRE_TEXT; i++) fire_wire_put_text(b, 6, ((const char *const *)t->data)[i]);
    fire_wire_put_text(b, 8, name);
    if (t->type == FIRE_TEXT) return;
    if (small && small->bits < 8) {
        const int64_t place = fire_wire_open(b, 9);
        put_packed(b, t->data, n, small->bits);
        fire_wire_close(b, place);
    } else fire_wire_put_bytes(b, 9, t->data, (size_t)n * fire_type_size(t->type));
}

static void put_list(fire_buffer *b, const fire_tensor *t) {
    fire_wire_put_int(b, 2, ELEM_TENSOR);
    for (int64_t i = 0; i < t->shape.dim[0]; i++) {
        const int64_t place = fire_wire_open(b, 3);
        put_tensor(b, "", &((const fire_tensor *)t->data)[i]);
        fire_wire_close(b, place);
    }
}

void fire_onnx_value_write(fire_buffer *b, const char *name, fire_type declared, const fire_tensor *t) {
    const bool list = t->type & FIRE_LIST, absent = t->type == FIRE_NO_TYPE;
    if (!(declared & FIRE_OPTIONAL) && !absent) {
        if (list) put_list(b, t);
        else put_tensor(b, name, t);
        return;
    }
    fire_wire_put_int(b, 2, declared & FIRE_LIST ? ELEM_SEQUENCE : ELEM_TENSOR);
    if (absent) return;
    const int64_t place = fire_wire_open(b, list ? 5 : 3);
    if (list) put_list(b, t);
    else put_tensor(b, name, t);
    fire_wire_close(b, place);
}
