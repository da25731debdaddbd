/* integer_lookup - the place of a whole number in a vocabulary, which is a weight of vocabulary_size numbers. Places begin with 0 for the mask token when there
** is one (with output_mode int), then num_oov_indices for numbers that are not in it, by their remainder. With `invert` places become numbers again.
*/
#include "encode.h"
#include <string.h>

typedef struct { int64_t oov, mask_token, oov_token, size; bool masks, invert; fire_attr_text output_mode; } lookup_attrs;
#define AT(field) offsetof(lookup_attrs, field)
static const fire_attr attrs[] = {
    {"num_oov_indices", FIRE_ATTR_INT, AT(oov), 1, 0, 1 << 24, .help = "places for numbers that are not in the vocabulary"},
    {"mask_token", FIRE_ATTR_INT, AT(mask_token), 0, 0, 0, .help = "number at place 0, when use_mask_token"},
    {"oov_token", FIRE_ATTR_INT, AT(oov_token), -1, 0, 0, .help = "what places outside the vocabulary are turned back into"},
    {"vocabulary_size", FIRE_ATTR_INT, AT(size), 0, 1, 1 << 24, .help = "numbers in the vocabulary; must be given"},
    {"use_mask_token", FIRE_ATTR_BOOL, AT(masks), 0, 0, 1, .help = "there is a mask token"},
    {"invert", FIRE_ATTR_BOOL, AT(invert), 0, 0, 1, .help = "from places to numbers"},
    {"output_mode", FIRE_ATTR_TEXT, AT(output_mode), .text = "int", .choices = FIRE_ENCODE_CHOICES, .help = "the place, ones at it, or counts over the last dimension"},
    {0},
};

static fire_status lookup_check(const void *attrs_, fire_error *err) {
    const lookup_attrs *t = attrs_;
    if (!t->size) return fire_fail(err, FIRE_E_ATTRIBUTE, "vocabulary_size is missing; the vocabulary has at least one number");
    if (t->invert && strcmp(t->output_mode, "int")) return fire_fail(err, FIRE_E_ATTRIBUTE, "invert goes with output_mode=int only, not %s", t->output_mode);
    return FIRE_OK;
}

static fire_value lookup_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const lookup_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_type type = fire_type_of(g, in[0]);
    int rank = fire_shape_of(g, in[0]).rank;
    bool whole = !strcmp(t->output_mode, "int"), masks = t->masks && whole;
    int64_t start = masks + t->oov;
    fire_value vocabulary = fire_weight(b, "vocabulary", (fire_shape){1, {t->size}}, (fire_how){"zeros"}, false);
    fire_value x = fire_cast(g, in[0], FIRE_I64);
    if (rank == FIRE_MAX_RANK) return fire_graph_fail(g, FIRE_E_UNSUPPORTED, "IntegerLookup '%s': an input of %d dimensions", g->layer, rank);
    if (g->first.status) return 0;
#define WHOLE(v) fire_graph_scalar(g, FIRE_I64, (double)(v))
    if (t->invert) {
        fire_value below = fire_two(g, "Less", x, WHOLE(start)), above = fire_two(g, "GreaterOrEqual", x, WHOLE(start + t->size));
        fire_value inside = fire_one(g, "Not", fire_two(g, "Or", below, above));
        fire_value at = fire_apply(g, "Where", 3, FIRE_IN(inside, fire_two(g, "Sub", x, WHOLE(start)), WHOLE(0)), NULL);
        fire_value y = fire_apply(g, "Gather", 2, FIRE_IN(vocabulary, at), "axis=0");
        y = fire_apply(g, "Where", 3, FIRE_IN(inside, y, fire_graph_scalar(g, type, (double)t->oov_token)), NULL);
        return masks ? fire_apply(g, "Where", 3, FIRE_IN(fire_two(g, "Equal", x, WHOLE(0)), fire_graph_scalar(g, type, (double)t->mask_token), y), NULL) : y;
    }
    int64_t *places = fire_alloc(g->ctx, (size_t)t->size, sizeof *places, &g->first);
    if (!places) return 0;
    for (int64_t i = 0; i < t->size; i++) places[i] = start + i;
    fire_value place = fire_graph_const(g, FIRE_I64, (fire_shape){1, {t->size}}, places);
    fire_free(g->ctx, places);
    fire_value same = fire_two(g, "Equal", fire_unsqueeze(g, x, 1u << rank), fire_cast(g, vocabulary, FIRE_I64));
    fire_value found = fire_over(g, "ReduceMax", fire_apply(g, "Where", 3, FIRE_IN(same, place, WHOLE(-1)), NULL), 1u << rank, false);
    fire_value other = WHOLE(masks); /* where the vocabulary lacks it */
    if (!t->oov) other = WHOLE(-1);
    else if (t->oov > 1) other = fire_two(g, "Add", fire_apply(g, "Mod", 2, FIRE_IN(x, WHOLE(t->oov)), NULL), other);
    fire_value index = fire_apply(g, "Where", 3, FIRE_IN(fire_two(g, "Less", found, WHOLE(0)), other, found), NULL);
    if (masks) index = fire_apply(g, "Where", 3, FIRE_IN(fire_two(g, "Equal", x, WHOLE(t->mask_token)), WHOLE(0), index), NULL);
#undef WHOLE
    return fire_encode(g, t->output_mode, index, start + t->size, type, 0);
}

const fire_layer fire_layer_integer_lookup = {
    .name = "IntegerLookup", .help = "the place of a whole number in a vocabulary",
    .attrs = attrs, .attr_size = sizeof(lookup_attrs), .min_in = 1, .max_in = 1, .check = lookup_check, .build = lookup_build,
    .examples = {"[4] vocabulary_size=3", "[4] vocabulary_size=2 num_oov_indices=2 use_mask_token=1", "[3] vocabulary_size=3 output_mode=count", "[2,3] vocabulary_size=2 output_mode=one_hot", "[4] vocabulary_size=3 invert=1"},
};
