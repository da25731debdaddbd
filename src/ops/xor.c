/* xor - y = a or b but not both, for booleans, with broadcasting. */
#include "op.h"

static fire_status xor_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    for (int i = 0; i < 2; i++)
        if (in[i].type != FIRE_BOOL) return fire_fail(err, FIRE_E_SHAPE, "input %d is %s, expected bool", i, fire_type_text(in[i].type));
    out[0].type = FIRE_BOOL;
    return fire_broadcast_shape(&in[0].shape, &in[1].shape, &out[0].shape, err);
}

static double xor_of(double a, double b) { return (a != 0) != (b != 0); }
static void xor_run(const fire_call *call) { fire_run_binary(call, xor_of); }

const fire_op fire_op_xor = {
    .name = "Xor", .help = "logical a or b but not both",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 3,
    .infer = xor_infer, .run = xor_run,
    .examples = {"bool[7] bool[7]", "bool[4,3] bool[3]", "bool[2,1] bool[3]"},
};
