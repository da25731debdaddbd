/* recurrent.c - shapes, activations and gradients' nodes that the recurrences share; see recurrent.h. */
#include "recurrent.h"

static const char *const curve_names[] = {"elu", "exponential", "hard_sigmoid", "hard_sigmoid_keras2", "leaky_relu", "linear", "relu", "relu6", "selu", "sigmoid", "softplus", "softsign", "tanh"};

fire_curve fire_curve_named(const char *name) {
    for (int k = 0; k <= FIRE_TANH; k++)
        if (!strcmp(name, curve_names[k])) return (fire_curve)k;
    return FIRE_LINEAR;
}

double fire_curve_at(fire_curve k, double x) {
    switch (k) {
    case FIRE_ELU: return x > 0 ? x : expm1(x);
    case FIRE_EXPONENTIAL: return exp(x);
    case FIRE_HARD_SIGMOID: return x <= -3 ? 0 : x >= 3 ? 1 : x / 6 + 0.5;
    case FIRE_HARD_SIGMOID_KERAS2: return x <= -2.5 ? 0 : x >= 2.5 ? 1 : 0.2 * x + 0.5;
    case FIRE_LEAKY_RELU: return x > 0 ? x : 0.2 * x;
    case FIRE_RELU: return x > 0 ? x : x != x ? x : 0;
    case FIRE_RELU6: return x > 6 ? 6 : x > 0 ? x : x != x ? x : 0;
    case FIRE_SELU: return FIRE_SELU_SCALE * (x > 0 ? x : FIRE_SELU_ALPHA * expm1(x));
    case FIRE_SIGMOID: return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
    case FIRE_SOFTPLUS: return fmax(x, 0) + log1p(exp(-fabs(x)));
    case FIRE_SOFTSIGN: return x / (1 + fabs(x));
    case FIRE_TANH: return tanh(x);
    default: return x;
    }
}

double fire_curve_slope(fire_curve k, double y) {
    switch (k) {
    case FIRE_ELU: return y > 0 ? 1 : y + 1;
    case FIRE_EXPONENTIAL: return y;
    case FIRE_HARD_SIGMOID: return y > 0 && y < 1 ? 1.0 / 6 : 0;
    case FIRE_HARD_SIGMOID_KERAS2: return y > 0 && y < 1 ? 0.2 : 0;
    case FIRE_LEAKY_RELU: return y > 0 ? 1 : 0.2;
    case FIRE_RELU: return y > 0;
    case FIRE_RELU6: return y > 0 && y < 6;
    case FIRE_SELU: return y > 0 ? FIRE_SELU_SCALE : y + FIRE_SELU_SCALE * FIRE_SELU_ALPHA;
    case FIRE_SIGMOID: return y * (1 - y);
    case FIRE_SOFTPLUS: return -expm1(-y);
    case FIRE_SOFTSIGN: return (1 - fabs(y)) * (1 - fabs(y));
    case FIRE_TANH: return (1 - y) * (1 + y);
    default: return 1;
    }
}

/* ---- shapes ---- */

static fire_status want(const fire_tensor *t, fire_type type, const char *what, fire_shape expected, fire_error *err) {
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    if (!t->type || (t->type == type && fire_same_shape(&t->shape, &expected))) return FIRE_OK;
    return fire_fail(err, FIRE_E_SHAPE, "%s is %s %s, expected %s %s", what, fire_type_text(t->type), fire_shape_text(&t->shape, a), fire_type_text(type),
                     fire_shape_text(&expected, b));
}

static void read_attrs(const void *attrs, int gates, fire_recurrent *s) {
    const fire_recurrent_attrs *a = attrs;
    s->gates = gates;
    s->reverse = a->reverse;
    s->truncate = a->truncate;
    s->act = fire_curve_named(a->activation);
    s->gate = fire_curve_named(a->recurrent_activation);
}

