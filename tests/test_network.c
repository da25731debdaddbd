/* test_network.c - build, change, name, clone and describe networks; what is wrong gets an exact message. */
#include "harness.h"
#include "network.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static harness h;
static fire_context *ctx;
static fire_error err;

static int setup(void **state) {
    harness_init(&h);
    ctx = harness_context(&h, NULL);
    return ctx == NULL;
}
static int teardown(void **state) {
    fire_context_free(ctx);
    return h.live != 0;
}

#define OK(call) do { if ((call) != FIRE_OK) fail_msg("%s: %s", #call, err.message); } while (0)
#define FAILS(call, code_, text) do { memset(&err, 0, sizeof err); assert_true((call) != FIRE_OK); assert_string_equal(err.message, text); assert_int_equal(err.code, code_); } while (0)

static fire_network *mlp(fire_type type) {
    fire_network *net;
    OK(fire_network_new(ctx, type, &net, &err));
    OK(fire_network_add(net, "Input", "shape=[4]", &err));
    OK(fire_network_add(net, "Dense", "units=3 activation=relu", &err));
    OK(fire_network_add(net, "Dropout", "rate=0.25", &err));
    OK(fire_network_add(net, "Dense", "units=2 activation=softmax name=out", &err));
    return net;
}
static double weight_at(const fire_network *net, int i, int64_t k) {
    fire_weight_info w;
    OK(fire_network_weight(net, i, &w, &err));
    return fire_get(&w.value, k);
}
static const char *layer_name(const fire_network *net, int i) {
    fire_layer_info l;
    OK(fire_network_layer(net, i, &l, &err));
    return l.name;
}
static void same_text(const fire_network *net, const char *expected) {
    char *text;
    OK(fire_network_describe(net, &text, &err));
    assert_string_equal(text, expected);
    fire_release(ctx, text);
}

static void builds(void **state) {
    fire_network *net = mlp(FIRE_F32);
    fire_network_info info;
    fire_network_info_get(net, &info);
    assert_true(info.built && !info.compiled && info.has_logits && !info.loaded_as_onnx);
    assert_int_equal(info.params, 4 * 3 + 3 + 3 * 2 + 2);
    assert_int_equal(info.trainable_params, info.params);
    assert_true(info.flops >= 2 * (4 * 3 + 3 * 2));
    assert_int_equal(info.output.rank, 2);
    assert_int_equal(info.output.dim[0], -1);
    assert_int_equal(info.output.dim[1], 2);
    assert_int_equal(fire_network_layers(net), 4);
    assert_int_equal(fire_network_weights(net), 4);
    static const char *const names[] = {"dense/kernel", "dense/bias", "out/kernel", "out/bias"};
    for (int i = 0; i < 4; i++) {
        fire_weight_info w;
        OK(fire_network_weight(net, i, &w, &err));
        assert_string_equal(w.name, names[i]);
        assert_true(w.trainable && !w.ready);
        assert_int_equal((uintptr_t)w.value.data % 64, 0);
    }
    fire_layer_info l;
    OK(fire_network_layer(net, 1, &l, &err));
    assert_string_equal(l.kind, "Dense");
    assert_string_equal(l.attrs, "units=3 activation=relu");
    assert_int_equal(l.weights, 15);

    OK(fire_network_init(net, 7, &err));
    fire_weight_info w;
    OK(fire_network_weight(net, 0, &w, &err));
    assert_true(w.ready);
    double limit = sqrt(6.0 / (4 + 3));
    for (int k = 0; k < 12; k++) assert_true(fabs(weight_at(net, 0, k)) <= limit && weight_at(net, 0, k) != 0);
    assert_true(weight_at(net, 1, 0) == 0);
    double first = weight_at(net, 0, 0);
    OK(fire_network_init(net, 8, &err)); /* nothing is left to draw */
    assert_true(weight_at(net, 0, 0) == first);
    fire_network_free(net);
}

