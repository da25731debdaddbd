/* test_model - networks as model files: what is saved comes back; what is broken is refused with a place and a reason. */
#include "harness.h"
#include "error.h"
#include "file.h"
#include "formats/onnx.h"
#include "network.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static fire_context *ctx;
static char folder[] = "/tmp/fire_model_XXXXXX", path[64];
static int set_up(void **state) {
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/m.onnx", folder);
    return fire_context_new(NULL, &ctx, NULL);
}
static int tear_down(void **state) {
    fire_context_free(ctx);
    remove(path);
    return rmdir(folder);
}

#define OK(call) do { fire_error e_ = {0}; if ((call) != FIRE_OK) fail_msg("%s: %s", #call, e_.message); } while (0)
#define err_ (&e_)

/* Every layer that there is, frozen ones and ones without a value included. */
static fire_status make(fire_context *c, fire_type type, bool draw, fire_network **out, fire_error *err) {
    static const char *const layers[][2] = {
        {"Input", "shape=[4,3]"}, {"Normalization", NULL}, {"Flatten", NULL}, {"Dense", "units=5 activation=relu kernel_initializer=he_normal"},
        {"Dropout", "rate=0.25"}, {"Dense", "units=6 activation=tanh use_bias=0 trainable=0"}, {"Activation", "activation=sigmoid"},
        {"Dense", "units=3 activation=softmax name=\"last \\\"one\\\"\""},
    };
    fire_network *net;
    fire_status s = fire_network_new(c, type, &net, err);
    if (s) return s;
    for (size_t i = 0; i < sizeof layers / sizeof *layers && !s; i++) s = fire_network_add(net, layers[i][0], layers[i][1], err);
    if (!s) s = fire_network_compile(net, "Adam learning_rate=0.01", "sparse_categorical_crossentropy", "accuracy", err);
    if (!s) s = fire_network_set_note(net, "classes", "shirt\nshoe \"\xc3\xa9\"", err);
    if (!s && draw) s = fire_network_init(net, 7, err);
    if (s) fire_network_free(net);
    else *out = net;
    return s;
}

static void assert_same(const fire_network *a, const fire_network *b) {
    char *x, *y;
    OK(fire_network_describe(a, &x, err_));
    OK(fire_network_describe(b, &y, err_));
    assert_string_equal(x, y);
    fire_release(a->ctx, x);
    fire_release(b->ctx, y);
    fire_network_info i, j;
    fire_network_info_get(a, &i);
    fire_network_info_get(b, &j);
    assert_int_equal(i.type, j.type);
    assert_true(i.built && j.built && fire_same_shape(&i.input, &j.input) && fire_same_shape(&i.output, &j.output));
    assert_string_equal(i.loss, j.loss);
    assert_string_equal(i.optimizer, j.optimizer);
    assert_string_equal(i.metrics, j.metrics);
    assert_int_equal(fire_network_weights(a), fire_network_weights(b));
    for (int k = 0; k < fire_network_weights(a); k++) {
        fire_weight_info v, w;
        OK(fire_network_weight(a, k, &v, err_));
        OK(fire_network_weight(b, k, &w, err_));
        assert_string_equal(v.name, w.name);
        assert_true(v.ready == w.ready && v.trainable == w.trainable && fire_same_shape(&v.value.shape, &w.value.shape));
        assert_memory_equal(v.value.data, w.value.data, (size_t)fire_count(&v.value.shape) * fire_type_size(v.value.type));
    }
}

static void round_trip(void **state) {
    for (int i = 0; i < 4; i++) {
        fire_network *net, *back;
        void *bytes, *again;
        size_t size, size_again;
        OK(make(ctx, i & 1 ? FIRE_F64 : FIRE_F32, i & 2, &net, err_));
        OK(fire_save_bytes(net, &bytes, &size, err_));
        OK(fire_load_bytes(ctx, bytes, size, &back, err_));
        assert_same(net, back);
        assert_null(fire_network_note(back, "warning"));
        assert_string_equal(fire_network_note(back, "classes"), "shirt\nshoe \"\xc3\xa9\"");
        OK(fire_save_bytes(back, &again, &size_again, err_));
        assert_int_equal(size, size_again); /* the same network is the same file */
        assert_memory_equal(bytes, again, size);
        fire_network_free(back);
        OK(fire_save(net, path, err_));
        OK(fire_load(ctx, path, &back, err_));
        assert_same(net, back);
        OK(fire_network_pop(back, err_)); /* what was loaded can be edited */
        OK(fire_network_add(back, "Dense", "units=2", err_));
        fire_network_free(back);
        fire_network_free(net);
        fire_release(ctx, bytes);
        fire_release(ctx, again);
    }
}

