/* product.h - matrix product over plain arrays, for the kernels in this folder. One copy per instruction set. */
#ifndef FIRE_PRODUCT_H
#define FIRE_PRODUCT_H
#include "kernel.h"

/* y[m,n] = act(a[m,k] * b[k,n] + bias[n]). Operand a is read at a[i * a_row + p * a_col]; b at b[p * b_row + j * b_col], where b_row or
** b_col is 1; y has y_row elements from row to row. bias may be NULL.
**
** Every element of y is one chain of multiply-adds in ascending p, so its bits depend on its own row of a and column of b alone: neither
** on m nor n nor on where it stands. Scoring relies on that. */
typedef struct fire_product {
    int64_t m, n, k;
    const void *a; int64_t a_row, a_col;
    const void *b; int64_t b_row, b_col;
    void *y; int64_t y_row;
    const void *bias;
    bool relu;            /* max(0, .) after the bias, NaN stays NaN */
    bool add;             /* y += a b: the chain begins at y; without a bias */
    const void *packed;   /* b once more, as fire_product_pack lays it out: for products with the same b; or NULL */
    void *scratch;        /* FIRE_PRODUCT_SCRATCH bytes, 64-byte aligned */
} fire_product;

#define FIRE_PRODUCT_SCRATCH (512 * 1024)
void FIRE_ISA_NAME(fire_product_f32)(const fire_product *g);
void FIRE_ISA_NAME(fire_product_f64)(const fire_product *g);

/* fire_product_pack - b as the tiles read it, into `to`, 64-byte aligned, of fire_product_packed(k, n) elements. */
int64_t FIRE_ISA_NAME(fire_product_packed)(int64_t k, int64_t n);
void FIRE_ISA_NAME(fire_product_pack_f32)(const fire_product *g, void *to);
void FIRE_ISA_NAME(fire_product_pack_f64)(const fire_product *g, void *to);
#endif