static void adds_and_pops(void **state) {
    fire_network *net = mlp(FIRE_F64);
    OK(fire_network_init(net, 1, &err));
    OK(fire_network_compile(net, "adam", "sparse_categorical_crossentropy", "accuracy", &err));
    OK(fire_network_slots(net, &err));
    net->step = 5;
    double kernel = weight_at(net, 0, 5), out = weight_at(net, 2, 3);
    uint64_t stamp = net->shape_stamp;

    OK(fire_network_add(net, "Dense", "units=7", &err)); /* built at once */
    assert_string_equal(layer_name(net, 4), "dense_1");
    assert_int_equal(fire_network_weights(net), 6);
    assert_true(net->shape_stamp != stamp && net->slots == NULL && net->step == 0);
    assert_true(weight_at(net, 0, 5) == kernel && weight_at(net, 2, 3) == out);
    fire_weight_info w;
    OK(fire_network_weight(net, 4, &w, &err));
    assert_false(w.ready);
    assert_int_equal(w.value.shape.dim[0], 2);
    assert_int_equal(w.value.shape.dim[1], 7);
    OK(fire_network_init(net, 1, &err));
    assert_true(weight_at(net, 0, 5) == kernel && weight_at(net, 4, 0) != 0);

    OK(fire_network_pop(net, &err));
    OK(fire_network_pop(net, &err));
    assert_int_equal(fire_network_weights(net), 2);
    assert_true(weight_at(net, 0, 5) == kernel);
    fire_network_info info;
    fire_network_info_get(net, &info);
    assert_int_equal(info.output.dim[1], 3);
    assert_false(info.has_logits);
    OK(fire_network_add(net, "Dense", "units=2", &err));
    assert_string_equal(layer_name(net, 3), "dense_1");
    for (int i = 0; i < 4; i++) OK(fire_network_pop(net, &err));
    fire_network_info_get(net, &info);
    assert_true(!info.built && info.params == 0);
    FAILS(fire_network_pop(net, &err), FIRE_E_USAGE, "the network has no layer to remove");
    OK(fire_network_add(net, "Input", "shape=[2]", &err)); /* and starts again */
    OK(fire_network_add(net, "Dense", "units=1", &err));
    assert_string_equal(layer_name(net, 1), "dense");
    fire_network_free(net);
}

static void sets_weights(void **state) {
    fire_network *net = mlp(FIRE_F64);
    float values[12];
    for (int i = 0; i < 12; i++) values[i] = (float)i / 4;
    OK(fire_network_set_weight(net, 0, &(fire_tensor){FIRE_F32, {2, {4, 3}}, values}, &err));
    assert_true(weight_at(net, 0, 11) == 2.75);
    FAILS(fire_network_set_weight(net, 0, &(fire_tensor){FIRE_F32, {2, {3, 4}}, values}, &err), FIRE_E_SHAPE,
          "weight dense/kernel: a value of shape [3, 4], expected [4, 3]");
    FAILS(fire_network_set_weight(net, 0, &(fire_tensor){FIRE_I32, {2, {4, 3}}, values}, &err), FIRE_E_USAGE,
          "weight dense/kernel: a value of type 6, expected float32 or float64");
    FAILS(fire_network_set_weight(net, 9, &(fire_tensor){FIRE_F32, {2, {3, 4}}, values}, &err), FIRE_E_USAGE, "weight 9, expected 0 to 3");
    OK(fire_network_set_trainable(net, 1, false, &err));
    fire_network_info info;
    fire_network_info_get(net, &info);
    assert_int_equal(info.trainable_params, 8);
    same_text(net, "Input name=input shape=[4]\nDense name=dense units=3 activation=relu trainable=false\nDropout name=dropout rate=0.25\n"
                   "Dense name=out units=2 activation=softmax\n");
    fire_network_free(net);
}

static void clones(void **state) {
    fire_network *net = mlp(FIRE_F32), *copy;
    OK(fire_network_init(net, 3, &err));
    OK(fire_network_add(net, "Dense", "units=2 trainable=0 name=\"a b\" kernel_initializer=\"RandomNormal stddev=0.1\"", &err));
    OK(fire_network_compile(net, "SGD momentum=0.9", "CategoricalCrossentropy from_logits=1", "accuracy\nmae", &err));
    OK(fire_network_set_learning_rate(net, 0.25, &err));
    OK(fire_network_set_note(net, "columns", "a, b", &err));
    net->step = 3;
    OK(fire_network_clone(net, &copy, &err));
    char *a, *b;
    OK(fire_network_describe(net, &a, &err));
    OK(fire_network_describe(copy, &b, &err));
    assert_string_equal(a, b);
    fire_release(ctx, a);
    fire_release(ctx, b);
    fire_network_info x, y;
    fire_network_info_get(net, &x);
    fire_network_info_get(copy, &y);
    assert_string_equal(x.optimizer, "SGD learning_rate=0.25 momentum=0.9");
    assert_string_equal(x.optimizer, y.optimizer);
    assert_string_equal(x.loss, y.loss);
    assert_string_equal(x.metrics, y.metrics);
    assert_true(y.step == 0 && fire_network_learning_rate(copy) == 0.25);
    assert_string_equal(fire_network_note(copy, "columns"), "a, b");
    assert_string_equal(fire_network_metric(copy, 1), "accuracy");
    assert_string_equal(fire_network_metric(copy, 2), "mae");
    assert_null(fire_network_metric(copy, 3));
    for (int i = 0; i < fire_network_weights(net); i++) {
        fire_weight_info v, w;
        OK(fire_network_weight(net, i, &v, &err));
        OK(fire_network_weight(copy, i, &w, &err));
        assert_true(v.value.data != w.value.data && v.ready == w.ready && v.trainable == w.trainable);
        assert_memory_equal(v.value.data, w.value.data, (size_t)fire_count(&v.value.shape) * 4);
    }
    fire_network_free(net);
    OK(fire_network_init(copy, 3, &err));
    fire_network_free(copy);
}

