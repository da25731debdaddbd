/* self_adjoint_eig - eigenvalues, smallest first, and eigenvectors (columns) of symmetric matrices, and the singular value decomposition A = U S V'.
**
** Both by Jacobi's rotations (Golub and Van Loan, Matrix Computations, sections 8.5 and 8.6.3): slower than others for large matrices, and as
** exact as any. Signs of vectors are as they come out.
*/
#include "matrix.h"

#define SWEEPS 60 /* convergence is quadratic; about ten do */

static size_t eig_scratch(const fire_call *call) {
    fire_matrices m = fire_matrices_of(&call->in[0].shape);
    return 2 * fire_matrix_bytes(m.rows, m.rows, m.rows);
}
static fire_status eig_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_want_matrices(&in[0], "input", true, err);
    if (s) return s;
    out[0] = (fire_tensor){in[0].type, in[0].shape, NULL};
    out[0].shape.rank--;
    out[1] = (fire_tensor){in[0].type, in[0].shape, NULL};
    return FIRE_OK;
}

/* Rows p and q of a [., c] turn by the angle whose cosine and sine are given. */
static void turn(double *a, int64_t c, int64_t p, int64_t q, double cosine, double sine) {
    for (int64_t j = 0; j < c; j++) {
        double x = a[p * c + j], y = a[q * c + j];
        a[p * c + j] = cosine * x - sine * y;
        a[q * c + j] = sine * x + cosine * y;
    }
}
/* The rotation that makes [[x, z], [z, y]] diagonal. */
static void angle(double x, double y, double z, double *cosine, double *sine) {
    double theta = (y - x) / (2 * z), t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
    *cosine = 1 / sqrt(t * t + 1);
    *sine = t * *cosine;
}
/* The order of n numbers, smallest or largest first, into `order`. */
static void rank(int64_t n, const double *v, bool largest, int64_t *order) {
    for (int64_t i = 0; i < n; i++) {
        int64_t j = i;
        for (; j > 0 && (largest ? v[order[j - 1]] < v[i] : v[order[j - 1]] > v[i]); j--) order[j] = order[j - 1];
        order[j] = i;
    }
}

static void eig_run(const fire_call *call) {
    fire_matrices m = fire_matrices_of(&call->in[0].shape);
    int64_t n = m.rows;
    double *a = call->scratch, *v = a + n * n, *values = v + n * n; /* rows of v: eigenvectors */
    int64_t *order = (int64_t *)(values + n);
    for (int64_t b = 0; b < m.count; b++) {
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++) { /* the lower triangle counts */
                a[i * n + j] = fire_get(&call->in[0], (b * n + (i > j ? i : j)) * n + (i > j ? j : i));
                v[i * n + j] = i == j;
            }
        for (int sweep = 0; sweep < SWEEPS; sweep++) {
            double off = 0, all = 0;
            for (int64_t i = 0; i < n; i++)
                for (int64_t j = 0; j < n; j++) {
                    all += a[i * n + j] * a[i * n + j];
                    if (i != j) off += a[i * n + j] * a[i * n + j];
                }
            if (!(off > 1e-34 * all)) break;
            for (int64_t p = 0; p < n; p++)
                for (int64_t q = p + 1; q < n; q++) {
                    if (a[p * n + q] == 0) continue;
                    double c, s;
                    angle(a[p * n + p], a[q * n + q], a[p * n + q], &c, &s);
                    turn(a, n, p, q, c, s);
                    for (int64_t i = 0; i < n; i++) {
                        double x = a[i * n + p], y = a[i * n + q];
                        a[i * n + p] = c * x - s * y;
                        a[i * n + q] = s * x + c * y;
                    }
                    turn(v, n, p, q, c, s);
                }
        }
        for (int64_t i = 0; i < n; i++) values[i] = a[i * n + i];
        rank(n, values, false, order);
        for (int64_t k = 0; k < n; k++) {
            fire_put(&call->out[0], b * n + k, values[order[k]]);
            for (int64_t i = 0; i < n; i++) fire_put(&call->out[1], (b * n + i) * n + k, v[order[k] * n + i]);
        }
    }
}

typedef struct { int64_t full; } svd_attrs;
static const fire_attr attrs_of_svd[] = {{"full", FIRE_ATTR_INT, offsetof(svd_attrs, full), 0, 0, 1, .help = "1: U and V are square"}, {0}};

static fire_status svd_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_want_matrices(&in[0], "input", false, err);
    if (s) return s;
    const bool full = ((const svd_attrs *)attrs)->full;
    fire_matrices m = fire_matrices_of(&in[0].shape);
    int64_t k = m.rows < m.columns ? m.rows : m.columns;
    int last = in[0].shape.rank - 1;
    for (int o = 0; o < 3; o++) out[o] = (fire_tensor){in[0].type, in[0].shape, NULL};
    out[0].shape.rank--;
    out[0].shape.dim[last - 1] = k;
    out[1].shape.dim[last] = full ? m.rows : k;
    out[2].shape.dim[last - 1] = m.columns;
    out[2].shape.dim[last] = full ? m.columns : k;
    return FIRE_OK;
}
static size_t svd_scratch(const fire_call *call) { /* w, v, lengths and their order */
    fire_matrices m = fire_matrices_of(&call->in[0].shape);
    int64_t n = m.rows > m.columns ? m.rows : m.columns, k = m.rows > m.columns ? m.columns : m.rows;
    return fire_matrix_bytes(n, ((const svd_attrs *)call->attrs)->full ? n : k, 0) + fire_matrix_bytes(k, k, 2 * k);
}
static int64_t svd_flops(const fire_call *call) {
    fire_matrices m = fire_matrices_of(&call->in[0].shape);
    int64_t work = fire_matrix_work(m.count, m.rows, m.rows > m.columns ? m.rows : m.columns, m.columns);
    return work > INT64_MAX / 60 ? INT64_MAX : 60 * work;
}

