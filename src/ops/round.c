/* round - y = the nearest whole number, the even one of two. Its derivative is 0 wherever there is one. */
#include "op.h"
#include <math.h>

/* Beyond half of the digits there are no fractions, and adding as much drops them, to the nearest even. */
#define ROUND(name, type, most, sign)                                                                        \
    static void name(const type *x, type *y, int64_t n) {                                                     \
        for (int64_t i = 0; i < n; i++) {                                                                      \
            const type v = x[i], up = sign((type)most, v);                                                     \
            y[i] = v < (type)most && v > -(type)most ? sign((v + up) - up, v) : v;                             \
        }                                                                                                      \
    }
ROUND(round_f32, float, 0x1p23f, copysignf)
ROUND(round_f64, double, 0x1p52, copysign)
static void round_run(const fire_call *call) {
    const int64_t n = fire_count(&call->out[0].shape);
    if (call->in[0].type == FIRE_F32) round_f32(call->in[0].data, call->out[0].data, n);
    else round_f64(call->in[0].data, call->out[0].data, n);
}

const fire_op fire_op_round = {
    .name = "Round", .help = "the nearest whole number, the even one of two",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1,
    .infer = fire_infer_same_float, .run = round_run,
    .examples = {"[7]", "[2,3,4]", "[4]{-2.5,-1.5,0.5,3.25}", "[6]{-0.3,0.49999997,8388609,-1e30,16777217,-0.5}"},
};
