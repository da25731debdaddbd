/* recurrent_lower.c - our own recurrences as ONNX's RNN, LSTM and GRU, for model files.
**
** Gates, weights and biases are put in ONNX's order by nodes, so that the file holds the weights as they are. ONNX knows lengths, no masks: with
** one, the steps that count are moved to the front of each row, by a product with a matrix of zeros and ones, and the states are read back where
** they belong, by another.
*/
#include "compose.h"
#include "recurrent_onnx.h"
#include <stdio.h>

static const fire_node *made_by(const fire_graph *g, fire_value v, const char *op) {
    const fire_node *n = g->first.status ? NULL : fire_producer(g, v);
    return n && !strcmp(n->op->name, op) ? n : NULL;
}

/* What xw [t, n, wide] is a projection of: x [t, n, f] by w [f, wide]; the layers make it as Reshape(Gemm(Reshape(x), w)). */
static bool projection(const fire_graph *g, fire_value xw, fire_value *x, fire_value *w) {
    const fire_node *outer = made_by(g, xw, "Reshape"), *gemm = outer ? made_by(g, outer->in[0], "Gemm") : NULL, *inner = gemm ? made_by(g, gemm->in[0], "Reshape") : NULL;
    if (!inner || gemm->n_in != 2 || fire_shape_of(g, inner->in[0]).rank != 3) return false;
    *x = inner->in[0];
    *w = gemm->in[1];
    fire_shape a = fire_shape_of(g, *x), b = fire_shape_of(g, *w), c = fire_shape_of(g, xw);
    return a.dim[0] == c.dim[0] && a.dim[1] == c.dim[1] && a.dim[2] == b.dim[0] && b.dim[1] == c.dim[2];
}

/* Keras' i f c o as ONNX's i o f c: rows [4 u, k]. */
static fire_value reorder(fire_graph *g, fire_value v, int gates, int64_t u, int64_t k) {
    static const int64_t order[] = {0, 3, 1, 2};
    if (gates != 4) return v;
    v = fire_reshape(g, v, (fire_shape){3, {4, u, k}});
    v = fire_apply(g, "Gather", 2, FIRE_IN(v, fire_graph_const(g, FIRE_I64, (fire_shape){1, {4}}, order)), "axis=0");
    return fire_reshape(g, v, (fire_shape){2, {4 * u, k}});
}

static fire_value weights(fire_graph *g, fire_value w, int gates, int64_t u) {
    int64_t k = fire_shape_of(g, w).dim[0];
    return fire_reshape(g, reorder(g, fire_transpose(g, w, 2, (const int64_t[]){1, 0}), gates, u, k), (fire_shape){3, {1, gates * u, k}});
}

/* [1, 2 gates u]: the input's bias, then the recurrent one. */
static fire_value biases(fire_graph *g, fire_value b, int gates, int64_t u) {
    if (!b) return 0;
    fire_shape one = {2, {1, gates * u}};
    if (fire_shape_of(g, b).rank == 2) return fire_reshape(g, b, (fire_shape){2, {1, 2 * gates * u}});
    b = fire_reshape(g, reorder(g, fire_reshape(g, b, (fire_shape){2, {gates * u, 1}}), gates, u, 1), one);
    return fire_apply(g, "Concat", 2, FIRE_IN(b, fire_filled(g, fire_type_of(g, b), one, 0)), "axis=1");
}

/* ONNX's names of activations, with the numbers that make them Keras'. False: ONNX has none such. */
static bool add_function(const char *curve, char *names, char *alpha, char *beta, size_t capacity) {
    static const struct { const char *curve, *name, *alpha, *beta; } all[] = {
        {"elu", "Elu", "1", NULL}, {"hard_sigmoid", "HardSigmoid", "0.16666666666666666", "0.5"}, {"hard_sigmoid_keras2", "HardSigmoid", "0.2", "0.5"}, {"leaky_relu", "LeakyRelu", "0.2", NULL}, {"linear", "Affine", "1", "0"},
        {"relu", "Relu", NULL, NULL}, {"sigmoid", "Sigmoid", NULL, NULL}, {"softplus", "Softplus", NULL, NULL}, {"softsign", "Softsign", NULL, NULL}, {"tanh", "Tanh", NULL, NULL}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcmp(all[i].curve, curve)) continue;
        const char *const part[] = {all[i].name, all[i].alpha, all[i].beta};
        char *const to[] = {names, alpha, beta};
        for (int k = 0; k < 3; k++) {
            size_t at = strlen(to[k]);
            if (part[k]) snprintf(to[k] + at, capacity - at, "%s%s", at ? "," : "", part[k]);
        }
        return true;
    }
    return false;
}

/* 1 where a[n, t] + shift is the place in the last dimension of [n, t, t], else 0. */
static fire_value at_place(fire_graph *g, fire_value a, int64_t steps) {
    fire_type type = fire_type_of(g, a);
    void *numbers = g->first.status ? NULL : fire_alloc(g->ctx, (size_t)steps, fire_type_size(type), &g->first);
    if (!numbers) return 0;
    fire_tensor t = {type, {1, {steps}}, numbers};
    for (int64_t i = 0; i < steps; i++) fire_put(&t, i, (double)i);
    fire_value places = fire_graph_const(g, type, t.shape, numbers);
    fire_free(g->ctx, numbers);
    return fire_cast(g, fire_two(g, "Equal", fire_unsqueeze(g, a, 1u << 2), places), type);
}

static fire_value either(fire_graph *g, fire_value condition, fire_value a, fire_value b) { return fire_apply(g, "Where", 3, FIRE_IN(condition, a, b), NULL); }

