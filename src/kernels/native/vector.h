/* vector.h - vectors of the width of the instruction set that a file is being compiled for, by the compilers' own extension: plain C
** operators act on all lanes. Loads and stores through these types need no alignment. */
#ifndef FIRE_VECTOR_H
#define FIRE_VECTOR_H
#include <stdint.h>

#if FIRE_ISA_LEVEL == 3
#define FIRE_VECTOR_BYTES 64
#elif FIRE_ISA_LEVEL == 2
#define FIRE_VECTOR_BYTES 32
#else
#define FIRE_VECTOR_BYTES 16
#endif
typedef float fire_vf __attribute__((vector_size(FIRE_VECTOR_BYTES), aligned(4), may_alias));
typedef int32_t fire_vi __attribute__((vector_size(FIRE_VECTOR_BYTES), aligned(4), may_alias));
typedef double fire_vd __attribute__((vector_size(FIRE_VECTOR_BYTES), aligned(8), may_alias));
typedef int64_t fire_vl __attribute__((vector_size(FIRE_VECTOR_BYTES), aligned(8), may_alias));
#define FIRE_LANES_F (FIRE_VECTOR_BYTES / 4)
#define FIRE_LANES_D (FIRE_VECTOR_BYTES / 8)

/* Unroll a loop of constant length, so that arrays of vectors become registers. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#endif
