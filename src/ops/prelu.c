/* prelu - y = x where x >= 0, slope x below; slope is broadcast to x. */
#include "op.h"

static fire_status prelu_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_infer_broadcast(attrs, n_in, in, out, err);
    if (s) return s;
    if (!fire_same_shape(&out[0].shape, &in[0].shape)) {
        char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
        return fire_fail(err, FIRE_E_SHAPE, "slope %s does not fit the input %s", fire_shape_text(&in[1].shape, a), fire_shape_text(&in[0].shape, b));
    }
    return FIRE_OK;
}

static double prelu_of(double x, double slope) { return x >= 0 || x != x ? x : slope * x; }
static void prelu_run(const fire_call *call) { fire_run_binary(call, prelu_of); }

static void prelu_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value x = n->in[0], slope = n->in[1], zero = fire_graph_scalar(g, fire_type_of(g, x), 0);
    fire_value below = fire_apply(g, "Less", 2, FIRE_IN(x, zero), NULL);
    dx[0] = fire_apply(g, "Where", 3, FIRE_IN(below, fire_apply(g, "Mul", 2, FIRE_IN(dy[0], slope), NULL), dy[0]), NULL);
    dx[1] = fire_sum_like(g, fire_apply(g, "Where", 3, FIRE_IN(below, fire_apply(g, "Mul", 2, FIRE_IN(dy[0], x), NULL), zero), NULL), slope);
}

const fire_op fire_op_prelu = {
    .name = "PRelu", .help = "x where x >= 0, slope x below",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 1,
    .infer = prelu_infer, .run = prelu_run, .grad = prelu_grad,
    .examples = {"[2,3] [2,3]", "[4,3] [3]", "[2,3,4] [3,1]", "[5] []"},
};
