/* pooling - MaxPooling and AveragePooling over 1 to 3 dimensions: the largest number or the mean of each window, channel by channel. */
#include "spatial.h"
#include "op.h"
#include <stdio.h>

#define COMMON                                                                                                                                              \
    FIRE_SPATIAL_LIST("pool_size", pool_size, 1, "[2]", "size of the window; one number counts for all dimensions"),                                         \
        FIRE_SPATIAL_LIST("strides", strides, 1, NULL, "steps of the window; empty: its size"),                                                             \
        FIRE_SPATIAL_TEXT("padding", padding, "valid", NULL, "valid: none; same: windows reach over the edges; or numbers, as in \"[1,1]\""),                \
        FIRE_SPATIAL_DATA_FORMAT,                                                                                                                           \
        {"ceil_mode", FIRE_ATTR_BOOL, FIRE_SPATIAL_AT(ceil_mode), 0, 0, 1, NULL, NULL, "a last window may reach past the edge rather than be left out"}
static const fire_attr max_attrs[] = {COMMON, FIRE_SPATIAL_LIST("dilation_rate", dilation_rate, 1, "[1]", "distance of neighbours in the window"), {0}};
static const fire_attr average_attrs[] = {
    COMMON, {"count_include_pad", FIRE_ATTR_BOOL, FIRE_SPATIAL_AT(count_include_pad), 0, 0, 1, NULL, NULL, "padding counts as zeros"}, {0}};

static fire_status check(const fire_spatial_attrs *t, int rank, fire_error *err) {
    fire_status s = fire_spatial_list_check(&t->pool_size, "pool_size", rank, false, err);
    if (!s) s = fire_spatial_list_check(&t->strides, "strides", rank, true, err);
    if (!s && t->dilation_rate.n) s = fire_spatial_list_check(&t->dilation_rate, "dilation_rate", rank, true, err);
    return s ? s : fire_spatial_padding_check(t->padding, rank, false, err);
}

static fire_value build(fire_build *b, const char *kind, const char *op, const fire_spatial_attrs *t, int rank, const fire_value *in) {
    int64_t size[3];
    char text[FIRE_SPATIAL_WINDOW], all[FIRE_SPATIAL_WINDOW + 64];
    fire_value x = fire_spatial_in(b, kind, t, rank, in[0]);
    if (!x) return 0;
    for (int i = 0; i < rank; i++) size[i] = fire_spatial_number(&t->pool_size, i, 1);
    snprintf(all, sizeof all, "%s%s%s", fire_spatial_window(t, rank, size, true, t->strides.n ? &t->strides : &t->pool_size, text), t->ceil_mode ? " ceil_mode=1" : "",
             t->count_include_pad ? " count_include_pad=1" : "");
    return fire_spatial_out(b, t, fire_apply(b->g, op, 1, &x, all));
}

#define LAYER(symbol, class, op, attrs_, rank, what, ...)                                                                                                                  \
    static fire_status check_##symbol##rank(const void *t, fire_error *err) { return check(t, rank, err); }                                                              \
    static fire_value build_##symbol##rank(fire_build *b, const void *t, int n_in, const fire_value *in) { return build(b, class #rank "D", op, t, rank, in); }            \
    const fire_layer fire_layer_##symbol##rank##d = {.name = class #rank "D", .help = what, .attrs = attrs_, .attr_size = sizeof(fire_spatial_attrs), .min_in = 1, .max_in = 1, \
                                                     .check = check_##symbol##rank, .build = build_##symbol##rank, .examples = {__VA_ARGS__}}
LAYER(max_pooling, "MaxPooling", "MaxPool", max_attrs, 1, "the largest number of each window over 1 dimension", "[6,2]", "[5,2] pool_size=[3] strides=[2] padding=same", "[2,6] data_format=channels_first");
LAYER(max_pooling, "MaxPooling", "MaxPool", max_attrs, 2, "the largest number of each window over 2 dimensions", "[4,4,2]", "[5,4,2] pool_size=[3] strides=[2] padding=same", "[5,5,1] pool_size=[2,3] strides=[1,2] padding=\"[0,1]\"",
      "[5,5,1] ceil_mode=1", "[4,5,1] strides=[1] dilation_rate=[2]");
LAYER(max_pooling, "MaxPooling", "MaxPool", max_attrs, 3, "the largest number of each window over 3 dimensions", "[2,4,3,2]", "[3,2,3,1] pool_size=[2,1,2] strides=[1]");
LAYER(average_pooling, "AveragePooling", "AveragePool", average_attrs, 1, "the mean of each window over 1 dimension", "[6,2]", "[5,2] pool_size=[3] strides=[2] padding=same");
LAYER(average_pooling, "AveragePooling", "AveragePool", average_attrs, 2, "the mean of each window over 2 dimensions", "[4,4,2]", "[5,4,2] pool_size=[3] strides=[2] padding=same",
      "[5,5,1] pool_size=[3,2] strides=[2] padding=\"[1,1]\" count_include_pad=1", "[5,5,1] ceil_mode=1", "[2,4,4] data_format=channels_first");
LAYER(average_pooling, "AveragePooling", "AveragePool", average_attrs, 3, "the mean of each window over 3 dimensions", "[2,4,3,2]");
