/* conv_transpose - Conv1DTranspose, Conv2DTranspose, Conv3DTranspose: the way of a convolution back, from its output's size to its input's.
** The kernel is [k..., filters, channels]. Sizes are Keras': N becomes N S with padding=same, (N - 1) S + F at least with valid. */
#include "spatial.h"
#include "op.h"
#include <stdio.h>
#include <string.h>

static const fire_attr attrs[] = {
    {"filters", FIRE_ATTR_INT, FIRE_SPATIAL_AT(filters), 0, 1, 1 << 24, NULL, NULL, "channels of the output; must be given"},
    FIRE_SPATIAL_LIST("kernel_size", kernel_size, 1, NULL, "size of the window; one number counts for all dimensions; must be given"),
    FIRE_SPATIAL_LIST("strides", strides, 1, "[1]", "how far apart neighbours of the input come to lie"),
    FIRE_SPATIAL_TEXT("padding", padding, "valid", NULL, "valid: none is cut off; same: strides times as many outputs as inputs; or numbers that are cut off, as in \"[1,1]\""),
    FIRE_SPATIAL_LIST("output_padding", output_padding, 0, NULL, "added to the size of the output; less than the stride"),
    FIRE_SPATIAL_DATA_FORMAT,
    FIRE_SPATIAL_LIST("dilation_rate", dilation_rate, 1, "[1]", "distance of neighbours in the window"),
    FIRE_SPATIAL_TEXT("activation", activation, "linear", FIRE_ACTIVATION_CHOICES, "applied to the result"),
    {"use_bias", FIRE_ATTR_BOOL, FIRE_SPATIAL_AT(use_bias), 1, 0, 1, NULL, NULL, "add b"},
    FIRE_SPATIAL_TEXT("kernel_initializer", kernel_initializer, "glorot_uniform", NULL, "first values of w"),
    FIRE_SPATIAL_TEXT("bias_initializer", bias_initializer, "zeros", NULL, "first values of b"),
    FIRE_SPATIAL_TEXT("kernel_regularizer", kernel_regularizer, "", NULL, "penalty on w"),
    FIRE_SPATIAL_TEXT("bias_regularizer", bias_regularizer, "", NULL, "penalty on b"),
    FIRE_SPATIAL_TEXT("kernel_constraint", kernel_constraint, "", NULL, "what w is held to"),
    FIRE_SPATIAL_TEXT("bias_constraint", bias_constraint, "", NULL, "what b is held to"),
    {0},
};

static fire_status check(const fire_spatial_attrs *t, int rank, fire_error *err) {
    if (t->filters == 0) return fire_fail(err, FIRE_E_ATTRIBUTE, "filters is missing; give the channels of the output, as in filters=32");
    fire_status s = fire_spatial_window_check(t, rank, false, err);
    if (!s) s = fire_spatial_list_check(&t->output_padding, "output_padding", rank, true, err);
    if (!s) s = fire_init_check(t->kernel_initializer, err);
    return s ? s : fire_init_check(t->bias_initializer, err);
}

/* Keras' size of the output, then the padding that leads there: what is cut off is cut in the middle, the odd one behind. */
static void put_sizes(const fire_spatial_attrs *t, int rank, const int64_t *size, char *to, int room) {
    char pads[2][100] = {"", ""}, extra[100] = "";
    int n[3] = {0};
    bool same = !strcmp(t->padding, "same");
    for (int i = 0; i < rank; i++) {
        int64_t k = fire_spatial_number(&t->kernel_size, i, 1), stride = fire_spatial_number(&t->strides, i, 1), dilation = fire_spatial_number(&t->dilation_rate, i, 1);
        int64_t reach = (k - 1) * dilation + 1, full = (size[i] - 1) * stride + reach, out; /* below 2^62: the graph has checked the size */
        if (t->output_padding.n) out = full - (same ? 2 * (reach / 2) : 0) + fire_spatial_number(&t->output_padding, i, 0);
        else out = same ? size[i] * stride : size[i] * stride + (reach > stride ? reach - stride : 0);
        int64_t cut = full - out, low = cut > 0 ? cut / 2 : 0;
        n[0] += snprintf(pads[0] + n[0], sizeof pads[0] - (size_t)n[0], "%s%lld", i ? "," : "", (long long)low);
        n[1] += snprintf(pads[1] + n[1], sizeof pads[1] - (size_t)n[1], ",%lld", (long long)(cut > 0 ? cut - low : 0));
        n[2] += snprintf(extra + n[2], sizeof extra - (size_t)n[2], "%s%lld", i ? "," : "", (long long)(cut < 0 ? -cut : 0));
    }
    snprintf(to, (size_t)room, " pads=[%s%s] output_padding=[%s]", pads[0], pads[1], extra);
}

