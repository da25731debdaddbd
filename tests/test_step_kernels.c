/* test_step_kernels.c - no reference kernel in a step: training and scoring of networks with every layer, activation and loss. */
#include "harness.h"
#include "context.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int wrong;

static fire_isa best_isa(void) {
    fire_context *ctx;
    assert_int_equal(fire_context_new(NULL, &ctx, NULL), FIRE_OK);
    fire_isa best = ctx->isa;
    fire_context_free(ctx);
    return best;
}

static void keep(void *user, const char *text, size_t n) {
    char *to = user;
    size_t have = strlen(to);
    assert_true(have + n < 65536);
    memcpy(to + have, text, n);
    to[have + n] = 0;
}

/* The plan of a network with this hidden layer and output layer. */
static void plan_text(fire_context *ctx, fire_type type, const char *hidden, const char *output, const char *loss, bool training, char *text) {
    fire_error err = {0};
    fire_network *net;
    assert_int_equal(fire_network_new(ctx, type, &net, &err), FIRE_OK);
    fire_status s = fire_network_add(net, "Input", "shape=[4,6]", &err);
    if (!s) s = fire_network_add(net, "Normalization", NULL, &err);
    if (!s) s = fire_network_add(net, "Flatten", NULL, &err);
    if (!s) s = fire_network_add(net, "Dense", hidden, &err);
    if (!s) s = fire_network_add(net, "Dropout", "rate=0.3", &err);
    if (!s) s = fire_network_add(net, "Dense", "units=9 use_bias=0", &err);
    if (!s) s = fire_network_add(net, "Activation", "activation=tanh", &err);
    if (!s) s = fire_network_add(net, "Dense", output, &err);
    if (!s) s = fire_network_compile(net, "adam", loss, "accuracy", &err);
    if (!s) s = fire_explain_plan(net, 33, training, keep, text, &err);
    if (s) fail_msg("%s, %s, %s: %s", hidden, output, loss, err.message);
    fire_network_free(net);
}

static void test_no_reference_in_a_step(void **state) {
    static const char *const hidden[] = {"units=20", "units=20 activation=relu", "units=20 activation=sigmoid", "units=20 activation=tanh",
                                         "units=20 activation=softmax", "units=20 activation=step"};
    static const struct { const char *output, *loss; } ends[] = {
        {"units=3", "mse"}, {"units=1", "mse"}, {"units=3 activation=relu", "mse"},
        {"units=3 activation=softmax", "SparseCategoricalCrossentropy"}, {"units=3", "SparseCategoricalCrossentropy from_logits=1"},
        {"units=3 activation=sigmoid", "SparseCategoricalCrossentropy"},
        {"units=3 activation=softmax", "CategoricalCrossentropy"}, {"units=3", "CategoricalCrossentropy from_logits=1"},
        {"units=3 activation=softmax", "CategoricalCrossentropy label_smoothing=0.1"}, {"units=3 activation=sigmoid", "CategoricalCrossentropy"},
        {"units=1 activation=sigmoid", "BinaryCrossentropy"}, {"units=3", "BinaryCrossentropy from_logits=1"},
        {"units=3 activation=sigmoid", "BinaryCrossentropy label_smoothing=0.1"}, {"units=3 activation=softmax", "BinaryCrossentropy"},
    };
    static const fire_type types[] = {FIRE_F32, FIRE_F64};
    static char text[65536];
    for (int isa = 1; isa <= (int)best_isa(); isa++) {
        harness h;
        harness_init(&h);
        fire_context *ctx = harness_context(&h, &(fire_config){.size = sizeof(fire_config), .isa = isa});
        for (int t = 0; t < 2; t++)
            for (size_t a = 0; a < sizeof hidden / sizeof *hidden; a++)
                for (size_t b = 0; b < sizeof ends / sizeof *ends; b++)
                    for (int training = 0; training < 2; training++) {
                        text[0] = 0;
                        plan_text(ctx, types[t], hidden[a], ends[b].output, ends[b].loss, training, text);
                        assert_true(text[0]);
                        for (char *line = text, *end; *line; line = end + 1) {
                            end = strchr(line, '\n');
                            *end = 0;
                            if (!strstr(line, "reference")) continue;
                            print_error("%s: %s; %s; %s: %s\n", fire_type_text(types[t]), hidden[a], ends[b].output, ends[b].loss, line);
                            wrong++;
                        }
                    }
        fire_context_free(ctx);
        assert_int_equal(h.live, 0);
    }
    assert_int_equal(wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_reference_in_a_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