/* Numbers in the file begin at multiples of 64 bytes, and the whole is what fire_onnx_read says it is. */
static void file_layout(void **state) {
    fire_network *net;
    void *bytes;
    size_t size;
    fire_onnx m;
    OK(make(ctx, FIRE_F32, true, &net, err_));
    OK(fire_save_bytes(net, &bytes, &size, err_));
    OK(fire_onnx_read(ctx, bytes, size, &m, err_));
    assert_true(m.ir == 8 && m.opset == 18);
    assert_true(m.n_initializers >= 6 && m.n_inputs == 1 && m.n_outputs == 1 && m.n_nodes >= 8);
    for (int64_t i = 0; i < m.n_initializers; i++) {
        assert_true(m.initializer[i].has_raw);
        assert_int_equal((m.initializer[i].raw.bytes - (const uint8_t *)bytes) % 64, 0);
    }
    assert_true(fire_span_is(m.input->name, "x") && m.input->rank == 3 && m.input->dim[0] == -1 && fire_span_is(m.input->param[0], "n") && m.input->dim[1] == 4);
    assert_true(fire_span_is(m.output->name, "y") && m.output->rank == 2 && m.output->dim[1] == 3);
    assert_string_equal(fire_onnx_text(&m, "firesteel.version"), "1");
    fire_onnx_clear(&m);
    fire_network_free(net);
    fire_release(ctx, bytes);
}

static fire_status save_and_load(fire_context *c, void *user, fire_error *err) {
    fire_network *net = NULL, *back = NULL;
    fire_status s = make(c, FIRE_F32, true, &net, err);
    if (s) return s;
    s = fire_save(net, path, err);
    if (!s) s = fire_load(c, path, &back, err);
    fire_network_free(back);
    fire_network_free(net);
    return s;
}
static void every_call_fails(void **state) { assert_true(harness_fail_each(save_and_load, NULL) > 50); }

/* A small file in exactly its own memory, so that a sanitizer sees a byte too far. */
static uint8_t *small_file(size_t *size) {
    fire_network *net;
    void *bytes;
    OK(fire_network_new(ctx, FIRE_F32, &net, err_));
    OK(fire_network_add(net, "Input", "shape=[2]", err_));
    OK(fire_network_add(net, "Normalization", NULL, err_));
    OK(fire_network_add(net, "Dense", "units=2 activation=relu", err_));
    OK(fire_network_compile(net, "SGD", "mse", NULL, err_));
    OK(fire_network_set_note(net, "k", "v", err_));
    OK(fire_network_init(net, 1, err_));
    OK(fire_save_bytes(net, &bytes, size, err_));
    uint8_t *exact = malloc(*size);
    memcpy(exact, bytes, *size);
    fire_release(ctx, bytes);
    fire_network_free(net);
    return exact;
}

