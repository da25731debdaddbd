/* time_distributed - a layer applied to every step of a sequence [n, steps, ...]: steps become rows of the batch, and rows become steps again.
**
** Random layers draw anew for every step. Batch normalization inside takes its moments over all steps at once, where Keras takes those
** of each step.
*/
#include "compose.h"
#include <stdio.h>
#include <string.h>

typedef struct { fire_attr_text layer; } time_attrs;

static const fire_attr attrs[] = {{"layer", FIRE_ATTR_TEXT, offsetof(time_attrs, layer), .text = "", .help = "the layer, as in layer=\"Dense units=3\"; must be given"}, {0}};

static fire_status time_check(const void *attrs_, fire_error *err) { return fire_inner_check(((const time_attrs *)attrs_)->layer, err); }

/* Keras' name of a layer of a class: "SimpleRNN" is "simple_rnn". */
static void snake(const char *text, char *to, size_t capacity) {
    size_t n = 0;
    for (const char *p = text; *p && *p != ' ' && n + 2 < capacity; p++) {
        bool upper = *p >= 'A' && *p <= 'Z';
        if (upper && p > text && ((p[-1] >= 'a' && p[-1] <= 'z') || (p[1] >= 'a' && p[1] <= 'z'))) to[n++] = '_';
        to[n++] = upper ? (char)(*p + 32) : *p;
    }
    to[n] = 0;
}

static fire_value time_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const time_attrs *t = attrs_;
    fire_graph *g = b->g;
    char text[FIRE_SHAPE_TEXT], prefix[64];
    fire_shape x = fire_shape_of(g, in[0]), row = {x.rank - 1, {-1}};
    if (x.rank < 3 || x.dim[1] < 1)
        return fire_graph_fail(g, FIRE_E_SHAPE, "TimeDistributed '%s': the input is %s, expected [n, steps, ...]", g->layer, fire_shape_text(&x, text));
    for (int d = 2; d < x.rank; d++) row.dim[d - 1] = x.dim[d];
    fire_value ids = b->row_id, mask = b->mask[0];
    if (b->training && ids) {
        snprintf(text, sizeof text, "steps=%lld", (long long)x.dim[1]);
        b->row_id = fire_reshape(g, fire_apply(g, "StepIds", 1, &ids, text), (fire_shape){1, {-1}});
    }
    b->mask[0] = 0;
    bool outer = b->steps_are_rows;
    b->steps_are_rows = true;
    snake(t->layer, prefix, sizeof prefix);
    fire_value y = fire_build_inner(b, prefix, t->layer, 1, FIRE_IN(fire_reshape(g, in[0], row)));
    b->row_id = ids;
    b->steps_are_rows = outer;
    b->mask[0] = b->mask_out[0] = mask;
    if (g->first.status) return 0;
    if (b->n_out != 1) return fire_graph_fail(g, FIRE_E_UNSUPPORTED, "TimeDistributed '%s': the layer has %d outputs, expected 1", g->layer, (int)b->n_out);
    fire_shape step = fire_shape_of(g, y), all = {step.rank + 1, {-1, x.dim[1]}};
    if (all.rank > FIRE_MAX_RANK) return fire_graph_fail(g, FIRE_E_SHAPE, "TimeDistributed '%s': the output would have %d dimensions, expected at most %d", g->layer, (int)all.rank, FIRE_MAX_RANK);
    for (int d = 1; d < step.rank; d++) all.dim[d + 1] = step.dim[d];
    return fire_reshape(g, y, all);
}

const fire_layer fire_layer_time_distributed = {
    .name = "TimeDistributed", .help = "a layer applied to every step of a sequence",
    .attrs = attrs, .attr_size = sizeof(time_attrs), .min_in = 1, .max_in = 1, .check = time_check, .build = time_build,
    .examples = {"[3,4] layer=\"Dense units=2\"", "[2,3,2] layer=Flatten", "[2,3,2] layer=\"LSTM units=2\"", "[3,5] layer=\"Dropout rate=0.4\""},
};
