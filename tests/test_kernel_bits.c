/* test_kernel_bits.c - what scoring and training need of every kernel, over shapes of odd sizes: close to the reference, element by element;
** the same bits at any address, in place, and for any rows of a batch alone; functions good over their whole range; long sums. */
#include "harness.h"
#include "kernel.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is compared, and how closely ---- */

/* Larger cases by operator; `rows` cases are independent along the first dimension, so that any rows alone must give the same bits. */
typedef struct { const char *op, *text; bool rows; } large_case;
static const large_case large[] = {
    {"Abs", "[37,129]", true}, {"Neg", "[37,129]", true}, {"Sign", "[37,129]", true}, {"Sqrt", "[37,129]>0", true},
    {"Exp", "[37,129]", true}, {"Log", "[37,129]>0", true}, {"Sigmoid", "[37,129]", true}, {"Tanh", "[37,129]", true}, {"Relu", "[37,129]", true},
    {"Sigmoid", "[65,1]", true}, {"Tanh", "[9,7]", true}, {"Exp", "[1000,3]", true},
    {"Erf", "[37,129]", true}, {"Softplus", "[37,129]", true}, {"Softsign", "[37,129]", true}, {"Reciprocal", "[37,129]", true},
    {"LeakyRelu", "[37,129] alpha=0.2", true}, {"ThresholdedRelu", "[37,129] alpha=0.5", true}, {"Elu", "[37,129] alpha=0.5", true}, {"Selu", "[37,129]", true},
    {"HardSigmoid", "[37,129] alpha=1.5", true}, {"HardSwish", "[37,129]", true}, {"Mish", "[37,129]", true}, {"Swish", "[37,129]", true}, {"Gelu", "[37,129]", true},
    {"Gelu", "[37,129] approximate=tanh", true}, {"PRelu", "[37,129] [129]", true}, {"PRelu", "[37,5,20] [5,1]", true},
    {"LeakyReluGrad", "[37,129] [37,129]", true}, {"EluGrad", "[37,129] [37,129]", true}, {"SeluGrad", "[37,129] [37,129]", true}, {"MishGrad", "[37,129] [37,129]", true},
    {"HardSigmoidGrad", "[37,129] [37,129] alpha=1.5", true}, {"HardSwishGrad", "[37,129] [37,129]", true}, {"SwishGrad", "[37,129] [37,129]", true},
    {"GeluGrad", "[37,129] [37,129]", true}, {"GeluGrad", "[37,129] [37,129] approximate=tanh", true}, {"LogSoftmax", "[37,129]", true}, {"LogSoftmax", "[65,10]", true},
    {"LogSoftmaxGrad", "[37,129] [37,129]", true}, {"LessOrEqual", "[37,129] [129]", true},
    {"ReluGrad", "[37,129] [37,129]", true}, {"SigmoidGrad", "[37,129] [37,129]", true}, {"TanhGrad", "[37,129] [37,129]", true},
    {"Add", "[37,129] [37,129]", true}, {"Add", "[37,129] [129]", true}, {"Add", "[37,10] [10]", true}, {"Add", "[37,129] []", true},
    {"Sub", "[37,129] [37,129]", true}, {"Sub", "[129] [37,129]", false}, {"Sub", "[37,1] [37,129]", true}, {"Mul", "[37,129] [37,1]", true},
    {"Mul", "[37,129] [37,129]", true}, {"Mul", "[5,37,129] [37,1]", true}, {"Div", "[37,129] [37,129]", true}, {"Div", "[37,129] [37,1]", true},
    {"Div", "[37,129] []", true}, {"Div", "[3,1,17,1] [1,5,17,33]", false}, {"Max", "[37,129] []", true}, {"Min", "[37,129] [129]", true},
    {"Sum", "[37,129] [129]", true}, {"Clip", "[37,129] []{-0.25} []{0.5}", true}, {"Pow", "[37,129]>0 []{2}", true},
    {"Greater", "[37,129] [129]", true}, {"GreaterOrEqual", "[37,129] []{0}", true}, {"Less", "[37,129] [37,129]", true}, {"Equal", "[37,129] [129]", true},
    {"Where", "bool[37,129] [37,129] []", true}, {"Where", "bool[37,129] [37,129] [37,129]", true}, {"Where", "bool[37,1] [37,129] [129]", true},
    {"Where", "bool[129] [] []", true}, {"Where", "bool[37,129] [] [129]", true},
    {"Softmax", "[37,129]", true}, {"Softmax", "[65,10]", true}, {"Softmax", "[9,1000]", true}, {"Softmax", "[300,3]", true},
    {"SoftmaxGrad", "[37,129]>0 [37,129]", true}, {"SoftmaxGrad", "[65,10]>0 [65,10]", true},
    {"SoftmaxCrossEntropy", "[65,10] i64[65]<10", true}, {"SoftmaxCrossEntropy", "[37,129] i32[37]<129", true}, {"SoftmaxCrossEntropy", "[37,129] [37,129]>0", true},
    {"SoftmaxCrossEntropyGrad", "[65,10]>0 i64[65]<10 [65]", true}, {"SoftmaxCrossEntropyGrad", "[37,129]>0 i32[37]<129 [37]", true},
    {"SoftmaxCrossEntropyGrad", "[37,129]>0 [37,129]>0 [37]", true},
    {"SigmoidCrossEntropy", "[37,129] [37,129]>0", true}, {"SigmoidCrossEntropy", "[65,1] [65,1]>0", true},
    {"BiasReluGrad", "[129,37] [129,37]", false}, {"BiasReluGrad", "[1000,3] [1000,3]", false},
    {"SumLike", "[129,37] [37]", false}, {"SumLike", "[1000,1] [1]", false}, {"SumLike", "[129,37] []", false}, {"SumLike", "[129,37] [129,1]", true},
    {"SumLike", "[1023,1] []", false}, {"SumLike", "[9,33,20] [33,20]", false}, {"SumLike", "[9,33,20] [20]", false},
    {"ReduceSum", "[129,37] i64[1]{0} keepdims=0", false}, {"ReduceSum", "[129,37] i64[1]{-1} keepdims=0", true}, {"ReduceSum", "[129,10] i64[1]{-1}", true},
    {"ReduceSum", "[9,33,20] i64[1]{1}", true}, {"ReduceSum", "[129,37] keepdims=0", false}, {"ReduceSum", "[129,1] i64[1]{-1} keepdims=0", true},
    {"ReduceMean", "[129,37] i64[1]{0} keepdims=0", false}, {"ReduceMean", "[129,37] i64[1]{-1} keepdims=0", true}, {"ReduceMean", "[1000,1] i64[1]{-1} keepdims=0", true},
    {"ReduceMean", "[129,37] keepdims=0", false}, {"ReduceMax", "[129,37] i64[1]{-1}", true}, {"ReduceMax", "[129,37] i64[1]{0}", false},
    {"RowDropout", "[37,129] i64[37] i64[2] rate=0.3 layer=2", true}, {"RowDropout", "[65,10] i64[65] i64[2] rate=0.5", true}, {"RowDropout", "[33,5,13] i64[33] i64[2] rate=0.9", true},
    {"ExpandLike", "[] [37,129]", false}, {"ExpandLike", "[129] [37,129]", false}, {"ExpandLike", "[37,1] [37,129]", true}, {"Expand", "[37,1] i64[2]{37,129}", false},
    {"Cast", "[37,129] to=11", true}, {"Cast", "[37,129] to=1", true}, {"Cast", "bool[37,129] to=1", true}, {"Cast", "bool[37,129] to=11", true}, {"Cast", "i64[37] to=1", true},
    {"Cast", "u8[37,129] to=1", true}, {"Cast", "i32[37] to=11", true},
    {"Transpose", "[37,129]", false}, {"Transpose", "[129,10]", false}, {"Transpose", "[5,37,129] perm=[0,2,1]", true}, {"Transpose", "[7,5,33] perm=[1,0,2]", false},
    {"Identity", "[37,129]", true}, {"Flatten", "[37,3,43]", true},
    {"Gemm", "[37,129] [129,65] [65]", true}, {"Gemm", "[129,37] [129,65] transA=1", false}, {"Gemm", "[37,129] [65,129] transB=1", true}, {"MatMul", "[37,129] [129,10]", true},
    {"MatMul", "[5,37,33] [33,10]", true}, {"MatMul", "[5,37,33] [5,33,10]", true}, {"Transpose", "[9,1,33] perm=[2,0,1]", false}, {"Transpose", "[3,4,5,33] perm=[3,1,0,2]", false},
    {"Transpose", "[3,4,5,33] perm=[0,3,1,2]", true}, {"Transpose", "[1,1] perm=[1,0]", false}, {"Transpose", "[1,33] perm=[1,0]", false},
    {"FusedGemm", "[37,129] [129,65] [65] activation=relu", true}, {"FusedGemm", "[37,129] [129,10] [10]", true}, {"FusedGemm", "[65,784] [784,31] [31] activation=sigmoid", true},
    {"FusedGemm", "[37,129] [129,65] [65] activation=tanh", true}, {"FusedGemm", "[129,37] [129,65] transA=1", false},
    {"Conv", "[3,17,9,11] [18,17,3,3] [18] pads=[1,1,1,1] strides=[2,1]", true}, {"Conv", "[3,16,19] [33,16,2]", true}, {"FusedConv", "[3,17,9,11] [18,17,3,3] [18] activation=relu", true},
    {"FusedConv", "[3,17,9,11] [17,17,3,3] [17] [3,17,9,11] pads=[1,1,1,1] activation=relu", true}, {"FusedConv", "[3,5,9,11] [6,5,3,3] [6] [3,6,9,11] pads=[1,1,1,1] activation=relu", true},
    {"MaxPool", "[2,3,23,41] kernel_shape=[3,3]", true}, {"MaxPool", "[2,3,23,41] kernel_shape=[3,3] strides=[2,2] pads=[1,1,1,1]", true}, {"MaxPool", "[2,3,9,15] kernel_shape=[3,3] strides=[2,2]", true},
    {"MaxPool", "[2,3,70] kernel_shape=[4] strides=[3] pads=[2,1]", true}, {"MaxPool", "[2,2,3,9,40] kernel_shape=[2,3,2] dilations=[1,2,3] ceil_mode=1 strides=[1,2,2]", true},
    {"AveragePool", "[2,3,23,41] kernel_shape=[3,3] pads=[1,1,1,1]", true}, {"AveragePool", "[2,3,23,41] kernel_shape=[3,2] strides=[2,2] pads=[1,1,0,1] count_include_pad=1", true},
    {"AveragePool", "[2,3,70] kernel_shape=[4] strides=[3] pads=[2,1]", true}, {"AveragePool", "[2,3,11,19] kernel_shape=[5,19] strides=[2,1]", true},
};

