/* average - the mean of all inputs, number by number. */
#include "merge.h"

static fire_value average_build(fire_build *b, const void *attrs, int n_in, const fire_value *in) {
    return fire_times(b->g, fire_merge(b, "Average", "Add", n_in, in), 1.0 / n_in);
}

const fire_layer fire_layer_average = {
    .name = "Average", .help = "mean of the inputs, number by number", .min_in = 2, .max_in = FIRE_MAX_IN, .build = average_build,
    .examples = {"[4] [4]", "[3,4] [3,4] [3,1]"},
};
