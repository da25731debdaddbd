/* test_records - TFRecord files, the examples in them, event files. tests/python/test_tfrecord.py reads files that TensorFlow wrote. */
#include "harness.h"
#include "crc32c.h"
#include "error.h"
#include "wire.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static char path[64];

static int set_up(void **state) {
    snprintf(path, sizeof path, "/tmp/fire_records_%ld", (long)getpid());
    return 0;
}
static int tear_down(void **state) { return remove(path) && 0; }

static void write_file(const void *bytes, size_t size) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    fclose(f);
}
static uint8_t *read_file(size_t *size) {
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = malloc(4 << 20);
    assert_non_null(f);
    *size = fread(bytes, 1, 4 << 20, f);
    fclose(f);
    return bytes;
}

/* Record i of a test: 0, 7, 80000, 600000 ... bytes, larger than what is read at once. */
static size_t fill(int i, uint8_t *to) {
    static const size_t sizes[] = {0, 7, 80000, 600000, 1};
    uint64_t seed = (uint64_t)i + 1;
    for (size_t k = 0; k < sizes[i % 5]; k++) to[k] = (uint8_t)(harness_random(&seed) & 15);
    return sizes[i % 5];
}

static fire_status write_read(fire_context *ctx, void *user, fire_error *err) {
    const fire_packing packing = *(fire_packing *)user;
    uint8_t *want = malloc(600000);
    fire_record_writer *w = NULL;
    fire_records *r = NULL;
    fire_status s = fire_record_writer_open(ctx, path, packing, false, &w, err);
    for (int i = 0; i < 6 && !s; i++) s = fire_record_writer_add(w, want, fill(i, want), err);
    fire_status closed = fire_record_writer_close(w, !s, s ? NULL : err);
    if (!s) s = closed;
    if (!s) s = fire_records_open(ctx, path, &r, err);
    for (int i = 0; i <= 6 && !s; i++) {
        const void *bytes;
        size_t size;
        if ((s = fire_records_next(r, &bytes, &size, err))) break;
        if (i == 6) assert_null(bytes);
        else {
            assert_non_null(bytes);
            assert_int_equal(size, fill(i, want));
            assert_memory_equal(bytes, want, size);
        }
    }
    fire_records_close(r);
    free(want);
    return s;
}

static void round_trip(void **state) {
    for (fire_packing p = FIRE_PLAIN; p <= FIRE_ZLIB; p++) {
        harness h;
        harness_init(&h);
        fire_context *ctx = harness_context(&h, NULL);
        fire_error err;
        if (write_read(ctx, &p, &err)) fail_msg("%s", err.message);
        fire_context_free(ctx);
        assert_int_equal(h.live, 0);
        assert_true(harness_fail_each(write_read, &p) > 5);
    }
}

static fire_status read_all(fire_context *ctx, int *n, fire_error *err) {
    fire_records *r = NULL;
    fire_status s = fire_records_open(ctx, path, &r, err);
    const void *bytes = "";
    size_t size;
    for (*n = 0; !s && bytes; *n += bytes != NULL) s = fire_records_next(r, &bytes, &size, err);
    fire_records_close(r);
    return s;
}

