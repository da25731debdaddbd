/* test_score.c - a row's bits depend on the row and the model alone: not on neighbours, chunks or threads. */
#include "dataset.h"
#include "harness.h"
#include "network.h"
#include "rng.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static harness h;
static fire_context *ctx;
static fire_error err;
#define OK(call) do { if ((call) != FIRE_OK) fail_msg("%s: %s", #call, err.message); } while (0)

static int setup(void **state) {
    harness_init(&h);
    ctx = harness_context(&h, NULL);
    return ctx == NULL;
}
static int teardown(void **state) {
    fire_context_free(ctx);
    return h.live != 0;
}

enum { ROWS = 1000, WIDTH = 12, CLASSES = 5 };
static float x[ROWS * WIDTH];

static void fill(void) {
    fire_key key = fire_key_make(1, FIRE_STREAM_TEST);
    for (int i = 0; i < ROWS * WIDTH; i++) x[i] = fire_uniform((uint32_t)fire_draw(key, (uint64_t)i, 0)) * 4 - 2;
}

static fire_network *classifier(const char *last) {
    fire_network *net;
    OK(fire_network_new(ctx, FIRE_F32, &net, &err));
    OK(fire_network_add(net, "Input", "shape=[3,4]", &err)); /* flat rows are read row-major */
    OK(fire_network_add(net, "Flatten", NULL, &err));
    OK(fire_network_add(net, "Dense", "units=17 activation=relu", &err));
    OK(fire_network_add(net, "Dropout", NULL, &err));
    OK(fire_network_add(net, "Dense", last, &err));
    OK(fire_network_init(net, 3, &err));
    return net;
}

/* Predict rows [from, to), given in chunks of `chunk`. */
static void predict(fire_network *net, int from, int to, int chunk, float *y, float *logits) {
    fire_dataset *data;
    OK(fire_dataset_new(ctx, &data, &err));
    for (int i = from; i < to; i += chunk) {
        int n = to - i < chunk ? to - i : chunk;
        OK(fire_dataset_add(data, &(fire_tensor){FIRE_F32, {2, {n, WIDTH}}, x + (size_t)i * WIDTH}, NULL, NULL, &err));
    }
    OK(fire_predict(net, data, y, logits, &err));
    fire_dataset_free(data);
}

static void bits_do_not_depend_on_neighbours(void **state) {
    static float all[ROWS * CLASSES], some[ROWS * CLASSES], logits[ROWS * CLASSES], again[ROWS * CLASSES];
    fill();
    fire_network *net = classifier("units=5 activation=softmax");
    assert_int_equal(fire_block_rows(net), 256);
    predict(net, 0, ROWS, ROWS, all, logits);
    static const int chunks[] = {1, 7, 256, 333};
    for (int k = 0; k < 4; k++) {
        predict(net, 0, ROWS, chunks[k], some, again);
        assert_memory_equal(all, some, sizeof all);
        assert_memory_equal(logits, again, sizeof all);
    }
    static const int parts[][2] = {{0, 1}, {999, 1000}, {255, 257}, {100, 700}, {3, 3}};
    for (int k = 0; k < 5; k++) {
        int n = parts[k][1] - parts[k][0];
        if (n) predict(net, parts[k][0], parts[k][1], n, some, NULL);
        assert_memory_equal(all + parts[k][0] * CLASSES, some, (size_t)n * CLASSES * sizeof *some);
    }
    for (int threads = 2; threads <= 5; threads++) {
        OK(fire_set_threads(ctx, threads, &err));
        predict(net, 0, ROWS, 50, some, again);
        assert_memory_equal(all, some, sizeof all);
        assert_memory_equal(logits, again, sizeof all);
    }
    for (int r = 0; r < ROWS; r++) { /* the softmax of the logits, and the fast path */
        float one[CLASSES];
        double sum = 0;
        OK(fire_predict_row(net, x + r * WIDTH, one, &err));
        for (int c = 0; c < CLASSES; c++) sum += exp(logits[r * CLASSES + c]);
        for (int c = 0; c < CLASSES; c++) {
            assert_true(fabs(exp(logits[r * CLASSES + c]) / sum - all[r * CLASSES + c]) < 1e-6);
            assert_true(fabsf(one[c] - all[r * CLASSES + c]) <= 1e-6f);
        }
    }
    /* New values of weights are seen; so is a changed structure. */
    float bias[CLASSES] = {100, 0, 0, 0, 0};
    OK(fire_network_set_weight(net, 3, &(fire_tensor){FIRE_F32, {1, {CLASSES}}, bias}, &err));
    predict(net, 0, ROWS, ROWS, some, NULL);
    assert_true(some[0] > 0.99f && some[CLASSES * 999] > 0.99f);
    float one[CLASSES];
    OK(fire_predict_row(net, x, one, &err));
    assert_true(one[0] > 0.99f);
    OK(fire_network_pop(net, &err));
    OK(fire_network_add(net, "Dense", "units=1", &err));
    predict(net, 0, ROWS, ROWS, some, again); /* drawn at once */
    assert_memory_equal(some, again, ROWS * sizeof *some); /* no softmax: the output is the logit */
    assert_true(some[0] != 0);
    fire_network_free(net);
}

