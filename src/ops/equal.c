/* equal - y = a == b, with broadcasting; booleans, too. */
#include "op.h"

static fire_status equal_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    out[0].type = FIRE_BOOL;
    fire_status s = fire_want_same_type(n_in, in, err);
    return s ? s : fire_broadcast_shape(&in[0].shape, &in[1].shape, &out[0].shape, err);
}

static double equal_of(double a, double b) { return a == b; }
static int64_t equal_long(int64_t a, int64_t b) { return a == b; }
static void equal_run(const fire_call *call) { fire_run_binary_whole(call, equal_of, equal_long); }

const fire_op fire_op_equal = {
    .name = "Equal", .help = "a == b",
    .min_in = 2, .max_in = 2, .n_out = 1,
    .infer = equal_infer, .run = equal_run,
    .examples = {"[2,3] [2,3]", "[4,3] [3]", "[2,1] [3]", "i64[9]<3 i64[9]<3", "bool[4] bool[4]"},
};
