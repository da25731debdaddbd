/* one_hot - a dimension of `depth` numbers is added: `on` where its index is the number of x, else `off`. Numbers below 0 count from the
** end; beyond depth on either side all are `off`. Inputs are x, depth (a constant) and [off, on]. x may be of any type; fractions are cut.
*/
#include "op.h"

typedef struct { int64_t axis; } one_hot_attrs;
static const fire_attr attrs_of_one_hot[] = {
    {"axis", FIRE_ATTR_INT, offsetof(one_hot_attrs, axis), -1, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, .help = "where the new dimension stands in the output"},
    {0},
};

static fire_status one_hot_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    int axis;
    fire_status s = fire_want_number(&in[0], "indices", err);
    if (!s) s = fire_want_number(&in[1], "depth", err);
    if (s) return s;
    if (!in[1].data) return fire_fail(err, FIRE_E_UNSUPPORTED, "the depth must be a constant");
    if (fire_count(&in[1].shape) != 1) return fire_fail(err, FIRE_E_SHAPE, "the depth is not one number");
    int64_t depth = fire_whole(fire_get(&in[1], 0));
    if (depth < 0) return fire_fail(err, FIRE_E_SHAPE, "a depth of %lld, expected at least 0", (long long)depth);
    char text[FIRE_SHAPE_TEXT];
    if (in[2].shape.rank != 1 || in[2].shape.dim[0] != 2) return fire_fail(err, FIRE_E_SHAPE, "the values are %s, expected [off, on]", fire_shape_text(&in[2].shape, text));
    if (in[0].shape.rank == FIRE_MAX_RANK) return fire_fail(err, FIRE_E_UNSUPPORTED, "more than %d dimensions would come out", FIRE_MAX_RANK);
    s = fire_axis(((const one_hot_attrs *)attrs)->axis, in[0].shape.rank + 1, &axis, err);
    if (s) return s;
    out[0].type = in[2].type;
    fire_shape *y = &out[0].shape;
    for (int d = 0; d <= in[0].shape.rank; d++) y->dim[y->rank++] = d == axis ? depth : in[0].shape.dim[d < axis ? d : d - 1];
    return FIRE_OK;
}

static void one_hot_run(const fire_call *call) {
    const fire_tensor *x = &call->in[0], *y = &call->out[0];
    int axis = 0;
    int64_t inner = 1, depth;
    (void)fire_axis(((const one_hot_attrs *)call->attrs)->axis, y->shape.rank, &axis, NULL);
    depth = y->shape.dim[axis];
    for (int d = axis + 1; d < y->shape.rank; d++) inner *= y->shape.dim[d];
    for (int64_t e = 0, n = fire_count(&y->shape); e < n; e++) fire_move(y, e, &call->in[2], 0);
    for (int64_t i = 0, n = fire_count(&x->shape); i < n; i++) {
        int64_t k = fire_whole(fire_get(x, i));
        if (k < 0 && k >= -depth) k += depth;
        if (k >= 0 && k < depth) fire_move(y, (i / inner * depth + k) * inner + i % inner, &call->in[2], 1);
    }
}

const fire_op fire_op_one_hot = {
    .name = "OneHot", .values = 2, .help = "a new dimension, of one value at the index that x gives and another elsewhere",
    .min_in = 3, .max_in = 3, .n_out = 1, .attrs = attrs_of_one_hot, .attr_size = sizeof(one_hot_attrs),
    .infer = one_hot_infer, .run = one_hot_run,
    .examples = {"i64[4]<5 i64[]{5} [2]", "i32[2,3]<7 i64[1]{4} [2] axis=1", "i64[4] i64[]{5} f32[2] axis=0", "i64[3,2]<3 i64[]{3} i64[2]"},
};