/* How far from the reference, which computes in double and rounds once: |got - want| <= rel |want| + abs. With eps the distance of 1 to
** the next number (1.2e-7, 2.2e-16): one operation is off by eps / 2; exp, log, tanh, sigmoid, erf by 3 eps, more where formulas follow: activations
** are products of two or three of them, and in their slopes terms of size 1 and either sign are added. Sums of
** n numbers of size up to 1 and either sign lose eps / 2 of the running sum, some sqrt(n), at each step, so less than n eps / 4
** for the few thousand here; rows of softmax and cross-entropies hold such sums and logits of size 1. */
static void tolerance(const char *op, const fire_call *call, double eps, double *rel, double *abs) {
    static const char *const few[] = {"Exp", "Log", "Sigmoid", "Tanh", "SigmoidGrad", "TanhGrad", "Pow", "RowDropout", "Erf", "Softplus", "Softsign", "HardSigmoid", "HardSwish"};
    static const char *const activations[] = {"Elu", "Selu", "Mish", "Swish", "Gelu"};
    static const char *const sums[] = {"SumLike", "ReduceSum", "ReduceMean", "BiasReluGrad", "Gemm", "MatMul", "FusedGemm"};
    /* Sums over windows, rows that are normalised by their own moments, equal places in a table, and the steps of a sequence whose gates are
    ** the results of such sums. */
    static const char *const long_sums[] = {"Conv", "Pool", "Channel", "LayerNormalization", "GatherGrad", "LSTM", "GRU", "RNN"};
    *rel = eps;
    *abs = 0;
    if (!strcmp(op, "MaxPool")) {
        *rel = 0;
        return;
    }
    for (size_t i = 0; i < sizeof few / sizeof *few; i++)
        if (!strcmp(op, few[i])) *rel = 4 * eps;
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++)
        if (!strncmp(op, activations[i], strlen(activations[i]))) *rel = 8 * eps, *abs = strstr(op, "Grad") ? 8 * eps : !strcmp(op, "Gelu") ? eps : 0; /* far below 0 the rounding of x^2 counts x^2 times */
    if (!strncmp(op, "HardS", 5)) *rel = 4 * eps, *abs = 4 * eps;
    if (!strcmp(op, "TanhGrad")) *abs = 2 * eps; /* the reference, too, takes y^2 from 1 */
    if (strstr(op, "Softmax") || strstr(op, "CrossEntropy")) {
        const fire_shape *x = &call->in[0].shape;
        *rel = 10 * eps;
        *abs = (10 + (x->rank ? (double)x->dim[x->rank - 1] / 4 : 0)) * eps;
    }
    for (size_t i = 0; i < sizeof long_sums / sizeof *long_sums; i++) {
        if (!strstr(op, long_sums[i])) continue;
        int64_t n = 0; /* no sum has more terms than an input has numbers */
        for (int k = 0; k < call->n_in; k++) {
            int64_t m = fire_count(&call->in[k].shape);
            n = m > n ? m : n;
        }
        *abs = (16 + (double)n / 4) * eps;
        *rel = 16 * eps;
    }
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
        if (strcmp(op, sums[i])) continue;
        const fire_tensor *x = &call->in[0], *y = &call->out[call->n_out - 1];
        int64_t n = fire_count(&y->shape) ? fire_count(&x->shape) / fire_count(&y->shape) : 1; /* numbers in a sum */
        if (strstr(op, "Mul") || strstr(op, "Gemm"))
            for (int d = 0; d < 2; d++) n = x->shape.dim[d] > n ? x->shape.dim[d] : n;
        *abs = (4 + (strcmp(op, "ReduceMean") ? (double)n / 4 : 0)) * eps;
        *rel = 4 * eps;
    }
}

