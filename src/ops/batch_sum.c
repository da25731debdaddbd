/* batch_sum - x summed over all slices of a batch: those of other threads, and of other workers in float64, in reproducible mode or when
** synchronized. With one slice it is x. What every slice computes of the sum goes back to it from all of them: the gradient is summed too.
*/
#include "op.h"

typedef struct { bool synchronized; } sum_attrs;
static const fire_attr attrs[] = {
    {"synchronized", FIRE_ATTR_BOOL, offsetof(sum_attrs, synchronized), 0, 0, 1, .help = "over the workers in any case"},
    {0},
};

static bool sum_joins(const void *attrs_) { return ((const sum_attrs *)attrs_)->synchronized; }

static void sum_run(const fire_call *call) {
    if (call->out[0].data != call->in[0].data) fire_run_copy(call);
}

static void sum_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    char text[FIRE_ATTRS_TEXT];
    dx[0] = fire_apply(g, "BatchSum", 1, &dy[0], fire_node_attrs(n, text));
}

const fire_op fire_op_batch_sum = {
    .name = "BatchSum", .domain = FIRE_DOMAIN, .help = "the sum over all slices of a batch; x itself where there is one",
    .min_in = 1, .max_in = 1, .n_out = 1, .attrs = attrs, .attr_size = sizeof(sum_attrs), .in_place = 1,
    .joins = sum_joins, .infer = fire_infer_same_float, .run = sum_run, .grad = sum_grad,
    .examples = {"[3]", "[2,3] synchronized=1"},
};
