/* log1p - log(1 + x), e^x - 1 and the angle of (x, y): functions of libm that keep digits where the obvious formula loses them. */
#include "op.h"
#include <math.h>

static double log1p_of(double x) { return log1p(x); }
static double expm1_of(double x) { return expm1(x); }
static void log1p_run(const fire_call *call) { fire_run_unary(call, log1p_of); }
static void expm1_run(const fire_call *call) { fire_run_unary(call, expm1_of); }
static void atan2_run(const fire_call *call) { fire_run_binary(call, atan2); }

/* dy / (1 + x) and dy e^x */
static void log1p_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value x = n->in[0], one = fire_graph_scalar(g, fire_type_of(g, x), 1);
    dx[0] = fire_apply(g, "Div", 2, FIRE_IN(dy[0], fire_apply(g, "Add", 2, FIRE_IN(x, one), NULL)), NULL);
}
static void expm1_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    dx[0] = fire_apply(g, "Mul", 2, FIRE_IN(dy[0], fire_apply(g, "Exp", 1, n->in, NULL)), NULL);
}
/* dy x / (x^2 + y^2) and -dy y / (x^2 + y^2) */
static void atan2_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value y = n->in[0], x = n->in[1];
    fire_value square = fire_apply(g, "Add", 2, FIRE_IN(fire_apply(g, "Mul", 2, FIRE_IN(y, y), NULL), fire_apply(g, "Mul", 2, FIRE_IN(x, x), NULL)), NULL);
    fire_value by = fire_apply(g, "Div", 2, FIRE_IN(dy[0], square), NULL);
    dx[0] = fire_sum_like(g, fire_apply(g, "Mul", 2, FIRE_IN(by, x), NULL), y);
    dx[1] = fire_sum_like(g, fire_apply(g, "Neg", 1, FIRE_IN(fire_apply(g, "Mul", 2, FIRE_IN(by, y), NULL)), NULL), x);
}
static fire_status atan2_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_want_float(&in[0], "y", err);
    return s ? s : fire_infer_broadcast(attrs, n_in, in, out, err);
}

const fire_op fire_op_log1p = {
    .name = "Log1p", .domain = FIRE_DOMAIN, .help = "logarithm of 1 + x",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1, .infer = fire_infer_same_float, .run = log1p_run, .grad = log1p_grad, .examples = {"[7]>0", "[2,3,4]>0"},
};
const fire_op fire_op_expm1 = {
    .name = "Expm1", .domain = FIRE_DOMAIN, .help = "e^x - 1",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1, .infer = fire_infer_same_float, .run = expm1_run, .grad = expm1_grad, .examples = {"[7]", "[2,3,4]"},
};
const fire_op fire_op_atan2 = {
    .name = "Atan2", .domain = FIRE_DOMAIN, .help = "angle of the point (x, y), given y and x",
    .min_in = 2, .max_in = 2, .n_out = 1, .infer = atan2_infer, .run = atan2_run, .grad = atan2_grad, .examples = {"[7] [7]", "[2,3] [3]", "[3,1] [4]"},
};
