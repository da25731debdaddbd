/* recurrent_layer.c - SimpleRNN, LSTM and GRU as operators: one product projects the inputs of all steps, the recurrence is an operator of
** its own (recurrent.h), and what Keras does about masks, order and dropout goes around the two. */
#include "recurrent_layer.h"
#include "compose.h"
#include <stdio.h>
#include <string.h>

const fire_rnn_kind fire_rnn_simple = {"SimpleRNN", "SimpleRNNSequence", 1, 1}, fire_rnn_lstm = {"LSTM", "LSTMSequence", 4, 2}, fire_rnn_gru = {"GRU", "GRUSequence", 3, 1};

const fire_rnn_kind *fire_rnn_kind_of(const char *layer) {
    const fire_rnn_kind *const all[] = {&fire_rnn_simple, &fire_rnn_lstm, &fire_rnn_gru};
    for (int i = 0; i < 3; i++)
        if (!strcmp(all[i]->layer, layer)) return all[i];
    return NULL;
}

fire_status fire_rnn_check(const void *attrs, fire_error *err) {
    const fire_rnn_attrs *t = attrs;
    if (t->units == 0) return fire_fail(err, FIRE_E_ATTRIBUTE, "units is missing; give the width of the state, as in units=10");
    fire_status s = fire_init_check(t->kernel_initializer, err);
    if (!s) s = fire_init_check(t->recurrent_initializer, err);
    return s ? s : fire_init_check(t->bias_initializer, err);
}

bool fire_rnn_keeps_state(const void *attrs) { return ((const fire_rnn_attrs *)attrs)->stateful; }

fire_value fire_reverse(fire_graph *g, fire_value x) {
    static const char *const op = "Slice";
    const fire_node *n = g->first.status ? NULL : fire_producer(g, x);
    const int64_t from[] = {-1, INT32_MIN, 1, -1};
    if (n && !strcmp(n->op->name, op) && n->n_in == 5) {
        bool same = true;
        for (int i = 0; i < 4 && same; i++) {
            const fire_tensor *v = &fire_look(g, n->in[1 + i])->tensor;
            same = v->data && v->type == FIRE_I64 && fire_count(&v->shape) == 1 && *(const int64_t *)v->data == from[i];
        }
        if (same) return n->in[0];
    }
    fire_value in[5] = {x};
    for (int i = 0; i < 4; i++) in[1 + i] = fire_graph_const(g, FIRE_I64, (fire_shape){1, {1}}, &from[i]);
    return fire_apply(g, op, 5, in, NULL);
}

/* x at one place of a dimension, which goes. */
static fire_value pick(fire_graph *g, fire_value x, int axis, int64_t place) {
    char text[32];
    snprintf(text, sizeof text, "axis=%d", axis);
    return fire_apply(g, "Gather", 2, FIRE_IN(x, fire_graph_const(g, FIRE_I64, (fire_shape){0}, &place)), text);
}

/* 1 / (1 - rate) or 0 for each of the numbers of one step's row, `like`, whose own numbers are not looked at. */
static fire_value factors(fire_build *b, fire_value like, double rate) {
    fire_graph *g = b->g;
    return fire_drop(b, fire_two(g, "ExpandLike", fire_number(g, like, 1), like), rate);
}

/* The projected inputs, [t, n, gates units], of x [n, t, f]. Dropout has one mask for the whole sequence, and for all gates unless the recurrence
** drops too: then each gate has its own, as in Keras. */
static fire_value project(fire_build *b, const fire_rnn_kind *k, const fire_rnn_attrs *t, fire_value x, fire_value w, int64_t steps, int64_t features) {
    fire_graph *g = b->g;
    bool drops = b->training && t->dropout > 0 && t->dropout < 1, apart = drops && k->gates > 1 && t->recurrent_dropout > 0 && t->recurrent_dropout < 1;
    int64_t width = k->gates * t->units, parts = apart ? k->gates : 1;
    fire_value part[4] = {0}, like = drops ? pick(g, x, 1, 0) : 0;
    for (int64_t i = 0; i < parts; i++) {
        fire_value seen = drops ? fire_two(g, "Mul", x, fire_unsqueeze(g, factors(b, like, t->dropout), 1u << 1)) : x, wi = w;
        seen = fire_transpose(g, seen, 3, (const int64_t[]){1, 0, 2});
        if (apart) {
            const int64_t from = i * t->units, to = from + t->units, axis = 1;
            const fire_shape one = {1, {1}};
            wi = fire_apply(g, "Slice", 4, FIRE_IN(w, fire_graph_const(g, FIRE_I64, one, &from), fire_graph_const(g, FIRE_I64, one, &to), fire_graph_const(g, FIRE_I64, one, &axis)), NULL);
        }
        part[i] = fire_two(g, "Gemm", fire_reshape(g, seen, (fire_shape){2, {-1, features}}), wi);
    }
    if (apart) part[0] = fire_apply(g, "Concat", (int)parts, part, "axis=1");
    return fire_reshape(g, part[0], (fire_shape){3, {steps, -1, width}});
}