/* ---- a call and its memory ---- */

typedef struct {
    harness_example e;
    fire_call call;
    void *attrs;
    char *base[FIRE_MAX_IN + FIRE_MAX_OUT]; /* what was allocated */
} prepared;

static size_t bytes_of(const fire_tensor *t) { return (size_t)fire_count(&t->shape) * fire_type_size(t->type); }

/* Memory of exactly the tensor's size that begins `shift` elements past an allocation, filled with a pattern. */
static void *room(char **base, const fire_tensor *t, int shift) {
    size_t before = (size_t)shift * fire_type_size(t->type), bytes = before + bytes_of(t);
    *base = malloc(bytes ? bytes : 1);
    assert_non_null(*base);
    memset(*base, 0xA5, bytes);
    return *base + before;
}

static bool is_float(fire_type t) { return t == FIRE_F32 || t == FIRE_F64; }

/* Inputs filled, outputs with room. */
static void prepare(const fire_op *op, const char *text, fire_type type, int shift, prepared *p) {
    *p = (prepared){0};
    if (!harness_example_read(text, &p->e)) fail_msg("%s: cannot read '%s'", op->name, text);
    fire_error err = {0};
    p->attrs = calloc(1, op->attr_size + 1);
    assert_non_null(p->attrs);
    if (fire_attrs_read(op->name, op->attrs, p->attrs, p->e.attrs, NULL, 0, &err)) fail_msg("%s %s: %s", op->name, text, err.message);
    fire_call *c = &p->call;
    c->attrs = p->attrs;
    c->n_in = p->e.n_in;
    c->n_out = op->n_out;
    for (int i = 0; i < c->n_in; i++) {
        const harness_input *in = &p->e.in[i];
        if (in->absent) continue;
        c->in[i] = (fire_tensor){in->type ? in->type : type, in->shape, NULL};
        c->in[i].data = room(&p->base[i], &c->in[i], shift);
        harness_fill(in, i, 11, &c->in[i]);
    }
    if (fire_op_infer(op, c->attrs, c->n_in, c->in, c->out, &err)) fail_msg("%s %s: %s", op->name, text, err.message);
    for (int k = 0; k < c->n_out; k++) c->out[k].data = room(&p->base[FIRE_MAX_IN + k], &c->out[k], shift);
    for (int i = 0; i < c->n_in; i++)
        if (op->shape_only >> i & 1) c->in[i].data = NULL; /* the planner does so, too */
}
static void forget(prepared *p) {
    for (int i = 0; i < FIRE_MAX_IN + FIRE_MAX_OUT; i++) free(p->base[i]);
    free(p->attrs);
}

