/* matmul.c - large float32 matrix products by oneDNN.
**
** Primitives run inline, on the thread that calls: OpenMP is told to use one thread while they are made and while they run, and the
** calling thread's own setting is put back. That setting belongs to the thread, so others are not disturbed.
*/
#include "kernel.h"
#include <oneapi/dnnl/dnnl.h>
#include <string.h>

/* From libgomp, which libdnnl uses; its header comes with compilers only. */
int omp_get_max_threads(void);
void omp_set_num_threads(int n);

/* Below this many floating point operations our own product is as fast or faster, and its rows keep their bits in every batch. */
#define LARGE ((int64_t)1 << 28)

typedef struct matmul {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t primitive;
    dnnl_memory_t a, b, bias, y, scratch;
} matmul;

static const char *decline_product(const fire_call *call, int64_t m, int64_t n, int64_t k) {
    int64_t flops;
    if (call->in[0].type != FIRE_F32) return "not float32";
    if (!m || !n || !k) return "it is empty";
    if (fire_mul(m, n, &flops) && fire_mul(flops, 2 * k, &flops) && flops < LARGE) return "it is small";
    return NULL;
}

static void matmul_release(fire_context *ctx, void *state) {
    matmul *s = state;
    if (!s) return;
    dnnl_memory_t memory[] = {s->a, s->b, s->bias, s->y, s->scratch};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++)
        if (memory[i]) dnnl_memory_destroy(memory[i]);
    if (s->primitive) dnnl_primitive_destroy(s->primitive);
    if (s->stream) dnnl_stream_destroy(s->stream);
    if (s->engine) dnnl_engine_destroy(s->engine);
    fire_free(ctx, s);
}

/* Every oneDNN object that is made here is freed here or kept in s. */
static dnnl_status_t make(matmul *s, int64_t m, int64_t n, int64_t k, bool trans_a, bool trans_b, bool bias, bool relu, size_t *scratch) {
    dnnl_memory_desc_t a = NULL, b = NULL, c = NULL, y = NULL;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t ops = NULL;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_status_t st = dnnl_success;
#define TRY(call) do { if (!st) st = (call); } while (0)
    TRY(dnnl_engine_create(&s->engine, dnnl_cpu, 0));
    TRY(dnnl_stream_create(&s->stream, s->engine, dnnl_stream_default_flags));
    TRY(dnnl_memory_desc_create_with_strides(&a, 2, (dnnl_dims_t){m, k}, dnnl_f32, trans_a ? (dnnl_dims_t){1, m} : (dnnl_dims_t){k, 1}));
    TRY(dnnl_memory_desc_create_with_strides(&b, 2, (dnnl_dims_t){k, n}, dnnl_f32, trans_b ? (dnnl_dims_t){1, k} : (dnnl_dims_t){n, 1}));
    TRY(dnnl_memory_desc_create_with_strides(&y, 2, (dnnl_dims_t){m, n}, dnnl_f32, (dnnl_dims_t){n, 1}));
    if (bias) TRY(dnnl_memory_desc_create_with_strides(&c, 2, (dnnl_dims_t){1, n}, dnnl_f32, (dnnl_dims_t){n, 1}));
    TRY(dnnl_primitive_attr_create(&attr));
    TRY(dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user));
    if (relu) {
        TRY(dnnl_post_ops_create(&ops));
        TRY(dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_relu, 0, 0));
        TRY(dnnl_primitive_attr_set_post_ops(attr, ops));
    }
    TRY(dnnl_matmul_primitive_desc_create(&desc, s->engine, a, b, c, y, attr));
    TRY(dnnl_primitive_create(&s->primitive, desc));
    TRY(dnnl_memory_create(&s->a, a, s->engine, DNNL_MEMORY_NONE));
    TRY(dnnl_memory_create(&s->b, b, s->engine, DNNL_MEMORY_NONE));
    TRY(dnnl_memory_create(&s->y, y, s->engine, DNNL_MEMORY_NONE));
    if (bias) TRY(dnnl_memory_create(&s->bias, c, s->engine, DNNL_MEMORY_NONE));
    if (!st) {
        const_dnnl_memory_desc_t room = dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0);
        *scratch = room ? dnnl_memory_desc_get_size(room) : 0;
        if (*scratch) TRY(dnnl_memory_create(&s->scratch, room, s->engine, DNNL_MEMORY_NONE));
    }
#undef TRY
    if (desc) dnnl_primitive_desc_destroy(desc);
    if (ops) dnnl_post_ops_destroy(ops);
    if (attr) dnnl_primitive_attr_destroy(attr);
    dnnl_memory_desc_t descs[] = {a, b, c, y};
    for (size_t i = 0; i < sizeof descs / sizeof *descs; i++)
        if (descs[i]) dnnl_memory_desc_destroy(descs[i]);
    return st;
}

static fire_status prepare_product(fire_context *ctx, fire_call *call, int64_t m, int64_t n, int64_t k, bool trans_a, bool trans_b, bool relu, size_t *scratch,
                                   fire_error *err) {
    matmul *s = fire_alloc(ctx, 1, sizeof *s, err);
    if (!s) return FIRE_NOMEM;
    int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    dnnl_status_t st = make(s, m, n, k, trans_a, trans_b, call->n_in > 2 && call->in[2].type, relu, scratch);
    omp_set_num_threads(threads);
    if (st) {
        matmul_release(ctx, s);
        if (st == dnnl_out_of_memory) return fire_fail(err, FIRE_E_NOMEM, "oneDNN has no memory for a matrix product");
        return fire_fail(err, FIRE_E_UNSUPPORTED, "oneDNN cannot multiply [%lld, %lld] by [%lld, %lld] (status %d)", (long long)m, (long long)k, (long long)k, (long long)n, (int)st);
    }
    call->state = s;
    return FIRE_OK;
}

