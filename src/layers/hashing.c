/* hashing - whole numbers in num_bins bins by a hash of their decimal text; with a salt, of one or two numbers, by another hash under that key. With a mask value
** bin 0 is for that number alone.
*/
#include "encode.h"
#include <stdio.h>

typedef struct { int64_t bins, mask_value; fire_ints salt; bool masks; fire_attr_text output_mode; } hashing_attrs;
#define AT(field) offsetof(hashing_attrs, field)
static const fire_attr attrs[] = {
    {"num_bins", FIRE_ATTR_INT, AT(bins), 0, 1, 1 << 24, .help = "number of bins; must be given"},
    {"mask_value", FIRE_ATTR_INT, AT(mask_value), 0, 0, 0, .help = "number of bin 0, when use_mask_value"},
    {"salt", FIRE_ATTR_INTS, AT(salt), 0, 0, 0, .help = "one or two numbers: SipHash under this key; []: FarmHash"},
    {"output_mode", FIRE_ATTR_TEXT, AT(output_mode), .text = "int", .choices = FIRE_ENCODE_CHOICES, .help = "the bin, ones at it, or counts over the last dimension"},
    {"use_mask_value", FIRE_ATTR_BOOL, AT(masks), 0, 0, 1, .help = "there is a mask value"},
    {0},
};

static fire_status hashing_check(const void *attrs_, fire_error *err) {
    const hashing_attrs *t = attrs_;
    if (!t->bins) return fire_fail(err, FIRE_E_ATTRIBUTE, "num_bins is missing; give the number of bins, as in num_bins=100");
    return t->salt.n <= 2 ? FIRE_OK : fire_fail(err, FIRE_E_ATTRIBUTE, "salt has %d numbers, expected one or two", (int)t->salt.n);
}

static fire_value hashing_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const hashing_attrs *t = attrs_;
    fire_graph *g = b->g;
    bool masks = t->masks && t->bins > 1;
    char text[128];
    fire_value x = fire_cast(g, in[0], FIRE_I64);
    snprintf(text, sizeof text, "bins=%lld strong=%d key0=%lld key1=%lld", (long long)(t->bins - masks), t->salt.n > 0, (long long)(t->salt.n ? t->salt.v[0] : 0),
             (long long)(t->salt.n ? t->salt.v[t->salt.n - 1] : 0));
    fire_value bin = fire_apply(g, "HashBucket", 1, &x, text);
    if (masks && !g->first.status) {
        fire_value is_mask = fire_two(g, "Equal", x, fire_graph_scalar(g, FIRE_I64, (double)t->mask_value));
        bin = fire_apply(g, "Where", 3, FIRE_IN(is_mask, fire_graph_scalar(g, FIRE_I64, 0), fire_two(g, "Add", bin, fire_graph_scalar(g, FIRE_I64, 1))), NULL);
    }
    return fire_encode(g, t->output_mode, bin, t->bins, fire_type_of(g, in[0]), 0);
}

const fire_layer fire_layer_hashing = {
    .name = "Hashing", .help = "whole numbers in bins by a hash",
    .attrs = attrs, .attr_size = sizeof(hashing_attrs), .min_in = 1, .max_in = 1, .check = hashing_check, .build = hashing_build,
    .examples = {"[4] num_bins=3", "[3] num_bins=5 use_mask_value=1", "[1] num_bins=4 salt=[7] output_mode=one_hot", "[3] num_bins=4 salt=[1,2] output_mode=count"},
};
