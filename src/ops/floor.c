/* floor - y = the largest whole number that is not above x. Its derivative is 0 wherever there is one. */
#include "op.h"
#include <math.h>

static double floor_of(double x) { return floor(x); }
static void floor_run(const fire_call *call) { fire_run_unary(call, floor_of); }

const fire_op fire_op_floor = {
    .name = "Floor", .help = "the largest whole number that is not above x",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same_float, .run = floor_run,
    .examples = {"[7]", "[2,3,4]", "[4]{-2.5,-1.5,0.5,3.25}"},
};
