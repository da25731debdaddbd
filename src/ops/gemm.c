/* gemm - Y = alpha op(A) op(B) + beta C; op reads a matrix as its transpose on request.
**
** op(A) is [m, k], op(B) [k, n], C anything that broadcasts to [m, n]; C may be left out.
*/
#include "gemm.h"
#include <stdio.h>

typedef struct { double alpha, beta; int64_t trans_a, trans_b; } gemm_attrs;

#define AT(field) offsetof(gemm_attrs, field)
static const fire_attr attrs_of_gemm[] = {
    /* name   type             field        default min max */
    {"alpha", FIRE_ATTR_FLOAT, AT(alpha), 1, 0, 0, .help = "factor of the product"},
    {"beta", FIRE_ATTR_FLOAT, AT(beta), 1, 0, 0, .help = "factor of C"},
    {"transA", FIRE_ATTR_INT, AT(trans_a), 0, 0, 1, .help = "read A as its transpose"},
    {"transB", FIRE_ATTR_INT, AT(trans_b), 0, 0, 1, .help = "read B as its transpose"},
    {0},
};

static fire_status gemm_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    const gemm_attrs *t = attrs;
    fire_gemm_sizes s;
    return fire_gemm_fit(t->trans_a, t->trans_b, n_in, in, &s, out, err);
}

static void gemm_run(const fire_call *call) {
    const gemm_attrs *t = call->attrs;
    fire_gemm_run(call, t->trans_a, t->trans_b, t->alpha, t->beta, NULL);
}

static fire_value product(fire_graph *g, fire_value a, bool ta, fire_value b, bool tb, double alpha) {
    char text[96], number[FIRE_NUMBER_TEXT];
    snprintf(text, sizeof text, "alpha=%s transA=%d transB=%d", fire_number_text(alpha, number), ta, tb);
    return fire_apply(g, "Gemm", 2, FIRE_IN(a, b), text);
}

/* dA = alpha dY op(B)', dB = alpha op(A)' dY; an operand that was read transposed gets the transposed product. C first, so that the
** sum over rows stands next to what made dY and can be fused with it. */
static void gemm_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    gemm_attrs t = *(const gemm_attrs *)n->attrs;
    fire_value a = n->in[0], b = n->in[1], d = dy[0];
    if (n->n_in > 2 && n->in[2]) {
        dx[2] = fire_sum_like(g, d, n->in[2]);
        if (t.beta != 1) dx[2] = fire_apply(g, "Mul", 2, FIRE_IN(dx[2], fire_graph_scalar(g, fire_type_of(g, d), t.beta)), NULL);
    }
    dx[0] = t.trans_a ? product(g, b, t.trans_b, d, true, t.alpha) : product(g, d, false, b, !t.trans_b, t.alpha);
    dx[1] = t.trans_b ? product(g, d, true, a, t.trans_a, t.alpha) : product(g, a, !t.trans_a, d, false, t.alpha);
}

static int64_t gemm_flops(const fire_call *call) { return fire_gemm_flops(call, ((const gemm_attrs *)call->attrs)->trans_a); }

const fire_op fire_op_gemm = {
    .name = "Gemm", .help = "alpha A B + beta C for matrices, either read as its transpose on request",
    .min_in = 2, .max_in = 3, .n_out = 1, .attrs = attrs_of_gemm, .attr_size = sizeof(gemm_attrs),
    .infer = gemm_infer, .run = gemm_run, .grad = gemm_grad, .flops = gemm_flops,
    .examples = {"[3,4] [4,5]", "[3,4] [5,4] transB=1", "[4,3] [4,5] transA=1", "[4,3] [5,4] transA=1 transB=1", "[3,4] [4,5] [5]",
                 "[3,4] [4,5] [3,1] alpha=0.5 beta=2", "[3,4] [4,5] [] beta=-1", "[3,4] [4,5] [3,5] transA=0", "[17,33] [33,20] [20]"},
};
