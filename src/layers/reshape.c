/* reshape - each row in another shape; one size may be -1, which takes what is left. */
#include "compose.h"

typedef struct { fire_ints target_shape; } reshape_attrs;
static const fire_attr attrs[] = {
    {"target_shape", FIRE_ATTR_INTS, offsetof(reshape_attrs, target_shape), 0, -1, (double)((int64_t)1 << 40), .help = "of a row, without the batch; one size may be -1; must be given"},
    {0},
};

static fire_value reshape_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const reshape_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_shape x = fire_shape_of(g, in[0]), y = {.rank = 1, .dim = {-1}};
    int64_t have = 1, want = 1;
    int open = 0;
    for (int d = 1; d < x.rank; d++) have *= x.dim[d];
    if (t->target_shape.n >= FIRE_MAX_RANK) return fire_graph_fail(g, FIRE_E_ATTRIBUTE, "Reshape '%s': target_shape has %d sizes, expected at most %d", g->layer, (int)t->target_shape.n, FIRE_MAX_RANK - 1);
    for (int i = 0; i < t->target_shape.n; i++) {
        int64_t v = y.dim[y.rank++] = t->target_shape.v[i];
        if (v == -1) open = open ? -1 : i + 1;
        else if (!fire_mul(want, v, &want)) want = INT64_MAX;
        if (open < 0) break;
    }
    char text[FIRE_SHAPE_TEXT];
    if (open < 0) return fire_graph_fail(g, FIRE_E_ATTRIBUTE, "Reshape '%s': target_shape has -1 twice", g->layer);
    if (open && want > 0 && have % want == 0) y.dim[open] = have / want;
    else if (open || want != have)
        return fire_graph_fail(g, FIRE_E_SHAPE, "Reshape '%s': a row of %s, %lld numbers, does not fill target_shape", g->layer, fire_shape_text(&x, text), (long long)have);
    return fire_reshape(g, in[0], y);
}

const fire_layer fire_layer_reshape = {
    .name = "Reshape", .help = "rows in another shape",
    .attrs = attrs, .attr_size = sizeof(reshape_attrs), .min_in = 1, .max_in = 1, .build = reshape_build,
    .examples = {"[3,4] target_shape=[4,3]", "[3,4] target_shape=[-1,2]", "[6] target_shape=[2,-1]", "[2,3,4] target_shape=[24]"},
};
