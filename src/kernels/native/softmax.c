/* softmax.c - Softmax and LogSoftmax along the last dimension, their gradients, and the softmax cross-entropy with its gradient. */
#include "kernel.h"
#include "vector.h"

/* The class of row i, or -1 when it is out of range. */
static int64_t class_of(const fire_tensor *t, int64_t i, int64_t classes) {
    int64_t c = t->type == FIRE_I64 ? ((const int64_t *)t->data)[i] : ((const int32_t *)t->data)[i];
    return c >= 0 && c < classes ? c : -1;
}

#define BODY "softmax_body.h"
#include "both.h"

static int64_t last_dim(const fire_tensor *x) { return x->shape.dim[x->shape.rank - 1]; }

static const char *decline_type(const fire_call *call) {
    fire_type t = call->in[0].type;
    if (t != FIRE_F32 && t != FIRE_F64) return "the type is not a float";
    return fire_count(&call->in[0].shape) == 0 ? "there are no numbers" : NULL;
}
static const char *softmax_decline_as(const char *op, const fire_call *call) {
    double axis = fire_kernel_number(op, call->attrs, "axis");
    if (axis != -1 && axis != call->in[0].shape.rank - 1) return "the axis is not the last";
    return decline_type(call);
}
static const char *softmax_decline(fire_context *ctx, const fire_call *call) { return softmax_decline_as("Softmax", call); }
static const char *softmax_grad_decline(fire_context *ctx, const fire_call *call) { return softmax_decline_as("SoftmaxGrad", call); }
static const char *log_softmax_decline(fire_context *ctx, const fire_call *call) { return softmax_decline_as("LogSoftmax", call); }
static const char *log_softmax_grad_decline(fire_context *ctx, const fire_call *call) { return softmax_decline_as("LogSoftmaxGrad", call); }
static const char *cross_entropy_decline(fire_context *ctx, const fire_call *call) { return decline_type(call); }

#define KERNEL(symbol, op_name, declines)                                                         \
    static void symbol##_run(const fire_call *call) {                                             \
        int64_t classes = last_dim(&call->in[0]), rows = fire_count(&call->in[0].shape) / classes; \
        if (call->in[0].type == FIRE_F32) symbol##_f32(call, rows, classes);                      \
        else symbol##_f64(call, rows, classes);                                                   \
    }                                                                                             \
    const fire_kernel FIRE_ISA_NAME(fire_kernel_native_##symbol) = {                              \
        .name = "native." FIRE_ISA_TEXT "." #symbol, .op = op_name, .isa = FIRE_ISA_LEVEL, .decline = declines, .run = symbol##_run};
KERNEL(softmax, "Softmax", softmax_decline)
KERNEL(softmax_grad, "SoftmaxGrad", softmax_grad_decline)
KERNEL(log_softmax, "LogSoftmax", log_softmax_decline)
KERNEL(log_softmax_grad, "LogSoftmaxGrad", log_softmax_grad_decline)
KERNEL(softmax_cross_entropy, "SoftmaxCrossEntropy", cross_entropy_decline)
KERNEL(softmax_cross_entropy_grad, "SoftmaxCrossEntropyGrad", cross_entropy_decline)
