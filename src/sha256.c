/* sha256.c - SHA-256 after FIPS 180-4, HMAC after RFC 2104. */
#include "sha256.h"
#include <string.h>

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2). */
static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void compress(uint32_t h[8], const uint8_t *p) {
    uint32_t w[64];
    for (int t = 0; t < 16; t++)
        w[t] = (uint32_t)p[4 * t] << 24 | (uint32_t)p[4 * t + 1] << 16 | (uint32_t)p[4 * t + 2] << 8 | p[4 * t + 3];
    for (int t = 16; t < 64; t++) {
        uint32_t s0 = rotate(w[t - 15], 7) ^ rotate(w[t - 15], 18) ^ w[t - 15] >> 3;
        uint32_t s1 = rotate(w[t - 2], 17) ^ rotate(w[t - 2], 19) ^ w[t - 2] >> 10;
        w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    /* Instead of moving eight variables along, the eight names move: a round each, then all again. */
    uint32_t v[8];
    memcpy(v, h, sizeof v);
#define ROUND(a, b, c, d, e, f, g, i, t) do { \
        uint32_t t1 = v[i] + (rotate(v[e], 6) ^ rotate(v[e], 11) ^ rotate(v[e], 25)) + (v[g] ^ (v[e] & (v[f] ^ v[g]))) + K[t] + w[t]; \
        v[d] += t1; \
        v[i] = t1 + (rotate(v[a], 2) ^ rotate(v[a], 13) ^ rotate(v[a], 22)) + ((v[a] & v[b]) | (v[c] & (v[a] | v[b]))); \
    } while (0)
    for (int t = 0; t < 64; t += 8) {
        ROUND(0, 1, 2, 3, 4, 5, 6, 7, t);
        ROUND(7, 0, 1, 2, 3, 4, 5, 6, t + 1);
        ROUND(6, 7, 0, 1, 2, 3, 4, 5, t + 2);
        ROUND(5, 6, 7, 0, 1, 2, 3, 4, t + 3);
        ROUND(4, 5, 6, 7, 0, 1, 2, 3, t + 4);
        ROUND(3, 4, 5, 6, 7, 0, 1, 2, t + 5);
        ROUND(2, 3, 4, 5, 6, 7, 0, 1, t + 6);
        ROUND(1, 2, 3, 4, 5, 6, 7, 0, t + 7);
    }
#undef ROUND
    for (int i = 0; i < 8; i++) h[i] += v[i];
}

#if defined __x86_64__
#include <cpuid.h>
#include <immintrin.h>

/* The same by the processor's instructions: two registers hold a b e f and c d g h, each step of four rounds takes four words, and makes the four that
** are wanted sixteen rounds later (Intel 64 manual, SHA256RNDS2, SHA256MSG1, SHA256MSG2). */
__attribute__((target("sha,sse4.1"))) static void compress_many(uint32_t h[8], const uint8_t *p, size_t blocks) {
    const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)h), 0xb1), high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(h + 4)), 0x1b);
    __m128i abef = _mm_alignr_epi8(low, high, 8), cdgh = _mm_blend_epi16(high, low, 0xf0), w[4];
    for (; blocks--; p += 64) {
        const __m128i first = abef, second = cdgh;
        for (int i = 0; i < 4; i++) w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)p + i), order);
        for (int i = 0; i < 16; i++) {
            __m128i m = _mm_add_epi32(w[i & 3], _mm_loadu_si128((const __m128i *)K + i));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, m);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(m, 0x0e));
            m = _mm_add_epi32(_mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]), _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4));
            w[i & 3] = _mm_sha256msg2_epu32(m, w[(i + 3) & 3]);
        }
        abef = _mm_add_epi32(abef, first);
        cdgh = _mm_add_epi32(cdgh, second);
    }
    low = _mm_shuffle_epi32(abef, 0x1b), high = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)h, _mm_blend_epi16(low, high, 0xf0));
    _mm_storeu_si128((__m128i *)(h + 4), _mm_alignr_epi8(high, low, 8));
}

static int has_instructions(void) {
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1) && __get_cpuid(1, &a, &b, &c, &d) && (c >> 19 & 1);
}
#endif

static void compress_all(uint32_t h[8], const uint8_t *p, size_t blocks) {
#if defined __x86_64__
    if (blocks >= 16 && has_instructions()) { compress_many(h, p, blocks); return; } /* asking takes about as long as some blocks */
#endif
    for (; blocks--; p += 64) compress(h, p);
}

void fire_sha256_init(fire_sha256 *s) {
    static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memset(s, 0, sizeof *s);
    memcpy(s->h, first, sizeof first);
}

void fire_sha256_add(fire_sha256 *s, const void *data, size_t size) {
    const uint8_t *p = data;
    if (!size) return;
    size_t held = s->bytes % 64;
    s->bytes += size;
    if (held) {
        size_t take = size < 64 - held ? size : 64 - held;
        if (take) memcpy(s->block + held, p, take);
        p += take, size -= take;
        if (held + take < 64) return;
        compress(s->h, s->block);
    }
    compress_all(s->h, p, size / 64);
    p += size / 64 * 64, size %= 64;
    if (size) memcpy(s->block, p, size);
}

void fire_sha256_end(fire_sha256 *s, uint8_t out[32]) {
    /* A one bit, zeros to 56 modulo 64, the length in bits. */
    static const uint8_t pad[64] = {0x80};
    uint64_t bits = s->bytes * 8;
    uint8_t length[8];
    for (int i = 0; i < 8; i++) length[i] = (uint8_t)(bits >> (56 - 8 * i));
    fire_sha256_add(s, pad, 1 + (119 - s->bytes % 64) % 64);
    fire_sha256_add(s, length, 8);
    for (int i = 0; i < 32; i++) out[i] = (uint8_t)(s->h[i / 4] >> (24 - 8 * (i % 4)));
}

void fire_hmac_sha256(const uint8_t *key, size_t key_size, const void *data, size_t size, uint8_t out[32]) {
    uint8_t block[64] = {0}, inner[64], outer[64], digest[32];
    fire_sha256 s;
    if (key_size > 64) { /* long keys are hashed first */
        fire_sha256_init(&s);
        fire_sha256_add(&s, key, key_size);
        fire_sha256_end(&s, block);
    } else if (key_size) {
        memcpy(block, key, key_size);
    }
    for (int i = 0; i < 64; i++) inner[i] = block[i] ^ 0x36, outer[i] = block[i] ^ 0x5c;
    fire_sha256_init(&s);
    fire_sha256_add(&s, inner, 64);
    fire_sha256_add(&s, data, size);
    fire_sha256_end(&s, digest);
    fire_sha256_init(&s);
    fire_sha256_add(&s, outer, 64);
    fire_sha256_add(&s, digest, 32);
    fire_sha256_end(&s, out);
}

int fire_equal(const void *a, const void *b, size_t size) {
    const volatile uint8_t *p = a, *q = b;
    uint8_t differs = 0;
    for (size_t i = 0; i < size; i++) differs |= (uint8_t)(p[i] ^ q[i]);
    return !differs;
}
