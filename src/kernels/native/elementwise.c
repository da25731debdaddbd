/* elementwise.c - operators of one formula per element, with broadcasting. Whole numbers are left to the reference. */
#include "broadcast.h"
#include "vector.h"

/* n results; an operand with step 0 is one number. y may be a or b. */
typedef void span(int64_t n, void *y, const void *a, bool a_steps, const void *b, bool b_steps);

#define BODY "elementwise_body.h"
#include "both.h"

static void run_all(const fire_call *call, int n_in, span *f) {
    runs r = runs_of(&call->out[0].shape, n_in, call->in);
    size_t width = fire_type_size(call->out[0].type);
    const char *a = call->in[0].data, *b = n_in > 1 ? call->in[1].data : a;
    char *y = call->out[0].data;
    for (int64_t c = 0; c < r.count; c++, y += (size_t)r.length * width, fire_walk_next(&r.walk))
        f(r.length, y, a + (size_t)r.walk.i[0] * width, r.step[0] != 0, b + (size_t)(n_in > 1 ? r.walk.i[1] : 0) * width, r.step[1] != 0);
}

static const char *decline(fire_context *ctx, const fire_call *call) {
    fire_type t = call->in[0].type;
    return t == FIRE_F32 || t == FIRE_F64 ? NULL : "the type is not a float";
}
static const char *decline_pair(fire_context *ctx, const fire_call *call) {
    return call->n_in != 2 ? "there are not two inputs" : decline(ctx, call);
}

#define KERNEL(symbol, op_name, inputs, declines)                                                                            \
    static void symbol##_run(const fire_call *call) { run_all(call, inputs, call->in[0].type == FIRE_F32 ? symbol##_f32 : symbol##_f64); } \
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