/* From gates [t, n, g u] and r [u, g u]. */
static fire_status fit(const void *attrs, int gates, const fire_tensor *x, const fire_tensor *r, fire_recurrent *s, fire_error *err) {
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    fire_status st = fire_want_float(x, "input", err);
    if (st) return st;
    if (x->shape.rank != 3 || r->type != x->type || r->shape.rank != 2 || r->shape.dim[1] != x->shape.dim[2] || r->shape.dim[0] < 0 ||
        r->shape.dim[0] > INT64_MAX / 8 || r->shape.dim[1] != gates * r->shape.dim[0])
        return fire_fail(err, FIRE_E_SHAPE, "projected input %s %s and recurrent weights %s %s, expected [t, n, %d u] and [u, %d u]", fire_type_text(x->type),
                         fire_shape_text(&x->shape, a), fire_type_text(r->type), fire_shape_text(&r->shape, b), gates, gates);
    *s = (fire_recurrent){.t = x->shape.dim[0], .n = x->shape.dim[1], .u = r->shape.dim[0]};
    read_attrs(attrs, gates, s);
    return FIRE_OK;
}

static fire_status fit_common(const fire_recurrent *s, fire_type type, const fire_tensor *h0, const fire_tensor *mask, const fire_tensor *drop, fire_error *err) {
    fire_status st = want(h0, type, "the first state", (fire_shape){2, {s->n, s->u}}, err);
    if (!st) st = want(mask, FIRE_BOOL, "the mask", (fire_shape){2, {s->n, s->t}}, err);
    return st ? st : want(drop, type, "dropout", (fire_shape){2, {s->n, s->gates * s->u}}, err);
}

static fire_tensor nth(int n_in, const fire_tensor *in, int i) { return i < n_in ? in[i] : (fire_tensor){0}; }

fire_status fire_recurrent_fit(const void *attrs, int gates, int biases, int n_in, const fire_tensor *in, fire_recurrent *s, fire_error *err) {
    fire_status st = fit(attrs, gates, &in[FIRE_SEQ_XW], &in[FIRE_SEQ_R], s, err);
    if (st) return st;
    fire_type type = in[0].type;
    fire_tensor b = nth(n_in, in, FIRE_SEQ_B), h0 = nth(n_in, in, FIRE_SEQ_H0), mask = nth(n_in, in, FIRE_SEQ_MASK), drop = nth(n_in, in, FIRE_SEQ_DROP), c0 = nth(n_in, in, FIRE_SEQ_C0);
    st = want(&b, type, "the bias", biases == 1 ? (fire_shape){1, {gates * s->u}} : (fire_shape){2, {biases, gates * s->u}}, err);
    if (!st) st = fit_common(s, type, &h0, &mask, &drop, err);
    return st ? st : want(&c0, type, "the first carry", (fire_shape){2, {s->n, s->u}}, err);
}

fire_status fire_recurrent_back_fit(const void *attrs, int gates, int n_in, const fire_tensor *in, fire_recurrent *s, fire_error *err) {
    fire_status st = fit(attrs, gates, &in[FIRE_BACK_GATES], &in[FIRE_BACK_R], s, err);
    if (st) return st;
    fire_type type = in[0].type;
    const fire_shape steps = {3, {s->t, s->n, s->u}}, state = {2, {s->n, s->u}};
    fire_tensor h0 = nth(n_in, in, FIRE_BACK_H0), mask = nth(n_in, in, FIRE_BACK_MASK), drop = nth(n_in, in, FIRE_BACK_DROP), c0 = nth(n_in, in, FIRE_BACK_C0),
                dy = nth(n_in, in, FIRE_BACK_DY), dh = nth(n_in, in, FIRE_BACK_DH), dc = nth(n_in, in, FIRE_BACK_DC);
    fire_tensor kept = nth(n_in, in, FIRE_BACK_KEPT);
    if (gates > 1 && !kept.type) return fire_fail(err, FIRE_E_USAGE, "what the forward pass kept is missing");
    st = want(&in[FIRE_BACK_Y], type, "the states", steps, err);
    if (!st) st = want(&kept, type, "what was kept", steps, err);
    if (!st) st = fit_common(s, type, &h0, &mask, &drop, err);
    if (!st) st = want(&c0, type, "the first carry", state, err);
    if (!st) st = want(&dy, type, "the gradient of the states", steps, err);
    if (!st) st = want(&dh, type, "the gradient of the last state", state, err);
    return st ? st : want(&dc, type, "the gradient of the last carry", state, err);
}

