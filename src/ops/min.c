/* min - the smallest of 1 to 8 inputs, element by element, with broadcasting. A NaN anywhere comes through. */
#include "extreme.h"

static void min_run(const fire_call *call) { fire_extreme_run(call, false); }

const fire_op fire_op_min = {.name = "Min", .help = "smallest of the inputs, element by element", .run = min_run, FIRE_EXTREME};
