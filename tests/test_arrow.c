/* test_arrow.c - Arrow columns of every kind, sliced in both ways, with nulls, and batches that lie. */
#include "harness.h"
#include "dataset.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Arrow by hand: nodes of schema and array, freed together ---- */

static int released;

static void free_schema(struct ArrowSchema *s) {
    for (int64_t i = 0; i < s->n_children; i++) {
        if (s->children[i]->release) s->children[i]->release(s->children[i]);
        free(s->children[i]);
    }
    free(s->children);
    s->release = NULL;
}
static void free_array(struct ArrowArray *a) {
    for (int64_t i = 0; i < a->n_children; i++) {
        if (a->children[i]->release) a->children[i]->release(a->children[i]);
        free(a->children[i]);
    }
    free(a->children);
    free(a->buffers);
    a->release = NULL;
    released++;
}

typedef struct column { struct ArrowSchema s; struct ArrowArray a; } column;

/* A node of so many rows; buffers are borrowed from the test. */
static column node(const char *name, const char *format, int64_t length, int n_buffers, const void *b0, const void *b1, int n_children, column *children) {
    column c = {.s = {.format = format, .name = name, .flags = ARROW_FLAG_NULLABLE, .n_children = n_children, .release = free_schema},
                .a = {.length = length, .null_count = b0 ? -1 : 0, .n_buffers = n_buffers, .n_children = n_children, .release = free_array}};
    c.a.buffers = calloc((size_t)n_buffers + 1, sizeof(void *));
    if (n_buffers > 0) c.a.buffers[0] = b0;
    if (n_buffers > 1) c.a.buffers[1] = b1;
    if (n_children) {
        c.s.children = calloc((size_t)n_children, sizeof(void *));
        c.a.children = calloc((size_t)n_children, sizeof(void *));
        for (int i = 0; i < n_children; i++) {
            c.s.children[i] = malloc(sizeof(struct ArrowSchema));
            c.a.children[i] = malloc(sizeof(struct ArrowArray));
            *c.s.children[i] = children[i].s;
            *c.a.children[i] = children[i].a;
        }
    }
    return c;
}
static column leaf(const char *name, const char *format, int64_t length, const void *valid, const void *data) { return node(name, format, length, 2, valid, data, 0, NULL); }
static column list(const char *name, const char *format, int64_t length, const void *valid, const void *offsets, column child) {
    return node(name, format, length, format[1] == 'w' ? 1 : 2, valid, offsets, 1, &child);
}
#define BATCH(rows, ...) node("", "+s", rows, 1, NULL, NULL, (int)(sizeof((column[]){__VA_ARGS__}) / sizeof(column)), (column[]){__VA_ARGS__})

typedef struct fixture { harness h; fire_context *ctx; fire_dataset *data; fire_error err; } fixture;

static void begin(fixture *f) {
    memset(f, 0, sizeof *f);
    harness_init(&f->h);
    f->ctx = harness_context(&f->h, NULL);
    assert_int_equal(fire_dataset_new(f->ctx, &f->data, &f->err), FIRE_OK);
    released = 0;
}
static void end(fixture *f) {
    fire_dataset_free(f->data);
    fire_context_free(f->ctx);
    assert_int_equal(f->h.live, 0);
}
static void done(column *c) {
    if (c->a.release) c->a.release(&c->a);
    if (c->s.release) c->s.release(&c->s);
}

static const char *one[8][2] = {{"x", NULL}, {"y", NULL}, {"w", NULL}};
static fire_columns only_x(fire_invalid invalid) { return (fire_columns){.features = one[0], .invalid = invalid}; }

static fire_status add(fixture *f, column *c, const fire_columns *columns) { return fire_dataset_add_arrow(f->data, &c->s, &c->a, columns, &f->err); }

static void keep_array(struct ArrowArray *a) { a->release = NULL; }

