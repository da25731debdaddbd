/* gru_sequence - the recurrence of a GRU (Cho et al., 2014), step after step; see recurrent.h for shapes, time and masks.
**
** Gates z r = gate(xw + b + h r_zr); the candidate is a = act(xw + b + q), where q = r (h r_h + b'), b' being the second row of b
** (reset_after, as cuDNN has it), or q = (r h) r_h; then h = z h + (1 - z) a. Gates z r a are kept in place of xw, and for the gradient
** h r_h + b' or r h of every step.
*/
#include "recurrent_onnx.h"

static const fire_attr attrs_of_gru[] = {
    FIRE_RECURRENT_ROWS, FIRE_GATE_ROW,
    {"reset_after", FIRE_ATTR_BOOL, FIRE_RECURRENT_AT(reset_after), 1, 0, 1, .help = "the reset gate acts after the product with r, not before"},
    {0}};
enum { Z, R, A };

static bool after(const void *attrs) { return ((const fire_recurrent_attrs *)attrs)->reset_after; }

static fire_status gru_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_recurrent s = {0};
    fire_status st = fire_recurrent_fit(attrs, 3, after(attrs) ? 2 : 1, n_in, in, &s, err);
    out[0] = fire_recurrent_steps(&s, in[0].type, 3);
    out[1] = out[2] = fire_recurrent_steps(&s, in[0].type, 1);
    out[3] = fire_recurrent_state(&s, in[0].type);
    return st;
}

/* h, and of a row: z, r, what is kept, the new h. */
static size_t gru_scratch(const fire_call *call) { return (size_t)(fire_count(&call->out[3].shape) + 4 * call->out[1].shape.dim[2]) * sizeof(double); }

static void gru_run(const fire_call *call) {
    const fire_tensor *xw = &call->in[FIRE_SEQ_XW], *b = &call->in[FIRE_SEQ_B], *y = &call->out[1], *drop = &call->in[FIRE_SEQ_DROP];
    fire_recurrent s = fire_recurrent_sizes(call->attrs, 3, y);
    int64_t u = s.u, states = s.n * u;
    bool two = after(call->attrs);
    double *h = call->scratch, *z = h + states, *r = z + u, *q = r + u, *fresh = q + u;
    for (int64_t e = 0; e < states; e++) h[e] = call->in[FIRE_SEQ_H0].type ? fire_get(&call->in[FIRE_SEQ_H0], e) : 0;
    for (int64_t step = 0; step < s.t; step++) {
        int64_t time = fire_time_of(&s, step);
        for (int64_t row = 0; row < s.n; row++) {
            double *ht = h + row * u;
            int64_t e = (time * s.n + row) * u;
#define PART(k, j) (fire_get(xw, 3 * e + (k) * u + (j)) + (b->type ? fire_get(b, (k) * u + (j)) : 0))
#define SECOND(k, j) (b->type && two ? fire_get(b, (3 + (k)) * u + (j)) : 0)
            for (int64_t j = 0; j < u; j++) {
                z[j] = fire_curve_at(s.gate, PART(Z, j) + SECOND(Z, j) + fire_sum_recurrent(call, &s, ht, row, Z, j));
                r[j] = fire_curve_at(s.gate, PART(R, j) + SECOND(R, j) + fire_sum_recurrent(call, &s, ht, row, R, j));
                q[j] = two ? SECOND(A, j) + fire_sum_recurrent(call, &s, ht, row, A, j) : r[j] * ht[j] * fire_drop_factor(drop, &s, row, A, j);
            }
            for (int64_t j = 0; j < u; j++) {
                double sum = 0;
                for (int64_t k = 0; k < u && !two; k++) sum += q[k] * fire_get(&call->in[FIRE_SEQ_R], (3 * k + A) * u + j);
                double a = fire_curve_at(s.act, PART(A, j) + (two ? r[j] * q[j] : sum));
                fire_put(&call->out[0], 3 * e + Z * u + j, z[j]);
                fire_put(&call->out[0], 3 * e + R * u + j, r[j]);
                fire_put(&call->out[0], 3 * e + A * u + j, a);
                fire_put(&call->out[2], e + j, q[j]);
                fresh[j] = z[j] * ht[j] + (1 - z[j]) * a;
            }
#undef PART
#undef SECOND
            if (fire_counts(&call->in[FIRE_SEQ_MASK], &s, row, time))
                for (int64_t j = 0; j < u; j++) ht[j] = fresh[j];
            for (int64_t j = 0; j < u; j++) fire_put(y, e + j, ht[j]);
        }
    }
    for (int64_t e = 0; e < states; e++) fire_put(&call->out[3], e, h[e]);
}

