/* test_recurrent.c - recurrences of odd and larger sizes by every kernel that the CPU has, against the reference: masks, dropout factors, both
** directions, first states, truncation. The operators' own examples are small, since their gradients are checked number by number. */
#include "harness.h"
#include "kernel.h"
#include "recurrent.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { const char *op; int gates, biases; bool carry; } kind;
static const kind kinds[] = {{"SimpleRNNSequence", 1, 1, false}, {"LSTMSequence", 4, 1, true}, {"GRUSequence", 3, 2, false}};

/* Numbers of a size at which rounding does not grow from step to step: r's columns have a length below 1. */
static fire_tensor filled(fire_type type, fire_shape s, int stream, double size) {
    fire_tensor t = {type, s, NULL};
    int64_t n = fire_count(&s);
    t.data = calloc((size_t)n + 1, fire_type_size(type));
    assert_non_null(t.data);
    uint64_t state = (uint64_t)stream * 77 + 5;
    for (int64_t i = 0; i < n; i++) {
        double v = (double)(harness_random(&state) >> 11) * 0x1p-53;
        fire_put(&t, i, type == FIRE_BOOL ? v < 0.7 : (2 * v - 1) * size);
    }
    return t;
}

static void run(fire_context *ctx, const fire_kernel *k, const fire_op *op, fire_call *call) {
    size_t scratch = 0;
    if (k) {
        assert_null(k->decline ? k->decline(ctx, call) : NULL);
        assert_int_equal(k->prepare(ctx, call, &scratch, NULL), FIRE_OK);
    } else scratch = op->scratch(call);
    call->scratch = aligned_alloc(64, scratch / 64 * 64 + 128);
    (k ? k->run : op->run)(call);
    free(call->scratch);
}

/* Run by the reference and by every kernel of the operator; outputs agree to `bound` of their largest number. Returns the reference's, for the caller. */
static void compare(fire_context *ctx, const char *name, const char *attrs, int n_in, const fire_tensor *in, fire_tensor *out, const char *what) {
    const fire_op *op = fire_op_named(name);
    assert_non_null(op);
    void *a = calloc(1, op->attr_size);
    assert_int_equal(fire_attrs_read(name, op->attrs, a, attrs, NULL, 0, NULL), FIRE_OK);
    fire_call want = {.attrs = a, .n_in = n_in, .n_out = op->n_out};
    fire_error err = {0};
    memcpy(want.in, in, (size_t)n_in * sizeof *in);
    if (fire_op_infer(op, a, n_in, want.in, want.out, &err)) fail_msg("%s %s: %s", name, what, err.message);
    for (int o = 0; o < op->n_out; o++) want.out[o].data = calloc((size_t)fire_count(&want.out[o].shape) + 1, 8);
    run(ctx, NULL, op, &want);
    int found = 0;
    for (const fire_kernel *const *k = fire_kernels; *k; k++) {
        if (strcmp((*k)->op, name) || (*k)->isa > ctx->isa) continue;
        fire_call got = want;
        for (int o = 0; o < op->n_out; o++) got.out[o].data = calloc((size_t)fire_count(&got.out[o].shape) + 1, 8);
        run(ctx, *k, op, &got);
        for (int o = 0; o < op->n_out; o++) {
            double size = 0, bound = in[0].type == FIRE_F64 ? 1e-12 : 2e-5;
            int64_t n = fire_count(&want.out[o].shape);
            for (int64_t e = 0; e < n; e++) size = fmax(size, fabs(fire_get(&want.out[o], e)));
            for (int64_t e = 0; e < n; e++)
                if (!(fabs(fire_get(&got.out[o], e) - fire_get(&want.out[o], e)) <= bound * size))
                    fail_msg("%s %s %s: output %d element %lld is %.9g, expected %.9g", (*k)->name, what, attrs, o, (long long)e, fire_get(&got.out[o], e), fire_get(&want.out[o], e));
            free(got.out[o].data);
        }
        found++;
    }
    assert_true(found > 0);
    memcpy(out, want.out, sizeof want.out);
    free(a);
}