/* Add a batch of one feature column and compare what is read with expected[rows][width]. */
static void check_reads(column batch, int64_t width, int64_t rows, const double *expected) {
    for (int pack = 0; pack < 2; pack++) {
        fixture f;
        begin(&f);
        fire_columns columns = only_x(FIRE_INVALID_KEEP);
        column copy = batch;
        struct ArrowArray moved = batch.a;
        if (pack) {
            assert_int_equal(fire_dataset_pack(f.data, FIRE_F64, &copy.s, &copy.a, &columns, &f.err), FIRE_OK);
            assert_null(copy.a.release);
        } else {
            moved.release = keep_array; /* frees nothing: the array itself is released in the other round */
            fire_status st = fire_dataset_add_arrow(f.data, &copy.s, &moved, &columns, &f.err);
            if (st) print_error("%s\n", f.err.message);
            assert_int_equal(st, FIRE_OK);
            assert_null(moved.release);
        }
        fire_dataset_info info;
        fire_dataset_info_get(f.data, &info);
        assert_int_equal(info.rows, rows);
        assert_int_equal(info.x.rank, 1);
        assert_int_equal(info.x.dim[0], width);
        double *got = malloc(sizeof(double) * (size_t)(rows * width + 1));
        float *single = malloc(sizeof(float) * (size_t)(rows * width + 1));
        int64_t *backwards = malloc(sizeof(int64_t) * (size_t)(rows + 1));
        for (int64_t i = 0; i < rows; i++) backwards[i] = rows - 1 - i;
        fire_dataset_gather(f.data, FIRE_ROLE_X, false, NULL, 0, rows, FIRE_F64, got);
        fire_dataset_gather(f.data, FIRE_ROLE_X, false, backwards, 0, rows, FIRE_F32, single);
        for (int64_t i = 0; i < rows; i++)
            for (int64_t k = 0; k < width; k++) {
                double e = expected[i * width + k];
                float s = single[(rows - 1 - i) * width + k];
                if (isnan(e)) { assert_true(isnan(got[i * width + k])); assert_true(isnan(s)); continue; }
                assert_true(got[i * width + k] == e);
                assert_true(s == (float)e);
            }
        free(got);
        free(single);
        free(backwards);
        end(&f);
    }
    batch.s.release(&batch.s);
}

/* ---- what must work ---- */

static void primitives(void **state) {
    static const int8_t i8[] = {-128, 0, 127};
    static const uint8_t u8[] = {255, 0, 7};
    static const int16_t i16[] = {-32768, 1, 32767};
    static const uint16_t u16[] = {65535, 1, 2};
    static const int32_t i32[] = {INT32_MIN, 0, 7};
    static const uint32_t u32[] = {UINT32_MAX, 0, 7};
    static const int64_t i64[] = {-(1ll << 40), 3, 4};
    static const uint64_t u64[] = {1ull << 63, 3, 4};
    static const uint16_t f16[] = {0x3c00, 0xc500, 0x0001}; /* 1, -5, 2^-24 */
    static const float f32[] = {1.5f, -2.5f, 3};
    static const double f64[] = {1.25, -2, 4};
    static const uint8_t bits[] = {5}; /* 1 0 1 */
    check_reads(BATCH(3, leaf("x", "c", 3, NULL, i8)), 1, 3, (double[]){-128, 0, 127});
    check_reads(BATCH(3, leaf("x", "C", 3, NULL, u8)), 1, 3, (double[]){255, 0, 7});
    check_reads(BATCH(3, leaf("x", "s", 3, NULL, i16)), 1, 3, (double[]){-32768, 1, 32767});
    check_reads(BATCH(3, leaf("x", "S", 3, NULL, u16)), 1, 3, (double[]){65535, 1, 2});
    check_reads(BATCH(3, leaf("x", "i", 3, NULL, i32)), 1, 3, (double[]){INT32_MIN, 0, 7});
    check_reads(BATCH(3, leaf("x", "I", 3, NULL, u32)), 1, 3, (double[]){UINT32_MAX, 0, 7});
    check_reads(BATCH(3, leaf("x", "l", 3, NULL, i64)), 1, 3, (double[]){-0x1p40, 3, 4});
    check_reads(BATCH(3, leaf("x", "L", 3, NULL, u64)), 1, 3, (double[]){0x1p63, 3, 4});
    check_reads(BATCH(3, leaf("x", "e", 3, NULL, f16)), 1, 3, (double[]){1, -5, 0x1p-24});
    check_reads(BATCH(3, leaf("x", "f", 3, NULL, f32)), 1, 3, (double[]){1.5, -2.5, 3});
    check_reads(BATCH(3, leaf("x", "g", 3, NULL, f64)), 1, 3, (double[]){1.25, -2, 4});
    check_reads(BATCH(3, leaf("x", "b", 3, NULL, bits)), 1, 3, (double[]){1, 0, 1});
}

/* The same numbers behind offsets: in the child (RecordBatch.slice), in the struct (StructArray.slice), and in both. */
static void slices(void **state) {
    static const double v[] = {9, 9, 1, 2, 3, 9};
    column c = BATCH(3, leaf("x", "g", 3, NULL, v));
    c.a.children[0]->offset = 2;
    check_reads(c, 1, 3, (double[]){1, 2, 3});
    c = BATCH(3, leaf("x", "g", 6, NULL, v));
    c.a.offset = 2;
    check_reads(c, 1, 3, (double[]){1, 2, 3});
    c = BATCH(3, leaf("x", "g", 5, NULL, v));
    c.a.offset = 1;
    c.a.children[0]->offset = 1;
    check_reads(c, 1, 3, (double[]){1, 2, 3});
    static const uint8_t bits[] = {0xb0, 0x01}; /* from bit 4: 1 1 0 1 1 */
    c = BATCH(3, leaf("x", "b", 4, NULL, bits));
    c.a.offset = 1;
    c.a.children[0]->offset = 5;
    check_reads(c, 1, 3, (double[]){0, 1, 1});
}

