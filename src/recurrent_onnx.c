/* recurrent_onnx.c - ONNX's RNN, LSTM and GRU: shapes and reference. Steps behind a row's length give 0; backwards, a row begins at its last one. */
#include "recurrent_onnx.h"
#include <stdio.h>

enum { X, W, R, B, LENGTHS, H0, C0, PEEPHOLES };

/* ---- activations ---- */

/* ONNX's names; which take alpha and beta, and their defaults. */
static const struct { const char *name; bool alpha, beta; double a, b; } functions_[] = {
    {"Affine", true, true, 1, 0}, {"Elu", true, false, 1, 0}, {"HardSigmoid", true, true, 0.2, 0.5}, {"LeakyRelu", true, false, 0.01, 0}, {"Relu", false, false, 0, 0},
    {"ScaledTanh", true, true, 1, 1}, {"Sigmoid", false, false, 0, 0}, {"Softplus", false, false, 0, 0}, {"Softsign", false, false, 0, 0}, {"Tanh", false, false, 0, 0},
    {"ThresholdedRelu", true, false, 1, 0},
};
enum { N_FUNCTIONS = sizeof functions_ / sizeof *functions_, MOST = 6 };
typedef struct { int kind; double alpha, beta; } function;

static double apply(const function *f, double x) {
    double a = f->alpha, b = f->beta, y;
    switch (functions_[f->kind].name[0]) {
    case 'A': return a * x + b;
    case 'E': return x > 0 ? x : a * expm1(x);
    case 'H': y = a * x + b; return y < 0 ? 0 : y > 1 ? 1 : y;
    case 'L': return x > 0 ? x : a * x;
    case 'R': return fire_curve_at(FIRE_RELU, x);
    case 'S': return !strcmp(functions_[f->kind].name, "ScaledTanh") ? a * tanh(b * x) : fire_curve_at(!strcmp(functions_[f->kind].name, "Sigmoid") ? FIRE_SIGMOID : !strcmp(functions_[f->kind].name, "Softplus") ? FIRE_SOFTPLUS : FIRE_SOFTSIGN, x);
    default: return functions_[f->kind].name[1] == 'a' ? tanh(x) : x > a ? x : 0;
    }
}

/* The functions of all directions, `each` for one; false: an unknown name or a wrong number of them. */
static bool read_functions(const fire_onnx_rnn_attrs *t, int directions, int each, function f[MOST]) {
    int n = 0, alpha = 0, beta = 0;
    const char *p = t->activations;
    if (!*p) {
        for (n = 0; n < directions * each; n++) f[n] = (function){n % each == 0 && each > 1 ? 6 : 9, 0, 0};
        return true;
    }
    while (*p && n < directions * each) {
        size_t k = strcspn(p, ",");
        int kind = 0;
        while (kind < N_FUNCTIONS && (strlen(functions_[kind].name) != k || strncmp(functions_[kind].name, p, k))) kind++;
        if (kind == N_FUNCTIONS) return false;
        f[n] = (function){kind, functions_[kind].a, functions_[kind].b};
        if (functions_[kind].alpha && alpha < t->alpha.n) f[n].alpha = t->alpha.v[alpha++];
        if (functions_[kind].beta && beta < t->beta.n) f[n].beta = t->beta.v[beta++];
        n++;
        p += k + (p[k] == ',');
    }
    return !*p && n == directions * each;
}

/* ---- shapes ---- */

static int directions_of(const fire_onnx_rnn_attrs *t) { return t->direction[0] == 'b' ? 2 : 1; }

static fire_status want(int n_in, const fire_tensor *in, int i, fire_type type, const char *what, fire_shape expected, fire_error *err) {
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    if (i >= n_in || !in[i].type || (in[i].type == type && fire_same_shape(&in[i].shape, &expected))) return FIRE_OK;
    return fire_fail(err, FIRE_E_SHAPE, "%s is %s %s, expected %s %s", what, fire_type_text(in[i].type), fire_shape_text(&in[i].shape, a), fire_type_text(type), fire_shape_text(&expected, b));
}

