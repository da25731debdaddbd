/* det - the determinant of each square matrix [..., m, m], by elimination with the largest pivot. */
#include "op.h"
#include <math.h>

static fire_status det_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    const fire_shape *x = &in[0].shape;
    char text[FIRE_SHAPE_TEXT];
    fire_status s = fire_want_float(&in[0], "input", err);
    if (s) return s;
    if (x->rank < 2 || x->dim[x->rank - 1] < 0 || x->dim[x->rank - 1] != x->dim[x->rank - 2]) return fire_fail(err, FIRE_E_SHAPE, "the input is %s, expected square matrices", fire_shape_text(x, text));
    out[0].type = in[0].type;
    out[0].shape = *x;
    out[0].shape.rank -= 2;
    return FIRE_OK;
}

static int64_t side(const fire_call *call) { return call->in[0].shape.dim[call->in[0].shape.rank - 1]; }
static size_t det_scratch(const fire_call *call) { return (size_t)(side(call) * side(call)) * sizeof(double); }

static void det_run(const fire_call *call) {
    double *a = call->scratch;
    const int64_t m = side(call);
    for (int64_t e = 0, n = fire_count(&call->out[0].shape); e < n; e++) {
        double det = 1;
        for (int64_t i = 0; i < m * m; i++) a[i] = fire_get(&call->in[0], e * m * m + i);
        for (int64_t k = 0; k < m; k++) {
            int64_t best = k;
            for (int64_t i = k + 1; i < m; i++)
                if (fabs(a[i * m + k]) > fabs(a[best * m + k])) best = i;
            if (best != k) {
                det = -det;
                for (int64_t j = k; j < m; j++) {
                    double t = a[k * m + j];
                    a[k * m + j] = a[best * m + j];
                    a[best * m + j] = t;
                }
            }
            det *= a[k * m + k];
            if (a[k * m + k] == 0) break;
            for (int64_t i = k + 1; i < m; i++) {
                double f = a[i * m + k] / a[k * m + k];
                for (int64_t j = k + 1; j < m; j++) a[i * m + j] -= f * a[k * m + j];
            }
        }
        fire_put(&call->out[0], e, det);
    }
}

static int64_t det_flops(const fire_call *call) { return FIRE_WORK(fire_count(&call->out[0].shape), side(call), side(call), side(call)); }

const fire_op fire_op_det = {
    .name = "Det", .help = "determinants of matrices",
    .min_in = 1, .max_in = 1, .n_out = 1, .infer = det_infer, .run = det_run, .scratch = det_scratch, .flops = det_flops,
    .examples = {"[3,3]", "[2,4,4]", "[2,3,1,1]", "[2,2]{1,2,2,4}", "[5,5]"},
};