static void lists(void **state) {
    static const float v[] = {0, 1, 2, 3, 4, 5, 6, 7};
    static const int32_t o32[] = {0, 2, 4, 6, 8};
    static const int64_t o64[] = {2, 4, 6};
    static const int32_t outer[] = {0, 2, 4}, shifted[] = {0, 1, 3, 5, 7};
    check_reads(BATCH(4, list("x", "+l", 4, NULL, o32, leaf("item", "f", 8, NULL, v))), 2, 4, (double[]){0, 1, 2, 3, 4, 5, 6, 7});
    check_reads(BATCH(2, list("x", "+L", 2, NULL, o64, leaf("item", "f", 8, NULL, v))), 2, 2, (double[]){2, 3, 4, 5});
    check_reads(BATCH(2, list("x", "+w:3", 2, NULL, NULL, leaf("item", "f", 8, NULL, v))), 3, 2, (double[]){0, 1, 2, 3, 4, 5});
    /* offsets at every level: struct 1, list 1, numbers 1 */
    column c = BATCH(2, list("x", "+l", 3, NULL, shifted, leaf("item", "f", 7, NULL, v)));
    c.a.offset = 1;
    c.a.children[0]->offset = 1;
    c.a.children[0]->children[0]->offset = 1;
    check_reads(c, 2, 2, (double[]){4, 5, 6, 7});
    c = BATCH(2, list("x", "+w:2", 3, NULL, NULL, leaf("item", "f", 7, NULL, v)));
    c.a.children[0]->offset = 1;
    c.a.children[0]->children[0]->offset = 1;
    check_reads(c, 2, 2, (double[]){3, 4, 5, 6});
    /* nested, row-major */
    check_reads(BATCH(2, list("x", "+l", 2, NULL, outer, list("item", "+l", 4, NULL, o32, leaf("item", "f", 8, NULL, v)))), 4, 2, (double[]){0, 1, 2, 3, 4, 5, 6, 7});
    check_reads(BATCH(2, list("x", "+w:2", 2, NULL, NULL, list("item", "+w:2", 4, NULL, NULL, leaf("item", "f", 8, NULL, v)))), 4, 2, (double[]){0, 1, 2, 3, 4, 5, 6, 7});
    check_reads(BATCH(2, list("x", "+l", 2, NULL, outer, list("item", "+w:2", 4, NULL, NULL, leaf("item", "f", 8, NULL, v)))), 4, 2, (double[]){0, 1, 2, 3, 4, 5, 6, 7});
}

static void nulls_kept(void **state) {
    static const float v[] = {0, 1, 2, 3, 4, 5};
    static const uint8_t valid[] = {5}; /* 1 0 1 */
    static const uint8_t inner[] = {0x3d}; /* number 1 is null */
    static const int32_t o[] = {0, 2, 2, 4};
    check_reads(BATCH(3, leaf("x", "f", 3, valid, v)), 1, 3, (double[]){0, NAN, 2});
    check_reads(BATCH(3, list("x", "+l", 3, valid, o, leaf("item", "f", 6, NULL, v))), 2, 3, (double[]){0, 1, NAN, NAN, 2, 3});
    check_reads(BATCH(3, list("x", "+w:2", 3, valid, NULL, leaf("item", "f", 6, NULL, v))), 2, 3, (double[]){0, 1, NAN, NAN, 4, 5});
    check_reads(BATCH(3, list("x", "+w:2", 3, NULL, NULL, leaf("item", "f", 6, inner, v))), 2, 3, (double[]){0, NAN, 2, 3, 4, 5});
    /* the bitmap moves with the offset */
    column c = BATCH(2, leaf("x", "f", 2, valid, v));
    c.a.children[0]->offset = 1;
    check_reads(c, 1, 2, (double[]){NAN, 2});
}

/* type, size, indices, values of 4 rows: dense [1 2 3], sparse (3, [0 2], [4 5]), sparse (3, [], []), dense [6 7 8]. */
static const int8_t kind[] = {1, 0, 0, 1};
static const int32_t size[] = {0, 3, 3, 0}, index_offset[] = {0, 0, 2, 2, 2}, index_[] = {0, 2}, value_offset[] = {0, 3, 5, 5, 8};
static const double values[] = {1, 2, 3, 4, 5, 6, 7, 8};
static const uint8_t sparse_only[] = {6};

