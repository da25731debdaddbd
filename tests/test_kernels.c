/* test_kernels.c - every fast kernel in the table against its operator's reference, on the operator's own examples and on larger ones of
** odd sizes, for every instruction set that the CPU has. Nothing here names a kernel: one added to kernels.def is tested at once. */
#include "harness.h"
#include "kernel.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_float(fire_type t) { return t == FIRE_F32 || t == FIRE_F64; }
static double eps_of(fire_type t) { return t == FIRE_F64 ? 0x1p-53 : 0x1p-24; }

/* ---- a call with memory of its own, off alignment by one element and guarded ---- */

#define GUARD 128
typedef struct { fire_call call; char *room[FIRE_MAX_IN + FIRE_MAX_OUT + 1]; size_t bytes[FIRE_MAX_IN + FIRE_MAX_OUT]; int n; _Alignas(16) uint8_t attrs[1 << 14]; } job;

static void *room(job *j, const fire_tensor *t) {
    size_t width = fire_type_size(t->type), bytes = (size_t)fire_count(&t->shape) * width;
    char *p = aligned_alloc(64, (bytes + width + 2 * GUARD + 63) / 64 * 64);
    assert_non_null(p);
    memset(p, 0x5A, bytes + width + 2 * GUARD);
    j->room[j->n] = p;
    j->bytes[j->n++] = bytes + width; /* the element before the first is guarded too */
    return p + GUARD + width;
}
static bool intact(const job *j) {
    for (int i = 0; i < j->n; i++)
        for (int k = 0; k < GUARD; k++)
            if (j->room[i][k] != 0x5A || j->room[i][GUARD + j->bytes[i] + (size_t)k] != 0x5A) return false;
    return true;
}
static void job_free(job *j) {
    for (int i = 0; i < j->n; i++) free(j->room[i]);
}

/* Sizes of an example made larger: equal sizes stay equal, 1 stays 1. `scale` 0 leaves them, HUGE makes products of 2^28 operations. */
enum { HUGE = 99 };
static int64_t larger(int64_t d, uint64_t scale) {
    if (scale == 0 || d <= 1) return d;
    if (scale == HUGE) return 515 + d;
    uint64_t s = scale * 131 + (uint64_t)d;
    static const int64_t sizes[] = {2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 48, 63, 64, 65, 70, 96, 100, 127, 129, 130, 200, 257};
    return sizes[harness_random(&s) % (sizeof sizes / sizeof *sizes)];
}

/* False when the larger shapes do not fit the operator. */
static bool make_job(job *j, const fire_op *op, const char *example, fire_type type, uint64_t scale) {
    memset(j, 0, sizeof *j);
    harness_example e;
    assert_true(harness_example_read(example, &e));
    assert_true(op->attr_size <= sizeof j->attrs);
    if (op->attr_size) assert_int_equal(fire_attrs_read(op->name, op->attrs, j->attrs, e.attrs, NULL, 0, NULL), FIRE_OK);
    j->call = (fire_call){.attrs = op->attr_size ? j->attrs : NULL, .n_in = e.n_in, .n_out = op->n_out};
    while (j->call.n_in > op->min_in && e.in[j->call.n_in - 1].absent) j->call.n_in--;
    for (int i = 0; i < j->call.n_in; i++) {
        harness_input *x = &e.in[i];
        if (x->absent) continue;
        fire_tensor *t = &j->call.in[i];
        t->type = x->type ? x->type : type;
        t->shape = x->shape;
        if (!x->constant)
            for (int d = 0; d < t->shape.rank; d++) t->shape.dim[d] = larger(t->shape.dim[d], scale);
        if (x->below && scale) x->below = larger(x->below, scale);
        if (scale && fire_count(&t->shape) > (scale == HUGE ? 1 << 19 : 1 << 16)) return false;
        t->data = room(j, t);
        harness_fill(x, i, 7 + scale, t);
    }
    if (fire_op_infer(op, j->call.attrs, j->call.n_in, j->call.in, j->call.out, NULL)) return false;
    for (int i = 0; i < op->n_out; i++) j->call.out[i].data = room(j, &j->call.out[i]);
    return true;
}

