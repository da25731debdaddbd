/* fuzz_caffe - libFuzzer over nets of Caffe, in wire format or as text, which are loaded and run; behind the byte 0xff, over a net and a second one with
** its weights: the size of the first, then both. */
#include "formats/caffe.h"
#include "formats/protobuf_text.h"
#include "run.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void two(fire_context *ctx, const uint8_t *bytes, size_t size) {
    uint16_t first;
    fire_error err = {0};
    fire_onnx m = {0};
    if (size < 2) return;
    memcpy(&first, bytes, 2);
    bytes += 2, size -= 2;
    const size_t a = first < size ? first : size;
    fire_status s = fire_caffe_read(ctx, bytes, a, bytes + a, size - a, &m, &err);
    if (!s) s = fire_onnx_check(&m, &err);
    if (s) fuzz_check(s, &err);
    fire_onnx_clear(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    fire_context *ctx = fuzz_context();
    fire_error err = {0};
    const bool both = size && bytes[0] == 0xff;
    if (!both && !fire_caffe_is(bytes, size) && !fire_proto_text_is(bytes, size, &fire_proto_caffe_net)) { /* other targets are for other models */
        fire_context_free(ctx);
        return 0;
    }
    if (fire_set_limits(ctx, (int64_t)size * 4 + (64 << 20), WORK, &err)) abort();
    if (both) two(ctx, bytes + 1, size - 1);
    else fuzz_load_and_run(ctx, bytes, size);
    fire_context_free(ctx);
    if (fuzz_used) abort(); /* nothing is lost */
    return 0;
}
