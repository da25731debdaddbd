/* test_caffe - nets of Caffe when memory or I/O fails, cut and bent, with their weights inside or in a second file: a status each time, and nothing is lost. */
#include "harness.h"
#include "error.h"
#include "formats/caffe.h"
#include <stdio.h>
#include <string.h>

static fire_context *ctx;
static int set_up(void **state) { return fire_context_new(NULL, &ctx, NULL); }
static int tear_down(void **state) { fire_context_free(ctx); return 0; }

/* ---- prob = softmax(relu in place(conv(data)) w): [n, 1, 2, 2] to [n, 2] ---- */

static void put_blob(fire_buffer *b, int rank, const int64_t *dim, int n, const float *v) {
    int64_t at = fire_wire_open(b, 7), shape = fire_wire_open(b, 7);
    for (int d = 0; d < rank; d++) fire_wire_put_int(b, 1, (uint64_t)dim[d]);
    fire_wire_close(b, shape);
    fire_wire_put_bytes(b, 5, v, (size_t)n * sizeof *v);
    fire_wire_close(b, at);
}

static int64_t layer(fire_buffer *b, const char *name, const char *type, const char *bottom, const char *top) {
    int64_t at = fire_wire_open(b, 100);
    fire_wire_put_text(b, 1, name);
    fire_wire_put_text(b, 2, type);
    if (bottom) fire_wire_put_text(b, 3, bottom);
    if (top) fire_wire_put_text(b, 4, top);
    return at;
}

/* Layers alone, blobs alone, or both. */
static void write_net(fire_buffer *b, bool layers, bool blobs) {
    static const int64_t four[4] = {2, 1, 1, 1}, two[2] = {2, 8};
    static const float conv[2] = {1, -1}, bias[2] = {0.5f, 0};
    float dense[16];
    for (int i = 0; i < 16; i++) dense[i] = (float)(i % 5 - 2) / 2;
    int64_t at, in, shape;
    if (layers) {
        fire_wire_put_text(b, 1, "net");
        at = layer(b, "data", "Input", NULL, "data");
        in = fire_wire_open(b, 143);
        shape = fire_wire_open(b, 1);
        for (int d = 0; d < 4; d++) fire_wire_put_int(b, 1, d < 2 ? 1 : 2);
        fire_wire_close(b, shape);
        fire_wire_close(b, in);
        fire_wire_close(b, at);
    }
    at = layer(b, "conv", "Convolution", layers ? "data" : NULL, layers ? "conv" : NULL);
    in = fire_wire_open(b, 106);
    fire_wire_put_int(b, 1, 2);
    fire_wire_put_int(b, 4, 1);
    fire_wire_close(b, in);
    if (blobs) put_blob(b, 4, four, 2, conv), put_blob(b, 1, four, 2, bias);
    fire_wire_close(b, at);
    if (layers) fire_wire_close(b, layer(b, "relu", "ReLU", "conv", "conv"));
    at = layer(b, "dense", "InnerProduct", layers ? "conv" : NULL, layers ? "dense" : NULL);
    in = fire_wire_open(b, 117);
    fire_wire_put_int(b, 2, 0);
    fire_wire_close(b, in);
    if (blobs) put_blob(b, 2, two, 16, dense);
    fire_wire_close(b, at);
    if (layers) fire_wire_close(b, layer(b, "prob", "Softmax", "dense", "prob"));
}

static fire_status run(fire_context *c, fire_network *net, float *y, fire_error *err) {
    float x[4] = {1, -1, 0.5f, 2};
    const fire_named in = {"data", {FIRE_F32, {4, {1, 1, 2, 2}}, x}};
    fire_named *out = NULL;
    int32_t n = 0;
    fire_status s = fire_run(net, 1, &in, &out, &n, err);
    if (!s && n == 1 && out->tensor.shape.rank == 2 && out->tensor.shape.dim[1] == 2) memcpy(y, out->tensor.data, 2 * sizeof *y);
    fire_release(c, out);
    return s;
}

static fire_status use(fire_context *c, const void *bytes, size_t size, float *y, fire_error *err) {
    fire_network *net = NULL;
    fire_status s = fire_load_bytes(c, bytes, size, &net, err);
    if (!s) s = run(c, net, y, err);
    fire_network_free(net);
    return s;
}

