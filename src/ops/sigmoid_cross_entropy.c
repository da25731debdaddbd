/* sigmoid_cross_entropy - the loss of each logit x against its target t, both of one shape, and the probability sigmoid(x).
**
** loss = max(x, 0) - x t + log(1 + e^-|x|), which is -t log p - (1 - t) log(1 - p) without its overflows.
*/
#include "op.h"
#include <math.h>

static fire_status sce_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_infer_same_float(attrs, n_in, in, out, err);
    out[1] = out[0];
    return s;
}

static void sce_run(const fire_call *call) {
    for (int64_t i = 0, n = fire_count(&call->in[0].shape); i < n; i++) {
        double x = fire_get(&call->in[0], i), t = fire_get(&call->in[1], i), e = exp(-fabs(x));
        fire_put(&call->out[0], i, (x > 0 ? x : 0) - x * t + log1p(e) + 0 * x); /* 0 * x: a NaN comes through the comparison */
        fire_put(&call->out[1], i, x >= 0 ? 1 / (1 + e) : e / (1 + e));
    }
}

/* dx = dy (p - t), dt = -dy x; through the probability as Sigmoid. */
static void sce_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value p = n->out[1];
    if (dy[0]) {
        dx[0] = fire_apply(g, "Mul", 2, FIRE_IN(dy[0], fire_apply(g, "Sub", 2, FIRE_IN(p, n->in[1]), NULL)), NULL);
        dx[1] = fire_apply(g, "Neg", 1, FIRE_IN(fire_apply(g, "Mul", 2, FIRE_IN(dy[0], n->in[0]), NULL)), NULL);
    }
    if (dy[1]) {
        fire_value through = fire_apply(g, "SigmoidGrad", 2, FIRE_IN(p, dy[1]), NULL);
        dx[0] = dx[0] ? fire_apply(g, "Add", 2, FIRE_IN(dx[0], through), NULL) : through;
    }
}

static int64_t sce_flops(const fire_call *call) { return FIRE_WORK(8, fire_count(&call->in[0].shape)); }

const fire_op fire_op_sigmoid_cross_entropy = {
    .name = "SigmoidCrossEntropy", .domain = FIRE_DOMAIN, .help = "binary cross-entropy of sigmoid(logits) against targets, and the sigmoid",
    .min_in = 2, .max_in = 2, .n_out = 2,
    .infer = sce_infer, .run = sce_run, .grad = sce_grad, .flops = sce_flops,
    .examples = {"[4,3] [4,3]>0", "[7] [7]", "[5,1] [5,1]>0"},
};
