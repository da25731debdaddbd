/* lu - elimination with row exchanges of the matrices in the last two dimensions: factors, solutions of A x = b, inverses, logarithms of determinants.
** A singular matrix gives infinities or NaN.
*/
#include "matrix.h"
#include <stdio.h>

/* a becomes L (below the diagonal, whose ones are not stored) and U; row i of the result is row p[i] of a. Returns the sign of the exchanges. */
static int eliminate(int64_t n, double *a, int64_t *p) {
    int sign = 1;
    for (int64_t i = 0; i < n; i++) p[i] = i;
    for (int64_t k = 0; k < n; k++) {
        int64_t best = k;
        for (int64_t i = k + 1; i < n; i++)
            if (fabs(a[i * n + k]) > fabs(a[best * n + k])) best = i;
        if (best != k) {
            for (int64_t j = 0; j < n; j++) {
                double t = a[k * n + j];
                a[k * n + j] = a[best * n + j];
                a[best * n + j] = t;
            }
            int64_t t = p[k];
            p[k] = p[best];
            p[best] = t;
            sign = -sign;
        }
        if (a[k * n + k] == 0) continue;
        for (int64_t i = k + 1; i < n; i++) {
            double f = a[i * n + k] /= a[k * n + k];
            for (int64_t j = k + 1; j < n; j++) a[i * n + j] -= f * a[k * n + j];
        }
    }
    return sign;
}

static size_t square_scratch(const fire_call *call) {
    fire_matrices m = fire_matrices_of(&call->in[0].shape);
    return fire_matrix_bytes(m.rows, m.rows, 2 * m.rows);
}
static int64_t square_flops(const fire_call *call) {
    fire_matrices m = fire_matrices_of(&call->in[0].shape);
    return fire_matrix_work(m.count, m.rows, m.rows, m.rows);
}

static fire_status lu_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_want_matrices(&in[0], "input", true, err);
    if (s) return s;
    out[0] = (fire_tensor){in[0].type, in[0].shape, NULL};
    out[1] = (fire_tensor){FIRE_I64, in[0].shape, NULL};
    out[1].shape.rank--;
    return FIRE_OK;
}
static void lu_run(const fire_call *call) {
    fire_matrices m = fire_matrices_of(&call->in[0].shape);
    int64_t n = m.rows;
    double *a = call->scratch;
    for (int64_t k = 0; k < m.count; k++) {
        fire_matrix_get(&call->in[0], k, n * n, a);
        eliminate(n, a, (int64_t *)call->out[1].data + k * n);
        fire_matrix_put(&call->out[0], k, n * n, a);
    }
}

static fire_status inverse_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_want_matrices(&in[0], "input", true, err);
    out[0].type = in[0].type;
    out[0].shape = in[0].shape;
    return s;
}
/* x solves L U x = (row exchanges applied to) x, in place. */
static void substitute(int64_t n, const double *a, double *x) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++) x[i] -= a[i * n + j] * x[j];
    for (int64_t i = n - 1; i >= 0; i--) {
        for (int64_t j = i + 1; j < n; j++) x[i] -= a[i * n + j] * x[j];
        x[i] /= a[i * n + i];
    }
}
static void inverse_run(const fire_call *call) {
    fire_matrices m = fire_matrices_of(&call->in[0].shape);
    int64_t n = m.rows, *p = (int64_t *)((double *)call->scratch + n * n + n);
    double *a = call->scratch, *x = a + n * n;
    for (int64_t k = 0; k < m.count; k++) {
        fire_matrix_get(&call->in[0], k, n * n, a);
        eliminate(n, a, p);
        for (int64_t j = 0; j < n; j++) {
            for (int64_t i = 0; i < n; i++) x[i] = p[i] == j;
            substitute(n, a, x);
            for (int64_t i = 0; i < n; i++) fire_put(&call->out[0], (k * n + i) * n + j, x[i]);
        }
    }
}
/* dA = -Y' dY Y' for Y = inverse(A) */
static void inverse_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value y = n->out[0];
    char perm[64];
    int rank = fire_shape_of(g, y).rank, k = 0;
    for (int d = 0; d < rank; d++) k += snprintf(perm + k, sizeof perm - (size_t)k, "%s%d", d ? "," : "perm=[", d < rank - 2 ? d : 2 * rank - 3 - d);
    snprintf(perm + k, sizeof perm - (size_t)k, "]");
    fire_value turned = fire_apply(g, "Transpose", 1, &y, perm);
    fire_value by = fire_apply(g, "MatMul", 2, FIRE_IN(fire_apply(g, "MatMul", 2, FIRE_IN(turned, dy[0]), NULL), turned), NULL);
    dx[0] = fire_apply(g, "Neg", 1, &by, NULL);
}

static fire_status solve_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_want_matrices(&in[0], "the matrix", true, err);
    if (!s) s = fire_want_matrices(&in[1], "the right side", false, err);
    if (!s) s = fire_want_same_type(2, in, err);
    if (s) return s;
    const fire_shape *a = &in[0].shape, *b = &in[1].shape;
    bool fits = a->rank == b->rank;
    for (int d = 0; d < a->rank - 1 && fits; d++) fits = a->dim[d] == b->dim[d];
    char x[FIRE_SHAPE_TEXT], y[FIRE_SHAPE_TEXT];
    if (!fits) return fire_fail(err, FIRE_E_SHAPE, "matrices %s do not fit right sides %s", fire_shape_text(a, x), fire_shape_text(b, y));
    out[0].type = in[0].type;
    out[0].shape = *b;
    return FIRE_OK;
}
static void solve_run(const fire_call *call) {
    fire_matrices m = fire_matrices_of(&call->in[0].shape), r = fire_matrices_of(&call->in[1].shape);
    int64_t n = m.rows, *p = (int64_t *)((double *)call->scratch + n * n + n);
    double *a = call->scratch, *x = a + n * n;
    for (int64_t k = 0; k < m.count; k++) {
        fire_matrix_get(&call->in[0], k, n * n, a);
        eliminate(n, a, p);
        for (int64_t j = 0; j < r.columns; j++) {
            for (int64_t i = 0; i < n; i++) x[i] = fire_get(&call->in[1], (k * n + p[i]) * r.columns + j);
            substitute(n, a, x);
            for (int64_t i = 0; i < n; i++) fire_put(&call->out[0], (k * n + i) * r.columns + j, x[i]);
        }
    }
}

