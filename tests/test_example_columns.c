/* test_example_columns - examples decoded into columns and encoded from Arrow. tests/python/test_tfrecord.py does both with pyarrow. */
#include "harness.h"
#include "error.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static int set_up(void **state) {
    snprintf(path, sizeof path, "/tmp/fire_columns_%ld", (long)getpid());
    return 0;
}
static int tear_down(void **state) { return remove(path) && 0; }

#define FEATURE(NAME, KIND, N, ...) {.name = NAME, .name_size = sizeof NAME - 1, .kind = FIRE_FEATURE_##KIND, .n = N, .values = __VA_ARGS__}

/* Records of one, several and no values; every fourth is no example, and every fourth has a text where a number should be. */
static fire_status write_file(fire_context *ctx, fire_error *err) {
    fire_record_writer *w = NULL;
    fire_status s = fire_record_writer_open(ctx, path, FIRE_PLAIN, false, &w, err);
    for (int64_t i = 0; i < 12 && !s; i++) {
        const float numbers[3] = {(float)i, 0.5f, -1};
        const int64_t steps[2] = {1, 2};
        const fire_bytes texts[2] = {{"ab", 2}, {"", 0}};
        const fire_feature feature[] = {
            FEATURE("id", INT, 1, &i), FEATURE("numbers", FLOAT, i % 4, numbers), FEATURE("texts", BYTES, 2, texts),
            {.name = "steps", .name_size = 5, .kind = FIRE_FEATURE_FLOAT, .n = 3, .values = numbers, .list = true, .n_steps = 2, .steps = steps}};
        const fire_feature wrong[] = {FEATURE("id", BYTES, 1, texts), FEATURE("numbers", FLOAT, 1, numbers)};
        void *bytes = NULL;
        size_t size;
        const bool misfit = i % 4 == 3;
        const fire_example e = {!misfit, misfit ? 2 : 4, misfit ? wrong : feature};
        if (!(s = fire_example_write(ctx, &e, &bytes, &size, err))) s = fire_record_writer_add(w, i % 4 == 2 ? "\xff" : bytes, i % 4 == 2 ? 1 : size, err);
        fire_release(ctx, bytes);
    }
    fire_status closed = fire_record_writer_close(w, !s, s ? NULL : err);
    return s ? s : closed;
}

static const fire_example_column wanted[] = {{"why", 'u', 0}, {"texts", 'z', 1}, {"id", 'i', 0}, {"missing", 'b', 0}, {"numbers", 'g', 1}, {"steps", 'f', 2}};

static fire_status read_back(fire_context *ctx, void *user, fire_error *err) {
    const fire_malformed mode = *(fire_malformed *)user;
    fire_examples *e = NULL;
    fire_records *r = NULL;
    int64_t n, rows = 0, batches = 0;
    fire_status s = write_file(ctx, err);
    if (!s) s = fire_examples_new(ctx, 6, wanted, mode, 0, &e, err);
    if (!s) s = fire_records_open(ctx, path, &r, err);
    while (!s && !(s = fire_examples_read(e, r, 5, 1 << 20, &n, err)) && n) {
        fire_example_buffers id, numbers, steps, texts, why;
        fire_examples_column(e, 0, &why);
        fire_examples_column(e, 1, &texts);
        fire_examples_column(e, 2, &id);
        fire_examples_column(e, 4, &numbers);
        fire_examples_column(e, 5, &steps);
        assert_int_equal(id.n_values, n);
        assert_int_equal(why.nulls, n - id.nulls);
        for (int64_t i = 0; i < n; i++) {
            const bool there = id.valid[i / 8] >> i % 8 & 1;
            const int64_t record = mode == FIRE_MALFORMED_NULL ? rows + i : (rows + i) / 2 * 4 + (rows + i) % 2;
            assert_int_equal(there, record % 4 < 2);
            assert_int_equal(why.texts[i + 1] - why.texts[i] > 0, !there);
            assert_int_equal(numbers.offsets[0][i + 1] - numbers.offsets[0][i], there ? record % 4 : 0);
            assert_int_equal(texts.offsets[0][i + 1] - texts.offsets[0][i], there ? 2 : 0);
            assert_int_equal(steps.offsets[0][i + 1] - steps.offsets[0][i], there ? 2 : 0);
            if (!there) continue;
            assert_int_equal(((const int32_t *)id.data)[i], record);
            if (record % 4) assert_true(((const double *)numbers.data)[numbers.offsets[0][i]] == (double)record);
            const int32_t *inner = steps.offsets[1] + steps.offsets[0][i];
            assert_int_equal(inner[1] - inner[0], 1);
            assert_int_equal(inner[2] - inner[1], 2);
            assert_memory_equal((const char *)texts.data + texts.texts[texts.offsets[0][i]], "ab", 2);
        }
        rows += n;
        batches++;
    }
    if (!s) {
        assert_int_equal(rows, mode == FIRE_MALFORMED_NULL ? 12 : 6);
        assert_int_equal(batches, mode == FIRE_MALFORMED_NULL ? 3 : 2);
    }
    fire_records_close(r);
    fire_examples_free(e);
    return s;
}

