/* less_or_equal - y = a <= b, with broadcasting. */
#include "op.h"

static double less_or_equal_of(double a, double b) { return a <= b; }
static int64_t less_or_equal_long(int64_t a, int64_t b) { return a <= b; }
static void less_or_equal_run(const fire_call *call) { fire_run_binary_whole(call, less_or_equal_of, less_or_equal_long); }

const fire_op fire_op_less_or_equal = {
    .name = "LessOrEqual", .help = "a <= b",
    .min_in = 2, .max_in = 2, .n_out = 1,
    .infer = fire_infer_compare, .run = less_or_equal_run,
    .examples = {"[2,3] [2,3]", "[4,3] [3]", "[2,1] [3]", "i64[9]<3 i64[9]<3"},
};
