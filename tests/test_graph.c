/* test_graph.c - what the table of operators cannot say: messages, sums of gradients, the batch, fusion. */
#include "harness.h"
#include "op.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static harness hooks;
static fire_context *ctx;
static int make_context(void **state) {
    harness_init(&hooks);
    ctx = harness_context(&hooks, NULL);
    return 0;
}
static int free_context(void **state) {
    fire_context_free(ctx);
    return hooks.live != 0;
}

#define S(...) ((fire_shape){sizeof((int64_t[]){__VA_ARGS__}) / 8, {__VA_ARGS__}})

/* ---- messages ---- */

static void says(fire_graph *g, const char *message) {
    assert_string_equal(g->first.message, message);
    assert_int_equal(g->first.status, FIRE_USAGE);
    fire_graph_clear(g);
}
static fire_value f32(fire_graph *g, fire_shape s) { return fire_graph_input(g, "x", FIRE_F32, s); }

static void test_messages(void **state) {
    fire_graph g;
    fire_graph_init(&g, ctx);
    fire_value x = f32(&g, S(32, 784)), w = f32(&g, S(64, 100));
    fire_value h = fire_apply(&g, "Relu", 1, FIRE_IN(fire_apply(&g, "MatMul", 2, FIRE_IN(x, w), NULL)), NULL);
    assert_int_equal(h, 0);
    says(&g, "MatMul: [32, 784] times [64, 100] does not fit");

    fire_apply(&g, "Gemm", 2, FIRE_IN(f32(&g, S(32, 784)), f32(&g, S(64, 100))), "transB=1");
    says(&g, "Gemm: [32, 784] times [64, 100] transposed does not fit");

    g.layer = "dense_1";
    fire_apply(&g, "Gemm", 3, FIRE_IN(f32(&g, S(-1, 784)), f32(&g, S(784, 10)), f32(&g, S(11))), NULL);
    says(&g, "Gemm: C [11] does not fit the product [n, 10] (layer dense_1)");

    g.layer = NULL;
    fire_apply(&g, "Add", 2, FIRE_IN(f32(&g, S(-1, 3)), f32(&g, S(32, 3))), NULL); /* a batch is not 32 */
    says(&g, "Add: [n, 3] and [32, 3] do not fit");
    fire_apply(&g, "Add", 2, FIRE_IN(f32(&g, S(3)), fire_graph_input(&g, "i", FIRE_I64, S(3))), NULL);
    says(&g, "Add: types float32 and int64 differ");
    fire_apply(&g, "Gemm", 1, FIRE_IN(f32(&g, S(3, 3))), NULL);
    says(&g, "Gemm: takes 2 to 3 inputs, got 1");
    fire_apply(&g, "Add", 2, FIRE_IN(f32(&g, S(3)), 0), NULL);
    says(&g, "Add: input 1 is missing");
    fire_apply(&g, "Softmax", 1, FIRE_IN(f32(&g, S(3, 4))), "axis=2");
    says(&g, "Softmax: axis 2, expected -2 to 1");
    fire_apply(&g, "Sofmax", 1, FIRE_IN(f32(&g, S(3, 4))), NULL);
    says(&g, "no operator named 'Sofmax'; did you mean 'Softmax'?");
    fire_apply(&g, "Reshape", 2, FIRE_IN(f32(&g, S(-1, 12)), fire_graph_const(&g, FIRE_I64, S(3), (int64_t[]){0, 5, -1})), NULL);
    says(&g, "Reshape: [n, 12] does not fit into [0, 5, -1]");
    fire_graph_input(&g, "x", FIRE_F32, S(1 << 30, 1 << 30, 1 << 30));
    says(&g, "input: shape [1073741824, 1073741824, 1073741824] is too large");
    fire_graph_param(&g, "w", FIRE_F32, S(-1, 3));
    says(&g, "weight: shape [n, 3] has no fixed size");
    fire_graph_input(&g, "x", FIRE_F32, S(3, -2));
    says(&g, "input: shape [3, -2] has a negative dimension");
    fire_graph_input(&g, "x", (fire_type)8, S(3));
    says(&g, "input: type 8 is unknown");
    fire_value v = f32(&g, S(3)), dx;
    fire_gradient(&g, 1, &v, FIRE_IN(0), 1, FIRE_IN(7), &dx);
    says(&g, "fire_gradient: value 7 is not of this graph");
}