static void describes(void **state) {
    fire_network *net, *back;
    OK(fire_network_new(ctx, FIRE_F32, &net, &err));
    OK(fire_network_add(net, "Flatten", NULL, &err));
    OK(fire_network_add(net, "Normalization", NULL, &err));
    OK(fire_network_add(net, "Dense", "units=10 bias_initializer=\"Constant value=0.1\"", &err));
    const char *open = "Flatten name=flatten\nNormalization name=normalization\nDense name=dense units=10 bias_initializer=\"Constant value=0.1\"\n";
    same_text(net, open);
    OK(fire_network_build(net, &(fire_shape){2, {28, 28}}, &err));
    char built[400];
    snprintf(built, sizeof built, "%sbuilt input=[28,28]\n", open);
    same_text(net, built);
    OK(fire_network_restore(ctx, FIRE_F32, built, NULL, 0, &back, &err));
    same_text(back, built);
    assert_int_equal(fire_network_weights(back), 5);
    fire_network_free(back);
    OK(fire_network_restore(ctx, FIRE_F64, open, NULL, 0, &back, &err));
    assert_int_equal(fire_network_weights(back), 0);
    fire_network_free(back);

    FAILS(fire_network_restore(ctx, FIRE_F32, "Flatten name=flatten\nDens units=3\n", NULL, 0, &back, &err), FIRE_E_CORRUPT,
          "line 2 of the network's description: no layer named 'Dens'; did you mean 'Dense'?");
    FAILS(fire_network_restore(ctx, FIRE_F32, "built input=[3]\nFlatten\n", NULL, 0, &back, &err), FIRE_E_CORRUPT,
          "line 2 of the network's description: nothing may follow the line of the input shape or of the outputs");
    fire_network_free(net);
}

static void normalizes(void **state) {
    fire_network *net;
    OK(fire_network_new(ctx, FIRE_F32, &net, &err));
    OK(fire_network_add(net, "Input", "shape=[3]", &err));
    OK(fire_network_add(net, "Normalization", NULL, &err));
    OK(fire_network_init(net, 1, &err));
    static const char *const names[] = {"normalization/mean", "normalization/variance", "normalization/count"};
    assert_int_equal(fire_network_weights(net), 3);
    for (int i = 0; i < 3; i++) {
        fire_weight_info w;
        OK(fire_network_weight(net, i, &w, &err));
        assert_string_equal(w.name, names[i]);
        assert_true(!w.trainable && !w.ready && fire_get(&w.value, 0) == (i == 1));
    }
    /* Sums of two parts are the sums of the whole. */
    const fire_layer *k = net->layer[1].kind;
    fire_shape row = {1, {3}};
    float data[5][3] = {{1, 10, 5}, {2, 20, 5}, {3, 30, 5}, {4, 40, 5}, {5, 50, 5}};
    double sums[7] = {0};
    assert_int_equal(k->adapt_sums(net->layer[1].attrs, &row), 7);
    k->adapt_add(net->layer[1].attrs, &(fire_tensor){FIRE_F32, {2, {2, 3}}, data[0]}, sums);
    k->adapt_add(net->layer[1].attrs, &(fire_tensor){FIRE_F32, {2, {3, 3}}, data[2]}, sums);
    fire_tensor w[3];
    for (int i = 0; i < 3; i++) w[i] = (fire_tensor){FIRE_F32, net->weight[i].shape, fire_weight_data(net, i)};
    k->adapt_finish(net->layer[1].attrs, &row, sums, w);
    static const double mean[] = {3, 30, 5}, variance[] = {2, 200, 0};
    for (int i = 0; i < 3; i++) assert_true(weight_at(net, 0, i) == mean[i] && weight_at(net, 1, i) == variance[i]);
    assert_true(weight_at(net, 2, 0) == 5);
    fire_network_free(net);
}

