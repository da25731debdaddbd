/* leaky_re_lu - x above 0, negative_slope x below. */
#include "layer.h"
#include <stdio.h>

typedef struct { double negative_slope; } leaky_attrs;

static const fire_attr attrs[] = {
    {"negative_slope", FIRE_ATTR_FLOAT, offsetof(leaky_attrs, negative_slope), 0.3, 0, 1e300, NULL, NULL, "slope below 0"},
    {0},
};

static fire_value leaky_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    char text[64], number[FIRE_NUMBER_TEXT];
    snprintf(text, sizeof text, "alpha=%s", fire_number_text(((const leaky_attrs *)attrs_)->negative_slope, number));
    return fire_apply(b->g, "LeakyRelu", 1, in, text);
}

const fire_layer fire_layer_leaky_re_lu = {
    .name = "LeakyReLU", .help = "x above 0, a slope below",
    .attrs = attrs, .attr_size = sizeof(leaky_attrs), .min_in = 1, .max_in = 1, .passes_mask = true, .build = leaky_build,
    .examples = {"[5]", "[3,4] negative_slope=0.1"},
};
