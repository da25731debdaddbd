/* hard_sigmoid - y = alpha x + beta cut to [0, 1], element by element. */
#include "op.h"
#include <math.h>

typedef struct { double alpha, beta; } hard_sigmoid_attrs;
static const fire_attr attrs_of_hard_sigmoid[] = {
    {"alpha", FIRE_ATTR_FLOAT, offsetof(hard_sigmoid_attrs, alpha), 0.2, 0, 0, .help = "slope"},
    {"beta", FIRE_ATTR_FLOAT, offsetof(hard_sigmoid_attrs, beta), 0.5, 0, 0, .help = "value at 0"},
    {0},
};

static double hard_sigmoid_of(const hard_sigmoid_attrs *t, double x) { double y = t->alpha * x + t->beta;
    return y < 0 ? 0 : y > 1 ? 1 : y;
 }
static void hard_sigmoid_run(const fire_call *call) {
    const hard_sigmoid_attrs *t = call->attrs;
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++) fire_put(&call->out[0], i, hard_sigmoid_of(t, fire_get(&call->in[0], i)));
}

static void hard_sigmoid_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    char text[FIRE_ATTRS_TEXT];
    dx[0] = fire_apply(g, "HardSigmoidGrad", 2, FIRE_IN(n->in[0], dy[0]), fire_node_attrs(n, text));
}

const fire_op fire_op_hard_sigmoid = {
    .name = "HardSigmoid", .help = "alpha x + beta cut to [0, 1]",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1, .attrs = attrs_of_hard_sigmoid, .attr_size = sizeof(hard_sigmoid_attrs),
    .infer = fire_infer_same_float, .run = hard_sigmoid_run, .grad = hard_sigmoid_grad,
    .examples = {"[7]", "[2,3,4] alpha=1.5 beta=0.4"},
};

/* dx = dy dy/dx, from x and dy. */
static double hard_sigmoid_slope(const hard_sigmoid_attrs *t, double x) { double y = t->alpha * x + t->beta;
    return y > 0 && y < 1 ? t->alpha : 0;
 }
static void hard_sigmoid_grad_run(const fire_call *call) {
    const hard_sigmoid_attrs *t = call->attrs;
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++)
        fire_put(&call->out[0], i, fire_get(&call->in[1], i) * hard_sigmoid_slope(t, fire_get(&call->in[0], i)));
}

const fire_op fire_op_hard_sigmoid_grad = {
    .name = "HardSigmoidGrad", .domain = FIRE_DOMAIN, .help = "gradient of HardSigmoid, from its input x and dy",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 3, .attrs = attrs_of_hard_sigmoid, .attr_size = sizeof(hard_sigmoid_attrs),
    .infer = fire_infer_same_float, .run = hard_sigmoid_grad_run,
    .examples = {"[7] [7]", "[2,3,4] [2,3,4] alpha=1.5 beta=0.4"},
};
