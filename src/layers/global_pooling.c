/* global_pooling - the mean or the largest number of each channel over all places: GlobalAveragePooling, GlobalMaxPooling. With a mask, steps
** that it leaves out do not count in the mean of GlobalAveragePooling1D. */
#include "compose.h"
#include "spatial.h"

static const fire_attr attrs[] = {
    FIRE_SPATIAL_DATA_FORMAT,
    {"keepdims", FIRE_ATTR_BOOL, FIRE_SPATIAL_AT(keepdims), 0, 0, 1, NULL, NULL, "keep the spatial dimensions, of size 1"},
    {0},
};

static fire_value build(fire_build *b, const char *kind, const char *op, const fire_spatial_attrs *t, int rank, const fire_value *in) {
    fire_graph *g = b->g;
    fire_value x = fire_spatial_in(b, kind, t, rank, in[0]), y;
    if (!x) return 0;
    uint32_t axes = ((1u << rank) - 1) << 1;
    if (b->mask[0] && rank == 1 && op[6] == 'M' && op[7] == 'e') {
        fire_value weight = fire_unsqueeze(g, fire_cast(g, b->mask[0], fire_type_of(g, x)), 4);
        y = fire_two(g, "Div", fire_over(g, "ReduceSum", fire_two(g, "Mul", x, weight), axes, t->keepdims), fire_over(g, "ReduceSum", weight, axes, t->keepdims));
    } else y = fire_over(g, op, x, axes, t->keepdims);
    return t->keepdims ? fire_spatial_out(b, t, y) : y;
}

#define LAYER(symbol, class, op, rank, what, ...)                                                                                                                  \
    static fire_value build_##symbol##rank(fire_build *b, const void *t, int n_in, const fire_value *in) { return build(b, class #rank "D", op, t, rank, in); }    \
    const fire_layer fire_layer_##symbol##rank##d = {.name = class #rank "D", .help = what, .attrs = attrs, .attr_size = sizeof(fire_spatial_attrs), .min_in = 1,   \
                                                     .max_in = 1, .build = build_##symbol##rank, .examples = {__VA_ARGS__}}
LAYER(global_average_pooling, "GlobalAveragePooling", "ReduceMean", 1, "the mean of each channel over all steps", "[4,3]", "[3,4] data_format=channels_first keepdims=1");
LAYER(global_average_pooling, "GlobalAveragePooling", "ReduceMean", 2, "the mean of each channel over all places of 2 dimensions", "[4,3,2]", "[2,3,4] data_format=channels_first keepdims=1");
LAYER(global_average_pooling, "GlobalAveragePooling", "ReduceMean", 3, "the mean of each channel over all places of 3 dimensions", "[2,3,2,2] keepdims=1");
LAYER(global_max_pooling, "GlobalMaxPooling", "ReduceMax", 1, "the largest number of each channel over all steps", "[4,3]");
LAYER(global_max_pooling, "GlobalMaxPooling", "ReduceMax", 2, "the largest number of each channel over all places of 2 dimensions", "[4,3,2]", "[2,3,4] data_format=channels_first keepdims=1");
LAYER(global_max_pooling, "GlobalMaxPooling", "ReduceMax", 3, "the largest number of each channel over all places of 3 dimensions", "[2,3,2,2] keepdims=1");
