/* fuzz_model - libFuzzer over fire_load_bytes; what loads is looked at, saved, loaded again and, when it is small, run. The hash of the
** graph is not compared in this build (FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION), so that damaged layers are reached too. */
#include "limits.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    fire_context *ctx = fuzz_context();
    fire_network *net = NULL, *back = NULL;
    fire_dataset *data = NULL;
    fire_error err = {0};
    void *saved = NULL, *x = NULL, *y = NULL;
    size_t saved_size;
    fire_status s = fire_load_bytes(ctx, bytes, size, &net, &err);
    if (s) {
        if (err.status != s || !err.message[0]) abort(); /* a failure says what it is, in printable text */
        for (const char *p = err.message; *p; p++)
            if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e) abort();
        goto done;
    }
    fire_network_info info;
    fire_network_info_get(net, &info);
    if (fire_save_bytes(net, &saved, &saved_size, &err) == FIRE_OK && fire_load_bytes(ctx, saved, saved_size, &back, &err) != FIRE_OK && err.status != FIRE_NOMEM)
        abort(); /* what was saved loads */
    int64_t in = 3 * 8, out = 3 * 8;
    for (int i = 1; i < info.input.rank; i++)
        if (__builtin_mul_overflow(in, info.input.dim[i], &in) || in > 1 << 20) goto done;
    for (int i = 1; i < info.output.rank; i++)
        if (__builtin_mul_overflow(out, info.output.dim[i], &out) || out > 1 << 20) goto done;
    if (info.flops > 1 << 20 || info.input.rank < 1 || info.output.rank < 1) goto done;
    x = calloc(1, (size_t)in + 1);
    y = calloc(1, (size_t)out + 1);
    fire_tensor rows = {info.type, info.input, x};
    rows.shape.dim[0] = 3;
    if (x && y && !fire_dataset_new(ctx, &data, &err) && !fire_dataset_add(data, &rows, NULL, NULL, &err)) (void)fire_predict(net, data, y, NULL, &err);
done:
    fire_dataset_free(data);
    fire_network_free(back);
    fire_network_free(net);
    fire_release(ctx, saved);
    fire_context_free(ctx);
    free(x);
    free(y);
    if (fuzz_used) abort(); /* nothing is lost */
    return 0;
}
