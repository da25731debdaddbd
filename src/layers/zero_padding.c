/* zero_padding - ZeroPadding: zeros around each row; Cropping: numbers cut off at the edges. */
#include "spatial.h"

static const fire_attr padding_1d[] = {FIRE_SPATIAL_LIST("padding", amount, 0, "[1]", "zeros: one number for both ends, or one before and one behind"), FIRE_SPATIAL_DATA_FORMAT, {0}};
static const fire_attr padding[] = {FIRE_SPATIAL_LIST("padding", amount, 0, "[1]", "zeros: one number, one for each dimension, or one before and one behind each"), FIRE_SPATIAL_DATA_FORMAT, {0}};
static const fire_attr cropping_1d[] = {FIRE_SPATIAL_LIST("cropping", amount, 0, "[1]", "numbers cut off: one for both ends, or one before and one behind"), FIRE_SPATIAL_DATA_FORMAT, {0}};
static const fire_attr cropping_2d[] = {FIRE_SPATIAL_LIST("cropping", amount, 0, "[0]", "numbers cut off: one, one for each dimension, or one before and one behind each"), FIRE_SPATIAL_DATA_FORMAT, {0}};
static const fire_attr cropping_3d[] = {FIRE_SPATIAL_LIST("cropping", amount, 0, "[1]", "numbers cut off: one, one for each dimension, or one before and one behind each"), FIRE_SPATIAL_DATA_FORMAT, {0}};

static fire_value pad(fire_build *b, const char *kind, const fire_spatial_attrs *t, int rank, const fire_value *in) {
    int64_t low[3], high[3];
    fire_value x = fire_spatial_in(b, kind, t, rank, in[0]);
    if (!x) return 0;
    fire_spatial_pairs(&t->amount, rank, low, high);
    return fire_spatial_out(b, t, fire_spatial_pad(b->g, x, rank, low, high, "constant"));
}

static fire_value crop(fire_build *b, const char *kind, const fire_spatial_attrs *t, int rank, const fire_value *in) {
    fire_graph *g = b->g;
    int64_t low[3], high[3], axes[3];
    fire_value x = fire_spatial_in(b, kind, t, rank, in[0]);
    if (!x) return 0;
    fire_shape s = fire_shape_of(g, x), n = {1, {rank}};
    fire_spatial_pairs(&t->amount, rank, low, high);
    for (int i = 0; i < rank; i++) {
        if (low[i] + high[i] >= s.dim[i + 1])
            return fire_graph_fail(g, FIRE_E_SHAPE, "%s '%s': cropping of %lld and %lld leaves nothing of %lld in dimension %d", kind, g->layer, (long long)low[i], (long long)high[i], (long long)s.dim[i + 1], i);
        high[i] = s.dim[i + 1] - high[i];
        axes[i] = i + 1;
    }
    fire_value y = fire_apply(g, "Slice", 4, FIRE_IN(x, fire_graph_const(g, FIRE_I64, n, low), fire_graph_const(g, FIRE_I64, n, high), fire_graph_const(g, FIRE_I64, n, axes)), NULL);
    return fire_spatial_out(b, t, y);
}

#define LAYER(symbol, class, how, attrs_, rank, what, ...)                                                                                                                     \
    static fire_status check_##symbol##rank(const void *t, fire_error *err) { return fire_spatial_pairs_check(&((const fire_spatial_attrs *)t)->amount, attrs_[0].name, rank, err); } \
    static fire_value build_##symbol##rank(fire_build *b, const void *t, int n_in, const fire_value *in) { return how(b, class #rank "D", t, rank, in); }                       \
    const fire_layer fire_layer_##symbol##rank##d = {.name = class #rank "D", .help = what, .attrs = attrs_, .attr_size = sizeof(fire_spatial_attrs), .min_in = 1, .max_in = 1, \
                                                     .check = check_##symbol##rank, .build = build_##symbol##rank, .examples = {__VA_ARGS__}}
LAYER(zero_padding, "ZeroPadding", pad, padding_1d, 1, "zeros before and behind the steps of each row", "[3,2]", "[3,2] padding=[0,2]");
LAYER(zero_padding, "ZeroPadding", pad, padding, 2, "zeros around each row of 2 dimensions", "[3,2,2]", "[3,2,1] padding=[1,2,0,3]", "[2,3,2] padding=[1,0] data_format=channels_first");
LAYER(zero_padding, "ZeroPadding", pad, padding, 3, "zeros around each row of 3 dimensions", "[2,2,2,1]", "[2,3,2,1] padding=[1,0,0,2,0,1]");
LAYER(cropping, "Cropping", crop, cropping_1d, 1, "steps cut off at both ends of each row", "[4,2]", "[4,2] cropping=[0,2]");
LAYER(cropping, "Cropping", crop, cropping_2d, 2, "numbers cut off at the edges of 2 dimensions", "[3,4,2]", "[4,4,2] cropping=[1,0,2,1]", "[2,4,4] cropping=[1,0] data_format=channels_first");
LAYER(cropping, "Cropping", crop, cropping_3d, 3, "numbers cut off at the edges of 3 dimensions", "[3,3,4,1]", "[2,3,2,1] cropping=[1,0,0,2,0,1]");
