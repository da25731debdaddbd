/* copy.c - numbers moved but not changed: Transpose, Pad, Concat and its pieces, and operators of shape where the planner cannot let their
** output lie where the input does (an output of the plan that is its input). */
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

/* ---- constants around a tensor ---- */

/* Numbers before each axis of x; negative: that many are cut off. */
static void low_of(const fire_call *call, int64_t *low) {
    const fire_tensor *pads = &call->in[1], *axes = call->n_in > 3 && call->in[3].type ? &call->in[3] : NULL;
    int64_t n = fire_count(&pads->shape) / 2, rank = call->in[0].shape.rank;
    for (int64_t d = 0; d < rank; d++) low[d] = 0;
    for (int64_t k = 0; k < n; k++) {
        int64_t axis = axes ? (int64_t)fire_get(axes, k) : k;
        low[axis < 0 ? axis + rank : axis] = (int64_t)fire_get(pads, k);
    }
}
static const char *pad_decline(fire_context *ctx, const fire_call *call) {
    if (strcmp(fire_kernel_text("Pad", call->attrs, "mode"), "constant")) return "what is added is not a constant";
    if (call->in[0].type != FIRE_F32 && call->in[0].type != FIRE_F64) return "the type is not a float";
    return call->in[0].shape.rank < 1 ? "there is nothing to pad" : NULL;
}
static void fill(char *to, int64_t from, int64_t end, double v, int64_t width) {
    for (int64_t e = from; e < end; e++)
        if (width == 4) ((float *)(void *)to)[e] = (float)v;
        else ((double *)(void *)to)[e] = v;
}
/* Lines of y: the changed axis farthest inside and all that lies in it, of which x gives one run. */
static void pad_run(const fire_call *call) {
    const fire_shape *x = &call->in[0].shape, *y = &call->out[0].shape;
    const fire_tensor *with = call->n_in > 2 && call->in[2].type ? &call->in[2] : NULL;
    int64_t low[FIRE_MAX_RANK], at[FIRE_MAX_RANK] = {0}, width = (int64_t)fire_type_size(call->out[0].type), run = 1, inner = x->rank - 1, rows = 1;
    low_of(call, low);
    while (inner > 0 && !low[inner] && x->dim[inner] == y->dim[inner]) run *= x->dim[inner--];
    for (int64_t d = 0; d < inner; d++) rows *= y->dim[d];
    int64_t line = run * y->dim[inner], skipped = low[inner] < 0 ? -low[inner] : 0, before = low[inner] > 0 ? low[inner] : 0, inside = x->dim[inner] - skipped;
    if (inside > y->dim[inner] - before) inside = y->dim[inner] - before;
    if (inside < 0) inside = 0;
    before = (before < y->dim[inner] ? before : y->dim[inner]) * run, inside *= run;
    double v = with ? fire_get(with, 0) : 0;
    for (int64_t r = 0; r < rows; r++) { /* at: of the line in y; from: of its line in x */
        bool there = true;
        int64_t from = 0;
        for (int64_t d = 0; d < inner; d++) {
            there &= at[d] >= low[d] && at[d] - low[d] < x->dim[d];
            from = from * x->dim[d] + at[d] - low[d];
        }
        char *to = (char *)call->out[0].data + r * line * width;
        int64_t copied = there ? inside : 0;
        fill(to, 0, before, v, width);
        fill(to, before + copied, line, v, width);
        if (copied) memcpy(to + before * width, (const char *)call->in[0].data + (from * x->dim[inner] + skipped) * run * width, (size_t)(copied * width));
        for (int64_t d = inner - 1; d >= 0 && ++at[d] == y->dim[d]; d--) at[d] = 0;
    }
}
const fire_kernel FIRE_ISA_NAME(fire_kernel_native_pad) = {
    .name = "native." FIRE_ISA_TEXT ".pad", .op = "Pad", .isa = FIRE_ISA_LEVEL, .decline = pad_decline, .run = pad_run,
};

/* ---- tensors side by side ---- */

static int axis_of(const char *op, const fire_call *call, const fire_shape *s) {
    int64_t axis = (int64_t)fire_kernel_number(op, call->attrs, "axis");
    return (int)(axis < 0 ? axis + s->rank : axis);
}
/* Elements of y's rows, and of a piece's: a row is everything from the axis on. */
static int64_t row_of(const fire_shape *s, int axis) {
    int64_t n = 1;
    for (int d = axis; d < s->rank; d++) n *= s->dim[d];
    return n;
}
static void concat_run(const fire_call *call) {
    const fire_tensor *y = &call->out[0];
    int axis = axis_of("Concat", call, &y->shape);
    size_t width = fire_type_size(y->type), wide = (size_t)row_of(&y->shape, axis) * width, rows = wide ? (size_t)fire_count(&y->shape) * width / wide : 0, offset = 0;
    for (int k = 0; k < call->n_in; k++) { /* one after the other: each input is read from its beginning to its end */
        size_t narrow = (size_t)row_of(&call->in[k].shape, axis) * width;
        const char *from = call->in[k].data;
        char *to = (char *)y->data + offset;
        for (size_t r = 0; r < rows && narrow; r++) memcpy(to + r * wide, from + r * narrow, narrow);
        offset += narrow;
    }
}
const fire_kernel FIRE_ISA_NAME(fire_kernel_native_concat) = {
    .name = "native." FIRE_ISA_TEXT ".concat", .op = "Concat", .isa = FIRE_ISA_LEVEL, .run = concat_run,
};

static void concat_piece_run(const fire_call *call) {
    const fire_tensor *y = &call->in[0], *x = &call->out[0];
    int axis = axis_of("ConcatPiece", call, &y->shape);
    bool last = fire_kernel_number("ConcatPiece", call->attrs, "last") != 0;
    size_t width = fire_type_size(y->type), wide = (size_t)row_of(&y->shape, axis) * width, narrow = (size_t)row_of(&x->shape, axis) * width, offset = 0;
    for (int k = last ? 1 : 2; k < call->n_in; k++) offset += (size_t)row_of(&call->in[k].shape, axis) * width;
    if (last) offset = wide - offset;
    size_t rows = narrow ? (size_t)fire_count(&x->shape) * width / narrow : 0;
    for (size_t r = 0; r < rows; r++) memcpy((char *)x->data + r * narrow, (const char *)y->data + r * wide + offset, narrow);
}
const fire_kernel FIRE_ISA_NAME(fire_kernel_native_concat_piece) = {
    .name = "native." FIRE_ISA_TEXT ".concat_piece", .op = "ConcatPiece", .isa = FIRE_ISA_LEVEL, .run = concat_piece_run,
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
