/* merge.c - see merge.h. */
#include "merge.h"
#include "op.h"

bool fire_merge_align(fire_build *b, const char *layer, int n_in, const fire_value *in, fire_value *out) {
    fire_graph *g = b->g;
    int rank = 0;
    if (g->first.status) return false;
    for (int i = 0; i < n_in; i++) rank = fire_shape_of(g, in[i]).rank > rank ? fire_shape_of(g, in[i]).rank : rank;
    fire_shape all = {.rank = 0};
    for (int i = 0; i < n_in; i++) {
        fire_shape s = fire_shape_of(g, in[i]);
        out[i] = fire_unsqueeze(g, in[i], ((1u << (rank - s.rank)) - 1) << 1);
        if (g->first.status) return false;
        s = fire_shape_of(g, out[i]);
        fire_shape before = all;
        if (fire_broadcast_shape(&all, &s, &all, NULL)) {
            char p[FIRE_SHAPE_TEXT], q[FIRE_SHAPE_TEXT];
            fire_graph_fail(g, FIRE_E_SHAPE, "%s '%s': input %d is %s, which does not go with %s", layer, g->layer, i, fire_shape_text(&s, p), fire_shape_text(&before, q));
            return false;
        }
    }
    return true;
}

fire_value fire_merge_masks(fire_build *b, int n_in) {
    fire_value mask = b->mask[0];
    for (int i = 0; i < n_in; i++)
        if (!b->mask[i]) return 0;
    for (int i = 1; i < n_in; i++)
        if (b->mask[i] != mask) mask = fire_two(b->g, "Or", mask, b->mask[i]);
    return mask;
}

fire_value fire_merge(fire_build *b, const char *layer, const char *op, int n_in, const fire_value *in) {
    fire_value x[FIRE_MAX_IN], y;
    if (!fire_merge_align(b, layer, n_in, in, x)) return 0;
    y = x[0];
    for (int i = 1; i < n_in; i++) y = fire_two(b->g, op, y, x[i]);
    b->mask_out[0] = fire_merge_masks(b, n_in);
    return y;
}
