/* elementwise.c - operators of one formula per element, with broadcasting.
**
** Dimensions that lie alike in all operands are joined first, so that what remains is a few long runs in which each operand either
** advances or stands still; a run is one function per formula. Whole numbers are left to the reference.
*/
#include "kernel.h"
#include "vector.h"

/* n results; an operand with step 0 is one number. y may be a or b. */
typedef void span(int64_t n, void *y, const void *a, bool a_steps, const void *b, bool b_steps);

#define BODY "elementwise_body.h"
#include "both.h"

/* Runs of the operands over y. */
typedef struct { int rank; int64_t size[FIRE_MAX_RANK], step[2][FIRE_MAX_RANK]; } runs; /* innermost first; steps in elements */

static runs join(const fire_call *call, int n_in) {
    const fire_shape *y = &call->out[0].shape;
    runs r = {0};
    int64_t stride[2] = {1, 1};
    for (int d = 1; d <= y->rank; d++) {
        int64_t size = y->dim[y->rank - d], step[2] = {0, 0};
        for (int k = 0; k < n_in; k++) {
            const fire_shape *s = &call->in[k].shape;
            int64_t own = d <= s->rank ? s->dim[s->rank - d] : 1;
            if (own != 1) step[k] = stride[k];
            stride[k] *= own;
        }
        if (size == 1) continue;
        int last = r.rank - 1;
        if (last >= 0 && step[0] == r.step[0][last] * r.size[last] && step[1] == r.step[1][last] * r.size[last]) r.size[last] *= size;
        else r.size[r.rank] = size, r.step[0][r.rank] = step[0], r.step[1][r.rank] = step[1], r.rank++;
    }
    if (!r.rank) r.rank = 1, r.size[0] = 1;
    return r;
}

static void run_all(const fire_call *call, int n_in, span *f) {
    if (fire_count(&call->out[0].shape) == 0) return;
    runs r = join(call, n_in);
    size_t width = fire_type_size(call->out[0].type);
    const char *a = call->in[0].data, *b = n_in > 1 ? call->in[1].data : a;
    char *y = call->out[0].data;
    int64_t at[FIRE_MAX_RANK] = {0};
    for (;;) {
        f(r.size[0], y, a, r.step[0][0] != 0, b, r.step[1][0] != 0);
        y += (size_t)r.size[0] * width;
        int d = 1;
        for (; d < r.rank; d++) {
            a += r.step[0][d] * (int64_t)width, b += r.step[1][d] * (int64_t)width;
            if (++at[d] < r.size[d]) break;
            at[d] = 0;
            a -= r.step[0][d] * r.size[d] * (int64_t)width, b -= r.step[1][d] * r.size[d] * (int64_t)width;
        }
        if (d == r.rank) return;
    }
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
KERNEL(relu_grad, "ReluGrad", 2, decline)
KERNEL(sigmoid_grad, "SigmoidGrad", 2, decline)
KERNEL(tanh_grad, "TanhGrad", 2, decline)
KERNEL(neg, "Neg", 1, decline)
KERNEL(abs, "Abs", 1, decline)
KERNEL(relu, "Relu", 1, decline)
KERNEL(sigmoid, "Sigmoid", 1, decline)
KERNEL(tanh, "Tanh", 1, decline)
KERNEL(exp, "Exp", 1, decline)
KERNEL(log, "Log", 1, decline)
KERNEL(sqrt, "Sqrt", 1, decline)
KERNEL(expand, "Expand", 1, decline)
KERNEL(expand_like, "ExpandLike", 1, decline)
