/* dropout - in training, zeros a share `rate` of the numbers and divides the others by 1 - rate; otherwise gives x back. What
** falls depends on (seed, layer, epoch, row id, unit) alone. */
#include "layer.h"
#include <stdio.h>

typedef struct { double rate; } dropout_attrs;

static const fire_attr attrs[] = {
    {"rate", FIRE_ATTR_FLOAT, offsetof(dropout_attrs, rate), 0.5, 0, 1, NULL, NULL, "share of the numbers that become zero"},
    {0},
};

static fire_value dropout_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const dropout_attrs *t = attrs_;
    if (!b->training || t->rate == 0) return in[0];
    if (t->rate == 1) return fire_apply(b->g, "Mul", 2, FIRE_IN(in[0], fire_graph_scalar(b->g, fire_type_of(b->g, in[0]), 0)), NULL);
    char rate[FIRE_NUMBER_TEXT], text[FIRE_NUMBER_TEXT + 32];
    snprintf(text, sizeof text, "rate=%s layer=%lld", fire_number_text(t->rate, rate), (long long)fire_draw_stream(b));
    return fire_apply(b->g, "RowDropout", 3, FIRE_IN(in[0], b->row_id, b->draw), text);
}

const fire_layer fire_layer_dropout = {
    .name = "Dropout", .help = "drops numbers at random while training",
    .attrs = attrs, .attr_size = sizeof(dropout_attrs), .min_in = 1, .max_in = 1, .passes_mask = true, .build = dropout_build,
    .examples = {"[6] rate=0.5", "[3,4] rate=0.2", "[6] rate=0"},
};
