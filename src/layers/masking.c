/* masking - steps whose features all equal mask_value do not count in the layers behind: they become 0, and the mask says so. */
#include "compose.h"

typedef struct { double mask_value; } masking_attrs;

static const fire_attr attrs[] = {{"mask_value", FIRE_ATTR_FLOAT, offsetof(masking_attrs, mask_value), 0, 0, 0, .help = "what a step that does not count is full of"}, {0}};

static fire_value masking_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const masking_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_shape x = fire_shape_of(g, in[0]);
    if (x.rank < 2) return fire_graph_fail(g, FIRE_E_SHAPE, "Masking '%s': needs rows of at least one number, [n, features]; the input is [n]", g->layer);
    fire_value differs = fire_one(g, "Not", fire_two(g, "Equal", in[0], fire_number(g, in[0], t->mask_value)));
    fire_value any = fire_over(g, "ReduceMax", fire_cast(g, differs, fire_type_of(g, in[0])), 1u << (x.rank - 1), false);
    fire_value mask = fire_two(g, "Greater", any, fire_number(g, any, 0));
    if (x.rank == 3) b->mask_out[0] = mask;
    return fire_apply(g, "Where", 3, FIRE_IN(fire_unsqueeze(g, mask, 1u << (x.rank - 1)), in[0], fire_number(g, in[0], 0)), NULL);
}

const fire_layer fire_layer_masking = {
    .name = "Masking", .help = "leaves steps out that are full of one value",
    .attrs = attrs, .attr_size = sizeof(masking_attrs), .min_in = 1, .max_in = 1, .build = masking_build,
    .examples = {"[4,3]", "[4,3] mask_value=0.5", "[5]"},
};