static void run_reference(const fire_op *op, fire_call *c) {
    size_t scratch = op->scratch ? op->scratch(c) : 0;
    c->scratch = malloc(scratch ? scratch : 1);
    assert_non_null(c->scratch);
    op->run(c);
    free(c->scratch);
}

static void run_kernel(fire_context *ctx, const fire_kernel *k, fire_call *c) {
    size_t scratch = 0;
    fire_error err = {0};
    if (k->prepare && k->prepare(ctx, c, &scratch, &err)) fail_msg("%s: %s", k->name, err.message);
    void *block = aligned_alloc(64, (scratch + 127) / 64 * 64);
    assert_non_null(block);
    memset(block, 0xA5, (scratch + 127) / 64 * 64);
    c->scratch = block;
    k->run(c);
    if (k->release) k->release(ctx, c->state);
    c->state = NULL;
    free(block);
}

/* The first output of c that is not, bit by bit, that of p from row `first` on; -1 when all are. */
static int differing(const prepared *p, int64_t first, const fire_call *c) {
    for (int k = 0; k < c->n_out; k++) {
        size_t n = bytes_of(&c->out[k]), row = c->out[k].shape.rank && c->out[k].shape.dim[0] ? n / (size_t)c->out[k].shape.dim[0] : 0;
        if (n && memcmp((const char *)p->call.out[k].data + (size_t)first * row, c->out[k].data, n)) return k;
    }
    return -1;
}

