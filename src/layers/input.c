/* input - the shape of a row, fixed before any data is seen; computes nothing. */
#include "layer.h"

typedef struct { fire_ints shape; } input_attrs;

static const fire_attr attrs[] = {
    {"shape", FIRE_ATTR_INTS, offsetof(input_attrs, shape), 0, 1, 1 << 30, NULL, NULL, "of one row, without the batch: [784]; must be given"},
    {0},
};

static fire_status input_check(const void *attrs_, fire_error *err) {
    const input_attrs *t = attrs_;
    if (t->shape.n == 0) return fire_fail(err, FIRE_E_ATTRIBUTE, "shape is missing; give the shape of one row, as in shape=[784]");
    if (t->shape.n >= FIRE_MAX_RANK)
        return fire_fail(err, FIRE_E_ATTRIBUTE, "shape has %d dimensions, expected at most %d", (int)t->shape.n, FIRE_MAX_RANK - 1);
    return FIRE_OK;
}

static void input_shape(const void *attrs_, fire_shape *shape) {
    const input_attrs *t = attrs_;
    shape->rank = t->shape.n;
    for (int i = 0; i < t->shape.n; i++) shape->dim[i] = t->shape.v[i];
}

static fire_value input_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) { return in[0]; }

const fire_layer fire_layer_input = {
    .name = "Input", .help = "shape of the network's input; comes first",
    .attrs = attrs, .attr_size = sizeof(input_attrs), .min_in = 1, .max_in = 1,
    .check = input_check, .input_shape = input_shape, .build = input_build,
    .examples = {"[784] shape=[784]", "[28,28] shape=[28,28]"},
};
