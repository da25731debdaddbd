/* lstm_sequence - the recurrence of an LSTM (Hochreiter and Schmidhuber, 1997; Gers et al., 2000), step after step; see recurrent.h for
** shapes, time and masks.
**
** With z = xw + b + h r in four parts i f g o: i f o = gate(z), g = act(z), c = f c + i g, h = o act(c). Gates are kept in place of xw,
** and c of every step, for the gradient.
*/
#include "recurrent_onnx.h"

static const fire_attr attrs_of_lstm[] = {FIRE_RECURRENT_ROWS, FIRE_GATE_ROW, {0}};
enum { I, F, G, O };

static fire_status lstm_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_recurrent s = {0};
    fire_status st = fire_recurrent_fit(attrs, 4, 1, n_in, in, &s, err);
    out[0] = fire_recurrent_steps(&s, in[0].type, 4);
    out[1] = out[2] = fire_recurrent_steps(&s, in[0].type, 1);
    out[3] = out[4] = fire_recurrent_state(&s, in[0].type);
    return st;
}

static size_t lstm_scratch(const fire_call *call) { return (size_t)(2 * fire_count(&call->out[3].shape) + call->out[1].shape.dim[2]) * sizeof(double); }

/* States are kept in doubles from step to step: what comes out is rounded once. */
static void lstm_run(const fire_call *call) {
    const fire_tensor *xw = &call->in[FIRE_SEQ_XW], *b = &call->in[FIRE_SEQ_B], *y = &call->out[1];
    fire_recurrent s = fire_recurrent_sizes(call->attrs, 4, y);
    int64_t u = s.u, states = s.n * u;
    double *h = call->scratch, *c = h + states, *fresh = c + states;
    for (int64_t e = 0; e < states; e++) {
        h[e] = call->in[FIRE_SEQ_H0].type ? fire_get(&call->in[FIRE_SEQ_H0], e) : 0;
        c[e] = call->in[FIRE_SEQ_C0].type ? fire_get(&call->in[FIRE_SEQ_C0], e) : 0;
    }
    for (int64_t step = 0; step < s.t; step++) {
        int64_t time = fire_time_of(&s, step);
        for (int64_t row = 0; row < s.n; row++) {
            bool counts = fire_counts(&call->in[FIRE_SEQ_MASK], &s, row, time);
            double *ht = h + row * u, *ct = c + row * u;
            int64_t e = (time * s.n + row) * u;
            for (int64_t j = 0; j < u; j++) {
                double gate[4];
                for (int k = 0; k < 4; k++) {
                    double z = fire_get(xw, 4 * e + k * u + j) + (b->type ? fire_get(b, k * u + j) : 0) + fire_sum_recurrent(call, &s, ht, row, k, j);
                    gate[k] = fire_curve_at(k == G ? s.act : s.gate, z);
                    fire_put(&call->out[0], 4 * e + k * u + j, gate[k]);
                }
                double carry = gate[F] * ct[j] + gate[I] * gate[G];
                fresh[j] = counts ? gate[O] * fire_curve_at(s.act, carry) : ht[j];
                if (counts) ct[j] = carry;
            }
            for (int64_t j = 0; j < u; j++) {
                ht[j] = fresh[j];
                fire_put(y, e + j, ht[j]);
                fire_put(&call->out[2], e + j, ct[j]);
            }
        }
    }
    for (int64_t e = 0; e < states; e++) {
        fire_put(&call->out[3], e, h[e]);
        fire_put(&call->out[4], e, c[e]);
    }
}

static void lstm_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_recurrent_grad(g, n, "LSTMSequenceGrad", 0, 1, 2, 3, 4, dy, dx);
}
static void lstm_lower(fire_graph *g, const fire_node *n, const fire_value *in, fire_value *out) { fire_recurrent_lower(g, n, "LSTM", 4, in, &out[1], &out[3], &out[4]); }
static int64_t lstm_flops(const fire_call *call) {
    fire_recurrent s = fire_recurrent_sizes(call->attrs, 4, &call->out[1]);
    return fire_recurrent_flops(&s, 1);
}