/* ---- checks ---- */

typedef struct { fire_context *ctx; const fire_kernel *k; const fire_op *op; const char *text; fire_type type; bool rows; } check_args;

/* All kernels are tried before a test fails: one line each for the first thing wrong in a case. */
static int wrong;
#define FAIL(a, fmt, ...) \
    do { \
        print_error("%s %s %s: " fmt "\n", (a)->k->name, fire_type_text((a)->type), (a)->text, __VA_ARGS__); \
        wrong++; \
        return false; \
    } while (0)

static bool compare(const check_args *a, const prepared *p, const prepared *want, double rel, double abs) {
    for (int k = 0; k < p->call.n_out; k++) {
        const fire_tensor *y = &p->call.out[k], *w = &want->call.out[k];
        for (int64_t i = 0, n = fire_count(&y->shape); i < n; i++) {
            double got = fire_get(y, i), wanted = fire_get(w, i);
            if (is_float(y->type) ? !(fabs(got - wanted) <= rel * fabs(wanted) + abs) : got != wanted)
                FAIL(a, "output %d, element %lld is %.17g, the reference has %.17g", k, (long long)i, got, wanted);
        }
    }
    return true;
}

static bool check_reference(const check_args *a, prepared *p) {
    prepared want;
    double rel, abs, eps = a->type == FIRE_F32 ? 0x1p-23 : 0x1p-52;
    prepare(a->op, a->text, a->type, 0, &want);
    run_reference(a->op, &want.call);
    run_kernel(a->ctx, a->k, &p->call);
    tolerance(a->op->name, &p->call, eps, &rel, &abs);
    bool good = compare(a, p, &want, rel, abs);
    forget(&want);
    return good;
}

/* At another address, bits are the same. */
static bool check_addresses(const check_args *a, const prepared *p) {
    for (int shift = 1; shift <= 7; shift += 2) {
        prepared q;
        prepare(a->op, a->text, a->type, shift, &q);
        run_kernel(a->ctx, a->k, &q.call);
        int k = differing(p, 0, &q.call);
        forget(&q);
        if (k >= 0) FAIL(a, "output %d differs when all lies %d elements further", k, shift);
    }
    return true;
}

