/* narrow - numbers as bits of a type of 8 bits or less; see small.h. */
#include "op.h"
#include "small.h"

typedef struct { int64_t type; bool saturate; int64_t round; } narrow_attrs;
static const fire_attr attrs_of_narrow[] = {
    {"type", FIRE_ATTR_INT, offsetof(narrow_attrs, type), FIRE_F8_E4M3FN, FIRE_F8_E4M3FN, FIRE_F6_E3M2, .help = "numbered as in ONNX: 17 float8e4m3fn ..."},
    {"saturate", FIRE_ATTR_BOOL, offsetof(narrow_attrs, saturate), 1, 0, 1, .help = "floats that are too large become the largest one"},
    {"round", FIRE_ATTR_INT, offsetof(narrow_attrs, round), 0, 0, 2, .help = "of powers of two: 0 to the nearest, 1 up, 2 down"},
    {0},
};

static fire_status narrow_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    out[0] = (fire_tensor){FIRE_U8, in[0].shape, NULL};
    return FIRE_OK;
}

static void narrow_run(const fire_call *call) {
    const narrow_attrs *a = call->attrs;
    const fire_small *f = fire_small_find((fire_type)a->type);
    uint8_t *y = call->out[0].data;
    for (int64_t i = 0, n = fire_count(&call->in[0].shape); i < n; i++) y[i] = fire_small_put(f, fire_get(&call->in[0], i), a->saturate, (fire_round)a->round);
}

static int64_t narrow_flops(const fire_call *call) { return FIRE_WORK(20, fire_count(&call->in[0].shape)); }

const fire_op fire_op_narrow = {
    .name = "Narrow", .domain = FIRE_DOMAIN, .help = "numbers as bits of a type of 8 bits or less",
    .min_in = 1, .max_in = 1, .n_out = 1, .attrs = attrs_of_narrow, .attr_size = sizeof(narrow_attrs),
    .infer = narrow_infer, .run = narrow_run, .flops = narrow_flops,
    .examples = {"[2,3]", "[7] type=19 saturate=0", "[5] type=18", "[5] type=20 saturate=0", "[5] type=21", "i64[4] type=22", "[5] type=23", "[5]>0 type=24 round=1", "[4] type=24 round=2", "[3] type=26", "[4] type=27"},
};
