/* add - the sum of all inputs; sizes of 1 are repeated, inputs of fewer dimensions get some of 1 behind the batch. */
#include "merge.h"

static fire_value add_build(fire_build *b, const void *attrs, int n_in, const fire_value *in) { return fire_merge(b, "Add", "Add", n_in, in); }

const fire_layer fire_layer_add = {
    .name = "Add", .help = "sum of the inputs, number by number", .min_in = 2, .max_in = FIRE_MAX_IN, .build = add_build,
    .examples = {"[4] [4]", "[3,4] [3,4] [3,4]", "[3,4] [4]", "[2,3] [2,1]"},
};
