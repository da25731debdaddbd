/* elu - x above 0, alpha (e^x - 1) below. */
#include "layer.h"
#include <stdio.h>

typedef struct { double alpha; } elu_attrs;

static const fire_attr attrs[] = {
    {"alpha", FIRE_ATTR_FLOAT, offsetof(elu_attrs, alpha), 1, 0, 1e300, NULL, NULL, "-alpha is the limit below"},
    {0},
};

static fire_value elu_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    char text[64], number[FIRE_NUMBER_TEXT];
    snprintf(text, sizeof text, "alpha=%s", fire_number_text(((const elu_attrs *)attrs_)->alpha, number));
    return fire_apply(b->g, "Elu", 1, in, text);
}

const fire_layer fire_layer_elu = {
    .name = "ELU", .help = "x above 0, alpha (exp(x) - 1) below",
    .attrs = attrs, .attr_size = sizeof(elu_attrs), .min_in = 1, .max_in = 1, .passes_mask = true, .build = elu_build,
    .examples = {"[5]", "[3,4] alpha=0.7"},
};
