/* concatenate - the inputs one after the other along a dimension. Masks are joined as Keras does: along the steps they follow each other, along the last
** dimension a step counts where it counts in any input.
*/
#include "compose.h"
#include <stdio.h>

typedef struct { int64_t axis; } concat_attrs;
static const fire_attr attrs[] = {
    {"axis", FIRE_ATTR_INT, offsetof(concat_attrs, axis), -1, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, .help = "dimension along which they follow each other"},
    {0},
};

static fire_value masks(fire_build *b, int n_in, const fire_value *in, int axis, int rank) {
    fire_graph *g = b->g;
    fire_value mask[FIRE_MAX_IN], y = 0;
    bool any = false, all = true;
    for (int i = 0; i < n_in; i++) any = any || b->mask[i], all = all && b->mask[i];
    if (!any || (axis == rank - 1 && !all)) return 0; /* one that counts everywhere counts for all */
    if (axis == rank - 1) {
        y = b->mask[0];
        for (int i = 1; i < n_in; i++) y = fire_two(g, "Or", y, b->mask[i]);
        return y;
    }
    if (axis != 1) return 0;
    for (int i = 0; i < n_in; i++) {
        mask[i] = b->mask[i];
        if (mask[i] || g->first.status) continue;
        /* Every step of an input without a mask: 0 = 0 of its first features. */
        fire_value first = in[i];
        for (int d = fire_shape_of(g, first).rank - 1; d > 1; d--) first = fire_over(g, "ReduceMax", first, 1u << d, false);
        first = fire_cast(g, fire_times(g, first, 0), FIRE_BOOL);
        mask[i] = fire_one(g, "Not", fire_two(g, "ExpandLike", fire_graph_const(g, FIRE_BOOL, (fire_shape){0}, (const uint8_t[]){0}), first));
    }
    return fire_apply(g, "Concat", n_in, mask, "axis=1");
}

static fire_value concatenate_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const concat_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_shape s = fire_shape_of(g, in[0]);
    int axis = fire_layer_axis(g, "Concatenate", t->axis, s);
    if (axis < 0) return 0;
    for (int i = 1; i < n_in; i++) {
        fire_shape x = fire_shape_of(g, in[i]);
        bool fits = x.rank == s.rank;
        for (int d = 0; fits && d < s.rank; d++) fits = d == axis || x.dim[d] == s.dim[d];
        char p[FIRE_SHAPE_TEXT], q[FIRE_SHAPE_TEXT];
        if (!fits) return fire_graph_fail(g, FIRE_E_SHAPE, "Concatenate '%s': input %d is %s, which does not go with %s along axis %d", g->layer, i, fire_shape_text(&x, p), fire_shape_text(&s, q), axis);
    }
    char text[16];
    snprintf(text, sizeof text, "axis=%d", axis);
    b->mask_out[0] = masks(b, n_in, in, axis, s.rank);
    return n_in == 1 ? in[0] : fire_apply(g, "Concat", n_in, in, text);
}

const fire_layer fire_layer_concatenate = {
    .name = "Concatenate", .help = "inputs one after the other along a dimension",
    .attrs = attrs, .attr_size = sizeof(concat_attrs), .min_in = 1, .max_in = FIRE_MAX_IN, .build = concatenate_build,
    .examples = {"[4] [3]", "[2,3] [2,4] [2,1]", "[2,3] [4,3] axis=1"},
};
