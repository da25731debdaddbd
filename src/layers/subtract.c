/* subtract - the first input less the second; sizes of 1 are repeated. */
#include "merge.h"

static fire_value subtract_build(fire_build *b, const void *attrs, int n_in, const fire_value *in) { return fire_merge(b, "Subtract", "Sub", n_in, in); }

const fire_layer fire_layer_subtract = {
    .name = "Subtract", .help = "first input less the second", .min_in = 2, .max_in = 2, .build = subtract_build,
    .examples = {"[4] [4]", "[3,4] [3,1]", "[4] [2,4]"},
};