/* Over an input that the operator allows. */
static bool check_in_place(const check_args *a, const prepared *p) {
    for (int i = 0; i < p->call.n_in; i++) {
        const fire_tensor *x = &p->call.in[i], *y = &p->call.out[0];
        if (!(a->op->in_place >> i & 1) || !x->data || x->type != y->type || !fire_same_shape(&x->shape, &y->shape)) continue;
        prepared q;
        prepare(a->op, a->text, a->type, 0, &q);
        q.call.out[0].data = q.call.in[i].data;
        run_kernel(a->ctx, a->k, &q.call);
        int k = differing(p, 0, &q.call);
        forget(&q);
        if (k >= 0) FAIL(a, "output %d differs when output 0 lies over input %d", k, i);
    }
    return true;
}

/* Rows [first, first + n) alone. */
static bool check_rows(const check_args *a, const prepared *p, int64_t first, int64_t n) {
    fire_call c = p->call;
    prepared q = {0};
    int64_t all = c.out[0].shape.dim[0];
    for (int i = 0; i < c.n_in; i++) {
        fire_tensor *x = &c.in[i];
        bool batch = x->type && x->shape.rank == c.in[0].shape.rank && x->shape.dim[0] == all;
        if (c.in[0].shape.rank > x->shape.rank && x->shape.rank == 1 && x->shape.dim[0] == all && all != c.in[0].shape.dim[c.in[0].shape.rank - 1]) batch = true;
        if (!batch) continue;
        int64_t width = fire_count(&x->shape) / all;
        if (x->data) x->data = (char *)x->data + (size_t)(first * width) * fire_type_size(x->type);
        x->shape.dim[0] = n;
    }
    for (int k = 0; k < c.n_out; k++) {
        c.out[k].shape.dim[0] = n;
        c.out[k].data = room(&q.base[k], &c.out[k], 0);
    }
    int wrong_output = -1;
    if (!a->k->decline || !a->k->decline(a->ctx, &c)) {
        run_kernel(a->ctx, a->k, &c);
        wrong_output = differing(p, first, &c);
    }
    forget(&q);
    if (wrong_output >= 0) FAIL(a, "output %d of rows %lld to %lld alone differs", wrong_output, (long long)first, (long long)(first + n - 1));
    return true;
}

/* False: the kernel declines. */
static bool check(const check_args *a) {
    prepared p;
    prepare(a->op, a->text, a->type, 0, &p);
    const char *why = a->k->decline ? a->k->decline(a->ctx, &p.call) : NULL;
    if (why) assert_true(strlen(why) > 3);
    else {
        bool good = check_reference(a, &p) && check_addresses(a, &p) && check_in_place(a, &p);
        for (int64_t first = 0, rows = a->rows ? p.call.out[0].shape.dim[0] : 0; first < rows && good; first += 1 + first / 2)
            for (int64_t n = 1; first + n <= rows && good; n += 1 + n) good = check_rows(a, &p, first, n);
    }
    forget(&p);
    return !why;
}

static fire_isa best_isa(void) {
    fire_context *ctx;
    assert_int_equal(fire_context_new(NULL, &ctx, NULL), FIRE_OK);
    fire_isa best = ctx->isa;
    fire_context_free(ctx);
    return best;
}

/* Each kernel that this CPU can run, under the least context that offers it, so that oneDNN too is told to keep to that. */
static void test_shapes(void **state) {
    static const fire_type types[] = {FIRE_F32, FIRE_F64};
    fire_isa best = best_isa();
    for (const fire_kernel *const *k = fire_kernels; *k; k++) {
        if ((*k)->isa > best) continue;
        harness h;
        harness_init(&h);
        fire_context *ctx = harness_context(&h, &(fire_config){.size = sizeof(fire_config), .isa = (*k)->isa});
        int accepted = 0;
        for (size_t t = 0; t < 2; t++) {
            check_args a = {.ctx = ctx, .k = *k, .op = fire_op_named((*k)->op), .type = types[t]};
            if (!a.op) fail_msg("%s is for %s, which is not an operator", (*k)->name, (*k)->op);
            for (size_t i = 0; i < sizeof a.op->examples / sizeof *a.op->examples && a.op->examples[i]; i++) a.text = a.op->examples[i], accepted += check(&a);
            a.rows = true;
            for (size_t i = 0; i < sizeof large / sizeof *large; i++)
                if (!strcmp(large[i].op, a.op->name)) a.text = large[i].text, a.rows = large[i].rows, accepted += check(&a);
        }
        bool for_large_only = !strncmp((*k)->name, "onednn.", 7); /* sizes that the reference takes seconds for: test_kernels has a few */
        if (!accepted && !for_large_only) print_error("%s accepts none of the cases\n", (*k)->name), wrong++;
        fire_context_free(ctx);
        assert_int_equal(h.live, 0);
    }
    assert_int_equal(wrong, 0);
}

