/* dropout.c - RowDropout: a row's Philox numbers for many blocks of four units at once; see dropout.h for what is drawn. */
#include "dropout.h"
#include "kernel.h"
#include "vector.h"

enum { BLOCKS = 32 }; /* of four units, drawn side by side */

/* Philox4x32-10 for counters (id, first + b), b in [0, BLOCKS), which gives units 4 (first + b) on. The rounds are rng.c's, the loop over b
** is what the compiler turns into vectors. */
static void draw(fire_key key, uint64_t id, uint64_t first, uint32_t out[4 * BLOCKS]) {
    uint32_t c0[BLOCKS], c1[BLOCKS], c2[BLOCKS], c3[BLOCKS];
    for (int b = 0; b < BLOCKS; b++) {
        c0[b] = (uint32_t)id, c1[b] = (uint32_t)(id >> 32);
        c2[b] = (uint32_t)(first + (uint64_t)b), c3[b] = (uint32_t)((first + (uint64_t)b) >> 32);
    }
    uint32_t k0 = key.k[0], k1 = key.k[1];
    for (int round = 0; round < 10; round++) {
        for (int b = 0; b < BLOCKS; b++) {
            uint64_t p = (uint64_t)c0[b] * 0xD2511F53u, q = (uint64_t)c2[b] * 0xCD9E8D57u;
            uint32_t x1 = c1[b], x3 = c3[b];
            c0[b] = (uint32_t)(q >> 32) ^ x1 ^ k0;
            c1[b] = (uint32_t)q;
            c2[b] = (uint32_t)(p >> 32) ^ x3 ^ k1;
            c3[b] = (uint32_t)p;
        }
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    for (int b = 0; b < BLOCKS; b++) out[4 * b] = c0[b], out[4 * b + 1] = c1[b], out[4 * b + 2] = c2[b], out[4 * b + 3] = c3[b];
}

#define BODY "dropout_body.h"
#include "both.h"

static const char *decline(fire_context *ctx, const fire_call *call) {
    fire_type t = call->in[0].type;
    return t == FIRE_F32 || t == FIRE_F64 ? NULL : "the type is not a float";
}
static void run(const fire_call *call) {
    if (call->in[0].type == FIRE_F32) dropout_f32(call);
    else dropout_f64(call);
}
const fire_kernel FIRE_ISA_NAME(fire_kernel_native_row_dropout) = {
    .name = "native." FIRE_ISA_TEXT ".row_dropout", .op = "RowDropout", .isa = FIRE_ISA_LEVEL, .decline = decline, .run = run,
};
