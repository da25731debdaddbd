/* test_onnx - plain ONNX files, written here field by field: what we run gives the right numbers, what we do not is refused by name. */
#include "harness.h"
#include "error.h"
#include "formats/onnx_import.h"
#include "network.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static fire_context *ctx;
static int set_up(void **state) { return fire_context_new(NULL, &ctx, NULL); }
static int tear_down(void **state) { fire_context_free(ctx); return 0; }

/* ---- a model, piece by piece ---- */

typedef struct model { fire_buffer b; int64_t graph; } model;

static model begin(int ir, int opset) {
    model m = {.b = {.ctx = ctx}};
    fire_wire_put_int(&m.b, 1, (uint64_t)ir);
    int64_t place = fire_wire_open(&m.b, 8);
    fire_wire_put_int(&m.b, 2, (uint64_t)opset);
    fire_wire_close(&m.b, place);
    m.graph = fire_wire_open(&m.b, 7);
    return m;
}

/* field 11: an input, 12: an output; dims end with -2; -1 is "n". */
static void value(model *m, uint32_t field, const char *name, int type, const int64_t *dim) {
    int64_t v = fire_wire_open(&m->b, field);
    fire_wire_put_text(&m->b, 1, name);
    int64_t t = fire_wire_open(&m->b, 2), tensor = fire_wire_open(&m->b, 1);
    fire_wire_put_int(&m->b, 1, (uint64_t)type);
    int64_t shape = fire_wire_open(&m->b, 2);
    for (; *dim != -2; dim++) {
        int64_t d = fire_wire_open(&m->b, 1);
        if (*dim < 0) fire_wire_put_text(&m->b, 2, "n");
        else fire_wire_put_int(&m->b, 1, (uint64_t)*dim);
        fire_wire_close(&m->b, d);
    }
    fire_wire_close(&m->b, shape);
    fire_wire_close(&m->b, tensor);
    fire_wire_close(&m->b, t);
    fire_wire_close(&m->b, v);
}
#define DIMS(...) (const int64_t[]){__VA_ARGS__, -2}
static void x_to_y(model *m) { /* both [n, 2] */
    value(m, 11, "x", 1, DIMS(-1, 2));
    value(m, 12, "y", 1, DIMS(-1, 2));
}

static int64_t node(model *m, const char *op, const char *in, const char *out) { /* names separated by spaces; close it */
    int64_t n = fire_wire_open(&m->b, 1);
    for (int field = 1; field <= 2; field++)
        for (const char *p = field == 1 ? in : out; *p;) {
            size_t size = strcspn(p, " ");
            fire_wire_put_bytes(&m->b, (uint32_t)field, *p == '-' ? "" : p, *p == '-' ? 0 : size);
            p += size + (p[size] == ' ');
        }
    fire_wire_put_text(&m->b, 3, "my node");
    fire_wire_put_text(&m->b, 4, op);
    return n;
}
#define SCALAR ((const int64_t[]){-2})
static void simple(model *m, const char *op, const char *in, const char *out) { fire_wire_close(&m->b, node(m, op, in, out)); }

static int64_t attribute(model *m, const char *name, int type) { /* close it */
    int64_t a = fire_wire_open(&m->b, 5);
    fire_wire_put_text(&m->b, 1, name);
    fire_wire_put_int(&m->b, 20, (uint64_t)type);
    return a;
}

static int64_t tensor(model *m, uint32_t field, const char *name, int type, const int64_t *dim) { /* close it */
    int64_t t = fire_wire_open(&m->b, field);
    for (; *dim != -2; dim++) fire_wire_put_int(&m->b, 1, (uint64_t)*dim);
    fire_wire_put_int(&m->b, 2, (uint64_t)type);
    if (name) fire_wire_put_text(&m->b, 8, name);
    return t;
}
static void weight(model *m, const char *name, int type, const int64_t *dim, const void *raw, size_t bytes) {
    int64_t t = tensor(m, 5, name, type, dim);
    fire_wire_put_bytes(&m->b, 9, raw, bytes);
    fire_wire_close(&m->b, t);
}

static void end(model *m) {
    fire_wire_close(&m->b, m->graph);
    assert_int_equal(m->b.first.status, FIRE_OK);
}

