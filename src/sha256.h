/* sha256.h - SHA-256 (FIPS 180-4) and HMAC (RFC 2104): hashes of model graphs and checkpoint parts, and the proof that a peer knows
** the job's secret. */
#ifndef FIRE_SHA256_H
#define FIRE_SHA256_H
#include <stddef.h>
#include <stdint.h>

typedef struct fire_sha256 { uint32_t h[8]; uint64_t bytes; uint8_t block[64]; } fire_sha256;
void fire_sha256_init(fire_sha256 *s);
void fire_sha256_add(fire_sha256 *s, const void *data, size_t size);
void fire_sha256_end(fire_sha256 *s, uint8_t out[32]);
void fire_hmac_sha256(const uint8_t *key, size_t key_size, const void *data, size_t size, uint8_t out[32]);
/* fire_equal - compare in time that does not depend on the contents. */
int fire_equal(const void *a, const void *b, size_t size);
#endif