static void computes(void **state) {
    fire_buffer b = {.ctx = ctx};
    float y[2] = {0};
    fire_error err = {0};
    write_net(&b, true, true);
    if (use(ctx, b.data, (size_t)b.size, y, &err)) fail_msg("%s", err.message);
    /* relu(conv) = 1.5 0 1 2.5 | 0 1 0 0; times rows -1 -.5 0 .5 1 -1 -.5 0 | .5 1 -1 -.5 0 .5 1 -1: -1.25 and -1 */
    const float e = 0.5621765f; /* 1 / (1 + exp(-0.25)) */
    assert_true(y[1] - e < 1e-6f && e - y[1] < 1e-6f && y[0] + y[1] - 1 < 1e-6f && 1 - y[0] - y[1] < 1e-6f);
    fire_buffer_free(&b);
}

static fire_status body(fire_context *c, void *user, fire_error *err) {
    const fire_buffer *b = user;
    float y[2];
    return use(c, b->data, (size_t)b->size, y, err);
}
static fire_status in_files(fire_context *c, void *user, fire_error *err) {
    float y[2];
    fire_network *net = NULL;
    fire_status s = fire_load_part(c, "test_caffe.prototxt", &(fire_part){.weights = "test_caffe.caffemodel"}, &net, err);
    if (!s) s = run(c, net, y, err);
    fire_network_free(net);
    return s;
}

static void put_file(const char *path, const void *bytes, size_t size) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    fclose(f);
}

static void every_call_fails(void **state) {
    static const char text[] = "layer { name: 'data' type: 'Input' top: 'data' input_param { shape { dim: [1, 1, 2, 2] } } }\n"
                               "layer { name: 'conv' type: 'Convolution' bottom: 'data' top: 'conv' convolution_param { num_output: 2 kernel_size: 1 } }\n"
                               "layer { name: 'dense' type: 'InnerProduct' bottom: 'conv' top: 'dense' inner_product_param { num_output: 2 bias_term: false } }\n";
    fire_buffer b = {.ctx = ctx}, weights = {.ctx = ctx};
    write_net(&b, true, true);
    assert_true(harness_fail_each(body, &b) > 50);
    write_net(&weights, false, true);
    put_file("test_caffe.prototxt", text, sizeof text - 1);
    put_file("test_caffe.caffemodel", weights.data, (size_t)weights.size);
    assert_true(harness_fail_each(in_files, NULL) > 50);
    remove("test_caffe.prototxt");
    remove("test_caffe.caffemodel");
    fire_buffer_free(&weights);
    fire_buffer_free(&b);
}

/* Cut at every byte, and each bit turned; the same of a second file with the weights. */
static void cut_and_bent(void **state) {
    fire_buffer b = {.ctx = ctx}, net = {.ctx = ctx}, weights = {.ctx = ctx};
    fire_error err;
    fire_onnx m;
    float y[2];
    int64_t failed = 0;
    write_net(&b, true, true);
    write_net(&net, true, false);
    write_net(&weights, false, true);
    for (int64_t n = 0; n < b.size; n++) failed += use(ctx, b.data, (size_t)n, y, &err) != FIRE_OK;
    assert_true(failed > b.size / 2);
    for (int64_t i = 0; i < 8 * b.size; i++) {
        b.data[i / 8] ^= (uint8_t)(1u << i % 8);
        (void)use(ctx, b.data, (size_t)b.size, y, &err);
        b.data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    failed = 0;
    for (int64_t n = 1; n < weights.size; n++) {
        failed += fire_caffe_read(ctx, net.data, (size_t)net.size, weights.data, (size_t)n, &m, &err) != FIRE_OK;
        fire_onnx_clear(&m);
    }
    assert_true(failed > weights.size / 2);
    for (int64_t i = 0; i < 8 * weights.size; i++) {
        weights.data[i / 8] ^= (uint8_t)(1u << i % 8);
        (void)fire_caffe_read(ctx, net.data, (size_t)net.size, weights.data, (size_t)weights.size, &m, &err);
        fire_onnx_clear(&m);
        weights.data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    fire_buffer_free(&weights);
    fire_buffer_free(&net);
    fire_buffer_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(computes), cmocka_unit_test(every_call_fails), cmocka_unit_test(cut_and_bent)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
