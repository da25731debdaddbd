/* separable_conv - SeparableConv1D, SeparableConv2D: each channel convolved by itself, then a 1 x 1 convolution that mixes the results. Weights:
** depthwise_kernel [k..., channels, depth_multiplier], pointwise_kernel [1..., channels depth_multiplier, filters], bias [filters]. */
#include "spatial.h"
#include "op.h"
#include <stdio.h>

#define ROWS(padding_help)                                                                                                                                                       \
    {"filters", FIRE_ATTR_INT, FIRE_SPATIAL_AT(filters), 0, 1, 1 << 24, NULL, NULL, "channels of the output; must be given"},                                                    \
        FIRE_SPATIAL_LIST("kernel_size", kernel_size, 1, NULL, "size of the window; one number counts for all dimensions; must be given"),                                       \
        FIRE_SPATIAL_LIST("strides", strides, 1, "[1]", "steps of the window"), FIRE_SPATIAL_TEXT("padding", padding, "valid", NULL, padding_help), FIRE_SPATIAL_DATA_FORMAT,      \
        FIRE_SPATIAL_LIST("dilation_rate", dilation_rate, 1, "[1]", "distance of neighbours in the window"),                                                                     \
        {"depth_multiplier", FIRE_ATTR_INT, FIRE_SPATIAL_AT(depth_multiplier), 1, 1, 1 << 24, NULL, NULL, "results of each channel before they are mixed"},                       \
        FIRE_SPATIAL_TEXT("activation", activation, "linear", FIRE_ACTIVATION_CHOICES, "applied to the result"),                                                                 \
        {"use_bias", FIRE_ATTR_BOOL, FIRE_SPATIAL_AT(use_bias), 1, 0, 1, NULL, NULL, "add b"},                                                                                   \
        FIRE_SPATIAL_TEXT("depthwise_initializer", kernel_initializer, "glorot_uniform", NULL, "first values of the depthwise kernel"),                                          \
        FIRE_SPATIAL_TEXT("pointwise_initializer", pointwise_initializer, "glorot_uniform", NULL, "first values of the pointwise kernel"),                                       \
        FIRE_SPATIAL_TEXT("bias_initializer", bias_initializer, "zeros", NULL, "first values of b"),                                                                             \
        FIRE_SPATIAL_TEXT("depthwise_regularizer", kernel_regularizer, "", NULL, "penalty on the depthwise kernel"),                                                             \
        FIRE_SPATIAL_TEXT("pointwise_regularizer", pointwise_regularizer, "", NULL, "penalty on the pointwise kernel"),                                                          \
        FIRE_SPATIAL_TEXT("bias_regularizer", bias_regularizer, "", NULL, "penalty on b"),                                                                                       \
        FIRE_SPATIAL_TEXT("depthwise_constraint", kernel_constraint, "", NULL, "what the depthwise kernel is held to"),                                                          \
        FIRE_SPATIAL_TEXT("pointwise_constraint", pointwise_constraint, "", NULL, "what the pointwise kernel is held to"),                                                       \
        FIRE_SPATIAL_TEXT("bias_constraint", bias_constraint, "", NULL, "what b is held to"), {0}
static const fire_attr attrs_1d[] = {ROWS("valid: none; same: as many outputs as inputs at stride 1; causal: only before; or numbers, as in \"[1]\"")};
static const fire_attr attrs[] = {ROWS("valid: none; same: as many outputs as inputs at stride 1; or numbers, as in \"[1,1]\"")};

static fire_status check(const fire_spatial_attrs *t, int rank, fire_error *err) {
    if (t->filters == 0) return fire_fail(err, FIRE_E_ATTRIBUTE, "filters is missing; give the channels of the output, as in filters=32");
    fire_status s = fire_spatial_window_check(t, rank, rank == 1, err);
    if (!s) s = fire_init_check(t->kernel_initializer, err);
    if (!s) s = fire_init_check(t->pointwise_initializer, err);
    return s ? s : fire_init_check(t->bias_initializer, err);
}

static fire_value build(fire_build *b, const char *kind, const fire_spatial_attrs *t, int rank, const fire_value *in) {
    fire_graph *g = b->g;
    fire_value x = fire_spatial_in(b, kind, t, rank, in[0]);
    if (!x) return 0;
    int64_t channels = fire_shape_of(g, x).dim[rank + 1], kernel[3], flat[5], width;
    if (!fire_mul(channels, t->depth_multiplier, &width)) return fire_graph_fail(g, FIRE_E_SHAPE, "%s '%s': there are too many channels", kind, g->layer);
    fire_shape w = {.rank = rank + 2}, one = {.rank = rank + 2};
    for (int i = 0; i < rank; i++) w.dim[i] = flat[i] = kernel[i] = fire_spatial_number(&t->kernel_size, i, 1), one.dim[i] = 1;
    w.dim[rank] = channels, w.dim[rank + 1] = t->depth_multiplier;
    one.dim[rank] = width, one.dim[rank + 1] = t->filters;
    flat[rank] = 1, flat[rank + 1] = width;
    fire_value deep = fire_weight(b, "depthwise_kernel", w, (fire_how){t->kernel_initializer, t->kernel_regularizer, t->kernel_constraint}, true);
    fire_value point = fire_weight(b, "pointwise_kernel", one, (fire_how){t->pointwise_initializer, t->pointwise_regularizer, t->pointwise_constraint}, true);
    fire_value bias = t->use_bias ? fire_weight(b, "bias", (fire_shape){1, {t->filters}}, (fire_how){t->bias_initializer, t->bias_regularizer, t->bias_constraint}, true) : 0;
    deep = fire_apply(g, "Reshape", 2, FIRE_IN(deep, fire_graph_const(g, FIRE_I64, (fire_shape){1, {rank + 2}}, flat)), NULL);
    char text[FIRE_SPATIAL_WINDOW], all[FIRE_SPATIAL_WINDOW + 32];
    snprintf(all, sizeof all, "group=%lld %s", (long long)channels, fire_spatial_window(t, rank, kernel, false, &t->strides, text));
    fire_value y = fire_apply(g, "Conv", 2, FIRE_IN(x, deep), all);
    return fire_spatial_out(b, t, fire_activate(g, t->activation, fire_apply(g, "Conv", bias ? 3 : 2, FIRE_IN(y, point, bias), "channels_last=1")));
}

#define LAYER(rank, ...)                                                                                                                                                           \
    static fire_status check_##rank(const void *t, fire_error *err) { return check(t, rank, err); }                                                                                \
    static fire_value build_##rank(fire_build *b, const void *t, int n_in, const fire_value *in) { return build(b, "SeparableConv" #rank "D", t, rank, in); }                       \
    const fire_layer fire_layer_separable_conv##rank##d = {                                                                                                                        \
        .name = "SeparableConv" #rank "D", .help = "convolution of each channel by itself, then over channels, " #rank " dimension" #__VA_ARGS__,                                   \
        .attrs = rank == 1 ? attrs_1d : attrs, .attr_size = sizeof(fire_spatial_attrs), .min_in = 1, .max_in = 1, .check = check_##rank, .build = build_##rank, .examples = EXAMPLES_##rank}
#define EXAMPLES_1 {"[5,3] filters=2 kernel_size=[3] padding=same"}
#define EXAMPLES_2 {"[4,4,2] filters=3 kernel_size=[3] depth_multiplier=2", "[5,4,2] filters=2 kernel_size=[3] strides=[2] padding=same activation=relu use_bias=0"}
LAYER(1);
LAYER(2, s);