fire_recurrent fire_recurrent_sizes(const void *attrs, int gates, const fire_tensor *y) {
    fire_recurrent s = {.t = y->shape.dim[0], .n = y->shape.dim[1], .u = y->shape.dim[2]};
    read_attrs(attrs, gates, &s);
    return s;
}

fire_tensor fire_recurrent_steps(const fire_recurrent *s, fire_type type, int wide) { return (fire_tensor){type, {3, {s->t, s->n, wide * s->u}}, NULL}; }
fire_tensor fire_recurrent_state(const fire_recurrent *s, fire_type type) { return (fire_tensor){type, {2, {s->n, s->u}}, NULL}; }

int64_t fire_recurrent_flops(const fire_recurrent *s, int times) { return FIRE_WORK(2 * times, s->t, s->n, s->gates, s->u, s->u + 4); }

/* ---- reference ---- */

double fire_sum_recurrent(const fire_call *call, const fire_recurrent *s, const double *h, int64_t row, int gate, int64_t j) {
    const fire_tensor *r = &call->in[FIRE_SEQ_R], *drop = &call->in[FIRE_SEQ_DROP];
    double sum = 0;
    for (int64_t k = 0; k < s->u; k++) sum += h[k] * fire_drop_factor(drop, s, row, gate, k) * fire_get(r, (k * s->gates + gate) * s->u + j);
    return sum;
}

double fire_state_at(const fire_tensor *y, const fire_tensor *first, const fire_recurrent *s, int64_t before, int64_t row, int64_t j) {
    if (before >= 0) return fire_get(y, (before * s->n + row) * s->u + j);
    return first->type ? fire_get(first, row * s->u + j) : 0;
}

void fire_recurrent_grad(fire_graph *g, const fire_node *n, const char *op, int gates_out, int y_out, int kept_out, int h_out, int c_out, const fire_value *dy, fire_value *dx) {
    char text[FIRE_ATTRS_TEXT];
    const fire_value *in = n->in, *out = n->out;
    fire_value from[FIRE_BACK_IN] = {0}, to[FIRE_MAX_OUT] = {0};
    from[FIRE_BACK_GATES] = out[gates_out];
    from[FIRE_BACK_Y] = out[y_out];
    if (kept_out >= 0) from[FIRE_BACK_KEPT] = out[kept_out];
    from[FIRE_BACK_R] = in[FIRE_SEQ_R];
    from[FIRE_BACK_H0] = in[FIRE_SEQ_H0];
    from[FIRE_BACK_MASK] = in[FIRE_SEQ_MASK];
    from[FIRE_BACK_DROP] = in[FIRE_SEQ_DROP];
    from[FIRE_BACK_DY] = dy[y_out];
    from[FIRE_BACK_DH] = dy[h_out];
    int n_in = FIRE_BACK_DH + 1;
    if (c_out >= 0) from[FIRE_BACK_C0] = in[FIRE_SEQ_C0], from[FIRE_BACK_DC] = dy[c_out], n_in = FIRE_BACK_IN;
    if (fire_apply_all(g, op, n_in, from, fire_node_attrs(n, text), to)) return;
    dx[FIRE_SEQ_XW] = to[0];
    dx[FIRE_SEQ_R] = to[1];
    dx[FIRE_SEQ_B] = to[2];
    dx[FIRE_SEQ_H0] = to[3];
    if (c_out >= 0) dx[FIRE_SEQ_C0] = to[4];
}
