/* matmul - Y = A B as NumPy's matmul: matrices in the last two dimensions, the others broadcast; a vector is a row on the left, a
** column on the right, and that dimension is dropped from Y.
*/
#include "op.h"

/* The two operands as stacks of matrices. */
typedef struct { fire_shape a, b, stack; int64_t m, k, n; bool row, column; } sizes;

static bool fit(const fire_shape *a, const fire_shape *b, sizes *s) {
    *s = (sizes){.a = *a, .b = *b, .row = a->rank == 1, .column = b->rank == 1};
    if (a->rank < 1 || b->rank < 1) return false;
    if (s->row) s->a = (fire_shape){2, {1, a->dim[0]}};
    if (s->column) s->b = (fire_shape){2, {b->dim[0], 1}};
    s->m = s->a.dim[s->a.rank - 2], s->k = s->a.dim[s->a.rank - 1], s->n = s->b.dim[s->b.rank - 1];
    if (s->k != s->b.dim[s->b.rank - 2]) return false;
    s->a.rank -= 2, s->b.rank -= 2; /* from here on the stacks' shapes */
    return fire_broadcast_shape(&s->a, &s->b, &s->stack, NULL) == FIRE_OK;
}

static fire_status matmul_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    sizes s;
    fire_status st = fire_want_number(&in[0], "input", err);
    if (!st) st = fire_want_same_type(2, in, err);
    if (st) return st;
    if (!fit(&in[0].shape, &in[1].shape, &s)) {
        char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
        return fire_fail(err, FIRE_E_SHAPE, "%s times %s does not fit", fire_shape_text(&in[0].shape, a), fire_shape_text(&in[1].shape, b));
    }
    out[0].type = in[0].type;
    out[0].shape = s.stack; /* of at most 6 dimensions */
    if (!s.row) out[0].shape.dim[out[0].shape.rank++] = s.m;
    if (!s.column) out[0].shape.dim[out[0].shape.rank++] = s.n;
    return FIRE_OK;
}

static void matmul_run(const fire_call *call) {
    const fire_tensor *y = &call->out[0];
    sizes s;
    if (!fire_count(&y->shape) || !fit(&call->in[0].shape, &call->in[1].shape, &s)) return;
    fire_tensor stack[2] = {{.shape = s.a}, {.shape = s.b}};
    fire_walk w = fire_walk_start(&s.stack, 2, stack);
    for (int64_t q = 0, e = 0, count = fire_count(&s.stack); q < count; q++, fire_walk_next(&w)) {
        int64_t a = w.i[0] * s.m * s.k, b = w.i[1] * s.k * s.n;
        for (int64_t i = 0; i < s.m; i++)
            for (int64_t j = 0; j < s.n; j++) {
                double sum = 0;
                for (int64_t k = 0; k < s.k; k++) sum += fire_get(&call->in[0], a + i * s.k + k) * fire_get(&call->in[1], b + k * s.n + j);
                fire_put(y, e++, sum);
            }
    }
}

/* x with its last two dimensions exchanged. */
static fire_value turned(fire_graph *g, fire_value x) {
    fire_shape s = fire_shape_of(g, x);
    char perm[64] = "perm=[";
    for (int d = 0; d < s.rank && s.rank >= 2; d++) {
        int from = d == s.rank - 1 ? d - 1 : d == s.rank - 2 ? d + 1 : d;
        size_t k = strlen(perm);
        perm[k] = (char)('0' + from), perm[k + 1] = d == s.rank - 1 ? ']' : ',', perm[k + 2] = 0;
    }
    return s.rank < 2 ? 0 : fire_apply(g, "Transpose", 1, FIRE_IN(x), perm);
}

/* dA = dY B', dB = A' dY. Two matrices need no transposing: Gemm reads them the other way round. Vectors become matrices first. */
static void matmul_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value a = n->in[0], b = n->in[1], d = dy[0];
    int ra = fire_shape_of(g, a).rank, rb = fire_shape_of(g, b).rank;
    if (ra == 2 && rb == 2) {
        dx[0] = fire_apply(g, "Gemm", 2, FIRE_IN(d, b), "transB=1");
        dx[1] = fire_apply(g, "Gemm", 2, FIRE_IN(a, d), "transA=1");
        return;
    }
    /* Rows of many dimensions times one matrix: their gradients are products of two matrices as well. */
    fire_shape sb = fire_shape_of(g, b);
    if (ra > 2 && rb == 2 && sb.dim[0] > 0 && sb.dim[1] > 0) {
        fire_value rows = fire_apply(g, "Reshape", 2, FIRE_IN(a, fire_graph_const(g, FIRE_I64, (fire_shape){1, {2}}, (const int64_t[]){-1, sb.dim[0]})), NULL);
        d = fire_apply(g, "Reshape", 2, FIRE_IN(d, fire_graph_const(g, FIRE_I64, (fire_shape){1, {2}}, (const int64_t[]){-1, sb.dim[1]})), NULL);
        dx[0] = fire_apply(g, "ReshapeLike", 2, FIRE_IN(fire_apply(g, "Gemm", 2, FIRE_IN(d, b), "transB=1"), a), NULL);
        dx[1] = fire_apply(g, "Gemm", 2, FIRE_IN(rows, d), "transA=1");
        return;
    }
    fire_value row = fire_graph_const(g, FIRE_I64, (fire_shape){1, {1}}, (const int64_t[]){-2});
    fire_value column = fire_graph_const(g, FIRE_I64, (fire_shape){1, {1}}, (const int64_t[]){-1});
    if (rb == 1) {
        b = fire_apply(g, "Unsqueeze", 2, FIRE_IN(b, column), NULL);
        d = fire_apply(g, "Unsqueeze", 2, FIRE_IN(d, column), NULL);
    }
    if (ra == 1) {
        a = fire_apply(g, "Unsqueeze", 2, FIRE_IN(a, row), NULL);
        d = fire_apply(g, "Unsqueeze", 2, FIRE_IN(d, row), NULL);
    }
    dx[0] = fire_sum_like(g, fire_apply(g, "MatMul", 2, FIRE_IN(d, turned(g, b)), NULL), a);
    dx[1] = fire_sum_like(g, fire_apply(g, "MatMul", 2, FIRE_IN(turned(g, a), d), NULL), b);
    if (ra == 1) dx[0] = fire_apply(g, "ReshapeLike", 2, FIRE_IN(dx[0], n->in[0]), NULL);
    if (rb == 1) dx[1] = fire_apply(g, "ReshapeLike", 2, FIRE_IN(dx[1], n->in[1]), NULL);
}

static int64_t matmul_flops(const fire_call *call) {
    const fire_shape *a = &call->in[0].shape;
    return FIRE_WORK(2, fire_count(&call->out[0].shape), a->dim[a->rank - 1]);
}

const fire_op fire_op_matmul = {
    .name = "MatMul", .help = "matrix product; dimensions before the last two are broadcast",
    .min_in = 2, .max_in = 2, .n_out = 1,
    .infer = matmul_infer, .run = matmul_run, .grad = matmul_grad, .flops = matmul_flops,
    .examples = {"[3,4] [4,5]", "[2,3,4] [4,5]", "[2,3,4] [2,4,2]", "[3,4] [2,4,2]", "[2,1,2,3] [3,3,2]", "[4] [4,3]", "[3,4] [4]", "[4] [4]",
                 "[4] [2,4,3]", "[2,3,4] [4]", "i32[2,3] i32[3,2]"},
};
