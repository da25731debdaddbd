/* cholesky - the lower triangular L with L L' = A, of each matrix A in the last two dimensions; only its lower triangle is read.
** A matrix that is not positive definite gives NaN.
*/
#include "matrix.h"

static fire_status cholesky_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_want_matrices(&in[0], "input", true, err);
    out[0].type = in[0].type;
    out[0].shape = in[0].shape;
    return s;
}

static size_t cholesky_scratch(const fire_call *call) {
    fire_matrices m = fire_matrices_of(&call->in[0].shape);
    return fire_matrix_bytes(m.rows, m.rows, 0);
}
static int64_t cholesky_flops(const fire_call *call) {
    fire_matrices m = fire_matrices_of(&call->in[0].shape);
    return fire_matrix_work(m.count, m.rows, m.rows, m.rows);
}

static void cholesky_run(const fire_call *call) {
    fire_matrices m = fire_matrices_of(&call->in[0].shape);
    int64_t n = m.rows;
    double *a = call->scratch;
    for (int64_t k = 0; k < m.count; k++) {
        fire_matrix_get(&call->in[0], k, n * n, a);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++) {
                double s = a[i * n + j];
                if (j > i) { a[i * n + j] = 0; continue; }
                for (int64_t l = 0; l < j; l++) s -= a[i * n + l] * a[j * n + l];
                a[i * n + j] = i == j ? sqrt(s) : s / a[j * n + j];
            }
        fire_matrix_put(&call->out[0], k, n * n, a);
    }
}

const fire_op fire_op_cholesky = {
    .name = "Cholesky", .domain = FIRE_DOMAIN, .help = "triangular factor of positive definite matrices",
    .min_in = 1, .max_in = 1, .n_out = 1, .infer = cholesky_infer, .run = cholesky_run, .scratch = cholesky_scratch, .flops = cholesky_flops,
    .examples = {"[2,2]{4,1,1,3}", "[2,3,3]{2,0,0,1,2,0,0.5,0.25,2,1,0,0,0,1,0,0,0,1}"},
};
