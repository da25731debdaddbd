/* small.h - numbers of 8 bits and less that no kernel computes with: one table of their formats, their values and back.
**
** Their bits lie in a byte each, the low ones; what is above them does not count. Formats are those of the OCP specifications (8-bit floating
** point, microscaling) and, where nothing but not-a-number is special (FNUZ), of arxiv.org/abs/2206.02915.
*/
#ifndef FIRE_SMALL_H
#define FIRE_SMALL_H
#include "context.h"

typedef enum fire_special {
    FIRE_SMALL_WHOLE,    /* a whole number */
    FIRE_SMALL_SIGNED,   /* one with a sign, two's complement */
    FIRE_SMALL_IEEE,     /* the largest exponent: infinities and not-a-number */
    FIRE_SMALL_ONE_NAN,  /* all ones: not-a-number; no infinities (FN) */
    FIRE_SMALL_NO_MINUS, /* minus zero: not-a-number; no infinities (FNUZ) */
    FIRE_SMALL_FINITE,   /* neither */
    FIRE_SMALL_POWER,    /* powers of two without sign or zero; all ones: not-a-number */
} fire_special;

typedef struct fire_small { fire_type type; fire_special special; int8_t bits, exponent, mantissa; int16_t bias; } fire_small;

/* fire_small_find - the format of a type, or NULL. */
const fire_small *fire_small_find(fire_type type);
double fire_small_get(const fire_small *f, uint8_t bits);

typedef enum fire_round { FIRE_ROUND_NEAREST, FIRE_ROUND_UP, FIRE_ROUND_DOWN } fire_round;
/* fire_small_put - the bits of v rounded: to the nearest, ties to even bits; `round` is for powers of two. Floats that are too large become
** the largest number (saturate), else infinity, or not-a-number where there is none. Whole numbers are cut towards 0 and wrap. */
uint8_t fire_small_put(const fire_small *f, double v, bool saturate, fire_round round);
#endif
