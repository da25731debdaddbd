/* dft - the discrete Fourier transform along an axis of x [..., c], where c is 1 (real numbers) or 2 (real and imaginary parts).
**
** Inputs: x, the length of the transform (left out: that of the axis; x is cut or gets zeros), the axis (left out: the last but one). onesided
** gives the first half and one more. Backwards the sum is divided by the length; backwards and onesided, x is such a half and y is real.
*/
#include "op.h"
#include <math.h>

typedef struct { int64_t inverse, onesided; } dft_attrs;
static const fire_attr attrs_of_dft[] = {
    {"inverse", FIRE_ATTR_INT, offsetof(dft_attrs, inverse), 0, 0, 1, .help = "1: from frequencies"},
    {"onesided", FIRE_ATTR_INT, offsetof(dft_attrs, onesided), 0, 0, 1, .help = "1: the half of the frequencies that says all of a real signal"},
    {0},
};

typedef struct { double re, im; } pair;
typedef struct { int axis; int64_t length, x, y; } sizes; /* length of the transform, sizes of the axis */

static fire_status fit(const dft_attrs *t, int n_in, const fire_tensor *in, sizes *p, fire_error *err) {
    const fire_shape *x = &in[0].shape;
    char text[FIRE_SHAPE_TEXT];
    int64_t axis = -2;
    for (int i = 1; i < n_in && i < 3; i++) {
        if (!in[i].type) continue;
        fire_status s = fire_want_index(&in[i], i == 1 ? "dft_length" : "axis", err);
        if (s) return s;
        if (!in[i].data || fire_count(&in[i].shape) != 1) return fire_fail(err, FIRE_E_SHAPE, "%s is not one constant number", i == 1 ? "dft_length" : "axis");
    }
    if (n_in > 2 && in[2].type) axis = fire_whole(fire_get(&in[2], 0));
    fire_status s = fire_axis(axis, x->rank, &p->axis, err);
    if (s) return s;
    int64_t parts = x->rank ? x->dim[x->rank - 1] : 0;
    if (x->rank < 2 || p->axis == x->rank - 1 || (parts != 1 && parts != 2)) return fire_fail(err, FIRE_E_SHAPE, "the input is %s, expected [..., 1] or [..., 2] and another axis than the last", fire_shape_text(x, text));
    p->x = x->dim[p->axis];
    if (p->x < 1) return fire_fail(err, p->x < 0 ? FIRE_E_UNSUPPORTED : FIRE_E_SHAPE, "a transform along a dimension of size %lld", (long long)p->x);
    p->length = t->inverse && t->onesided ? 2 * (p->x - 1) : p->x;
    if (n_in > 1 && in[1].type) p->length = fire_whole(fire_get(&in[1], 0));
    if (p->length < 1 || p->length > 1 << 30) return fire_fail(err, FIRE_E_SHAPE, "a transform of length %lld", (long long)p->length);
    p->y = t->onesided && !t->inverse ? p->length / 2 + 1 : p->length;
    return FIRE_OK;
}

static fire_status dft_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    const dft_attrs *t = attrs;
    sizes p;
    fire_status s = fire_want_float(&in[0], "input", err);
    if (!s) s = fit(t, n_in, in, &p, err);
    if (s) return s;
    out[0].type = in[0].type;
    out[0].shape = in[0].shape;
    out[0].shape.dim[p.axis] = p.y;
    out[0].shape.dim[out[0].shape.rank - 1] = t->inverse && t->onesided ? 1 : 2;
    return FIRE_OK;
}

/* Signal, spectrum, roots of one and a row of products. */
static size_t dft_scratch(const fire_call *call) {
    sizes p = {0};
    return fit(call->attrs, call->n_in, call->in, &p, NULL) ? 0 : 4 * (size_t)p.length * sizeof(pair);
}

