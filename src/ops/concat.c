/* concat - 1 to 8 tensors one after the other along an axis; all other dimensions agree. */
#include "op.h"
#include <stdio.h>

typedef struct { int64_t axis; } concat_attrs;
static const fire_attr attrs_of_concat[] = {
    {"axis", FIRE_ATTR_INT, offsetof(concat_attrs, axis), 0, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, .help = "dimension along which they are joined"},
    {0},
};

static fire_status concat_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    int axis;
    fire_status s = fire_axis(((const concat_attrs *)attrs)->axis, in[0].shape.rank, &axis, err);
    if (!s) s = fire_want_same_type(n_in, in, err);
    if (s) return s;
    out[0].type = in[0].type;
    fire_shape *y = &out[0].shape;
    *y = in[0].shape;
    for (int k = 0; k < n_in; k++) {
        const fire_shape *x = &in[k].shape;
        char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
        bool fits = in[k].type && x->rank == y->rank;
        for (int d = 0; d < y->rank && fits; d++) fits = d == axis || x->dim[d] == y->dim[d];
        if (!fits) return fire_fail(err, FIRE_E_SHAPE, "%s and %s do not fit along axis %d", fire_shape_text(&in[0].shape, a), fire_shape_text(x, b), axis);
        if (n_in > 1 && x->dim[axis] == -1)
            return fire_fail(err, FIRE_E_UNSUPPORTED, "%s would be joined along its batch", fire_shape_text(x, a));
        if (k && !fire_add(y->dim[axis], x->dim[axis], &y->dim[axis])) return fire_fail(err, FIRE_E_SHAPE, "the sum of the sizes is too large");
    }
    return FIRE_OK;
}

/* Rows are everything before the axis; a row of y is the rows of the inputs one after the other. */
static void copy_piece(const fire_tensor *y, const fire_tensor *x, int axis, int64_t offset, bool into_y) {
    int64_t rows = 1, inner = (int64_t)fire_type_size(y->type);
    for (int d = 0; d < axis; d++) rows *= y->shape.dim[d];
    for (int d = axis + 1; d < y->shape.rank; d++) inner *= y->shape.dim[d];
    int64_t wide = inner * y->shape.dim[axis], narrow = inner * x->shape.dim[axis];
    for (int64_t r = 0; r < rows && narrow > 0; r++) {
        char *in_y = (char *)y->data + r * wide + offset * inner, *in_x = (char *)x->data + r * narrow;
        memcpy(into_y ? in_y : in_x, into_y ? in_x : in_y, (size_t)narrow);
    }
}

static void concat_run(const fire_call *call) {
    int axis;
    if (fire_axis(((const concat_attrs *)call->attrs)->axis, call->out[0].shape.rank, &axis, NULL)) return;
    for (int64_t k = 0, offset = 0; k < call->n_in; offset += call->in[k++].shape.dim[axis])
        copy_piece(&call->out[0], &call->in[k], axis, offset, true);
}

/* The piece that belongs to input k starts after those before it, or ends before those behind it: whichever are fewer. */
static void concat_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    int64_t axis = ((const concat_attrs *)n->attrs)->axis;
    for (int k = 0; k < n->n_in; k++) {
        bool last = k >= n->n_in / 2;
        int count = last ? n->n_in - k : k + 1;
        char text[48];
        fire_value in[FIRE_MAX_IN] = {dy[0], n->in[k]};
        for (int j = 1; j < count; j++) in[j + 1] = n->in[last ? k + j : k - j];
        snprintf(text, sizeof text, "axis=%lld last=%d", (long long)axis, last);
        dx[k] = fire_apply(g, "ConcatPiece", count + 1, in, text);
    }
}

const fire_op fire_op_concat = {
    .name = "Concat", .help = "tensors one after the other along an axis",
    .min_in = 1, .max_in = FIRE_MAX_IN, .n_out = 1, .attrs = attrs_of_concat, .attr_size = sizeof(concat_attrs),
    .infer = concat_infer, .run = concat_run, .grad = concat_grad,
    .examples = {"[4,2] [4,3] axis=1", "[2,3] [1,3]", "[2,2,2] [2,1,2] [2,3,2] axis=-2", "[4,3] axis=1", "[2,1] [2,2] [2,1] [2,2] [2,1] [2,2] [2,1] [2,3] axis=1",
                 "[2,0] [2,3] axis=1", "i64[2] i64[3]"},
};

/* ConcatPiece: of dy, the part that input x of Concat gave. Inputs are dy, x and the inputs before x (last=1: behind x); but for dy only
** their shapes matter. */
typedef struct { int64_t axis, last; } piece_attrs;
static const fire_attr attrs_of_piece[] = {
    {"axis", FIRE_ATTR_INT, offsetof(piece_attrs, axis), 0, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, .help = "dimension along which they were joined"},
    {"last", FIRE_ATTR_INT, offsetof(piece_attrs, last), 0, 0, 1, .help = "the other inputs come behind the piece, not before it"},
    {0},
};

static fire_status piece_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    int axis;
    int64_t sum = 0;
    fire_status s = fire_axis(((const piece_attrs *)attrs)->axis, in[0].shape.rank, &axis, err);
    if (s) return s;
    for (int k = 1; k < n_in; k++) {
        bool fits = in[k].type && in[k].shape.rank == in[0].shape.rank;
        for (int d = 0; d < in[0].shape.rank && fits; d++) fits = d == axis || in[k].shape.dim[d] == in[0].shape.dim[d];
        if (fits && n_in == 2 && in[1].shape.dim[axis] == in[0].shape.dim[axis]) break; /* the batch, alone */
        if (!fits || !fire_add(sum, in[k].shape.dim[axis], &sum) || sum > in[0].shape.dim[axis]) {
            char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
            return fire_fail(err, FIRE_E_SHAPE, "%s is no piece of %s", fire_shape_text(&in[k].shape, a), fire_shape_text(&in[0].shape, b));
        }
    }
    out[0].type = in[0].type;
    out[0].shape = in[1].shape;
    return FIRE_OK;
}

static void piece_run(const fire_call *call) {
    const piece_attrs *t = call->attrs;
    int axis;
    if (fire_axis(t->axis, call->in[0].shape.rank, &axis, NULL)) return;
    int64_t offset = 0;
    for (int k = t->last ? 1 : 2; k < call->n_in; k++) offset += call->in[k].shape.dim[axis];
    if (t->last) offset = call->in[0].shape.dim[axis] - offset;
    copy_piece(&call->in[0], &call->out[0], axis, offset, false);
}

const fire_op fire_op_concat_piece = {
    .name = "ConcatPiece", .domain = FIRE_DOMAIN, .help = "the part of a joined tensor that came from one input",
    .min_in = 2, .max_in = FIRE_MAX_IN, .n_out = 1, .shape_only = 0xFFFFFFFE, .attrs = attrs_of_piece, .attr_size = sizeof(piece_attrs),
    .infer = piece_infer, .run = piece_run,
    .examples = {"[4,5] [4,2] axis=1", "[4,5] [4,3] [4,2] axis=1", "[4,5] [4,1] [4,2] axis=1 last=1", "[3,2] [1,2]"},
};