static column vector(const int8_t *k, const int32_t *s, const int32_t *io, const int32_t *ix, int64_t n_index, const int32_t *vo, const double *v, int64_t n_values, int64_t rows) {
    column parts[4] = {leaf("type", "c", rows, NULL, k), leaf("size", "i", rows, sparse_only, s), list("indices", "+l", rows, sparse_only, io, leaf("item", "i", n_index, NULL, ix)),
                       list("values", "+l", rows, NULL, vo, leaf("item", "g", n_values, NULL, v))};
    return node("x", "+s", rows, 1, NULL, NULL, 4, parts);
}
static column vectors(void) { return vector(kind, size, index_offset, index_, 2, value_offset, values, 8, 4); }

static void ml_vectors(void **state) {
    double all[] = {1, 2, 3, 4, 0, 5, 0, 0, 0, 6, 7, 8};
    check_reads(BATCH(4, vectors()), 3, 4, all);
    column c = BATCH(2, vectors()); /* StructArray.slice */
    c.a.offset = 1;
    check_reads(c, 3, 2, all + 3);
    c = BATCH(2, vectors()); /* the vector's own offset */
    c.a.children[0]->offset = 2;
    c.a.children[0]->length = 2;
    check_reads(c, 3, 2, all + 6);
    c = BATCH(2, vectors()); /* RecordBatch.slice reaches the fields */
    c.a.children[0]->length = 2;
    for (int i = 0; i < 4; i++) c.a.children[0]->children[i]->offset = 1, c.a.children[0]->children[i]->length = 2;
    check_reads(c, 3, 2, all + 3);
    static const uint8_t valid[] = {0x0d}; /* row 1 is null */
    column v = vectors();
    v.a.buffers[0] = valid;
    v.a.null_count = 1;
    check_reads(BATCH(4, v), 3, 4, (double[]){1, 2, 3, NAN, NAN, NAN, 0, 0, 0, 6, 7, 8});
    /* all dense and in one piece: read without looking at rows */
    static const int8_t dense[] = {1, 1};
    static const int32_t vo[] = {0, 3, 6};
    check_reads(BATCH(2, vector(dense, size, index_offset, index_, 2, vo, values, 8, 2)), 3, 2, values);
}

static void roles(void **state) {
    static const float a[] = {1, 2, 3, 4}, m[] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const int64_t label[] = {3, 1, 0, 2};
    static const double weight[] = {1, 0, 2, 0.5};
    static const uint8_t test[] = {2}; /* row 1 */
    static const char *features[] = {"m", "a", NULL}, *labels[] = {"y", NULL}, *two[] = {"y", "a", NULL}, *array[] = {"m", NULL};
    fixture f;
    begin(&f);
    column c = BATCH(4, leaf("a", "f", 4, NULL, a), leaf("y", "l", 4, NULL, label), leaf("w", "g", 4, NULL, weight), list("m", "+w:2", 4, NULL, NULL, leaf("item", "f", 8, NULL, m)),
                     leaf("test", "b", 4, NULL, test));
    fire_columns columns = {.features = features, .labels = labels, .weight = "w", .validation = "test"};
    assert_int_equal(add(&f, &c, &columns), FIRE_OK);
    assert_null(c.a.release);
    fire_dataset_info info;
    fire_dataset_info_get(f.data, &info);
    assert_int_equal(info.rows, 3);
    assert_int_equal(info.validation_rows, 1);
    assert_int_equal(info.x.dim[0], 3);
    assert_int_equal(info.y.rank, 0);
    assert_true(info.has_y && info.has_w);
    double x[9], w[3], v;
    int64_t y[3];
    fire_dataset_gather(f.data, FIRE_ROLE_X, false, NULL, 0, 3, FIRE_F64, x);
    fire_dataset_gather(f.data, FIRE_ROLE_Y, false, NULL, 0, 3, FIRE_I64, y);
    fire_dataset_gather(f.data, FIRE_ROLE_W, false, NULL, 0, 3, FIRE_F64, w);
    static const double ex[] = {1, 2, 1, 5, 6, 3, 7, 8, 4};
    for (int i = 0; i < 9; i++) assert_true(x[i] == ex[i]);
    assert_int_equal(y[0], 3);
    assert_int_equal(y[1], 0);
    assert_int_equal(y[2], 2);
    assert_true(w[0] == 1 && w[1] == 2 && w[2] == 0.5);
    fire_dataset_gather(f.data, FIRE_ROLE_Y, true, NULL, 0, 1, FIRE_F64, &v);
    assert_true(v == 1);
    assert_int_equal(fire_dataset_source(f.data, false, 1), 2);
    assert_int_equal(fire_dataset_source(f.data, true, 0), 1);
    assert_int_equal(fire_dataset_source(f.data, true, 1), -1);
    done(&c);
    assert_int_equal(released, 0);
    end(&f);
    assert_true(released > 0);

    begin(&f); /* several label columns, and an array of them */
    c = BATCH(4, leaf("a", "f", 4, NULL, a), leaf("y", "l", 4, NULL, label), list("m", "+w:2", 4, NULL, NULL, leaf("item", "f", 8, NULL, m)));
    columns = (fire_columns){.features = (const char *[]){"a", NULL}, .labels = two};
    assert_int_equal(fire_dataset_pack(f.data, FIRE_F32, &c.s, &c.a, &columns, &f.err), FIRE_OK);
    fire_dataset_info_get(f.data, &info);
    assert_int_equal(info.y.rank, 1);
    assert_int_equal(info.y.dim[0], 2);
    done(&c);
    end(&f);
    begin(&f);
    c = BATCH(4, leaf("a", "f", 4, NULL, a), list("m", "+w:2", 4, NULL, NULL, leaf("item", "f", 8, NULL, m)));
    columns.labels = array;
    assert_int_equal(add(&f, &c, &columns), FIRE_OK);
    fire_dataset_info_get(f.data, &info);
    assert_int_equal(info.y.dim[0], 2);
    done(&c);
    end(&f);
}

