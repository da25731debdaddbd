/* both.h - include the file named by BODY twice, for float and for double. It sees REAL; VEC, a vector of LANES of them; MASK, whole
** numbers of the same width, INT, one of them, and BITS, the same without sign; T(name), which is name_f32 or name_f64; and V(name), the
** function of vector_math.h on VEC. */
#define T(x) FIRE_PASTE(x, TYPE_WORD)
#define V(x) FIRE_PASTE(FIRE_PASTE(fire, x), VEC_WORD)

#define REAL float
#define INT int32_t
#define VEC fire_vf
#define MASK fire_vi
#define BITS fire_vu
#define LANES ((int64_t)(FIRE_VECTOR_BYTES / sizeof(float)))
#define TYPE_WORD f32
#define VEC_WORD vf
#include BODY
#undef REAL
#undef INT
#undef VEC
#undef MASK
#undef BITS
#undef LANES
#undef TYPE_WORD
#undef VEC_WORD

#define REAL double
#define INT int64_t
#define VEC fire_vd
#define MASK fire_vl
#define BITS fire_vw
#define LANES ((int64_t)(FIRE_VECTOR_BYTES / sizeof(double)))
#define TYPE_WORD f64
#define VEC_WORD vd
#include BODY
#undef REAL
#undef INT
#undef VEC
#undef MASK
#undef BITS
#undef LANES
#undef TYPE_WORD
#undef VEC_WORD

#undef T
#undef V
