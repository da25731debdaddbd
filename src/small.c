/* small.c - the formats of small.h. */
#include "small.h"
#include <math.h>

static const fire_small formats[] = {
    {FIRE_F8_E4M3FN, FIRE_SMALL_ONE_NAN, 8, 4, 3, 7}, {FIRE_F8_E4M3FNUZ, FIRE_SMALL_NO_MINUS, 8, 4, 3, 8},
    {FIRE_F8_E5M2, FIRE_SMALL_IEEE, 8, 5, 2, 15},     {FIRE_F8_E5M2FNUZ, FIRE_SMALL_NO_MINUS, 8, 5, 2, 16},
    {FIRE_U4, FIRE_SMALL_WHOLE, 4, 0, 0, 0},          {FIRE_I4, FIRE_SMALL_SIGNED, 4, 0, 0, 0},
    {FIRE_F4_E2M1, FIRE_SMALL_FINITE, 4, 2, 1, 1},    {FIRE_F8_E8M0, FIRE_SMALL_POWER, 8, 8, 0, 127},
    {FIRE_U2, FIRE_SMALL_WHOLE, 2, 0, 0, 0},          {FIRE_I2, FIRE_SMALL_SIGNED, 2, 0, 0, 0},
    {FIRE_F6_E2M3, FIRE_SMALL_FINITE, 6, 2, 3, 1},    {FIRE_F6_E3M2, FIRE_SMALL_FINITE, 6, 3, 2, 3},
};

const fire_small *fire_small_find(fire_type type) {
    return type >= FIRE_F8_E4M3FN && type <= FIRE_F6_E3M2 ? &formats[type - FIRE_F8_E4M3FN] : NULL;
}

/* The value of bits without a sign, as if nothing were special. It rises with them. */
static double plain(const fire_small *f, int bits) {
    const int e = bits >> f->mantissa, m = bits & ((1 << f->mantissa) - 1);
    return e ? ldexp((1 << f->mantissa) + m, e - f->bias - f->mantissa) : ldexp(m, 1 - f->bias - f->mantissa);
}

/* Bits of the largest number. */
static int largest(const fire_small *f) {
    const int ones = (1 << (f->exponent + f->mantissa)) - 1;
    return f->special == FIRE_SMALL_IEEE ? ones - (1 << f->mantissa) : f->special == FIRE_SMALL_ONE_NAN ? ones - 1 : ones;
}

double fire_small_get(const fire_small *f, uint8_t byte) {
    const int bits = byte & ((1 << f->bits) - 1), sign = 1 << (f->bits - 1), rest = bits & (sign - 1);
    switch (f->special) {
    case FIRE_SMALL_WHOLE: return bits;
    case FIRE_SMALL_SIGNED: return bits & sign ? bits - 2 * sign : bits;
    case FIRE_SMALL_POWER: return bits == 255 ? (double)NAN : ldexp(1, bits - f->bias);
    default: break;
    }
    if (f->special == FIRE_SMALL_NO_MINUS && bits == sign) return (double)NAN;
    double v = rest <= largest(f) ? plain(f, rest) : rest == largest(f) + 1 && f->special == FIRE_SMALL_IEEE ? (double)INFINITY : (double)NAN;
    return bits & sign ? -v : v;
}

/* 2^(e - 127). As in IEEE 754's float32, what lies below its smallest normal number has exponent 0. */
static uint8_t put_power(double v, bool saturate, fire_round round) {
    if (!(v >= 0) || isinf(v)) return 255;
    int e = 0;
    double m = frexp(v, &e) * 2; /* v = m * 2^(e - 1), 1 <= m < 2 */
    e += 126;
    if (v < 0x1p-126) e = 0, m = 1 + v * 0x1p126;
    e += round == FIRE_ROUND_UP ? m > 1 : round == FIRE_ROUND_NEAREST ? m > 1.5 || (m == 1.5 && e > 0) : 0;
    return (uint8_t)(e < 255 ? e : saturate ? 254 : 255);
}

uint8_t fire_small_put(const fire_small *f, double v, bool saturate, fire_round round) {
    const int sign = 1 << (f->bits - 1), top = f->exponent ? largest(f) : 0;
    if (f->special == FIRE_SMALL_WHOLE || f->special == FIRE_SMALL_SIGNED) return fabs(v) < 0x1p62 ? (uint8_t)((uint64_t)(int64_t)v & (uint64_t)(2 * sign - 1)) : 0;
    if (f->special == FIRE_SMALL_POWER) return put_power(v, saturate, round);
    const int minus = signbit(v) ? sign : 0;
    const int nan = f->special == FIRE_SMALL_NO_MINUS ? sign : f->special == FIRE_SMALL_FINITE ? minus ^ sign : minus | (top + 1 + (f->special == FIRE_SMALL_IEEE ? 1 << (f->mantissa - 1) : 0));
    if (isnan(v)) return (uint8_t)nan;
    v = fabs(v);
    int low = 0, high = top + 1; /* plain(low) <= v; above the largest number the steps go on, so that it rounds like the others */
    if (v >= plain(f, high)) low = high;
    while (high - low > 1) {
        const int middle = (low + high) / 2;
        if (plain(f, middle) <= v) low = middle;
        else high = middle;
    }
    if (low <= top) {
        const double down = v - plain(f, low), up = plain(f, low + 1) - v;
        low += up < down || (up == down && low & 1);
    }
    if (low > top) {
        if (saturate || f->special == FIRE_SMALL_FINITE) low = top;
        else return (uint8_t)(f->special == FIRE_SMALL_IEEE ? minus | (top + 1) : nan);
    }
    return (uint8_t)(f->special == FIRE_SMALL_NO_MINUS && !low ? 0 : minus | low);
}