/* ---- invalid rows ---- */

static void expect(fixture *f, column c, const fire_columns *columns, int32_t code, const char *const *words) {
    int64_t live = f->h.live;
    bool alive = c.a.release != NULL;
    f->err = (fire_error){0};
    fire_status st = add(f, &c, columns);
    if (st == FIRE_OK || f->err.code != code) print_error("code %d, expected %d: %s\n", f->err.code, code, f->err.message);
    assert_int_not_equal(st, FIRE_OK);
    assert_int_equal(f->err.code, code);
    for (; *words; words++) {
        if (!strstr(f->err.message, *words)) print_error("'%s' is not in: %s\n", *words, f->err.message);
        assert_non_null(strstr(f->err.message, *words));
    }
    assert_true((c.a.release != NULL) == alive); /* untouched */
    assert_int_equal(f->h.live, live);
    st = fire_dataset_pack(f->data, FIRE_F32, &c.s, &c.a, columns, NULL);
    assert_int_not_equal(st, FIRE_OK);
    assert_int_equal(f->h.live, live);
    done(&c);
}
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void invalid_rows(void **state) {
    static const double v[] = {1, NAN, 3, INFINITY, 5, 6}, fine[] = {1, 2, 3, 4, 5, 6};
    static const uint8_t valid[] = {0x1f};
    fixture f;
    begin(&f);
    fire_columns columns = only_x(FIRE_INVALID_ERROR);
    column ok = BATCH(6, leaf("x", "g", 6, NULL, fine));
    assert_int_equal(add(&f, &ok, &columns), FIRE_OK);
    done(&ok);
    expect(&f, BATCH(6, leaf("x", "g", 6, NULL, v)), &columns, FIRE_E_NOT_FINITE, WORDS("'x'", "row 7", "NaN", "skip", "keep"));
    expect(&f, BATCH(3, leaf("x", "g", 3, NULL, v + 2)), &columns, FIRE_E_NOT_FINITE, WORDS("row 7", "infinity"));
    expect(&f, BATCH(6, leaf("x", "g", 6, valid, fine)), &columns, FIRE_E_NULL_VALUE, WORDS("'x'", "row 11", "null", "NaN"));
    expect(&f, BATCH(3, list("x", "+w:2", 3, NULL, NULL, leaf("item", "g", 6, NULL, v))), &columns, FIRE_E_NOT_FINITE, WORDS("row 6", "element 1"));
    end(&f);

    begin(&f); /* skip: packed or not, the same rows stay */
    columns.invalid = FIRE_INVALID_SKIP;
    for (int pack = 0; pack < 2; pack++) {
        column c = BATCH(6, leaf("x", "g", 6, valid, v));
        if (pack) assert_int_equal(fire_dataset_pack(f.data, FIRE_F64, &c.s, &c.a, &columns, &f.err), FIRE_OK);
        else assert_int_equal(add(&f, &c, &columns), FIRE_OK);
        done(&c);
    }
    fire_dataset_info info;
    fire_dataset_info_get(f.data, &info);
    assert_int_equal(info.rows, 6);
    assert_int_equal(info.skipped, 6);
    double x[6];
    fire_dataset_gather(f.data, FIRE_ROLE_X, false, NULL, 0, 6, FIRE_F64, x);
    for (int i = 0; i < 6; i++) assert_true(x[i] == 1 + 2 * (i % 3));
    assert_int_equal(fire_dataset_source(f.data, false, 2), 4);
    end(&f);

    begin(&f); /* a label cannot be kept invalid, but its row can be skipped; every row bad: no rows, but no failure */
    columns = (fire_columns){.features = one[0], .labels = one[1], .weight = "w", .invalid = FIRE_INVALID_KEEP};
    expect(&f, BATCH(3, leaf("x", "g", 3, NULL, v), leaf("y", "g", 3, NULL, v), leaf("w", "g", 3, NULL, fine)), &columns, FIRE_E_NOT_FINITE, WORDS("'y'", "row 1"));
    expect(&f, BATCH(3, leaf("x", "g", 3, NULL, v), leaf("y", "g", 3, NULL, fine), leaf("w", "g", 3, NULL, (const double[]){1, 2, -1})), &columns, FIRE_E_WEIGHT, WORDS("'w'", "row 2", "-1"));
    columns.invalid = FIRE_INVALID_SKIP;
    column c = BATCH(1, leaf("x", "g", 1, NULL, fine), leaf("y", "g", 1, NULL, v + 1), leaf("w", "g", 1, NULL, fine));
    assert_int_equal(add(&f, &c, &columns), FIRE_OK);
    done(&c);
    fire_dataset_info_get(f.data, &info);
    assert_int_equal(info.rows, 0);
    assert_int_equal(info.skipped, 1);
    end(&f);
}

