/* reduce.c - sums along dimensions that lie side by side: SumLike, ReduceSum, ReduceMean, and BiasReluGrad.
**
** x is seen as [outer, size, inner], of which `size` is summed. Sums over the last dimension add lanes and then the lanes; others
** add whole rows. The order of additions depends on the shape alone.
*/
#include "kernel.h"
#include "reduce.h"
#include "vector.h"

enum { BLOCK = 128 }; /* additions one after the other */

#define BODY "reduce_body.h"
#include "both.h"

typedef struct { int64_t outer, size, inner; } cut;

/* The set of summed dimensions of x as one block of neighbours, dimensions of 1 aside. */
static bool cut_of(const fire_shape *x, uint32_t mask, cut *c) {
    *c = (cut){1, 1, 1};
    int part = 0; /* 0 outer, 1 summed, 2 inner */
    for (int d = 0; d < x->rank; d++) {
        if (x->dim[d] == 1) continue;
        bool summed = mask >> d & 1;
        if (summed && part == 0) part = 1;
        if (!summed && part == 1) part = 2;
        if (summed && part == 2) return false;
        *(part == 0 ? &c->outer : part == 1 ? &c->size : &c->inner) *= x->dim[d];
    }
    return true;
}

static uint32_t mask_of_sum_like(const fire_call *call) {
    const fire_shape *x = &call->in[0].shape, *y = &call->out[0].shape;
    uint32_t mask = 0;
    for (int i = 1; i <= x->rank; i++) /* from the last dimension */
        if (i > y->rank || (y->dim[y->rank - i] == 1 && x->dim[x->rank - i] != 1)) mask |= 1u << (x->rank - i);
    return mask;
}

static bool mask_of_reduce(const fire_call *call, uint32_t *mask) {
    fire_tensor x = call->in[0];
    fire_tensor in[2] = {x, call->n_in > 1 ? call->in[1] : (fire_tensor){0}};
    return fire_reduce_mask(call->attrs, call->n_in, in, mask, NULL) == FIRE_OK;
}

static const char *decline_cut(const fire_call *call, uint32_t mask) {
    cut c;
    fire_type t = call->in[0].type;
    if (t != FIRE_F32 && t != FIRE_F64) return "the type is not a float";
    if (fire_count(&call->in[0].shape) == 0) return "there is nothing to sum";
    return cut_of(&call->in[0].shape, mask, &c) ? NULL : "the summed dimensions are not neighbours";
}

static void sum(const fire_call *call, uint32_t mask, bool mean) {
    cut c;
    if (!cut_of(&call->in[0].shape, mask, &c)) return;
    double scale = mean ? 1.0 / (double)c.size : 1;
    if (call->in[0].type == FIRE_F32) sum_f32(call->in[0].data, c.outer, c.size, c.inner, call->out[0].data, (float)scale);
    else sum_f64(call->in[0].data, c.outer, c.size, c.inner, call->out[0].data, scale);
}

static const char *sum_like_decline(fire_context *ctx, const fire_call *call) { return decline_cut(call, mask_of_sum_like(call)); }
static void sum_like_run(const fire_call *call) { sum(call, mask_of_sum_like(call), false); }

static const char *reduce_decline(fire_context *ctx, const fire_call *call) {
    uint32_t mask;
    return mask_of_reduce(call, &mask) ? decline_cut(call, mask) : "the axes are not known when the plan is made";
}
static void reduce_sum_run(const fire_call *call) {
    uint32_t mask;
    if (mask_of_reduce(call, &mask)) sum(call, mask, false);
}
static void reduce_mean_run(const fire_call *call) {
    uint32_t mask;
    if (mask_of_reduce(call, &mask)) sum(call, mask, true);
}

static const char *bias_decline(fire_context *ctx, const fire_call *call) {
    fire_type t = call->in[0].type;
    return t == FIRE_F32 || t == FIRE_F64 ? NULL : "the type is not a float";
}
static void bias_relu_grad_run(const fire_call *call) {
    const fire_shape *s = &call->in[0].shape;
    int64_t m = s->dim[s->rank - 1], rows = m ? fire_count(s) / m : 0;
    if (call->in[0].type == FIRE_F32) bias_relu_grad_f32(call->in[0].data, call->in[1].data, rows, m, call->out[0].data, call->out[1].data);
    else bias_relu_grad_f64(call->in[0].data, call->in[1].data, rows, m, call->out[0].data, call->out[1].data);
}

#define KERNEL(symbol, op_name, declines, runs)                                       \
    const fire_kernel FIRE_ISA_NAME(fire_kernel_native_##symbol) = {                  \
        .name = "native." FIRE_ISA_TEXT "." #symbol, .op = op_name, .isa = FIRE_ISA_LEVEL, .decline = declines, .run = runs};
KERNEL(sum_like, "SumLike", sum_like_decline, sum_like_run)
KERNEL(reduce_sum, "ReduceSum", reduce_decline, reduce_sum_run)
KERNEL(reduce_mean, "ReduceMean", reduce_decline, reduce_mean_run)
KERNEL(bias_relu_grad, "BiasReluGrad", bias_decline, bias_relu_grad_run)
