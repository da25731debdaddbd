/* lp_pooling - LPPooling over 1 to 3 dimensions: (sum of |x|^p)^(1/p) of each window, channel by channel. Torch's, and DeepLearning4J's PNORM. */
#include "spatial.h"
#include "op.h"
#include <stdio.h>

static const fire_attr attrs[] = {
    {"norm_type", FIRE_ATTR_INT, FIRE_SPATIAL_AT(groups), 2, 1, 1000, NULL, NULL, "p"},
    FIRE_SPATIAL_LIST("pool_size", pool_size, 1, "[2]", "size of the window; one number counts for all dimensions"),
    FIRE_SPATIAL_LIST("strides", strides, 1, NULL, "steps of the window; empty: its size"),
    FIRE_SPATIAL_TEXT("padding", padding, "valid", NULL, "valid: none; same: windows reach over the edges; or numbers, as in \"[1,1]\""),
    FIRE_SPATIAL_DATA_FORMAT,
    {"ceil_mode", FIRE_ATTR_BOOL, FIRE_SPATIAL_AT(ceil_mode), 0, 0, 1, NULL, NULL, "a last window may reach past the edge rather than be left out"},
    {0},
};

static fire_status check(const fire_spatial_attrs *t, int rank, fire_error *err) {
    fire_status s = fire_spatial_list_check(&t->pool_size, "pool_size", rank, false, err);
    if (!s) s = fire_spatial_list_check(&t->strides, "strides", rank, true, err);
    return s ? s : fire_spatial_padding_check(t->padding, rank, false, err);
}

static fire_value build(fire_build *b, const char *kind, const fire_spatial_attrs *t, int rank, const fire_value *in) {
    int64_t size[3];
    char text[FIRE_SPATIAL_WINDOW], all[FIRE_SPATIAL_WINDOW + 64];
    fire_value x = fire_spatial_in(b, kind, t, rank, in[0]);
    if (!x) return 0;
    for (int i = 0; i < rank; i++) size[i] = fire_spatial_number(&t->pool_size, i, 1);
    snprintf(all, sizeof all, "%s%s p=%lld", fire_spatial_window(t, rank, size, true, t->strides.n ? &t->strides : &t->pool_size, text), t->ceil_mode ? " ceil_mode=1" : "", (long long)t->groups);
    return fire_spatial_out(b, t, fire_apply(b->g, "LpPool", 1, &x, all));
}

#define LAYER(rank, ...)                                                                                                                                                          \
    static fire_status check_##rank(const void *t, fire_error *err) { return check(t, rank, err); }                                                                               \
    static fire_value build_##rank(fire_build *b, const void *t, int n_in, const fire_value *in) { return build(b, "LPPooling" #rank "D", t, rank, in); }                          \
    const fire_layer fire_layer_lp_pooling##rank##d = {.name = "LPPooling" #rank "D", .help = "the p-norm of each window, dimensions: " #rank, .attrs = attrs,                     \
                                                       .attr_size = sizeof(fire_spatial_attrs), .min_in = 1, .max_in = 1, .check = check_##rank, .build = build_##rank, .examples = {__VA_ARGS__}}
LAYER(1, "[6,2]", "[5,2] pool_size=[3] strides=[2] norm_type=3");
LAYER(2, "[4,4,2]", "[5,4,1] pool_size=[3,2] strides=[1] norm_type=1");
LAYER(3, "[2,4,3,2]");
