/* local_response_normalization - x / (bias + alpha / size times the sum of squares over `size` neighbouring channels)^beta; torch's LocalResponseNorm. */
#include "op.h"
#include "spatial.h"
#include <stdio.h>
#include <string.h>

typedef struct { int64_t size; double alpha, beta, bias; fire_attr_text data_format; } lrn_attrs;

#define AT(field) offsetof(lrn_attrs, field)
static const fire_attr attrs[] = {
    {"size", FIRE_ATTR_INT, AT(size), 5, 1, 1 << 24, NULL, NULL, "channels that are summed, the middle one being x's"},
    {"alpha", FIRE_ATTR_FLOAT, AT(alpha), 1e-4, 0, 1e9, NULL, NULL, "weight of the mean of the squares"},
    {"beta", FIRE_ATTR_FLOAT, AT(beta), 0.75, 0, 1e9, NULL, NULL, "exponent"},
    {"bias", FIRE_ATTR_FLOAT, AT(bias), 1, 1e-9, 1e9, NULL, NULL, "added to the squares"},
    {"data_format", FIRE_ATTR_TEXT, AT(data_format), 0, 0, 0, "channels_last", "channels_last|channels_first", "where the channels of the input and the output are"},
    {0},
};

static fire_value build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const lrn_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_shape x = fire_shape_of(g, in[0]);
    char text[256], a[FIRE_NUMBER_TEXT], be[FIRE_NUMBER_TEXT], k[FIRE_NUMBER_TEXT], shape[FIRE_SHAPE_TEXT];
    if (x.rank < 2) return fire_graph_fail(g, FIRE_E_SHAPE, "LocalResponseNormalization '%s': the input is %s, expected channels in each row", g->layer, fire_shape_text(&x, shape));
    bool last = strcmp(t->data_format, "channels_first") && x.rank > 2;
    snprintf(text, sizeof text, "size=%lld alpha=%s beta=%s bias=%s%s", (long long)t->size, fire_number_text(t->alpha, a), fire_number_text(t->beta, be), fire_number_text(t->bias, k),
             last ? " channels_last=1" : "");
    return fire_apply(g, "LRN", 1, in, text);
}

const fire_layer fire_layer_local_response_normalization = {
    .name = "LocalResponseNormalization", .help = "divides each number by a power of the squares of neighbouring channels", .attrs = attrs, .attr_size = sizeof(lrn_attrs),
    .min_in = 1, .max_in = 1, .build = build, .examples = {"[2,3,5] size=3 alpha=0.5", "[5,2,2] size=5 alpha=0.3 beta=0.5 bias=2 data_format=channels_first"},
};
