/* qr - A = Q R by Householder's reflections, Q with orthonormal columns and R upper triangular, of the matrices in the last two dimensions.
**
** The signs are LAPACK's: a reflection takes its column to the other side of 0. With full=1 Q is square.
*/
#include "matrix.h"

typedef struct { int64_t full; } qr_attrs;
static const fire_attr attrs_of_qr[] = {{"full", FIRE_ATTR_INT, offsetof(qr_attrs, full), 0, 0, 1, .help = "1: Q is square and R has as many rows as the input"}, {0}};

static fire_status qr_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_want_matrices(&in[0], "input", false, err);
    if (s) return s;
    fire_matrices m = fire_matrices_of(&in[0].shape);
    int64_t k = ((const qr_attrs *)attrs)->full || m.rows < m.columns ? m.rows : m.columns;
    for (int o = 0; o < 2; o++) out[o] = (fire_tensor){in[0].type, in[0].shape, NULL};
    out[0].shape.dim[in[0].shape.rank - 1] = k;
    out[1].shape.dim[in[0].shape.rank - 2] = k;
    return FIRE_OK;
}
static size_t qr_scratch(const fire_call *call) {
    fire_matrices m = fire_matrices_of(&call->in[0].shape);
    int64_t k = call->out[0].shape.dim[call->out[0].shape.rank - 1], less = m.rows < m.columns ? m.rows : m.columns;
    return fire_matrix_bytes(m.rows, m.columns, m.columns) + fire_matrix_bytes(m.rows, k, 0) + fire_matrix_bytes(m.rows, less, 0);
}
static int64_t qr_flops(const fire_call *call) {
    fire_matrices m = fire_matrices_of(&call->in[0].shape);
    return fire_matrix_work(m.count, m.rows, m.columns, m.rows + m.columns);
}

/* rows from..n-1 of a [n, c] become (1 - scale v v') times themselves; scale = 2 / v'v */
static void reflect(double *a, int64_t n, int64_t c, int64_t from, const double *v, double scale) {
    for (int64_t j = 0; j < c; j++) {
        double s = 0;
        for (int64_t i = from; i < n; i++) s += v[i] * a[i * c + j];
        s *= scale;
        for (int64_t i = from; i < n; i++) a[i * c + j] -= s * v[i];
    }
}

static void qr_run(const fire_call *call) {
    fire_matrices m = fire_matrices_of(&call->in[0].shape);
    int64_t n = m.rows, c = m.columns, k = call->out[0].shape.dim[call->out[0].shape.rank - 1], less = n < c ? n : c;
    double *a = call->scratch, *scale = a + n * c, *q = scale + c, *v = q + n * k; /* row j of v: reflection j; scale 0: there is none */
    for (int64_t b = 0; b < m.count; b++) {
        fire_matrix_get(&call->in[0], b, n * c, a);
        for (int64_t j = 0; j < less; j++) {
            double tail = 0, *r = v + j * n;
            for (int64_t i = j + 1; i < n; i++) tail += a[i * c + j] * a[i * c + j];
            scale[j] = 0;
            if (tail == 0) continue; /* nothing to take away */
            double head = a[j * c + j], norm = sqrt(head * head + tail);
            for (int64_t i = j; i < n; i++) r[i] = a[i * c + j];
            r[j] = head >= 0 ? head + norm : head - norm;
            scale[j] = 2 / (tail + r[j] * r[j]);
            reflect(a, n, c, j, r, scale[j]);
        }
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < k; j++) q[i * k + j] = i == j;
        for (int64_t j = less - 1; j >= 0; j--)
            if (scale[j] != 0) reflect(q, n, k, j, v + j * n, scale[j]);
        fire_matrix_put(&call->out[0], b, n * k, q);
        for (int64_t i = 0; i < k; i++)
            for (int64_t j = 0; j < c; j++) fire_put(&call->out[1], (b * k + i) * c + j, j < i ? 0 : a[i * c + j]);
    }
}

const fire_op fire_op_qr = {
    .name = "Qr", .domain = FIRE_DOMAIN, .help = "orthogonal and triangular factors of matrices",
    .min_in = 1, .max_in = 1, .n_out = 2, .attrs = attrs_of_qr, .attr_size = sizeof(qr_attrs), .infer = qr_infer, .run = qr_run, .scratch = qr_scratch, .flops = qr_flops,
    .examples = {"[3,3]", "[2,4,2]", "[4,2] full=1", "[2,4]"},
};
