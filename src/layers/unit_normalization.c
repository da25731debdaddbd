/* unit_normalization - x / max(length of x, 1e-12), the length being that of each row over the dimensions `axis`. */
#include "compose.h"
#include "op.h"

typedef struct { fire_ints axis; } norm_attrs;

static const fire_attr attrs[] = {
    {"axis", FIRE_ATTR_INTS, offsetof(norm_attrs, axis), 0, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, "[-1]", .help = "dimensions that make a vector of length 1 together"},
    {0},
};

static fire_status norm_check(const void *attrs_, fire_error *err) {
    const norm_attrs *t = attrs_;
    return t->axis.n ? FIRE_OK : fire_fail(err, FIRE_E_ATTRIBUTE, "axis is empty; give the dimensions of a vector, as in axis=[-1]");
}

static fire_value norm_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const norm_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_shape s = fire_shape_of(g, in[0]);
    uint32_t axes = 0;
    for (int i = 0; i < t->axis.n; i++) {
        int a = fire_layer_axis(g, "UnitNormalization", t->axis.v[i], s);
        if (a < 0) return 0;
        axes |= 1u << a;
    }
    fire_value square = fire_over(g, "ReduceSum", fire_two(g, "Mul", in[0], in[0]), axes, true);
    return fire_two(g, "Div", in[0], fire_one(g, "Sqrt", fire_two(g, "Max", square, fire_number(g, square, 1e-24))));
}

const fire_layer fire_layer_unit_normalization = {
    .name = "UnitNormalization", .help = "scales each row to length 1",
    .attrs = attrs, .attr_size = sizeof(norm_attrs), .min_in = 1, .max_in = 1, .passes_mask = true, .check = norm_check, .build = norm_build,
    .examples = {"[5]", "[3,4]", "[3,4] axis=[1,2]", "[3,4] axis=[1]"},
};
