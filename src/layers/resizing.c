/* resizing - images of another size: every number from its nearest neighbour, or drawn between four. */
#include "op.h"
#include "spatial.h"
#include <string.h>

typedef struct { int64_t height, width; fire_attr_text interpolation, data_format; bool align_corners; fire_spatial_attrs spatial; } resizing_attrs;

#define AT(field) offsetof(resizing_attrs, field)
static const fire_attr attrs[] = {
    {"height", FIRE_ATTR_INT, AT(height), 0, 1, 1 << 24, NULL, NULL, "rows of the output; must be given"},
    {"width", FIRE_ATTR_INT, AT(width), 0, 1, 1 << 24, NULL, NULL, "columns of the output; must be given"},
    {"interpolation", FIRE_ATTR_TEXT, AT(interpolation), 0, 0, 0, "bilinear", "bilinear|nearest", "what lies between: a mean of four, or the nearest number"},
    {"data_format", FIRE_ATTR_TEXT, AT(spatial.data_format), 0, 0, 0, "channels_last", "channels_last|channels_first", "where the channels of the input and the output are"},
    {"align_corners", FIRE_ATTR_BOOL, AT(align_corners), 0, 0, 1, NULL, NULL, "the outermost numbers stay where they are, as in torch"},
    {0},
};

static fire_status check(const void *attrs_, fire_error *err) {
    const resizing_attrs *t = attrs_;
    return t->height && t->width ? FIRE_OK : fire_fail(err, FIRE_E_ATTRIBUTE, "%s is missing; give the size of the output, as in height=32 width=32", t->height ? "width" : "height");
}

static fire_value build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const resizing_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_value x = fire_spatial_in(b, "Resizing", &t->spatial, 2, in[0]);
    if (!x) return 0;
    bool nearest = !strcmp(t->interpolation, "nearest");
    fire_value size = fire_graph_const(g, FIRE_I64, (fire_shape){1, {2}}, (int64_t[]){t->height, t->width});
    const char *how = nearest ? "axes=[1,2] coordinate_transformation_mode=half_pixel nearest_mode=round_prefer_ceil" : t->align_corners ? "axes=[1,2] mode=linear coordinate_transformation_mode=align_corners" : "axes=[1,2] mode=linear";
    return fire_spatial_out(b, &t->spatial, fire_apply(g, "Resize", 4, FIRE_IN(x, 0, 0, size), how));
}

const fire_layer fire_layer_resizing = {
    .name = "Resizing", .help = "images of another size", .attrs = attrs, .attr_size = sizeof(resizing_attrs), .min_in = 1, .max_in = 1, .check = check, .build = build,
    .examples = {"[3,4,2] height=5 width=2", "[3,2,2] height=6 width=3 interpolation=nearest", "[4,3,2] height=7 width=5 align_corners=1"},
};
