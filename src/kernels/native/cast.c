/* cast.c - Cast between the types that data and labels come in and the floats that networks compute in. */
#include "kernel.h"

#define CAST(from, from_type, to, to_type)                                                         \
    static void from##_to_##to(const void *restrict x, void *restrict y, int64_t n) {              \
        for (int64_t i = 0; i < n; i++) ((to_type *)y)[i] = (to_type)((const from_type *)x)[i];    \
    }
CAST(f32, float, f64, double)
CAST(f64, double, f32, float)
CAST(u8, uint8_t, f32, float)
CAST(u8, uint8_t, f64, double)
CAST(i32, int32_t, f32, float)
CAST(i32, int32_t, f64, double)
CAST(i64, int64_t, f32, float)
CAST(i64, int64_t, f64, double)
/* Whole numbers that come as floats. What does not fit is unspecified in ONNX; here 0. */
#define CAST_WHOLE(from, from_type, to, to_type, limit)                                            \
    static void from##_to_##to(const void *restrict x, void *restrict y, int64_t n) {              \
        const from_type *a = x;                                                                    \
        for (int64_t i = 0; i < n; i++) ((to_type *)y)[i] = a[i] == a[i] && a[i] < limit && a[i] >= -limit ? (to_type)a[i] : 0; \
    }
CAST_WHOLE(f32, float, i64, int64_t, 0x1p63f)
CAST_WHOLE(f64, double, i64, int64_t, 0x1p63)

/* Whole numbers of 32 bits and less wrap, as fire_put has it. */
#define CAST_NARROW(from, from_type, to, to_type)                                                  \
    static void from##_to_##to(const void *restrict x, void *restrict y, int64_t n) {              \
        const from_type *a = x;                                                                    \
        for (int64_t i = 0; i < n; i++) ((to_type *)y)[i] = a[i] > -(from_type)0x1p31 && a[i] < (from_type)0x1p31 ? (to_type)(int32_t)a[i] : (to_type)fire_whole((double)a[i]); \
    }
CAST(i8, int8_t, f32, float)
CAST(i8, int8_t, f64, double)
CAST_NARROW(f32, float, u8, uint8_t)
CAST_NARROW(f32, float, i8, int8_t)
CAST_NARROW(f32, float, i32, int32_t)
CAST_NARROW(f64, double, u8, uint8_t)
CAST_NARROW(f64, double, i8, int8_t)
CAST_NARROW(f64, double, i32, int32_t)

static const struct { fire_type from, to; void (*run)(const void *restrict, void *restrict, int64_t); } casts[] = {
    {FIRE_F32, FIRE_F64, f32_to_f64}, {FIRE_F64, FIRE_F32, f64_to_f32}, {FIRE_U8, FIRE_F32, u8_to_f32}, {FIRE_U8, FIRE_F64, u8_to_f64},
    {FIRE_BOOL, FIRE_F32, u8_to_f32}, {FIRE_BOOL, FIRE_F64, u8_to_f64}, {FIRE_I32, FIRE_F32, i32_to_f32}, {FIRE_I32, FIRE_F64, i32_to_f64},
    {FIRE_I64, FIRE_F32, i64_to_f32}, {FIRE_I64, FIRE_F64, i64_to_f64}, {FIRE_F32, FIRE_I64, f32_to_i64}, {FIRE_F64, FIRE_I64, f64_to_i64},
    {FIRE_I8, FIRE_F32, i8_to_f32}, {FIRE_I8, FIRE_F64, i8_to_f64}, {FIRE_F32, FIRE_U8, f32_to_u8}, {FIRE_F32, FIRE_I8, f32_to_i8}, {FIRE_F32, FIRE_I32, f32_to_i32},
    {FIRE_F64, FIRE_U8, f64_to_u8}, {FIRE_F64, FIRE_I8, f64_to_i8}, {FIRE_F64, FIRE_I32, f64_to_i32},
};

static int find(const fire_call *call) {
    for (int i = 0; i < (int)(sizeof casts / sizeof *casts); i++)
        if (casts[i].from == call->in[0].type && casts[i].to == call->out[0].type) return i;
    return -1;
}
static const char *decline(fire_context *ctx, const fire_call *call) { return find(call) < 0 ? "not between these types" : NULL; }
static void run(const fire_call *call) {
    int i = find(call);
    if (i >= 0) casts[i].run(call->in[0].data, call->out[0].data, fire_count(&call->out[0].shape));
}
const fire_kernel FIRE_ISA_NAME(fire_kernel_native_cast) = {
    .name = "native." FIRE_ISA_TEXT ".cast", .op = "Cast", .isa = FIRE_ISA_LEVEL, .decline = decline, .run = run,
};