static void says_what_is_wrong(void **state) {
    fire_network *net;
    FAILS(fire_network_new(ctx, FIRE_I32, &net, &err), FIRE_E_USAGE, "a network computes in float32 or float64, not in type 6");
    net = mlp(FIRE_F32);
    FAILS(fire_network_add(net, "Dnese", "units=1", &err), FIRE_E_UNKNOWN_NAME, "no layer named 'Dnese'; did you mean 'Dense'?");
    FAILS(fire_network_add(net, NULL, "units=1", &err), FIRE_E_USAGE, "a layer without a name; `firesteel ops` lists all");
    FAILS(fire_save(net, NULL, &err), FIRE_E_USAGE, "fire_save: the path is NULL");
    FAILS(fire_network_set_note(net, NULL, "text", &err), FIRE_E_USAGE, "a note without a key");
    FAILS(fire_network_add(net, "Dense", "unit=1", &err), FIRE_E_ATTRIBUTE, "Dense: no attribute 'unit'; did you mean 'units'?");
    FAILS(fire_network_add(net, "Dense", NULL, &err), FIRE_E_ATTRIBUTE, "Dense: units is missing; give the width of the output, as in units=10");
    FAILS(fire_network_add(net, "Dense", "units=0", &err), FIRE_E_ATTRIBUTE, "Dense: units is 0, expected 1 to 16777216");
    FAILS(fire_network_add(net, "Dense", "units=3 name=out", &err), FIRE_E_ATTRIBUTE, "Dense: the name 'out' is taken; names of layers are unique");
    FAILS(fire_network_add(net, "Dense", "units=3 name=a/b", &err), FIRE_E_ATTRIBUTE, "Dense: the name 'a/b' holds '/' or a control character");
    FAILS(fire_network_add(net, "Dense", "units=3 kernel_initializer=glorot", &err), FIRE_E_UNKNOWN_NAME, "Dense: kernel_initializer: no initializer named 'glorot'; `firesteel ops` lists all");
    FAILS(fire_network_add(net, "Input", "shape=[4]", &err), FIRE_E_USAGE, "Input: must be the first layer, but there are 4 before it");
    FAILS(fire_network_add(net, "Normalization", "axis=[3]", &err), FIRE_E_ATTRIBUTE,
          "Normalization 'normalization': an axis is not one of the input [n, 2]; the batch (0) is never kept");
    FAILS(fire_network_build(net, &(fire_shape){1, {5}}, &err), FIRE_E_SHAPE, "the network is built for input [n, 4], not [n, 5]");
    assert_int_equal(fire_network_layers(net), 4);
    assert_int_equal(fire_network_weights(net), 4);

    FAILS(fire_network_compile(net, "adm", "mse", NULL, &err), FIRE_E_UNKNOWN_NAME, "no optimizer named 'adm'; did you mean 'Adam'?");
    FAILS(fire_network_compile(net, "adam lr=1", "mse", NULL, &err), FIRE_E_ATTRIBUTE, "Adam: no attribute 'lr'; it has learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, gradient_accumulation_steps, exclude_from_weight_decay, layers");
    FAILS(fire_network_compile(net, "adam", "categorical_crosentropy", NULL, &err), FIRE_E_UNKNOWN_NAME,
          "no loss named 'categorical_crosentropy'; did you mean 'categorical_crossentropy'?");
    FAILS(fire_network_compile(net, "adam", "mse", "accuraci", &err), FIRE_E_UNKNOWN_NAME, "no metric named 'accuraci'; did you mean 'accuracy'?");
    FAILS(fire_network_compile(net, "adam", "mse", "sparse_categorical_accuracy", &err), FIRE_E_SHAPE,
          "metric sparse_categorical_accuracy takes class numbers of shape [], but the loss MeanSquaredError takes targets of shape [2]; choose one that fits the loss");
    FAILS(fire_network_set_learning_rate(net, 1, &err), FIRE_E_NOT_COMPILED, "the network has no optimizer yet; call compile first");
    OK(fire_network_compile(net, "adam", "mse", "acc", &err));
    FAILS(fire_network_set_learning_rate(net, -1, &err), FIRE_E_ATTRIBUTE, "Adam: learning_rate is -1, expected 0 to 1e+30");
    assert_string_equal(net->metric[0].kind->name, "CategoricalAccuracy");
    fire_shape target;
    OK(fire_network_check_compiled(net, &target, &err));
    assert_true(target.rank == 1 && target.dim[0] == 2);
    fire_network_free(net);

    OK(fire_network_new(ctx, FIRE_F32, &net, &err));
    FAILS(fire_network_build(net, &(fire_shape){1, {5}}, &err), FIRE_E_NOT_BUILT, "the network has no layers; add some");
    OK(fire_network_add(net, "Dense", "units=1", &err));
    FAILS(fire_network_init(net, 1, &err), FIRE_E_NOT_BUILT, "the network has no weights before it knows its input; add an Input layer or build it");
    FAILS(fire_network_build(net, &(fire_shape){1, {0}}, &err), FIRE_E_SHAPE, "the input shape [0] has a dimension below 1");
    OK(fire_network_compile(net, "adam", "sparse_categorical_crossentropy", "accuracy", &err)); /* does not know better yet */
    OK(fire_network_build(net, &(fire_shape){1, {5}}, &err));
    FAILS(fire_network_check_compiled(net, NULL, &err), FIRE_E_SHAPE,
          "SparseCategoricalCrossentropy: one row of the network's output is [1], expected one number per class; for two classes and one output use BinaryCrossentropy");
    fire_network_free(net);
}