static void builds_from_the_data(void **state) {
    fire_network *net;
    static float y[ROWS * 2];
    fill();
    OK(fire_network_new(ctx, FIRE_F32, &net, &err));
    OK(fire_network_add(net, "Dense", "units=2 activation=sigmoid", &err));
    assert_int_equal(fire_predict_row(net, x, y, &err), FIRE_USAGE);
    assert_int_equal(err.code, FIRE_E_NOT_BUILT);
    predict(net, 0, 3, 3, y, NULL);
    fire_network_info info;
    fire_network_info_get(net, &info);
    assert_true(info.built && info.has_logits && info.input.dim[1] == WIDTH);
    fire_dataset *data;
    OK(fire_dataset_new(ctx, &data, &err));
    OK(fire_dataset_add(data, &(fire_tensor){FIRE_F32, {2, {5, 7}}, x}, NULL, NULL, &err));
    assert_int_equal(fire_predict(net, data, y, NULL, &err), FIRE_USAGE);
    assert_string_equal(err.message, "a row of the data has shape [7], the network takes [n, 12]");
    fire_dataset_free(data);
    fire_network_free(net);
}

static void blocks_shrink_with_work(void **state) {
    /* 2 * 1000 * units operations a row, 2^29 a block. */
    static const struct { const char *units; int64_t rows; } cases[] = {{"units=10", 256}, {"units=2000", 128}, {"units=40000", 4}};
    for (int k = 0; k < 3; k++) {
        fire_network *net;
        OK(fire_network_new(ctx, FIRE_F32, &net, &err));
        OK(fire_network_add(net, "Input", "shape=[1000]", &err));
        OK(fire_network_add(net, "Dense", cases[k].units, &err));
        assert_int_equal(fire_block_rows(net), cases[k].rows);
        fire_network_free(net);
    }
}

typedef struct { char *text; size_t n; } sink;
static void collect(void *user, const char *text, size_t bytes) {
    sink *s = user;
    s->text = realloc(s->text, s->n + bytes + 1);
    memcpy(s->text + s->n, text, bytes);
    s->text[s->n += bytes] = 0;
}

static void explains(void **state) {
    fire_network *net = classifier("units=5 activation=softmax");
    sink s = {0};
    OK(fire_explain_plan(net, 0, false, collect, &s, &err));
    assert_true(s.n > 0 && strstr(s.text, "Gemm"));
    assert_int_equal(fire_explain_plan(net, 32, true, collect, &s, &err), FIRE_USAGE);
    assert_int_equal(err.code, FIRE_E_NOT_COMPILED);
    OK(fire_network_compile(net, "adam", "sparse_categorical_crossentropy", "accuracy", &err));
    s.n = 0;
    OK(fire_explain_plan(net, 32, true, collect, &s, &err));
    assert_true(strstr(s.text, "SoftmaxCrossEntropy") != NULL);
    free(s.text);
    fire_network_free(net);
}

static fire_status scores(fire_context *c, void *user, fire_error *e) {
    static float y[300 * 2];
    fire_network *net = NULL;
    fire_dataset *data = NULL;
    fire_status s = fire_set_threads(c, 2, e);
    if (!s) s = fire_network_new(c, FIRE_F32, &net, e);
    if (!s) s = fire_network_add(net, "Dense", "units=2 activation=softmax", e);
    if (!s) s = fire_dataset_new(c, &data, e);
    if (!s) s = fire_dataset_add(data, &(fire_tensor){FIRE_F32, {2, {300, WIDTH}}, x}, NULL, NULL, e);
    if (!s) s = fire_predict(net, data, y, y, e);
    if (!s) s = fire_predict_row(net, x, y, e);
    fire_dataset_free(data);
    fire_network_free(net);
    return s;
}
static void survives_failing_allocations(void **state) { assert_true(harness_fail_each(scores, NULL) > 20); }

/* States that stay from batch to batch and from call to call. */
static fire_status keeps_states(fire_context *c, void *user, fire_error *e) {
    fire_network *net = NULL;
    fire_dataset *data = NULL;
    float given[4 * 2 * 3] = {0}, y[2][4 * 2], targets[4 * 2] = {0}; /* a GRU without input: with states it moves on by its bias */
    fire_tensor xs = {FIRE_F32, {3, {4, 2, 3}}, given}, ys = {FIRE_F32, {2, {4, 2}}, targets};
    const fire_fit_options o = {.size = sizeof o, .epochs = 1, .batch_size = 2};
    fire_status s = fire_network_new(c, FIRE_F32, &net, e);
    if (!s) s = fire_network_add(net, "Input", "shape=[2,3] batch_size=2", e);
    if (!s) s = fire_network_add(net, "GRU", "units=2 stateful=1 bias_initializer=ones", e);
    if (!s) s = fire_dataset_new(c, &data, e);
    if (!s) s = fire_dataset_add(data, &xs, &ys, NULL, e);
    for (int i = 0; i < 2 && !s; i++)
        if (!(s = fire_predict(net, data, y[i], NULL, e))) s = fire_network_reset_states(net, i ? -1 : 1, e);
    if (!s) {
        assert_memory_equal(y[0], y[1], sizeof y[0]);
        assert_memory_equal(y[0], y[0] + 2, 8);     /* rows of a batch are alike, batches are not */
        assert_true(y[0][0] != y[0][4]);
        s = fire_network_compile(net, "sgd", "mse", NULL, e);
    }
    if (!s) s = fire_fit(net, data, &o, NULL, e);
    fire_dataset_free(data);
    fire_network_free(net);
    return s;
}
static void states_survive_failing_allocations(void **state) { assert_true(harness_fail_each(keeps_states, NULL) > 50); }

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(bits_do_not_depend_on_neighbours), T(builds_from_the_data), T(blocks_shrink_with_work), T(explains),
                                       cmocka_unit_test(survives_failing_allocations), cmocka_unit_test(states_survive_failing_allocations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
