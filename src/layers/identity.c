/* identity - gives its input back. */
#include "layer.h"

static fire_value identity_build(fire_build *b, const void *attrs, int n_in, const fire_value *in) { return in[0]; }

const fire_layer fire_layer_identity = {
    .name = "Identity", .help = "gives its input back", .min_in = 1, .max_in = 1, .passes_mask = true, .build = identity_build,
    .examples = {"[4]", "[2,3]"},
};
