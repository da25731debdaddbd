/* max - the largest of 1 to 8 inputs, element by element, with broadcasting. A NaN anywhere comes through. */
#include "extreme.h"

static void max_run(const fire_call *call) { fire_extreme_run(call, true); }

const fire_op fire_op_max = {.name = "Max", .help = "largest of the inputs, element by element", .run = max_run, FIRE_EXTREME};
