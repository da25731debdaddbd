/* layer_normalization.c - LayerNormalization and its gradient, a row at a time while it is in the cache. */
#include "kernel.h"
#include "vector.h"

enum { BLOCK = 64 }; /* rows whose contributions to dscale and dbias are added one after the other */

#define BODY "layer_normalization_body.h"
#include "both.h"

static const char *decline(fire_context *ctx, const fire_call *call) {
    fire_type t = call->in[0].type;
    if (t != FIRE_F32 && t != FIRE_F64) return "the type is not a float";
    return fire_count(&call->in[0].shape) == 0 ? "there are no numbers" : NULL;
}

static void norm_run(const fire_call *call) {
    int64_t rows = fire_count(&call->out[1].shape), size = fire_count(&call->in[0].shape) / rows;
    double epsilon = fire_kernel_number("LayerNormalization", call->attrs, "epsilon");
    const void *bias = call->n_in > 2 && call->in[2].type ? call->in[2].data : NULL;
    if (call->in[0].type == FIRE_F32) norm_f32(call, rows, size, (float)epsilon, bias);
    else norm_f64(call, rows, size, epsilon, bias);
}
const fire_kernel FIRE_ISA_NAME(fire_kernel_native_layer_normalization) = {
    .name = "native." FIRE_ISA_TEXT ".layer_normalization", .op = "LayerNormalization", .isa = FIRE_ISA_LEVEL, .decline = decline, .run = norm_run,
};

static fire_status grad_prepare(fire_context *ctx, fire_call *call, size_t *scratch, fire_error *err) {
    *scratch = 2 * (size_t)fire_count(&call->in[2].shape) * fire_type_size(call->in[0].type);
    return FIRE_OK;
}
static void grad_run(const fire_call *call) {
    int64_t rows = fire_count(&call->in[3].shape), size = fire_count(&call->in[0].shape) / rows;
    if (call->in[0].type == FIRE_F32) norm_grad_f32(call, rows, size);
    else norm_grad_f64(call, rows, size);
}
const fire_kernel FIRE_ISA_NAME(fire_kernel_native_layer_normalization_grad) = {
    .name = "native." FIRE_ISA_TEXT ".layer_normalization_grad", .op = "LayerNormalizationGrad", .isa = FIRE_ISA_LEVEL, .decline = decline,
    .prepare = grad_prepare, .run = grad_run,
};