const fire_op fire_op_lstm_sequence = {
    .name = "LSTMSequence", .domain = FIRE_DOMAIN, .help = "recurrence of an LSTM over projected inputs",
    .min_in = 2, .max_in = FIRE_SEQ_IN, .n_out = 5, .in_place = 1, .saved = 5, .attrs = attrs_of_lstm, .attr_size = sizeof(fire_recurrent_attrs),
    .infer = lstm_infer, .run = lstm_run, .scratch = lstm_scratch, .grad = lstm_grad, .lower = lstm_lower, .flops = lstm_flops,
    .examples = {"[3,2,8] [2,8] [8]", "[3,2,8] [2,8] [8] [2,2] - - [2,2]", "[3,2,8] [2,8] - [2,2] bool[2,3] - [2,2] reverse=1", "[4,3,4] [1,4] [4] - bool[3,4]",
                 "[2,3,8] [2,8] [8] truncate=4 recurrent_activation=hard_sigmoid", "[2,3,8] [2,8] [8] recurrent_activation=hard_sigmoid_keras2", "[2,2,12] [3,12] activation=softsign reverse=1"},
};

/* ---- gradient ---- */

static fire_status back_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_recurrent s = {0};
    fire_status st = fire_recurrent_back_fit(attrs, 4, n_in, in, &s, err);
    out[0] = fire_recurrent_steps(&s, in[0].type, 4);
    out[1] = in[FIRE_BACK_R];
    out[2] = (fire_tensor){in[0].type, {1, {4 * s.u}}, NULL};
    out[3] = out[4] = fire_recurrent_state(&s, in[0].type);
    return st;
}

/* dh, dc, the new dh of a row, its dz, dr, db. */
static size_t back_scratch(const fire_call *call) {
    int64_t n = call->out[3].shape.dim[0], u = call->out[3].shape.dim[1];
    return (size_t)(2 * n * u + u + 4 * u + 4 * u * u + 4 * u) * sizeof(double);
}

