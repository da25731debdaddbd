/* fuzz_record - libFuzzer over TFRecord files and the examples in them. The first byte chooses: a file, plain or packed (CRCs are not compared in this
** build), in records and in columns, or one example, which is written and read again. */
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

/* The file that is in memory, in columns, its features counted; offsets must ascend and end where the values do. */
static void all_columns(fire_context *ctx, fire_malformed mode) {
    static const fire_example_column column[] = {{"why", 'u', 0}, {"a", 'l', 0}, {"id", 'i', 1}, {"b", 'f', 1}, {"c", 'u', 0}, {"texts", 'z', 1}, {"d", 'b', 2}, {"steps", 'g', 2}};
    fire_examples *e = NULL;
    fire_records *r = NULL;
    fire_feature_survey *v = NULL;
    fire_feature_summary f;
    fire_error err = {0};
    int64_t n = 1, malformed = 0, seen;
    fire_status s = fire_examples_new(ctx, 8, column, mode, 0, &e, &err);
    if (!s) s = fire_records_open(ctx, "memory", &r, &err);
    for (int round = 0; round < 16 && n && !s && !(s = fire_examples_read(e, r, 7, 1 << 16, &n, &err)); round++)
        for (int32_t i = 0; i < 8; i++) {
            fire_example_buffers b;
            fire_examples_column(e, i, &b);
            const int64_t inside[3] = {n, b.n_lists[1], b.n_values};
            for (int level = 0; level < column[i].lists && n; level++) {
                if (b.n_lists[level] != inside[level] || b.offsets[level][0] || b.offsets[level][b.n_lists[level]] != inside[column[i].lists == 2 ? level + 1 : 2]) abort();
                for (int64_t k = 0; k < b.n_lists[level]; k++)
                    if (b.offsets[level][k] > b.offsets[level][k + 1]) abort();
            }
            if (b.texts && n && b.texts[b.n_values] != b.data_bytes) abort();
        }
    fire_records_close(r);
    fire_examples_free(e);
    r = NULL;
    if (!s && !(s = fire_records_open(ctx, "memory", &r, &err)) && !(s = fire_feature_survey_new(ctx, &v, &err))) s = fire_feature_survey_add(v, r, 64, &malformed, &seen, &err);
    for (int64_t i = 0; v && fire_feature_survey_get(v, i, &f); i++)
        if (!f.name || f.least < 0) abort();
    fire_feature_survey_free(v);
    fire_records_close(r);
    if (s && (err.status != s || !err.message[0])) abort();
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
        if (bytes[0] & 2) all_columns(ctx, (fire_malformed)((bytes[0] >> 2) % 3));
    }
    fire_context_free(ctx);
    if (fuzz_used) abort();
    return 0;
}
