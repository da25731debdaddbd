/* fuzz_onnx - libFuzzer over ONNX files of others: looked at, loaded, and run with zeros of the shapes that they declare, within limits of
** memory and work. Damaged layers of our own files are for fuzz_model. */
#include "run.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    fire_context *ctx = fuzz_context_with(size % 4 != 0); /* fast kernels take longest to make ready: every fourth size has them */
    fire_error err = {0};
    if (fire_set_limits(ctx, (int64_t)size * 4 + (16 << 20), WORK, &err)) abort();
    fuzz_load_and_run(ctx, bytes, size);
    fire_context_free(ctx);
    if (fuzz_used) abort(); /* nothing is lost */
    return 0;
}
