/* npy.h - NumPy's array files: numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1 to 3. */
#ifndef FIRE_NPY_H
#define FIRE_NPY_H
#include "wire.h"

#define FIRE_NPY_HEAD 12         /* bytes that tell how long the header is */
#define FIRE_NPY_MOST_HEADER 65536

typedef struct fire_npy {
    fire_type type;       /* FIRE_BF16: elements of two bytes without a meaning (as ml_dtypes writes bfloat16), FIRE_NO_TYPE: of one byte (float8 ...) */
    fire_shape shape;
    size_t element;       /* bytes of one */
    int64_t bytes;        /* of all numbers; they begin at `header` */
    size_t header;
    bool swap, fortran;   /* the bytes of numbers are big-endian; the first index changes fastest */
} fire_npy;

bool fire_npy_is(const void *bytes, size_t size); /* by its first 6 bytes */
/* fire_npy_header - how many bytes the header takes in all, from its first FIRE_NPY_HEAD. */
fire_status fire_npy_header(const uint8_t head[FIRE_NPY_HEAD], size_t *size, fire_error *err);
/* fire_npy_read - read a header of that size. Sizes are checked, whether the numbers are there is not: at most FIRE_MAX_RANK dimensions, bytes fits. */
fire_status fire_npy_read(const uint8_t *header, size_t size, fire_npy *out, fire_error *err);
/* fire_npy_copy - the numbers at `from`, which follow the header, densely, row-major and in this machine's order into to[f->bytes]. */
void fire_npy_copy(const fire_npy *f, const void *from, void *to);
/* fire_npy_write - the header for numbers that follow it, a multiple of 64 bytes long. */
void fire_npy_write(fire_buffer *b, fire_type type, const fire_shape *shape);
/* fire_swap_bytes - turn each of n elements round. */
void fire_swap_bytes(void *data, int64_t n, size_t element);
#endif
