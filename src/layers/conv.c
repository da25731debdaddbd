/* conv - Conv1D, Conv2D, Conv3D: y = activation(x * w + b), the kernel w [k..., channels / groups, filters], b [filters]. A side of size N with
** a kernel of F, padding P on both sides and stride S becomes (N - F + 2 P) / S + 1 numbers long. */
#include "spatial.h"
#include "op.h"
#include <stdio.h>
#include <string.h>

#define ROWS(padding_help)                                                                                                                                                          \
    {"filters", FIRE_ATTR_INT, FIRE_SPATIAL_AT(filters), 0, 1, 1 << 24, NULL, NULL, "channels of the output; must be given"},                                                       \
        FIRE_SPATIAL_LIST("kernel_size", kernel_size, 1, NULL, "size of the window; one number counts for all dimensions; must be given"),                                          \
        FIRE_SPATIAL_LIST("strides", strides, 1, "[1]", "steps of the window"), FIRE_SPATIAL_TEXT("padding", padding, "valid", NULL, padding_help), FIRE_SPATIAL_DATA_FORMAT,        \
        FIRE_SPATIAL_LIST("dilation_rate", dilation_rate, 1, "[1]", "distance of neighbours in the window"),                                                                        \
        {"groups", FIRE_ATTR_INT, FIRE_SPATIAL_AT(groups), 1, 1, 1 << 24, NULL, NULL, "groups of channels that do not see each other"},                                             \
        FIRE_SPATIAL_TEXT("activation", activation, "linear", FIRE_ACTIVATION_CHOICES, "applied to the result"),                                                                    \
        {"use_bias", FIRE_ATTR_BOOL, FIRE_SPATIAL_AT(use_bias), 1, 0, 1, NULL, NULL, "add b"},                                                                                      \
        FIRE_SPATIAL_TEXT("kernel_initializer", kernel_initializer, "glorot_uniform", NULL, "first values of w"),                                                                   \
        FIRE_SPATIAL_TEXT("bias_initializer", bias_initializer, "zeros", NULL, "first values of b"),                                                                                \
        FIRE_SPATIAL_TEXT("kernel_regularizer", kernel_regularizer, "", NULL, "penalty on w"), FIRE_SPATIAL_TEXT("bias_regularizer", bias_regularizer, "", NULL, "penalty on b"),    \
        FIRE_SPATIAL_TEXT("kernel_constraint", kernel_constraint, "", NULL, "what w is held to"), FIRE_SPATIAL_TEXT("bias_constraint", bias_constraint, "", NULL, "what b is held to"), \
        FIRE_SPATIAL_TEXT("padding_mode", padding_mode, "zeros", "zeros|reflect|replicate|circular", "what the padding holds"), {0}
static const fire_attr attrs_1d[] = {ROWS("valid: none; same: as many outputs as inputs at stride 1; causal: only before; or numbers, as in \"[1]\" or \"[1,0]\"")};
static const fire_attr attrs[] = {ROWS("valid: none; same: as many outputs as inputs at stride 1; or numbers, as in \"[1,1]\" (each dimension) or one before and one behind each")};

static fire_status check(const fire_spatial_attrs *t, int rank, fire_error *err) {
    if (t->filters == 0) return fire_fail(err, FIRE_E_ATTRIBUTE, "filters is missing; give the channels of the output, as in filters=32");
    fire_status s = fire_spatial_window_check(t, rank, rank == 1, err);
    if (!s) s = fire_init_check(t->kernel_initializer, err);
    if (!s) s = fire_init_check(t->bias_initializer, err);
    if (!s && t->filters % t->groups) s = fire_fail(err, FIRE_E_ATTRIBUTE, "%lld filters cannot be split into %lld groups", (long long)t->filters, (long long)t->groups);
    return s;
}

/* Padding that does not hold zeros is added before, so that the convolution has none. */
static fire_value pad_first(fire_graph *g, const fire_spatial_attrs *t, int rank, const int64_t *kernel, fire_value x, fire_spatial_attrs *rest) {
    int64_t low[3] = {0}, high[3] = {0};
    fire_shape s = fire_shape_of(g, x);
    char text[FIRE_SPATIAL_WINDOW];
    *rest = *t;
    if (!strcmp(t->padding_mode, "zeros") || !strcmp(t->padding, "valid")) return x;
    if (!strcmp(t->padding, "same"))
        for (int i = 0; i < rank; i++) {
            int64_t stride = fire_spatial_number(&t->strides, i, 1), reach = (kernel[i] - 1) * fire_spatial_number(&t->dilation_rate, i, 1) + 1;
            int64_t total = ((s.dim[i + 1] - 1) / stride) * stride + reach - s.dim[i + 1];
            low[i] = total > 0 ? total / 2 : 0, high[i] = total > 0 ? total - total / 2 : 0;
        }
    else { /* as the window's text has it: pads=[low..., high...] */
        const char *p = strstr(fire_spatial_window(t, rank, kernel, false, &t->strides, text), "pads=[");
        for (int i = 0; p && i < 2 * rank; i++) {
            p += strcspn(p, "0123456789");
            for (int64_t *v = i < rank ? &low[i] : &high[i - rank]; *p >= '0' && *p <= '9'; p++) *v = *v * 10 + (*p - '0');
        }
    }
    memcpy(rest->padding, "valid", 6);
    return fire_spatial_pad(g, x, rank, low, high, t->padding_mode[0] == 'c' ? "wrap" : !strcmp(t->padding_mode, "reflect") ? "reflect" : "edge");
}

