/* multiply - the product of all inputs, number by number. Steps that an input's mask leaves out count as 1; when every input has a mask, steps that
** none has are 0.
*/
#include "merge.h"

static fire_value multiply_build(fire_build *b, const void *attrs, int n_in, const fire_value *in) {
    fire_graph *g = b->g;
    fire_value x[FIRE_MAX_IN], y = 0;
    if (!fire_merge_align(b, "Multiply", n_in, in, x)) return 0;
    for (int i = 0; i < n_in; i++) {
        if (b->mask[i] && !g->first.status)
            x[i] = fire_apply(g, "Where", 3, FIRE_IN(fire_unsqueeze(g, b->mask[i], 1u << fire_shape_of(g, b->mask[i]).rank), x[i], fire_number(g, x[i], 1)), NULL);
        y = i ? fire_two(g, "Mul", y, x[i]) : x[i];
    }
    fire_value mask = fire_merge_masks(b, n_in);
    if (mask && !g->first.status) y = fire_apply(g, "Where", 3, FIRE_IN(fire_unsqueeze(g, mask, 1u << fire_shape_of(g, mask).rank), y, fire_number(g, y, 0)), NULL);
    b->mask_out[0] = mask;
    return y;
}

const fire_layer fire_layer_multiply = {
    .name = "Multiply", .help = "product of the inputs, number by number", .min_in = 2, .max_in = FIRE_MAX_IN, .build = multiply_build,
    .examples = {"[4] [4]", "[3,4] [3,4] [3,1]", "[3,4] [4]"},
};
