/* softmax - exp(x) / sum of exp(x) along one or several dimensions. A second input of x's shape is a mask: places where it is 0 get no share. */
#include "layer.h"
#include "op.h"
#include <stdio.h>

typedef struct { fire_ints axis; } softmax_attrs;

static const fire_attr attrs[] = {
    {"axis", FIRE_ATTR_INTS, offsetof(softmax_attrs, axis), 0, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, "[-1]", NULL, "dimension or dimensions that sum to 1; 0 would be the batch"},
    {0},
};

static fire_status softmax_check(const void *attrs_, fire_error *err) {
    const softmax_attrs *t = attrs_;
    return t->axis.n ? FIRE_OK : fire_fail(err, FIRE_E_ATTRIBUTE, "axis is empty; give one dimension or several");
}

/* Where m is 0, x becomes so small that nothing is left of it. */
static fire_value masked(fire_graph *g, fire_value x, fire_value m) {
    fire_type type = fire_type_of(g, x);
    if (g->first.status) return 0;
    if (fire_type_of(g, m) != FIRE_BOOL) m = fire_apply(g, "Cast", 1, &m, "to=9");
    m = fire_apply(g, "Cast", 1, &m, type == FIRE_F64 ? "to=11" : "to=1");
    fire_value off = fire_apply(g, "Sub", 2, FIRE_IN(fire_graph_scalar(g, type, 1), m), NULL);
    return fire_apply(g, "Add", 2, FIRE_IN(x, fire_apply(g, "Mul", 2, FIRE_IN(off, fire_graph_scalar(g, type, -1e9)), NULL)), NULL);
}

static fire_value softmax_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const softmax_attrs *t = attrs_;
    fire_graph *g = b->g;
    if (g->first.status) return 0;
    fire_value x = in[0];
    fire_shape s = fire_shape_of(g, x);
    char text[FIRE_SHAPE_TEXT], other[FIRE_SHAPE_TEXT], axis_text[32];
    uint32_t mask = 0;
    int axis = 0;
    for (int i = 0; i < t->axis.n; i++) {
        if (fire_axis(t->axis.v[i], s.rank, &axis, NULL) || axis == 0)
            return fire_graph_fail(g, FIRE_E_ATTRIBUTE, "Softmax '%s': axis is %lld, expected a dimension of %s other than the batch", g->layer, (long long)t->axis.v[i], fire_shape_text(&s, text));
        mask |= 1u << axis;
    }
    if (n_in > 1) {
        fire_shape m = fire_shape_of(g, in[1]);
        if (!fire_same_shape(&s, &m))
            return fire_graph_fail(g, FIRE_E_SHAPE, "Softmax '%s': the mask is %s, expected %s as the input", g->layer, fire_shape_text(&m, other), fire_shape_text(&s, text));
        x = masked(g, x, in[1]);
    } else if (b->mask[0] && s.rank == 2) x = masked(g, x, b->mask[0]);
    if (mask == 1u << axis) {
        snprintf(axis_text, sizeof axis_text, "axis=%d", axis == s.rank - 1 ? -1 : axis);
        return fire_apply(g, "Softmax", 1, &x, axis_text);
    }
    fire_value sum = fire_apply(g, "ReduceLogSumExp", 2, FIRE_IN(x, fire_axes_const(g, mask)), NULL);
    return fire_apply(g, "Exp", 1, FIRE_IN(fire_apply(g, "Sub", 2, FIRE_IN(x, sum), NULL)), NULL);
}

const fire_layer fire_layer_softmax = {
    .name = "Softmax", .help = "exp(x) / sum of exp(x) along dimensions",
    .attrs = attrs, .attr_size = sizeof(softmax_attrs), .min_in = 1, .max_in = 2, .passes_mask = true, .check = softmax_check, .build = softmax_build,
    .examples = {"[5]", "[5,3] axis=[1]", "[2,3,4] axis=[1,2]", "[4] [4]", "[2,3] [2,3] axis=[1]"},
};