static void columns(void **state) {
    for (fire_malformed mode = FIRE_MALFORMED_NULL; mode <= FIRE_MALFORMED_DROP; mode++) {
        harness h;
        harness_init(&h);
        fire_context *ctx = harness_context(&h, NULL);
        fire_error err;
        if (read_back(ctx, &mode, &err)) fail_msg("%s", err.message);
        fire_context_free(ctx);
        assert_int_equal(h.live, 0);
        assert_true(harness_fail_each(read_back, &mode) > 20);
    }
}

/* What is told of the first malformed record, and of columns that cannot be. */
static void refusals(void **state) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    fire_error err;
    fire_records *r = NULL;
    fire_examples *e = NULL;
    int64_t n;
    assert_int_equal(write_file(ctx, &err), FIRE_OK);
    assert_int_equal(fire_examples_new(ctx, 6, wanted, FIRE_MALFORMED_FAIL, -1, &e, &err), FIRE_OK);
    assert_int_equal(fire_records_open(ctx, path, &r, &err), FIRE_OK);
    assert_int_equal(fire_examples_read(e, r, 100, 1 << 20, &n, &err), FIRE_DATA);
    assert_non_null(strstr(err.message, "record 2 at byte "));
    assert_int_equal(fire_examples_read(e, r, 100, 1 << 20, &n, &err), FIRE_DATA);
    assert_non_null(strstr(err.message, "record 3 at byte "));
    assert_non_null(strstr(err.message, "the feature 'id' holds bytes, expected whole numbers"));
    fire_records_close(r);
    fire_examples_free(e);
    const fire_example_column bad[][2] = {{{"a", 'l', 0}, {"a", 'f', 0}}, {{"a", 'q', 0}, {"b", 'f', 0}}, {{"a", 'l', 3}, {"b", 'f', 0}}, {{NULL, 'l', 0}, {"b", 'f', 0}}};
    for (int i = 0; i < 4; i++) assert_int_equal(fire_examples_new(ctx, 2, bad[i], FIRE_MALFORMED_FAIL, -1, &e, &err), FIRE_USAGE);
    assert_int_equal(fire_examples_new(ctx, 6, wanted, FIRE_MALFORMED_NULL, 2, &e, &err), FIRE_USAGE);
    fire_context_free(ctx);
    assert_int_equal(h.live, 0);
}

/* Whatever the cuts, ranges give every record once. */
static void ranges(void **state) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    fire_record_writer *w = NULL;
    assert_int_equal(fire_record_writer_open(ctx, path, FIRE_PLAIN, false, &w, NULL), FIRE_OK);
    char *bytes = calloc(1, 300000);
    int64_t size = 0;
    for (int i = 0; i < 9; i++) {
        const size_t length = i == 4 ? 300000 : (size_t)i * 7; /* one is larger than what is read at once */
        bytes[0] = (char)i;
        assert_int_equal(fire_record_writer_add(w, bytes, length, NULL), FIRE_OK);
        size += 16 + (int64_t)length;
    }
    assert_int_equal(fire_record_writer_close(w, true, NULL), FIRE_OK);
    for (int64_t step = 1; step < size; step = step < 60 ? step + 7 : step * 3) {
        int next = 0;
        for (int64_t from = 0; from < size; from = from < 200 || step > 1000 ? from + step : size) {
            const int64_t to = from + step < 200 || step > 1000 ? from + step : size;
            fire_records *r = NULL;
            fire_error err;
            assert_int_equal(fire_records_open(ctx, path, &r, &err), FIRE_OK);
            assert_int_equal(fire_records_range(r, from, to, &err), FIRE_OK);
            const void *record = "";
            for (size_t n; record;) {
                assert_int_equal(fire_records_next(r, &record, &n, &err), FIRE_OK);
                if (record && n) assert_int_equal(((const char *)record)[0], next);
                next += record != NULL;
            }
            fire_records_close(r);
            if (to >= size) break;
        }
        assert_int_equal(next, 9);
    }
    free(bytes);
    fire_context_free(ctx);
    assert_int_equal(h.live, 0);
}

