/* test_tensorflow - graphs of TensorFlow when memory or I/O fails, cut and bent: a status each time, and nothing is lost. */
#include "harness.h"
#include "error.h"
#include "wire.h"
#include <string.h>

static fire_context *ctx;
static int set_up(void **state) { return fire_context_new(NULL, &ctx, NULL); }
static int tear_down(void **state) { fire_context_free(ctx); return 0; }

/* ---- a GraphDef: y = relu(f(x) w), f(a) = tanh(a) in its library ---- */

static void attr_begin(fire_buffer *b, const char *key, int64_t place[2]) {
    place[0] = fire_wire_open(b, 5);
    fire_wire_put_text(b, 1, key);
    place[1] = fire_wire_open(b, 2);
}
static void attr_end(fire_buffer *b, const int64_t place[2]) { fire_wire_close(b, place[1]); fire_wire_close(b, place[0]); }

static void put_type(fire_buffer *b, const char *key) {
    int64_t at[2];
    attr_begin(b, key, at);
    fire_wire_put_int(b, 6, 1);
    attr_end(b, at);
}
static void put_shape(fire_buffer *b, uint32_t field, int n, const int64_t *dim) {
    int64_t shape = fire_wire_open(b, field);
    for (int d = 0; d < n; d++) {
        int64_t at = fire_wire_open(b, 2);
        fire_wire_put_int(b, 1, (uint64_t)dim[d]);
        fire_wire_close(b, at);
    }
    fire_wire_close(b, shape);
}
static int64_t node(fire_buffer *b, uint32_t field, const char *name, const char *op, const char *x, const char *y) {
    int64_t at = fire_wire_open(b, field);
    fire_wire_put_text(b, 1, name);
    fire_wire_put_text(b, 2, op);
    if (x) fire_wire_put_text(b, 3, x);
    if (y) fire_wire_put_text(b, 3, y);
    return at;
}

static void write_graph(fire_buffer *b) {
    float w[8] = {1, -1, 2, 0.5f, -3, 4, 0.25f, 1};
    int64_t in[2], at = node(b, 1, "x", "Placeholder", NULL, NULL);
    put_type(b, "dtype");
    attr_begin(b, "shape", in);
    put_shape(b, 7, 2, (const int64_t[]){-1, 4});
    attr_end(b, in);
    fire_wire_close(b, at);
    at = node(b, 1, "w", "Const", NULL, NULL);
    put_type(b, "dtype");
    attr_begin(b, "value", in);
    int64_t tensor = fire_wire_open(b, 8);
    fire_wire_put_int(b, 1, 1);
    put_shape(b, 2, 2, (const int64_t[]){4, 2});
    fire_wire_put_bytes(b, 4, w, sizeof w);
    fire_wire_close(b, tensor);
    attr_end(b, in);
    fire_wire_close(b, at);
    at = node(b, 1, "call", "PartitionedCall", "x", NULL);
    attr_begin(b, "f", in);
    int64_t f = fire_wire_open(b, 10);
    fire_wire_put_text(b, 1, "f");
    fire_wire_close(b, f);
    attr_end(b, in);
    fire_wire_close(b, at);
    at = node(b, 1, "m", "MatMul", "call", "w");
    put_type(b, "T");
    fire_wire_close(b, at);
    at = node(b, 1, "y", "Relu", "m", NULL);
    put_type(b, "T");
    fire_wire_close(b, at);
    int64_t library = fire_wire_open(b, 2), function = fire_wire_open(b, 1), signature = fire_wire_open(b, 1), arg;
    fire_wire_put_text(b, 1, "f");
    for (uint32_t k = 2; k <= 3; k++) {
        arg = fire_wire_open(b, k);
        fire_wire_put_text(b, 1, k == 2 ? "a" : "r");
        fire_wire_put_int(b, 3, 1);
        fire_wire_close(b, arg);
    }
    fire_wire_close(b, signature);
    at = node(b, 3, "t", "Tanh", "a", NULL);
    put_type(b, "T");
    fire_wire_close(b, at);
    int64_t ret = fire_wire_open(b, 4);
    fire_wire_put_text(b, 1, "r");
    fire_wire_put_text(b, 2, "t:y:0");
    fire_wire_close(b, ret);
    fire_wire_close(b, function);
    fire_wire_close(b, library);
}

