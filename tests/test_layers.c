/* test_layers.c - every layer on its own examples: gradients against central differences in float64, float32 against float64, learning
** from data in parts. */
#include "harness.h"
#include "network.h"
#include "plan.h"
#include "rng.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static fire_error err;
#define OK(call) do { if ((call) != FIRE_OK) fail_msg("%s: %s", #call, err.message); } while (0)

enum { ROWS = 6, MOST = 784 * ROWS };

static double number(uint64_t i, uint64_t stream) { return 2 * fire_uniform53(fire_draw(fire_key_make(3, FIRE_STREAM_TEST), i, stream)) - 1; }

/* "[3,4] [2] units=2": the shapes of the inputs of a row; returns the attributes. */
static const char *row_shapes(const char *p, int *n, fire_shape *x) {
    for (*n = 0; *p == '['; ) {
        fire_shape *s = &x[(*n)++];
        *s = (fire_shape){0};
        for (p++; *p && *p != ']'; p += *p == ',') s->dim[s->rank++] = strtol(p, (char **)&p, 10);
        for (p += *p == ']'; *p == ' ';) p++;
    }
    return p;
}

/* One layer behind given inputs, with values: drawn ones plus something, so that biases count. *x: the shape of the network's input. */
static fire_network *one_layer(fire_context *ctx, const fire_layer *kind, const char *example, fire_type type, fire_shape *x) {
    fire_network *net;
    fire_shape part[FIRE_MAX_PARTS];
    int n_in;
    const char *attrs = row_shapes(example, &n_in, part);
    OK(fire_network_new(ctx, type, &net, &err));
    if (n_in == 1) {
        OK(fire_network_add(net, kind->name, attrs, &err));
        OK(fire_network_build(net, &part[0], &err));
        *x = part[0];
    } else {
        int32_t in[FIRE_MAX_PARTS], y;
        *x = (fire_shape){1, {0}};
        for (int i = 0; i < n_in; i++) {
            char text[FIRE_SHAPE_TEXT], shape[FIRE_SHAPE_TEXT + 16];
            snprintf(shape, sizeof shape, "shape=%s", fire_shape_text(&part[i], text));
            for (char *c = shape; (c = strchr(c, ' '));) memmove(c, c + 1, strlen(c));
            OK(fire_network_input(net, shape, &in[i], &err));
            x->dim[0] += fire_count(&part[i]);
        }
        OK(fire_network_call(net, kind->name, attrs, n_in, in, &y, &err));
        OK(fire_network_outputs(net, 1, &y, &err));
    }
    OK(fire_network_init(net, 5, &err));
    for (int i = 0; i < fire_network_weights(net); i++) {
        fire_weight_info w;
        static double value[MOST];
        OK(fire_network_weight(net, i, &w, &err));
        int64_t n = fire_count(&w.value.shape);
        assert_true(n <= MOST);
        for (int64_t k = 0; k < n; k++) value[k] = fire_get(&w.value, k) + 0.3 + 0.2 * number((uint64_t)k, (uint64_t)i);
        OK(fire_network_set_weight(net, i, &(fire_tensor){FIRE_F64, w.value.shape, value}, &err));
    }
    OK(fire_network_compile(net, "sgd", "mse", NULL, &err));
    return net;
}

static double loss_of(fire_network *net, const fire_tensor *x, const fire_tensor *y, void *const *weights, void *input) {
    fire_dataset *data;
    double loss;
    OK(fire_dataset_new(net->ctx, &data, &err));
    OK(fire_dataset_add(data, x, y, NULL, &err));
    OK(fire_gradients(net, data, true, &loss, weights, input, &err)); /* training: the same units drop each time */
    fire_dataset_free(data);
    return loss;
}

/* Numbers that are nowhere near a kink (of relu, step) or equal. */
static void fill(double *x, int64_t n, uint64_t stream) {
    for (int64_t i = 0; i < n; i++) {
        x[i] = number((uint64_t)i, stream);
        x[i] += x[i] < 0 ? -0.05 : 0.05;
    }
}

