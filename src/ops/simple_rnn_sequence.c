/* simple_rnn_sequence - h = act(xw + b + h r), step after step; see recurrent.h for shapes, time and masks. */
#include "recurrent_onnx.h"

static const fire_attr attrs_of_simple_rnn[] = {FIRE_RECURRENT_ROWS, {0}};

static fire_status rnn_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_recurrent s = {0};
    fire_status st = fire_recurrent_fit(attrs, 1, 1, n_in, in, &s, err);
    out[0] = fire_recurrent_steps(&s, in[0].type, 1);
    out[1] = fire_recurrent_state(&s, in[0].type);
    return st;
}

static size_t rnn_scratch(const fire_call *call) { return (size_t)(fire_count(&call->out[1].shape) + call->out[0].shape.dim[2]) * sizeof(double); }

/* States are kept in doubles from step to step: what comes out is rounded once. */
static void rnn_run(const fire_call *call) {
    const fire_tensor *xw = &call->in[FIRE_SEQ_XW], *b = &call->in[FIRE_SEQ_B], *y = &call->out[0];
    fire_recurrent s = fire_recurrent_sizes(call->attrs, 1, y);
    double *h = call->scratch, *fresh = h + s.n * s.u;
    for (int64_t e = 0; e < s.n * s.u; e++) h[e] = call->in[FIRE_SEQ_H0].type ? fire_get(&call->in[FIRE_SEQ_H0], e) : 0;
    for (int64_t step = 0; step < s.t; step++) {
        int64_t time = fire_time_of(&s, step);
        for (int64_t row = 0; row < s.n; row++) {
            double *at = h + row * s.u;
            int64_t e = (time * s.n + row) * s.u;
            for (int64_t j = 0; j < s.u; j++)
                fresh[j] = fire_curve_at(s.act, fire_get(xw, e + j) + (b->type ? fire_get(b, j) : 0) + fire_sum_recurrent(call, &s, at, row, 0, j));
            if (fire_counts(&call->in[FIRE_SEQ_MASK], &s, row, time))
                for (int64_t j = 0; j < s.u; j++) at[j] = fresh[j];
            for (int64_t j = 0; j < s.u; j++) fire_put(y, e + j, at[j]);
        }
    }
    for (int64_t e = 0; e < s.n * s.u; e++) fire_put(&call->out[1], e, h[e]);
}

static void rnn_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_recurrent_grad(g, n, "SimpleRNNSequenceGrad", 0, 0, -1, 1, -1, dy, dx);
}
static void rnn_lower(fire_graph *g, const fire_node *n, const fire_value *in, fire_value *out) { fire_recurrent_lower(g, n, "RNN", 1, in, &out[0], &out[1], NULL); }
static int64_t rnn_flops(const fire_call *call) {
    fire_recurrent s = fire_recurrent_sizes(call->attrs, 1, &call->out[0]);
    return fire_recurrent_flops(&s, 1);
}

const fire_op fire_op_simple_rnn_sequence = {
    .name = "SimpleRNNSequence", .domain = FIRE_DOMAIN, .help = "recurrence of a SimpleRNN over projected inputs",
    .min_in = 2, .max_in = FIRE_SEQ_DROP + 1, .n_out = 2, .in_place = 1, .attrs = attrs_of_simple_rnn, .attr_size = sizeof(fire_recurrent_attrs),
    .infer = rnn_infer, .run = rnn_run, .scratch = rnn_scratch, .grad = rnn_grad, .lower = rnn_lower, .flops = rnn_flops,
    /* Given numbers keep the test of kernels from making long sequences of these, in which rounding grows without bound. */
    .examples = {"[3,2,4] [4,4] [4]{0.1,-0.2,0.3,0.4}", "[3,2,4] [4,4] [4]{0.1,-0.2,0.3,0.4} [2,4]", "[3,2,4] [4,4] - [2,4]{0.1,-0.2,0.3,0.4,-0.5,0.6,0.7,-0.8} bool[2,3] reverse=1",
                 "[4,3,2] [2,2] [2]{0.3,-0.4} - bool[3,4] activation=relu", "[5,2,3] [3,3] [3]{0.1,-0.2,0.3} [2,3] truncate=9",
                 "[2,3,3] [3,3] [3]{0.1,0.2,-0.3} activation=softsign reverse=1", "[1,2,3] [3,3] activation=linear", "[1,2,3] [3,3] [3] [2,3]"},
};

/* ---- gradient ---- */

static fire_status back_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_recurrent s = {0};
    fire_status st = fire_recurrent_back_fit(attrs, 1, n_in, in, &s, err);
    out[0] = fire_recurrent_steps(&s, in[0].type, 1);
    out[1] = in[FIRE_BACK_R];
    out[2] = (fire_tensor){in[0].type, {1, {s.u}}, NULL};
    out[3] = fire_recurrent_state(&s, in[0].type);
    return st;
}