/* Load, predict and run by name. */
static fire_status use(fire_context *c, const void *bytes, size_t size, float y[6], fire_error *err) {
    fire_network *net = NULL;
    fire_named in = {"x", {FIRE_F32, {2, {3, 4}}, (float[]){0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, -1}}}, *out = NULL;
    int32_t n = 0;
    fire_status s = fire_load_bytes(c, bytes, size, &net, err);
    if (!s) s = fire_run(net, 1, &in, &out, &n, err);
    if (!s && y && n == 1 && out->tensor.shape.rank == 2 && out->tensor.shape.dim[1] == 2) memcpy(y, out->tensor.data, 6 * sizeof *y);
    fire_release(c, out);
    for (int i = 0; i < 3 && !s && y; i++) {
        float row[2];
        s = fire_predict_row(net, (float *)in.tensor.data + 4 * i, row, err);
        if (!s) for (int k = 0; k < 2; k++) assert_true(row[k] - y[2 * i + k] < 1e-6f && y[2 * i + k] - row[k] < 1e-6f);
    }
    fire_network_free(net);
    return s;
}

static void computes(void **state) {
    fire_buffer b = {.ctx = ctx};
    float y[6];
    fire_error err = {0};
    write_graph(&b);
    if (use(ctx, b.data, (size_t)b.size, y, &err)) fail_msg("%s", err.message);
    const float t = 0.761594156f, want[6] = {0, 0, t, 0, 0, 0}; /* -tanh(1) times (0.25, 1) is negative */
    for (int i = 0; i < 6; i++) assert_true(y[i] - want[i] < 1e-6f && want[i] - y[i] < 1e-6f);
    fire_buffer_free(&b);
}

static fire_status body(fire_context *c, void *user, fire_error *err) {
    const fire_buffer *b = user;
    float y[6] = {0};
    return use(c, b->data, (size_t)b->size, y, err);
}
static void every_call_fails(void **state) {
    fire_buffer b = {.ctx = ctx};
    write_graph(&b);
    assert_true(harness_fail_each(body, &b) > 50);
    fire_buffer_free(&b);
}

/* Cut at every byte, and each bit turned. */
static void cut_and_bent(void **state) {
    fire_buffer b = {.ctx = ctx};
    write_graph(&b);
    fire_error err;
    int64_t failed = 0;
    for (int64_t n = 0; n < b.size; n++) failed += use(ctx, b.data, (size_t)n, NULL, &err) != FIRE_OK;
    assert_true(failed > b.size / 2);
    for (int64_t i = 0; i < 8 * b.size; i++) {
        b.data[i / 8] ^= (uint8_t)(1u << i % 8);
        (void)use(ctx, b.data, (size_t)b.size, NULL, &err);
        b.data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    fire_buffer_free(&b);
}

static void put_const(fire_buffer *b, const char *name, int64_t v) {
    int64_t at = node(b, 1, name, "Const", NULL, NULL), in[2];
    attr_begin(b, "value", in);
    int64_t tensor = fire_wire_open(b, 8);
    fire_wire_put_int(b, 1, 9); /* DT_INT64 */
    put_shape(b, 2, 0, NULL);
    fire_wire_put_bytes(b, 4, &v, sizeof v);
    fire_wire_close(b, tensor);
    attr_end(b, in);
    fire_wire_close(b, at);
}
static void refused(fire_buffer *b, const char *says) {
    fire_network *net = NULL;
    fire_named *out = NULL;
    fire_error err = {0};
    int32_t n = 0;
    fire_status s = fire_load_bytes(ctx, b->data, (size_t)b->size, &net, &err);
    if (!s) s = fire_run(net, 0, NULL, &out, &n, &err);
    assert_int_not_equal(s, FIRE_OK);
    if (!strstr(err.message, says)) fail_msg("'%s' is not in: %s", says, err.message);
    fire_release(ctx, out);
    fire_network_free(net);
    fire_buffer_free(b);
}
/* A loop outside of loops would never end, and lists are of no more tensors than nodes are computed. */
static void without_end(void **state) {
    fire_buffer b = {.ctx = ctx};
    put_const(&b, "x", 1);
    fire_wire_close(&b, node(&b, 1, "m", "Merge", "x", "n"));
    fire_wire_close(&b, node(&b, 1, "n", "NextIteration", "m", NULL));
    fire_wire_close(&b, node(&b, 1, "y", "Identity", "m", NULL));
    refused(&b, "repeats a loop");
    b = (fire_buffer){.ctx = ctx};
    put_const(&b, "shape", -1);
    put_const(&b, "size", INT64_MAX);
    fire_wire_close(&b, node(&b, 1, "l", "TensorListReserve", "shape", "size"));
    fire_wire_close(&b, node(&b, 1, "y", "TensorListLength", "l", NULL));
    refused(&b, "a list of 9223372036854775807 tensors");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(computes), cmocka_unit_test(every_call_fails), cmocka_unit_test(cut_and_bent), cmocka_unit_test(without_end)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
