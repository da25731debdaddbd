/* tensors.c - see tensors.h. */
#include "tensors.h"
#include "error.h"
#include "file.h"
#include "formats/npy.h"
#include "formats/onnx_value.h"
#include "model.h"
#include "op.h"
#include "small.h"
#include <inttypes.h>
#include <string.h>

static fire_status read_npy(fire_arena *arena, const uint8_t *bytes, size_t size, fire_type want, fire_tensor *out, fire_error *err) {
    fire_npy npy;
    size_t header;
    if (size < FIRE_NPY_HEAD) return fire_fail(err, FIRE_E_DATA_FILE, "cut short inside the NPY header");
    fire_status s = fire_npy_header(bytes, &header, err);
    if (!s && header > size) s = fire_fail(err, FIRE_E_DATA_FILE, "cut short: the NPY header has %zu bytes, the file %zu", header, size);
    if (!s) s = fire_npy_read(bytes, header, &npy, err);
    if (!s && (uint64_t)npy.bytes != size - header)
        s = fire_fail(err, FIRE_E_DATA_FILE, "%zu bytes of numbers, expected %lld for its shape", size - header, (long long)npy.bytes);
    if (s) return s;
    if (npy.type == FIRE_NO_TYPE) npy.type = fire_type_size(want) == 1 ? want : FIRE_U8; /* what NumPy has no type for, the model says */
    *out = (fire_tensor){npy.type, npy.shape, fire_arena_alloc(arena, (size_t)npy.bytes + 64, 1, err)};
    if (!out->data) return FIRE_NOMEM;
    out->data = (char *)out->data + (-(uintptr_t)out->data & 63); /* as plans like it */
    fire_npy_copy(&npy, bytes + header, out->data);
    return FIRE_OK;
}

fire_status cli_tensor_read(fire_arena *arena, const char *path, fire_type want, fire_tensor *out, fire_error *err) {
    fire_contents file;
    fire_status s = fire_file_map(arena->ctx, path, &file, err);
    if (s) return s;
    s = fire_npy_is(file.data, file.size) ? read_npy(arena, file.data, file.size, want, out, err) : fire_onnx_value_read(arena, file.data, file.size, want, out, err);
    fire_contents_free(arena->ctx, &file);
    return fire_error_prefix(err, path, s);
}

fire_status cli_tensor_write(fire_context *ctx, const char *path, const char *name, fire_type declared, const fire_tensor *t, fire_error *err) {
    fire_buffer b = {.ctx = ctx};
    const size_t n = strlen(path);
    const bool pb = n > 3 && !strcmp(path + n - 3, ".pb");
    fire_piece piece[2] = {{NULL, 0}, {NULL, 0}};
    char shown[200];
    if (!pb && !fire_type_size(t->type))
        return fire_fail(err, FIRE_E_UNSUPPORTED, "'%s' is %s, which NPY files have no place for; write a .pb file", fire_escape(shown, sizeof shown, name, strlen(name)), fire_type_text(t->type));
    if (pb) fire_onnx_value_write(&b, name, declared, t);
    else {
        fire_npy_write(&b, t->type, &t->shape);
        piece[1] = (fire_piece){t->data, (size_t)fire_count(&t->shape) * fire_type_size(t->type)};
    }
    fire_status s = b.first.status ? fire_fail(err, b.first.code, "%s", b.first.message) : FIRE_OK;
    piece[0] = (fire_piece){b.data, (size_t)b.size};
    if (!s) s = fire_file_write(ctx, path, 2, piece, err);
    fire_buffer_free(&b);
    return s;
}

static void print_number(const fire_tensor *t, int64_t i) {
    const fire_small *small = fire_small_find(t->type);
    char text[60];
    if (t->type == FIRE_TEXT) {
        const char *p = ((const char *const *)t->data)[i];
        printf(" '%s'", fire_escape(text, sizeof text, p, strlen(p)));
    } else if (small) printf(" %.6g", fire_small_get(small, ((const uint8_t *)t->data)[i]));
    else if (t->type == FIRE_I64) printf(" %" PRId64, ((const int64_t *)t->data)[i]);
    else if (t->type == FIRE_U64) printf(" %" PRIu64, ((const uint64_t *)t->data)[i]);
    else if (t->type == FIRE_BOOL) fputs(((const uint8_t *)t->data)[i] ? " true" : " false", stdout);
    else printf(" %.6g", fire_get(t, i));
}

void cli_tensor_print(const char *name, const fire_tensor *t) {
    enum { AHEAD = 6, BEHIND = 2 };
    char shown[200], shape[FIRE_SHAPE_TEXT];
    const int64_t n = t->type == FIRE_NO_TYPE || (t->type & FIRE_LIST) ? 0 : fire_count(&t->shape);
    printf("%-20s %-9s %-16s", fire_escape(shown, sizeof shown, name, strlen(name)), fire_type_text(t->type), fire_shape_text(&t->shape, shape));
    for (int64_t i = 0; i < n; i++) {
        if (i == AHEAD && n > AHEAD + BEHIND) {
            fputs(" ...", stdout);
            i = n - BEHIND;
        }
        print_number(t, i);
    }
    putchar('\n');
    for (int64_t i = 0; (t->type & FIRE_LIST) && i < t->shape.dim[0] && i < AHEAD; i++) cli_tensor_print("  ", &((const fire_tensor *)t->data)[i]);
}
