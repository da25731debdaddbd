/* bitwise - and, or, exclusive or of the bits of two whole numbers with broadcasting; all bits of one turned; bits moved up or down. */
#include "op.h"

static bool is_whole(fire_type t) { return t != FIRE_F32 && t != FIRE_F64 && t != FIRE_F16 && t != FIRE_BF16 && t != FIRE_BOOL && fire_type_size(t) > 0; }
static bool is_signed(fire_type t) { return t == FIRE_I8 || t == FIRE_I16 || t == FIRE_I32 || t == FIRE_I64; }

static fire_status whole_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    for (int i = 0; i < n_in; i++)
        if (!is_whole(in[i].type)) return fire_fail(err, FIRE_E_SHAPE, "input %d is %s, expected whole numbers", i, fire_type_text(in[i].type));
    return n_in > 1 ? fire_infer_broadcast(attrs, n_in, in, out, err) : fire_infer_same(attrs, n_in, in, out, err);
}

/* The bits of element i, zeros above them: through a double the low ones of 64 would be lost. */
static uint64_t bits_of(const fire_tensor *t, int64_t i) {
    switch (fire_type_size(t->type)) {
    case 1: return ((const uint8_t *)t->data)[i];
    case 2: return ((const uint16_t *)t->data)[i];
    case 4: return ((const uint32_t *)t->data)[i];
    default: return ((const uint64_t *)t->data)[i];
    }
}
static void put_bits(const fire_tensor *t, int64_t i, uint64_t bits) {
    switch (fire_type_size(t->type)) {
    case 1: ((uint8_t *)t->data)[i] = (uint8_t)bits; break;
    case 2: ((uint16_t *)t->data)[i] = (uint16_t)bits; break;
    case 4: ((uint32_t *)t->data)[i] = (uint32_t)bits; break;
    default: ((uint64_t *)t->data)[i] = bits; break;
    }
}

static void run_bits(const fire_call *call, uint64_t (*f)(uint64_t, uint64_t)) {
    const fire_tensor *y = &call->out[0];
    fire_walk w = fire_walk_start(&y->shape, 2, call->in);
    for (int64_t e = 0, n = fire_count(&y->shape); e < n; e++, fire_walk_next(&w)) put_bits(y, e, f(bits_of(&call->in[0], w.i[0]), bits_of(&call->in[1], w.i[1])));
}

static uint64_t and_of(uint64_t a, uint64_t b) { return a & b; }
static void and_run(const fire_call *call) { run_bits(call, and_of); }
const fire_op fire_op_bitwise_and = {
    .name = "BitwiseAnd", .help = "bits that stand in both of two whole numbers",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 3, .infer = whole_infer, .run = and_run,
    .examples = {"i64[7] i64[7]", "i32[4,3] i32[3]", "u8[2,1] u8[3]", "i16[3] i16[1]"},
};

static uint64_t or_of(uint64_t a, uint64_t b) { return a | b; }
static void or_run(const fire_call *call) { run_bits(call, or_of); }
const fire_op fire_op_bitwise_or = {
    .name = "BitwiseOr", .help = "bits that stand in either of two whole numbers",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 3, .infer = whole_infer, .run = or_run,
    .examples = {"i64[7] i64[7]", "i32[4,3] i32[3]", "u8[2,1] u8[3]", "i16[3] i16[1]"},
};

static uint64_t xor_of(uint64_t a, uint64_t b) { return a ^ b; }
static void xor_run(const fire_call *call) { run_bits(call, xor_of); }
const fire_op fire_op_bitwise_xor = {
    .name = "BitwiseXor", .help = "bits that stand in one of two whole numbers but not both",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 3, .infer = whole_infer, .run = xor_run,
    .examples = {"i64[7] i64[7]", "i32[4,3] i32[3]", "u8[2,1] u8[3]", "i16[3] i16[1]"},
};

static void not_run(const fire_call *call) {
    for (int64_t e = 0, n = fire_count(&call->out[0].shape); e < n; e++) put_bits(&call->out[0], e, ~bits_of(&call->in[0], e));
}
const fire_op fire_op_bitwise_not = {
    .name = "BitwiseNot", .help = "every bit of a whole number turned",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1, .infer = whole_infer, .run = not_run,
    .examples = {"i64[7]", "i32[4,3]", "u8[5]", "i16[3]"},
};

/* ---- BitShift: signed numbers keep their sign on the way down; a shift by all bits or more, or by less than 0, leaves nothing but the sign ---- */

typedef struct { fire_attr_text direction; } shift_attrs;
static const fire_attr attrs_of_shift[] = {
    {"direction", FIRE_ATTR_TEXT, offsetof(shift_attrs, direction), .text = "LEFT", .choices = "LEFT|RIGHT", .help = "where the bits go: LEFT makes the number larger"},
    {0},
};

static void shift_run(const fire_call *call) {
    const fire_tensor *x = &call->in[0], *by = &call->in[1], *y = &call->out[0];
    const bool up = ((const shift_attrs *)call->attrs)->direction[0] == 'L';
    const int width = 8 * (int)fire_type_size(y->type);
    fire_walk w = fire_walk_start(&y->shape, 2, call->in);
    for (int64_t e = 0, n = fire_count(&y->shape); e < n; e++, fire_walk_next(&w)) {
        const uint64_t a = bits_of(x, w.i[0]), s = bits_of(by, w.i[1]);
        const int64_t wide = is_signed(x->type) ? (int64_t)(a << (64 - width)) >> (64 - width) : 0; /* with its sign */
        uint64_t r;
        if (up) r = s < (uint64_t)width ? a << s : 0;
        else if (is_signed(x->type)) r = (uint64_t)(wide >> (s < (uint64_t)width ? s : 63));
        else r = s < (uint64_t)width ? a >> s : 0;
        put_bits(y, e, r);
    }
}

const fire_op fire_op_bit_shift = {
    .name = "BitShift", .help = "the bits of whole numbers moved up or down, with broadcasting",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 3, .attrs = attrs_of_shift, .attr_size = sizeof(shift_attrs), .infer = whole_infer, .run = shift_run,
    .examples = {"i64[7] i64[7]<70 direction=LEFT", "i32[4,3] i32[3]<32 direction=RIGHT", "u8[5] u8[1]<9 direction=RIGHT", "i16[2,1] i16[3]<17"},
};
