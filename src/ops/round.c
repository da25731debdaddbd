/* round - y = the nearest whole number, the even one of two. Its derivative is 0 wherever there is one. */
#include "op.h"
#include <math.h>

static double round_of(double x) { return nearbyint(x); }
static void round_run(const fire_call *call) { fire_run_unary(call, round_of); }

const fire_op fire_op_round = {
    .name = "Round", .help = "the nearest whole number, the even one of two",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same_float, .run = round_run,
    .examples = {"[7]", "[2,3,4]", "[4]{-2.5,-1.5,0.5,3.25}"},
};