/* Load it; when it loads, run `rows` rows x and compare with y. */
static void runs(model *m, int64_t rows, const float *x, const float *y) {
    fire_network *net = NULL;
    fire_error err = {0};
    end(m);
    if (fire_load_bytes(ctx, m->b.data, (size_t)m->b.size, &net, &err)) fail_msg("%s", err.message);
    fire_network_info info;
    fire_network_info_get(net, &info);
    assert_true(!info.loaded_as_onnx && info.built);
    assert_null(fire_network_note(net, "warning"));
    for (int pass = 0; pass < 2; pass++) { /* and again after saving it */
        fire_dataset *data;
        fire_shape in = net->input, out = net->output;
        in.dim[0] = out.dim[0] = rows;
        float *got = malloc((size_t)fire_count(&out) * sizeof *got);
        assert_non_null(got);
        if (fire_dataset_new(ctx, &data, &err) || fire_dataset_add(data, &(fire_tensor){FIRE_F32, in, (void *)x}, NULL, NULL, &err) || fire_predict(net, data, got, NULL, &err))
            fail_msg("%s", err.message);
        for (int64_t i = 0; i < fire_count(&out); i++)
            if (!(got[i] - y[i] < 1e-6f && y[i] - got[i] < 1e-6f)) fail_msg("y[%d] = %g, expected %g", (int)i, (double)got[i], (double)y[i]);
        fire_dataset_free(data);
        free(got);
        if (pass) break;
        void *bytes;
        size_t size;
        if (fire_save_bytes(net, &bytes, &size, &err)) fail_msg("%s", err.message);
        fire_network_free(net);
        if (fire_load_bytes(ctx, bytes, size, &net, &err)) fail_msg("after saving: %s", err.message);
        fire_release(ctx, bytes);
    }
    fire_network_free(net);
    fire_buffer_free(&m->b);
}

static void refused(model *m, int32_t code, const char *says) {
    fire_network *net = NULL;
    fire_error err = {0};
    end(m);
    fire_status s = fire_load_bytes(ctx, m->b.data, (size_t)m->b.size, &net, &err);
    if (s != FIRE_FILE || err.code != code || !strstr(err.message, says)) fail_msg("%d %d \"%s\", expected %d with \"%s\"", s, err.code, err.message, code, says);
    fire_buffer_free(&m->b);
}

static const float X[4] = {1, 2, -3, 0.5f}; /* two rows of two */

/* ---- what runs ---- */

static void small_network(void **state) {
    const float w[6] = {1, 2, 3, 4, 5, 6}, y[6] = {9.5f, 11.5f, 13.5f, 0, 0, 0};
    for (int form = 0; form < 4; form++) { /* weights as raw bytes, packed, one by one; as inputs too, as before IR 4 */
        model m = begin(form == 3 ? 3 : 8, 13 + form);
        int64_t t;
        if (form == 0 || form == 3) weight(&m, "w", 1, DIMS(2, 3), w, sizeof w);
        else {
            t = tensor(&m, 5, "w", 1, DIMS(2, 3));
            if (form == 1) fire_wire_put_bytes(&m.b, 4, w, sizeof w);
            else for (int i = 0; i < 6; i++) fire_wire_put_float(&m.b, 4, w[i]);
            fire_wire_close(&m.b, t);
        }
        weight(&m, "b", 1, DIMS(3), (const float[3]){0.5f, -0.5f, -1.5f}, 12);
        simple(&m, "MatMul", "x w", "h");
        simple(&m, "Add", "h b", "z");
        simple(&m, "Relu", "z", "y");
        if (form == 3) value(&m, 11, "w", 1, DIMS(2, 3));
        value(&m, 11, "x", 1, DIMS(-1, 2));
        value(&m, 12, "y", 1, DIMS(-1, 3));
        runs(&m, 2, X, y);
    }
}

static void constants_and_attributes(void **state) {
    /* Gemm with transB, its weight a Constant node; then Reshape by a Constant of int64. */
    model m = begin(8, 18);
    int64_t n = node(&m, "Constant", "", "w"), a = attribute(&m, "value", 4), t = tensor(&m, 5, NULL, 1, DIMS(2, 2));
    fire_wire_put_bytes(&m.b, 4, (const float[4]){0, 1, 2, 0}, 16);
    fire_wire_close(&m.b, t);
    fire_wire_close(&m.b, a);
    fire_wire_close(&m.b, n);
    n = node(&m, "Constant", "", "shape");
    a = attribute(&m, "value_ints", 7);
    fire_wire_put_int(&m.b, 8, (uint64_t)-1);
    fire_wire_put_int(&m.b, 8, 2);
    fire_wire_close(&m.b, a);
    fire_wire_close(&m.b, n);
    n = node(&m, "Gemm", "x w", "h");
    a = attribute(&m, "transB", 2);
    fire_wire_put_int(&m.b, 3, 1);
    fire_wire_close(&m.b, a);
    fire_wire_close(&m.b, n);
    simple(&m, "Reshape", "h shape", "y");
    x_to_y(&m);
    runs(&m, 2, X, (const float[4]){2, 2, 0.5f, -6});
}

