/* window.h - windows that slide over one to three spatial dimensions: what convolution and pooling share.
**
** Data is [n, c, d...] as in ONNX, or [n, d..., c] with the attribute channels_last=1, which is ours: layers keep channels last, as
** Keras does. The weights of a convolution are then [k..., in, out] instead of [out, in, k...], `in` being counted per group.
*/
#ifndef FIRE_WINDOW_H
#define FIRE_WINDOW_H
#include "op.h"

/* Attributes of all operators of this family; each has the rows that it knows. */
typedef struct fire_window_attrs {
    fire_attr_text auto_pad;
    fire_ints dilations, kernel_shape, pads, strides, output_padding, output_shape;
    int64_t group, channels_last, bias, ceil_mode, count_include_pad, storage_order, p;
    fire_attr_text activation;
} fire_window_attrs;

#define FIRE_WINDOW_AT(field) offsetof(fire_window_attrs, field)
#define FIRE_WINDOW_SIZE ((int64_t)1 << 30) /* no kernel, stride, dilation or padding is larger */
#define FIRE_ROW_AUTO_PAD {"auto_pad", FIRE_ATTR_TEXT, FIRE_WINDOW_AT(auto_pad), .text = "NOTSET", .choices = "NOTSET|SAME_UPPER|SAME_LOWER|VALID", .help = "NOTSET: pads counts"}
#define FIRE_ROW_DILATIONS {"dilations", FIRE_ATTR_INTS, FIRE_WINDOW_AT(dilations), 1, 1, 1 << 30, .help = "distance of neighbours in a window, by dimension"}
#define FIRE_ROW_KERNEL_SHAPE {"kernel_shape", FIRE_ATTR_INTS, FIRE_WINDOW_AT(kernel_shape), 1, 1, 1 << 30, .help = "size of a window"}
#define FIRE_ROW_PADS {"pads", FIRE_ATTR_INTS, FIRE_WINDOW_AT(pads), 0, 0, 1 << 30, .help = "padding before each dimension, then behind each"}
#define FIRE_ROW_STRIDES {"strides", FIRE_ATTR_INTS, FIRE_WINDOW_AT(strides), 1, 1, 1 << 30, .help = "steps of the window"}
#define FIRE_ROW_GROUP {"group", FIRE_ATTR_INT, FIRE_WINDOW_AT(group), 1, 1, 1 << 30, .help = "number of groups of channels that do not see each other"}
/* ONNX does not have it: the default is outside of the range, so that it is never written to a file. */
#define FIRE_ROW_CHANNELS_LAST {"channels_last", FIRE_ATTR_INT, FIRE_WINDOW_AT(channels_last), 0, 1, 1, .help = "1: data is [n, d..., c], weights [k..., in, out]"}

typedef struct fire_window {
    int rank;                   /* spatial dimensions, 1 to 3; those missing are of size 1 */
    bool last;                  /* channels are */
    int64_t n, c;               /* rows (-1: not known yet) and channels of x */
    int64_t x[3], y[3], k[3], stride[3], dilation[3], low[3], high[3]; /* high: as far as the last window reaches may differ */
} fire_window;

/* fire_window_fit - read attributes for data of shape x. kernel: sizes of the window, NULL: those of the attribute kernel_shape. */
fire_status fire_window_fit(const fire_window_attrs *t, const fire_shape *x, const int64_t *kernel, fire_window *w, fire_error *err);
fire_shape fire_window_shape(const fire_window *w, int64_t channels, const int64_t *size); /* [n, channels, size...] or [n, size..., channels] */

static inline int64_t fire_window_count(const int64_t *size) { return size[0] * size[1] * size[2]; }
/* Element of data whose place is p of `places` and whose channel is c of `channels`. */
static inline int64_t fire_window_at(bool last, int64_t n, int64_t c, int64_t p, int64_t channels, int64_t places) {
    return last ? (n * places + p) * channels + c : (n * channels + c) * places + p;
}
/* The place of x that tap k of window y reads, or -1 when that is padding. */
static inline int64_t fire_window_tap(const fire_window *w, const int64_t y[3], const int64_t k[3]) {
    int64_t at = 0;
    for (int d = 0; d < 3; d++) {
        int64_t i = y[d] * w->stride[d] + k[d] * w->dilation[d] - w->low[d];
        if (i < 0 || i >= w->x[d]) return -1;
        at = at * w->x[d] + i;
    }
    return at;
}
/* The place p of `size` as indices. */
static inline void fire_window_split(int64_t p, const int64_t size[3], int64_t at[3]) {
    at[2] = p % size[2], p /= size[2];
    at[1] = p % size[1], at[0] = p / size[1];
}

/* fire_pool_fit - the same for pooling, where no window may lie in padding alone. */
fire_status fire_pool_fit(const fire_window_attrs *t, const fire_shape *x, fire_window *w, fire_error *err);
/* fire_pool_infer - out[0]: a pooled in[0]; fire_pool_grad_infer - out[0] like in[x], dy (in[dy]) having the pooled shape. */
fire_status fire_pool_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err);
fire_status fire_pool_grad_infer(const void *attrs, int n_in, const fire_tensor *in, int x, int dy, fire_tensor *out, fire_error *err);
int64_t fire_pool_flops(const fire_window *w); /* one per tap */

/* ---- convolution ---- */

typedef struct fire_conv {
    fire_window w;
    int64_t group, in, out; /* in: channels per group of x; out: all channels of y */
} fire_conv;
/* fire_conv_fit - sizes of the convolution of x with weights of shape w. */
fire_status fire_conv_fit(const fire_window_attrs *t, const fire_shape *x, const fire_shape *w, fire_conv *c, fire_error *err);
/* fire_conv_transpose_fit - of the transposed convolution of x: *c is the convolution that it is the gradient of, whose input is our
** output. Weights are that convolution's: its `out` are our input channels. */
fire_status fire_conv_transpose_fit(const fire_window_attrs *t, const fire_shape *x, const fire_shape *w, fire_conv *c, fire_error *err);

/* Reference kernels: y = x * w + b, dx and dw (and db unless NULL). b NULL or type 0: none. */
void fire_conv_forward(const fire_conv *c, const fire_tensor *x, const fire_tensor *w, const fire_tensor *b, const fire_tensor *y, double (*f)(double));
void fire_conv_back_data(const fire_conv *c, const fire_tensor *dy, const fire_tensor *w, const fire_tensor *b, const fire_tensor *dx);
void fire_conv_back_weights(const fire_conv *c, const fire_tensor *x, const fire_tensor *dy, const fire_tensor *dw, const fire_tensor *db);
int64_t fire_conv_flops(const fire_conv *c);

/* fire_take_bias - for operators made by fuse: node i makes a gradient, dy of a ConvGradW that also sums it for a bias. The value of that sum, which
** node i makes from now on as its second output, channels last; 0: there is none. */
fire_value fire_take_bias(fire_graph *g, int32_t i);

/* fire_conv_text - the attributes of a gradient of this convolution, all of them explicit. */
#define FIRE_CONV_TEXT 512
const char *fire_conv_text(const fire_conv *c, bool bias, char to[FIRE_CONV_TEXT]);

/* For fire_op.lower: the node with channels first, between transpositions. Input 0 is data, input 1 of a convolution weights. */
void fire_lower_conv(fire_graph *g, const fire_node *n, const fire_value *in, fire_value *out);
void fire_lower_pool(fire_graph *g, const fire_node *n, const fire_value *in, fire_value *out);
#endif
