/* vector.h - vectors of the width of the instruction set that a file is being compiled for, by the compilers' own extension: plain C
** operators act on all lanes. Loads and stores through these types need no alignment beyond an element's. */
#ifndef FIRE_VECTOR_H
#define FIRE_VECTOR_H
#include "kernel.h"
#include <math.h>
#include <stdint.h>
#include <string.h>
#if FIRE_ISA_LEVEL > 1
#include <immintrin.h>
#endif

#if FIRE_ISA_LEVEL == 3
#define FIRE_VECTOR_BYTES 64
#elif FIRE_ISA_LEVEL == 2
#define FIRE_VECTOR_BYTES 32
#else
#define FIRE_VECTOR_BYTES 16
#endif
typedef float fire_vf __attribute__((vector_size(FIRE_VECTOR_BYTES), aligned(4), may_alias));
typedef int32_t fire_vi __attribute__((vector_size(FIRE_VECTOR_BYTES), aligned(4), may_alias));
typedef uint32_t fire_vu __attribute__((vector_size(FIRE_VECTOR_BYTES), aligned(4), may_alias));
typedef double fire_vd __attribute__((vector_size(FIRE_VECTOR_BYTES), aligned(8), may_alias));
typedef int64_t fire_vl __attribute__((vector_size(FIRE_VECTOR_BYTES), aligned(8), may_alias));
typedef uint64_t fire_vw __attribute__((vector_size(FIRE_VECTOR_BYTES), aligned(8), may_alias));

/* Unroll a loop of constant length, so that arrays of vectors become registers. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
/* A loop that may be vectorised: element i of what it writes depends on elements i of what it reads alone, though both may lie in the same
** place. For formulas of one rounding, which are the same in vectors and in the last few elements. */
#ifdef __clang__ /* its pragma of this meaning warns wherever the loop stays as it is, as it does without optimisation */
#define EACH(i, n) for (int64_t i = 0; i < (n); i++)
#else
#define EACH(i, n) _Pragma("GCC ivdep") for (int64_t i = 0; i < (n); i++)
#endif
#define INLINE static inline __attribute__((always_inline, unused))

#define BODY "vector_math.h" /* functions of all lanes: fire_exp_vf, fire_exp_vd ... */
#include "both.h"
#undef BODY
#endif