static void metadata_stays(void **state) { /* files of others keep their metadata to themselves */
    model m = begin(8, 18);
    simple(&m, "Neg", "x", "y");
    x_to_y(&m);
    end(&m);
    int64_t p = fire_wire_open(&m.b, 14);
    fire_wire_put_text(&m.b, 1, "firesteel.note.x");
    fire_wire_put_text(&m.b, 2, "not ours: there is no version");
    fire_wire_close(&m.b, p);
    fire_network *net;
    assert_int_equal(fire_load_bytes(ctx, m.b.data, (size_t)m.b.size, &net, NULL), FIRE_OK);
    assert_null(fire_network_note(net, "x"));
    fire_network_free(net);
    fire_buffer_free(&m.b);
}

/* ---- what does not ---- */

static model with_node(int opset, const char *op) {
    model m = begin(8, opset);
    simple(&m, op, "x", "y");
    x_to_y(&m);
    return m;
}

static void unsupported_nodes(void **state) {
    model m = with_node(18, "QuantumFold");
    refused(&m, FIRE_E_MODEL_UNSUPPORTED, "node 0 'my node' (QuantumFold, opset 18): this operator is not supported");
    m = with_node(18, "Bad\nName");
    refused(&m, FIRE_E_MODEL_UNSUPPORTED, "Bad\\x0AName");
    m = with_node(29, "Relu");
    refused(&m, FIRE_E_FILE_VERSION, "opset 29");
    m = with_node(0, "Relu");
    refused(&m, FIRE_E_CORRUPT, "opset 0");

    m = begin(8, 18);
    int64_t n = node(&m, "Relu", "x", "y");
    fire_wire_put_text(&m.b, 7, "com.example");
    fire_wire_close(&m.b, n);
    x_to_y(&m);
    refused(&m, FIRE_E_MODEL_UNSUPPORTED, "of domain com.example");

    m = begin(8, 18);
    n = node(&m, "Relu", "x", "y");
    int64_t a = attribute(&m, "slope", 1);
    fire_wire_put_float(&m.b, 2, 1);
    fire_wire_close(&m.b, a);
    fire_wire_close(&m.b, n);
    x_to_y(&m);
    refused(&m, FIRE_E_MODEL_UNSUPPORTED, "attribute 'slope' is not supported");

    m = begin(8, 18);
    n = node(&m, "Gemm", "x w", "y");
    a = attribute(&m, "transB", 1);
    fire_wire_put_float(&m.b, 2, 1);
    fire_wire_close(&m.b, a);
    fire_wire_close(&m.b, n);
    weight(&m, "w", 1, DIMS(2, 2), X, 16);
    x_to_y(&m);
    refused(&m, FIRE_E_MODEL_UNSUPPORTED, "attribute 'transB' has an unexpected type");

    m = begin(8, 18); /* shapes that do not fit: node and shapes are named */
    simple(&m, "MatMul", "x w", "y");
    weight(&m, "w", 1, DIMS(1, 4), X, 16);
    value(&m, 11, "x", 1, DIMS(-1, 2));
    value(&m, 12, "y", 1, DIMS(-1, 4));
    refused(&m, FIRE_E_MODEL_UNSUPPORTED, "node 0 'my node' (MatMul, opset 18)");

    m = begin(8, 18);
    simple(&m, "Relu", "x x x x x x x x x x", "y");
    x_to_y(&m);
    refused(&m, FIRE_E_MODEL_UNSUPPORTED, "10 inputs, expected at most 1");
}

static void bad_names(void **state) {
    model m = begin(8, 18);
    simple(&m, "Relu", "h", "y");
    simple(&m, "Relu", "x", "h");
    x_to_y(&m);
    refused(&m, FIRE_E_CORRUPT, "node 0 'my node' (Relu, opset 18) reads 'h', which nothing before it makes");
    m = begin(8, 18);
    simple(&m, "Relu", "x", "y");
    simple(&m, "Neg", "x", "y");
    x_to_y(&m);
    refused(&m, FIRE_E_CORRUPT, "'y' at byte ");
    m = begin(8, 18);
    simple(&m, "Relu", "x", "h");
    x_to_y(&m);
    refused(&m, FIRE_E_CORRUPT, "nothing makes the output 'y'");
    m = begin(8, 18);
    simple(&m, "Relu", "x", "y spare");
    simple(&m, "Relu", "spare", "z");
    value(&m, 11, "x", 1, DIMS(-1, 2));
    value(&m, 12, "z", 1, DIMS(-1, 2));
    refused(&m, FIRE_E_MODEL_UNSUPPORTED, "'spare' is an output that this version does not compute");
}

/* ---- tensors by name ---- */

static fire_status run_named(fire_context *c, const model *m, int n, const fire_named *in, fire_named **out, int32_t *n_out, fire_error *err) {
    fire_network *net = NULL;
    fire_status s = fire_load_bytes(c, m->b.data, (size_t)m->b.size, &net, err);
    if (!s) s = fire_run(net, n, in, out, n_out, err);
    fire_network_free(net);
    return s;
}