static void wrong_columns(void **state) {
    static const double v[] = {1, 2, 3, 4, 5, 6};
    static const int32_t ragged[] = {0, 2, 3, 5}, text[] = {0, 1, 2, 3};
    static const uint8_t test[] = {7};
    fixture f;
    begin(&f);
    fire_columns columns = only_x(FIRE_INVALID_ERROR);
    expect(&f, BATCH(3, leaf("a", "g", 3, NULL, v), leaf("b", "g", 3, NULL, v)), &columns, FIRE_E_COLUMN_MISSING, WORDS("'x'", "a, b"));
    expect(&f, BATCH(3, leaf("x", "g", 3, NULL, v), leaf("x", "g", 3, NULL, v)), &columns, FIRE_E_COLUMN_TYPE, WORDS("'x'", "twice"));
    column t = node("x", "u", 3, 2, NULL, text, 0, NULL);
    expect(&f, BATCH(3, t), &columns, FIRE_E_COLUMN_TYPE, WORDS("'x'", "'u' (text), expected numbers"));
    expect(&f, BATCH(3, node("x", "+s", 3, 1, NULL, NULL, 1, (column[]){leaf("a", "g", 3, NULL, v)})), &columns, FIRE_E_COLUMN_TYPE, WORDS("'x'", "struct"));
    expect(&f, BATCH(3, list("x", "+l", 3, NULL, ragged, leaf("item", "g", 6, NULL, v))), &columns, FIRE_E_RAGGED, WORDS("'x'", "row 1", "1 elements", "expected 2"));
    column d = leaf("x", "i", 3, NULL, text);
    struct ArrowSchema dictionary = {.format = "u"};
    d.s.dictionary = &dictionary;
    struct ArrowArray none = {0};
    d.a.dictionary = &none;
    expect(&f, BATCH(3, d), &columns, FIRE_E_COLUMN_TYPE, WORDS("'x'", "dictionary"));
    expect(&f, node("", "g", 3, 2, NULL, v, 0, NULL), &columns, FIRE_E_ARROW, WORDS("record batch"));
    columns.validation = "t";
    expect(&f, BATCH(3, leaf("x", "g", 3, NULL, v), leaf("t", "g", 3, NULL, v)), &columns, FIRE_E_COLUMN_TYPE, WORDS("'t'", "boolean"));
    expect(&f, BATCH(3, leaf("x", "g", 3, NULL, v), leaf("t", "b", 3, (const uint8_t[]){3}, test)), &columns, FIRE_E_NULL_VALUE, WORDS("'t'", "row 2"));
    columns.validation = NULL;
    columns.features = (const char *[]){NULL};
    expect(&f, BATCH(3, leaf("x", "g", 3, NULL, v)), &columns, FIRE_E_USAGE, WORDS("feature"));
    columns = only_x(FIRE_INVALID_ERROR);
    column ok = BATCH(3, leaf("x", "g", 3, NULL, v));
    assert_int_equal(add(&f, &ok, &columns), FIRE_OK);
    done(&ok);
    expect(&f, BATCH(3, list("x", "+w:2", 3, NULL, NULL, leaf("item", "g", 6, NULL, v))), &columns, FIRE_E_RAGGED, WORDS("'x'", "2 elements", "expected 1"));
    columns.labels = one[1];
    expect(&f, BATCH(3, leaf("x", "g", 3, NULL, v), leaf("y", "g", 3, NULL, v)), &columns, FIRE_E_USAGE, WORDS("labels"));
    end(&f);
}