/* dh, the new dh of a row, dr, db. */
static size_t back_scratch(const fire_call *call) {
    int64_t n = call->out[3].shape.dim[0], u = call->out[3].shape.dim[1];
    return (size_t)(n * u + u + u * u + u) * sizeof(double);
}

static void back_run(const fire_call *call) {
    const fire_tensor *y = &call->in[FIRE_BACK_Y], *r = &call->in[FIRE_BACK_R], *drop = &call->in[FIRE_BACK_DROP], *dy = &call->in[FIRE_BACK_DY], *dz = &call->out[0];
    fire_recurrent s = fire_recurrent_sizes(call->attrs, 1, y);
    int64_t u = s.u;
    double *dh = call->scratch, *fresh = dh + s.n * u, *dr = fresh + u, *db = dr + u * u;
    for (int64_t e = 0; e < s.n * u; e++) dh[e] = call->in[FIRE_BACK_DH].type ? fire_get(&call->in[FIRE_BACK_DH], e) : 0;
    for (int64_t e = 0; e < u * u + u; e++) dr[e] = 0;
    for (int64_t step = s.t - 1; step >= 0; step--) {
        int64_t time = fire_time_of(&s, step), before = fire_time_before(&s, step);
        for (int64_t row = 0; row < s.n; row++) {
            double *d = dh + row * u;
            int64_t e = (time * s.n + row) * u;
            for (int64_t j = 0; j < u && dy->type; j++) d[j] += fire_get(dy, e + j);
            if (!fire_counts(&call->in[FIRE_BACK_MASK], &s, row, time)) {
                for (int64_t j = 0; j < u; j++) fire_put(dz, e + j, 0);
            } else {
                for (int64_t k = 0; k < u; k++) fresh[k] = 0;
                for (int64_t j = 0; j < u; j++) {
                    double z = d[j] * fire_curve_slope(s.act, fire_get(y, e + j));
                    fire_put(dz, e + j, z);
                    db[j] += z;
                    for (int64_t k = 0; k < u; k++) {
                        double f = fire_drop_factor(drop, &s, row, 0, k);
                        dr[k * u + j] += fire_state_at(y, &call->in[FIRE_BACK_H0], &s, before, row, k) * f * z;
                        fresh[k] += z * f * fire_get(r, k * u + j);
                    }
                }
                for (int64_t k = 0; k < u; k++) d[k] = fresh[k];
            }
            for (int64_t k = 0; k < u && fire_cut_before(&s, step); k++) d[k] = 0;
        }
    }
    for (int64_t e = 0; e < u * u; e++) fire_put(&call->out[1], e, dr[e]);
    for (int64_t e = 0; e < u; e++) fire_put(&call->out[2], e, db[e]);
    for (int64_t e = 0; e < s.n * u; e++) fire_put(&call->out[3], e, call->in[FIRE_BACK_H0].type ? dh[e] : 0);
}

static int64_t back_flops(const fire_call *call) {
    fire_recurrent s = fire_recurrent_sizes(call->attrs, 1, &call->in[FIRE_BACK_Y]);
    return fire_recurrent_flops(&s, 2);
}

const fire_op fire_op_simple_rnn_sequence_grad = {
    .name = "SimpleRNNSequenceGrad", .domain = FIRE_DOMAIN, .help = "gradient of SimpleRNNSequence in the projected inputs, r, b and the first state",
    .min_in = 3, .max_in = FIRE_BACK_DH + 1, .n_out = 4, .in_place = 1 << FIRE_BACK_DY, .attrs = attrs_of_simple_rnn, .attr_size = sizeof(fire_recurrent_attrs),
    .infer = back_infer, .run = back_run, .scratch = back_scratch, .flops = back_flops,
    .examples = {"[3,2,4] [3,2,4] [4,4] - - - - - [3,2,4] [2,4]{0.1,-0.2,0.3,0.4,-0.5,0.6,0.7,-0.8}", "[3,2,4] [3,2,4] [4,4] - [2,4]{0.1,-0.2,0.3,0.4,-0.5,0.6,0.7,-0.8} bool[2,3] - - [3,2,4] reverse=1",
                 "[4,2,3] [4,2,3] [3,3] - [2,3]{0.1,-0.2,0.3,0.4,-0.5,0.6} bool[2,4] [2,3] - [4,2,3] truncate=2 activation=relu",
                 "[5,3,2] [5,3,2] [2,2] - - - - - - [3,2]{0.1,-0.2,0.3,0.4,-0.5,0.6} activation=selu", "[1,7,33] [1,7,33] [33,33] - [7,33] - - - [1,7,33] [7,33]"},
};
