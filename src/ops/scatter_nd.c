/* scatter_nd - data with pieces put at places: the last dimension of the indices holds a place in data's first dimensions, from the left. Places out
** of range are left out.
*/
#include "op.h"
#include "scatter.h"

typedef struct { fire_attr_text how; } scatter_attrs;
static const fire_attr attrs_of_scatter[] = {
    {"reduction", FIRE_ATTR_TEXT, offsetof(scatter_attrs, how), .text = "none", .choices = FIRE_SCATTER_CHOICES, .help = "what is made of the number there and the new one"},
    {0},
};

static fire_status scatter_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    const fire_shape *x = &in[0].shape, *index = &in[1].shape;
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    fire_status s = fire_want_index(&in[1], "indices", err);
    if (s) return s;
    int64_t depth = index->rank ? index->dim[index->rank - 1] : -1;
    bool fits = index->rank >= 1 && depth >= 0 && depth <= x->rank && in[0].type == in[2].type && in[2].shape.rank == index->rank - 1 + x->rank - depth;
    for (int d = 0; d < in[2].shape.rank && fits; d++) fits = in[2].shape.dim[d] == (d < index->rank - 1 ? index->dim[d] : x->dim[d - (index->rank - 1) + depth]);
    if (!fits) return fire_fail(err, FIRE_E_SHAPE, "indices %s and updates do not fit data %s", fire_shape_text(index, a), fire_shape_text(x, b));
    out[0].type = in[0].type;
    out[0].shape = *x;
    return FIRE_OK;
}

static void scatter_run(const fire_call *call) {
    const scatter_attrs *t = call->attrs;
    const fire_tensor *index = &call->in[1], *x = &call->in[2], *y = &call->out[0];
    const int64_t depth = index->shape.dim[index->shape.rank - 1];
    int64_t picks = 1, piece = 1;
    for (int d = 0; d < index->shape.rank - 1; d++) picks *= index->shape.dim[d];
    for (int64_t d = depth; d < y->shape.rank; d++) piece *= y->shape.dim[d];
    fire_run_copy(call);
    for (int64_t k = 0; k < picks; k++) {
        int64_t to = 0;
        bool inside = true;
        for (int64_t d = 0; d < depth; d++) {
            int64_t size = y->shape.dim[d], i = fire_whole(fire_get(index, k * depth + d));
            if (i < 0) i += size;
            inside &= i >= 0 && i < size;
            to = to * size + (inside ? i : 0);
        }
        for (int64_t e = 0; e < piece && inside; e++) fire_scatter(t->how, y, to * piece + e, x, k * piece + e);
    }
}

const fire_op fire_op_scatter_nd = {
    .name = "ScatterND", .help = "pieces put at places in the first dimensions of a tensor",
    .min_in = 3, .max_in = 3, .n_out = 1, .attrs = attrs_of_scatter, .attr_size = sizeof(scatter_attrs), .infer = scatter_infer, .run = scatter_run,
    .examples = {"[8] i64[4,1]<8 [4]", "[3,4] i64[2,1]<3 [2,4] reduction=add", "[3,4] i64[5,2]<3 [5] reduction=mul", "i32[2,3] i64[2,1]<2 i32[2,3] reduction=max", "[3,2] i64[2,1]<3 [2,2] reduction=min"},
};