/* Run kernel k (NULL: the reference) on the call, after it was told that it may keep the inputs `held`. False when it declines. */
static bool run_held(fire_context *ctx, const fire_kernel *k, const fire_op *op, fire_call *call, uint32_t held) {
    size_t scratch = 0;
    call->state = NULL;
    call->held = held;
    if (k) {
        if (k->decline && k->decline(ctx, call)) return false;
        if (k->prepare) assert_int_equal(k->prepare(ctx, call, &scratch, NULL), FIRE_OK);
    } else if (op->scratch) scratch = op->scratch(call);
    call->scratch = aligned_alloc(64, (scratch + 127) / 64 * 64);
    memset(call->scratch, 0xA5, (scratch + 127) / 64 * 64);
    fire_tensor kept[FIRE_MAX_IN];
    memcpy(kept, call->in, sizeof kept);
    if (held) k->hold(call);
    for (int i = 0; i < call->n_in; i++) /* run must not read them again */
        if (held >> i & 1) call->in[i].data = NULL;
    (k ? k->run : op->run)(call);
    memcpy(call->in, kept, sizeof kept);
    char *guard = (char *)call->scratch + scratch; /* up to where it was asked for */
    if (*guard != (char)0xA5) fail_msg("%s writes past its scratch", k ? k->name : op->name);
    free(call->scratch);
    if (k && k->release) k->release(ctx, call->state);
    return true;
}

static bool run(fire_context *ctx, const fire_kernel *k, const fire_op *op, fire_call *call) { return run_held(ctx, k, op, call, 0); }

/* Kernels of a context for `isa` that this CPU has. */
static void each_kernel(void (*check)(fire_context *ctx, const fire_kernel *k)) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    for (const fire_kernel *const *k = fire_kernels; *k; k++)
        if ((*k)->isa <= ctx->isa) check(ctx, *k);
    fire_context_free(ctx);
    assert_int_equal(h.live, 0);
}

static int64_t accepted, all;

/* Numbers are in +-[0.1, 1]. A sum of K products or terms is off by about eps sqrt(K) of their size; functions are good to a few eps.
** So 8 eps sqrt(K) of the largest magnitude among the outputs and the terms, K being the flops per output. The reference rounds
** once, from doubles. In float64 both sides round, alike. */
static void compare(const fire_kernel *k, const fire_op *op, const job *want, const job *got, const char *example, uint64_t scale) {
    double flops = op->flops ? (double)op->flops(&got->call) : 0;
    for (int o = 0; o < op->n_out; o++) {
        const fire_tensor *a = &want->call.out[o], *b = &got->call.out[o];
        int64_t n = fire_count(&a->shape);
        double size = 1, terms = flops / (double)(n ? n : 1);
        if (!op->flops || terms < 1) terms = 1;
        for (int64_t e = 0; e < n; e++) size = fmax(size, fabs(fire_get(a, e)));
        double bound = is_float(a->type) ? 8 * eps_of(a->type) * sqrt(terms) * size : 0;
        for (int64_t e = 0; e < n; e++) {
            double x = fire_get(a, e), y = fire_get(b, e);
            if (!(fabs(x - y) <= bound) && !(x != x && y != y))
                fail_msg("%s %s (scale %d): output %d element %lld of %s is %.9g, expected %.9g (bound %g)", k->name, example, (int)scale, o, (long long)e,
                         a->type == FIRE_F64 ? "float64" : "float32", y, x, bound);
        }
    }
}