static void gru_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_recurrent_grad(g, n, "GRUSequenceGrad", 0, 1, 2, 3, -1, dy, dx);
}
static void gru_lower(fire_graph *g, const fire_node *n, const fire_value *in, fire_value *out) { fire_recurrent_lower(g, n, "GRU", 3, in, &out[1], &out[3], NULL); }
static int64_t gru_flops(const fire_call *call) {
    fire_recurrent s = fire_recurrent_sizes(call->attrs, 3, &call->out[1]);
    return fire_recurrent_flops(&s, 1);
}

const fire_op fire_op_gru_sequence = {
    .name = "GRUSequence", .domain = FIRE_DOMAIN, .help = "recurrence of a GRU over projected inputs",
    .min_in = 2, .max_in = FIRE_SEQ_DROP + 1, .n_out = 4, .in_place = 1, .saved = 5, .attrs = attrs_of_gru, .attr_size = sizeof(fire_recurrent_attrs),
    .infer = gru_infer, .run = gru_run, .scratch = gru_scratch, .grad = gru_grad, .lower = gru_lower, .flops = gru_flops,
    .examples = {"[3,2,6] [2,6] [2,6]", "[3,2,6] [2,6] [6] [2,2] reset_after=0", "[3,2,6] [2,6] [2,6] [2,2] bool[2,3] reverse=1", "[4,3,3] [1,3] [3] - bool[3,4] reset_after=0",
                 "[3,2,6] [2,6] - [2,2] truncate=3", "[2,3,6] [2,6] - activation=softplus recurrent_activation=hard_sigmoid reset_after=0 reverse=1"},
};

/* ---- gradient ---- */

static fire_status back_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_recurrent s = {0};
    fire_status st = fire_recurrent_back_fit(attrs, 3, n_in, in, &s, err);
    out[0] = fire_recurrent_steps(&s, in[0].type, 3);
    out[1] = in[FIRE_BACK_R];
    out[2] = (fire_tensor){in[0].type, after(attrs) ? (fire_shape){2, {2, 3 * s.u}} : (fire_shape){1, {3 * s.u}}, NULL};
    out[3] = fire_recurrent_state(&s, in[0].type);
    return st;
}

/* dh, of a row: the new dh, the gradients of xw and of h r, of r h; dr, both db. */
static size_t back_scratch(const fire_call *call) {
    int64_t n = call->out[3].shape.dim[0], u = call->out[3].shape.dim[1];
    return (size_t)(n * u + u + 6 * u + u + 3 * u * u + 6 * u) * sizeof(double);
}

