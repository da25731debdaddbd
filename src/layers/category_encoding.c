/* category_encoding - whole numbers below num_tokens as ones at their index, one for each number or all of a row together, or as counts. A second input weighs
** what is counted.
*/
#include "encode.h"
#include <string.h>

typedef struct { int64_t num_tokens; fire_attr_text output_mode; } encoding_attrs;
static const fire_attr attrs[] = {
    {"num_tokens", FIRE_ATTR_INT, offsetof(encoding_attrs, num_tokens), 0, 1, 1 << 24, .help = "numbers go from 0 to this less 1; must be given"},
    {"output_mode", FIRE_ATTR_TEXT, offsetof(encoding_attrs, output_mode), .text = "multi_hot", .choices = "one_hot|multi_hot|count", .help = "a list of ones for each number, one list for the last dimension, or counts over it"},
    {0},
};

static fire_status encoding_check(const void *attrs_, fire_error *err) {
    const encoding_attrs *t = attrs_;
    return t->num_tokens ? FIRE_OK : fire_fail(err, FIRE_E_ATTRIBUTE, "num_tokens is missing; give the number of different whole numbers, as in num_tokens=10");
}

static fire_value encoding_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const encoding_attrs *t = attrs_;
    fire_graph *g = b->g;
    if (n_in > 1 && strcmp(t->output_mode, "count"))
        return fire_graph_fail(g, FIRE_E_ATTRIBUTE, "CategoryEncoding '%s': weights only count with output_mode=count, not %s", g->layer, t->output_mode);
    fire_shape x = fire_shape_of(g, in[0]), w = n_in > 1 ? fire_shape_of(g, in[1]) : x;
    char p[FIRE_SHAPE_TEXT], q[FIRE_SHAPE_TEXT];
    if (!fire_same_shape(&x, &w)) return fire_graph_fail(g, FIRE_E_SHAPE, "CategoryEncoding '%s': weights %s for numbers %s", g->layer, fire_shape_text(&w, p), fire_shape_text(&x, q));
    return fire_encode(g, t->output_mode, fire_cast(g, in[0], FIRE_I64), t->num_tokens, fire_type_of(g, in[0]), n_in > 1 ? in[1] : 0);
}

const fire_layer fire_layer_category_encoding = {
    .name = "CategoryEncoding", .help = "whole numbers as ones at their index, or counts",
    .attrs = attrs, .attr_size = sizeof(encoding_attrs), .min_in = 1, .max_in = 2, .check = encoding_check, .build = encoding_build,
    .examples = {"[4] num_tokens=4", "[1] num_tokens=3 output_mode=one_hot", "[3] num_tokens=4 output_mode=one_hot", "[2,3] num_tokens=4 output_mode=count", "[3] [3] num_tokens=4 output_mode=count"},
};
