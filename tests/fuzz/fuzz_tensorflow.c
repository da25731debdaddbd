/* fuzz_tensorflow - libFuzzer over GraphDefs, which are loaded and run; behind the byte 0xff, over SavedModels: sizes of saved_model.pb and of the index,
** these two, and the numbers of the variables. Checksums of blocks are not compared in this build. */
#include "formats/tensorflow_bundle.h"
#include "formats/tensorflow.h"
#include "run.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

typedef struct parts { fire_span index, data; } parts;

static fire_status get(void *user, const char *name, fire_span *out, fire_error *err) {
    const parts *p = user;
    *out = strstr(name, ".index") ? p->index : p->data;
    return FIRE_OK;
}

static void saved(fire_context *ctx, const uint8_t *bytes, size_t size) {
    uint16_t first, second;
    fire_error err = {0};
    fire_onnx m = {0};
    fire_tf_bundle b = {0};
    if (size < 4) return;
    memcpy(&first, bytes, 2), memcpy(&second, bytes + 2, 2);
    bytes += 4, size -= 4;
    const size_t a = first < size ? first : size, c = second < size - a ? second : size - a;
    parts p = {{bytes + a, c}, {bytes + a + c, size - a - c}};
    fire_tf_files files = {&p, get};
    fire_status s = fire_tensorflow_saved_read(ctx, bytes, a, &files, NULL, &m, &err);
    if (s) fuzz_check(s, &err);
    fire_onnx_clear(&m);
    err = (fire_error){0};
    if ((s = fire_bundle_read(ctx, p.index, &b, &err))) fuzz_check(s, &err);
    for (int64_t i = 0; i < b.n_entries; i++) {
        fire_tensor t;
        err = (fire_error){0};
        if (fire_bundle_find(&b, b.entry[i].name) != &b.entry[i]) abort();
        if ((s = fire_bundle_tensor(&b.entry[i], p.data, &t, &err))) fuzz_check(s, &err);
    }
    fire_bundle_clear(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    fire_context *ctx = fuzz_context();
    fire_error err = {0};
    if (fire_set_limits(ctx, (int64_t)size * 4 + (64 << 20), WORK, &err)) abort();
    if (size && bytes[0] == 0xff) saved(ctx, bytes + 1, size - 1);
    else fuzz_load_and_run(ctx, bytes, size);
    fire_context_free(ctx);
    if (fuzz_used) abort(); /* nothing is lost */
    return 0;
}
