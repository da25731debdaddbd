/* re_lu - x above `threshold`, at most max_value; below, negative_slope times what is missing to the threshold. */
#include "layer.h"
#include <stdio.h>

typedef struct { double max_value, negative_slope, threshold; } re_lu_attrs;

#define AT(field) offsetof(re_lu_attrs, field)
static const fire_attr attrs[] = {
    {"max_value", FIRE_ATTR_FLOAT, AT(max_value), -1, 0, 1e300, NULL, NULL, "largest value of the output; without it there is none"},
    {"negative_slope", FIRE_ATTR_FLOAT, AT(negative_slope), 0, 0, 1e300, NULL, NULL, "slope below the threshold"},
    {"threshold", FIRE_ATTR_FLOAT, AT(threshold), 0, 0, 1e300, NULL, NULL, "where the output begins to follow x"},
    {0},
};

static fire_value re_lu_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const re_lu_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_value x = in[0], y = x;
    if (g->first.status) return 0;
    fire_type type = fire_type_of(g, x);
    char text[64], number[FIRE_NUMBER_TEXT];
    if (t->threshold > 0) {
        fire_value edge = fire_graph_scalar(g, type, t->threshold), above = fire_apply(g, "Greater", 2, FIRE_IN(x, edge), NULL), below = fire_graph_scalar(g, type, 0);
        if (t->negative_slope > 0) {
            below = fire_apply(g, "Min", 2, FIRE_IN(fire_apply(g, "Sub", 2, FIRE_IN(x, edge), NULL), below), NULL);
            below = fire_apply(g, "Mul", 2, FIRE_IN(below, fire_graph_scalar(g, type, t->negative_slope)), NULL);
        }
        y = fire_apply(g, "Where", 3, FIRE_IN(above, x, below), NULL);
    } else if (t->negative_slope > 0) {
        snprintf(text, sizeof text, "alpha=%s", fire_number_text(t->negative_slope, number));
        y = fire_apply(g, "LeakyRelu", 1, &x, text);
    } else if (t->max_value >= 0) return fire_apply(g, "Clip", 3, FIRE_IN(x, fire_graph_scalar(g, type, 0), fire_graph_scalar(g, type, t->max_value)), NULL);
    else return fire_apply(g, "Relu", 1, &x, NULL);
    return t->max_value < 0 ? y : fire_apply(g, "Clip", 3, FIRE_IN(y, 0, fire_graph_scalar(g, type, t->max_value)), NULL);
}

const fire_layer fire_layer_re_lu = {
    .name = "ReLU", .help = "x above a threshold, up to a largest value, with a slope below",
    .attrs = attrs, .attr_size = sizeof(re_lu_attrs), .min_in = 1, .max_in = 1, .passes_mask = true, .build = re_lu_build,
    .examples = {"[5]", "[3,4] max_value=0.5", "[5] negative_slope=0.2", "[5] threshold=0.3", "[2,3] max_value=0.6 negative_slope=0.1 threshold=0.2"},
};
