/* ceil - y = the smallest whole number that is not below x. Its derivative is 0 wherever there is one. */
#include "op.h"
#include <math.h>

static double ceil_of(double x) { return ceil(x); }
static void ceil_run(const fire_call *call) { fire_run_unary(call, ceil_of); }

const fire_op fire_op_ceil = {
    .name = "Ceil", .help = "the smallest whole number that is not below x",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same_float, .run = ceil_run,
    .examples = {"[7]", "[2,3,4]", "[4]{-2.5,-1.5,0.5,3.25}"},
};