/* ---- functions over their whole range ---- */

typedef void visit(const fire_kernel *k, fire_context *ctx, fire_type type);
static void each_kernel_of(const char *op, visit *f) {
    static const fire_type types[] = {FIRE_F32, FIRE_F64};
    fire_isa best = best_isa();
    for (const fire_kernel *const *k = fire_kernels; *k; k++) {
        if (strcmp((*k)->op, op) || (*k)->isa > best) continue;
        harness h;
        harness_init(&h);
        fire_context *ctx = harness_context(&h, &(fire_config){.size = sizeof(fire_config), .isa = (*k)->isa});
        for (int t = 0; t < 2; t++) f(*k, ctx, types[t]);
        fire_context_free(ctx);
    }
}

/* y = kernel(x), n numbers that go through doubles. */
static void apply(const fire_kernel *k, fire_context *ctx, fire_type type, int64_t n, const double *x, double *y) {
    fire_tensor a = {type, {1, {n}}, malloc((size_t)n * 8)}, b = {type, {1, {n}}, malloc((size_t)n * 8)};
    assert_non_null(a.data);
    assert_non_null(b.data);
    for (int64_t i = 0; i < n; i++) fire_put(&a, i, x[i]);
    fire_call c = {.n_in = 1, .n_out = 1, .in = {a}, .out = {b}};
    assert_null(k->decline ? k->decline(ctx, &c) : NULL);
    run_kernel(ctx, k, &c);
    for (int64_t i = 0; i < n; i++) y[i] = fire_get(&b, i);
    free(a.data);
    free(b.data);
}

enum { SWEEP = 40000 };
/* f over [from, to] within `eps_off` times the distance of neighbouring numbers, in both types; below the normal numbers within one of the
** distances there. The numbers are float32's in both. */
static void sweep(const fire_kernel *k, fire_context *ctx, fire_type type, double (*f)(double), double from, double to, double eps_off) {
    static double x[SWEEP], y[SWEEP];
    double eps = type == FIRE_F32 ? 0x1p-23 : 0x1p-52, least = type == FIRE_F32 ? 0x1p-149 : 0x1p-1074;
    for (int i = 0; i < SWEEP; i++) x[i] = (float)(from + (to - from) * i / (SWEEP - 1));
    apply(k, ctx, type, SWEEP, x, y);
    for (int i = 0; i < SWEEP; i++) {
        double want = f(x[i]);
        if (type == FIRE_F32 && fabs(want) > 3.4028234e38) want = want > 0 ? INFINITY : -INFINITY;
        if (!(fabs(y[i] - want) <= eps_off * eps * fabs(want) + 1.5 * least) && !(y[i] == want)) {
            print_error("%s %s of %.9g is %.17g, expected %.17g\n", k->name, fire_type_text(type), x[i], y[i], want);
            wrong++;
            return;
        }
    }
}

/* f of special numbers, exactly: want may be NaN. */
static void special(const fire_kernel *k, fire_context *ctx, fire_type type, int n, const double *x, const double *want) {
    double y[16];
    apply(k, ctx, type, n, x, y);
    for (int i = 0; i < n; i++)
        if (want[i] != want[i] ? y[i] == y[i] : y[i] != want[i] || signbit(y[i]) != signbit(want[i])) {
            print_error("%s %s of %g is %g, expected %g\n", k->name, fire_type_text(type), x[i], y[i], want[i]);
            wrong++;
        }
}