static fire_status survey(fire_context *ctx, void *user, fire_error *err) {
    fire_feature_survey *v = NULL;
    fire_records *r = NULL;
    int64_t malformed = 0, seen = 0;
    fire_feature_summary f;
    fire_status s = write_file(ctx, err);
    if (!s) s = fire_feature_survey_new(ctx, &v, err);
    if (!s) s = fire_records_open(ctx, path, &r, err);
    if (!s) s = fire_feature_survey_add(v, r, 11, &malformed, &seen, err);
    if (!s) {
        assert_int_equal(seen, 11);
        assert_int_equal(malformed, 3);
        assert_true(fire_feature_survey_get(v, 0, &f));
        assert_string_equal(f.name, "id");
        assert_int_equal(f.kinds, 1 << FIRE_FEATURE_INT | 1 << FIRE_FEATURE_BYTES);
        assert_int_equal(f.records, 8);
        assert_true(fire_feature_survey_get(v, 1, &f) && f.least == 0 && f.most == 1 && !f.list);
        assert_true(fire_feature_survey_get(v, 3, &f) && f.least == 2 && f.most == 2 && f.list);
        assert_false(fire_feature_survey_get(v, 4, &f));
    }
    fire_records_close(r);
    fire_feature_survey_free(v);
    return s;
}
static void surveys(void **state) { assert_true(harness_fail_each(survey, NULL) > 20); }

/* ---- from Arrow: columns of int32 with a null, of lists of texts, of fixed-size lists of lists of floats ---- */

static void keep_schema(struct ArrowSchema *s) { s->release = NULL; }
static void keep_array(struct ArrowArray *a) { a->release = NULL; }

typedef struct arrow { struct ArrowSchema s[8], *children[8]; struct ArrowArray a[8], *arrays[8]; const void *buffers[8][3]; } arrow;

/* Array `i` with its buffers, and its one child. */
static void arrow_set(arrow *t, int i, const char *format, const char *name, int64_t length, int64_t nulls, int n_buffers, const void *b0, const void *b1, const void *b2, int child) {
    t->buffers[i][0] = b0, t->buffers[i][1] = b1, t->buffers[i][2] = b2;
    t->children[i] = &t->s[child], t->arrays[i] = &t->a[child];
    t->s[i] = (struct ArrowSchema){.format = format, .name = name, .n_children = child > 0, .children = &t->children[i], .release = keep_schema};
    t->a[i] = (struct ArrowArray){.length = length, .null_count = nulls, .n_buffers = n_buffers, .buffers = t->buffers[i], .n_children = child > 0, .children = &t->arrays[i], .release = keep_array};
}

static const int32_t whole[] = {7, 0, -9}, lists[] = {0, 2, 2, 3}, texts[] = {0, 1, 3, 6}, inner[] = {0, 1, 1, 3, 4, 5, 6};
static const uint8_t valid[] = {5};
static const float numbers[] = {1, 2, 3, 4, 5, 6};

