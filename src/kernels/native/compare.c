/* compare.c - comparisons and Where, with broadcasting, and Clip: a loop over each run, which compilers turn into vectors. */
#include "broadcast.h"
#include "vector.h"

#define BODY "compare_body.h"
#include "both.h"

static const char *decline_number(const fire_tensor *x) { return x->type == FIRE_F32 || x->type == FIRE_F64 ? NULL : "the type is not a float"; }
static const char *decline(fire_context *ctx, const fire_call *call) { return decline_number(&call->in[0]); }
static const char *where_decline(fire_context *ctx, const fire_call *call) { return decline_number(&call->in[1]); }

#define KERNEL(symbol, op_name, typed, declines)                                          \
    static void symbol##_run(const fire_call *call) {                                     \
        if (call->in[typed].type == FIRE_F32) symbol##_f32(call);                         \
        else symbol##_f64(call);                                                          \
    }                                                                                     \
    const fire_kernel FIRE_ISA_NAME(fire_kernel_native_##symbol) = {                      \
        .name = "native." FIRE_ISA_TEXT "." #symbol, .op = op_name, .isa = FIRE_ISA_LEVEL, .decline = declines, .run = symbol##_run};
KERNEL(equal, "Equal", 0, decline)
KERNEL(greater, "Greater", 0, decline)
KERNEL(greater_or_equal, "GreaterOrEqual", 0, decline)
KERNEL(less, "Less", 0, decline)
KERNEL(less_or_equal, "LessOrEqual", 0, decline)
KERNEL(where, "Where", 1, where_decline)
KERNEL(clip, "Clip", 0, decline)
