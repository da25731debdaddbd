/* gather.c - Gather, and GatherGrad for embeddings: rows of dy added up where they were taken from. An index out of range gives zeros and
** takes nothing, as in the reference. */
#include "kernel.h"
#include "vector.h"

typedef struct { int64_t outer, size, inner, picks; } sizes;
static sizes sizes_of(const char *op, const fire_call *call, const fire_shape *x) {
    sizes s = {1, 1, 1, fire_count(&call->in[1].shape)};
    int axis = 0;
    (void)fire_axis((int64_t)fire_kernel_number(op, call->attrs, "axis"), x->rank, &axis, NULL);
    for (int d = 0; d < axis; d++) s.outer *= x->dim[d];
    s.size = x->dim[axis];
    for (int d = axis + 1; d < x->rank; d++) s.inner *= x->dim[d];
    return s;
}
static int64_t pick(const fire_tensor *index, int64_t k, int64_t size) {
    int64_t i = index->type == FIRE_I64 ? ((const int64_t *)index->data)[k] : ((const int32_t *)index->data)[k];
    if (i < 0) i += size;
    return i >= 0 && i < size ? i : -1;
}

#define BODY "gather_body.h"
#include "both.h"

static const char *decline(fire_context *ctx, const fire_call *call) {
    fire_type t = call->in[0].type;
    return t == FIRE_F32 || t == FIRE_F64 ? NULL : "the type is not a float";
}

static void gather_run(const fire_call *call) {
    sizes s = sizes_of("Gather", call, &call->in[0].shape);
    if (call->in[0].type == FIRE_F32) gather_f32(call, &s);
    else gather_f64(call, &s);
}
const fire_kernel FIRE_ISA_NAME(fire_kernel_native_gather) = {
    .name = "native." FIRE_ISA_TEXT ".gather", .op = "Gather", .isa = FIRE_ISA_LEVEL, .decline = decline, .run = gather_run,
};

static void gather_grad_run(const fire_call *call) {
    sizes s = sizes_of("GatherGrad", call, &call->out[0].shape);
    if (call->in[0].type == FIRE_F32) gather_grad_f32(call, &s);
    else gather_grad_f64(call, &s);
}
const fire_kernel FIRE_ISA_NAME(fire_kernel_native_gather_grad) = {
    .name = "native." FIRE_ISA_TEXT ".gather_grad", .op = "GatherGrad", .isa = FIRE_ISA_LEVEL, .decline = decline, .run = gather_grad_run,
};
