/* copy.c - numbers moved but not changed: Transpose, and operators of shape where the planner cannot let their output lie where the input
** does (an output of the plan that is its input). */
#include "kernel.h"
#include "vector.h"

/* The dimensions of y with the steps that x takes for each; those that lie in x as they lie in y are joined. */
typedef struct { int rank; int64_t size[FIRE_MAX_RANK], from[FIRE_MAX_RANK], to[FIRE_MAX_RANK]; } moves;

/* from[d]: how far x moves with y's dimension d. */
static moves moves_of(const fire_shape *y, const int64_t *from) {
    moves m = {0};
    for (int d = 0; d < y->rank; d++) {
        if (y->dim[d] == 1) continue;
        int last = m.rank - 1;
        if (last >= 0 && m.from[last] == from[d] * y->dim[d]) m.size[last] *= y->dim[d], m.from[last] = from[d];
        else m.size[m.rank] = y->dim[d], m.from[m.rank++] = from[d];
    }
    if (!m.rank) m.rank = 1, m.size[0] = m.from[0] = 1;
    int64_t step = 1;
    for (int d = m.rank - 1; d >= 0; d--) m.to[d] = step, step *= m.size[d];
    return m;
}

#define BODY "copy_body.h"
#include "both.h"

static const fire_ints *perm_of(const fire_call *call) {
    for (const fire_attr *a = fire_op_named("Transpose")->attrs; a->name; a++)
        if (!strcmp(a->name, "perm")) return (const fire_ints *)((const char *)call->attrs + a->offset);
    return NULL;
}
static const char *transpose_decline(fire_context *ctx, const fire_call *call) {
    fire_type t = call->in[0].type;
    if (t != FIRE_F32 && t != FIRE_F64) return "the type is not a float";
    return perm_of(call) ? NULL : "it has no perm";
}
static void transpose_run(const fire_call *call) {
    const fire_ints *perm = perm_of(call);
    const fire_shape *x = &call->in[0].shape, *y = &call->out[0].shape;
    int64_t stride[FIRE_MAX_RANK], from[FIRE_MAX_RANK], step = 1;
    if (fire_count(y) == 0) return;
    for (int d = x->rank - 1; d >= 0; d--) stride[d] = step, step *= x->dim[d];
    for (int d = 0; d < y->rank; d++) from[d] = stride[perm->n ? perm->v[d] : y->rank - 1 - d];
    moves m = moves_of(y, from);
    if (call->in[0].type == FIRE_F32) move_f32(&m, call->in[0].data, call->out[0].data);
    else move_f64(&m, call->in[0].data, call->out[0].data);
}
const fire_kernel FIRE_ISA_NAME(fire_kernel_native_transpose) = {
    .name = "native." FIRE_ISA_TEXT ".transpose", .op = "Transpose", .isa = FIRE_ISA_LEVEL, .decline = transpose_decline, .run = transpose_run,
};

/* ---- the same numbers in another shape ---- */

#define COPY(symbol, op_name)                                                                     \
    const fire_kernel FIRE_ISA_NAME(fire_kernel_native_##symbol) = {                              \
        .name = "native." FIRE_ISA_TEXT ".copy", .op = op_name, .isa = FIRE_ISA_LEVEL, .run = fire_run_copy};
COPY(batch_sum, "BatchSum")
COPY(identity, "Identity")
COPY(flatten, "Flatten")
COPY(reshape, "Reshape")
COPY(reshape_like, "ReshapeLike")
COPY(squeeze, "Squeeze")
COPY(unsqueeze, "Unsqueeze")
