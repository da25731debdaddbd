/* onnx_value.c - see onnx_value.h. */
#include "formats/onnx_value.h"
#include "formats/onnx.h"
#include <string.h>

static fire_status read_tensor(fire_arena *arena, const fire_onnx *m, const fire_wire *w, const fire_wire_field *at, fire_tensor *out, fire_error *err) {
    fire_onnx_tensor t;
    fire_status s = fire_onnx_tensor_read(w, at, &t, err);
    if (!s) s = fire_onnx_tensor_shape(m, &t, "the tensor", out, err);
    if (s) return s;
    const size_t bytes = (size_t)fire_count(&out->shape) * fire_type_size(out->type);
    if (!(out->data = fire_arena_alloc(arena, bytes + 64, 1, err))) return FIRE_NOMEM;
    out->data = (char *)out->data + (-(uintptr_t)out->data & 63); /* as plans like it */
    return fire_onnx_tensor_copy(m, &t, "the tensor", out, out->data, bytes, err);
}

fire_status fire_onnx_value_read(fire_arena *arena, const void *bytes, size_t size, fire_type want, fire_tensor *out, fire_error *err) {
    const fire_onnx m = {.ctx = arena->ctx, .arena = *arena, .bytes = bytes, .size = size};
    const fire_wire w = {bytes, bytes, (const uint8_t *)bytes + size, 0};
    const fire_wire_field whole = {.kind = 2, .bytes = bytes, .size = size};
    (void)want;
    return read_tensor(arena, &m, &w, &whole, out, err);
}

void fire_onnx_value_write(fire_buffer *b, const char *name, const fire_tensor *t) {
    for (int i = 0; i < t->shape.rank; i++) fire_wire_put_int(b, 1, (uint64_t)t->shape.dim[i]);
    fire_wire_put_int(b, 2, (uint64_t)t->type);
    fire_wire_put_text(b, 8, name);
    fire_wire_put_bytes(b, 9, t->data, (size_t)fire_count(&t->shape) * fire_type_size(t->type));
}
