/* sign - y = -1, 0 or 1, element by element. Its derivative is 0 wherever there is one. */
#include "op.h"

static double sign_of(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; /* 0 and NaN stay */ }
static int64_t sign_long(int64_t x) { return (x > 0) - (x < 0); }
static void sign_run(const fire_call *call) { fire_run_unary_whole(call, sign_of, sign_long); }

const fire_op fire_op_sign = {
    .name = "Sign", .help = "sign of x",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same, .run = sign_run,
    .examples = {"[7]", "[2,3,4]", "i32[5]"},
};
