/* rng.h - counter-based random numbers: a draw depends on its key and counter alone, never on threads or order.
** Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011. */
#ifndef FIRE_RNG_H
#define FIRE_RNG_H
#include <stdint.h>

/* What a stream is for: part of the key, so that streams never overlap. */
typedef enum fire_stream { FIRE_STREAM_INIT = 1, FIRE_STREAM_SHUFFLE, FIRE_STREAM_DROPOUT, FIRE_STREAM_SPLIT, FIRE_STREAM_TEST } fire_stream;

typedef struct fire_key { uint32_t k[2]; } fire_key;

/* fire_key_make - the key of (seed, stream). */
fire_key fire_key_make(uint64_t seed, fire_stream stream);
/* fire_philox - four 32-bit numbers for a 128-bit counter. */
void fire_philox(fire_key key, const uint32_t counter[4], uint32_t out[4]);
/* fire_uniform - [0, 1) with 24 bits, from 32; fire_uniform53 - [0, 1) with 53 bits, from 64. */
static inline float fire_uniform(uint32_t x) { return (float)(x >> 8) * 0x1p-24f; }
static inline double fire_uniform53(uint64_t x) { return (double)(x >> 11) * 0x1p-53; }
/* fire_draw - 64 bits for the counter (a, b). */
uint64_t fire_draw(fire_key key, uint64_t a, uint64_t b);
#endif
