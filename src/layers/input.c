/* input - the shape of a row, fixed before any data is seen; computes nothing. padding says how rows of another length come to that shape, which
** happens where rows are read (dataset.c). */
#include "arrow.h"
#include "layer.h"
#include <string.h>

typedef struct { fire_ints shape; int64_t batch_size; fire_attr_text padding, truncating; double value; } input_attrs;

#define AT(field) offsetof(input_attrs, field)
static const fire_attr attrs[] = {
    {"shape", FIRE_ATTR_INTS, AT(shape), 0, 1, 1 << 30, NULL, NULL, "of one row, without the batch: [784]; must be given"},
    {"batch_size", FIRE_ATTR_INT, AT(batch_size), 0, 1, 1 << 30, .help = "rows of every batch, which stateful layers need; any if not given"},
    {"padding", FIRE_ATTR_TEXT, AT(padding), .text = "none", .choices = "none|pre|post", .help = "where shorter rows get `value` up to shape[0] steps; none: rows of another length are an error"},
    {"truncating", FIRE_ATTR_TEXT, AT(truncating), .text = "pre", .choices = "pre|post", .help = "with padding: where longer rows lose steps"},
    {"padding_value", FIRE_ATTR_FLOAT, AT(value), 0, 0, 0, .help = "what rows are padded with"},
    {0},
};

static fire_status input_check(const void *attrs_, fire_error *err) {
    const input_attrs *t = attrs_;
    if (t->shape.n == 0) return fire_fail(err, FIRE_E_ATTRIBUTE, "shape is missing; give the shape of one row, as in shape=[784]");
    if (t->shape.n >= FIRE_MAX_RANK)
        return fire_fail(err, FIRE_E_ATTRIBUTE, "shape has %d dimensions, expected at most %d", (int)t->shape.n, FIRE_MAX_RANK - 1);
    return FIRE_OK;
}

static void input_shape(const void *attrs_, fire_shape *shape) {
    const input_attrs *t = attrs_;
    shape->rank = t->shape.n;
    for (int i = 0; i < t->shape.n; i++) shape->dim[i] = t->shape.v[i];
}

static void input_padding(const void *attrs_, fire_padding *p) {
    const input_attrs *t = attrs_;
    *p = (fire_padding){0};
    if (!strcmp(t->padding, "none")) return;
    input_shape(t, &p->row);
    p->after = !strcmp(t->padding, "post");
    p->cut_after = !strcmp(t->truncating, "post");
    p->value = t->value;
}

static int64_t input_batch(const void *attrs_) { return ((const input_attrs *)attrs_)->batch_size; }

static fire_value input_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) { return in[0]; }

const fire_layer fire_layer_input = {
    .name = "Input", .help = "shape of the network's input; comes first",
    .attrs = attrs, .attr_size = sizeof(input_attrs), .min_in = 1, .max_in = 1,
    .check = input_check, .input_shape = input_shape, .input_padding = input_padding, .input_batch = input_batch, .build = input_build,
    .examples = {"[784] shape=[784]", "[28,28] shape=[28,28]", "[5,2] shape=[5,2] padding=post truncating=post padding_value=-1"},
};
