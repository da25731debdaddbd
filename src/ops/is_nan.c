/* is_nan - whether each number is not a number, or infinite. */
#include "op.h"
#include <math.h>

static fire_status truth_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_infer_same_float(attrs, n_in, in, out, err);
    out[0].type = FIRE_BOOL;
    return s;
}

static double nan_of(double x) { return x != x; }
static void is_nan_run(const fire_call *call) { fire_run_unary(call, nan_of); }
const fire_op fire_op_is_nan = {
    .name = "IsNaN", .help = "whether a number is not a number",
    .min_in = 1, .max_in = 1, .n_out = 1, .infer = truth_infer, .run = is_nan_run,
    .examples = {"[7]", "[2,3,4]"},
};

typedef struct { int64_t negative, positive; } inf_attrs;
static const fire_attr attrs_of_is_inf[] = {
    {"detect_negative", FIRE_ATTR_INT, offsetof(inf_attrs, negative), 1, 0, 1, .help = "-inf counts"},
    {"detect_positive", FIRE_ATTR_INT, offsetof(inf_attrs, positive), 1, 0, 1, .help = "inf counts"},
    {0},
};
static void is_inf_run(const fire_call *call) {
    const inf_attrs *t = call->attrs;
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++) {
        double x = fire_get(&call->in[0], i);
        fire_put(&call->out[0], i, (x == INFINITY && t->positive) || (x == -INFINITY && t->negative));
    }
}
const fire_op fire_op_is_inf = {
    .name = "IsInf", .help = "whether a number is infinite",
    .min_in = 1, .max_in = 1, .n_out = 1, .attrs = attrs_of_is_inf, .attr_size = sizeof(inf_attrs), .infer = truth_infer, .run = is_inf_run,
    .examples = {"[7]", "[2,3,4] detect_negative=0"},
};
