/* log_softmax - y = x - log of the sum of e^x, along an axis. */
#include "softmax.h"

static void log_softmax_run(const fire_call *call) {
    const fire_tensor *x = &call->in[0], *y = &call->out[0];
    fire_lines l = fire_lines_of(call);
    for (int64_t i = 0; i < l.count && l.size; i++) {
        int64_t at = fire_line(&l, i);
        double top, log_sum = log(fire_line_sum(x, &l, at, &top));
        for (int64_t k = 0; k < l.size; k++) fire_put(y, at + k * l.step, fire_get(x, at + k * l.step) - top - log_sum);
    }
}

static void log_softmax_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    char text[FIRE_ATTRS_TEXT];
    dx[0] = fire_apply(g, "LogSoftmaxGrad", 2, FIRE_IN(n->out[0], dy[0]), fire_node_attrs(n, text));
}

const fire_op fire_op_log_softmax = {
    .name = "LogSoftmax", .help = "logarithm of Softmax",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1, .attrs = fire_softmax_table, .attr_size = sizeof(fire_softmax_attrs),
    .infer = fire_softmax_infer, .run = log_softmax_run, .grad = log_softmax_grad, .flops = fire_softmax_flops,
    .examples = {"[4,10]", "[7]", "[2,3,4]", "[2,3,4] axis=1", "[3,4] axis=0", "[4,1]"},
};

/* LogSoftmaxGrad: dx = dy - e^y times the sum of dy along the axis. */
static void log_softmax_grad_run(const fire_call *call) {
    const fire_tensor *y = &call->in[0], *dy = &call->in[1];
    fire_lines l = fire_lines_of(call);
    for (int64_t i = 0; i < l.count && l.size; i++) {
        int64_t at = fire_line(&l, i);
        double sum = 0;
        for (int64_t k = at, e = at + l.size * l.step; k < e; k += l.step) sum += fire_get(dy, k);
        for (int64_t k = at, e = at + l.size * l.step; k < e; k += l.step) fire_put(&call->out[0], k, fire_get(dy, k) - exp(fire_get(y, k)) * sum);
    }
}

const fire_op fire_op_log_softmax_grad = {
    .name = "LogSoftmaxGrad", .domain = FIRE_DOMAIN, .help = "gradient of LogSoftmax, from its output y and dy",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 3, .attrs = fire_softmax_table, .attr_size = sizeof(fire_softmax_attrs),
    .infer = fire_softmax_infer, .run = log_softmax_grad_run, .flops = fire_softmax_flops,
    .examples = {"[4,10] [4,10]", "[7] [7]", "[2,3,4] [2,3,4] axis=1", "[4,1] [4,1]"},
};