static void batch_of(arrow *t, struct ArrowSchema *schema, struct ArrowArray *batch, struct ArrowSchema *cs[3], struct ArrowArray *ca[3]) {
    arrow_set(t, 0, "i", "whole", 3, 1, 2, valid, whole, NULL, 0);
    arrow_set(t, 1, "+l", "texts", 3, 0, 2, NULL, lists, NULL, 2);
    arrow_set(t, 2, "u", "element", 3, 0, 3, NULL, texts, "abbccc", 0);
    arrow_set(t, 3, "+w:2", "numbers", 3, 0, 1, NULL, NULL, NULL, 4);
    arrow_set(t, 4, "+l", "element", 6, 0, 2, NULL, inner, NULL, 5);
    arrow_set(t, 5, "f", "element", 6, 0, 2, NULL, numbers, NULL, 0);
    for (int i = 0; i < 3; i++) cs[i] = &t->s[i ? 2 * i - 1 : 0], ca[i] = &t->a[i ? 2 * i - 1 : 0];
    *schema = (struct ArrowSchema){.format = "+s", .n_children = 3, .children = cs};
    *batch = (struct ArrowArray){.length = 3, .n_children = 3, .children = ca};
}

static fire_status write_arrow(fire_context *ctx, void *user, fire_error *err) {
    arrow t;
    struct ArrowSchema schema, *cs[3];
    struct ArrowArray batch, *ca[3];
    batch_of(&t, &schema, &batch, cs, ca);
    fire_record_writer *w = NULL;
    fire_records *r = NULL;
    fire_example *e = NULL;
    const void *bytes;
    size_t size;
    fire_status s = fire_record_writer_open(ctx, path, FIRE_GZIP, false, &w, err);
    if (!s) s = fire_record_writer_add_arrow(w, &schema, &batch, false, err);
    fire_status closed = fire_record_writer_close(w, !s, s ? NULL : err);
    if (!s) s = closed;
    if (!s) s = fire_records_open(ctx, path, &r, err);
    for (int i = 0; i < 3 && !s; i++) {
        if ((s = fire_records_next(r, &bytes, &size, err)) || (s = fire_example_read(ctx, bytes, size, &e, err))) break;
        assert_true(e->sequence);
        assert_int_equal(e->n, i == 1 ? 2 : 3); /* texts, whole unless null; numbers */
        const fire_feature *f = &e->feature[0], *g = &e->feature[e->n - 1];
        assert_int_equal(f->n, lists[i + 1] - lists[i]);
        if (i == 0) assert_memory_equal(((const fire_bytes *)f->values)[1].bytes, "bb", 2);
        if (i != 1) assert_int_equal(*(const int64_t *)e->feature[1].values, whole[i]);
        assert_int_equal(g->n_steps, 2);
        assert_int_equal(g->n, inner[2 * i + 2] - inner[2 * i]);
        assert_memory_equal(g->values, numbers + inner[2 * i], (size_t)g->n * 4);
        fire_example_free(ctx, e);
        e = NULL;
    }
    fire_records_close(r);
    return s;
}

static void from_arrow(void **state) {
    assert_true(harness_fail_each(write_arrow, NULL) > 8);
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    fire_error err;
    fire_record_writer *w = NULL;
    assert_int_equal(fire_record_writer_open(ctx, path, FIRE_PLAIN, false, &w, &err), FIRE_OK);
    static const int32_t backwards[] = {0, 2, 1, 3}, far[] = {0, 2, 2, 4};
    for (int i = 0; i < 8; i++) {
        arrow t;
        struct ArrowSchema schema, *cs[3];
        struct ArrowArray batch, *ca[3];
        batch_of(&t, &schema, &batch, cs, ca);
        switch (i) {
        case 0: t.buffers[1][1] = backwards; break;
        case 1: t.buffers[1][1] = far; break;
        case 2: t.a[0].length = 2; break;
        case 3: t.s[0].format = "tdD"; break;
        case 4: t.s[3].format = "+w"; break;
        case 5: t.s[3].format = "+w:x"; break;
        case 6: t.a[5].length = 4; break;
        default: t.buffers[5][0] = valid; t.a[5].null_count = 1;
        }
        assert_int_equal(fire_record_writer_add_arrow(w, &schema, &batch, false, &err), FIRE_DATA);
        assert_non_null(strstr(err.message, i < 2 ? "column 'texts'" : i == 2 || i == 3 ? "column 'whole'" : "column 'numbers'"));
    }
    fire_record_writer_close(w, false, NULL);
    fire_context_free(ctx);
    assert_int_equal(h.live, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns), cmocka_unit_test(refusals), cmocka_unit_test(ranges), cmocka_unit_test(surveys), cmocka_unit_test(from_arrow),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