static void the_graph(void **state) {
    fire_network *net = mlp(FIRE_F32);
    fire_graph g;
    fire_network_graph made;
    fire_value weight[4];
    fire_graph_init(&g, ctx);
    OK(fire_network_forward(net, &g, &(fire_forward){.training = true, .weight = weight}, &made, &err));
    assert_true(made.x && made.y && made.logits && made.row_id && made.draw);
    for (int i = 0; i < 4; i++) assert_string_equal(fire_look(&g, weight[i])->name, net->weight[i].name);
    fire_graph_clear(&g);
    OK(fire_network_forward(net, &g, &(fire_forward){.weight = weight}, &made, &err));
    assert_true(!made.row_id && !made.draw);
    fire_graph copy;
    OK(fire_graph_copy(&g, &copy, &err));
    assert_true(copy.n_nodes == g.n_nodes && copy.n_values == g.n_values && fire_graph_flops(&copy, NULL) == fire_graph_flops(&g, NULL));
    fire_graph_clear(&copy);
    fire_graph_clear(&g);
    OK(fire_network_prefix(net, &g, 3, &made, weight, &err));
    assert_int_equal(fire_shape_of(&g, made.y).dim[1], 3);
    fire_graph_clear(&g);
    fire_network_free(net);
}

/* Every layer builds on each of its examples, in both types, alone and again from its description. */
static void examples(void **state) {
    for (const fire_layer *const *k = fire_layers; *k; k++)
        for (int e = 0; e < 8 && (*k)->examples[e]; e++)
            for (int t = 0; t < 2; t++) {
                fire_shape x = {0};
                const char *p = (*k)->examples[e] + 1;
                while (*p && *p != ']') x.dim[x.rank++] = strtol(p, (char **)&p, 10), p += *p == ',';
                p += *p == ']';
                while (*p == ' ') p++;
                if (*p == '[') continue; /* several inputs: test_layers */
                fire_network *net, *back;
                char *text;
                OK(fire_network_new(ctx, t ? FIRE_F64 : FIRE_F32, &net, &err));
                OK(fire_network_add(net, (*k)->name, p, &err));
                OK(fire_network_build(net, &x, &err));
                OK(fire_network_init(net, 1, &err));
                OK(fire_network_describe(net, &text, &err));
                OK(fire_network_restore(ctx, net->type, text, NULL, 0, &back, &err));
                assert_int_equal(fire_network_weights(net), fire_network_weights(back));
                assert_true(fire_same_shape(&net->output, &back->output));
                fire_release(ctx, text);
                fire_network_free(net);
                fire_network_free(back);
            }
}

