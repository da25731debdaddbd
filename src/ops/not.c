/* not - y = not x, for booleans. */
#include "op.h"

static fire_status not_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    if (in[0].type != FIRE_BOOL) return fire_fail(err, FIRE_E_SHAPE, "input is %s, expected bool", fire_type_text(in[0].type));
    out[0].type = FIRE_BOOL;
    out[0].shape = in[0].shape;
    return FIRE_OK;
}

static double not_of(double x) { return x == 0; }
static void not_run(const fire_call *call) { fire_run_unary(call, not_of); }

const fire_op fire_op_not = {
    .name = "Not", .help = "logical not",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = not_infer, .run = not_run,
    .examples = {"bool[7]", "bool[2,3,4]"},
};