static fire_status run_rows(fire_context *c, void *user, fire_error *err) {
    const model *m = user;
    fire_network *net = NULL;
    fire_named *out = NULL;
    int32_t n_out = 0;
    float x[12], s[3] = {10, 20, 30};
    for (int i = 0; i < 12; i++) x[i] = (float)i;
    fire_status r = fire_load_bytes(c, m->b.data, (size_t)m->b.size, &net, err);
    const fire_named in[2] = {{"x", {FIRE_F32, {3, {3, 2, 2}}, x}}, {"s", {FIRE_F32, {1, {3}}, s}}};
    if (!r) r = fire_run_rows(net, 3, 2, in, &out, &n_out, err);
    if (!r) {
        assert_int_equal(n_out, 1);
        assert_int_equal(out->tensor.shape.rank, 3);
        assert_int_equal(out->tensor.shape.dim[0], 3);
        for (int i = 0; i < 12; i++) assert_float_equal(((float *)out->tensor.data)[i], x[i] + s[i / 4], 0);
    }
    fire_release(c, out);
    fire_network_free(net);
    return r;
}

/* A model of one row, once for each of three; also where every allocation fails in turn. */
static void rows_by_name(void **state) {
    model m = begin(8, 18);
    simple(&m, "Add", "x s", "y");
    value(&m, 11, "x", 1, DIMS(2, 2));
    value(&m, 11, "s", 1, DIMS(-2));
    value(&m, 12, "y", 1, DIMS(2, 2));
    end(&m);
    fire_error err = {0};
    if (run_rows(ctx, &m, &err)) fail_msg("%s", err.message);
    assert_true(harness_fail_each(run_rows, &m) > 5);
    fire_network *net;
    fire_named *out;
    int32_t n_out;
    float x[8] = {0};
    assert_int_equal(fire_load_bytes(ctx, m.b.data, (size_t)m.b.size, &net, NULL), FIRE_OK);
    const struct { int64_t rows; fire_shape x, s; const char *says; } wrong[] = {
        {0, {3, {2, 2, 2}}, {1, {2}}, "at least one"}, {2, {3, {1, 2, 2}}, {1, {2}}, "'x'"}, {2, {3, {2, 2, 2}}, {0}, "'s'"}, {2, {3, {2, 1, 2}}, {1, {2}}, "'x'"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const fire_named in[2] = {{"x", {FIRE_F32, wrong[i].x, x}}, {"s", {FIRE_F32, wrong[i].s, x}}};
        assert_int_equal(fire_run_rows(net, wrong[i].rows, 2, in, &out, &n_out, &err), FIRE_USAGE);
        assert_non_null(strstr(err.message, wrong[i].says));
    }
    fire_network_free(net);
    fire_buffer_free(&m.b);
}

/* What does not map rows to rows is loaded all the same, and refuses to score rows. */
static void only_by_name(void **state) {
    static const struct { int type; int64_t dim[5]; fire_shape given; } cases[] = {
        {1, {-1, -1, -2}, {2, {3, 2}}}, {1, {-2}, {0}}, {6, {-1, -1, -2}, {2, {3, 2}}}, {10, {-1, -1, -2}, {2, {3, 2}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        model m = begin(8, 18);
        simple(&m, "Neg", "x", "y");
        value(&m, 11, "x", cases[i].type, cases[i].dim);
        value(&m, 12, "y", cases[i].type, DIMS(-1, 2));
        end(&m);
        fire_network *net;
        fire_error err = {0};
        assert_int_equal(fire_load_bytes(ctx, m.b.data, (size_t)m.b.size, &net, NULL), FIRE_OK);
        float y[8];
        assert_int_equal(fire_predict_row(net, X, y, &err), FIRE_USAGE);
        assert_non_null(strstr(err.message, "run it with named tensors"));
        int32_t numbers[6] = {0};
        fire_named in = {"x", {(fire_type)cases[i].type, cases[i].given, numbers}}, *out;
        int32_t n_out;
        for (int k = 0; k < 2; k++) { /* the second time by the plan that is there */
            if (fire_run(net, 1, &in, &out, &n_out, &err)) fail_msg("%s", err.message);
            assert_int_equal(n_out, 1);
            assert_string_equal(out->name, "y");
            assert_int_equal(out->tensor.shape.rank, cases[i].given.rank);
            assert_int_equal(out->tensor.type, cases[i].type);
            fire_release(ctx, out);
        }
        fire_tensor port;
        char name[20];
        assert_int_equal(fire_run_port(net, false, 0, &port, name, sizeof name), FIRE_OK);
        assert_string_equal(name, "x");
        assert_int_equal(fire_run_port(net, false, 1, &port, name, sizeof name), FIRE_USAGE);
        fire_named none = {"z", in.tensor};
        assert_int_equal(fire_run(net, 1, &none, &out, &n_out, &err), FIRE_USAGE);
        assert_int_equal(fire_run(net, 0, NULL, &out, &n_out, &err), FIRE_USAGE);
        in.tensor.type = FIRE_F64;
        assert_int_equal(fire_run(net, 1, &in, &out, &n_out, &err), FIRE_USAGE);
        fire_network_free(net);
        fire_buffer_free(&m.b);
    }
    model m = begin(8, 18);
    int64_t n = node(&m, "Cast", "x", "y"), a = attribute(&m, "to", 2);
    fire_wire_put_int(&m.b, 3, 7);
    fire_wire_close(&m.b, a);
    fire_wire_close(&m.b, n);
    value(&m, 11, "x", 1, DIMS(-1, 2));
    value(&m, 12, "y", 7, DIMS(-1, 2));
    end(&m);
    fire_named in = {"x", {FIRE_F32, {2, {2, 2}}, (void *)X}}, *out;
    int32_t n_out;
    assert_int_equal(run_named(ctx, &m, 1, &in, &out, &n_out, NULL), FIRE_OK);
    assert_int_equal(out->tensor.type, FIRE_I64);
    assert_int_equal(((int64_t *)out->tensor.data)[2], -3);
    fire_release(ctx, out);
    fire_buffer_free(&m.b);
}

/* Two inputs; the shape is fed, the parts are found out by running, and a body is run three times. */
static model with_numbers(void) {
    model m = begin(8, 13);
    simple(&m, "Reshape", "x s", "r");
    simple(&m, "NonZero", "r", "places");
    simple(&m, "Transpose", "places", "t");
    simple(&m, "GatherND", "r t", "picked");
    int64_t n = node(&m, "Loop", "three yes picked", "sum each"), a = attribute(&m, "body", 5), body = fire_wire_open(&m.b, 6);
    simple(&m, "Add", "v picked", "w");
    simple(&m, "ReduceSum", "w", "total");
    simple(&m, "Identity", "go", "on");
    value(&m, 11, "i", 7, SCALAR);
    value(&m, 11, "go", 9, SCALAR);
    value(&m, 11, "v", 1, DIMS(-1));
    value(&m, 12, "on", 9, SCALAR);
    value(&m, 12, "w", 1, DIMS(-1));
    value(&m, 12, "total", 1, DIMS(1));
    fire_wire_close(&m.b, body);
    fire_wire_close(&m.b, a);
    fire_wire_close(&m.b, n);
    weight(&m, "three", 7, SCALAR, &(int64_t){3}, 8);
    weight(&m, "yes", 9, SCALAR, &(uint8_t){1}, 1);
    value(&m, 11, "x", 1, DIMS(-1, 2));
    value(&m, 11, "s", 7, DIMS(1));
    value(&m, 12, "sum", 1, DIMS(-1));
    value(&m, 12, "each", 1, DIMS(3, 1));
    end(&m);
    return m;
}
static const float WITH_ZERO[4] = {1, 0, -3, 0.5f};
static fire_status run_numbers(fire_context *c, void *user, fire_error *err) {
    fire_named in[2] = {{"x", {FIRE_F32, {2, {2, 2}}, (void *)WITH_ZERO}}, {"s", {FIRE_I64, {1, {1}}, &(int64_t){-1}}}}, *out = NULL;
    int32_t n_out;
    fire_status s = run_named(c, user, 2, in, &out, &n_out, err);
    if (s) return s;
    const float want[3] = {4, -12, 2}, *sum = out[0].tensor.data, *each = out[1].tensor.data;
    assert_int_equal(out[0].tensor.shape.dim[0], 3);
    assert_memory_equal(sum, want, sizeof want);
    for (int i = 0; i < 3; i++) assert_true(each[i] == -1.5f * (float)(i + 2));
    fire_release(c, out);
    return FIRE_OK;
}
static void numbers_decide(void **state) {
    model m = with_numbers();
    fire_error err = {0};
    if (run_numbers(ctx, &m, &err)) fail_msg("%s", err.message);
    assert_true(harness_fail_each(run_numbers, &m) > 50);
    fire_buffer_free(&m.b);
}

/* Nodes that lack inputs, have strange ones or ask for too much: a sentence, no crash. */
static void hostile_nodes(void **state) {
    for (const fire_lift_entry *e = fire_lifts; e->op; e++)
        for (int form = 0; form < 4; form++) {
            model m = begin(8, 18);
            simple(&m, e->op, form == 0 ? "" : form == 1 ? "x" : form == 2 ? "x x x x x x x x x" : "big big big big big", "y z");
            weight(&m, "big", 7, DIMS(3), (const int64_t[]){INT64_MAX / 4, INT64_MAX / 4, INT64_MIN}, 24);
            value(&m, 11, "x", 7, DIMS(2, 2));
            value(&m, 12, "y", 1, DIMS(2, 2));
            end(&m);
            int64_t numbers[4] = {INT64_MAX, -1, 1 << 20, 3};
            fire_named in = {"x", {FIRE_I64, {2, {2, 2}}, numbers}}, *out;
            int32_t n_out;
            fire_error err = {0};
            fire_status s = run_named(ctx, &m, 1, &in, &out, &n_out, &err);
            if (!s) fire_release(ctx, out);
            else assert_true(err.message[0] != 0);
            fire_buffer_free(&m.b);
        }
}

/* A loop without an end is stopped by its budget, and so is one that doubles what it carries. */
static void endless_loops(void **state) {
    for (int doubling = 0; doubling < 2; doubling++) {
        model m = begin(8, 13);
        int64_t n = node(&m, "Loop", " yes x", "y"), a = attribute(&m, "body", 5), body = fire_wire_open(&m.b, 6), c = node(&m, doubling ? "Concat" : "Neg", doubling ? "v v" : "v", "w");
        if (doubling) {
            int64_t axis = attribute(&m, "axis", 2);
            fire_wire_put_int(&m.b, 3, 0);
            fire_wire_close(&m.b, axis);
        }
        fire_wire_close(&m.b, c);
        simple(&m, "Identity", "go", "on");
        value(&m, 11, "i", 7, SCALAR);
        value(&m, 11, "go", 9, SCALAR);
        value(&m, 11, "v", 1, DIMS(-1));
        value(&m, 12, "on", 9, SCALAR);
        value(&m, 12, "w", 1, DIMS(-1));
        fire_wire_close(&m.b, body);
        fire_wire_close(&m.b, a);
        fire_wire_close(&m.b, n);
        weight(&m, "yes", 9, SCALAR, &(uint8_t){1}, 1);
        weight(&m, "x", 1, DIMS(1), X, 4);
        value(&m, 12, "y", 1, DIMS(-1));
        end(&m);
        fire_named *out;
        int32_t n_out;
        fire_error err = {0};
        assert_int_equal(run_named(ctx, &m, 0, NULL, &out, &n_out, &err), FIRE_FILE);
        fire_buffer_free(&m.b);
    }
}

static model with_weight(void) {
    model m = with_node(18, "Relu");
    simple(&m, "Add", "x w", "z");
    return m;
}
static void bad_weights(void **state) {
    model m = with_weight();
    weight(&m, "w", 1, DIMS(2), X, 7);
    refused(&m, FIRE_E_CORRUPT, "has 7 bytes, expected 8 for its shape");
    m = with_weight();
    weight(&m, "w", 8, DIMS(2), X, 4);
    refused(&m, FIRE_E_MODEL_UNSUPPORTED, "weight 'w' at byte ");
    m = with_weight();
    weight(&m, "w", 1, DIMS(INT64_MAX, INT64_MAX), X, 8);
    refused(&m, FIRE_E_CORRUPT, "impossible shape");
    m = with_weight();
    weight(&m, "w", 1, DIMS(-5), X, 8);
    refused(&m, FIRE_E_CORRUPT, "negative dimension");
    m = with_weight();
    weight(&m, "w", 1, DIMS(1, 1, 1, 1, 1, 1, 1, 1, 2), X, 8);
    refused(&m, FIRE_E_MODEL_UNSUPPORTED, "9 dimensions");
    m = with_weight();
    int64_t t = tensor(&m, 5, "w", 1, DIMS(1 << 20, 1 << 20)); /* no numbers at all: memory is not asked for */
    fire_wire_close(&m.b, t);
    refused(&m, FIRE_E_CORRUPT, "fewer numbers than its shape");
    m = with_weight();
    t = tensor(&m, 5, "w", 1, DIMS(2));
    fire_wire_put_bytes(&m.b, 4, X, 4);
    fire_wire_close(&m.b, t);
    refused(&m, FIRE_E_CORRUPT, "has 1 numbers, expected 2");
    m = with_weight();
    t = tensor(&m, 5, "w", 1, DIMS(2));
    fire_wire_put_bytes(&m.b, 4, X, 12);
    fire_wire_close(&m.b, t);
    refused(&m, FIRE_E_CORRUPT, "broken numbers");
    m = with_weight();
    t = tensor(&m, 5, "w", 1, DIMS(2));
    int64_t pair = fire_wire_open(&m.b, 13);
    fire_wire_put_text(&m.b, 1, "location");
    fire_wire_put_text(&m.b, 2, "../../etc/passwd");
    fire_wire_close(&m.b, pair);
    fire_wire_put_int(&m.b, 14, 1);
    fire_wire_close(&m.b, t);
    refused(&m, FIRE_E_MODEL_UNSUPPORTED, "a model in memory has no such files");
    m = with_weight();
    t = fire_wire_open(&m.b, 15);
    fire_wire_close(&m.b, t);
    refused(&m, FIRE_E_MODEL_UNSUPPORTED, "sparse weights");
}

/* Numbers of every type, in every form that the format has. */
static void typed_numbers(void **state) {
    static const struct { fire_type type; uint32_t field; bool fixed; } types[] = {
        {FIRE_F32, 4, true}, {FIRE_F64, 10, true}, {FIRE_I64, 7, false}, {FIRE_I32, 5, false}, {FIRE_I16, 5, false}, {FIRE_U16, 5, false}, {FIRE_I8, 5, false},
        {FIRE_U8, 5, false}, {FIRE_BOOL, 5, false},
    };
    for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
        char numbers[3 * 8] = {0}, got[3 * 8];
        fire_tensor t = {types[k].type, {1, {3}}, numbers}, as;
        const size_t size = fire_type_size(t.type), bytes = 3 * size;
        const bool is_signed = t.type == FIRE_F32 || t.type == FIRE_F64 || t.type == FIRE_I64 || t.type == FIRE_I32 || t.type == FIRE_I16 || t.type == FIRE_I8;
        fire_put(&t, 0, 1), fire_put(&t, 1, 0), fire_put(&t, 2, is_signed ? -100 : t.type == FIRE_BOOL ? 1 : 200);
        for (int form = 0; form < 3; form++) {
            model m = with_node(18, "Relu");
            int64_t place = tensor(&m, 5, "w", (int)t.type, DIMS(3)), packed = 0;
            if (form == 0) fire_wire_put_bytes(&m.b, 9, numbers, bytes);
            else if (types[k].fixed && form == 1) fire_wire_put_bytes(&m.b, types[k].field, numbers, bytes);
            else for (int i = 0; i < 3; i++) {
                double v = fire_get(&t, i);
                if (form == 1 && i == 0) packed = fire_wire_open(&m.b, types[k].field);
                if (form == 1) { /* a packed varint: drop the tag that put_int writes */
                    fire_buffer one = {.ctx = ctx};
                    fire_wire_put_int(&one, 1, (uint64_t)(int64_t)v);
                    fire_buffer_add(&m.b, one.data + 1, (size_t)one.size - 1);
                    fire_buffer_free(&one);
                    if (i == 2) fire_wire_close(&m.b, packed);
                } else if (t.type == FIRE_F32) fire_wire_put_float(&m.b, 4, (float)v);
                else if (t.type == FIRE_F64) {
                    fire_buffer_add(&m.b, (uint8_t[]){10 << 3 | 1}, 1);
                    fire_buffer_add(&m.b, &v, 8);
                } else fire_wire_put_int(&m.b, types[k].field, (uint64_t)(int64_t)v);
            }
            fire_wire_close(&m.b, place);
            end(&m);
            fire_onnx o;
            fire_error err = {0};
            if (fire_onnx_read(ctx, m.b.data, (size_t)m.b.size, &o, &err)) fail_msg("%s", err.message);
            if (fire_onnx_tensor_shape(&o, o.initializer, "w", &as, &err)) fail_msg("%s", err.message);
            assert_true(as.type == t.type && fire_same_shape(&as.shape, &t.shape));
            if (fire_onnx_tensor_copy(&o, o.initializer, "w", &as, got, bytes, &err)) fail_msg("type %d form %d: %s", (int)t.type, form, err.message);
            assert_memory_equal(got, numbers, bytes);
            fire_onnx_clear(&o);
            fire_buffer_free(&m.b);
        }
    }
}

/* The hash does not see how a tensor is stored or in which order fields come, but every number of a constant. */
static void hash_is_of_meaning(void **state) {
    char hash[4][65];
    for (int form = 0; form < 4; form++) {
        model m = with_node(18, "Relu");
        float c[2] = {1, form == 3 ? 3 : 2};
        int64_t t = tensor(&m, 5, "const.7", 1, DIMS(2));
        if (form == 1) fire_wire_put_bytes(&m.b, 4, c, 8);
        else fire_wire_put_bytes(&m.b, 9, c, 8);
        if (form == 2) fire_wire_put_text(&m.b, 12, "a description");
        fire_wire_close(&m.b, t);
        if (form == 2) fire_wire_put_text(&m.b, 10, "a description");
        end(&m);
        fire_onnx o;
        assert_int_equal(fire_onnx_read(ctx, m.b.data, (size_t)m.b.size, &o, NULL), FIRE_OK);
        assert_int_equal(fire_onnx_hash(&o, 0, NULL, hash[form], NULL), FIRE_OK);
        fire_onnx_clear(&o);
        fire_buffer_free(&m.b);
    }
    assert_string_equal(hash[0], hash[1]);
    assert_string_equal(hash[0], hash[2]);
    assert_string_not_equal(hash[0], hash[3]);
}

static fire_status load_small(fire_context *c, void *user, fire_error *err) {
    const fire_buffer *b = user;
    fire_network *net;
    fire_status s = fire_load_bytes(c, b->data, (size_t)b->size, &net, err);
    if (!s) fire_network_free(net);
    return s;
}
static void memory_runs_out(void **state) {
    model m = begin(8, 18);
    weight(&m, "w", 1, DIMS(2, 2), X, 16);
    simple(&m, "MatMul", "x w", "h");
    int64_t n = node(&m, "Constant", "", "c"), a = attribute(&m, "value_float", 1);
    fire_wire_put_float(&m.b, 2, 2);
    fire_wire_close(&m.b, a);
    fire_wire_close(&m.b, n);
    simple(&m, "Mul", "h c", "y");
    x_to_y(&m);
    end(&m);
    assert_true(harness_fail_each(load_small, &m.b) > 5);
    fire_buffer_free(&m.b);
}

/* A file large enough to be mapped, one of its weights in another file; both lie at odd addresses, so that they are copied when it runs. */
enum { MANY = 80000 };
static fire_status load_and_run_file(fire_context *c, void *user, fire_error *err) {
    fire_network *net = NULL;
    fire_named *out = NULL;
    int32_t n_out = 0;
    float x[2] = {1, 2}, s[1] = {3};
    fire_status r = fire_load(c, user, &net, err);
    const fire_named in[2] = {{"x", {FIRE_F32, {1, {2}}, x}}, {"s", {FIRE_F32, {1, {1}}, s}}};
    if (!r) r = fire_run(net, 2, in, &out, &n_out, err);
    if (!r) {
        const float *y = out[0].tensor.data;
        assert_int_equal(fire_count(&out[0].tensor.shape), MANY);
        for (int i = 0; i < MANY; i += 1001) assert_float_equal((double)y[i], (double)(2 * i + 2 * (i + 1) + 3 + i), 0.5);
    }
    fire_release(c, out);
    fire_network_free(net);
    return r;
}

static void files_that_are_mapped(void **state) {
    char folder[] = "/tmp/fire_onnx_XXXXXX", path[64], beside[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/m.onnx", folder);
    snprintf(beside, sizeof beside, "%s/w.bin", folder);
    float *w = malloc(2 * MANY * sizeof *w), *v = malloc(MANY * sizeof *v);
    assert_true(w && v);
    for (int i = 0; i < MANY; i++) w[i] = (float)(2 * i), w[MANY + i] = (float)(i + 1), v[i] = (float)i;
    FILE *f = fopen(beside, "wb");
    assert_true(f && fwrite("odd", 3, 1, f) == 1 && fwrite(w, sizeof *w, 2 * MANY, f) == 2 * MANY && !fclose(f));
    model m = begin(8, 18);
    simple(&m, "MatMul", "x w", "h");
    simple(&m, "Add", "h v", "z");
    simple(&m, "Add", "z s", "y");
    value(&m, 11, "x", 1, DIMS(2));
    value(&m, 11, "s", 1, DIMS(1));
    value(&m, 12, "y", 1, DIMS(MANY));
    int64_t t = tensor(&m, 5, "w", 1, DIMS(2, MANY));
    const char *const entry[2][2] = {{"location", "w.bin"}, {"offset", "3"}};
    for (int i = 0; i < 2; i++) {
        int64_t pair = fire_wire_open(&m.b, 13);
        fire_wire_put_text(&m.b, 1, entry[i][0]);
        fire_wire_put_text(&m.b, 2, entry[i][1]);
        fire_wire_close(&m.b, pair);
    }
    fire_wire_put_int(&m.b, 14, 1);
    fire_wire_close(&m.b, t);
    weight(&m, "v", 1, DIMS(MANY), v, MANY * sizeof *v);
    end(&m);
    f = fopen(path, "wb");
    assert_true(f && fwrite(m.b.data, (size_t)m.b.size, 1, f) == 1 && !fclose(f));
    assert_true(harness_fail_each(load_and_run_file, path) > 20);
    assert_true(!remove(path) && !remove(beside) && !remove(folder));
    fire_buffer_free(&m.b);
    free(w);
    free(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_network), cmocka_unit_test(constants_and_attributes), cmocka_unit_test(metadata_stays), cmocka_unit_test(unsupported_nodes),
        cmocka_unit_test(bad_names), cmocka_unit_test(rows_by_name), cmocka_unit_test(only_by_name), cmocka_unit_test(numbers_decide), cmocka_unit_test(hostile_nodes), cmocka_unit_test(endless_loops), cmocka_unit_test(bad_weights), cmocka_unit_test(typed_numbers),
        cmocka_unit_test(hash_is_of_meaning), cmocka_unit_test(memory_runs_out), cmocka_unit_test(files_that_are_mapped),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
