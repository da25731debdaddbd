/* fuzz_state - libFuzzer over the JSON reader and safetensors: what a checkpoint holds besides the model. */
#include "limits.h"
#include "formats/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    fire_context *ctx = fuzz_context();
    fire_json j;
    fire_json_token t;
    char text[64];
    fire_json_open(&j, bytes, size);
    while (fire_json_next(&j, &t, NULL) == FIRE_OK && t.kind != FIRE_JSON_END)
        if (t.kind == FIRE_JSON_KEY || t.kind == FIRE_JSON_TEXT) {
            (void)fire_json_copy(&j, &t, text, sizeof text, NULL, NULL);
            (void)fire_json_is(&t, "data_offsets");
        }
    fire_safetensors s;
    fire_error err = {0};
    if (fire_safetensors_read(ctx, bytes, size, &s, &err) == FIRE_OK) {
        size_t sum = 0;
        for (int64_t i = 0; i < s.n_tensors; i++) {
            if (fire_safetensors_find(&s, s.tensor[i].name) != &s.tensor[i]) abort();
            for (size_t k = 0; k < s.tensor[i].bytes; k++) sum += ((const uint8_t *)s.tensor[i].data)[k]; /* every byte can be read */
        }
        fire_buffer b = {.ctx = ctx};
        fire_pair pair[] = {{"sum", sum & 1 ? "odd" : "even"}};
        fire_safetensors_write(&b, s.n_tensors, s.tensor, 1, pair);
        fire_safetensors again;
        if (!b.first.status && fire_safetensors_read(ctx, b.data, (size_t)b.size, &again, &err) != FIRE_OK && err.status != FIRE_NOMEM) abort();
        if (!b.first.status) fire_safetensors_clear(&again);
        fire_buffer_free(&b);
    }
    fire_safetensors_clear(&s);
    fire_context_free(ctx);
    if (fuzz_used) abort();
    return 0;
}
