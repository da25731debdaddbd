/* gemm.c - Gemm, FusedGemm and MatMul by our own matrix product. It wins over oneDNN where y is small, b is transposed, or a step is
** short, because it packs nothing that it need not; and its rows have the same bits in every batch. */
#include "product.h"
#include "vector.h"

#define BODY "gemm_body.h"
#include "both.h"

/* Fill in g from a call of Gemm or FusedGemm. */
static fire_product product_of(const fire_call *call, bool trans_a, bool trans_b) {
    const fire_tensor *a = &call->in[0], *b = &call->in[1], *y = &call->out[0];
    fire_product g = {.m = y->shape.dim[0], .n = y->shape.dim[1], .k = a->shape.dim[!trans_a], .a = a->data, .b = b->data, .y = y->data, .scratch = call->scratch};
    g.a_row = trans_a ? 1 : g.k;
    g.a_col = trans_a ? g.m : 1;
    g.b_row = trans_b ? 1 : g.n;
    g.b_col = trans_b ? g.k : 1;
    g.y_row = g.n;
    if (call->n_in > 2 && call->in[2].type) g.bias = call->in[2].data;
    return g;
}

static void product_run(const fire_call *call, const fire_product *g) {
    if (call->in[0].type == FIRE_F32) FIRE_ISA_NAME(fire_product_f32)(g);
    else FIRE_ISA_NAME(fire_product_f64)(g);
}

static fire_status product_prepare(fire_context *ctx, fire_call *call, size_t *scratch, fire_error *err) {
    *scratch = FIRE_PRODUCT_SCRATCH;
    return FIRE_OK;
}

static const char *decline_type(const fire_call *call) {
    fire_type t = call->in[0].type;
    return t == FIRE_F32 || t == FIRE_F64 ? NULL : "the type is not a float";
}

/* ---- Gemm ---- */

static const char *gemm_decline(fire_context *ctx, const fire_call *call) {
    if (fire_kernel_number("Gemm", call->attrs, "alpha") != 1) return "alpha is not 1";
    if (call->n_in > 2 && call->in[2].type) {
        if (fire_kernel_number("Gemm", call->attrs, "beta") != 1) return "beta is not 1";
        if (call->in[2].shape.rank != 1 || call->in[2].shape.dim[0] != call->out[0].shape.dim[1]) return "C is not one row";
    }
    return decline_type(call);
}

static void gemm_run(const fire_call *call) {
    fire_product g = product_of(call, fire_kernel_number("Gemm", call->attrs, "transA") != 0, fire_kernel_number("Gemm", call->attrs, "transB") != 0);
    product_run(call, &g);
}

const fire_kernel FIRE_ISA_NAME(fire_kernel_native_gemm) = {
    .name = "native." FIRE_ISA_TEXT ".gemm", .op = "Gemm", .isa = FIRE_ISA_LEVEL, .decline = gemm_decline, .prepare = product_prepare, .run = gemm_run,
};

/* ---- FusedGemm: relu while the tile is in registers, the others in a second pass over y ---- */

static const char *fused_decline(fire_context *ctx, const fire_call *call) { return decline_type(call); }

static void fused_run(const fire_call *call) {
    char activation = *fire_kernel_text("FusedGemm", call->attrs, "activation");
    fire_product g = product_of(call, fire_kernel_number("FusedGemm", call->attrs, "transA") != 0, fire_kernel_number("FusedGemm", call->attrs, "transB") != 0);
    g.relu = activation == 'r';
    product_run(call, &g);
    if (!activation || g.relu) return;
    if (call->in[0].type == FIRE_F32) activate_f32(g.y, g.m * g.n, activation == 's');
    else activate_f64(g.y, g.m * g.n, activation == 's');
}

const fire_kernel FIRE_ISA_NAME(fire_kernel_native_fused_gemm) = {
    .name = "native." FIRE_ISA_TEXT ".gemm", .op = "FusedGemm", .isa = FIRE_ISA_LEVEL, .decline = fused_decline, .prepare = product_prepare, .run = fused_run,
};

/* ---- MatMul: by one matrix, all rows of a at once; or matrix by matrix, some of which may be read more than once ---- */

static const char *matmul_decline(fire_context *ctx, const fire_call *call) {
    return call->in[0].shape.rank < 2 || call->in[1].shape.rank < 2 ? "an operand is a vector" : decline_type(call);
}

static void matmul_run(const fire_call *call) {
    fire_shape a = call->in[0].shape, b = call->in[1].shape, stack = call->out[0].shape;
    fire_product g = {.m = a.dim[a.rank - 2], .k = b.dim[b.rank - 2], .n = b.dim[b.rank - 1], .a = call->in[0].data, .b = call->in[1].data,
                      .y = call->out[0].data, .b_col = 1, .a_col = 1, .scratch = call->scratch};
    g.a_row = g.k, g.b_row = g.y_row = g.n;
    if (b.rank == 2) {
        for (int d = 0; d < a.rank - 2; d++) g.m *= a.dim[d];
        product_run(call, &g);
        return;
    }
    a.rank -= 2, b.rank -= 2, stack.rank -= 2;
    size_t width = fire_type_size(call->in[0].type);
    fire_walk w = fire_walk_start(&stack, 2, (const fire_tensor[]){{.shape = a}, {.shape = b}});
    for (int64_t i = 0, times = fire_count(&stack); i < times; i++, fire_walk_next(&w)) {
        g.a = (const char *)call->in[0].data + (size_t)(w.i[0] * g.m * g.k) * width;
        g.b = (const char *)call->in[1].data + (size_t)(w.i[1] * g.k * g.n) * width;
        product_run(call, &g);
        g.y = (char *)g.y + (size_t)(g.m * g.n) * width;
    }
}

const fire_kernel FIRE_ISA_NAME(fire_kernel_native_matmul) = {
    .name = "native." FIRE_ISA_TEXT ".matmul", .op = "MatMul", .isa = FIRE_ISA_LEVEL, .decline = matmul_decline, .prepare = product_prepare, .run = matmul_run,
};