/* ---- gradients of a whole network, batch open ---- */

typedef struct { fire_graph g; fire_value x, label, w[2], b[2], loss, dx[5]; } mlp;

/* Two layers, the hidden activation used twice, mean of the losses over the batch. */
static fire_status make_mlp(fire_context *c, mlp *m, const char *activation, fire_type type, fire_error *err) {
    fire_graph *g = &m->g;
    fire_graph_init(g, c);
    m->x = fire_graph_input(g, "x", type, S(-1, 5));
    m->label = fire_graph_input(g, "label", FIRE_I64, S(-1));
    m->w[0] = fire_graph_param(g, "w0", type, S(5, 4));
    m->b[0] = fire_graph_param(g, "b0", type, S(4));
    m->w[1] = fire_graph_param(g, "w1", type, S(4, 3));
    m->b[1] = fire_graph_param(g, "b1", type, S(3));
    fire_value h = fire_apply(g, activation, 1, FIRE_IN(fire_apply(g, "Gemm", 3, FIRE_IN(m->x, m->w[0], m->b[0]), NULL)), NULL);
    fire_value z = fire_apply(g, "Add", 2, FIRE_IN(fire_apply(g, "MatMul", 2, FIRE_IN(h, m->w[1]), NULL), m->b[1]), NULL);
    fire_value each = fire_apply(g, "SoftmaxCrossEntropy", 2, FIRE_IN(z, m->label), NULL);
    fire_value mean = fire_apply(g, "ReduceMean", 1, FIRE_IN(each), "keepdims=0");
    fire_value square = fire_apply(g, "ReduceMean", 1, FIRE_IN(fire_apply(g, "Mul", 2, FIRE_IN(h, h), NULL)), "keepdims=0");
    m->loss = fire_apply(g, "Add", 2, FIRE_IN(mean, square), NULL);
    fire_gradient(g, 1, &m->loss, FIRE_IN(0), 5, (fire_value[]){m->x, m->w[0], m->b[0], m->w[1], m->b[1]}, m->dx);
    return fire_graph_check(g, err);
}
static void fill_mlp(const mlp *m, fire_tensor *value) {
    const fire_value v[] = {m->x, m->w[0], m->b[0], m->w[1], m->b[1]};
    for (int i = 0; i < 5; i++) harness_fill(&(harness_input){0}, i, 11, &value[v[i]]);
    harness_fill(&(harness_input){.below = 3}, 5, 11, &value[m->label]);
}

static void test_network(void **state) {
    static const char *const activations[] = {"Tanh", "Relu", "Sigmoid"};
    const double h = 1e-5;
    for (size_t a = 0; a < 3; a++)
        for (int64_t batch = 1; batch <= 7; batch += 3) {
            mlp m;
            fire_error err = {0};
            if (make_mlp(ctx, &m, activations[a], FIRE_F64, &err)) fail_msg("%s", err.message);
            fire_tensor *value = harness_values(&m.g, batch, &err);
            if (!value) fail_msg("%s", err.message);
            fill_mlp(&m, value);
            const fire_value v[] = {m.x, m.w[0], m.b[0], m.w[1], m.b[1]};
            for (int i = 0; i < 5; i++) {
                fire_tensor d = value[m.dx[i]], *t = &value[v[i]];
                assert_true(fire_same_shape(&d.shape, &t->shape));
                double *got = malloc((size_t)fire_count(&d.shape) * sizeof *got);
                harness_run(&m.g, value); /* undisturbed: differences leave other numbers behind */
                memcpy(got, d.data, (size_t)fire_count(&d.shape) * sizeof *got);
                for (int64_t k = 0; k < fire_count(&t->shape); k++) {
                    double *p = (double *)t->data + k, p0 = *p;
                    *p = p0 + h;
                    harness_run(&m.g, value);
                    double above = *(double *)value[m.loss].data;
                    *p = p0 - h;
                    harness_run(&m.g, value);
                    double want = (above - *(double *)value[m.loss].data) / (2 * h);
                    *p = p0;
                    if (fabs(want - got[k]) > 1e-6 * fabs(want) + 1e-9) fail_msg("%s: d%d[%lld] is %g, differences say %g", activations[a], i, (long long)k, got[k], want);
                }
                free(got);
            }
            harness_values_free(&m.g, value);
            fire_graph_clear(&m.g);
        }
}