/* A file cut anywhere, and a bit turned anywhere, is an error with an offset; except a cut between records. */
static void damaged(void **state) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    fire_error err;
    int n;
    for (fire_packing p = FIRE_PLAIN; p <= FIRE_ZLIB; p++) {
        fire_record_writer *w = NULL;
        assert_int_equal(fire_record_writer_open(ctx, path, p, false, &w, NULL), FIRE_OK);
        assert_int_equal(fire_record_writer_add(w, "first", 5, NULL), FIRE_OK);
        assert_int_equal(fire_record_writer_add(w, "second!", 7, NULL), FIRE_OK);
        assert_int_equal(fire_record_writer_close(w, true, NULL), FIRE_OK);
        size_t size;
        uint8_t *whole = read_file(&size);
        for (size_t cut = 0; cut < size; cut++) {
            write_file(whole, cut);
            const fire_status s = read_all(ctx, &n, &err);
            if (cut == 0 || (p == FIRE_PLAIN && cut == 21)) assert_int_equal(s, FIRE_OK);
            else {
                assert_int_equal(s, FIRE_DATA);
                assert_non_null(strstr(err.message, "at byte "));
            }
        }
        for (size_t bit = 0; bit < 8 * size; bit++) {
            whole[bit / 8] ^= (uint8_t)(1 << bit % 8);
            write_file(whole, size);
            const fire_status s = read_all(ctx, &n, &err);
            if (p == FIRE_PLAIN) assert_int_equal(s, FIRE_DATA);
            else assert_true(s == FIRE_OK || s == FIRE_DATA); /* some bits of a header mean nothing */
            if (s == FIRE_OK) assert_int_equal(n, 2);
            whole[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        free(whole);
    }
    /* A length that is well signed, and not there. */
    uint8_t head[40] = {0};
    memset(head, 0xff, 7);
    const uint32_t crc = fire_crc32c_mask(fire_crc32c(0, head, 8));
    memcpy(head + 8, &crc, 4);
    write_file(head, sizeof head);
    assert_int_equal(read_all(ctx, &n, &err), FIRE_DATA);
    assert_non_null(strstr(err.message, "only 28 bytes are left"));
    fire_context_free(ctx);
    assert_int_equal(h.live, 0);
}

/* Gzip members one after the other are one stream, and a bomb is refused. */
static void packed(void **state) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    fire_error err;
    int n;
    uint8_t all[400];
    size_t at = 0;
    for (int i = 0; i < 3; i++) {
        fire_record_writer *w = NULL;
        assert_int_equal(fire_record_writer_open(ctx, path, FIRE_GZIP, false, &w, NULL), FIRE_OK);
        assert_int_equal(fire_record_writer_add(w, "part", 4, NULL), FIRE_OK);
        assert_int_equal(fire_record_writer_close(w, true, NULL), FIRE_OK);
        size_t size;
        uint8_t *one = read_file(&size);
        memcpy(all + at, one, size);
        at += size;
        free(one);
    }
    write_file(all, at);
    assert_int_equal(read_all(ctx, &n, &err), FIRE_OK);
    assert_int_equal(n, 3);

    gzFile z = gzopen(path, "wb");
    uint8_t head[12] = {0, 0, 0, 0x10}; /* 256 MiB */
    const uint32_t crc = fire_crc32c_mask(fire_crc32c(0, head, 8));
    memcpy(head + 8, &crc, 4);
    assert_int_equal(gzwrite(z, head, 12), 12);
    assert_int_equal(gzclose(z), Z_OK);
    assert_int_equal(read_all(ctx, &n, &err), FIRE_DATA);
    assert_non_null(strstr(err.message, "in a packed file of this size"));
    fire_context_free(ctx);
    assert_int_equal(h.live, 0);
}

/* ---- examples ---- */

static const float floats[] = {1.5f, -2};
static const int64_t ints[] = {-1, 0, INT64_MIN, 300};
static const fire_bytes texts[] = {{"", 0}, {"a\0b", 3}};
static const int64_t steps[] = {2, 0, 2};
static const fire_feature features[] = {
    {"f", 1, FIRE_FEATURE_FLOAT, 2, floats, false, 0, NULL}, {"i", 1, FIRE_FEATURE_INT, 4, ints, false, 0, NULL}, {"none", 4, FIRE_FEATURE_EMPTY, 0, NULL, false, 0, NULL},
    {"t", 1, FIRE_FEATURE_BYTES, 2, texts, false, 0, NULL}, {"l", 1, FIRE_FEATURE_INT, 4, ints, true, 3, steps}, {"m", 1, FIRE_FEATURE_EMPTY, 0, NULL, true, 0, NULL},
};

static void same_feature(const fire_feature *a, const fire_feature *b) {
    assert_int_equal(a->name_size, b->name_size);
    assert_memory_equal(a->name, b->name, b->name_size);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->list, b->list);
    assert_int_equal(a->n_steps, b->n_steps);
    for (int64_t i = 0; i < a->n_steps; i++) assert_int_equal(a->steps[i], b->steps[i]);
    if (a->kind == FIRE_FEATURE_BYTES)
        for (int64_t i = 0; i < a->n; i++) {
            const fire_bytes *x = &((const fire_bytes *)a->values)[i], *y = &((const fire_bytes *)b->values)[i];
            assert_int_equal(x->size, y->size);
            assert_memory_equal(x->bytes, y->bytes, y->size);
        }
    else if (a->n) assert_memory_equal(a->values, b->values, (size_t)a->n * (a->kind == FIRE_FEATURE_FLOAT ? 4 : 8));
}

static fire_status example_round(fire_context *ctx, void *user, fire_error *err) {
    const bool sequence = *(bool *)user;
    const fire_example e = {sequence, sequence ? 6 : 4, features};
    void *bytes = NULL;
    size_t size = 0;
    fire_example *back = NULL;
    fire_status s = fire_example_write(ctx, &e, &bytes, &size, err);
    if (!s) {
        uint8_t *exact = malloc(size); /* so that a sanitizer sees a byte too far */
        memcpy(exact, bytes, size);
        s = fire_example_read(ctx, exact, size, &back, err);
        if (!s) {
            assert_int_equal(back->sequence, sequence);
            assert_int_equal(back->n, e.n);
            for (int64_t i = 0; i < e.n; i++) same_feature(&back->feature[i], &features[i]);
        }
        fire_example_free(ctx, back);
        free(exact);
    }
    fire_release(ctx, bytes);
    return s;
}

