/* flatten - each row as one list of numbers, in row-major order. */
#include "compose.h"
#include <string.h>

typedef struct { fire_attr_text data_format; } flatten_attrs;
static const fire_attr attrs[] = {
    {"data_format", FIRE_ATTR_TEXT, offsetof(flatten_attrs, data_format), .text = "", .choices = "|channels_last|channels_first", .help = "channels_first: the first dimension of a row is made the last before"},
    {0},
};

static fire_value flatten_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const flatten_attrs *t = attrs_;
    fire_graph *g = b->g;
    int rank = fire_shape_of(g, in[0]).rank, perm[FIRE_MAX_RANK] = {0};
    fire_value x = in[0];
    if (!strcmp(t->data_format, "channels_first") && rank > 2) {
        for (int d = 1; d < rank; d++) perm[d] = d == rank - 1 ? 1 : d + 1;
        x = fire_permute(g, x, perm);
    }
    return rank == 2 ? x : fire_apply(g, "Flatten", 1, &x, "axis=1");
}

const fire_layer fire_layer_flatten = {
    .name = "Flatten", .help = "[n, a, b, ...] to [n, a * b * ...]",
    .attrs = attrs, .attr_size = sizeof(flatten_attrs), .min_in = 1, .max_in = 1, .build = flatten_build,
    .examples = {"[3,4]", "[5]", "[2,3,4]", "[2,3,4] data_format=channels_first"},
};
