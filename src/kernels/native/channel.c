/* channel.c - ChannelMoments, ChannelAffine, ChannelAffineGrad, ChannelBlend: what batch normalization is made of, each in one pass over memory.
** x is seen as rows of c numbers. Sums are made in blocks of BLOCK rows, which stay in the cache while their moments are taken; blocks are joined
** by their means.
*/
#include "kernel.h"
#include "vector.h"

enum { BLOCK = 64 };

#define BODY "channel_body.h"
#include "both.h"

static const char *decline(fire_context *ctx, const fire_call *call) {
    fire_type t = call->in[0].type;
    if (t != FIRE_F32 && t != FIRE_F64) return "the type is not a float";
    return fire_count(&call->in[0].shape) == 0 ? "there are no numbers" : NULL;
}
static const void *given(const fire_call *call, int i) { return i < call->n_in && call->in[i].type ? call->in[i].data : NULL; }

#define KERNEL(symbol, op_name)                                                                                                   \
    static void symbol##_run(const fire_call *call) {                                                                             \
        int64_t c = call->in[0].shape.dim[call->in[0].shape.rank - 1], rows = fire_count(&call->in[0].shape) / c;                 \
        if (call->in[0].type == FIRE_F32) symbol##_f32(call, rows, c, given(call, 2), given(call, 3), given(call, 4), given(call, 5)); \
        else symbol##_f64(call, rows, c, given(call, 2), given(call, 3), given(call, 4), given(call, 5));                         \
    }                                                                                                                             \
    const fire_kernel FIRE_ISA_NAME(fire_kernel_native_##symbol) = {                                                              \
        .name = "native." FIRE_ISA_TEXT "." #symbol, .op = op_name, .isa = FIRE_ISA_LEVEL, .decline = decline, .run = symbol##_run};
KERNEL(channel_moments, "ChannelMoments")
KERNEL(channel_affine, "ChannelAffine")
KERNEL(channel_affine_grad, "ChannelAffineGrad")
KERNEL(channel_blend, "ChannelBlend")
