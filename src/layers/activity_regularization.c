/* activity_regularization - gives its input back; training adds a penalty on it, the sum of each row and their mean over the batch, to the loss. */
#include "compose.h"

typedef struct { double l1, l2; } activity_attrs;
static const fire_attr attrs[] = {
    {"l1", FIRE_ATTR_FLOAT, offsetof(activity_attrs, l1), 0, 0, 1e30, .help = "times the sum of absolute values"},
    {"l2", FIRE_ATTR_FLOAT, offsetof(activity_attrs, l2), 0, 0, 1e30, .help = "times the sum of squares"},
    {0},
};

/* The penalty on each row of x, [n]. */
static fire_value each_row(fire_graph *g, fire_value x, const activity_attrs *t) {
    int rank = fire_shape_of(g, x).rank;
    fire_value total = 0;
    for (int k = 0; k < 2; k++) {
        double factor = k ? t->l2 : t->l1;
        if (factor == 0) continue;
        fire_value v = k ? fire_two(g, "Mul", x, x) : fire_one(g, "Abs", x);
        if (rank > 1) v = fire_over(g, "ReduceSum", v, (1u << rank) - 2, false);
        v = fire_times(g, v, factor);
        total = total ? fire_two(g, "Add", total, v) : v;
    }
    return total;
}

static fire_value activity_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    if (b->steps_are_rows)
        return fire_graph_fail(b->g, FIRE_E_UNSUPPORTED, "ActivityRegularization '%s' in a TimeDistributed, whose steps are no rows; put it behind that", b->g->layer);
    if (b->activity) fire_penalize(b, each_row(b->g, in[0], attrs_));
    return in[0];
}

const fire_layer fire_layer_activity_regularization = {
    .name = "ActivityRegularization", .help = "gives its input back, with a penalty on it",
    .attrs = attrs, .attr_size = sizeof(activity_attrs), .min_in = 1, .max_in = 1, .passes_mask = true, .build = activity_build,
    .examples = {"[4] l1=0.1", "[2,3] l1=0.1 l2=0.2", "[4] l2=0.5"},
};
