/* permute - the dimensions of a row in another order. */
#include "compose.h"

typedef struct { fire_ints dims; } permute_attrs;
static const fire_attr attrs[] = {
    {"dims", FIRE_ATTR_INTS, offsetof(permute_attrs, dims), 0, 1, FIRE_MAX_RANK - 1, .help = "which dimension comes where, counted from 1: [2,1] exchanges two; must be given"},
    {0},
};

static fire_value permute_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const permute_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_shape x = fire_shape_of(g, in[0]);
    int perm[FIRE_MAX_RANK] = {0};
    uint32_t seen = 1;
    for (int i = 0; i < t->dims.n && i + 1 < x.rank; i++) {
        perm[i + 1] = (int)t->dims.v[i];
        if (t->dims.v[i] < x.rank) seen |= 1u << t->dims.v[i];
    }
    char text[FIRE_SHAPE_TEXT];
    if (t->dims.n != x.rank - 1 || seen != (1u << x.rank) - 1)
        return fire_graph_fail(g, FIRE_E_ATTRIBUTE, "Permute '%s': dims must name each dimension of the input %s but the batch once, from 1", g->layer, fire_shape_text(&x, text));
    return fire_permute(g, in[0], perm);
}

const fire_layer fire_layer_permute = {
    .name = "Permute", .help = "dimensions of a row in another order",
    .attrs = attrs, .attr_size = sizeof(permute_attrs), .min_in = 1, .max_in = 1, .build = permute_build,
    .examples = {"[3,4] dims=[2,1]", "[2,3,4] dims=[3,1,2]", "[5] dims=[1]"},
};
