/* up_sampling - UpSampling: each row `size` times as large along its spatial dimensions, every number repeated or, in 2 dimensions, drawn between
** its neighbours. */
#include "spatial.h"
#include "op.h"
#include <string.h>

static const fire_attr attrs_1d[] = {FIRE_SPATIAL_LIST("size", size, 1, "[2]", "how often each step is repeated"), {0}};
static const fire_attr attrs_2d[] = {
    FIRE_SPATIAL_LIST("size", size, 1, "[2]", "how many times as large; one number counts for all dimensions"), FIRE_SPATIAL_DATA_FORMAT,
    FIRE_SPATIAL_TEXT("interpolation", interpolation, "nearest", "nearest|bilinear|bicubic", "what lies between: the nearest number, a mean of four, or a curve through sixteen"), {0}};
static const fire_attr attrs_3d[] = {FIRE_SPATIAL_LIST("size", size, 1, "[2]", "how many times as large; one number counts for all dimensions"), FIRE_SPATIAL_DATA_FORMAT, {0}};

static fire_value build(fire_build *b, const char *kind, const fire_spatial_attrs *t, int rank, const fire_value *in) {
    fire_graph *g = b->g;
    fire_value x = fire_spatial_in(b, kind, t, rank, in[0]);
    if (!x) return 0;
    float scale[5] = {1, 1, 1, 1, 1};
    for (int i = 0; i < rank; i++) scale[i + 1] = (float)fire_spatial_number(&t->size, i, 1);
    const char *how = !strcmp(t->interpolation, "bilinear") ? "mode=linear" : !strcmp(t->interpolation, "bicubic") ? "mode=cubic cubic_coeff_a=-0.5 exclude_outside=1" : "coordinate_transformation_mode=asymmetric nearest_mode=floor";
    fire_value y = fire_apply(g, "Resize", 3, FIRE_IN(x, 0, fire_graph_const(g, FIRE_F32, (fire_shape){1, {rank + 2}}, scale)), how);
    return fire_spatial_out(b, t, y);
}

#define LAYER(rank, what, ...)                                                                                                                                                      \
    static fire_status check_##rank(const void *t, fire_error *err) { return fire_spatial_list_check(&((const fire_spatial_attrs *)t)->size, "size", rank, false, err); }           \
    static fire_value build_##rank(fire_build *b, const void *t, int n_in, const fire_value *in) { return build(b, "UpSampling" #rank "D", t, rank, in); }                           \
    const fire_layer fire_layer_up_sampling##rank##d = {.name = "UpSampling" #rank "D", .help = what, .attrs = attrs_##rank##d, .attr_size = sizeof(fire_spatial_attrs), .min_in = 1, \
                                                        .max_in = 1, .check = check_##rank, .build = build_##rank, .examples = {__VA_ARGS__}}
LAYER(1, "each step repeated", "[3,2]", "[2,2] size=[3]");
LAYER(2, "rows and columns repeated or drawn between neighbours", "[2,3,2]", "[3,2,2] size=[2,3] interpolation=bilinear", "[2,2,3] size=[3,1] data_format=channels_first", "[3,4,2] size=[2,3] interpolation=bicubic");
LAYER(3, "planes, rows and columns repeated", "[2,1,2,2]");