/* Losses build on their examples; the target that they ask for is the one that fits. */
static void losses(void **state) {
    for (const fire_loss *const *k = fire_losses; *k; k++)
        for (int e = 0; e < 8 && (*k)->examples[e]; e++)
            for (int how = 0; how < 3; how++) { /* from an input, behind a softmax, behind a sigmoid */
                fire_shape pred = {0}, target, rows = {.rank = 1, .dim = {-1}};
                const char *p = (*k)->examples[e] + 1;
                while (*p && *p != ']') pred.dim[pred.rank++] = strtol(p, (char **)&p, 10), p += *p == ',';
                p += *p == ']';
                void *attrs = calloc(1, (*k)->attr_size + 1);
                OK(fire_attrs_read((*k)->name, (*k)->attrs, attrs, p, NULL, 0, &err));
                OK((*k)->target_shape(attrs, &pred, &target, &err));
                fire_graph g;
                fire_graph_init(&g, ctx);
                for (int d = 0; d < pred.rank; d++) rows.dim[rows.rank++] = pred.dim[d];
                fire_value x = fire_graph_input(&g, "x", FIRE_F64, rows), y = how == 0 ? x : fire_activate(&g, how == 1 ? "softmax" : "sigmoid", x), pred_y = y, dx;
                rows.rank = 1;
                for (int d = 0; d < target.rank; d++) rows.dim[rows.rank++] = target.dim[d];
                fire_value t = fire_graph_input(&g, "t", (*k)->target ? (*k)->target : FIRE_F64, rows);
                fire_value loss = (*k)->build(&g, attrs, t, &pred_y);
                OK(fire_gradient(&g, 1, &loss, FIRE_IN(0), 1, &x, &dx));
                OK(fire_graph_check(&g, &err));
                assert_true(dx != 0);
                assert_true(fire_shape_of(&g, loss).rank == (target.dim[0] < 0 ? 1 : pred.rank)); /* targets of any width: one loss for a row */
                fire_shape a = fire_shape_of(&g, pred_y), b = fire_shape_of(&g, y);
                assert_true(fire_same_shape(&a, &b));
                fire_graph_clear(&g);
                free(attrs);
            }
}

