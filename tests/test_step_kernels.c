/* test_step_kernels.c - no reference kernel in a step: training and scoring of networks with every layer, activation and loss. */
#include "harness.h"
#include "attrs.h"
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

/* Lines of a plan that name the reference kernel. */
static void look(char *text, const char *what) {
    assert_true(text[0]);
    for (char *line = text, *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        *end = 0;
        if (!strstr(line, "reference")) continue;
        print_error("%s: %s\n", what, line);
        wrong++;
    }
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
                        char what[256];
                        snprintf(what, sizeof what, "%s; %s; %s; %s", fire_type_text(types[t]), hidden[a], ends[b].output, ends[b].loss);
                        look(text, what);
                    }
        fire_context_free(ctx);
        assert_int_equal(h.live, 0);
    }
    assert_int_equal(wrong, 0);
}

/* Networks of few layers, and rows that are matrices. */
static void test_no_reference_in_odd_networks(void **state) {
    static const char *const nets[][3] = {
        {"Flatten", "", ""}, {"Activation", "", ""}, {"Dropout", "", ""}, {"Normalization axis=[1]", "", ""}, {"Normalization axis=[]", "Dense units=1", ""},
        {"Dense units=3 activation=relu", "Dense units=2 activation=softmax", ""}, {"Dense units=3 use_bias=0 activation=sigmoid", "Flatten", ""},
        {"Dense units=3", "Dropout rate=1", ""}, {"Flatten", "Dropout rate=0.5", "Dense units=2 activation=step"},
    };
    static char text[65536];
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
        for (int training = 0; training < 2; training++) {
            fire_error err = {0};
            harness h;
            harness_init(&h);
            fire_context *ctx = harness_context(&h, NULL);
            fire_network *net;
            assert_int_equal(fire_network_new(ctx, FIRE_F32, &net, &err), FIRE_OK);
            fire_status s = fire_network_add(net, "Input", "shape=[4,6]", &err);
            for (int k = 0; k < 3 && nets[i][k][0] && !s; k++) {
                char name[64];
                const char *attrs = fire_name_read(nets[i][k], name, sizeof name);
                s = fire_network_add(net, name, attrs, &err);
            }
            if (!s) s = fire_network_compile(net, "sgd", "mse", "accuracy", &err);
            text[0] = 0;
            if (!s) s = fire_explain_plan(net, 33, training, keep, text, &err);
            if (s) fail_msg("%s, %s: %s", nets[i][0], nets[i][1], err.message);
            if (text[0]) look(text, nets[i][0]); /* nothing is trained in some: their step may be empty */
            fire_network_free(net);
            fire_context_free(ctx);
            assert_int_equal(h.live, 0);
        }
    assert_int_equal(wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_reference_in_a_step), cmocka_unit_test(test_no_reference_in_odd_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