fire_status fire_onnx_rnn_infer(int gates, int functions, const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    const fire_onnx_rnn_attrs *t = attrs;
    function f[MOST];
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    fire_status s = fire_want_float(&in[X], "X", err);
    if (s) return s;
    const fire_shape *x = &in[X].shape, *r = &in[R].shape;
    if (x->rank != 3 || r->rank != 3) return fire_fail(err, FIRE_E_SHAPE, "X %s and R %s, expected [t, n, features] and [directions, %d units, units]", fire_shape_text(x, a), fire_shape_text(r, b), gates);
    int64_t d = directions_of(t), u = r->dim[2], n = x->dim[1];
    if (u < 1 || u > INT64_MAX / 16 || (t->hidden_size && t->hidden_size != u)) return fire_fail(err, FIRE_E_SHAPE, "hidden_size is %lld, but R is %s", (long long)t->hidden_size, fire_shape_text(r, b));
    if (!read_functions(t, (int)d, functions, f)) return fire_fail(err, FIRE_E_UNSUPPORTED, "activations are '%.60s', expected %d names of functions that ONNX knows", t->activations, (int)d * functions);
    fire_shape state = {3, {d, n, u}};
    s = want(n_in, in, W, in[X].type, "W", (fire_shape){3, {d, gates * u, x->dim[2]}}, err);
    if (!s) s = want(n_in, in, R, in[X].type, "R", (fire_shape){3, {d, gates * u, u}}, err);
    if (!s) s = want(n_in, in, B, in[X].type, "B", (fire_shape){2, {d, 2 * gates * u}}, err);
    if (!s) s = want(n_in, in, LENGTHS, FIRE_I32, "sequence_lens", (fire_shape){1, {n}}, err);
    if (!s) s = want(n_in, in, H0, in[X].type, "initial_h", state, err);
    if (!s) s = want(n_in, in, C0, in[X].type, "initial_c", state, err);
    if (!s) s = want(n_in, in, PEEPHOLES, in[X].type, "P", (fire_shape){2, {d, 3 * u}}, err);
    if (s) return s;
    out[0] = (fire_tensor){in[X].type, {4, {x->dim[0], d, n, u}}, NULL};
    out[1] = (fire_tensor){in[X].type, state, NULL};
    if (gates == 4) out[2] = out[1];
    return FIRE_OK;
}

/* ---- reference ---- */

/* h, c, and of a row: z of x and z of h for all gates, the new h. */
size_t fire_onnx_rnn_scratch(int gates, const fire_call *call) {
    int64_t u = call->in[R].shape.dim[2];
    return (size_t)(2 * u + 2 * gates * u + u) * sizeof(double);
}

/* What goes into the activation of a gate is cut to [-clip, clip] where clip is given (the state is not, as in onnxruntime). */
static double enter(const fire_onnx_rnn_attrs *t, const function *f, double x) {
    return apply(f, t->clip < 0 ? x : x > t->clip ? t->clip : x < -t->clip ? -t->clip : x);
}