static void examples(void **state) {
    for (int sequence = 0; sequence < 2; sequence++) {
        harness h;
        harness_init(&h);
        fire_context *ctx = harness_context(&h, NULL);
        bool user = sequence;
        fire_error err;
        if (example_round(ctx, &user, &err)) fail_msg("%s", err.message);
        fire_context_free(ctx);
        assert_int_equal(h.live, 0);
        assert_true(harness_fail_each(example_round, &user) > 3);
    }
}

/* Bytes as protobuf allows them, but no writer makes them: lists in pieces, numbers unpacked, a kind that is replaced, a key that comes twice. */
static void odd_examples(void **state) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    fire_error err;
    fire_buffer b = {.ctx = ctx};
    int64_t top = fire_wire_open(&b, 1);
    for (int round = 0; round < 2; round++) {
        int64_t entry = fire_wire_open(&b, 1);
        int64_t value = fire_wire_open(&b, 2);
        int64_t list = fire_wire_open(&b, 1); /* texts, which the numbers replace */
        for (int i = 0; i < 40; i++) fire_wire_put_text(&b, 1, "dropped");
        fire_wire_close(&b, list);
        for (int i = 0; i < 2; i++) {
            list = fire_wire_open(&b, 3);
            fire_wire_put_int(&b, 1, (uint64_t)(10 * round + i));
            fire_wire_put_bytes(&b, 1, "\x01\x02", 2);
            fire_wire_close(&b, list);
        }
        fire_wire_close(&b, value);
        fire_wire_put_text(&b, 1, "key");
        fire_wire_close(&b, entry);
    }
    fire_wire_close(&b, top);
    fire_example *e = NULL;
    assert_int_equal(fire_example_read(ctx, b.data, (size_t)b.size, &e, &err), FIRE_OK);
    assert_int_equal(e->n, 1);
    assert_int_equal(e->feature[0].n, 6);
    assert_memory_equal(e->feature[0].values, ((int64_t[]){10, 1, 2, 11, 1, 2}), 48);
    fire_example_free(ctx, e);
    for (int64_t cut = 0; cut < b.size; cut++) {
        e = NULL;
        fire_status s = fire_example_read(ctx, b.data, (size_t)cut, &e, &err);
        assert_true(s == FIRE_OK ? cut == 0 : s == FIRE_FILE && err.message[0]);
        fire_example_free(ctx, e);
    }
    fire_buffer_free(&b);
    assert_int_equal(fire_example_read(ctx, "", 0, &e, &err), FIRE_OK);
    assert_int_equal(e->n, 0);
    fire_example_free(ctx, e);
    const fire_feature bad = {"l", 1, FIRE_FEATURE_INT, 3, ints, true, 3, steps}, dark = {"\xff", 1, FIRE_FEATURE_EMPTY, 0, NULL, false, 0, NULL};
    void *bytes;
    size_t size;
    assert_int_equal(fire_example_write(ctx, &(fire_example){true, 1, &bad}, &bytes, &size, &err), FIRE_USAGE);
    assert_int_equal(fire_example_write(ctx, &(fire_example){false, 1, &dark}, &bytes, &size, &err), FIRE_USAGE);
    fire_context_free(ctx);
    assert_int_equal(h.live, 0);
}

/* A live file can be read while it grows. */
static fire_status events(fire_context *ctx, void *user, fire_error *err) {
    fire_record_writer *w = NULL;
    fire_records *r = NULL;
    const float numbers[] = {0, 1, 2, 3, 1.0f / 0.0f};
    const void *bytes;
    size_t size;
    fire_status s = fire_record_writer_open(ctx, path, FIRE_PLAIN, true, &w, err);
    if (!s) s = fire_event_version(w, 1.5, err);
    if (!s) s = fire_event_scalar(w, 2, -1, "loss", 0.25f, err);
    if (!s) s = fire_record_writer_flush(w, err);
    if (!s) s = fire_records_open(ctx, path, &r, err);
    for (int i = 0; i < 2 && !s; i++) s = fire_records_next(r, &bytes, &size, err);
    if (!s) s = fire_event_histogram(w, 3, 7, "kernel", &(fire_tensor){FIRE_F32, {1, {5}}, (void *)numbers}, err);
    if (!s) s = fire_record_writer_flush(w, err);
    if (!s && !(s = fire_records_next(r, &bytes, &size, err))) assert_non_null(bytes);
    if (!s && !(s = fire_records_next(r, &bytes, &size, err))) assert_null(bytes);
    fire_records_close(r);
    fire_status closed = fire_record_writer_close(w, true, s ? NULL : err);
    return s ? s : closed;
}
static void event_files(void **state) { assert_true(harness_fail_each(events, NULL) > 5); }

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip), cmocka_unit_test(damaged), cmocka_unit_test(packed), cmocka_unit_test(examples), cmocka_unit_test(odd_examples), cmocka_unit_test(event_files),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
