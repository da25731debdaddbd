/* hash.c - see hash.h. */
#include "hash.h"
#include <string.h>

static uint64_t read64(const char *p) { uint64_t v; memcpy(&v, p, 8); return v; }
static uint32_t read32(const char *p) { uint32_t v; memcpy(&v, p, 4); return v; }
static uint64_t right(uint64_t v, int n) { return v >> n | v << (64 - n); }

/* ---- fingerprint ---- */

#define K0 0xc3a5c85c97cb3127u
#define K1 0xb492b66fbe98f273u
#define K2 0x9ae16a3b2f90404fu

static uint64_t mix(uint64_t v) { return v ^ v >> 47; }
static uint64_t join(uint64_t u, uint64_t v, uint64_t mul) { return mix((v ^ mix((u ^ v) * mul)) * mul) * mul; }

static uint64_t up_to_16(const char *s, size_t n) {
    uint64_t mul = K2 + n * 2;
    if (n >= 8) {
        uint64_t a = read64(s) + K2, b = read64(s + n - 8);
        return join(right(b, 37) * mul + a, (right(a, 25) + b) * mul, mul);
    }
    if (n >= 4) return join(n + ((uint64_t)read32(s) << 3), read32(s + n - 4), mul);
    if (n == 0) return K2;
    uint32_t y = (uint8_t)s[0] + ((uint32_t)(uint8_t)s[n >> 1] << 8), z = (uint32_t)n + ((uint32_t)(uint8_t)s[n - 1] << 2);
    return mix(y * K2 ^ z * K0) * K2;
}

static uint64_t up_to_32(const char *s, size_t n) {
    uint64_t mul = K2 + n * 2, a = read64(s) * K1, b = read64(s + 8), c = read64(s + n - 8) * mul, d = read64(s + n - 16) * K2;
    return join(right(a + b, 43) + right(c, 30) + d, a + right(b + K2, 18) + c, mul);
}

static uint64_t up_to_64(const char *s, size_t n) {
    uint64_t mul = K2 + n * 2, a = read64(s) * K2, b = read64(s + 8), c = read64(s + n - 8) * mul, d = read64(s + n - 16) * K2;
    uint64_t y = right(a + b, 43) + right(c, 30) + d, z = join(y, a + right(b + K2, 18) + c, mul);
    uint64_t e = read64(s + 16) * mul, f = read64(s + 24), g = (y + read64(s + n - 32)) * mul, h = (z + read64(s + n - 24)) * mul;
    return join(right(e + f, 43) + right(g, 30) + h, e + right(f + a, 18) + g, mul);
}

/* 32 bytes and two seeds as two numbers. */
static void weak(const char *s, uint64_t a, uint64_t b, uint64_t out[2]) {
    uint64_t w = read64(s), x = read64(s + 8), y = read64(s + 16), z = read64(s + 24), c;
    a += w;
    b = right(b + a + z, 21);
    c = a;
    a += x + y;
    b += right(a, 44);
    out[0] = a + z, out[1] = b + c;
}

uint64_t fire_fingerprint(const char *s, size_t n) {
    if (n <= 16) return up_to_16(s, n);
    if (n <= 32) return up_to_32(s, n);
    if (n <= 64) return up_to_64(s, n);
    uint64_t x = 81, y = 81 * K1 + 113, z = mix(y * K2 + 113) * K2, v[2] = {0}, w[2] = {0}, t;
    x = x * K2 + read64(s);
    const char *end = s + (n - 1) / 64 * 64, *last = s + n - 64;
    do {
        x = right(x + y + v[0] + read64(s + 8), 37) * K1;
        y = right(y + v[1] + read64(s + 48), 42) * K1;
        x ^= w[1];
        y += v[0] + read64(s + 40);
        z = right(z + w[0], 33) * K1;
        weak(s, v[1] * K1, x + w[0], v);
        weak(s + 32, z + w[1], y + read64(s + 16), w);
        t = z, z = x, x = t;
        s += 64;
    } while (s != end);
    uint64_t mul = K1 + ((z & 0xff) << 1);
    s = last;
    w[0] += (n - 1) & 63;
    v[0] += w[0];
    w[0] += v[0];
    x = right(x + y + v[0] + read64(s + 8), 37) * mul;
    y = right(y + v[1] + read64(s + 48), 42) * mul;
    x ^= w[1] * 9;
    y += v[0] * 9 + read64(s + 40);
    z = right(z + w[0], 33) * mul;
    weak(s, v[1] * mul, x + w[0], v);
    weak(s + 32, z + w[1], y + read64(s + 16), w);
    t = z, z = x, x = t;
    return join(join(v[0], w[0], mul) + mix(y) * K0 + z, join(v[1], w[1], mul) + x, mul);
}

/* ---- SipHash-2-4 ---- */

static void rounds(uint64_t v[4], int n) {
    for (; n; n--) {
        v[0] += v[1], v[1] = right(v[1], 51) ^ v[0], v[0] = right(v[0], 32);
        v[2] += v[3], v[3] = right(v[3], 48) ^ v[2];
        v[0] += v[3], v[3] = right(v[3], 43) ^ v[0];
        v[2] += v[1], v[1] = right(v[1], 47) ^ v[2], v[2] = right(v[2], 32);
    }
}

uint64_t fire_siphash(const uint64_t key[2], const char *s, size_t n) {
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du, key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u};
    uint64_t last = (uint64_t)n << 56;
    for (; n >= 8; s += 8, n -= 8) {
        uint64_t m = read64(s);
        v[3] ^= m, rounds(v, 2), v[0] ^= m;
    }
    for (size_t i = 0; i < n; i++) last |= (uint64_t)(uint8_t)s[i] << (8 * i);
    v[3] ^= last, rounds(v, 2), v[0] ^= last;
    v[2] ^= 0xff, rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
