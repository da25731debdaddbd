/* rng.c - Philox4x32-10 and the keys of its streams. */
#include "rng.h"

/* A bijection of 64 bits that spreads every input bit over the output (the finalizer of splitmix64: Steele, Lea, Flood,
** "Fast splittable pseudorandom number generators", OOPSLA 2014), so that neighbouring seeds and streams get unrelated keys. */
static uint64_t spread(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

fire_key fire_key_make(uint64_t seed, fire_stream stream) {
    uint64_t k = spread(seed + 0x9e3779b97f4a7c15u * (uint64_t)stream);
    return (fire_key){{(uint32_t)k, (uint32_t)(k >> 32)}};
}

void fire_philox(fire_key key, const uint32_t counter[4], uint32_t out[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key.k[0], k1 = key.k[1];
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)c0 * 0xd2511f53u, b = (uint64_t)c2 * 0xcd9e8d57u;
        uint32_t n0 = (uint32_t)(b >> 32) ^ c1 ^ k0, n2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)b;
        c3 = (uint32_t)a;
        c0 = n0;
        c2 = n2;
        k0 += 0x9e3779b9u; /* the Weyl sequences of the paper's key schedule */
        k1 += 0xbb67ae85u;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

uint64_t fire_draw(fire_key key, uint64_t a, uint64_t b) {
    uint32_t counter[4] = {(uint32_t)a, (uint32_t)(a >> 32), (uint32_t)b, (uint32_t)(b >> 32)}, out[4];
    fire_philox(key, counter, out);
    return (uint64_t)out[1] << 32 | out[0];
}
