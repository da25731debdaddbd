/* discretization - the number of boundaries that a number reaches, which is the index of its interval; encoded as the other layers of categories do. Boundaries
** are given as an attribute, or as a weight of num_bins - 1 rising numbers.
*/
#include "encode.h"

typedef struct { fire_floats boundaries; int64_t num_bins; double epsilon; fire_attr_text output_mode; } bins_attrs;
#define AT(field) offsetof(bins_attrs, field)
static const fire_attr attrs[] = {
    {"bin_boundaries", FIRE_ATTR_FLOATS, AT(boundaries), .help = "rising numbers between the intervals; []: a weight holds them"},
    {"num_bins", FIRE_ATTR_INT, AT(num_bins), 0, 1, 1 << 20, .help = "number of intervals, when the boundaries are a weight"},
    {"epsilon", FIRE_ATTR_FLOAT, AT(epsilon), 0.01, 0, 1, .help = "how exact quantiles are when boundaries are learned from data"},
    {"output_mode", FIRE_ATTR_TEXT, AT(output_mode), .text = "int", .choices = FIRE_ENCODE_CHOICES, .help = "the index, ones at it, or counts over the last dimension"},
    {0},
};

static fire_status bins_check(const void *attrs_, fire_error *err) {
    const bins_attrs *t = attrs_;
    if (!t->boundaries.n && !t->num_bins) return fire_fail(err, FIRE_E_ATTRIBUTE, "neither bin_boundaries nor num_bins is given; expected one of them");
    if (t->boundaries.n && t->num_bins) return fire_fail(err, FIRE_E_ATTRIBUTE, "both bin_boundaries and num_bins are given; expected one of them");
    for (int i = 1; i < t->boundaries.n; i++)
        if (!(t->boundaries.v[i] > t->boundaries.v[i - 1]))
            return fire_fail(err, FIRE_E_ATTRIBUTE, "bin_boundaries do not rise: %g comes after %g", t->boundaries.v[i], t->boundaries.v[i - 1]);
    return FIRE_OK;
}

static fire_value bins_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const bins_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_type type = fire_type_of(g, in[0]);
    int64_t n = t->boundaries.n ? t->boundaries.n : t->num_bins - 1;
    fire_value edges = t->boundaries.n ? fire_cast(g, fire_graph_const(g, FIRE_F64, (fire_shape){1, {n}}, t->boundaries.v), type)
                                       : fire_weight(b, "bin_boundaries", (fire_shape){1, {n}}, (fire_how){"zeros"}, false);
    int rank = fire_shape_of(g, in[0]).rank;
    if (rank == FIRE_MAX_RANK) return fire_graph_fail(g, FIRE_E_UNSUPPORTED, "Discretization '%s': an input of %d dimensions", g->layer, rank);
    fire_value reached = fire_cast(g, fire_two(g, "GreaterOrEqual", fire_unsqueeze(g, in[0], 1u << rank), edges), type);
    fire_value index = fire_over(g, "ReduceSum", reached, 1u << rank, false);
    if (t->output_mode[0] != 'i') index = fire_cast(g, index, FIRE_I64);
    return fire_encode(g, t->output_mode, index, n + 1, type, 0);
}

const fire_layer fire_layer_discretization = {
    .name = "Discretization", .help = "the interval that a number lies in",
    .attrs = attrs, .attr_size = sizeof(bins_attrs), .min_in = 1, .max_in = 1, .check = bins_check, .build = bins_build,
    .examples = {"[4] bin_boundaries=[-0.5,0.5]", "[3] num_bins=4", "[1] bin_boundaries=[0.1,0.2,0.3] output_mode=one_hot", "[4] bin_boundaries=[0.7] output_mode=multi_hot",
                 "[2,3] bin_boundaries=[-0.3,0.3] output_mode=count"},
};