static void test_gradient_edges(void **state) {
    fire_graph g;
    fire_error err = {0};
    fire_graph_init(&g, ctx);
    fire_value x = fire_graph_input(&g, "x", FIRE_F64, S(3)), other = fire_graph_input(&g, "o", FIRE_F64, S(3)), i = fire_graph_input(&g, "i", FIRE_I64, S(3));
    fire_value y = fire_apply(&g, "Mul", 2, FIRE_IN(x, x), NULL), step = fire_apply(&g, "Cast", 1, FIRE_IN(fire_apply(&g, "Greater", 2, FIRE_IN(x, other), NULL)), "to=11");
    fire_value dx[5];
    /* y twice and x itself as outputs; through a step function and to what nothing depends on: none. */
    fire_gradient(&g, 4, FIRE_IN(y, y, x, step), FIRE_IN(0, 0, 0, 0), 4, FIRE_IN(x, other, i, y), dx);
    assert_int_equal(fire_graph_check(&g, &err), FIRE_OK);
    assert_true(dx[0] > 0 && dx[1] == 0 && dx[2] == 0 && dx[3] > 0);
    fire_tensor *value = harness_values(&g, 1, &err);
    const double numbers[] = {0.5, -2, 3};
    memcpy(value[x].data, numbers, sizeof numbers);
    harness_run(&g, value);
    for (int k = 0; k < 3; k++) {
        assert_true(((double *)value[dx[0]].data)[k] == 4 * numbers[k] + 1);
        assert_true(((double *)value[dx[3]].data)[k] == 2);
    }
    harness_values_free(&g, value);
    /* A given dy must have the type of its y. */
    fire_gradient(&g, 1, FIRE_IN(y), FIRE_IN(i), 1, FIRE_IN(x), dx);
    assert_int_equal(g.first.code, FIRE_E_USAGE);
    fire_graph_clear(&g);
}

/* Where several inputs are largest, one gets the gradient of Max; ReduceMax shares it. */
static void test_ties(void **state) {
    fire_graph g;
    fire_error err = {0};
    fire_graph_init(&g, ctx);
    fire_value a = fire_graph_input(&g, "a", FIRE_F64, S(2)), b = fire_graph_input(&g, "b", FIRE_F64, S(2)), dx[2], dr;
    fire_value most = fire_apply(&g, "Max", 2, FIRE_IN(a, b), NULL), top = fire_apply(&g, "ReduceMax", 1, FIRE_IN(a), "keepdims=0");
    fire_gradient(&g, 1, &most, FIRE_IN(0), 2, FIRE_IN(a, b), dx);
    fire_gradient(&g, 1, &top, FIRE_IN(0), 1, &a, &dr);
    assert_int_equal(fire_graph_check(&g, &err), FIRE_OK);
    fire_tensor *value = harness_values(&g, 1, &err);
    for (int k = 0; k < 2; k++) ((double *)value[a].data)[k] = ((double *)value[b].data)[k] = 1.5;
    harness_run(&g, value);
    for (int k = 0; k < 2; k++) {
        assert_true(((double *)value[dx[0]].data)[k] == 1 && ((double *)value[dx[1]].data)[k] == 0);
        assert_true(((double *)value[dr].data)[k] == 0.5);
    }
    harness_values_free(&g, value);
    fire_graph_clear(&g);
}

/* ---- dropout: which units fall depends on seed, epoch, layer, row id and unit alone ---- */

static void dropped(const int64_t *id, int64_t n, int64_t seed, int64_t epoch, const char *attrs, double *y) {
    fire_graph g;
    fire_error err = {0};
    fire_graph_init(&g, ctx);
    fire_value x = fire_graph_input(&g, "x", FIRE_F64, S(-1, 100)), ids = fire_graph_input(&g, "id", FIRE_I64, S(-1)), draw = fire_graph_input(&g, "draw", FIRE_I64, S(2));
    fire_value v = fire_apply(&g, "RowDropout", 3, FIRE_IN(x, ids, draw), attrs);
    fire_tensor *value = harness_values(&g, n, &err);
    if (!value) fail_msg("%s %s", g.first.message, err.message);
    for (int64_t k = 0; k < n * 100; k++) ((double *)value[x].data)[k] = 1;
    memcpy(value[ids].data, id, (size_t)n * 8);
    memcpy(value[draw].data, (int64_t[]){seed, epoch}, 16);
    harness_run(&g, value);
    memcpy(y, value[v].data, (size_t)n * 800);
    harness_values_free(&g, value);
    fire_graph_clear(&g);
}

