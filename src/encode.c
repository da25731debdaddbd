/* encode.c - see encode.h. */
#include "encode.h"
#include <string.h>

fire_value fire_encode(fire_graph *g, const char *mode, fire_value index, int64_t depth, fire_type type, fire_value weights) {
    if (g->first.status) return 0;
    if (!strcmp(mode, "int")) return fire_cast(g, index, type);
    fire_shape s = fire_shape_of(g, index);
    bool hot = !strcmp(mode, "one_hot"), alone = s.rank > 1 && s.dim[s.rank - 1] == 1;
    if (hot && alone) s.rank--, index = fire_reshape(g, index, s);
    fire_value values = type == FIRE_F64 ? fire_graph_const(g, type, (fire_shape){1, {2}}, (const double[]){0, 1}) : fire_graph_const(g, type, (fire_shape){1, {2}}, (const float[]){0, 1});
    fire_value y = fire_apply(g, "OneHot", 3, FIRE_IN(index, fire_graph_scalar(g, FIRE_I64, (double)depth), values), "axis=-1");
    if (hot) return y;
    if (weights) y = fire_two(g, "Mul", y, fire_unsqueeze(g, weights, 1u << s.rank));
    if (s.rank == 1) return y;
    return fire_over(g, !strcmp(mode, "count") ? "ReduceSum" : "ReduceMax", y, 1u << (s.rank - 1), false);
}
