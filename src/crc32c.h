/* crc32c.h - CRC-32C (Castagnoli), which TFRecord, TensorBoard's event files and TensorFlow's checkpoints carry. */
#ifndef FIRE_CRC32C_H
#define FIRE_CRC32C_H
#include <stddef.h>
#include <stdint.h>

/* fire_crc32c - of `bytes` after data whose CRC is `crc` (0: nothing before). By the CPU's instruction where it has one. */
uint32_t fire_crc32c(uint32_t crc, const void *bytes, size_t size);
/* fire_crc32c_table - the same, by a table on any CPU. */
uint32_t fire_crc32c_table(uint32_t crc, const void *bytes, size_t size);

/* fire_crc32c_mask - as it is stored: a CRC of data that hold a CRC would be weak (tensorflow/core/lib/hash/crc32c.h names the constant). */
static inline uint32_t fire_crc32c_mask(uint32_t crc) { return (crc >> 15 | crc << 17) + 0xa282ead8u; }
static inline uint32_t fire_crc32c_unmask(uint32_t masked) {
    uint32_t r = masked - 0xa282ead8u;
    return r >> 17 | r << 15;
}
#endif