static void check_example(fire_context *ctx, const fire_kernel *k, const fire_op *op, const char *example, fire_type type, uint64_t scale) {
    job want, got;
    if (!make_job(&want, op, example, type, scale)) {
        job_free(&want);
        return;
    }
    assert_true(make_job(&got, op, example, type, scale));
    all++;
    if (run(ctx, k, op, &got.call)) {
        accepted++;
        assert_true(run(ctx, NULL, op, &want.call));
        compare(k, op, &want, &got, example, scale);
        if (k->hold && k->holds) {
            for (int o = 0; o < got.call.n_out; o++) memset(got.call.out[o].data, 0x55, (size_t)fire_count(&got.call.out[o].shape) * fire_type_size(got.call.out[o].type));
            assert_true(run_held(ctx, k, op, &got.call, k->holds));
            compare(k, op, &want, &got, example, scale);
        }
        for (int i = 0; i < got.call.n_in; i++) /* inputs are only read */
            if (got.call.in[i].type)
                assert_memory_equal(got.call.in[i].data, want.call.in[i].data, (size_t)fire_count(&got.call.in[i].shape) * fire_type_size(got.call.in[i].type));
        if (!intact(&got)) fail_msg("%s %s (scale %d): written outside of a tensor", k->name, example, (int)scale);
    }
    job_free(&got);
    job_free(&want);
}

static void check_examples(fire_context *ctx, const fire_kernel *k) {
    const fire_op *op = fire_op_named(k->op);
    if (!op) fail_msg("%s: there is no operator %s", k->name, k->op);
    int64_t before = accepted;
    for (int q = 0; q < 12 && op->examples[q]; q++)
        for (int type = 0; type < 2; type++)
            for (uint64_t scale = 0; scale <= 6; scale++) check_example(ctx, k, op, op->examples[q], type ? FIRE_F64 : FIRE_F32, scale);
    /* A kernel for large things only: a few of them, since the reference takes a second for each. */
    for (int q = 0; q < 12 && op->examples[q] && accepted < before + 3; q++)
        if (accepted < before + 3) check_example(ctx, k, op, op->examples[q], FIRE_F32, HUGE);
    if (accepted == before) fail_msg("%s accepts no example of %s", k->name, op->name);
}
static void test_against_reference(void **state) {
    each_kernel(check_examples);
    print_message("%lld of %lld cases accepted\n", (long long)accepted, (long long)all);
}

/* Where the operator says that output 0 may lie over an input, the bits are the same as beside it. */
static void check_in_place(fire_context *ctx, const fire_kernel *k) {
    const fire_op *op = fire_op_named(k->op);
    for (int q = 0; q < 12 && op->examples[q]; q++)
        for (uint64_t scale = 0; scale <= 4; scale++)
            for (int i = 0; i < FIRE_MAX_IN; i++) {
                if (!(op->in_place >> i & 1)) continue;
                job beside, over;
                bool fit = make_job(&beside, op, op->examples[q], FIRE_F32, scale);
                bool again = make_job(&over, op, op->examples[q], FIRE_F32, scale);
                fire_tensor *x = &over.call.in[i], *y = &over.call.out[0];
                if (fit && again && i < over.call.n_in && x->type == y->type && fire_same_shape(&x->shape, &y->shape) && run(ctx, k, op, &beside.call)) {
                    y->data = x->data;
                    assert_true(run(ctx, k, op, &over.call));
                    for (int o = 0; o < op->n_out; o++) {
                        size_t bytes = (size_t)fire_count(&over.call.out[o].shape) * fire_type_size(over.call.out[o].type);
                        if (memcmp(over.call.out[o].data, beside.call.out[o].data, bytes)) fail_msg("%s %s: another result in place of input %d", k->name, op->examples[q], i);
                    }
                }
                job_free(&beside);
                job_free(&over);
            }
}
static void test_in_place(void **state) { each_kernel(check_in_place); }

