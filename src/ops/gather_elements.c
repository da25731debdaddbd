/* gather_elements - y[..., i, ...] = data[..., indices[..., i, ...], ...]: numbers picked along one axis, an index for each. Negative indices count
** from the end; an index out of range, which a run cannot refuse, gives 0.
*/
#include "op.h"

typedef struct { int64_t axis; } gather_attrs;
static const fire_attr attrs_of_gather[] = {
    {"axis", FIRE_ATTR_INT, offsetof(gather_attrs, axis), 0, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, .help = "dimension of data that is indexed"},
    {0},
};

static fire_status gather_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    int axis;
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    fire_status s = fire_want_index(&in[1], "indices", err);
    if (!s) s = fire_axis(((const gather_attrs *)attrs)->axis, in[0].shape.rank, &axis, err);
    if (s) return s;
    bool fits = in[1].shape.rank == in[0].shape.rank;
    for (int d = 0; d < in[0].shape.rank && fits; d++) fits = d == axis || in[1].shape.dim[d] <= in[0].shape.dim[d] || in[0].shape.dim[d] < 0;
    if (!fits) return fire_fail(err, FIRE_E_SHAPE, "indices %s do not fit data %s", fire_shape_text(&in[1].shape, a), fire_shape_text(&in[0].shape, b));
    out[0].type = in[0].type;
    out[0].shape = in[1].shape;
    return FIRE_OK;
}

static void gather_run(const fire_call *call) {
    const fire_tensor *x = &call->in[0], *index = &call->in[1], *y = &call->out[0];
    int axis = 0, rank = x->shape.rank;
    (void)fire_axis(((const gather_attrs *)call->attrs)->axis, rank, &axis, NULL);
    int64_t at[FIRE_MAX_RANK] = {0}, stride[FIRE_MAX_RANK], step = 1;
    for (int d = rank - 1; d >= 0; d--) stride[d] = step, step *= x->shape.dim[d];
    for (int64_t e = 0, n = fire_count(&y->shape); e < n; e++) {
        int64_t i = fire_whole(fire_get(index, e)), from = 0;
        if (i < 0) i += x->shape.dim[axis];
        for (int d = 0; d < rank; d++) from += (d == axis ? i : at[d]) * stride[d];
        if (i >= 0 && i < x->shape.dim[axis]) fire_move(y, e, x, from);
        else fire_put(y, e, 0);
        for (int d = rank - 1; d >= 0 && ++at[d] == y->shape.dim[d]; d--) at[d] = 0;
    }
}

const fire_op fire_op_gather_elements = {
    .name = "GatherElements", .help = "numbers picked along an axis, an index for each",
    .min_in = 2, .max_in = 2, .n_out = 1, .attrs = attrs_of_gather, .attr_size = sizeof(gather_attrs), .infer = gather_infer, .run = gather_run,
    .examples = {"[5] i64[3]<5", "[3,4] i64[3,2]<4 axis=1", "[3,4] i64[2,4]<3", "i32[2,3,4] i64[2,3,1]<4 axis=-1", "[3] i32[7]<3"},
};
