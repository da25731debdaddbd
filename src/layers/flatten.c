/* flatten - each row as one list of numbers, in row-major order. */
#include "layer.h"

static fire_value flatten_build(fire_build *b, const void *attrs, int n_in, const fire_value *in) {
    return fire_shape_of(b->g, in[0]).rank == 2 ? in[0] : fire_apply(b->g, "Flatten", 1, in, "axis=1");
}

const fire_layer fire_layer_flatten = {
    .name = "Flatten", .help = "[n, a, b, ...] to [n, a * b * ...]", .min_in = 1, .max_in = 1, .build = flatten_build,
    .examples = {"[3,4]", "[5]", "[2,3,4]"},
};