static const double odd[] = {0, -0.0, INFINITY, -INFINITY, NAN};
static void exp_range(const fire_kernel *k, fire_context *ctx, fire_type type) {
    sweep(k, ctx, type, exp, -103, 88.7, 2);
    sweep(k, ctx, type, exp, -1, 1, 2);
    if (type == FIRE_F64) sweep(k, ctx, type, exp, -745, 709.7, 2);
    special(k, ctx, type, 5, odd, (const double[]){1, 1, INFINITY, 0, NAN});
    special(k, ctx, type, 2, (const double[]){1000, -1000}, (const double[]){INFINITY, 0});
}
static void log_range(const fire_kernel *k, fire_context *ctx, fire_type type) {
    sweep(k, ctx, type, log, 1e-3, 10, 2);
    sweep(k, ctx, type, log, 0.9, 1.1, 2);
    sweep(k, ctx, type, log, 1e-30, 3e38, 2);
    sweep(k, ctx, type, log, 1e-44, 1.1e-38, 2);
    special(k, ctx, type, 5, odd, (const double[]){-INFINITY, -INFINITY, INFINITY, NAN, NAN});
    special(k, ctx, type, 2, (const double[]){1, -1}, (const double[]){0, NAN});
}
static void tanh_range(const fire_kernel *k, fire_context *ctx, fire_type type) {
    sweep(k, ctx, type, tanh, -20, 20, 4);
    sweep(k, ctx, type, tanh, -1, 1, 4);
    sweep(k, ctx, type, tanh, -1e-6, 1e-6, 4);
    special(k, ctx, type, 5, odd, (const double[]){0, -0.0, 1, -1, NAN});
    special(k, ctx, type, 2, (const double[]){1000, -1000}, (const double[]){1, -1});
}
static double sigmoid(double x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }
static void sigmoid_range(const fire_kernel *k, fire_context *ctx, fire_type type) {
    sweep(k, ctx, type, sigmoid, -103, 100, 4);
    sweep(k, ctx, type, sigmoid, -2, 2, 4);
    special(k, ctx, type, 5, odd, (const double[]){0.5, 0.5, 1, 0, NAN});
    special(k, ctx, type, 2, (const double[]){1000, -1000}, (const double[]){1, 0});
}

static double softplus(double x) { return (x > 0 ? x : 0) + log1p(exp(-fabs(x))); }
static void erf_range(const fire_kernel *k, fire_context *ctx, fire_type type) {
    sweep(k, ctx, type, erf, -7, 7, 4);
    sweep(k, ctx, type, erf, -1, 1, 4);
    sweep(k, ctx, type, erf, -1e-6, 1e-6, 4);
    special(k, ctx, type, 5, odd, (const double[]){0, -0.0, 1, -1, NAN});
    special(k, ctx, type, 2, (const double[]){1000, -1000}, (const double[]){1, -1});
}
static void softplus_range(const fire_kernel *k, fire_context *ctx, fire_type type) {
    sweep(k, ctx, type, softplus, -87, 87, 4);
    sweep(k, ctx, type, softplus, -2, 2, 4);
    special(k, ctx, type, 3, (const double[]){INFINITY, -INFINITY, NAN}, (const double[]){INFINITY, 0, NAN});
}

static void test_ranges(void **state) {
    each_kernel_of("Erf", erf_range);
    each_kernel_of("Softplus", softplus_range);
    each_kernel_of("Exp", exp_range);
    each_kernel_of("Log", log_range);
    each_kernel_of("Tanh", tanh_range);
    each_kernel_of("Sigmoid", sigmoid_range);
    assert_int_equal(wrong, 0);
}

/* ---- long sums ---- */

/* 60,000 numbers of one sign, as in a full batch: one rounding after the other would be off by sqrt(60000) eps. */
static void long_sums(const fire_kernel *k, fire_context *ctx, fire_type type) {
    static const char *const cases[] = {"[60000,5]>0 [5]", "[60001,1]>0 []", "[5,60000]>0 [5,1]"};
    for (int i = 0; i < 3; i++) {
        check_args a = {.ctx = ctx, .k = k, .op = fire_op_named(k->op), .text = cases[i], .type = type};
        prepared p, want;
        prepare(a.op, a.text, type, 0, &p);
        prepare(a.op, a.text, type, 0, &want);
        run_reference(a.op, &want.call);
        run_kernel(ctx, k, &p.call);
        compare(&a, &p, &want, type == FIRE_F32 ? 16 * 0x1p-23 : 256 * 0x1p-52, 0); /* the reference adds doubles one by one */
        forget(&p);
        forget(&want);
    }
}
static void test_long_sums(void **state) {
    each_kernel_of("SumLike", long_sums);
    assert_int_equal(wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes), cmocka_unit_test(test_ranges), cmocka_unit_test(test_long_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
