/* arg_max - where the largest or smallest along an axis stands; of equals the first, or the last with select_last_index. */
#include "op.h"

typedef struct { int64_t axis, keep, last; } arg_max_attrs;
static const fire_attr attrs_of_arg_max[] = {
    {"axis", FIRE_ATTR_INT, offsetof(arg_max_attrs, axis), 0, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, .help = "dimension that is searched"},
    {"keepdims", FIRE_ATTR_INT, offsetof(arg_max_attrs, keep), 1, 0, 1, .help = "keep it as 1"},
    {"select_last_index", FIRE_ATTR_INT, offsetof(arg_max_attrs, last), 0, 0, 1, .help = "the last of equals"},
    {0},
};

static fire_status arg_max_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    const arg_max_attrs *t = attrs;
    int axis;
    fire_status s = fire_want_number(&in[0], "input", err);
    if (!s) s = fire_axis(t->axis, in[0].shape.rank, &axis, err);
    if (s) return s;
    if (in[0].shape.dim[axis] == 0) return fire_fail(err, FIRE_E_SHAPE, "there is nothing along axis %d", axis);
    out[0].type = FIRE_I64;
    for (int d = 0; d < in[0].shape.rank; d++)
        if (d != axis) out[0].shape.dim[out[0].shape.rank++] = in[0].shape.dim[d];
        else if (t->keep) out[0].shape.dim[out[0].shape.rank++] = 1;
    return FIRE_OK;
}

static void run(const fire_call *call, double sign) {
    const arg_max_attrs *t = call->attrs;
    const fire_shape *s = &call->in[0].shape;
    int axis = 0;
    (void)fire_axis(t->axis, s->rank, &axis, NULL);
    int64_t outer = 1, size = s->dim[axis], step = 1, *y = call->out[0].data;
    for (int d = 0; d < axis; d++) outer *= s->dim[d];
    for (int d = axis + 1; d < s->rank; d++) step *= s->dim[d];
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < step; i++) {
            int64_t best = 0;
            for (int64_t k = 1; k < size; k++) {
                double x = sign * fire_get(&call->in[0], (o * size + k) * step + i), top = sign * fire_get(&call->in[0], (o * size + best) * step + i);
                if (x > top || (t->last && x == top)) best = k;
            }
            *y++ = best;
        }
}

static void arg_max_run(const fire_call *call) { run(call, 1); }
static void arg_min_run(const fire_call *call) { run(call, -1); }

const fire_op fire_op_arg_max = {
    .name = "ArgMax", .help = "index of the largest along an axis",
    .min_in = 1, .max_in = 1, .n_out = 1, .attrs = attrs_of_arg_max, .attr_size = sizeof(arg_max_attrs),
    .infer = arg_max_infer, .run = arg_max_run,
    .examples = {"[7]", "[2,3,4] axis=1", "[4,10] axis=-1 keepdims=0", "i64[9]<3 select_last_index=1"},
};

const fire_op fire_op_arg_min = {
    .name = "ArgMin", .help = "index of the smallest along an axis",
    .min_in = 1, .max_in = 1, .n_out = 1, .attrs = attrs_of_arg_max, .attr_size = sizeof(arg_max_attrs),
    .infer = arg_max_infer, .run = arg_min_run,
    .examples = {"[7]", "[2,3,4] axis=1", "[4,10] axis=-1 keepdims=0", "i64[9]<3 select_last_index=1"},
};
