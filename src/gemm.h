/* gemm.h - what the operators that multiply two matrices share: op(A) op(B) + C. */
#ifndef FIRE_GEMM_H
#define FIRE_GEMM_H
#include "op.h"

/* Sizes of op(A) [m, k] times op(B) [k, n]. */
typedef struct fire_gemm_sizes { int64_t m, k, n; } fire_gemm_sizes;

/* fire_gemm_fit - sizes and the type and shape of Y, or why they do not fit; C (in[2]) may be left out. */
fire_status fire_gemm_fit(bool trans_a, bool trans_b, int n_in, const fire_tensor *in, fire_gemm_sizes *s, fire_tensor *out, fire_error *err);

/* fire_gemm_run - the reference: Y = f(alpha op(A) op(B) + beta C), in double arithmetic. f may be NULL. */
void fire_gemm_run(const fire_call *call, bool trans_a, bool trans_b, double alpha, double beta, double (*f)(double));

/* fire_gemm_flops - of one call with sizes from its shapes. */
int64_t fire_gemm_flops(const fire_call *call, bool trans_a);
#endif
