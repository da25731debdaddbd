/* spatial.h - what layers over one to three spatial dimensions share: attributes, padding by name, channels first on request.
**
** Inside, data is always [n, d..., c]; with data_format=channels_first it is turned on the way in and back on the way out.
*/
#ifndef FIRE_SPATIAL_H
#define FIRE_SPATIAL_H
#include "layer.h"

typedef struct fire_spatial_attrs {
    int64_t filters, groups, depth_multiplier;
    fire_ints kernel_size, strides, dilation_rate, output_padding, pool_size, size, amount, output_size;
    fire_attr_text padding, padding_mode, data_format, activation, interpolation;
    fire_attr_text kernel_initializer, pointwise_initializer, bias_initializer, kernel_regularizer, pointwise_regularizer, bias_regularizer;
    fire_attr_text kernel_constraint, pointwise_constraint, bias_constraint;
    bool use_bias, keepdims, ceil_mode, count_include_pad;
    double norm_type;
} fire_spatial_attrs;

#define FIRE_SPATIAL_AT(field) offsetof(fire_spatial_attrs, field)
#define FIRE_SPATIAL_LIST(key, field, low, text, what) {key, FIRE_ATTR_INTS, FIRE_SPATIAL_AT(field), 0, low, 1 << 30, text, NULL, what}
#define FIRE_SPATIAL_TEXT(key, field, text, choices, what) {key, FIRE_ATTR_TEXT, FIRE_SPATIAL_AT(field), 0, 0, 0, text, choices, what}
#define FIRE_SPATIAL_DATA_FORMAT FIRE_SPATIAL_TEXT("data_format", data_format, "channels_last", "channels_last|channels_first", "where the channels of the input and the output are")

/* fire_spatial_padding_check - "valid", "same", "causal" where `causal`, or numbers: "1", "[1,2]" (each dimension on both sides) or
** "[1,2,0,0]" (before and behind each dimension). */
fire_status fire_spatial_padding_check(const char *padding, int rank, bool causal, fire_error *err);

/* A list of one number counts for all dimensions. fire_spatial_list_check - it has 1 or `rank` numbers (or none, where `empty`). */
fire_status fire_spatial_list_check(const fire_ints *list, const char *name, int rank, bool empty, fire_error *err);
/* fire_spatial_window_check - kernel_size, strides, dilation_rate and padding of a convolution. */
fire_status fire_spatial_window_check(const fire_spatial_attrs *t, int rank, bool causal, fire_error *err);
static inline int64_t fire_spatial_number(const fire_ints *list, int i, int64_t otherwise) { return !list->n ? otherwise : list->v[list->n == 1 ? 0 : i]; }
/* fire_spatial_pairs_check - 1, `rank` or 2 `rank` numbers: for all, for both sides of each, or before and behind each. */
fire_status fire_spatial_pairs_check(const fire_ints *list, const char *name, int rank, fire_error *err);
void fire_spatial_pairs(const fire_ints *list, int rank, int64_t low[3], int64_t high[3]);

/* fire_spatial_in - x as [n, d..., c]; fails with the layer's name where its rank does not fit. fire_spatial_out - back. */
fire_value fire_spatial_in(fire_build *b, const char *kind, const fire_spatial_attrs *t, int rank, fire_value x);
fire_value fire_spatial_out(fire_build *b, const fire_spatial_attrs *t, fire_value y);

/* fire_spatial_window - attributes of Conv and pooling as text: strides, dilations and padding. kernel: sizes that "causal" needs, and
** kernel_shape where `name_kernel`. */
#define FIRE_SPATIAL_WINDOW 512
const char *fire_spatial_window(const fire_spatial_attrs *t, int rank, const int64_t *kernel, bool name_kernel, const fire_ints *strides, char to[FIRE_SPATIAL_WINDOW]);

/* fire_spatial_pad - x [n, d..., c] with low and high more in each spatial dimension; mode is Pad's. */
fire_value fire_spatial_pad(fire_graph *g, fire_value x, int rank, const int64_t *low, const int64_t *high, const char *mode);
#endif
