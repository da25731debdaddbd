/* sigmoid_cross_entropy.c - loss max(x, 0) - x t + log(1 + e^-|x|) of each logit, and its probability. */
#include "kernel.h"
#include "vector.h"

#define BODY "sigmoid_cross_entropy_body.h"
#include "both.h"

static const char *decline(fire_context *ctx, const fire_call *call) {
    fire_type t = call->in[0].type;
    return t == FIRE_F32 || t == FIRE_F64 ? NULL : "the type is not a float";
}
static void run(const fire_call *call) {
    int64_t n = fire_count(&call->in[0].shape);
    if (call->in[0].type == FIRE_F32) loss_f32(call->in[0].data, call->in[1].data, call->out[0].data, call->out[1].data, n);
    else loss_f64(call->in[0].data, call->in[1].data, call->out[0].data, call->out[1].data, n);
}
const fire_kernel FIRE_ISA_NAME(fire_kernel_native_sigmoid_cross_entropy) = {
    .name = "native." FIRE_ISA_TEXT ".sigmoid_cross_entropy", .op = "SigmoidCrossEntropy", .isa = FIRE_ISA_LEVEL, .decline = decline, .run = run,
};