static void check(fire_context *ctx, const kind *k, fire_type type, int64_t t, int64_t n, int64_t u, int extras, const char *attrs) {
    char what[80], back[40];
    snprintf(what, sizeof what, "t %d n %d u %d extras %d", (int)t, (int)n, (int)u, extras);
    double small = 1 / sqrt((double)u);
    fire_shape state = {2, {n, u}};
    fire_tensor in[FIRE_SEQ_IN] = {0}, out[FIRE_MAX_OUT] = {0}, grad[FIRE_MAX_OUT] = {0}, from[FIRE_BACK_IN] = {0};
    bool before = k->gates == 3 && strstr(attrs, "reset_after=0");
    in[FIRE_SEQ_XW] = filled(type, (fire_shape){3, {t, n, k->gates * u}}, 1, 1);
    in[FIRE_SEQ_R] = filled(type, (fire_shape){2, {u, k->gates * u}}, 2, small);
    if (extras & 1) in[FIRE_SEQ_B] = filled(type, k->biases == 2 && !before ? (fire_shape){2, {2, k->gates * u}} : (fire_shape){1, {k->gates * u}}, 3, 0.5);
    if (extras & 2) in[FIRE_SEQ_H0] = filled(type, state, 4, 1);
    if (extras & 4) in[FIRE_SEQ_MASK] = filled(FIRE_BOOL, (fire_shape){2, {n, t}}, 5, 1);
    if (extras & 8) in[FIRE_SEQ_DROP] = filled(type, (fire_shape){2, {n, k->gates * u}}, 6, 1);
    if (extras & 2 && k->carry) in[FIRE_SEQ_C0] = filled(type, state, 7, 1);
    compare(ctx, k->op, attrs, k->carry ? FIRE_SEQ_IN : FIRE_SEQ_DROP + 1, in, out, what);

    from[FIRE_BACK_GATES] = out[0];
    from[FIRE_BACK_Y] = out[k->gates == 1 ? 0 : 1];
    from[FIRE_BACK_R] = in[FIRE_SEQ_R];
    if (k->gates > 1) from[FIRE_BACK_KEPT] = out[2];
    from[FIRE_BACK_H0] = in[FIRE_SEQ_H0];
    from[FIRE_BACK_MASK] = in[FIRE_SEQ_MASK];
    from[FIRE_BACK_DROP] = in[FIRE_SEQ_DROP];
    from[FIRE_BACK_C0] = in[FIRE_SEQ_C0];
    if (extras & 1) from[FIRE_BACK_DY] = filled(type, out[k->gates == 1 ? 0 : 1].shape, 8, 1);
    from[FIRE_BACK_DH] = filled(type, state, 9, 1);
    if (k->carry && extras & 2) from[FIRE_BACK_DC] = filled(type, state, 10, 1);
    snprintf(back, sizeof back, "%sGrad", k->op);
    compare(ctx, back, attrs, k->carry ? FIRE_BACK_IN : FIRE_BACK_DH + 1, from, grad, what);

    for (int i = 0; i < FIRE_SEQ_IN; i++) free(in[i].data);
    for (int o = 0; o < FIRE_MAX_OUT; o++) free(out[o].data), free(grad[o].data);
    free(from[FIRE_BACK_DY].data), free(from[FIRE_BACK_DH].data), free(from[FIRE_BACK_DC].data);
}

static void test_sizes(void **state) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    static const int64_t sizes[][3] = {{1, 5, 20}, {4, 1, 33}, {3, 9, 16}, {7, 13, 35}, {2, 70, 65}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (int extras = 0; extras < 16; extras++) {
                const fire_type type = (extras + (int)s) % 2 ? FIRE_F32 : FIRE_F64;
                check(ctx, &kinds[i], type, sizes[s][0], sizes[s][1], sizes[s][2], extras, extras % 3 == 0 ? "reverse=1" : "truncate=2");
                if (kinds[i].gates == 3) check(ctx, &kinds[i], type, sizes[s][0], sizes[s][1], sizes[s][2], extras, extras % 3 ? "reset_after=0 reverse=1" : "reset_after=0 truncate=3");
            }
    fire_context_free(ctx);
    assert_int_equal(h.live, 0);
}

static void test_activations(void **state) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    static const char *const names[] = {"elu", "exponential", "hard_sigmoid", "hard_sigmoid_keras2", "leaky_relu", "linear", "relu", "relu6", "selu", "sigmoid", "softplus", "softsign", "tanh"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (size_t a = 0; a < sizeof names / sizeof *names; a++) {
            char attrs[80];
            snprintf(attrs, sizeof attrs, kinds[i].gates > 1 ? "activation=%s recurrent_activation=hard_sigmoid" : "activation=%s", names[a]);
            check(ctx, &kinds[i], FIRE_F64, 2, 5, 19, 3, attrs);
            assert_int_equal(fire_curve_named(names[a]), (int)a);
            for (double x = -4; x < 4; x += 0.37) { /* slopes from values */
                double y = fire_curve_at((fire_curve)a, x), want = (fire_curve_at((fire_curve)a, x + 1e-6) - fire_curve_at((fire_curve)a, x - 1e-6)) / 2e-6;
                if (fabs(fire_curve_slope((fire_curve)a, y) - want) > 1e-6) fail_msg("%s at %g: slope %g, expected %g", names[a], x, fire_curve_slope((fire_curve)a, y), want);
            }
        }
    fire_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sizes), cmocka_unit_test(test_activations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