static void gradients(void **state) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    for (const fire_layer *const *k = fire_layers; *k; k++)
        for (int e = 0; e < 12 && (*k)->examples[e]; e++) {
            static double x[MOST], y[MOST], dx[MOST], dw[8][MOST];
            fire_shape row;
            fire_network *net = one_layer(ctx, *k, (*k)->examples[e], FIRE_F64, &row);
            fire_tensor tx = {FIRE_F64, {row.rank + 1, {ROWS}}, x}, ty = {FIRE_F64, net->output, y};
            for (int d = 0; d < row.rank; d++) tx.shape.dim[d + 1] = row.dim[d];
            ty.shape.dim[0] = ROWS;
            int64_t nx = fire_count(&tx.shape), ny = fire_count(&ty.shape);
            assert_true(nx <= MOST && ny <= MOST && net->n_weights <= 8);
            fill(x, nx, 100), fill(y, ny, 101);
            void *weights[8];
            for (int i = 0; i < 8; i++) weights[i] = dw[i];
            loss_of(net, &tx, &ty, weights, dx);
            for (int64_t w = -1; w < net->n_weights; w++) { /* -1: the input */
                if (w >= 0 && !net->weight[w].trainable) {
                    for (int64_t i = 0; i < fire_count(&net->weight[w].shape); i++) assert_true(dw[w][i] == 0);
                    continue;
                }
                double *at = w < 0 ? x : fire_weight_data(net, w), *found = w < 0 ? dx : dw[w], step = 1e-5, largest = 1e-3;
                int64_t n = w < 0 ? nx : fire_count(&net->weight[w].shape);
                for (int64_t i = 0; i < n; i++) largest = fmax(largest, fabs(found[i]));
                for (int64_t i = 0; i < n; i++) {
                    double keep = at[i];
                    at[i] = keep + step;
                    double up = loss_of(net, &tx, &ty, NULL, NULL);
                    at[i] = keep - step;
                    double down = loss_of(net, &tx, &ty, NULL, NULL);
                    at[i] = keep;
                    if (fabs((up - down) / (2 * step) - found[i]) > 1e-6 * largest)
                        fail_msg("%s %s: %s %lld: gradient %.9g, differences give %.9g", (*k)->name, (*k)->examples[e], w < 0 ? "input" : net->weight[w].name,
                                 (long long)i, found[i], (up - down) / (2 * step));
                }
            }
            fire_network_free(net);
        }
    fire_context_free(ctx);
    assert_int_equal(h.live, 0);
}

/* Whatever kernels the CPU gives, float32 is float64 but for rounding. */
static void float32_agrees(void **state) {
    fire_context *ctx;
    OK(fire_context_new(NULL, &ctx, &err));
    for (const fire_layer *const *k = fire_layers; *k; k++)
        for (int e = 0; e < 12 && (*k)->examples[e]; e++) {
            static double x[MOST], wide[MOST];
            static float narrow[MOST];
            fire_shape row;
            fire_network *a = one_layer(ctx, *k, (*k)->examples[e], FIRE_F64, &row), *b = one_layer(ctx, *k, (*k)->examples[e], FIRE_F32, &row);
            fire_tensor tx = {FIRE_F64, {row.rank + 1, {ROWS}}, x};
            for (int d = 0; d < row.rank; d++) tx.shape.dim[d + 1] = row.dim[d];
            fill(x, fire_count(&tx.shape), 102);
            fire_dataset *data;
            OK(fire_dataset_new(ctx, &data, &err));
            OK(fire_dataset_add(data, &tx, NULL, NULL, &err));
            OK(fire_predict(a, data, wide, NULL, &err));
            OK(fire_predict(b, data, narrow, NULL, &err));
            fire_shape out = a->output;
            out.dim[0] = ROWS;
            for (int64_t i = 0; i < fire_count(&out); i++)
                if (fabs(wide[i] - narrow[i]) > 1e-5 * fmax(1, fabs(wide[i]))) fail_msg("%s %s: %g and %g", (*k)->name, (*k)->examples[e], wide[i], narrow[i]);
            fire_dataset_free(data);
            fire_network_free(a);
            fire_network_free(b);
        }
    fire_context_free(ctx);
}

/* After fire_adapt a Normalization gives mean 0 and variance 1 over the axes that it does not keep, whatever lies before it. */
static void normalization_adapts(void **state) {
    static const char *const attrs[] = {"", "axis=[1]", "axis=[1,2]", "axis=[]"};
    fire_context *ctx;
    OK(fire_context_new(NULL, &ctx, &err));
    for (int k = 0; k < 4; k++) {
        static double x[200 * 6], y[200 * 6];
        for (int i = 0; i < 1200; i++) x[i] = 0.3 * number((uint64_t)i, 103) * (i % 6 + 1) + 0.1 * (i % 6);
        fire_network *net;
        OK(fire_network_new(ctx, FIRE_F64, &net, &err));
        OK(fire_network_add(net, "Activation", "activation=tanh", &err));
        OK(fire_network_add(net, "Normalization", attrs[k], &err));
        fire_dataset *data;
        OK(fire_dataset_new(ctx, &data, &err));
        for (int i = 0; i < 2; i++) OK(fire_dataset_add(data, &(fire_tensor){FIRE_F64, {3, {100, 2, 3}}, x + 600 * i}, NULL, NULL, &err));
        OK(fire_network_build(net, &(fire_shape){2, {2, 3}}, &err));
        OK(fire_adapt(net, data, NULL, &err));
        OK(fire_predict(net, data, y, NULL, &err));
        int groups[] = {3, 2, 6, 1};
        for (int g = 0; g < groups[k]; g++) {
            double sum = 0, square = 0, n = 0;
            for (int i = 0; i < 1200; i++) {
                int place = i % 6, mine = k == 0 ? place % 3 : k == 1 ? place / 3 : k == 2 ? place : 0;
                if (mine == g) sum += y[i], square += y[i] * y[i], n++;
            }
            assert_true(fabs(sum / n) < 1e-9 && fabs(square / n - 1) < 1e-9);
        }
        fire_dataset_free(data);
        fire_network_free(net);
    }
    fire_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(gradients), cmocka_unit_test(float32_agrees), cmocka_unit_test(normalization_adapts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
