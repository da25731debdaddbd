/* pow - y = a^b, with broadcasting. The exponent may have another type than the base; y has the base's. */
#include "op.h"
#include <math.h>

static fire_status pow_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_want_number(&in[0], "base", err);
    if (!s) s = fire_want_number(&in[1], "exponent", err);
    if (s) return s;
    out[0].type = in[0].type;
    return fire_broadcast_shape(&in[0].shape, &in[1].shape, &out[0].shape, err);
}

static double pow_of(double a, double b) { return pow(a, b); }
static void pow_run(const fire_call *call) { fire_run_binary(call, pow_of); }

/* da = dy b a^(b - 1), db = dy y ln a. The second only where a > 0: elsewhere y is not differentiable in b, and 0 is given, as
** for a = 0, where it is the limit. */
static void pow_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value a = n->in[0], b = n->in[1];
    fire_type ta = fire_type_of(g, a), tb = fire_type_of(g, b);
    const char *to = ta == FIRE_F64 ? "to=11" : "to=1";
    fire_value factor = ta == tb ? b : fire_apply(g, "Cast", 1, FIRE_IN(b), to);
    fire_value less = fire_apply(g, "Sub", 2, FIRE_IN(factor, fire_graph_scalar(g, ta, 1)), NULL);
    fire_value slope = fire_apply(g, "Mul", 2, FIRE_IN(factor, fire_apply(g, "Pow", 2, FIRE_IN(a, less), NULL)), NULL);
    dx[0] = fire_sum_like(g, fire_apply(g, "Mul", 2, FIRE_IN(dy[0], slope), NULL), a);
    if (ta != tb) return;
    fire_value zero = fire_graph_scalar(g, ta, 0), positive = fire_apply(g, "Greater", 2, FIRE_IN(a, zero), NULL);
    fire_value safe = fire_apply(g, "Where", 3, FIRE_IN(positive, a, fire_graph_scalar(g, ta, 1)), NULL);
    slope = fire_apply(g, "Mul", 2, FIRE_IN(n->out[0], fire_apply(g, "Log", 1, FIRE_IN(safe), NULL)), NULL);
    dx[1] = fire_sum_like(g, fire_apply(g, "Mul", 2, FIRE_IN(dy[0], slope), NULL), b);
}

const fire_op fire_op_pow = {
    .name = "Pow", .help = "a to the power of b",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 1,
    .infer = pow_infer, .run = pow_run, .grad = pow_grad,
    .examples = {"[2,3]>0 [2,3]", "[4,3]>0 [3]", "[3]>0 [4,3]", "[2,3] i64[]{2}", "[5] i32[5]>0"},
};