/* ---- batches that lie: every field wrong in turn ---- */

static void hostile(void **state) {
    static const double v[] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const int32_t good[] = {0, 2, 4, 6}, falling[] = {0, 2, 1, 6}, negative[] = {-2, 0, 2, 4}, far[] = {0, 2, 4, 900};
    fixture f;
    begin(&f);
    fire_columns columns = only_x(FIRE_INVALID_KEEP);
    const int32_t *bad[] = {falling, negative, far};
    for (size_t i = 0; i < 3; i++) expect(&f, BATCH(3, list("x", "+l", 3, NULL, bad[i], leaf("item", "g", 8, NULL, v))), &columns, FIRE_E_ARROW, WORDS("'x'", "offset"));
    expect(&f, BATCH(3, list("x", "+l", 3, NULL, good, leaf("item", "g", 5, NULL, v))), &columns, FIRE_E_ARROW, WORDS("past"));
    expect(&f, BATCH(3, list("x", "+w:3", 3, NULL, NULL, leaf("item", "g", 8, NULL, v))), &columns, FIRE_E_ARROW, WORDS("'x'"));
    expect(&f, BATCH(3, list("x", "+w:", 3, NULL, NULL, leaf("item", "g", 8, NULL, v))), &columns, FIRE_E_ARROW, WORDS("size"));
    expect(&f, BATCH(3, list("x", "+w:99999999999999999999", 3, NULL, NULL, leaf("item", "g", 8, NULL, v))), &columns, FIRE_E_ARROW, WORDS("size"));
    expect(&f, BATCH(3, list("x", "+w:-1", 3, NULL, NULL, leaf("item", "g", 8, NULL, v))), &columns, FIRE_E_ARROW, WORDS("size"));
    expect(&f, BATCH(5, leaf("x", "g", 3, NULL, v)), &columns, FIRE_E_ARROW, WORDS("shorter"));

    for (int i = 0; i < 12; i++) {
        column c = BATCH(3, list("x", "+l", 3, NULL, good, leaf("item", "g", 8, NULL, v)));
        struct ArrowArray *l = c.a.children[0], *n = l->children[0];
        struct ArrowSchema *s = c.s.children[0];
        const void **buffers = l->buffers;
        int64_t children = c.a.n_children;
        switch (i) {
        case 0: l->length = -1; break;
        case 1: l->offset = -1; break;
        case 2: l->offset = INT64_MAX; break;
        case 3: n->offset = INT64_MAX - 2; break;
        case 4: l->n_buffers = 1; break;
        case 5: l->buffers = NULL; break;
        case 6: l->buffers[1] = NULL; break;
        case 7: n->buffers[1] = NULL; break;
        case 8: l->null_count = 2; break;
        case 9: s->format = NULL; break;
        case 10: c.a.n_children = 0; break;
        case 11: n->n_buffers = 3; break;
        }
        f.err = (fire_error){0};
        fire_status st = add(&f, &c, &columns);
        if (!st) print_error("case %d was accepted\n", i);
        assert_int_equal(st, FIRE_DATA);
        l->buffers = buffers;
        c.a.n_children = children;
        done(&c);
    }

    static const int8_t kinds[] = {0, 7, 0, 1};
    static const int32_t minus[] = {0, -3, 3, 0}, outside[] = {0, 3}, below[] = {-1, 2}, more[] = {0, 0, 1, 2, 2};
    expect(&f, BATCH(4, vector(kinds, size, index_offset, index_, 2, value_offset, values, 8, 4)), &columns, FIRE_E_ARROW, WORDS("'x'"));
    expect(&f, BATCH(4, vector(kind, minus, index_offset, index_, 2, value_offset, values, 8, 4)), &columns, FIRE_E_ARROW, WORDS("negative size"));
    expect(&f, BATCH(4, vector(kind, size, index_offset, outside, 2, value_offset, values, 8, 4)), &columns, FIRE_E_ARROW, WORDS("outside"));
    expect(&f, BATCH(4, vector(kind, size, index_offset, below, 2, value_offset, values, 8, 4)), &columns, FIRE_E_ARROW, WORDS("outside"));
    expect(&f, BATCH(4, vector(kind, size, more, index_, 2, value_offset, values, 8, 4)), &columns, FIRE_E_ARROW, WORDS("as many indices"));
    expect(&f, BATCH(4, vector(kind, size, index_offset, index_, 1, value_offset, values, 8, 4)), &columns, FIRE_E_ARROW, WORDS("past"));
    expect(&f, BATCH(4, vector(kind, size, index_offset, index_, 2, value_offset, values, 7, 4)), &columns, FIRE_E_ARROW, WORDS("past"));
    static const int32_t wide[] = {0, 3, 4, 0};
    expect(&f, BATCH(4, vector(kind, wide, index_offset, index_, 2, value_offset, values, 8, 4)), &columns, FIRE_E_RAGGED, WORDS("row 2", "4 elements", "expected 3"));
    column short_field = vectors();
    short_field.a.children[1]->length = 3;
    expect(&f, BATCH(4, short_field), &columns, FIRE_E_ARROW, WORDS("shorter"));
    /* names from outside come out printable */
    column named = leaf("x", "g\n\x01", 3, NULL, v);
    expect(&f, BATCH(3, named), &columns, FIRE_E_COLUMN_TYPE, WORDS("\\x0"));
    end(&f);
}