typedef struct { int64_t upper; } triangular_attrs;
static const fire_attr attrs_of_triangular[] = {{"upper", FIRE_ATTR_INT, offsetof(triangular_attrs, upper), 0, 0, 1, .help = "1: the upper triangle counts, 0: the lower"}, {0}};
static void triangular_run(const fire_call *call) {
    const bool upper = ((const triangular_attrs *)call->attrs)->upper;
    fire_matrices m = fire_matrices_of(&call->in[0].shape), r = fire_matrices_of(&call->in[1].shape);
    int64_t n = m.rows;
    double *a = call->scratch, *x = a + n * n;
    for (int64_t k = 0; k < m.count; k++) {
        fire_matrix_get(&call->in[0], k, n * n, a);
        for (int64_t j = 0; j < r.columns; j++) {
            for (int64_t l = 0; l < n; l++) {
                int64_t i = upper ? n - 1 - l : l;
                double s = fire_get(&call->in[1], (k * n + i) * r.columns + j);
                for (int64_t o = upper ? i + 1 : 0; o < (upper ? n : i); o++) s -= a[i * n + o] * x[o];
                x[i] = s / a[i * n + i];
            }
            for (int64_t i = 0; i < n; i++) fire_put(&call->out[0], (k * n + i) * r.columns + j, x[i]);
        }
    }
}

static fire_status log_det_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_want_matrices(&in[0], "input", true, err);
    if (s) return s;
    for (int k = 0; k < 2; k++) {
        out[k] = (fire_tensor){in[0].type, in[0].shape, NULL};
        out[k].shape.rank -= 2;
    }
    return FIRE_OK;
}
static void log_det_run(const fire_call *call) {
    fire_matrices m = fire_matrices_of(&call->in[0].shape);
    int64_t n = m.rows, *p = (int64_t *)((double *)call->scratch + n * n);
    double *a = call->scratch;
    for (int64_t k = 0; k < m.count; k++) {
        fire_matrix_get(&call->in[0], k, n * n, a);
        double sign = eliminate(n, a, p), log_abs = 0;
        for (int64_t i = 0; i < n; i++) {
            double d = a[i * n + i];
            sign *= d > 0 ? 1 : d < 0 ? -1 : d;
            log_abs += log(fabs(d));
        }
        fire_put(&call->out[0], k, sign);
        fire_put(&call->out[1], k, log_abs);
    }
}

const fire_op fire_op_lu = {
    .name = "Lu", .domain = FIRE_DOMAIN, .help = "triangular factors of matrices, and the order of the rows",
    .min_in = 1, .max_in = 1, .n_out = 2, .infer = lu_infer, .run = lu_run, .scratch = square_scratch, .flops = square_flops,
    .examples = {"[3,3]{1,2,3,4,5,6,7,8,10}", "[2,2,2]{0,1,2,3,4,3,6,3}"},
};
const fire_op fire_op_inverse = {
    .name = "MatrixInverse", .domain = FIRE_DOMAIN, .help = "inverses of matrices",
    .min_in = 1, .max_in = 1, .n_out = 1, .infer = inverse_infer, .run = inverse_run, .scratch = square_scratch, .flops = square_flops, .grad = inverse_grad,
    .examples = {"[3,3]{1,2,3,4,5,6,7,8,10}", "[2,2,2]{0,1,2,3,4,3,6,3}"},
};
const fire_op fire_op_solve = {
    .name = "MatrixSolve", .domain = FIRE_DOMAIN, .help = "solutions x of A x = b",
    .min_in = 2, .max_in = 2, .n_out = 1, .infer = solve_infer, .run = solve_run, .scratch = square_scratch, .flops = square_flops,
    .examples = {"[3,3]{1,2,3,4,5,6,7,8,10} [3,2]", "[2,2,2]{0,1,2,3,4,3,6,3} [2,2,1]"},
};
const fire_op fire_op_triangular_solve = {
    .name = "TriangularSolve", .domain = FIRE_DOMAIN, .help = "solutions x of A x = b for triangular A",
    .min_in = 2, .max_in = 2, .n_out = 1, .attrs = attrs_of_triangular, .attr_size = sizeof(triangular_attrs),
    .infer = solve_infer, .run = triangular_run, .scratch = square_scratch, .flops = square_flops,
    .examples = {"[3,3]{1,2,3,4,5,6,7,8,10} [3,2]", "[2,2,2]{2,1,2,3,4,3,6,3} [2,2,1] upper=1"},
};
const fire_op fire_op_log_det = {
    .name = "LogDeterminant", .domain = FIRE_DOMAIN, .help = "sign of the determinants of matrices, and the logarithm of their magnitude",
    .min_in = 1, .max_in = 1, .n_out = 2, .infer = log_det_infer, .run = log_det_run, .scratch = square_scratch, .flops = square_flops,
    .examples = {"[3,3]{1,2,3,4,5,6,7,8,10}", "[2,2,2]{0,1,2,3,4,3,6,3}"},
};
