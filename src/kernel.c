/* kernel.c - the ordered table of fast kernels. */
#include "kernel.h"
#include <string.h>

#if defined __x86_64__ || defined __i386__
#define FIRE_KERNEL_ISA(symbol) FIRE_KERNEL(symbol##_avx512) FIRE_KERNEL(symbol##_avx2) FIRE_KERNEL(symbol##_base)
#else
#define FIRE_KERNEL_ISA(symbol) FIRE_KERNEL(symbol##_base)
#endif

#define FIRE_KERNEL(symbol) extern const fire_kernel fire_kernel_##symbol;
#include "kernels/kernels.def"
#undef FIRE_KERNEL
const fire_kernel *const fire_kernels[] = {
#define FIRE_KERNEL(symbol) &fire_kernel_##symbol,
#include "kernels/kernels.def"
#undef FIRE_KERNEL
    NULL};

double fire_kernel_number(const char *op, const void *attrs, const char *name) {
    for (const fire_attr *a = fire_op_named(op)->attrs; a && a->name; a++) {
        if (strcmp(a->name, name)) continue;
        const char *at = (const char *)attrs + a->offset;
        return a->type == FIRE_ATTR_FLOAT ? *(const double *)at : a->type == FIRE_ATTR_BOOL ? (double)*(const bool *)at : (double)*(const int64_t *)at;
    }
    return 0;
}

const char *fire_kernel_text(const char *op, const void *attrs, const char *name) {
    for (const fire_attr *a = fire_op_named(op)->attrs; a && a->name; a++)
        if (!strcmp(a->name, name)) return (const char *)attrs + a->offset;
    return "";
}
