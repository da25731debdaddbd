/* fuzz_record - libFuzzer over TFRecord files and the examples in them. The first byte chooses: a file, plain or packed (CRCs are not compared in this
** build), or one example, which is written and read again. */
#include "limits.h"
#include <errno.h>
#include <string.h>

static const uint8_t *bytes_of;
static size_t size_of;

static int memory_open(void *user, const char *path, bool write, void **file) {
    *file = &bytes_of;
    return write ? -EROFS : 0;
}
static int64_t memory_size(void *user, void *file) { return (int64_t)size_of; }
static int64_t memory_read(void *user, void *file, int64_t offset, void *to, size_t bytes) {
    if (offset < 0 || (size_t)offset >= size_of) return 0;
    const size_t left = size_of - (size_t)offset, n = bytes < left ? bytes : left;
    memcpy(to, bytes_of + offset, n);
    return (int64_t)n;
}
static int memory_close(void *user, void *file) { return 0; }

static void one_example(fire_context *ctx, const uint8_t *bytes, size_t size) {
    fire_example *e = NULL, *again = NULL;
    fire_error err = {0};
    const fire_status s = fire_example_read(ctx, bytes, size, &e, &err);
    if (s) {
        if (err.status != s || !err.message[0]) abort();
        return;
    }
    volatile uint8_t sum = 0;
    for (int64_t i = 0; i < e->n; i++) {
        const fire_feature *f = &e->feature[i];
        int64_t steps = 0;
        for (int64_t k = 0; k < f->n_steps; k++) steps += f->steps[k];
        if (f->list && steps != f->n) abort();
        if (f->kind == FIRE_FEATURE_BYTES)
            for (int64_t k = 0; k < f->n; k++)
                for (size_t c = 0; c < ((const fire_bytes *)f->values)[k].size; c++) sum = (uint8_t)(sum + ((const uint8_t *)((const fire_bytes *)f->values)[k].bytes)[c]); /* every byte is there */
    }
    void *written = NULL;
    size_t n;
    if (!fire_example_write(ctx, e, &written, &n, &err)) {
        if (fire_example_read(ctx, written, n, &again, &err) == FIRE_OK) {
            if (again->n != e->n || again->sequence != e->sequence) abort(); /* what was written says the same */
            for (int64_t i = 0; i < e->n; i++)
                if (again->feature[i].kind != e->feature[i].kind || again->feature[i].n != e->feature[i].n || again->feature[i].n_steps != e->feature[i].n_steps) abort();
        } else if (err.status != FIRE_NOMEM) abort();
    } else if (err.status != FIRE_NOMEM) abort();
    fire_example_free(ctx, again);
    fire_release(ctx, written);
    fire_example_free(ctx, e);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const fire_io io = {.open = memory_open, .size = memory_size, .read = memory_read, .close = memory_close};
    if (!size) return 0;
    fire_context *ctx = fuzz_context_of(false, &io);
    if (bytes[0] & 1) one_example(ctx, bytes + 1, size - 1);
    else {
        fire_records *r = NULL;
        fire_error err = {0};
        const void *record = "";
        size_t n;
        bytes_of = bytes + 1;
        size_of = size - 1;
        fire_status s = fire_records_open(ctx, "memory", &r, &err);
        for (int i = 0; i < 64 && !s && record; i++)
            if (!(s = fire_records_next(r, &record, &n, &err)) && record) one_example(ctx, record, n);
        if (s && (err.status != s || !err.message[0])) abort();
        fire_records_close(r);
    }
    fire_context_free(ctx);
    if (fuzz_used) abort();
    return 0;
}