/* NaN, infinities, zeros, the smallest and the largest numbers through operators of one formula: what is NaN, infinite or zero in the
** reference is that here; finite numbers agree, denormals to within the smallest normal number. */
static void check_special(fire_context *ctx, const fire_kernel *k) {
    static const double special[] = {0, -0.0, 1, -1, 0.5, 88, -88, 100, -100, 1e-30, -1e-30, 1e-40, 3e38, -3e38, INFINITY, -INFINITY, NAN};
    enum { N = sizeof special / sizeof *special };
    const fire_op *op = fire_op_named(k->op);
    bool two = op->min_in == 2 && op->max_in == 2, one = op->min_in == 1 && op->max_in == 1;
    if (op->attr_size || (!one && !two) || op->n_out != 1) return;
    for (int type = 0; type < 2; type++) {
        float f[4][N * N];
        double d[4][N * N];
        fire_call c = {.n_in = one ? 1 : 2, .n_out = 1};
        for (int i = 0; i < 3; i++)
            *(i < 2 ? &c.in[i] : &c.out[0]) = (fire_tensor){type ? FIRE_F64 : FIRE_F32, {1, {N * N}}, type ? (void *)d[i] : (void *)f[i]};
        fire_tensor out = {0};
        if (one) c.in[1] = (fire_tensor){0};
        if (fire_op_infer(op, NULL, c.n_in, c.in, &out, NULL) || out.shape.rank != 1 || out.shape.dim[0] != N * N || out.type != c.out[0].type) return;
        for (int e = 0; e < N * N; e++) {
            fire_put(&(fire_tensor){c.in[0].type, c.in[0].shape, type ? (void *)d[0] : (void *)f[0]}, e, special[e / N]);
            fire_put(&(fire_tensor){c.in[0].type, c.in[0].shape, type ? (void *)d[1] : (void *)f[1]}, e, special[e % N]);
        }
        if (!run(ctx, k, op, &c)) continue;
        fire_tensor got = c.out[0];
        c.out[0].data = type ? (void *)d[3] : (void *)f[3];
        run(ctx, NULL, op, &c);
        for (int e = 0; e < N * N; e++) {
            double x = fire_get(&c.out[0], e), y = fire_get(&got, e), least = type ? 0x1p-1022 : 0x1p-126;
            /* A slope below the normal numbers, times a dy of 3e38. */
            if (two && strstr(op->name, "Grad") && isfinite(special[e % N])) least *= 1 + 1000 * fabs(special[e % N]);
            bool same = x != x ? y != y : isinf(x) ? x == y : fabs(x - y) <= 16 * eps_of(got.type) * fabs(x) + least;
            /* dy times a slope: 0 times infinity may come as NaN in one order of factors and not in the other. */
            if (!same && two && (isinf(special[e / N]) || isinf(special[e % N]) || fabs(special[e / N]) > 1e38 || fabs(special[e % N]) > 1e38) && !isfinite(x) && !isfinite(y)) same = true;
            if (!same && two && fabs(special[e / N]) > 1e38 && !type) same = !isfinite(y); /* its square does not fit into float32 */
            if (!same) fail_msg("%s(%g, %g) is %g, expected %g", k->name, special[e / N], special[e % N], y, x);
        }
    }
}
static void test_special_numbers(void **state) { each_kernel(check_special); }

/* float32 functions over their range, relative to the exact value. */
static void check_accuracy(fire_context *ctx, const fire_kernel *k) {
    const fire_op *op = fire_op_named(k->op);
    static const struct { const char *op; double low, high, bound; } ranges[] = {
        {"Exp", -87, 88, 2e-7}, {"Log", 1e-30, 4, 3e-7}, {"Log", 1e-3, 1e30, 3e-7}, {"Sigmoid", -80, 80, 3e-7}, {"Tanh", -1, 1, 4e-7}, {"Tanh", -20, 20, 4e-7}, {"Sqrt", 0, 1e30, 1e-7},
    };
    for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++) {
        if (strcmp(ranges[r].op, op->name)) continue;
        enum { N = 100003 };
        float *x = malloc(4 * N), *y = malloc(4 * N);
        double *exact = malloc(8 * N), *wide = malloc(8 * N), worst = 0;
        for (int i = 0; i < N; i++) wide[i] = x[i] = (float)(ranges[r].low + (ranges[r].high - ranges[r].low) * i / (N - 1.0));
        fire_call c = {.n_in = 1, .n_out = 1, .in = {{FIRE_F32, {1, {N}}, x}}, .out = {{FIRE_F32, {1, {N}}, y}}};
        assert_true(run(ctx, k, op, &c));
        c.in[0].data = wide, c.in[0].type = c.out[0].type = FIRE_F64, c.out[0].data = exact;
        run(ctx, NULL, op, &c);
        for (int i = 0; i < N; i++) worst = fmax(worst, fabs(y[i] - exact[i]) / fmax(fabs(exact[i]), !strcmp(op->name, "Log") ? fmin(1, fabs(wide[i] - 1)) + 0x1p-126 : 0x1p-126));
        if (!(worst <= ranges[r].bound)) fail_msg("%s on [%g, %g]: relative error %g, expected at most %g", k->name, ranges[r].low, ranges[r].high, worst, ranges[r].bound);
        free(x), free(y), free(exact), free(wide);
    }
}
static void test_accuracy(void **state) { each_kernel(check_accuracy); }