static fire_value build(fire_build *b, const char *kind, const fire_spatial_attrs *t, int rank, const fire_value *in) {
    fire_graph *g = b->g;
    fire_value x = fire_spatial_in(b, kind, t, rank, in[0]);
    if (!x) return 0;
    fire_shape s = fire_shape_of(g, x), w = {.rank = rank + 2};
    int64_t kernel[3];
    for (int i = 0; i < rank; i++) {
        int64_t stride = fire_spatial_number(&t->strides, i, 1), full;
        w.dim[i] = kernel[i] = fire_spatial_number(&t->kernel_size, i, 1);
        if (!fire_mul(s.dim[i + 1], stride, &full) || full > (int64_t)1 << 40) return fire_graph_fail(g, FIRE_E_SHAPE, "%s '%s': the output is too large", kind, g->layer);
        if (t->output_padding.n && fire_spatial_number(&t->output_padding, i, 0) >= stride)
            return fire_graph_fail(g, FIRE_E_ATTRIBUTE, "%s '%s': output_padding is %lld, expected less than the stride, %lld", kind, g->layer, (long long)fire_spatial_number(&t->output_padding, i, 0), (long long)stride);
    }
    w.dim[rank] = t->filters, w.dim[rank + 1] = s.dim[rank + 1];
    fire_value kernel_ = fire_weight(b, "kernel", w, (fire_how){t->kernel_initializer, t->kernel_regularizer, t->kernel_constraint}, true);
    fire_value bias = t->use_bias ? fire_weight(b, "bias", (fire_shape){1, {t->filters}}, (fire_how){t->bias_initializer, t->bias_regularizer, t->bias_constraint}, true) : 0;
    char text[FIRE_SPATIAL_WINDOW], all[FIRE_SPATIAL_WINDOW + 512], sizes[400] = "";
    fire_spatial_attrs rest = *t;
    if (!strcmp(t->padding, "same") || !strcmp(t->padding, "valid")) {
        memcpy(rest.padding, "valid", 6);
        put_sizes(t, rank, s.dim + 1, sizes, sizeof sizes);
    } else if (t->output_padding.n) {
        int n = snprintf(sizes, sizeof sizes, " output_padding=[");
        for (int i = 0; i < rank; i++) n += snprintf(sizes + n, sizeof sizes - (size_t)n, "%s%lld", i ? "," : "", (long long)fire_spatial_number(&t->output_padding, i, 0));
        snprintf(sizes + n, sizeof sizes - (size_t)n, "]");
    }
    snprintf(all, sizeof all, "%s%s", fire_spatial_window(&rest, rank, kernel, false, &t->strides, text), sizes);
    return fire_spatial_out(b, t, fire_activate(g, t->activation, fire_apply(g, "ConvTranspose", bias ? 3 : 2, FIRE_IN(x, kernel_, bias), all)));
}

#define LAYER(rank, ...)                                                                                                                                                          \
    static fire_status check_##rank(const void *t, fire_error *err) { return check(t, rank, err); }                                                                               \
    static fire_value build_##rank(fire_build *b, const void *t, int n_in, const fire_value *in) { return build(b, "Conv" #rank "DTranspose", t, rank, in); }                      \
    const fire_layer fire_layer_conv##rank##d_transpose = {                                                                                                                       \
        .name = "Conv" #rank "DTranspose", .help = "transposed convolution over " #rank " dimension" #__VA_ARGS__, .attrs = attrs, .attr_size = sizeof(fire_spatial_attrs),        \
        .min_in = 1, .max_in = 1, .check = check_##rank, .build = build_##rank, .examples = EXAMPLES_##rank}
#define EXAMPLES_1 {"[4,2] filters=3 kernel_size=[3] strides=[2] padding=same", "[4,2] filters=2 kernel_size=[2] strides=[3] use_bias=0", "[4,2] filters=2 kernel_size=[4] strides=[2] padding=\"[1]\""}
#define EXAMPLES_2 {"[3,2,2] filters=3 kernel_size=[3]", "[3,2,2] filters=2 kernel_size=[3] strides=[2] padding=same activation=relu", "[3,2,2] filters=2 kernel_size=[3] strides=[2] padding=same output_padding=[1]", "[2,3,2] filters=2 kernel_size=[3,2] strides=[2,1] data_format=channels_first", "[3,3,1] filters=1 kernel_size=[3] strides=[2] padding=\"[1]\" output_padding=[1,0]", "[3,3,1] filters=2 kernel_size=[2] dilation_rate=[2]"}
#define EXAMPLES_3 {"[2,2,2,2] filters=2 kernel_size=[2] strides=[2,1,2]"}
LAYER(1);
LAYER(2, s);
LAYER(3, s);
