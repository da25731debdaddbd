/* kernel.h - what a fast kernel file sees: one family a file in src/kernels/, one line in kernels.def.
**
** Kernels are an ordered table: the first that accepts a node is taken, the operator's own reference kernel comes last
** and always accepts. A kernel that declines says why, and `firesteel explain-plan` shows it.
*/
#ifndef FIRE_KERNEL_H
#define FIRE_KERNEL_H
#include "op.h"

typedef struct fire_kernel {
    const char *name;     /* "onednn.matmul", "native.avx512.relu" */
    const char *op;       /* name of the operator that it runs */
    fire_isa isa;         /* the least that the CPU must offer */

    /* Shapes and types of `call` are concrete, data is not set (constants apart). NULL: accepted; else why not, a constant.
    ** ctx gives the CPU and memory. */
    const char *(*decline)(fire_context *ctx, const fire_call *call);

    /* Make call->state, once per plan, and say how much scratch a run needs; NULL: nothing to make. */
    fire_status (*prepare)(fire_context *ctx, fire_call *call, size_t *scratch, fire_error *err);
    void (*run)(const fire_call *call);       /* single-threaded, allocates nothing, cannot fail */
    void (*release)(fire_context *ctx, void *state);

    /* Inputs that the kernel would rather have in an order of its own: bit i, input i. Where the plan knows that their numbers stay as they are
    ** (call->held has the bit when the kernel is prepared), it calls hold once they are there and again when they have changed, and run need not
    ** read them. NULL: there is nothing to keep. */
    uint32_t holds;
    void (*hold)(const fire_call *call);
} fire_kernel;

extern const fire_kernel *const fire_kernels[]; /* in order of preference, ends with NULL */

/* fire_kernel_number, fire_kernel_text - an attribute of a call, found through its operator's own table; 0 or "" when it has none of
** that name. */
double fire_kernel_number(const char *op, const void *attrs, const char *name);
const char *fire_kernel_text(const char *op, const void *attrs, const char *name);

/* Files in kernels/native/ and optims/ are compiled once per instruction set with FIRE_ISA_LEVEL 1, 2 or 3; FIRE_ISA_NAME(x) gives
** each copy its own symbol: x_base, x_avx2, x_avx512. */
#define FIRE_PASTE_(a, b) a##_##b
#define FIRE_PASTE(a, b) FIRE_PASTE_(a, b)
#if !defined FIRE_ISA_LEVEL || FIRE_ISA_LEVEL == 1
#define FIRE_ISA_WORD base
#define FIRE_ISA_TEXT "base"
#elif FIRE_ISA_LEVEL == 2
#define FIRE_ISA_WORD avx2
#define FIRE_ISA_TEXT "avx2"
#else
#define FIRE_ISA_WORD avx512
#define FIRE_ISA_TEXT "avx512"
#endif
#define FIRE_ISA_NAME(x) FIRE_PASTE(x, FIRE_ISA_WORD)
#endif