/* The first `have` of the rows of u [rows, n] are orthonormal or zero: fill the zero and missing ones so that all are. */
static void complete(double *u, int64_t rows, int64_t n, int64_t have, const double *norm) {
    for (int64_t k = 0, unit = 0; k < rows; k++) {
        if (k < have && norm[k] > 0) continue;
        for (double size = 0; unit < n && size < 0.25; unit++) { /* some unit vector lies far enough from the rows that are there */
            for (int64_t i = 0; i < n; i++) u[k * n + i] = i == unit;
            for (int pass = 0; pass < 2; pass++)
                for (int64_t o = 0; o < rows; o++) {
                    if (o == k || (o > k && !(o < have && norm[o] > 0))) continue;
                    double s = 0;
                    for (int64_t i = 0; i < n; i++) s += u[o * n + i] * u[k * n + i];
                    for (int64_t i = 0; i < n; i++) u[k * n + i] -= s * u[o * n + i];
                }
            size = 0;
            for (int64_t i = 0; i < n; i++) size += u[k * n + i] * u[k * n + i];
            if (size * (double)n < 0.25) { size = 0; continue; }
            for (int64_t i = 0; i < n; i++) u[k * n + i] /= sqrt(size);
            size = 1;
        }
    }
}

/* One-sided: the columns of the taller of A and A' (here rows of w) are turned until they are orthogonal; their lengths are the singular values. */
static void svd_run(const fire_call *call) {
    fire_matrices m = fire_matrices_of(&call->in[0].shape);
    const bool tall = m.rows >= m.columns;
    int64_t n = tall ? m.rows : m.columns, k = tall ? m.columns : m.rows;
    fire_tensor left = call->out[tall ? 1 : 2], right = call->out[tall ? 2 : 1];
    int64_t wide_left = left.shape.dim[left.shape.rank - 1];
    double *w = call->scratch, *v = w + wide_left * n, *norm = v + k * k; /* w: k rows of n, and those that complete them */
    int64_t *order = (int64_t *)(norm + k);
    for (int64_t b = 0; b < m.count; b++) {
        for (int64_t i = 0; i < m.rows; i++)
            for (int64_t j = 0; j < m.columns; j++) w[tall ? j * n + i : i * n + j] = fire_get(&call->in[0], (b * m.rows + i) * m.columns + j);
        for (int64_t i = 0; i < k * k; i++) v[i] = i % (k + 1) == 0;
        bool more = true;
        for (int sweep = 0; sweep < SWEEPS && more; sweep++) {
            more = false;
            for (int64_t p = 0; p < k; p++)
                for (int64_t q = p + 1; q < k; q++) {
                    double x = 0, y = 0, z = 0, c, s;
                    for (int64_t i = 0; i < n; i++) x += w[p * n + i] * w[p * n + i], y += w[q * n + i] * w[q * n + i], z += w[p * n + i] * w[q * n + i];
                    if (!(fabs(z) > 1e-16 * sqrt(x * y)) || fabs(z) < 1e-300) continue;
                    more = true;
                    angle(x, y, z, &c, &s);
                    turn(w, n, p, q, c, s);
                    turn(v, k, p, q, c, s);
                }
        }
        double most = 0;
        for (int64_t p = 0; p < k; p++) {
            norm[p] = 0;
            for (int64_t i = 0; i < n; i++) norm[p] += w[p * n + i] * w[p * n + i];
            norm[p] = sqrt(norm[p]);
            if (norm[p] > most) most = norm[p];
        }
        for (int64_t p = 0; p < k; p++) {
            if (norm[p] <= 1e-15 * most) norm[p] = 0;
            for (int64_t i = 0; i < n; i++) w[p * n + i] = norm[p] > 0 ? w[p * n + i] / norm[p] : 0;
        }
        rank(k, norm, true, order);
        complete(w, wide_left, n, k, norm);
        for (int64_t j = 0; j < k; j++) {
            fire_put(&call->out[0], b * k + j, norm[order[j]]);
            for (int64_t i = 0; i < k; i++) fire_put(&right, (b * k + i) * k + j, v[order[j] * k + i]);
        }
        for (int64_t j = 0; j < wide_left; j++)
            for (int64_t i = 0; i < n; i++) fire_put(&left, (b * n + i) * wide_left + j, w[(j < k ? order[j] : j) * n + i]);
    }
}

const fire_op fire_op_self_adjoint_eig = {
    .name = "SelfAdjointEig", .domain = FIRE_DOMAIN, .help = "eigenvalues and eigenvectors of symmetric matrices",
    .min_in = 1, .max_in = 1, .n_out = 2, .infer = eig_infer, .run = eig_run, .scratch = eig_scratch, .flops = svd_flops,
    .examples = {"[2,2]{2,1,1,3}", "[2,3,3]"},
};
const fire_op fire_op_svd = {
    .name = "Svd", .domain = FIRE_DOMAIN, .help = "singular values of matrices, largest first, and their vectors, U and V",
    .min_in = 1, .max_in = 1, .n_out = 3, .attrs = attrs_of_svd, .attr_size = sizeof(svd_attrs), .infer = svd_infer, .run = svd_run, .scratch = svd_scratch, .flops = svd_flops,
    .examples = {"[3,3]", "[2,4,2]", "[4,2] full=1", "[2,4]", "[2,4] full=1", "[3,2]{1,2,2,4,3,6} full=1"},
};