static fire_value build(fire_build *b, const char *kind, const fire_spatial_attrs *t, int rank, const fire_value *in) {
    fire_graph *g = b->g;
    fire_value x = fire_spatial_in(b, kind, t, rank, in[0]);
    if (!x) return 0;
    int64_t channels = fire_shape_of(g, x).dim[rank + 1], kernel[3];
    if (channels % t->groups)
        return fire_graph_fail(g, FIRE_E_SHAPE, "%s '%s': %lld channels of the input cannot be split into groups=%lld", kind, g->layer, (long long)channels, (long long)t->groups);
    fire_shape w = {.rank = rank + 2};
    for (int i = 0; i < rank; i++) w.dim[i] = kernel[i] = fire_spatial_number(&t->kernel_size, i, 1);
    w.dim[rank] = channels / t->groups, w.dim[rank + 1] = t->filters;
    fire_value kernel_ = fire_weight(b, "kernel", w, (fire_how){t->kernel_initializer, t->kernel_regularizer, t->kernel_constraint}, true);
    fire_value bias = t->use_bias ? fire_weight(b, "bias", (fire_shape){1, {t->filters}}, (fire_how){t->bias_initializer, t->bias_regularizer, t->bias_constraint}, true) : 0;
    if (g->first.status) return 0;
    fire_spatial_attrs rest;
    char text[FIRE_SPATIAL_WINDOW], all[FIRE_SPATIAL_WINDOW + 32];
    x = pad_first(g, t, rank, kernel, x, &rest);
    snprintf(all, sizeof all, "group=%lld %s", (long long)t->groups, fire_spatial_window(&rest, rank, kernel, false, &t->strides, text));
    return fire_spatial_out(b, t, fire_activate(g, t->activation, fire_apply(g, "Conv", bias ? 3 : 2, FIRE_IN(x, kernel_, bias), all)));
}

#define LAYER(rank, ...)                                                                                                                                                           \
    static fire_status check_##rank(const void *t, fire_error *err) { return check(t, rank, err); }                                                                                \
    static fire_value build_##rank(fire_build *b, const void *t, int n_in, const fire_value *in) { return build(b, "Conv" #rank "D", t, rank, in); }                                \
    const fire_layer fire_layer_conv##rank##d = {                                                                                                                                  \
        .name = "Conv" #rank "D", .help = "convolution over " #rank " dimension" #__VA_ARGS__, .attrs = rank == 1 ? attrs_1d : attrs, .attr_size = sizeof(fire_spatial_attrs),      \
        .min_in = 1, .max_in = 1, .check = check_##rank, .build = build_##rank, .examples = EXAMPLES_##rank}
#define EXAMPLES_1 {"[6,2] filters=3 kernel_size=[3]", "[6,2] filters=2 kernel_size=[2] padding=causal dilation_rate=[2] activation=relu", "[7,2] filters=2 kernel_size=[3] strides=[2] padding=same use_bias=0", "[2,6] filters=3 kernel_size=[3] data_format=channels_first padding=\"[1,0]\""}
#define EXAMPLES_2 {"[5,4,2] filters=3 kernel_size=[3]", "[5,4,2] filters=2 kernel_size=[3,2] strides=[2] padding=same activation=relu", "[4,4,4] filters=4 kernel_size=[2] groups=2 use_bias=0", "[5,5,1] filters=2 kernel_size=[3] dilation_rate=[2] padding=same activation=tanh", "[2,4,5] filters=2 kernel_size=[2,3] data_format=channels_first", "[4,4,2] filters=2 kernel_size=[3] padding=\"[1,1]\" padding_mode=circular", "[4,4,1] filters=2 kernel_size=[3] padding=same padding_mode=reflect", "[3,4,1] filters=2 kernel_size=[2] padding=\"[1,0,0,1]\""}
#define EXAMPLES_3 {"[3,3,4,2] filters=2 kernel_size=[2]", "[3,4,3,1] filters=2 kernel_size=[2,3,2] strides=[1,2,1] padding=same"}
LAYER(1);
LAYER(2, s);
LAYER(3, s);
