/* fused_gemm - Y = f(op(A) op(B) + C), what the planner makes of a product, a bias and an activation.
**
** op(A) is [m, k], op(B) [k, n], C [n] or left out. It is only made by fuse below, after gradients: it has none.
*/
#include "gemm.h"
#include <math.h>

extern const fire_op fire_op_fused_gemm;

typedef struct { int64_t trans_a, trans_b; fire_attr_text activation; } fused_attrs;

#define AT(field) offsetof(fused_attrs, field)
static const fire_attr attrs_of_fused_gemm[] = {
    {"transA", FIRE_ATTR_INT, AT(trans_a), 0, 0, 1, .help = "read A as its transpose"},
    {"transB", FIRE_ATTR_INT, AT(trans_b), 0, 0, 1, .help = "read B as its transpose"},
    {"activation", FIRE_ATTR_TEXT, AT(activation), .text = "", .choices = "|relu|sigmoid|tanh", .help = "applied to the sum; empty: none"},
    {0},
};

static fire_status fused_gemm_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    const fused_attrs *t = attrs;
    fire_gemm_sizes s;
    fire_status st = fire_want_float(&in[0], "input", err);
    if (!st) st = fire_gemm_fit(t->trans_a, t->trans_b, n_in, in, &s, out, err);
    if (!st && n_in > 2 && in[2].type && (in[2].shape.rank != 1 || in[2].shape.dim[0] != s.n)) {
        char text[FIRE_SHAPE_TEXT];
        return fire_fail(err, FIRE_E_SHAPE, "bias %s, expected [%lld]", fire_shape_text(&in[2].shape, text), (long long)s.n);
    }
    return st;
}

static double relu(double x) { return x > 0 || x != x ? x : 0; }
static double sigmoid(double x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }

static void fused_gemm_run(const fire_call *call) {
    const fused_attrs *t = call->attrs;
    char a = t->activation[0];
    fire_gemm_run(call, t->trans_a, t->trans_b, 1, 1, a == 'r' ? relu : a == 's' ? sigmoid : a == 't' ? tanh : NULL);
}

static int64_t fused_gemm_flops(const fire_call *call) { return fire_gemm_flops(call, ((const fused_attrs *)call->attrs)->trans_a); }

/* ---- the pattern: [Relu | Sigmoid | Tanh] ( Gemm | MatMul | Add (MatMul, bias) ), inner values read once ---- */

static bool is(const fire_node *n, const char *op) { return n && !strcmp(n->op->name, op); }

/* An attribute of a product, whichever operator it is, read through that operator's own table. */
static double number(const fire_node *n, const char *name, double otherwise) {
    for (const fire_attr *a = n->op->attrs; a && a->name; a++)
        if (!strcmp(a->name, name)) {
            const char *at = (const char *)n->attrs + a->offset;
            return a->type == FIRE_ATTR_FLOAT ? *(const double *)at : (double)*(const int64_t *)at;
        }
    return otherwise;
}

static bool fused_gemm_fuse(fire_graph *g, int32_t i, const int32_t *uses) {
    fire_node *top = &g->node[i];
    const char *activation = is(top, "Relu") ? "relu" : is(top, "Sigmoid") ? "sigmoid" : is(top, "Tanh") ? "tanh" : "";
    const fire_node *p = *activation ? fire_producer(g, top->in[0]) : top, *sum = NULL;
    if (!p || (p != top && uses[top->in[0]] != 1)) return false;
    fire_value bias = 0;
    if (is(p, "Add")) {
        sum = p;
        for (int k = 0; k < 2; k++) {
            const fire_node *q = fire_producer(g, sum->in[k]);
            if (is(q, "MatMul") && uses[sum->in[k]] == 1) { p = q; bias = sum->in[1 - k]; break; }
        }
        if (p == sum) return false;
    } else if (is(p, "Gemm")) {
        if (number(p, "alpha", 1) != 1 || number(p, "beta", 1) != 1) return false;
        if (p->n_in > 2) bias = p->in[2];
    } else if (!is(p, "MatMul"))
        return false;
    if (p == top) return false; /* a bare product gains nothing */

    fire_type type = fire_type_of(g, top->out[0]);
    fire_shape a = fire_shape_of(g, p->in[0]), b = fire_shape_of(g, p->in[1]), y = fire_shape_of(g, p->out[0]), end = fire_shape_of(g, top->out[0]);
    if (type != FIRE_F32 && type != FIRE_F64) return false;
    if (a.rank != 2 || b.rank != 2 || !fire_same_shape(&y, &end)) return false;
    if (bias) {
        fire_shape c = fire_shape_of(g, bias);
        if (c.rank != 1 || c.dim[0] != y.dim[1]) return false;
    }
    fused_attrs *t = fire_arena_alloc(&g->arena, 1, sizeof *t, &g->first);
    if (!t) return false;
    t->trans_a = (int64_t)number(p, "transA", 0);
    t->trans_b = (int64_t)number(p, "transB", 0);
    memcpy(t->activation, activation, strlen(activation) + 1);
    fire_node fused = {.op = &fire_op_fused_gemm, .attrs = t, .n_in = bias ? 3 : 2, .n_out = 1, .in = {p->in[0], p->in[1], bias},
                       .out = {top->out[0]}, .layer = top->layer};
    *top = fused;
    return true;
}

const fire_op fire_op_fused_gemm = {
    .name = "FusedGemm", .domain = FIRE_DOMAIN, .help = "activation(A B + C), either matrix read as its transpose on request",
    .min_in = 2, .max_in = 3, .n_out = 1, .attrs = attrs_of_fused_gemm, .attr_size = sizeof(fused_attrs),
    .infer = fused_gemm_infer, .run = fused_gemm_run, .flops = fused_gemm_flops, .fuse = fused_gemm_fuse,
    .examples = {"[3,4] [4,5] [5] activation=relu", "[3,4] [4,5] [5]", "[3,4] [5,4] [5] transB=1 activation=sigmoid",
                 "[4,3] [4,5] [5] transA=1 activation=tanh", "[4,3] [5,4] transA=1 transB=1 activation=relu", "[3,4] [4,5]",
                 "[17,33] [33,20] [20] activation=relu"},
};