/* Which steps have one that counts at or before them, in the order in which they are taken: [n, t] of x's type, positive where there is one. */
static fire_value begun(fire_graph *g, fire_value mask, fire_type type, int64_t steps, bool backwards) {
    fire_value m = fire_cast(g, mask, type), sum = 0;
    fire_shape s = {2, {steps, steps}};
    size_t numbers = (size_t)(steps * steps);
    void *data = g->first.status ? NULL : fire_alloc(g->ctx, numbers, fire_type_size(type), &g->first);
    if (!data) return 0;
    fire_tensor t = {type, s, data};
    for (int64_t i = 0; i < steps; i++)
        for (int64_t j = 0; j < steps; j++) fire_put(&t, i * steps + j, backwards ? i >= j : i <= j);
    sum = fire_two(g, "MatMul", m, fire_graph_const(g, type, s, data));
    fire_free(g->ctx, data);
    return sum;
}

/* Zero where a condition [n, ...] over the first dimensions does not hold. */
static fire_value keep_where(fire_graph *g, fire_value condition, fire_value x, int rank) {
    return fire_apply(g, "Where", 3, FIRE_IN(fire_unsqueeze(g, condition, 1u << (rank - 1)), x, fire_number(g, x, 0)), NULL);
}

fire_value fire_rnn_build(fire_build *b, const fire_rnn_kind *k, const fire_rnn_attrs *t, int n_in, const fire_value *in) {
    fire_graph *g = b->g;
    fire_shape x = fire_shape_of(g, in[0]), state = {2, {-1, t->units}};
    char text[FIRE_SHAPE_TEXT], attrs[256];
    if (x.rank != 3 || x.dim[1] < 1 || x.dim[2] < 1)
        return fire_graph_fail(g, FIRE_E_SHAPE, "%s '%s': the input is %s, expected sequences [n, steps, features]", k->layer, g->layer, fire_shape_text(&x, text));
    if (n_in != 1 && n_in != 1 + k->states)
        return fire_graph_fail(g, FIRE_E_USAGE, "%s '%s': %d inputs, expected 1, or %d with the first state", k->layer, g->layer, n_in, 1 + k->states);
    for (int i = 1; i < n_in; i++) {
        fire_shape s = fire_shape_of(g, in[i]);
        if (!fire_same_shape(&s, &state))
            return fire_graph_fail(g, FIRE_E_SHAPE, "%s '%s': state %d is %s, expected [n, %lld]", k->layer, g->layer, i, fire_shape_text(&s, text), (long long)t->units);
    }
    bool keeps = t->stateful && n_in == 1; /* Keras keeps the states of a layer that is given others, too, but never reads them */
    if (t->stateful && !fire_network_batch(b->net))
        return fire_graph_fail(g, FIRE_E_USAGE, "%s '%s': stateful=true needs to know how many rows a batch has; give Input a batch_size", k->layer, g->layer);
    if (t->stateful && b->steps_are_rows)
        return fire_graph_fail(g, FIRE_E_UNSUPPORTED, "%s inside '%s': stateful=true does not go with TimeDistributed, whose steps are rows of the batch", k->layer, g->layer);
    int64_t steps = x.dim[1], width = k->gates * t->units;
    bool lstm = k->states == 2, two_biases = k->gates == 3 && t->reset_after;
    fire_shape bias = two_biases ? (fire_shape){2, {2, width}} : (fire_shape){1, {width}};
    char first[FIRE_ATTR_TEXT_SIZE + 64];
    snprintf(first, sizeof first, "%s", t->bias_initializer);
    if (lstm && t->unit_forget_bias && !strchr(t->bias_initializer, '"')) snprintf(first, sizeof first, "UnitForgetBias bias_initializer=\"%s\"", t->bias_initializer);
    fire_value w = fire_weight(b, "kernel", (fire_shape){2, {x.dim[2], width}}, (fire_how){t->kernel_initializer, t->kernel_regularizer, t->kernel_constraint}, true);
    fire_value r = fire_weight(b, "recurrent_kernel", (fire_shape){2, {t->units, width}}, (fire_how){t->recurrent_initializer, t->recurrent_regularizer, t->recurrent_constraint}, true);
    fire_value c = t->use_bias ? fire_weight(b, "bias", bias, (fire_how){first, t->bias_regularizer, t->bias_constraint}, true) : 0;

    fire_value seq[FIRE_SEQ_IN] = {0}, made[FIRE_MAX_OUT] = {0};
    seq[FIRE_SEQ_XW] = project(b, k, t, in[0], w, steps, x.dim[2]);
    seq[FIRE_SEQ_R] = r;
    seq[FIRE_SEQ_B] = c;
    seq[FIRE_SEQ_MASK] = b->mask[0];
    if (n_in > 1) seq[FIRE_SEQ_H0] = in[1];
    if (n_in > 2) seq[FIRE_SEQ_C0] = in[2];
    int32_t kept[2] = {-1, -1};
    if (keeps) kept[0] = fire_state(b, t->units, &seq[FIRE_SEQ_H0]);
    if (keeps && lstm) kept[1] = fire_state(b, t->units, &seq[FIRE_SEQ_C0]);
    if (b->training && t->recurrent_dropout > 0 && t->recurrent_dropout < 1) seq[FIRE_SEQ_DROP] = factors(b, pick(g, seq[FIRE_SEQ_XW], 0, 0), t->recurrent_dropout);
    int at = snprintf(attrs, sizeof attrs, "activation=%s reverse=%d truncate=%lld", t->activation, t->go_backwards, (long long)t->tbptt_length);
    if (k->gates > 1) at += snprintf(attrs + at, sizeof attrs - (size_t)at, " recurrent_activation=%s", t->recurrent_activation);
    if (k->gates == 3) snprintf(attrs + at, sizeof attrs - (size_t)at, " reset_after=%d", t->reset_after);
    if (fire_apply_all(g, k->op, lstm ? FIRE_SEQ_IN : FIRE_SEQ_DROP + 1, seq, attrs, made)) return 0;
    fire_value y = made[k->gates == 1 ? 0 : 1], h = made[k->gates == 1 ? 1 : 3];
    fire_state_next(b, kept[0], h);
    fire_state_next(b, kept[1], made[4]);

    /* Outputs of masked steps: 0, or the output of the last step that counted; before the first of them that is 0, whatever the first state. */
    fire_value mask = b->mask[0], shown = 0;
    int64_t last = t->go_backwards ? 0 : steps - 1;
    if (mask && t->zero_output_for_mask) shown = t->return_sequences ? mask : pick(g, mask, 1, last);
    else if (mask && (n_in > 1 || keeps)) {
        shown = begun(g, mask, fire_type_of(g, in[0]), steps, t->go_backwards);
        if (!t->return_sequences) shown = pick(g, shown, 1, last);
        shown = fire_two(g, "Greater", shown, fire_number(g, shown, 0));
    }
    fire_value out = h;
    if (t->return_sequences) out = fire_transpose(g, y, 3, (const int64_t[]){1, 0, 2});
    if (shown) out = keep_where(g, shown, out, t->return_sequences ? 3 : 2);
    if (t->return_sequences && t->go_backwards) out = fire_reverse(g, out);
    b->n_out = 1;
    if (t->return_state) {
        b->out[b->n_out++] = h;
        if (lstm) b->out[b->n_out++] = made[4];
    }
    b->mask_out[0] = t->return_sequences ? mask : 0;
    return out;
}