static void test_dropout(void **state) {
    enum { N = 400 };
    int64_t id[N], turned[N];
    double *a = malloc(N * 800), *b = malloc(N * 800);
    for (int i = 0; i < N; i++) id[i] = i * 7919 - 100, turned[N - 1 - i] = id[i];
    dropped(id, N, 5, 3, "rate=0.3 layer=2", a);
    dropped(turned, N, 5, 3, "rate=0.3 layer=2", b);
    int64_t kept = 0;
    for (int i = 0; i < N; i++) {
        assert_memory_equal(a + 100 * i, b + 100 * (N - 1 - i), 800); /* another order of rows, the same units */
        for (int u = 0; u < 100; u++) {
            assert_true(a[100 * i + u] == 0 || a[100 * i + u] == 1 / (1 - 0.3));
            kept += a[100 * i + u] != 0;
        }
    }
    /* 40,000 draws of probability 0.7: standard deviation 92; five of them. */
    assert_true(labs((long)kept - 28000) < 460);
    dropped(id + 3, 1, 5, 3, "rate=0.3 layer=2", b);
    assert_memory_equal(a + 300, b, 800); /* alone in its batch */
    static const struct { int64_t seed, epoch; const char *attrs; } others[] = {{6, 3, "rate=0.3 layer=2"}, {5, 4, "rate=0.3 layer=2"}, {5, 3, "rate=0.3 layer=3"}};
    for (int k = 0; k < 3; k++) {
        dropped(id, N, others[k].seed, others[k].epoch, others[k].attrs, b);
        int64_t differ = 0;
        for (int i = 0; i < 100 * N; i++) differ += a[i] != b[i];
        assert_true(labs((long)differ - 16800) < 500); /* independent: 2 * 0.3 * 0.7 of 40,000, standard deviation 99 */
    }
    free(a);
    free(b);
}

/* ---- fusion: the same numbers from fewer nodes ---- */

/* What a planner does: offer every node to every fused operator, last node first. Returns how many were rewritten. */
static int fuse_all(fire_graph *g, int n_out, const fire_value *out, const char *op) {
    int fused = 0;
    int32_t *uses = calloc((size_t)g->n_values, sizeof *uses);
    for (int64_t i = g->n_nodes - 1; i >= 0; i--) {
        memset(uses, 0, (size_t)g->n_values * sizeof *uses);
        for (int k = 0; k < n_out; k++) uses[out[k]]++;
        for (int64_t j = 0; j < g->n_nodes; j++)
            for (int k = 0; g->node[j].n_out && k < g->node[j].n_in; k++) uses[g->node[j].in[k]]++;
        for (const fire_op *const *p = fire_ops; *p; p++)
            if ((*p)->fuse && (!op || !strcmp(op, (*p)->name)) && (*p)->fuse(g, (int32_t)i, uses)) {
                fused++;
                assert_ptr_equal(g->node[i].op, *p);
                break;
            }
    }
    free(uses);
    return fused;
}

static int count_op(const fire_graph *g, const char *name) {
    int n = 0;
    for (int64_t i = 0; i < g->n_nodes; i++) n += g->node[i].n_out && !strcmp(g->node[i].op->name, name);
    return n;
}

