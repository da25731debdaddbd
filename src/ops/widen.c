/* widen - the numbers that bits of a type of 8 bits or less stand for; see small.h. */
#include "op.h"
#include "small.h"

typedef struct { int64_t type; } widen_attrs;
static const fire_attr attrs_of_widen[] = {
    {"type", FIRE_ATTR_INT, offsetof(widen_attrs, type), FIRE_F8_E4M3FN, FIRE_F8_E4M3FN, FIRE_F6_E3M2, .help = "numbered as in ONNX: 17 float8e4m3fn ..."},
    {0},
};

static fire_status widen_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    out[0] = (fire_tensor){FIRE_F32, in[0].shape, NULL};
    return in[0].type == FIRE_U8 ? FIRE_OK : fire_fail(err, FIRE_E_SHAPE, "the bits are %s, expected uint8", fire_type_text(in[0].type));
}

static void widen_run(const fire_call *call) {
    const fire_small *f = fire_small_find((fire_type)((const widen_attrs *)call->attrs)->type);
    const uint8_t *x = call->in[0].data;
    float *y = call->out[0].data, value[256];
    for (int i = 0; i < 256; i++) value[i] = (float)fire_small_get(f, (uint8_t)i);
    for (int64_t i = 0, n = fire_count(&call->in[0].shape); i < n; i++) y[i] = value[x[i]];
}

const fire_op fire_op_widen = {
    .name = "Widen", .domain = FIRE_DOMAIN, .help = "the numbers that bits of a type of 8 bits or less stand for",
    .min_in = 1, .max_in = 1, .n_out = 1, .attrs = attrs_of_widen, .attr_size = sizeof(widen_attrs),
    .infer = widen_infer, .run = widen_run,
    .examples = {"u8[2,3]", "u8[7] type=19", "u8[5] type=21", "u8[5] type=22", "u8[4] type=24", "u8[4] type=28"},
};