static void back_run(const fire_call *call) {
    const fire_tensor *gates = &call->in[FIRE_BACK_GATES], *y = &call->in[FIRE_BACK_Y], *kept = &call->in[FIRE_BACK_KEPT], *w = &call->in[FIRE_BACK_R],
                      *drop = &call->in[FIRE_BACK_DROP], *dy = &call->in[FIRE_BACK_DY];
    fire_recurrent s = fire_recurrent_sizes(call->attrs, 3, y);
    int64_t u = s.u, states = s.n * u, wide = 3 * u;
    bool two = after(call->attrs);
    double *dh = call->scratch, *fresh = dh + states, *dx = fresh + u, *dp = dx + wide, *drh = dp + wide, *dr = drh + u, *db = dr + wide * u;
    for (int64_t e = 0; e < states; e++) dh[e] = call->in[FIRE_BACK_DH].type ? fire_get(&call->in[FIRE_BACK_DH], e) : 0;
    for (int64_t e = 0; e < wide * u + 2 * wide; e++) dr[e] = 0;
    for (int64_t step = s.t - 1; step >= 0; step--) {
        int64_t time = fire_time_of(&s, step), before = fire_time_before(&s, step);
        for (int64_t row = 0; row < s.n; row++) {
            double *d = dh + row * u;
            int64_t e = (time * s.n + row) * u;
            for (int64_t j = 0; j < u && dy->type; j++) d[j] += fire_get(dy, e + j);
            if (!fire_counts(&call->in[FIRE_BACK_MASK], &s, row, time)) {
                for (int64_t j = 0; j < wide; j++) fire_put(&call->out[0], 3 * e + j, 0);
            } else {
                /* dx: of z r a before their functions. The product with r sees dx too, but for the candidate r dx (two), else what is kept stands for h. */
                for (int64_t j = 0; j < u; j++) {
                    double z = fire_get(gates, 3 * e + j), a = fire_get(gates, 3 * e + 2 * u + j);
                    dx[2 * u + j] = d[j] * (1 - z) * fire_curve_slope(s.act, a);
                    dx[j] = d[j] * (fire_state_at(y, &call->in[FIRE_BACK_H0], &s, before, row, j) - a) * fire_curve_slope(s.gate, z);
                    fresh[j] = d[j] * z;
                }
                for (int64_t k = 0; k < u && !two; k++) {
                    drh[k] = 0;
                    for (int64_t j = 0; j < u; j++) drh[k] += dx[2 * u + j] * fire_get(w, k * wide + 2 * u + j);
                }
                for (int64_t j = 0; j < u; j++) {
                    double r = fire_get(gates, 3 * e + u + j), h = fire_state_at(y, &call->in[FIRE_BACK_H0], &s, before, row, j), f = fire_drop_factor(drop, &s, row, A, j);
                    dx[u + j] = (two ? dx[2 * u + j] * fire_get(kept, e + j) : drh[j] * h * f) * fire_curve_slope(s.gate, r);
                    if (!two) fresh[j] += drh[j] * r * f;
                    dp[2 * u + j] = two ? dx[2 * u + j] * r : dx[2 * u + j];
                }
                for (int64_t j = 0; j < 2 * u; j++) dp[j] = dx[j];
                for (int64_t j = 0; j < wide; j++) {
                    fire_put(&call->out[0], 3 * e + j, dx[j]);
                    db[j] += dx[j];
                    db[wide + j] += dp[j];
                }
                for (int64_t k = 0; k < u; k++)
                    for (int64_t j = 0; j < wide; j++) {
                        bool candidate = j >= 2 * u;
                        double f = fire_drop_factor(drop, &s, row, (int)(j / u), k);
                        double h = candidate && !two ? fire_get(kept, e + k) : f * fire_state_at(y, &call->in[FIRE_BACK_H0], &s, before, row, k);
                        dr[k * wide + j] += h * dp[j];
                        if (!candidate || two) fresh[k] += dp[j] * f * fire_get(w, k * wide + j);
                    }
                for (int64_t k = 0; k < u; k++) d[k] = fresh[k];
            }
            for (int64_t k = 0; k < u && fire_cut_before(&s, step); k++) d[k] = 0;
        }
    }
    for (int64_t e = 0; e < wide * u; e++) fire_put(&call->out[1], e, dr[e]);
    for (int64_t e = 0; e < (two ? 2 : 1) * wide; e++) fire_put(&call->out[2], e, db[e]);
    for (int64_t e = 0; e < states; e++) fire_put(&call->out[3], e, call->in[FIRE_BACK_H0].type ? dh[e] : 0);
}

static int64_t back_flops(const fire_call *call) {
    fire_recurrent s = fire_recurrent_sizes(call->attrs, 3, &call->in[FIRE_BACK_Y]);
    return fire_recurrent_flops(&s, 2);
}

const fire_op fire_op_gru_sequence_grad = {
    .name = "GRUSequenceGrad", .domain = FIRE_DOMAIN, .help = "gradient of GRUSequence in the projected inputs, r, b and the first state",
    .min_in = 3, .max_in = FIRE_BACK_DH + 1, .n_out = 4, .in_place = 1, .attrs = attrs_of_gru, .attr_size = sizeof(fire_recurrent_attrs),
    .infer = back_infer, .run = back_run, .scratch = back_scratch, .flops = back_flops,
    .examples = {"[3,2,6]>0 [3,2,2] [2,6] [3,2,2] - - - - [3,2,2] [2,2]", "[3,2,6]>0 [3,2,2] [2,6] [3,2,2] [2,2] bool[2,3] [2,6] - [3,2,2] [2,2] reset_after=0 reverse=1",
                 "[5,3,3]>0 [5,3,1] [1,3] [5,3,1] [3,1] - - - [5,3,1] truncate=2", "[2,3,6]>0 [2,3,2] [2,6] [2,3,2] - - - - - [3,2] activation=relu recurrent_activation=hard_sigmoid",
                 "[4,7,51]>0 [4,7,17] [17,51] [4,7,17] [7,17] - - - [4,7,17] [7,17]", "[4,7,51]>0 [4,7,17] [17,51] [4,7,17] [7,17] - - - [4,7,17] [7,17] reset_after=0",
                 "[3,7,48]>0 [3,7,16] [16,48] [3,7,16] - bool[7,3] [7,48] - [3,7,16]", "[3,7,48]>0 [3,7,16] [16,48] [3,7,16] [7,16] bool[7,3] [7,48] - [3,7,16] reset_after=0"},
};