static void test_fusion(void **state) {
    static const char *const activations[] = {"Relu", "Tanh", "Sigmoid"};
    for (size_t a = 0; a < 3; a++) {
        mlp plain, fused;
        fire_error err = {0};
        assert_int_equal(make_mlp(ctx, &plain, activations[a], FIRE_F64, &err), FIRE_OK);
        assert_int_equal(make_mlp(ctx, &fused, activations[a], FIRE_F64, &err), FIRE_OK);
        fire_value out[6] = {fused.loss};
        memcpy(out + 1, fused.dx, sizeof fused.dx);
        /* Gemm + activation and MatMul + Add; on the way back through Relu the bias gradient. */
        assert_int_equal(fuse_all(&fused.g, 6, out, NULL), a == 0 ? 3 : 2);
        assert_int_equal(count_op(&fused.g, "FusedGemm"), 2);
        assert_int_equal(count_op(&fused.g, "BiasReluGrad"), a == 0);
        assert_int_equal(count_op(&fused.g, activations[a]), 0);
        for (int64_t batch = 1; batch < 9; batch += 7) {
            fire_tensor *p = harness_values(&plain.g, batch, &err), *f = harness_values(&fused.g, batch, &err);
            assert_true(p && f);
            fill_mlp(&plain, p);
            fill_mlp(&fused, f);
            harness_run(&plain.g, p);
            harness_run(&fused.g, f);
            for (int k = 0; k < 6; k++) assert_memory_equal(p[out[k]].data, f[out[k]].data, (size_t)fire_count(&p[out[k]].shape) * 8);
            harness_values_free(&plain.g, p);
            harness_values_free(&fused.g, f);
        }
        fire_graph_clear(&plain.g);
        fire_graph_clear(&fused.g);
    }
}

/* Patterns that look alike and must be left alone. */
static void test_no_fusion(void **state) {
    static const struct { const char *why, *attrs; int kind; } cases[] = {
        {"alpha", "alpha=2", 0}, {"beta", "beta=0.5", 0}, {"the product is read elsewhere", NULL, 1}, {"the bias is a column", NULL, 2},
        {"the bias is a matrix", NULL, 3}, {"the sum grows", NULL, 4}, {"whole numbers", NULL, 5}, {"a stack of matrices", NULL, 6}, {"the product alone", NULL, 7},
        {"an output", NULL, 8},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        int kind = cases[c].kind;
        fire_graph g;
        fire_graph_init(&g, ctx);
        fire_type t = kind == 5 ? FIRE_I32 : FIRE_F64;
        fire_value x = fire_graph_input(&g, "x", t, kind == 6 ? S(2, 3, 4) : S(3, 4)), w = fire_graph_param(&g, "w", t, S(4, 5));
        fire_value b = fire_graph_param(&g, "b", t, kind == 2 ? S(3, 1) : kind == 3 ? S(3, 5) : kind == 4 ? S(2, 3, 5) : S(5));
        fire_value z = kind <= 1 ? fire_apply(&g, "Gemm", 3, FIRE_IN(x, w, b), cases[c].attrs) : fire_apply(&g, "MatMul", 2, FIRE_IN(x, w), NULL);
        fire_value s = kind <= 1 || kind == 7 ? z : fire_apply(&g, "Add", 2, FIRE_IN(z, b), NULL);
        fire_value y = kind == 7 || kind == 5 ? s : fire_apply(&g, "Relu", 1, FIRE_IN(s), NULL);
        if (kind == 1) y = fire_apply(&g, "Add", 2, FIRE_IN(y, z), NULL);
        assert_int_equal(g.first.status, FIRE_OK);
        fire_value out[3] = {y, s, z};
        int n = fuse_all(&g, kind == 8 ? 3 : 1, out, NULL);
        if (n) fail_msg("fused although: %s", cases[c].why);
        fire_graph_clear(&g);
    }
}

static fire_status build_mlp(fire_context *c, void *user, fire_error *err) {
    mlp m;
    fire_status s = make_mlp(c, &m, "Relu", FIRE_F32, err);
    if (!s) {
        fire_value out[6] = {m.loss};
        memcpy(out + 1, m.dx, sizeof m.dx);
        fuse_all(&m.g, 6, out, NULL); /* out of memory: stays unfused */
    }
    fire_graph_clear(&m.g);
    return s;
}
static void test_allocation_failures(void **state) { assert_true(harness_fail_each(build_mlp, NULL) >= 8); }

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages), cmocka_unit_test(test_network), cmocka_unit_test(test_gradient_edges), cmocka_unit_test(test_ties),
        cmocka_unit_test(test_dropout), cmocka_unit_test(test_fusion), cmocka_unit_test(test_no_fusion), cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