void fire_recurrent_lower(fire_graph *g, const fire_node *n, const char *op, int gates, const fire_value *in, fire_value *y, fire_value *h, fire_value *c) {
    const fire_recurrent_attrs *t = n->attrs;
    char text[3 * FIRE_ATTR_TEXT_SIZE], names[128] = "", alpha[128] = "", beta[128] = "";
    fire_value x = in[FIRE_SEQ_XW], w = 0, h0 = n->n_in > FIRE_SEQ_H0 ? in[FIRE_SEQ_H0] : 0, c0 = n->n_in > FIRE_SEQ_C0 ? in[FIRE_SEQ_C0] : 0, mask = n->n_in > FIRE_SEQ_MASK ? in[FIRE_SEQ_MASK] : 0;
    if (g->first.status) return;
    if (n->n_in > FIRE_SEQ_DROP && in[FIRE_SEQ_DROP]) {
        fire_graph_fail(g, FIRE_E_UNSUPPORTED, "layer %s: recurrent dropout belongs to training: it cannot be saved", n->layer ? n->layer : "?");
        return;
    }
    bool gate = gates == 1 || add_function(t->recurrent_activation, names, alpha, beta, sizeof names), act = gate && add_function(t->activation, names, alpha, beta, sizeof names);
    if (act && gates == 4) add_function(t->activation, names, alpha, beta, sizeof names);
    if (!act) {
        fire_graph_fail(g, FIRE_E_UNSUPPORTED, "layer %s: ONNX's %s has no activation %s: it cannot be saved", n->layer ? n->layer : "?", op, gate ? t->activation : t->recurrent_activation);
        return;
    }
    fire_shape xw = fire_shape_of(g, x);
    int64_t steps = xw.dim[0], u = fire_shape_of(g, in[FIRE_SEQ_R]).dim[0], wide = gates * u;
    fire_type type = fire_type_of(g, x);
    if (!projection(g, x, &x, &w)) { /* then the projected inputs are projected by a unit matrix */
        double *unit = fire_alloc(g->ctx, (size_t)(wide * wide), sizeof *unit, &g->first);
        if (!unit) return;
        fire_tensor one = {type, {2, {wide, wide}}, unit};
        for (int64_t i = 0; i < wide; i++) fire_put(&one, i * wide + i, 1);
        w = fire_graph_const(g, type, one.shape, unit);
        fire_free(g->ctx, unit);
    }
    const int64_t turn[] = {1, 0, 2};
    fire_value count = 0, lengths = 0, m = 0;
    if (mask) {
        m = fire_cast(g, mask, type);
        count = fire_apply(g, "CumSum", 2, FIRE_IN(m, fire_graph_const(g, FIRE_I64, (fire_shape){0}, (const int64_t[]){1})), NULL); /* of the steps that count, with this one */
        fire_value to = fire_two(g, "Mul", at_place(g, fire_plus(g, count, -1), steps), fire_unsqueeze(g, m, 1u << 2)); /* [n, from, to] */
        fire_value moved = fire_two(g, "MatMul", fire_transpose(g, to, 3, (const int64_t[]){0, 2, 1}), fire_transpose(g, x, 3, turn));
        x = fire_transpose(g, moved, 3, turn);
        lengths = fire_over(g, "ReduceSum", m, 1u << 1, false);
    }
    snprintf(text, sizeof text, "hidden_size=%lld direction=%s activations=\"%s\" activation_alpha=[%s] activation_beta=[%s]%s", (long long)u, t->reverse ? "reverse" : "forward", names, alpha, beta,
             gates == 3 && t->reset_after ? " linear_before_reset=1" : "");
    fire_value full[] = {x, weights(g, w, gates, u), weights(g, in[FIRE_SEQ_R], gates, u), biases(g, n->n_in > FIRE_SEQ_B ? in[FIRE_SEQ_B] : 0, gates, u),
                         mask ? fire_cast(g, lengths, FIRE_I32) : 0, h0 ? fire_unsqueeze(g, h0, 1u << 0) : 0, c0 ? fire_unsqueeze(g, c0, 1u << 0) : 0};
    fire_value made[FIRE_MAX_OUT] = {0};
    if (fire_apply_all(g, op, gates == 4 ? 7 : 6, full, text, made)) return;
    fire_shape all = {3, {steps, xw.dim[1], u}}, state = {2, {xw.dim[1], u}};
    *y = fire_reshape(g, made[0], all);
    *h = fire_reshape(g, made[1], state);
    if (c) *c = fire_reshape(g, made[2], state);
    if (!mask) return;
    /* The state after a step is that of the last one that counts, at or before it (backwards: at or behind it); before the first it is h0. */
    fire_value place = t->reverse ? fire_two(g, "Sub", count, m) : fire_plus(g, count, -1), rows = fire_transpose(g, *y, 3, turn);
    fire_value read = fire_two(g, "MatMul", at_place(g, place, steps), rows);
    fire_value none = fire_two(g, "Less", lengths, fire_number(g, lengths, 0.5)), zero = fire_number(g, *h, 0);
    if (h0) {
        fire_value before = t->reverse ? fire_two(g, "GreaterOrEqual", place, fire_unsqueeze(g, lengths, 1u << 1)) : fire_two(g, "Less", place, fire_number(g, place, -0.5));
        read = either(g, fire_unsqueeze(g, before, 1u << 2), fire_unsqueeze(g, h0, 1u << 1), read);
    }
    *y = fire_transpose(g, read, 3, turn);
    *h = either(g, fire_unsqueeze(g, none, 1u << 1), h0 ? h0 : zero, *h);
    if (c) *c = either(g, fire_unsqueeze(g, none, 1u << 1), c0 ? c0 : zero, *c);
}