/* Any allocation may fail: a status, nothing lost, the batch still the caller's. */
static fire_status take_in(fire_context *ctx, void *user, fire_error *err) {
    static const double v[] = {1, NAN, 3, 4};
    static const uint8_t test[] = {8};
    fire_columns columns = {.features = one[0], .labels = one[1], .validation = "t", .invalid = FIRE_INVALID_SKIP};
    fire_dataset *d = NULL;
    fire_status st = fire_dataset_new(ctx, &d, err);
    for (int i = 0; !st && i < 2; i++) {
        column c = BATCH(4, leaf("x", "g", 4, NULL, v), leaf("y", "g", 4, NULL, v), leaf("t", "b", 4, NULL, test));
        st = i ? fire_dataset_pack(d, FIRE_F32, &c.s, &c.a, &columns, err) : fire_dataset_add_arrow(d, &c.s, &c.a, &columns, err);
        assert_true((st != 0) == (c.a.release != NULL));
        done(&c);
    }
    if (!st) st = fire_dataset_split(d, 0.5, 1, false, err);
    fire_dataset_free(d);
    return st;
}

static void allocation_failures(void **state) { assert_true(harness_fail_each(take_in, NULL) > 10); }

/* Lists of unlike length as the network's input says. */
static const int32_t unlike[] = {0, 1, 5, 5};
static const double items[] = {1, 2, 3, 4, 5};

static fire_status take_padded(fire_context *ctx, void *user, fire_error *err) {
    const fire_columns columns = {.features = one[0]};
    const char *attrs = user;
    fire_dataset *d = NULL;
    fire_network *net = NULL;
    fire_status st = fire_dataset_new(ctx, &d, err);
    if (!st) st = fire_network_new(ctx, FIRE_F64, &net, err);
    if (!st) st = fire_network_add(net, "Input", attrs, err);
    if (!st) st = fire_dataset_pad(d, net, err);
    for (int i = 0; !st && i < 2; i++) {
        column c = BATCH(3, list("x", "+l", 3, NULL, unlike, leaf("item", "g", 5, NULL, items)));
        st = i ? fire_dataset_pack(d, FIRE_F64, &c.s, &c.a, &columns, err) : fire_dataset_add_arrow(d, &c.s, &c.a, &columns, err);
        assert_true((st != 0) == (c.a.release != NULL));
        done(&c);
    }
    if (!st) {
        bool pre = strstr(attrs, "padding=pre") != NULL;
        const double want[2][9] = {{1, 7, 7, 3, 4, 5, 7, 7, 7}, {7, 7, 1, 2, 3, 4, 7, 7, 7}};
        double got[18];
        fire_dataset_gather(d, FIRE_ROLE_X, false, NULL, 0, 6, FIRE_F64, got);
        assert_memory_equal(got, want[pre], sizeof want[pre]);
        assert_memory_equal(got + 9, want[pre], sizeof want[pre]);
        assert_null(fire_dataset_direct(d, FIRE_ROLE_X, false, 0, 3, FIRE_F64));
    }
    fire_network_free(net);
    fire_dataset_free(d);
    return st;
}

static void padding(void **state) {
    assert_true(harness_fail_each(take_padded, "shape=[3] padding=post padding_value=7") > 5);
    assert_true(harness_fail_each(take_padded, "shape=[3] padding=pre truncating=post padding_value=7") > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(primitives), cmocka_unit_test(slices), cmocka_unit_test(lists), cmocka_unit_test(nulls_kept), cmocka_unit_test(ml_vectors), cmocka_unit_test(roles),
        cmocka_unit_test(invalid_rows), cmocka_unit_test(wrong_columns), cmocka_unit_test(hostile), cmocka_unit_test(allocation_failures), cmocka_unit_test(padding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