static void metrics(void **state) {
    double y[] = {0.1, 0.7, 0.2, 0.5, 0.3, 0.2}, t[] = {0, 1, 0, 0, 0, 1}, w[] = {1, 3}, sums[2], result;
    int64_t classes[] = {1, 2};
    fire_tensor pred = {FIRE_F64, {2, {2, 3}}, y}, target = {FIRE_F64, {2, {2, 3}}, t}, index = {FIRE_I64, {1, {2}}, classes};
    fire_weights weight = {.row = {FIRE_F64, {1, {2}}, w}}, none = {0};
    fire_shape row = {1, {3}};
    static const struct { const char *name; bool index; double plain, weighted; } cases[] = {
        {"categorical_accuracy", false, 0.5, 0.25}, {"sparse_categorical_accuracy", true, 0.5, 0.25},
        {"binary_accuracy", false, (1 + 2 / 3.0) / 2, (1 + 3 * 2 / 3.0) / 4},
        {"mse", false, (0.14 / 3 + 0.98 / 3) / 2, (0.14 / 3 + 3 * 0.98 / 3) / 4}, {"mae", false, (0.6 / 3 + 1.6 / 3) / 2, (0.6 / 3 + 3 * 1.6 / 3) / 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const fire_metric *m = fire_metric_find(cases[i].name, NULL, NULL, false);
        assert_non_null(m);
        void *attrs = calloc(1, m->attr_size + 1);
        OK(fire_attrs_read(m->name, m->attrs, attrs, NULL, NULL, 0, &err));
        for (int k = 0; k < 2; k++) {
            memset(sums, 0, sizeof sums);
            m->add(attrs, cases[i].index ? &index : &target, &pred, k ? &weight : &none, sums);
            m->result(attrs, &row, sums, &result);
            assert_true(fabs(result - (k ? cases[i].weighted : cases[i].plain)) < 1e-12);
        }
        free(attrs);
    }
}

/* Descriptions with bytes changed, lost or doubled are read or refused, never more. */
static void damaged_descriptions(void **state) {
    static const char good[] = "Input name=input shape=[3,4]\nFlatten name=flatten\nNormalization name=normalization axis=[-1]\n"
                               "Dense name=\"a b\" units=7 activation=relu kernel_initializer=\"RandomNormal stddev=0.1\" trainable=false\nDropout name=d rate=0.25\n";
    static const char spice[] = "=[]\",\n 0-9.eE\\";
    int read = 0;
    for (uint64_t i = 0; i < 20000; i++) {
        char text[sizeof good + 8];
        size_t n = sizeof good - 1;
        memcpy(text, good, sizeof good);
        for (uint64_t k = 0; k <= i % 3; k++) {
            uint64_t r = fire_draw(fire_key_make(i, FIRE_STREAM_TEST), k, 0);
            size_t at = (size_t)(r % n);
            char c = r >> 60 & 1 ? spice[(r >> 32) % (sizeof spice - 1)] : (char)(1 + (r >> 32) % 255);
            if (r >> 61 == 0) memmove(text + at, text + at + 1, n-- - at); /* with the terminator */
            else if (r >> 61 == 1 && n < sizeof text - 1) memmove(text + at + 1, text + at, ++n - at), text[at] = c;
            else text[at] = c;
            text[n] = 0;
        }
        fire_network *net;
        memset(&err, 0, sizeof err);
        fire_status s = fire_network_restore(ctx, FIRE_F32, text, NULL, 100000, &net, &err);
        if (s == FIRE_OK) fire_network_free(net), read++;
        else assert_true(err.status == s && err.message[0]);
    }
    assert_true(read > 100 && read < 19000);
}

static fire_status whole_life(fire_context *c, void *user, fire_error *e) {
    fire_network *net = NULL, *copy = NULL, *back = NULL;
    char *text = NULL;
    fire_status s = fire_network_new(c, FIRE_F32, &net, e);
    if (!s) s = fire_network_add(net, "Normalization", NULL, e);
    if (!s) s = fire_network_add(net, "Dense", "units=3 activation=relu", e);
    if (!s) s = fire_network_build(net, &(fire_shape){1, {4}}, e);
    if (!s) s = fire_network_add(net, "Dense", "units=2 activation=softmax", e);
    if (!s) s = fire_network_init(net, 1, e);
    if (!s) s = fire_network_compile(net, "SGD momentum=0.5", "sparse_categorical_crossentropy", "accuracy\nsparse_categorical_accuracy", e);
    if (!s) s = fire_network_set_learning_rate(net, 0.5, e);
    if (!s) s = fire_network_slots(net, e);
    if (!s) s = fire_network_set_note(net, "a", "b", e);
    if (!s) s = fire_network_clone(net, &copy, e);
    if (!s) s = fire_network_pop(copy, e);
    if (!s) s = fire_network_describe(net, &text, e);
    if (!s) s = fire_network_restore(c, FIRE_F32, text, NULL, 0, &back, e);
    if (!s) s = fire_network_compile(net, "adam", "sparse_categorical_crossentropy", "acc", e);
    fire_free(c, text);
    fire_network_free(net);
    fire_network_free(copy);
    fire_network_free(back);
    return s;
}
static void survives_failing_allocations(void **state) { assert_true(harness_fail_each(whole_life, NULL) > 50); }

/* Two inputs, a layer that both share, two outputs. */
static fire_status diamond(fire_context *c, fire_network **out, fire_error *e) {
    fire_network *net = NULL;
    int32_t a, b, left, right, sum, y[2];
    fire_status s = fire_network_new(c, FIRE_F64, &net, e);
    if (!s) s = fire_network_input(net, "shape=[3] name=a", &a, e);
    if (!s) s = fire_network_input(net, "shape=[3] name=b", &b, e);
    if (!s) s = fire_network_call(net, "Dense", "units=4 activation=tanh name=shared", 1, &a, &left, e);
    if (!s) s = fire_network_call(net, "shared", NULL, 1, &b, &right, e);
    if (!s) s = fire_network_call(net, "Add", "", 2, (int32_t[]){left, right}, &sum, e);
    if (!s) s = fire_network_call(net, "Dense", "units=1 name=value", 1, &sum, &y[0], e);
    if (!s) s = fire_network_call(net, "Dense", "units=2 activation=softmax name=kind", 1, &sum, &y[1], e);
    if (!s) s = fire_network_outputs(net, 2, y, e);
    if (!s) s = fire_network_init(net, 1, e);
    if (!s) s = fire_network_compile(net, "sgd", "mse\nsparse_categorical_crossentropy loss_weight=2", "mae\naccuracy output=1", e);
    if (s) fire_network_free(net);
    else *out = net;
    return s;
}

static void connects(void **state) {
    fire_network *net, *back;
    OK(diamond(ctx, &net, &err));
    const char *text = "Input name=a shape=[3]\nInput name=b shape=[3]\nDense name=shared units=4 activation=tanh\nAdd name=add\nDense name=value units=1\n"
                       "Dense name=kind units=2 activation=softmax\nuse layer=0 in=[-1]\nuse layer=1 in=[-2]\nuse layer=2 in=[0]\nuse layer=2 in=[8]\nuse layer=3 in=[16,24]\n"
                       "use layer=4 in=[32]\nuse layer=5 in=[32]\noutputs in=[40,48]\n";
    same_text(net, text);
    OK(fire_network_restore(ctx, FIRE_F64, text, NULL, 0, &back, &err));
    same_text(back, text);
    fire_network_free(back);
    fire_network_info info;
    fire_network_info_get(net, &info);
    assert_true(!info.chain && info.n_inputs == 2 && info.n_outputs == 2 && info.input.dim[1] == 6 && info.output.dim[1] == 3 && info.params == 16 + 5 + 10);
    const char *results[] = {"loss", "value_loss", "kind_loss", "value_mae", "kind_accuracy"};
    for (int i = 0; i < 5; i++) assert_string_equal(fire_network_metric(net, i), results[i]);
    assert_null(fire_network_metric(net, 5));
    fire_shape shape;
    const char *name;
    assert_true(fire_network_part(net, true, 1, &shape, &name) && !strcmp(name, "kind") && shape.dim[1] == 2 && !fire_network_part(net, true, 2, &shape, &name));

    int32_t t;
    fire_use_info use;
    assert_true(fire_network_use(net, 3, &use) && use.layer == 2 && use.n_in == 1 && use.in[0] == 8 && use.tensor == 24 && !fire_network_use(net, 7, &use));
    FAILS(fire_network_add(net, "Dense", "units=1", &err), FIRE_E_USAGE, "Dense: the network has 2 outputs, and a layer is added behind one; call it on a tensor");
    FAILS(fire_network_call(net, "Dense", "units=1", 1, &(int32_t){56}, &t, &err), FIRE_E_USAGE, "Dense: input 0 is no tensor of this network");
    FAILS(fire_network_call(net, "nobody", NULL, 1, &(int32_t){0}, &t, &err), FIRE_E_UNKNOWN_NAME, "the network has no layer 'nobody' to call again");
    FAILS(fire_network_outputs(net, 1, &(int32_t){-1}, &err), FIRE_E_USAGE, "output 0 is no tensor of this network");
    FAILS(fire_network_pop(net, &err), FIRE_E_USAGE, "layer 'kind' does not stand alone at the end of the network: it cannot be removed");
    OK(fire_network_outputs(net, 1, &(int32_t){32}, &err)); /* cut */
    OK(fire_network_add(net, "Dense", "units=3 name=head", &err));
    OK(fire_network_pop(net, &err));
    fire_network_info_get(net, &info);
    assert_true(info.output.dim[1] == 4);
    FAILS(fire_network_restore(ctx, FIRE_F32, "Dense name=d units=1\nuse layer=0 in=[0]\noutputs in=[0]\n", NULL, 0, &back, &err), FIRE_E_CORRUPT,
          "line 2 of the network's description: a tensor is used before it is made");
    FAILS(fire_network_restore(ctx, FIRE_F32, "Input name=i shape=[2]\nuse layer=0 in=[-1]\n", NULL, 0, &back, &err), FIRE_E_CORRUPT, "the network's description names no outputs");
    fire_network_free(net);
}

static fire_status diamond_life(fire_context *c, void *user, fire_error *e) {
    fire_network *net = NULL, *copy = NULL, *back = NULL;
    fire_dataset *data = NULL;
    void *bytes = NULL;
    size_t size;
    double x[4][6] = {{1, 2, 3, 4, 5, 6}, {0.5}, {-1, 0, 2}, {0}}, y[4][2] = {{1, 0}, {2, 1}, {0, 1}, {3, 0}}, p[4][3];
    fire_status s = diamond(c, &net, e);
    if (!s) s = fire_network_clone(net, &copy, e);
    if (!s) s = fire_dataset_new(c, &data, e);
    if (!s) s = fire_dataset_add(data, &(fire_tensor){FIRE_F64, {2, {4, 6}}, x}, &(fire_tensor){FIRE_F64, {2, {4, 2}}, y}, NULL, e);
    if (!s) s = fire_fit(copy, data, &(fire_fit_options){.size = sizeof(fire_fit_options), .epochs = 2, .batch_size = 3}, NULL, e);
    if (!s) s = fire_predict(copy, data, p, NULL, e);
    if (!s) s = fire_save_bytes(copy, &bytes, &size, e);
    if (!s) s = fire_load_bytes(c, bytes, size, &back, e);
    fire_release(c, bytes);
    fire_dataset_free(data);
    fire_network_free(net);
    fire_network_free(copy);
    fire_network_free(back);
    return s;
}
static void connections_survive_failing_allocations(void **state) { assert_true(harness_fail_each(diamond_life, NULL) > 200); }

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(builds), T(adds_and_pops), T(sets_weights), T(clones), T(describes), T(normalizes), T(says_what_is_wrong),
                                       T(the_graph), T(examples), T(losses), T(metrics), T(damaged_descriptions), cmocka_unit_test(survives_failing_allocations),
                                       T(connects), cmocka_unit_test(connections_survive_failing_allocations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
