/* rescaling - x * scale + offset. */
#include "compose.h"

typedef struct { fire_floats scale, offset; } rescaling_attrs;
static const fire_attr attrs[] = {
    {"scale", FIRE_ATTR_FLOATS, offsetof(rescaling_attrs, scale), 0, 0, 0, .text = "[1]", .help = "factor, or one for each index of the last dimension; must be given"},
    {"offset", FIRE_ATTR_FLOATS, offsetof(rescaling_attrs, offset), 0, 0, 0, .text = "[0]", .help = "added then; or one for each index of the last dimension"},
    {0},
};

/* Numbers of a list as a constant of x's type that broadcasts to it: one, or one for each index of the last dimension. */
static fire_value constant(fire_graph *g, fire_value x, const fire_floats *v, const char *what) {
    fire_shape s = fire_shape_of(g, x);
    if (v->n == 1) return fire_number(g, x, v->v[0]);
    if (v->n != s.dim[s.rank - 1])
        return fire_graph_fail(g, FIRE_E_ATTRIBUTE, "Rescaling '%s': %s has %d numbers, expected 1 or %lld", g->layer, what, (int)v->n, (long long)s.dim[s.rank - 1]);
    return fire_cast(g, fire_graph_const(g, FIRE_F64, (fire_shape){1, {v->n}}, v->v), fire_type_of(g, x));
}

static fire_value rescaling_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const rescaling_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_value y = fire_two(g, "Mul", in[0], constant(g, in[0], &t->scale, "scale"));
    return t->offset.n == 1 && t->offset.v[0] == 0 ? y : fire_two(g, "Add", y, constant(g, in[0], &t->offset, "offset"));
}

const fire_layer fire_layer_rescaling = {
    .name = "Rescaling", .help = "x * scale + offset",
    .attrs = attrs, .attr_size = sizeof(rescaling_attrs), .min_in = 1, .max_in = 1, .passes_mask = true, .build = rescaling_build,
    .examples = {"[4] scale=[0.5]", "[2,3] scale=[0.1,0.2,0.3] offset=[1,2,3]", "[3] scale=[2] offset=[-1]"},
};
