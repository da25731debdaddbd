/* locally_connected - LocallyConnected1D, LocallyConnected2D: a convolution whose kernel is another one at each place of the output. Weights, as Keras 1 and 2
** have them: kernel [places, window channels, filters], bias [places..., filters]; with channels_first a window's numbers lie channel by channel. */
#include "compose.h"
#include "spatial.h"
#include "op.h"
#include <string.h>

#define ROWS                                                                                                                                                                     \
    {"filters", FIRE_ATTR_INT, FIRE_SPATIAL_AT(filters), 0, 1, 1 << 24, NULL, NULL, "channels of the output; must be given"},                                                    \
        FIRE_SPATIAL_LIST("kernel_size", kernel_size, 1, NULL, "size of the window; one number counts for all dimensions; must be given"),                                       \
        FIRE_SPATIAL_LIST("strides", strides, 1, "[1]", "steps of the window"),                                                                                                  \
        FIRE_SPATIAL_TEXT("padding", padding, "valid", "valid|same", "valid: none; same: as many outputs as inputs at stride 1"), FIRE_SPATIAL_DATA_FORMAT,                       \
        FIRE_SPATIAL_TEXT("activation", activation, "linear", FIRE_ACTIVATION_CHOICES, "applied to the result"),                                                                 \
        {"use_bias", FIRE_ATTR_BOOL, FIRE_SPATIAL_AT(use_bias), 1, 0, 1, NULL, NULL, "add the bias"},                                                                            \
        FIRE_SPATIAL_TEXT("kernel_initializer", kernel_initializer, "glorot_uniform", NULL, "first values of the kernel"),                                                       \
        FIRE_SPATIAL_TEXT("bias_initializer", bias_initializer, "zeros", NULL, "first values of the bias"),                                                                      \
        FIRE_SPATIAL_TEXT("kernel_regularizer", kernel_regularizer, "", NULL, "penalty on the kernel"), FIRE_SPATIAL_TEXT("bias_regularizer", bias_regularizer, "", NULL, "penalty on the bias"), \
        FIRE_SPATIAL_TEXT("kernel_constraint", kernel_constraint, "", NULL, "what the kernel is held to"),                                                                       \
        FIRE_SPATIAL_TEXT("bias_constraint", bias_constraint, "", NULL, "what the bias is held to"), {0}
static const fire_attr attrs[] = {ROWS};

static fire_status check(const fire_spatial_attrs *t, int rank, fire_error *err) {
    if (t->filters == 0) return fire_fail(err, FIRE_E_ATTRIBUTE, "filters is missing; give the channels of the output, as in filters=32");
    fire_status s = fire_spatial_list_check(&t->kernel_size, "kernel_size", rank, false, err);
    return s ? s : fire_spatial_list_check(&t->strides, "strides", rank, false, err);
}

/* What of the padded input each place of the output sees: indices [out0 out1 window0 window1] into its places, row by row. */
static fire_value windows(fire_graph *g, const int64_t size[2], const int64_t out[2], const int64_t kernel[2], const int64_t stride[2]) {
    int64_t count, at = 0;
    if (!fire_mul(out[0], out[1], &count) || !fire_mul(count, kernel[0], &count) || !fire_mul(count, kernel[1], &count) || count > INT32_MAX)
        return fire_graph_fail(g, FIRE_E_SHAPE, "LocallyConnected '%s': too many places and windows", g->layer);
    int64_t *index = fire_alloc(g->ctx, (size_t)count, sizeof *index, &g->first);
    if (!index) return 0;
    for (int64_t i = 0; i < out[0]; i++)
        for (int64_t j = 0; j < out[1]; j++)
            for (int64_t k = 0; k < kernel[0]; k++)
                for (int64_t l = 0; l < kernel[1]; l++) index[at++] = (i * stride[0] + k) * size[1] + j * stride[1] + l;
    fire_value made = fire_graph_const(g, FIRE_I64, (fire_shape){1, {count}}, index);
    fire_free(g->ctx, index);
    return made;
}

