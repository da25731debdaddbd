/* dot - the product of two inputs, summed over one dimension of each, for each row; with `normalize` both are scaled to length 1 along it first. */
#include "compose.h"
#include <string.h>

typedef struct { fire_ints axes; bool normalize; } dot_attrs;
static const fire_attr attrs[] = {
    {"axes", FIRE_ATTR_INTS, offsetof(dot_attrs, axes), 0, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, .help = "dimension of each input that is summed over, or one number for both; must be given"},
    {"normalize", FIRE_ATTR_BOOL, offsetof(dot_attrs, normalize), 0, 0, 1, .help = "scale to length 1 along it first: the cosine"},
    {0},
};

static fire_status dot_check(const void *attrs_, fire_error *err) {
    const dot_attrs *t = attrs_;
    if (t->axes.n == 1 || t->axes.n == 2) return FIRE_OK;
    return fire_fail(err, FIRE_E_ATTRIBUTE, "axes has %d numbers, expected one for each of two inputs, as in axes=[1,2]", (int)t->axes.n);
}

static fire_value unit(fire_graph *g, fire_value x, int axis) { /* x / max(length, 1e-7) */
    fire_value square = fire_over(g, "ReduceSum", fire_two(g, "Mul", x, x), 1u << axis, true);
    return fire_two(g, "Div", x, fire_one(g, "Sqrt", fire_two(g, "Max", square, fire_number(g, square, 1e-14))));
}

static fire_value dot_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const dot_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_value x[2];
    char equation[4 * FIRE_MAX_RANK + 8], result[2 * FIRE_MAX_RANK + 2] = "n";
    int axis[2], k = 0, r = 1;
    for (int i = 0; i < 2; i++) {
        fire_shape s = fire_shape_of(g, in[i]);
        axis[i] = fire_layer_axis(g, "Dot", t->axes.v[t->axes.n == 2 ? i : 0], s);
        if (axis[i] < 0) return 0;
        equation[k++] = 'n';
        for (int d = 1; d < s.rank; d++) {
            char c = (char)((i ? 'a' : 'A') + d);
            equation[k++] = d == axis[i] ? '*' : c;
            if (d != axis[i]) result[r++] = c;
        }
        equation[k++] = i ? '-' : ',';
    }
    equation[k++] = '>', equation[k] = result[r] = 0;
    fire_shape p = fire_shape_of(g, in[0]), q = fire_shape_of(g, in[1]);
    char one[FIRE_SHAPE_TEXT], two[FIRE_SHAPE_TEXT];
    if (p.dim[axis[0]] != q.dim[axis[1]] || r > FIRE_MAX_RANK)
        return fire_graph_fail(g, FIRE_E_SHAPE, "Dot '%s': %s and %s do not go together along %d and %d", g->layer, fire_shape_text(&p, one), fire_shape_text(&q, two), axis[0], axis[1]);
    for (int i = 0; i < 2; i++) x[i] = t->normalize ? unit(g, in[i], axis[i]) : in[i];
    if (p.rank == 2 && q.rank == 2) return fire_over(g, "ReduceSum", fire_two(g, "Mul", x[0], x[1]), 2, true);
    strcpy(equation + k, result);
    return fire_einsum(g, equation, x[0], x[1]);
}

const fire_layer fire_layer_dot = {
    .name = "Dot", .help = "product of two inputs summed over a dimension",
    .attrs = attrs, .attr_size = sizeof(dot_attrs), .min_in = 2, .max_in = 2, .check = dot_check, .build = dot_build,
    .examples = {"[4] [4] axes=[1]", "[3,4] [3,5] axes=[1]", "[3,4] [5,3] axes=[1,2]", "[3,4] [4] axes=[2,1]", "[4] [4] axes=[-1] normalize=1", "[2,3] [3,2] axes=[2,1] normalize=1"},
};