/* Setting a handle allocates nothing and cannot fail. */
static void matmul_run(const fire_call *call) {
    matmul *s = call->state;
    dnnl_exec_arg_t arg[5] = {{DNNL_ARG_SRC, s->a}, {DNNL_ARG_WEIGHTS, s->b}, {DNNL_ARG_DST, s->y}};
    int n = 3;
    dnnl_memory_set_data_handle(s->a, call->in[0].data);
    dnnl_memory_set_data_handle(s->b, call->in[1].data);
    dnnl_memory_set_data_handle(s->y, call->out[0].data);
    if (s->bias) {
        dnnl_memory_set_data_handle(s->bias, call->in[2].data);
        arg[n++] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, s->bias};
    }
    if (s->scratch) {
        dnnl_memory_set_data_handle(s->scratch, call->scratch);
        arg[n++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, s->scratch};
    }
    int threads = omp_get_max_threads();
    if (threads != 1) omp_set_num_threads(1);
    dnnl_primitive_execute(s->primitive, s->stream, n, arg);
    if (threads != 1) omp_set_num_threads(threads);
}

/* ---- Gemm and FusedGemm ---- */

typedef struct { int64_t m, n, k; bool trans_a, trans_b; } sizes;
static sizes sizes_of(const char *op, const fire_call *call) {
    sizes s = {.trans_a = fire_kernel_number(op, call->attrs, "transA") != 0, .trans_b = fire_kernel_number(op, call->attrs, "transB") != 0};
    s.m = call->out[0].shape.dim[0], s.n = call->out[0].shape.dim[1], s.k = call->in[0].shape.dim[!s.trans_a];
    return s;
}

static const char *gemm_decline(fire_context *ctx, const fire_call *call) {
    sizes s = sizes_of("Gemm", call);
    if (fire_kernel_number("Gemm", call->attrs, "alpha") != 1) return "alpha is not 1";
    if (call->n_in > 2 && call->in[2].type) {
        if (fire_kernel_number("Gemm", call->attrs, "beta") != 1) return "beta is not 1";
        if (call->in[2].shape.rank != 1 || call->in[2].shape.dim[0] != s.n) return "C is not one row";
    }
    return decline_product(call, s.m, s.n, s.k);
}
static fire_status gemm_prepare(fire_context *ctx, fire_call *call, size_t *scratch, fire_error *err) {
    sizes s = sizes_of("Gemm", call);
    return prepare_product(ctx, call, s.m, s.n, s.k, s.trans_a, s.trans_b, false, scratch, err);
}
const fire_kernel fire_kernel_onednn_gemm = {
    .name = "onednn.matmul", .op = "Gemm", .isa = FIRE_ISA_AVX2, .decline = gemm_decline, .prepare = gemm_prepare, .run = matmul_run, .release = matmul_release,
};

static const char *fused_decline(fire_context *ctx, const fire_call *call) {
    sizes s = sizes_of("FusedGemm", call);
    const char *activation = fire_kernel_text("FusedGemm", call->attrs, "activation");
    if (*activation && strcmp(activation, "relu")) return "the activation is neither none nor relu";
    return decline_product(call, s.m, s.n, s.k);
}
static fire_status fused_prepare(fire_context *ctx, fire_call *call, size_t *scratch, fire_error *err) {
    sizes s = sizes_of("FusedGemm", call);
    bool relu = *fire_kernel_text("FusedGemm", call->attrs, "activation") != 0;
    return prepare_product(ctx, call, s.m, s.n, s.k, s.trans_a, s.trans_b, relu, scratch, err);
}
const fire_kernel fire_kernel_onednn_fused_gemm = {
    .name = "onednn.matmul", .op = "FusedGemm", .isa = FIRE_ISA_AVX2, .decline = fused_decline, .prepare = fused_prepare, .run = matmul_run, .release = matmul_release,
};

/* ---- MatMul by one matrix ---- */

static int64_t rows_of(const fire_call *call) {
    int64_t m = 1;
    for (int d = 0; d < call->in[0].shape.rank - 1; d++) m *= call->in[0].shape.dim[d];
    return m;
}
static const char *matmul_decline(fire_context *ctx, const fire_call *call) {
    if (call->in[1].shape.rank != 2) return "the right operand is not one matrix";
    return decline_product(call, rows_of(call), call->in[1].shape.dim[1], call->in[1].shape.dim[0]);
}
static fire_status matmul_prepare(fire_context *ctx, fire_call *call, size_t *scratch, fire_error *err) {
    return prepare_product(ctx, call, rows_of(call), call->in[1].shape.dim[1], call->in[1].shape.dim[0], false, false, false, scratch, err);
}
const fire_kernel fire_kernel_onednn_matmul = {
    .name = "onednn.matmul", .op = "MatMul", .isa = FIRE_ISA_AVX2, .decline = matmul_decline, .prepare = matmul_prepare, .run = matmul_run, .release = matmul_release,
};
