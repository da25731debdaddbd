/* elementwise.c - operators of one formula per element, with broadcasting. Whole numbers are left to the reference. */
#include "broadcast.h"
#include "vector.h"

/* n results; an operand with step 0 is one number. y may be a or b. attrs: two numbers of the operator's attributes. */
typedef void span(int64_t n, void *y, const void *a, bool a_steps, const void *b, bool b_steps, const double *attrs);

#define BODY "elementwise_body.h"
#include "both.h"

static void run_all(const fire_call *call, int n_in, span *f, const double *attrs) {
    runs r = runs_of(&call->out[0].shape, n_in, call->in);
    size_t width = fire_type_size(call->out[0].type);
    const char *a = call->in[0].data, *b = n_in > 1 ? call->in[1].data : a;
    char *y = call->out[0].data;
    for (int64_t c = 0; c < r.count; c++, y += (size_t)r.length * width, fire_walk_next(&r.walk))
        f(r.length, y, a + (size_t)r.walk.i[0] * width, r.step[0] != 0, b + (size_t)(n_in > 1 ? r.walk.i[1] : 0) * width, r.step[1] != 0, attrs);
}

static const char *decline(fire_context *ctx, const fire_call *call) {
    fire_type t = call->in[0].type;
    return t == FIRE_F32 || t == FIRE_F64 ? NULL : "the type is not a float";
}
static const char *decline_pair(fire_context *ctx, const fire_call *call) {
    return call->n_in != 2 ? "there are not two inputs" : decline(ctx, call);
}

/* The two numbers of the attributes that a formula speaks of, by their names; NULL: none. */
#define KERNEL(symbol, op_name, inputs, declines) KERNEL_OF(symbol, op_name, inputs, declines, NULL, NULL, symbol##_f32, symbol##_f64)
#define KERNEL_OF(symbol, op_name, inputs, declines, p, q, narrow, wide)                                                     \
    static void symbol##_run(const fire_call *call) {                                                                        \
        const double attrs[2] = {(p) ? fire_kernel_number(op_name, call->attrs, p) : 0, (q) ? fire_kernel_number(op_name, call->attrs, q) : 0}; \
        run_all(call, inputs, call->in[0].type == FIRE_F32 ? narrow : wide, attrs);                                          \
    }                                                                                                                        \
    const fire_kernel FIRE_ISA_NAME(fire_kernel_native_##symbol) = {                                                         \
        .name = "native." FIRE_ISA_TEXT "." #symbol, .op = op_name, .isa = FIRE_ISA_LEVEL, .decline = declines, .run = symbol##_run};

KERNEL(add, "Add", 2, decline)
KERNEL(sub, "Sub", 2, decline)
KERNEL(mul, "Mul", 2, decline)
KERNEL(div, "Div", 2, decline)
KERNEL(max, "Max", 2, decline_pair)
KERNEL(min, "Min", 2, decline_pair)
KERNEL(sum, "Sum", 2, decline_pair)
KERNEL(relu_grad, "ReluGrad", 2, decline)
KERNEL(sigmoid_grad, "SigmoidGrad", 2, decline)
KERNEL(tanh_grad, "TanhGrad", 2, decline)
KERNEL(neg, "Neg", 1, decline)
KERNEL(abs, "Abs", 1, decline)
KERNEL(sign, "Sign", 1, decline)
KERNEL(relu, "Relu", 1, decline)
KERNEL(sigmoid, "Sigmoid", 1, decline)
KERNEL(tanh, "Tanh", 1, decline)
KERNEL(exp, "Exp", 1, decline)
KERNEL(log, "Log", 1, decline)
KERNEL(sqrt, "Sqrt", 1, decline)
KERNEL(expand, "Expand", 1, decline)
KERNEL(expand_like, "ExpandLike", 1, decline)
KERNEL(reciprocal, "Reciprocal", 1, decline)
KERNEL(erf, "Erf", 1, decline)
KERNEL(softplus, "Softplus", 1, decline)
KERNEL(softsign, "Softsign", 1, decline)
KERNEL(prelu, "PRelu", 2, decline)
KERNEL_OF(leaky_relu, "LeakyRelu", 1, decline, "alpha", NULL, leaky_relu_f32, leaky_relu_f64)
KERNEL_OF(leaky_relu_grad, "LeakyReluGrad", 2, decline, "alpha", NULL, leaky_relu_grad_f32, leaky_relu_grad_f64)
KERNEL_OF(thresholded_relu, "ThresholdedRelu", 1, decline, "alpha", NULL, thresholded_relu_f32, thresholded_relu_f64)
KERNEL_OF(thresholded_relu_grad, "ThresholdedReluGrad", 2, decline, "alpha", NULL, thresholded_relu_grad_f32, thresholded_relu_grad_f64)
KERNEL_OF(elu, "Elu", 1, decline, "alpha", NULL, elu_f32, elu_f64)
KERNEL_OF(elu_grad, "EluGrad", 2, decline, "alpha", NULL, elu_grad_f32, elu_grad_f64)
KERNEL_OF(selu, "Selu", 1, decline, "alpha", "gamma", selu_f32, selu_f64)
KERNEL_OF(selu_grad, "SeluGrad", 2, decline, "alpha", "gamma", selu_grad_f32, selu_grad_f64)
KERNEL_OF(hard_sigmoid, "HardSigmoid", 1, decline, "alpha", "beta", hard_sigmoid_f32, hard_sigmoid_f64)
KERNEL_OF(hard_sigmoid_grad, "HardSigmoidGrad", 2, decline, "alpha", "beta", hard_sigmoid_grad_f32, hard_sigmoid_grad_f64)
KERNEL_OF(hard_swish, "HardSwish", 1, decline, NULL, NULL, hard_swish_f32, hard_swish_f64)
KERNEL_OF(hard_swish_grad, "HardSwishGrad", 2, decline, NULL, NULL, hard_swish_grad_f32, hard_swish_grad_f64)
KERNEL_OF(mish, "Mish", 1, decline, NULL, NULL, mish_f32, mish_f64)
KERNEL_OF(mish_grad, "MishGrad", 2, decline, NULL, NULL, mish_grad_f32, mish_grad_f64)
KERNEL_OF(swish, "Swish", 1, decline, "alpha", NULL, swish_f32, swish_f64)
KERNEL_OF(swish_grad, "SwishGrad", 2, decline, "alpha", NULL, swish_grad_f32, swish_grad_f64)
static bool by_tanh(const fire_call *call) { return *fire_kernel_text("Gelu", call->attrs, "approximate") == 't'; }
KERNEL_OF(gelu, "Gelu", 1, decline, NULL, NULL, by_tanh(call) ? gelu_tanh_f32 : gelu_f32, by_tanh(call) ? gelu_tanh_f64 : gelu_f64)
KERNEL_OF(gelu_grad, "GeluGrad", 2, decline, NULL, NULL, by_tanh(call) ? gelu_tanh_grad_f32 : gelu_grad_f32, by_tanh(call) ? gelu_tanh_grad_f64 : gelu_grad_f64)
