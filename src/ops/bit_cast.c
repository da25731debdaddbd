/* bit_cast - the bits of each element read as another type of the same size. */
#include "op.h"

typedef struct { int64_t to; } bit_cast_attrs;
static const fire_attr attrs_of_bit_cast[] = {
    {"to", FIRE_ATTR_INT, offsetof(bit_cast_attrs, to), 0, 0, INT32_MAX, .help = "element type, as ONNX numbers them"},
    {0},
};

static fire_status bit_cast_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    const fire_type to = (fire_type)((const bit_cast_attrs *)attrs)->to;
    if (to == FIRE_BOOL && in[0].type != FIRE_BOOL) return fire_fail(err, FIRE_E_UNSUPPORTED, "any bits as bool; a bool is 0 or 1");
    if (!fire_type_size(to) || fire_type_size(to) != fire_type_size(in[0].type))
        return fire_fail(err, FIRE_E_SHAPE, "%s as %s, expected a type of the same size", fire_type_text(in[0].type), fire_type_text(to));
    out[0].type = to;
    out[0].shape = in[0].shape;
    return FIRE_OK;
}

const fire_op fire_op_bit_cast = {
    .name = "BitCast", .help = "bits read as another type of the same size",
    .min_in = 1, .max_in = 1, .n_out = 1, .attrs = attrs_of_bit_cast, .attr_size = sizeof(bit_cast_attrs), .infer = bit_cast_infer, .run = fire_run_copy,
    .examples = {"f32[7] to=6", "i64[2,3] to=11", "u8[5] to=3", "bool[4] to=2"},
};