/* Scoring promises that a row's bits do not depend on its neighbours, on where it stands, or on how many there are: 256 rows, the same
** in another order, and each alone. For every kernel whose operator maps rows [n, k] to rows: products and softmax. */
static void check_rows(fire_context *ctx, const fire_kernel *k) {
    enum { ROWS = 256 };
    const fire_op *op = fire_op_named(k->op);
    static const struct { const char *op, *example; int by_row; } cases[] = {
        {"Gemm", "[256,784] [784,256] [256]", 1}, {"Gemm", "[256,128] [128,10] [10]", 1}, {"Gemm", "[256,31] [10,31] transB=1", 1}, {"Gemm", "[256,301] [301,33]", 1}, {"Gemm", "[256,1024] [1024,1024] [1024]", 1}, {"MatMul", "[256,600] [600,1000]", 1}, {"FusedGemm", "[256,800] [1100,800] [1100] transB=1 activation=relu", 1},
        {"FusedGemm", "[256,784] [784,130] [130] activation=relu", 1}, {"FusedGemm", "[256,20] [20,10] [10] activation=sigmoid", 1}, {"MatMul", "[256,65] [65,17]", 1},
        {"FusedGemm", "[256,64] [64,65] [65] activation=tanh", 1}, {"Softmax", "[256,10]", 1}, {"Softmax", "[256,37]", 1}, {"Sigmoid", "[256,13]", 1}, {"Tanh", "[256,13]", 1},
    };
    for (size_t q = 0; q < sizeof cases / sizeof *cases; q++) {
        if (strcmp(cases[q].op, op->name)) continue;
        job a, b;
        assert_true(make_job(&a, op, cases[q].example, FIRE_F32, 0));
        assert_true(make_job(&b, op, cases[q].example, FIRE_F32, 0));
        size_t x_bytes = 4 * (size_t)a.call.in[0].shape.dim[1], y_bytes = 4 * (size_t)a.call.out[0].shape.dim[1];
        const char *x = a.call.in[0].data, *y = a.call.out[0].data;
        char *x2 = b.call.in[0].data, *y2 = b.call.out[0].data;
        for (int i = 0; i < ROWS; i++) memcpy(x2 + (size_t)(i * 77 % ROWS) * x_bytes, x + (size_t)i * x_bytes, x_bytes);
        if (run(ctx, k, op, &a.call) && run(ctx, k, op, &b.call)) {
            for (int i = 0; i < ROWS; i++)
                if (memcmp(y2 + (size_t)(i * 77 % ROWS) * y_bytes, y + (size_t)i * y_bytes, y_bytes)) fail_msg("%s %s: row %d differs at another place", k->name, cases[q].example, i);
            for (int m = 1; m < 20; m++) { /* the first m rows alone */
                b.call.in[0].data = a.call.in[0].data;
                b.call.in[0].shape.dim[0] = b.call.out[0].shape.dim[0] = m;
                memset(y2, 0, y_bytes * (size_t)m);
                if (run(ctx, k, op, &b.call) && memcmp(y2, y, y_bytes * (size_t)m)) fail_msg("%s %s: %d rows differ from the same rows among %d", k->name, cases[q].example, m, ROWS);
            }
        }
        job_free(&a);
        job_free(&b);
    }
}
static void test_rows_stand_alone(void **state) { each_kernel(check_rows); }

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_reference), cmocka_unit_test(test_in_place), cmocka_unit_test(test_special_numbers), cmocka_unit_test(test_accuracy),
        cmocka_unit_test(test_rows_stand_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
