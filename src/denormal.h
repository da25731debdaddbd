/* denormal.h - numbers below the smallest normal one as zeros while a plan or an optimizer runs.
**
** The momenta of a weight whose gradient stays zero shrink until they are denormal, and stay so: rounding never takes the last bit off.
** Arithmetic on them is over ten times slower. Nobody reads such numbers, so they are cut to zero. The caller's setting is put back. */
#ifndef FIRE_DENORMAL_H
#define FIRE_DENORMAL_H
#include <stdint.h>

#if defined __x86_64__
#define FIRE_MXCSR_ZERO 0x8040u /* flush to zero, denormals are zeros */
static inline uint32_t fire_denormals_off(void) {
    uint32_t before = __builtin_ia32_stmxcsr();
    if ((before & FIRE_MXCSR_ZERO) != FIRE_MXCSR_ZERO) __builtin_ia32_ldmxcsr(before | FIRE_MXCSR_ZERO);
    return before;
}
static inline void fire_denormals_restore(uint32_t before) {
    if ((before & FIRE_MXCSR_ZERO) != FIRE_MXCSR_ZERO) __builtin_ia32_ldmxcsr(before);
}
#else
static inline uint32_t fire_denormals_off(void) { return 0; }
static inline void fire_denormals_restore(uint32_t before) { (void)before; }
#endif
#endif