static void back_run(const fire_call *call) {
    const fire_tensor *gates = &call->in[FIRE_BACK_GATES], *y = &call->in[FIRE_BACK_Y], *c = &call->in[FIRE_BACK_KEPT], *r = &call->in[FIRE_BACK_R],
                      *drop = &call->in[FIRE_BACK_DROP], *dy = &call->in[FIRE_BACK_DY];
    fire_recurrent s = fire_recurrent_sizes(call->attrs, 4, y);
    int64_t u = s.u, states = s.n * u, wide = 4 * u;
    double *dh = call->scratch, *dc = dh + states, *fresh = dc + states, *dz = fresh + u, *dr = dz + wide, *db = dr + wide * u;
    for (int64_t e = 0; e < states; e++) {
        dh[e] = call->in[FIRE_BACK_DH].type ? fire_get(&call->in[FIRE_BACK_DH], e) : 0;
        dc[e] = call->in[FIRE_BACK_DC].type ? fire_get(&call->in[FIRE_BACK_DC], e) : 0;
    }
    for (int64_t e = 0; e < wide * u + wide; e++) dr[e] = 0;
    for (int64_t step = s.t - 1; step >= 0; step--) {
        int64_t time = fire_time_of(&s, step), before = fire_time_before(&s, step);
        for (int64_t row = 0; row < s.n; row++) {
            double *dht = dh + row * u, *dct = dc + row * u;
            int64_t e = (time * s.n + row) * u;
            for (int64_t j = 0; j < u && dy->type; j++) dht[j] += fire_get(dy, e + j);
            if (!fire_counts(&call->in[FIRE_BACK_MASK], &s, row, time)) {
                for (int64_t j = 0; j < wide; j++) fire_put(&call->out[0], 4 * e + j, 0);
            } else {
                for (int64_t j = 0; j < u; j++) {
                    double gate[4], d[4];
                    for (int k = 0; k < 4; k++) gate[k] = fire_get(gates, 4 * e + k * u + j);
                    double a = fire_curve_at(s.act, fire_get(c, e + j)), carry = dct[j] + dht[j] * gate[O] * fire_curve_slope(s.act, a);
                    d[I] = carry * gate[G];
                    d[F] = carry * fire_state_at(c, &call->in[FIRE_BACK_C0], &s, before, row, j);
                    d[G] = carry * gate[I];
                    d[O] = dht[j] * a;
                    dct[j] = carry * gate[F];
                    for (int k = 0; k < 4; k++) {
                        dz[k * u + j] = d[k] * fire_curve_slope(k == G ? s.act : s.gate, gate[k]);
                        fire_put(&call->out[0], 4 * e + k * u + j, dz[k * u + j]);
                        db[k * u + j] += dz[k * u + j];
                    }
                }
                for (int64_t k = 0; k < u; k++) {
                    double h = fire_state_at(y, &call->in[FIRE_BACK_H0], &s, before, row, k);
                    fresh[k] = 0;
                    for (int64_t j = 0; j < wide; j++) {
                        double f = fire_drop_factor(drop, &s, row, (int)(j / u), k);
                        dr[k * wide + j] += h * f * dz[j];
                        fresh[k] += dz[j] * f * fire_get(r, k * wide + j);
                    }
                }
                for (int64_t k = 0; k < u; k++) dht[k] = fresh[k];
            }
            for (int64_t k = 0; k < u && fire_cut_before(&s, step); k++) dht[k] = dct[k] = 0;
        }
    }
    for (int64_t e = 0; e < wide * u; e++) fire_put(&call->out[1], e, dr[e]);
    for (int64_t e = 0; e < wide; e++) fire_put(&call->out[2], e, db[e]);
    for (int64_t e = 0; e < states; e++) {
        fire_put(&call->out[3], e, call->in[FIRE_BACK_H0].type ? dh[e] : 0);
        fire_put(&call->out[4], e, call->in[FIRE_BACK_C0].type ? dc[e] : 0);
    }
}

static int64_t back_flops(const fire_call *call) {
    fire_recurrent s = fire_recurrent_sizes(call->attrs, 4, &call->in[FIRE_BACK_Y]);
    return fire_recurrent_flops(&s, 2);
}

const fire_op fire_op_lstm_sequence_grad = {
    .name = "LSTMSequenceGrad", .domain = FIRE_DOMAIN, .help = "gradient of LSTMSequence in the projected inputs, r, b and the first state and carry",
    .min_in = 3, .max_in = FIRE_BACK_IN, .n_out = 5, .in_place = 1, .attrs = attrs_of_lstm, .attr_size = sizeof(fire_recurrent_attrs),
    .infer = back_infer, .run = back_run, .scratch = back_scratch, .flops = back_flops,
    .examples = {"[3,2,8]>0 [3,2,2] [2,8] [3,2,2] - - - - [3,2,2] [2,2]", "[3,2,8]>0 [3,2,2] [2,8] [3,2,2] [2,2] bool[2,3] [2,8] [2,2] [3,2,2] [2,2] [2,2] reverse=1",
                 "[5,3,4]>0 [5,3,1] [1,4] [5,3,1] [3,1] - - - [5,3,1] truncate=2", "[2,3,8]>0 [2,3,2] [2,8] [2,3,2] - - - [3,2] - - [3,2] activation=relu recurrent_activation=hard_sigmoid",
                 "[4,7,68]>0 [4,7,17] [17,68] [4,7,17] [7,17] - - [7,17] [4,7,17] [7,17] [7,17]", "[3,7,64]>0 [3,7,16] [16,64] [3,7,16] - bool[7,3] [7,64] - [3,7,16]"},
};
