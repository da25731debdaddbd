/* repeat_vector - the same features at each of n steps: [rows, features] becomes [rows, n, features]. */
#include "compose.h"

typedef struct { int64_t n; } repeat_attrs;

static const fire_attr attrs[] = {{"n", FIRE_ATTR_INT, offsetof(repeat_attrs, n), 0, 1, 1 << 24, .help = "how often; must be given"}, {0}};

static fire_status repeat_check(const void *attrs_, fire_error *err) {
    return ((const repeat_attrs *)attrs_)->n ? FIRE_OK : fire_fail(err, FIRE_E_ATTRIBUTE, "n is missing; give the number of steps, as in n=3");
}

static fire_value repeat_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    fire_graph *g = b->g;
    fire_shape x = fire_shape_of(g, in[0]);
    char text[FIRE_SHAPE_TEXT];
    if (x.rank != 2) return fire_graph_fail(g, FIRE_E_SHAPE, "RepeatVector '%s': the input is %s, expected [n, features]", g->layer, fire_shape_text(&x, text));
    const int64_t to[] = {1, ((const repeat_attrs *)attrs_)->n, 1};
    return fire_apply(g, "Expand", 2, FIRE_IN(fire_unsqueeze(g, in[0], 1u << 1), fire_graph_const(g, FIRE_I64, (fire_shape){1, {3}}, to)), NULL);
}

const fire_layer fire_layer_repeat_vector = {
    .name = "RepeatVector", .help = "the same features at each of n steps",
    .attrs = attrs, .attr_size = sizeof(repeat_attrs), .min_in = 1, .max_in = 1, .check = repeat_check, .build = repeat_build,
    .examples = {"[4] n=3", "[2] n=1"},
};
