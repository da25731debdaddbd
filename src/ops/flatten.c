/* flatten - x as a matrix: the dimensions before `axis` become rows, the others columns. */
#include "op.h"

typedef struct { int64_t axis; } flatten_attrs;
static const fire_attr attrs_of_flatten[] = {
    {"axis", FIRE_ATTR_INT, offsetof(flatten_attrs, axis), 1, -FIRE_MAX_RANK, FIRE_MAX_RANK, .help = "first dimension that becomes columns"},
    {0},
};

static fire_status flatten_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    int64_t axis = ((const flatten_attrs *)attrs)->axis, side[2] = {1, 1};
    int rank = in[0].shape.rank, batch[2] = {0, 0};
    if (axis < -rank || axis > rank) return fire_fail(err, FIRE_E_SHAPE, "axis %lld, expected %d to %d", (long long)axis, -rank, rank);
    if (axis < 0) axis += rank;
    for (int d = 0; d < rank; d++)
        if (in[0].shape.dim[d] == -1) batch[d >= axis]++;
        else side[d >= axis] *= in[0].shape.dim[d]; /* the shape of a value can be multiplied out: fire_shape_check */
    for (int k = 0; k < 2; k++)
        if (batch[k]) {
            if (batch[k] > 1 || side[k] != 1) {
                char text[FIRE_SHAPE_TEXT];
                return fire_fail(err, FIRE_E_UNSUPPORTED, "the batch of %s would be multiplied by another dimension at axis %lld",
                                 fire_shape_text(&in[0].shape, text), (long long)axis);
            }
            side[k] = -1;
        }
    out[0].type = in[0].type;
    out[0].shape = (fire_shape){2, {side[0], side[1]}};
    return FIRE_OK;
}

static void flatten_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    dx[0] = fire_apply(g, "ReshapeLike", 2, FIRE_IN(dy[0], n->in[0]), NULL);
}

const fire_op fire_op_flatten = {
    .name = "Flatten", .help = "x as a matrix",
    .min_in = 1, .max_in = 1, .n_out = 1, .pure_shape = true, .attrs = attrs_of_flatten, .attr_size = sizeof(flatten_attrs),
    .infer = flatten_infer, .run = fire_run_copy, .grad = flatten_grad,
    .examples = {"[4,2,3]", "[4,3]", "[4]", "[] axis=0", "[2,3,4] axis=0", "[2,3,4] axis=2", "[2,3,4] axis=-1", "i64[2,3]"},
};