static pair times(pair a, pair b) { return (pair){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }

/* y[n] of x[0], x[step]...: the transforms of every p-th number, p the smallest divisor of n, put together (Cooley and Tukey, 1965). root[total] are
** the roots of one. */
static void transform(int64_t n, const pair *x, int64_t step, pair *y, const pair *root, int64_t total, pair *row) {
    int64_t p = 2;
    if (n == 1) { y[0] = x[0]; return; }
    while (n % p && p * p <= n) p++;
    if (n % p) p = n;
    const int64_t m = n / p;
    for (int64_t r = 0; r < p; r++) transform(m, x + r * step, step * p, y + r * m, root, total, row);
    for (int64_t k = 0; k < m; k++) {
        for (int64_t r = 0; r < p; r++) row[r] = times(y[r * m + k], root[r * k * (total / n)]);
        for (int64_t q = 0; q < p; q++) {
            pair sum = row[0];
            for (int64_t r = 1; r < p; r++) {
                pair part = times(row[r], root[r * q % p * (total / p)]);
                sum.re += part.re, sum.im += part.im;
            }
            y[q * m + k] = sum;
        }
    }
}

static void dft_run(const fire_call *call) {
    const dft_attrs *t = call->attrs;
    const fire_tensor *x = &call->in[0], *y = &call->out[0];
    sizes p;
    if (fit(t, call->n_in, call->in, &p, NULL)) return;
    const int64_t n = p.length, parts = x->shape.dim[x->shape.rank - 1], to = y->shape.dim[y->shape.rank - 1];
    pair *signal = call->scratch, *spectrum = signal + n, *root = spectrum + n, *row = root + n;
    int64_t outer = 1, inner = 1;
    for (int d = 0; d < p.axis; d++) outer *= x->shape.dim[d];
    for (int d = p.axis + 1; d < x->shape.rank - 1; d++) inner *= x->shape.dim[d];
    for (int64_t k = 0; k < n; k++) {
        double angle = 2 * 3.14159265358979323846 * (double)k / (double)n;
        root[k] = (pair){cos(angle), t->inverse ? sin(angle) : -sin(angle)};
    }
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++) {
            const int64_t half = n / 2 + 1, have = t->inverse && t->onesided && half < p.x ? half : p.x;
            for (int64_t k = 0; k < n; k++) {
                int64_t at = ((o * p.x + k) * inner + i) * parts;
                signal[k] = k < have ? (pair){fire_get(x, at), parts > 1 ? fire_get(x, at + 1) : 0} : (pair){0, 0};
            }
            if (t->inverse && t->onesided) {
                signal[0].im = 0;
                if (n % 2 == 0) signal[n / 2].im = 0;
                for (int64_t k = 1; k < n - k; k++) signal[n - k] = (pair){signal[k].re, -signal[k].im};
            }
            transform(n, signal, 1, spectrum, root, n, row);
            for (int64_t k = 0; k < p.y; k++) {
                int64_t at = ((o * p.y + k) * inner + i) * to;
                fire_put(y, at, t->inverse ? spectrum[k].re / (double)n : spectrum[k].re);
                if (to > 1) fire_put(y, at + 1, t->inverse ? spectrum[k].im / (double)n : spectrum[k].im);
            }
        }
}

static int64_t dft_flops(const fire_call *call) {
    sizes p;
    if (fit(call->attrs, call->n_in, call->in, &p, NULL)) return 0;
    return FIRE_WORK(8, fire_count(&call->in[0].shape) / p.x + 1, p.length, 16);
}

const fire_op fire_op_dft = {
    .name = "DFT", .values = 6, .help = "discrete Fourier transform",
    .min_in = 1, .max_in = 3, .n_out = 1, .attrs = attrs_of_dft, .attr_size = sizeof(dft_attrs), .infer = dft_infer, .run = dft_run, .scratch = dft_scratch, .flops = dft_flops,
    .examples = {"[2,8,1]", "[2,7,2] inverse=1", "[2,6,3,1] i64[]{9} i64[]{1} onesided=1", "[3,5,2] i64[]{4}", "[2,5,2] i64[]{8} inverse=1 onesided=1", "[2,4,2] - i64[]{-2} inverse=1 onesided=1", "[2,30,2]"},
};
