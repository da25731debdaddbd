/* dropout.h - which units a dropout keeps: the same whatever the batch, the order, the threads or the workers.
**
** Unit u of the row with a given id is decided by number u % 4 of Philox for the counter (id, u / 4), under a key made of seed, epoch and
** layer. It is kept when its 24-bit uniform number is at least `rate`.
*/
#ifndef FIRE_DROPOUT_H
#define FIRE_DROPOUT_H
#include "rng.h"

static inline fire_key fire_dropout_key(uint64_t seed, uint64_t epoch, uint64_t layer) {
    return fire_key_make(fire_draw(fire_key_make(seed, FIRE_STREAM_DROPOUT), epoch, layer), FIRE_STREAM_DROPOUT);
}

/* Four numbers, for units 4 * block to 4 * block + 3. */
static inline void fire_dropout_draw(fire_key key, uint64_t row_id, uint64_t block, uint32_t out[4]) {
    uint32_t counter[4] = {(uint32_t)row_id, (uint32_t)(row_id >> 32), (uint32_t)block, (uint32_t)(block >> 32)};
    fire_philox(key, counter, out);
}
#endif