static fire_status try_load(const void *bytes, size_t size, fire_error *err) {
    fire_network *net = NULL;
    *err = (fire_error){0};
    fire_status s = fire_load_bytes(ctx, bytes, size, &net, err);
    if (s == FIRE_OK) assert_non_null(net);
    else assert_true(err->status == s && err->message[0]);
    for (const char *p = err->message; *p; p++) assert_true((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f);
    fire_network_free(net);
    return s;
}

static void cut(void **state) {
    size_t size;
    uint8_t *file = small_file(&size);
    fire_error err;
    for (size_t n = 0; n < size; n++) {
        uint8_t *exact = malloc(n ? n : 1);
        memcpy(exact, file, n);
        assert_int_equal(try_load(exact, n, &err), FIRE_FILE);
        assert_true(err.code == (n < 2 ? FIRE_E_NOT_A_MODEL : FIRE_E_TRUNCATED));
        if (n > 1) assert_non_null(strstr(err.message, "byte "));
        free(exact);
    }
    assert_int_equal(try_load(file, size, &err), FIRE_OK);
    free(file);
}

static void flipped(void **state) {
    size_t size;
    uint8_t *file = small_file(&size);
    fire_error err;
    int refused = 0;
    for (size_t n = 0; n < size; n++)
        for (int bit = 0; bit < 8; bit++) {
            file[n] ^= (uint8_t)(1 << bit);
            fire_status s = try_load(file, size, &err);
            assert_true(s == FIRE_OK || s == FIRE_FILE);
            refused += s == FIRE_FILE;
            file[n] ^= (uint8_t)(1 << bit);
        }
    assert_true(refused > 1000);
    for (size_t n = 0; n + 8 < size; n++) { /* lengths and counts that are huge */
        uint8_t kept[8];
        memcpy(kept, file + n, 8);
        memset(file + n, 0xff, 8);
        try_load(file, size, &err);
        memcpy(file + n, kept, 8);
    }
    free(file);
}

/* The place of a text in a file. */
static uint8_t *find(uint8_t *file, size_t size, const char *text) {
    uint8_t *p = memmem(file, size, text, strlen(text));
    assert_non_null(p);
    return p;
}

static void edited(void **state) {
    static const struct { const char *from, *to; bool layers; } cases[] = {
        {"\x22\x04Relu", "\x22\x04Tanh", false},    /* an operator was changed */
        {"activation=relu", "activation=tanh", false}, /* the layers were */
        {"dense/MatMul", "dense/MatMux", false}, {"dense/Gemm", "dense/Gemx", false}, /* a name in the graph */
        {"firesteel.graph_hash", "firesteel.graph_hasx", false},
        {"SGD", "sgd", true},                       /* a setting may be edited */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size;
        uint8_t *file = small_file(&size), *p = memmem(file, size, cases[i].from, strlen(cases[i].from));
        if (p) {
            memcpy(p, cases[i].to, strlen(cases[i].to));
            fire_network *net = NULL;
            fire_error err = {0};
            fire_status s = fire_load_bytes(ctx, file, size, &net, &err);
            if (s) assert_true(err.code == FIRE_E_CORRUPT && strstr(cases[i].to, "x")); /* a name that nothing makes any more */
            else {
                fire_network_info info;
                fire_network_info_get(net, &info);
                fire_layer_info layer;
                OK(fire_network_layer(net, 1, &layer, &err));
                assert_int_equal(info.loaded_as_onnx, false);
                assert_int_equal(!strcmp(layer.kind, "Operators"), !cases[i].layers); /* those of a graph that we do not know */
                assert_true((fire_network_note(net, "warning") != NULL) == !cases[i].layers);
                assert_string_equal(fire_network_note(net, "k"), "v");
            }
            fire_network_free(net);
        }
        free(file);
    }
    /* Weights may be edited: they are what changes when a network is trained elsewhere. */
    size_t size;
    uint8_t *file = small_file(&size);
    fire_onnx m;
    OK(fire_onnx_read(ctx, file, size, &m, err_));
    const fire_onnx_name *name = fire_onnx_find(&m, (fire_span){(const uint8_t *)"dense/kernel", 12});
    float five = 5;
    memcpy(file + (m.initializer[name->index].raw.bytes - file), &five, 4);
    fire_onnx_clear(&m);
    fire_network *net;
    fire_weight_info w;
    OK(fire_load_bytes(ctx, file, size, &net, err_));
    assert_null(fire_network_note(net, "warning"));
    for (int i = 0; i < fire_network_weights(net); i++) {
        OK(fire_network_weight(net, i, &w, err_));
        if (!strcmp(w.name, "dense/kernel")) assert_true(*(float *)w.value.data == 5);
    }
    fire_network_free(net);
    free(file);
}

static void versions(void **state) {
    size_t size;
    uint8_t *file = small_file(&size);
    fire_error err;
    uint8_t *v = find(file, size, "firesteel.version") + strlen("firesteel.version") + 2;
    assert_int_equal(*v, '1');
    *v = '2';
    assert_int_equal(try_load(file, size, &err), FIRE_FILE);
    assert_int_equal(err.code, FIRE_E_FILE_VERSION);
    assert_non_null(strstr(err.message, "format 2"));
    *v = '0';
    assert_int_equal(try_load(file, size, &err), FIRE_FILE);
    assert_int_equal(err.code, FIRE_E_CORRUPT);
    *v = '\n';
    assert_int_equal(try_load(file, size, &err), FIRE_FILE);
    assert_non_null(strstr(err.message, "\\x0A"));
    *v = '1';
    assert_int_equal(file[1], 8); /* the IR version */
    file[1] = 100;
    assert_int_equal(try_load(file, size, &err), FIRE_FILE);
    assert_int_equal(err.code, FIRE_E_FILE_VERSION);
    free(file);
}

static void not_models(void **state) {
    static const struct { const char *bytes; size_t size; const char *says; } cases[] = {
        {"", 0, "empty"}, {"\x89HDF\r\n\x1a\n....", 12, "HDF5"}, {"PK\x03\x04....", 8, "zip"}, {"\x80\x04\x95", 3, "pickle"}, {"{\"a\":1}", 7, "JSON"},
        {"hello world, this is text", 25, "not an ONNX"}, {"\x00\x00\x00\x00", 4, "not an ONNX"}, {"\xff\xff\xff\xff\xff\xff", 6, "not an ONNX"},
        {"\x10\x00\x00\x00\x00\x00\x00\x00{}              ", 24, "safetensors"}, {"\x12\x01x", 3, "no graph"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fire_error err;
        assert_int_equal(try_load(cases[i].bytes, cases[i].size, &err), FIRE_FILE);
        if (err.code != FIRE_E_NOT_A_MODEL || !strstr(err.message, cases[i].says)) fail_msg("case %zu: %d %s", i, err.code, err.message);
    }
    fire_network *net;
    fire_error err = {0};
    assert_int_equal(fire_load(ctx, "/nowhere/at\n/all.onnx", &net, &err), FIRE_FILE);
    assert_int_equal(err.code, FIRE_E_FILE_IO);
    assert_non_null(strstr(err.message, "\\x0A"));
    FILE *f = fopen(path, "w");
    fputs("not a model", f);
    fclose(f);
    assert_int_equal(fire_load(ctx, path, &net, &err), FIRE_FILE);
    assert_int_equal(err.code, FIRE_E_NOT_A_MODEL);
    assert_non_null(strstr(err.message, path));
}

static void not_saved(void **state) {
    fire_network *net;
    fire_error err = {0};
    void *bytes;
    size_t size;
    OK(fire_network_new(ctx, FIRE_F32, &net, err_));
    OK(fire_network_add(net, "Dense", "units=2", err_));
    assert_int_equal(fire_save_bytes(net, &bytes, &size, &err), FIRE_USAGE);
    assert_int_equal(err.code, FIRE_E_NOT_BUILT);
    OK(fire_network_build(net, &(fire_shape){1, {3}}, err_));
    OK(fire_network_set_note(net, "bad", "\xff", err_));
    assert_int_equal(fire_save_bytes(net, &bytes, &size, &err), FIRE_USAGE);
    assert_non_null(strstr(err.message, "UTF-8"));
    OK(fire_network_set_note(net, "bad", NULL, err_));
    assert_int_equal(fire_save(net, "/nowhere/m.onnx", &err), FIRE_FILE);
    OK(fire_save_bytes(net, &bytes, &size, err_)); /* built without an Input layer */
    fire_network *back;
    OK(fire_load_bytes(ctx, bytes, size, &back, err_));
    assert_same(net, back);
    fire_network_free(back);
    fire_network_free(net);
    fire_release(ctx, bytes);
}

/* A file whose layers ask for more than the file holds is refused before memory is asked for. */
static void greedy(void **state) {
    size_t size;
    uint8_t *file = small_file(&size);
    fire_onnx m;
    fire_buffer b = {.ctx = ctx};
    OK(fire_onnx_read(ctx, file, size, &m, err_));
    /* Forged: the hash fits, the description is a giant. */
    const char *giant = "Input name=input shape=[16777216]\nDense name=dense units=16777216\n", *texts[] = {giant, ""};
    char hash[65];
    OK(fire_onnx_hash(&m, 2, texts, hash, err_));
    fire_onnx_clear(&m);
    static const char *const keys[] = {"firesteel.version", "firesteel.network", "firesteel.graph_hash"};
    const char *const values[] = {"1", giant, hash};
    fire_wire w = {file, file, file + size, 0};
    fire_wire_field f;
    bool more;
    while (!fire_wire_next(&w, &f, &more, NULL) && more) { /* all but the metadata */
        if (f.number == 14) continue;
        if (f.kind == 0) fire_wire_put_int(&b, f.number, f.value);
        else fire_wire_put_bytes(&b, f.number, f.bytes, f.size);
    }
    for (int i = 0; i < 3; i++) {
        int64_t place = fire_wire_open(&b, 14);
        fire_wire_put_text(&b, 1, keys[i]);
        fire_wire_put_text(&b, 2, values[i]);
        fire_wire_close(&b, place);
    }
    fire_error err;
    assert_int_equal(try_load(b.data, (size_t)b.size, &err), FIRE_FILE);
    assert_int_equal(err.code, FIRE_E_CORRUPT);
    assert_non_null(strstr(err.message, "more weights than the file holds"));
    fire_buffer_free(&b);
    free(file);
}

/* A mapping whose pages within a weight cannot be read until they are opened: who touches one dies. */
static struct { const void *bytes; size_t size; char *from; size_t n; } closed;
static int closed_map(void *user, void *file, size_t bytes, void **data) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    int r = fire_io_posix.map(NULL, file, bytes, data);
    if (r) return r;
    char *at = memmem(*data, bytes, closed.bytes, closed.size);
    assert_non_null(at);
    closed.from = (char *)(((uintptr_t)at + page - 1) / page * page);
    closed.n = (size_t)(at + closed.size - closed.from) / page * page;
    return mprotect(closed.from, closed.n, PROT_NONE) ? -1 : 0;
}

/* Layers that were loaded read no weight before somebody asks for its numbers: from our file, from one that was changed since, and from one in
** which weights lie at odd addresses. */
static void opened_unread(void **state) {
    fire_io io = fire_io_posix;
    io.map = closed_map;
    fire_context *c;
    OK(fire_context_new(&(fire_config){.size = sizeof(fire_config), .io = &io}, &c, err_));
    float x[300], y[4][300];
    for (int i = 0; i < 300; i++) x[i] = (float)(i % 7) / 8;
    fire_network *net, *back, *copy;
    OK(fire_network_new(ctx, FIRE_F32, &net, err_));
    OK(fire_network_add(net, "Input", "shape=[300]", err_));
    OK(fire_network_add(net, "Dense", "units=300 activation=tanh", err_));
    OK(fire_network_init(net, 5, err_));
    OK(fire_predict_row(net, x, y[0], err_));
    fire_weight_info w, v;
    OK(fire_network_weight(net, 0, &w, err_));
    closed.bytes = w.value.data;
    closed.size = sizeof(float) * 300 * 300;
    void *bytes;
    size_t size;
    OK(fire_save_bytes(net, &bytes, &size, err_));
    for (int kind = 0; kind < 3; kind++) { /* 1, 2: the hash does not fit */
        fire_buffer b = {.ctx = ctx};
        if (kind == 2) fire_buffer_add(&b, "\x12\x01x", 3); /* producer_name, in front */
        fire_buffer_add(&b, bytes, size);
        assert_int_equal(b.first.status, FIRE_OK);
        if (kind) ((char *)memmem(b.data, (size_t)b.size, "firesteel.graph_hash", 20))[22] ^= 1;
        OK(fire_file_write(ctx, path, 1, &(fire_piece){b.data, (size_t)b.size}, err_));
        fire_buffer_free(&b);
        OK(fire_load(c, path, &back, err_));
        assert_true(back->apart && closed.n > 300000);
        OK(fire_network_clone(back, &copy, err_));
        assert_int_equal(mprotect(closed.from, closed.n, PROT_READ), 0);
        OK(fire_predict_row(back, x, y[1], err_));
        OK(fire_predict_row(copy, x, y[2], err_));
        assert_true(back->apart && copy->apart);
        const int k = fire_network_weights(back) - 2;
        OK(fire_network_weight(back, k, &v, err_));
        assert_memory_equal(v.value.data, w.value.data, closed.size);
        if (kind < 2) assert_true((char *)v.value.data <= closed.from && (char *)v.value.data + 4096 > closed.from); /* where it was mapped */
        else assert_int_equal((uintptr_t)v.value.data % 16, 0);
        fire_weight_info u;
        OK(fire_network_weight(copy, k, &u, err_));
        assert_ptr_equal(u.value.data, v.value.data);
        OK(fire_network_set_weight(copy, k + 1, &(fire_tensor){FIRE_F32, {1, {300}}, x}, err_));
        assert_false(copy->apart);
        fire_network_free(back); /* the copy's own numbers stay */
        OK(fire_network_weight(copy, k, &u, err_));
        assert_memory_equal(u.value.data, w.value.data, closed.size);
        OK(fire_predict_row(copy, x, y[3], err_));
        for (int i = 0; i < 3; i++) assert_memory_equal(y[i], y[0], sizeof y[0]);
        assert_memory_not_equal(y[3], y[0], sizeof y[0]);
        fire_network_free(copy);
    }
    fire_release(ctx, bytes);
    fire_network_free(net);
    fire_context_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip), cmocka_unit_test(file_layout), cmocka_unit_test(every_call_fails), cmocka_unit_test(cut), cmocka_unit_test(flipped),
        cmocka_unit_test(edited), cmocka_unit_test(versions), cmocka_unit_test(not_models), cmocka_unit_test(not_saved), cmocka_unit_test(greedy), cmocka_unit_test(opened_unread),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
