/* hash.h - hashes of short texts that give the same bins as Keras' Hashing: FarmHash's 64-bit fingerprint, and SipHash-2-4 with a key. */
#ifndef FIRE_HASH_H
#define FIRE_HASH_H
#include <stddef.h>
#include <stdint.h>

/* fire_fingerprint - of FarmHash (Pike, 2014): for texts of any length. */
uint64_t fire_fingerprint(const char *text, size_t length);
/* fire_siphash - Aumasson, Bernstein, "SipHash: a fast short-input PRF", 2012. */
uint64_t fire_siphash(const uint64_t key[2], const char *text, size_t length);
#endif
