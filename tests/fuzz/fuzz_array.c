/* fuzz_array - libFuzzer over NPY files: what is read is put in order, written, and read again alike. */
#include "limits.h"
#include "formats/npy.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    fire_npy f, g;
    size_t header;
    fire_error err = {0};
    fire_status s = FIRE_DATA;
    if (size < FIRE_NPY_HEAD) return 0;
    if (!(s = fire_npy_header(bytes, &header, &err))) {
        if (header > size) return 0;
        s = fire_npy_read(bytes, header, &f, &err);
    }
    if (s) {
        if (err.status != s || !err.message[0]) abort();
        return 0;
    }
    if ((uint64_t)f.bytes != size - header) return 0;
    fire_context *ctx = fuzz_context();
    uint8_t *exact = malloc((size_t)f.bytes + 1), *to = malloc((size_t)f.bytes + 1);
    if (f.bytes) memcpy(exact, bytes + header, (size_t)f.bytes);
    fire_npy_copy(&f, exact, to);
    fire_buffer b = {.ctx = ctx};
    fire_npy_write(&b, f.type, &f.shape);
    if (!b.first.status && (b.size % 64 || fire_npy_header(b.data, &header, NULL) || header != (size_t)b.size || fire_npy_read(b.data, header, &g, NULL))) abort();
    if (!b.first.status && (g.type != f.type || g.bytes != f.bytes || !fire_same_shape(&g.shape, &f.shape) || g.swap || g.fortran)) abort();
    fire_buffer_free(&b);
    free(exact);
    free(to);
    fire_context_free(ctx);
    if (fuzz_used) abort();
    return 0;
}
