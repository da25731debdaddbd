/* reduce_l2 - the root of the sum of x^2 along some axes. */
#include "reduce.h"
#include <math.h>

static fire_status reduce_l2_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_want_float(&in[0], "input", err);
    return s ? s : fire_reduce_infer(attrs, n_in, in, out, err);
}

static double fold(double sum, double x) { return sum + x * x; }
static void reduce_l2_run(const fire_call *call) {
    const double *sum = call->scratch;
    fire_reduce_run(call, 0, fold);
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++) fire_put(&call->out[0], i, sqrt(sum[i]));
}

/* dy x / y; 0 where all of x is. */
static void reduce_l2_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value x = n->in[0], y = fire_reduce_kept(g, n, n->out[0]), d = fire_reduce_kept(g, n, dy[0]);
    fire_value zero = fire_graph_scalar(g, fire_type_of(g, x), 0), one = fire_graph_scalar(g, fire_type_of(g, x), 1);
    fire_value length = fire_apply(g, "Where", 3, FIRE_IN(fire_apply(g, "Equal", 2, FIRE_IN(y, zero), NULL), one, y), NULL);
    dx[0] = fire_apply(g, "Mul", 2, FIRE_IN(x, fire_apply(g, "Div", 2, FIRE_IN(d, length), NULL)), NULL);
}

const fire_op fire_op_reduce_l2 = {
    .name = "ReduceL2", .values = 2, .help = "root of the sum of squares along axes",
    .min_in = 1, .max_in = 2, .n_out = 1, .attrs = fire_reduce_table, .attr_size = sizeof(fire_reduce_attrs),
    .infer = reduce_l2_infer, .run = reduce_l2_run, .scratch = fire_reduce_scratch, .grad = reduce_l2_grad, .flops = fire_reduce_flops,
    .examples = {"[2,3,4] i64[1]{1}", "[2,3,4] i64[1]{0} keepdims=0", "[2,3] keepdims=0", "[2,3,4] i64[2]{-1,0}", "[2,3] i64[0]{}", "[4,3] - noop_with_empty_axes=1", "[33,20] i64[1]{0} keepdims=0", "[]"},
};
