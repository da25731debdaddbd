/* product.c - matrix product, float32 and float64, with operands in any order. See product.h for what it promises. */
#include "product.h"
#include "vector.h"

/* A square block of vectors transposed in registers: at stage s, blocks of s by s elements change places across the diagonal. */
#define LOW(l, s, n) ((l) & (s) ? (n) + (l) - (s) : (l))
#define HIGH(l, s, n) ((l) & (s) ? (n) + (l) : (l) + (s))
#define LIST2(f, s, n, at) f(at, s, n), f(at + 1, s, n)
#define LIST4(f, s, n, at) LIST2(f, s, n, at), LIST2(f, s, n, at + 2)
#define LIST8(f, s, n, at) LIST4(f, s, n, at), LIST4(f, s, n, at + 4)
#define LIST16(f, s, n, at) LIST8(f, s, n, at), LIST8(f, s, n, at + 8)
#define STAGE(s, n, VEC, LIST)                                                                \
    UNROLL for (int i = 0; i < n; i++)                                                        \
        if (!(i & s)) {                                                                       \
            VEC low = __builtin_shufflevector(v[i], v[i + s], LIST(LOW, s, n, 0));            \
            v[i + s] = __builtin_shufflevector(v[i], v[i + s], LIST(HIGH, s, n, 0));          \
            v[i] = low;                                                                       \
        }
#define TRANSPOSE(name, n, REAL, VEC, stages)                                                 \
    static inline void name(const REAL *from, int64_t from_row, REAL *to, int64_t to_row) {   \
        VEC v[n];                                                                             \
        UNROLL for (int i = 0; i < n; i++) v[i] = *(const VEC *)(from + i * from_row);        \
        stages                                                                                \
        UNROLL for (int i = 0; i < n; i++) *(VEC *)(to + i * to_row) = v[i];                  \
    }
#if FIRE_ISA_LEVEL == 3
TRANSPOSE(transpose_f32, 16, float, fire_vf, STAGE(1, 16, fire_vf, LIST16) STAGE(2, 16, fire_vf, LIST16) STAGE(4, 16, fire_vf, LIST16) STAGE(8, 16, fire_vf, LIST16))
TRANSPOSE(transpose_f64, 8, double, fire_vd, STAGE(1, 8, fire_vd, LIST8) STAGE(2, 8, fire_vd, LIST8) STAGE(4, 8, fire_vd, LIST8))
#elif FIRE_ISA_LEVEL == 2
TRANSPOSE(transpose_f32, 8, float, fire_vf, STAGE(1, 8, fire_vf, LIST8) STAGE(2, 8, fire_vf, LIST8) STAGE(4, 8, fire_vf, LIST8))
TRANSPOSE(transpose_f64, 4, double, fire_vd, STAGE(1, 4, fire_vd, LIST4) STAGE(2, 4, fire_vd, LIST4))
#else
TRANSPOSE(transpose_f32, 4, float, fire_vf, STAGE(1, 4, fire_vf, LIST4) STAGE(2, 4, fire_vf, LIST4))
TRANSPOSE(transpose_f64, 2, double, fire_vd, STAGE(1, 2, fire_vd, LIST2))
#endif

/* Tiles by number of vector registers: 32 with AVX-512, 16 before. A tile holds rows * vectors sums, the vectors of b, and one number of a. */
#if FIRE_ISA_LEVEL == 3
#define NV 4
#define FEW_NV 8
#define FEW_ROWS 3
#define MAX_MR 12
#define EDGE_ROWS 24
#define COLUMNS                                                                                                          \
    COLUMN(few, TILE(3, FEW_NV) TILE(2, FEW_NV) TILE(1, FEW_NV))                                                         \
    COLUMN(wide, TILE(6, NV) TILE(5, NV) TILE(4, NV) TILE(3, NV) TILE(2, NV) TILE(1, NV))                                \
    COLUMN(two, TILE(8, 2) TILE(4, 2) TILE(2, 2) TILE(1, 2))                                                             \
    COLUMN(one, TILE(12, 1) TILE(8, 1) TILE(4, 1) TILE(2, 1) TILE(1, 1))
#else
#define NV 2
#define FEW_NV 4
#define FEW_ROWS 2
#define MAX_MR 6
#define EDGE_ROWS 24
#define COLUMNS                                                                                                          \
    COLUMN(few, TILE(2, FEW_NV) TILE(1, FEW_NV))                                                                         \
    COLUMN(wide, TILE(6, NV) TILE(5, NV) TILE(4, NV) TILE(3, NV) TILE(2, NV) TILE(1, NV))                                \
    COLUMN(one, TILE(6, 1) TILE(4, 1) TILE(2, 1) TILE(1, 1))
#define two_f32 wide_f32
#define two_f64 wide_f64
#endif
#define MAX_NV FEW_NV
#define MAX_WIDE_ROWS 6 /* of the tiles NV wide */

/* Measured on Sapphire Rapids with the shapes of small networks, caches cold as they are inside a training step. b is packed from some
** rows on: rows of it that lie a multiple of 1 KB apart share a few sets of the first-level cache. A transposed a is packed when its rows
** take more pages than the first-level TLB knows, and is read often enough. */
#define KC 128
#define A_BYTES (192 * 1024)
#define PACK_A_FROM 256
#define PACK_B_FROM 64
#define ROUND_ROWS 24 /* whole tiles and whole edges */
_Static_assert(KC * MAX_NV * FIRE_VECTOR_BYTES + A_BYTES + KC * ROUND_ROWS * 8 <= FIRE_PRODUCT_SCRATCH, "scratch");

#define BODY "product_body.h"
#include "both.h"

int64_t FIRE_ISA_NAME(fire_product_packed)(int64_t k, int64_t n) { return k * (n + NV * FIRE_VECTOR_BYTES / 4); }
