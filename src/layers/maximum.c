/* maximum - the largest, and the smallest, of all inputs, number by number. A step that one input's mask leaves out is taken from the others. */
#include "merge.h"

static fire_value extreme(fire_build *b, const char *layer, const char *op, int n_in, const fire_value *in) {
    fire_graph *g = b->g;
    fire_value x[FIRE_MAX_IN], y = 0, all = 0; /* all: where any input so far counts; 0: everywhere */
    if (!fire_merge_align(b, layer, n_in, in, x)) return 0;
    for (int i = 0; i < n_in && !g->first.status; i++) {
        fire_value mask = b->mask[i] ? fire_unsqueeze(g, b->mask[i], 1u << fire_shape_of(g, b->mask[i]).rank) : 0, v = x[i];
        if (!i) { y = v, all = mask; continue; }
        if (mask) v = fire_apply(g, "Where", 3, FIRE_IN(mask, v, y), NULL);
        if (all) y = fire_apply(g, "Where", 3, FIRE_IN(all, y, v), NULL);
        all = mask && all ? fire_two(g, "Or", all, mask) : 0;
        y = fire_two(g, op, y, v);
    }
    b->mask_out[0] = fire_merge_masks(b, n_in);
    return y;
}

static fire_value maximum_build(fire_build *b, const void *attrs, int n_in, const fire_value *in) { return extreme(b, "Maximum", "Max", n_in, in); }
static fire_value minimum_build(fire_build *b, const void *attrs, int n_in, const fire_value *in) { return extreme(b, "Minimum", "Min", n_in, in); }

const fire_layer fire_layer_maximum = {
    .name = "Maximum", .help = "largest of the inputs, number by number", .min_in = 2, .max_in = FIRE_MAX_IN, .build = maximum_build,
    .examples = {"[4] [4]", "[3,4] [3,4] [3,4]"},
};
const fire_layer fire_layer_minimum = {
    .name = "Minimum", .help = "smallest of the inputs, number by number", .min_in = 2, .max_in = FIRE_MAX_IN, .build = minimum_build,
    .examples = {"[4] [4]", "[3,4] [3,4] [3,4]"},
};