/* One step of one row: x is row `at` of X; h and c are moved on. Gates of LSTM: i o f c; of GRU: z r h. Peepholes [i, o, f] let the gates see c, the output
** gate the new one; input_forget makes the forget gate 1 - i. */
static void step_row(int gates, bool linear, const fire_call *call, const function *f, int64_t d, int64_t at, double *h, double *c, double *zx) {
    const fire_tensor *b = &call->in[B];
    int64_t features = call->in[X].shape.dim[2], u = call->in[R].shape.dim[2], wide = gates * u;
    double *zh = zx + wide, *fresh = zh + wide;
    const fire_onnx_rnn_attrs *t = call->attrs;
    const fire_tensor *p = gates == 4 && call->n_in > PEEPHOLES && call->in[PEEPHOLES].type ? &call->in[PEEPHOLES] : NULL;
    for (int64_t j = 0; j < wide; j++) {
        zx[j] = b->type ? fire_get(b, d * 2 * wide + j) : 0;
        zh[j] = b->type ? fire_get(b, d * 2 * wide + wide + j) : 0;
        for (int64_t k = 0; k < features; k++) zx[j] += fire_get(&call->in[X], at * features + k) * fire_get(&call->in[W], (d * wide + j) * features + k);
        for (int64_t k = 0; k < u; k++) zh[j] += h[k] * fire_get(&call->in[R], (d * wide + j) * u + k);
    }
    for (int64_t j = 0; j < u; j++) {
        if (gates == 1) fresh[j] = enter(t, &f[0], zx[j] + zh[j]);
        else if (gates == 4) {
            double pi = p ? fire_get(p, d * 3 * u + j) : 0, po = p ? fire_get(p, (d * 3 + 1) * u + j) : 0, pf = p ? fire_get(p, (d * 3 + 2) * u + j) : 0;
            double in = enter(t, &f[0], zx[j] + zh[j] + pi * c[j]), forget = t->input_forget ? 1 - in : enter(t, &f[0], zx[2 * u + j] + zh[2 * u + j] + pf * c[j]);
            c[j] = forget * c[j] + in * enter(t, &f[1], zx[3 * u + j] + zh[3 * u + j]);
            double out = enter(t, &f[0], zx[u + j] + zh[u + j] + po * c[j]);
            fresh[j] = out * apply(&f[2], c[j]);
        } else {
            zx[j] = enter(t, &f[0], zx[j] + zh[j]);
            zx[u + j] = enter(t, &f[0], zx[u + j] + zh[u + j]);
        }
    }
    for (int64_t j = 0; gates == 3 && j < u; j++) {
        double sum = linear ? zx[u + j] * zh[2 * u + j] : b->type ? fire_get(b, d * 2 * wide + wide + 2 * u + j) : 0;
        for (int64_t k = 0; k < u && !linear; k++) sum += zx[u + k] * h[k] * fire_get(&call->in[R], (d * wide + 2 * u + j) * u + k);
        fresh[j] = (1 - zx[j]) * enter(t, &f[1], zx[2 * u + j] + sum) + zx[j] * h[j];
    }
    for (int64_t j = 0; j < u; j++) h[j] = fresh[j];
}

void fire_onnx_rnn_run(int gates, int functions, const fire_call *call) {
    const fire_onnx_rnn_attrs *t = call->attrs;
    const fire_shape *y = &call->out[0].shape;
    int64_t steps = y->dim[0], directions = y->dim[1], n = y->dim[2], u = y->dim[3];
    const int32_t *lengths = call->in[LENGTHS].type ? call->in[LENGTHS].data : NULL;
    double *h = call->scratch, *c = h + u;
    function f[MOST];
    if (!read_functions(t, (int)directions, functions, f)) return;
    for (int64_t d = 0; d < directions; d++)
        for (int64_t row = 0; row < n; row++) {
            bool back = d == 1 || t->direction[0] == 'r';
            int64_t length = lengths ? lengths[row] : steps, state = (d * n + row) * u;
            if (length < 0 || length > steps) length = length < 0 ? 0 : steps;
            for (int64_t j = 0; j < u; j++) {
                h[j] = call->in[H0].type ? fire_get(&call->in[H0], state + j) : 0;
                c[j] = gates == 4 && call->in[C0].type ? fire_get(&call->in[C0], state + j) : 0;
            }
            for (int64_t k = 0; k < steps; k++) {
                int64_t time = k >= length ? k : back ? length - 1 - k : k;
                if (k < length) step_row(gates, t->linear_before_reset != 0, call, f + d * functions, d, time * n + row, h, c, c + u);
                for (int64_t j = 0; j < u; j++) fire_put(&call->out[0], ((time * directions + d) * n + row) * u + j, k < length ? h[j] : 0);
            }
            for (int64_t j = 0; j < u; j++) {
                fire_put(&call->out[1], state + j, h[j]);
                if (gates == 4) fire_put(&call->out[2], state + j, c[j]);
            }
        }
}

int64_t fire_onnx_rnn_flops(int gates, const fire_call *call) {
    const fire_shape *y = &call->out[0].shape;
    return FIRE_WORK(2, y->dim[0], y->dim[1], y->dim[2], gates, y->dim[3], y->dim[3] + call->in[X].shape.dim[2] + 4);
}