static fire_value build(fire_build *b, const char *kind, const fire_spatial_attrs *t, int rank, const fire_value *in) {
    fire_graph *g = b->g;
    fire_value x = fire_spatial_in(b, kind, t, rank, in[0]);
    if (!x) return 0;
    fire_shape s = fire_shape_of(g, x);
    char text[FIRE_SHAPE_TEXT];
    int64_t channels = s.dim[rank + 1], size[2] = {1, 1}, out[2] = {1, 1}, kernel[2] = {1, 1}, stride[2] = {1, 1}, low[3] = {0}, high[3] = {0}, places, window, seen, all;
    for (int i = 0; i < rank; i++) {
        int k = i + 2 - rank; /* one dimension is the second of two */
        int64_t n = s.dim[i + 1];
        kernel[k] = fire_spatial_number(&t->kernel_size, i, 1), stride[k] = fire_spatial_number(&t->strides, i, 1);
        if (!strcmp(t->padding, "same")) {
            out[k] = (n - 1) / stride[k] + 1;
            low[i] = kernel[k] / 2; /* Keras has the window around i stride, other than in a convolution */
            int64_t more = (out[k] - 1) * stride[k] + kernel[k] - low[i] - n;
            high[i] = more > 0 ? more : 0;
        } else out[k] = n < kernel[k] ? 0 : (n - kernel[k]) / stride[k] + 1;
        size[k] = n + low[i] + high[i];
        if (out[k] < 1) return fire_graph_fail(g, FIRE_E_SHAPE, "%s '%s': a window of %lld does not fit into %s", kind, g->layer, (long long)kernel[k], fire_shape_text(&s, text));
    }
    if (!fire_mul(out[0], out[1], &places) || !fire_mul(kernel[0], kernel[1], &window) || !fire_mul(window, channels, &seen) || !fire_mul(size[0], size[1], &all))
        return fire_graph_fail(g, FIRE_E_SHAPE, "%s '%s': the input %s is too large", kind, g->layer, fire_shape_text(&s, text));
    fire_value w = fire_weight(b, "kernel", (fire_shape){3, {places, seen, t->filters}}, (fire_how){t->kernel_initializer, t->kernel_regularizer, t->kernel_constraint}, true);
    fire_shape bias = {.rank = rank + 1}, to = {.rank = rank + 2, .dim = {-1}};
    for (int i = 0; i < rank; i++) bias.dim[i] = to.dim[i + 1] = out[i + 2 - rank];
    bias.dim[rank] = to.dim[rank + 1] = t->filters;
    fire_value bias_ = t->use_bias ? fire_weight(b, "bias", bias, (fire_how){t->bias_initializer, t->bias_regularizer, t->bias_constraint}, true) : 0;
    if (!strcmp(t->data_format, "channels_first")) {
        w = fire_permute(g, fire_reshape(g, w, (fire_shape){4, {places, channels, window, t->filters}}), (const int[]){0, 2, 1, 3});
        w = fire_reshape(g, w, (fire_shape){3, {places, seen, t->filters}});
    }
    x = fire_reshape(g, fire_spatial_pad(g, x, rank, low, high, "constant"), (fire_shape){3, {-1, all, channels}});
    x = fire_apply(g, "Gather", 2, FIRE_IN(x, windows(g, size, out, kernel, stride)), "axis=1");
    x = fire_permute(g, fire_reshape(g, x, (fire_shape){3, {-1, places, seen}}), (const int[]){1, 0, 2});
    fire_value y = fire_permute(g, fire_two(g, "MatMul", x, w), (const int[]){1, 0, 2}); /* [n, places, filters] */
    y = fire_reshape(g, y, to);
    if (bias_) y = fire_two(g, "Add", y, bias_);
    return fire_spatial_out(b, t, fire_activate(g, t->activation, y));
}

#define LAYER(rank, ...)                                                                                                                                                          \
    static fire_status check_##rank(const void *t, fire_error *err) { return check(t, rank, err); }                                                                               \
    static fire_value build_##rank(fire_build *b, const void *t, int n_in, const fire_value *in) { return build(b, "LocallyConnected" #rank "D", t, rank, in); }                   \
    const fire_layer fire_layer_locally_connected##rank##d = {                                                                                                                    \
        .name = "LocallyConnected" #rank "D", .help = "convolution over " #rank " dimension" #__VA_ARGS__ " with a kernel of its own at each place", .attrs = attrs,               \
        .attr_size = sizeof(fire_spatial_attrs), .min_in = 1, .max_in = 1, .check = check_##rank, .build = build_##rank, .examples = EXAMPLES_##rank}
#define EXAMPLES_1 {"[5,2] filters=3 kernel_size=[3]", "[6,2] filters=2 kernel_size=[3] strides=[2] padding=same activation=tanh", "[2,5] filters=2 kernel_size=[2] data_format=channels_first use_bias=0"}
#define EXAMPLES_2 {"[4,3,2] filters=2 kernel_size=[2]", "[2,4,3] filters=2 kernel_size=[3,2] strides=[1,2] data_format=channels_first activation=tanh", "[3,3,1] filters=2 kernel_size=[2] padding=same"}
LAYER(1);
LAYER(2, s);
