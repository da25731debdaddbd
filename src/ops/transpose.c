/* transpose - dimensions in another order: y's dimension d is x's perm[d]. Without perm they are turned round. */
#include "op.h"
#include <stdio.h>

typedef struct { fire_ints perm; } transpose_attrs;
static const fire_attr attrs_of_transpose[] = {
    {"perm", FIRE_ATTR_INTS, offsetof(transpose_attrs, perm), 0, 0, FIRE_MAX_RANK - 1, .help = "which dimension of x comes where; empty: the last first"},
    {0},
};

static fire_status transpose_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    const fire_ints *perm = &((const transpose_attrs *)attrs)->perm;
    int rank = in[0].shape.rank;
    uint32_t seen = 0;
    if (perm->n && perm->n != rank) return fire_fail(err, FIRE_E_SHAPE, "perm has %d numbers, expected %d", (int)perm->n, rank);
    out[0].type = in[0].type;
    out[0].shape.rank = rank;
    for (int d = 0; d < rank; d++) {
        int64_t from = perm->n ? perm->v[d] : rank - 1 - d;
        if (from < 0 || from >= rank || (seen >> from & 1))
            return fire_fail(err, FIRE_E_SHAPE, "perm must hold each of 0 to %d once", rank - 1);
        seen |= 1u << from;
        out[0].shape.dim[d] = in[0].shape.dim[from];
    }
    return FIRE_OK;
}

static void transpose_run(const fire_call *call) {
    const fire_ints *perm = &((const transpose_attrs *)call->attrs)->perm;
    const fire_tensor *x = &call->in[0], *y = &call->out[0];
    int rank = x->shape.rank;
    int64_t stride[FIRE_MAX_RANK], step = 1;
    for (int d = rank - 1; d >= 0; d--) stride[d] = step, step *= x->shape.dim[d];
    /* Walk y in order; the strides are x's, in y's order of dimensions. */
    fire_walk w = fire_walk_start(&y->shape, 1, x);
    for (int d = 0; d < rank; d++) w.stride[0][d] = stride[perm->n ? perm->v[d] : rank - 1 - d];
    for (int64_t e = 0, n = fire_count(&y->shape); e < n; e++, fire_walk_next(&w)) fire_move(y, e, x, w.i[0]);
}

static void transpose_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    const fire_ints *perm = &((const transpose_attrs *)n->attrs)->perm;
    char text[64];
    size_t k = (size_t)snprintf(text, sizeof text, "perm=[");
    for (int d = 0; d < perm->n; d++) /* where perm put dimension d */
        for (int e = 0; e < perm->n; e++)
            if (perm->v[e] == d) k += (size_t)snprintf(text + k, sizeof text - k, "%s%d", d ? "," : "", e);
    snprintf(text + k, sizeof text - k, "]");
    dx[0] = fire_apply(g, "Transpose", 1, dy, text);
}

const fire_op fire_op_transpose = {
    .name = "Transpose", .help = "dimensions in another order",
    .min_in = 1, .max_in = 1, .n_out = 1, .attrs = attrs_of_transpose, .attr_size = sizeof(transpose_attrs),
    .infer = transpose_infer, .run = transpose_run, .grad = transpose_grad,
    .examples = {"[3,4]", "[2,3,4]", "[2,3,4] perm=[0,2,1]", "[2,3,4] perm=[1,2,0]", "[2,3,4,5] perm=[0,3,1,2]", "[5]", "[]", "i64[2,3]"},
};
