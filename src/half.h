/* half.h - float16 and bfloat16 from and to double, rounded to nearest even. */
#ifndef FIRE_HALF_H
#define FIRE_HALF_H
#include <math.h>
#include <stdint.h>
#include <string.h>

static inline double fire_half_get(uint16_t h) {
    int e = h >> 10 & 31, m = h & 1023;
    double v = e == 31 ? (m ? (double)NAN : (double)INFINITY) : e ? (double)(1024 + m) * (double)(1u << e) * 0x1p-25 : (double)m * 0x1p-24;
    return h & 0x8000 ? -v : v;
}

static inline uint16_t fire_half_put(double v) {
    uint64_t b;
    memcpy(&b, &v, 8);
    const uint16_t sign = (uint16_t)(b >> 48 & 0x8000);
    const int e = (int)(b >> 52 & 0x7ff) - 1023 + 15; /* biased as in float16 */
    const uint64_t m = b & (((uint64_t)1 << 52) - 1);
    if (v != v) return sign | 0x7e00;
    if (e >= 31) return sign | 0x7c00;
    const int shift = e > 0 ? 42 : 43 - e; /* bits that are lost */
    if (shift > 54) return sign;
    const uint64_t full = m | (uint64_t)1 << 52, rest = full & (((uint64_t)1 << shift) - 1), tie = (uint64_t)1 << (shift - 1);
    uint64_t r = full >> shift;
    r += rest > tie || (rest == tie && (r & 1));
    return (uint16_t)(sign | (uint16_t)((e > 0 ? (uint64_t)(e - 1) << 10 : 0) + r)); /* a carry moves the exponent on */
}

static inline double fire_brain_get(uint16_t h) {
    uint32_t b = (uint32_t)h << 16;
    float f;
    memcpy(&f, &b, 4);
    return (double)f;
}

static inline uint16_t fire_brain_put(double v) {
    float f = (float)v;
    uint32_t b;
    memcpy(&b, &f, 4);
    if (v != v) return (uint16_t)(b >> 16 | 0x40);
    return (uint16_t)((b + 0x7fff + (b >> 16 & 1)) >> 16);
}

/* The same of float32, for loops over many: no branches. */
static inline float fire_brain_float(uint16_t h) {
    uint32_t b = (uint32_t)h << 16;
    float f;
    memcpy(&f, &b, 4);
    return f;
}

static inline uint16_t fire_brain_of(float f) {
    uint32_t b;
    memcpy(&b, &f, 4);
    const uint32_t rounded = (b + 0x7fff + (b >> 16 & 1)) >> 16, nan = b >> 16 | 0x40;
    return (uint16_t)((b & 0x7fffffff) > 0x7f800000 ? nan : rounded);
}
#endif
