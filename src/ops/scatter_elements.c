/* scatter_elements - data with numbers put at places along one axis, an index for each: y[..., indices[..., i, ...], ...] = updates[..., i, ...], or joined
** with what is there. Places out of range are left out.
*/
#include "op.h"
#include "scatter.h"

typedef struct { int64_t axis; fire_attr_text how; } scatter_attrs;
static const fire_attr attrs_of_scatter[] = {
    {"axis", FIRE_ATTR_INT, offsetof(scatter_attrs, axis), 0, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, .help = "dimension of data that is indexed"},
    {"reduction", FIRE_ATTR_TEXT, offsetof(scatter_attrs, how), .text = "none", .choices = FIRE_SCATTER_CHOICES, .help = "what is made of the number there and the new one"},
    {0},
};

static fire_status scatter_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    int axis;
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    fire_status s = fire_want_index(&in[1], "indices", err);
    if (!s) s = fire_axis(((const scatter_attrs *)attrs)->axis, in[0].shape.rank, &axis, err);
    if (s) return s;
    bool fits = in[1].shape.rank == in[0].shape.rank && fire_same_shape(&in[1].shape, &in[2].shape) && in[0].type == in[2].type;
    for (int d = 0; d < in[0].shape.rank && fits; d++) fits = d == axis || in[1].shape.dim[d] <= in[0].shape.dim[d] || in[0].shape.dim[d] < 0;
    if (!fits) return fire_fail(err, FIRE_E_SHAPE, "indices %s and updates do not fit data %s", fire_shape_text(&in[1].shape, a), fire_shape_text(&in[0].shape, b));
    out[0].type = in[0].type;
    out[0].shape = in[0].shape;
    return FIRE_OK;
}

static void scatter_run(const fire_call *call) {
    const scatter_attrs *t = call->attrs;
    const fire_tensor *index = &call->in[1], *x = &call->in[2], *y = &call->out[0];
    int axis = 0, rank = y->shape.rank;
    (void)fire_axis(t->axis, rank, &axis, NULL);
    int64_t at[FIRE_MAX_RANK] = {0}, stride[FIRE_MAX_RANK], step = 1;
    for (int d = rank - 1; d >= 0; d--) stride[d] = step, step *= y->shape.dim[d];
    fire_run_copy(call);
    for (int64_t e = 0, n = fire_count(&index->shape); e < n; e++) {
        int64_t i = fire_whole(fire_get(index, e)), to = 0;
        if (i < 0) i += y->shape.dim[axis];
        for (int d = 0; d < rank; d++) to += (d == axis ? i : at[d]) * stride[d];
        if (i >= 0 && i < y->shape.dim[axis]) fire_scatter(t->how, y, to, x, e);
        for (int d = rank - 1; d >= 0 && ++at[d] == index->shape.dim[d]; d--) at[d] = 0;
    }
}

const fire_op fire_op_scatter_elements = {
    .name = "ScatterElements", .help = "numbers put along an axis, an index for each",
    .min_in = 3, .max_in = 3, .n_out = 1, .attrs = attrs_of_scatter, .attr_size = sizeof(scatter_attrs), .infer = scatter_infer, .run = scatter_run,
    .examples = {"[5] i64[3]<5 [3]", "[3,4] i64[3,2]<4 [3,2] axis=1 reduction=add", "[3,4] i64[2,4]<3 [2,4] reduction=mul", "i32[2,3] i64[2,3]<3 i32[2,3] axis=-1 reduction=max",
                 "[4] i32[6]<4 [6] reduction=min"},
};
