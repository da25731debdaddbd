/* recurrent_body.h - for one element type; recurrent.c includes it through both.h. Names are those of recurrent.h and of the operators. */
#include "lanes_body.h"

/* ---- activations ---- */

INLINE VEC T(either)(bool first, VEC a, VEC b) {
    if (first) return a;
    return b;
}
INLINE VEC T(positive)(VEC x, VEC a, VEC b) { return V(choose)((MASK)(x > 0), a, b); }

INLINE VEC T(curve)(fire_curve k, VEC x) {
    switch (k) {
    case FIRE_ELU: return T(positive)(x, x, V(exp)(x) - 1);
    case FIRE_EXPONENTIAL: return V(exp)(x);
    case FIRE_HARD_SIGMOID: {
        VEC y = x * (REAL)(1.0 / 6) + (REAL)0.5;
        return V(choose)((MASK)(x <= -3), V(all)(0), V(choose)((MASK)(x >= 3), V(all)(1), y));
    }
    case FIRE_HARD_SIGMOID_KERAS2: {
        VEC y = x * (REAL)0.2 + (REAL)0.5;
        return V(choose)((MASK)(x <= (REAL)-2.5), V(all)(0), V(choose)((MASK)(x >= (REAL)2.5), V(all)(1), y));
    }
    case FIRE_LEAKY_RELU: return T(positive)(x, x, x * (REAL)0.2);
    case FIRE_RELU: return (VEC)((MASK)x & ~(MASK)(x <= 0));
    case FIRE_RELU6: return V(choose)((MASK)(x > 6), V(all)(6), (VEC)((MASK)x & ~(MASK)(x <= 0)));
    case FIRE_SELU: return T(positive)(x, x, (V(exp)(x) - 1) * (REAL)FIRE_SELU_ALPHA) * (REAL)FIRE_SELU_SCALE;
    case FIRE_SIGMOID: return V(sigmoid)(x);
    case FIRE_SOFTPLUS: return (VEC)((MASK)x & ~(MASK)(x <= 0)) + V(log1p)(V(exp)(-V(abs)(x)));
    case FIRE_SOFTSIGN: return x / (V(abs)(x) + 1);
    case FIRE_TANH: return V(tanh)(x);
    default: return x;
    }
}

INLINE VEC T(slope)(fire_curve k, VEC y) {
    const VEC one = V(all)(1), none = V(all)(0);
    switch (k) {
    case FIRE_ELU: return T(positive)(y, one, y + 1);
    case FIRE_EXPONENTIAL: return y;
    case FIRE_HARD_SIGMOID: return V(choose)((MASK)(y > 0) & (MASK)(y < 1), V(all)((REAL)(1.0 / 6)), none);
    case FIRE_HARD_SIGMOID_KERAS2: return V(choose)((MASK)(y > 0) & (MASK)(y < 1), V(all)((REAL)0.2), none);
    case FIRE_LEAKY_RELU: return T(positive)(y, one, V(all)((REAL)0.2));
    case FIRE_RELU: return T(positive)(y, one, none);
    case FIRE_RELU6: return V(choose)((MASK)(y > 0) & (MASK)(y < 6), one, none);
    case FIRE_SELU: return T(positive)(y, V(all)((REAL)FIRE_SELU_SCALE), y + (REAL)(FIRE_SELU_SCALE * FIRE_SELU_ALPHA));
    case FIRE_SIGMOID: return y * (1 - y);
    case FIRE_SOFTPLUS: return 1 - V(exp)(-y);
    case FIRE_SOFTSIGN: return (1 - V(abs)(y)) * (1 - V(abs)(y));
    case FIRE_TANH: return (1 - y) * (1 + y);
    default: return one;
    }
}

/* ---- vectors of which some numbers may be missing ---- */

#define LOAD(p) ((p) ? T(load_part)((p) + j, m, 0) : V(all)(0))
#define STORE(p, v) T(store_part)((p) + j, m, v)
#define EACH_VECTOR(j, m, u) for (int64_t j = 0, m; m = (u) - j < LANES ? (u) - j : LANES, j < (u); j += m)
#define ROW(p, i, width) ((p) ? (p) + (i) * (width) : NULL)

/* ---- products ---- */

static void T(multiply)(const fire_product *g) { FIRE_ISA_NAME(T(fire_product))(g); }

/* Row i of h times its factors for one gate. */
static void T(factor)(const fire_recurrent *s, const REAL *h, const REAL *drop, int gate, REAL *to) {
    for (int64_t i = 0; i < s->n; i++) {
        const REAL *f = drop + (i * s->gates + gate) * s->u, *x = h + i * s->u;
        EACH(j, s->u) to[i * s->u + j] = x[j] * f[j];
    }
}

/* r's columns of gates [gate, gate + count), packed for steps of many rows; NULL for few, which do without. */
static const void *T(pack_r)(const fire_recurrent *s, const REAL *r, const REAL *drop, int gate, int count, bool turned, void *to) {
    if (s->n <= 8 || drop) return NULL;
    fire_product g = {.k = s->u, .n = count * s->u, .b = r + gate * s->u, .b_row = s->gates * s->u, .b_col = 1};
    if (turned) g = (fire_product){.k = count * s->u, .n = s->u, .b = r + gate * s->u, .b_row = 1, .b_col = s->gates * s->u};
    FIRE_ISA_NAME(T(fire_product_pack))(&g, to);
    return to;
}

/* z[n, count u] (+)= h r for some gates. */
static void T(forward)(const room *q, const REAL *h, const REAL *r, const REAL *drop, const void *packed, int gate, int count, REAL *z, int64_t z_row, const REAL *bias, bool add) {
    const fire_recurrent *s = &q->s;
    fire_product g = {.m = s->n, .n = count * s->u, .k = s->u, .a = h, .a_row = s->u, .a_col = 1, .b = r + gate * s->u, .b_row = s->gates * s->u, .b_col = 1,
                      .y = z, .y_row = z_row, .bias = bias, .add = add, .packed = packed, .scratch = q->product};
    if (!drop) T(multiply)(&g);
    for (int k = 0; drop && k < count; k++) {
        T(factor)(s, h, drop, gate + k, q->part);
        g.n = s->u, g.a = q->part, g.b = r + (gate + k) * s->u, g.y = z + k * s->u, g.bias = bias ? bias + k * s->u : NULL;
        T(multiply)(&g);
    }
}

/* dh[n, u] += dz r' for some gates. */
static void T(backward)(const room *q, const REAL *dz, int64_t dz_row, const REAL *r, const REAL *drop, const void *packed, int gate, int count, REAL *dh, bool add) {
    const fire_recurrent *s = &q->s;
    fire_product g = {.m = s->n, .n = s->u, .k = count * s->u, .a = dz, .a_row = dz_row, .a_col = 1, .b = r + gate * s->u, .b_row = 1, .b_col = s->gates * s->u,
                      .y = dh, .y_row = s->u, .add = add, .packed = packed, .scratch = q->product};
    if (!drop) T(multiply)(&g);
    for (int k = 0; drop && k < count; k++) {
        REAL *part = q->part;
        g.k = s->u, g.a = dz + k * s->u, g.b = r + (gate + k) * s->u, g.y = part, g.add = false;
        T(multiply)(&g);
        for (int64_t i = 0; i < s->n; i++) {
            const REAL *f = drop + (i * s->gates + gate + k) * s->u;
            REAL *to = dh + i * s->u, *x = part + i * s->u;
            if (add || k) EACH(j, s->u) to[j] += x[j] * f[j];
            else EACH(j, s->u) to[j] = x[j] * f[j];
        }
    }
}

/* dr of some gates over all steps: sums of the states before them, times dz. Both lie step after step, one step apart. */
static void T(weights)(const room *q, const REAL *y, const REAL *h0, const REAL *dz, int64_t dz_row, const REAL *drop, int gate, int count, REAL *dr) {
    const fire_recurrent *s = &q->s;
    int64_t state = s->n * s->u, step = s->n * dz_row, wide = s->gates * s->u, first = fire_time_of(s, 0);
    const REAL *later = s->reverse ? dz : dz + step, *from = s->reverse ? y + state : y;
    for (int k = 0; k < (drop ? count : 1); k++) {
        fire_product g = {.m = s->u, .n = (drop ? 1 : count) * s->u, .k = (s->t - 1) * s->n, .a = from, .a_row = 1, .a_col = s->u, .b = later + k * s->u, .b_row = dz_row, .b_col = 1,
                          .y = dr + (gate + k) * s->u, .y_row = wide, .scratch = q->product};
        if (drop) {
            for (int64_t t = 0; t < s->t - 1; t++) T(factor)(s, from + t * state, drop, gate + k, (REAL *)q->dropped + t * state);
            g.a = q->dropped;
        }
        T(multiply)(&g); /* one step alone: zeros */
        if (!h0) continue;
        g.k = s->n, g.a = h0, g.b = dz + first * step + k * s->u, g.add = true;
        if (drop) T(factor)(s, h0, drop, gate + k, q->part), g.a = q->part;
        T(multiply)(&g);
    }
}

/* ---- what all have in common ---- */

static bool T(counts)(const uint8_t *mask, const fire_recurrent *s, int64_t row, int64_t time) { return !mask || mask[row * s->t + time]; }

static void T(copy)(REAL *to, const REAL *from, int64_t n) {
    if (!from) memset(to, 0, (size_t)n * sizeof(REAL));
    else if (to != from && n) memcpy(to, from, (size_t)n * sizeof(REAL));
}

/* The sums of a step go into those of all. */
static void T(take_sums)(REAL *all, REAL *step, int64_t n) {
    EACH(j, n) all[j] += step[j];
    memset(step, 0, (size_t)n * sizeof(REAL));
}

/* The gradient that comes to a state from its output and from the steps behind, and, for rows that a mask leaves out, where it goes. */
#define GIVEN(p) (call->in[p].type ? (const REAL *)call->in[p].data : NULL)

/* ---- SimpleRNN ---- */

static void T(simple_rnn)(const fire_call *call, const room *q) {
    const fire_recurrent *s = &q->s;
    const REAL *r = call->in[FIRE_SEQ_R].data, *b = GIVEN(FIRE_SEQ_B), *h = GIVEN(FIRE_SEQ_H0), *drop = GIVEN(FIRE_SEQ_DROP);
    const uint8_t *mask = FROM(call, FIRE_SEQ_MASK);
    REAL *y = call->out[0].data;
    int64_t u = s->u, state = s->n * u;
    const void *packed = T(pack_r)(s, r, drop, 0, 1, false, q->pack);
    T(copy)(y, call->in[FIRE_SEQ_XW].data, s->t * state);
    for (int64_t step = 0; step < s->t; step++) {
        int64_t time = fire_time_of(s, step);
        REAL *z = y + time * state;
        if (h) T(forward)(q, h, r, drop, packed, 0, 1, z, u, NULL, true);
        for (int64_t i = 0; i < s->n; i++) {
            REAL *zi = z + i * u;
            if (!T(counts)(mask, s, i, time)) T(copy)(zi, ROW(h, i, u), u);
            else EACH_VECTOR(j, m, u) STORE(zi, T(curve)(s->act, LOAD(zi) + LOAD(b)));
        }
        h = z;
    }
    T(copy)(call->out[1].data, h, state);
}

static void T(simple_rnn_grad)(const fire_call *call, const room *q) {
    const fire_recurrent *s = &q->s;
    const REAL *r = call->in[FIRE_BACK_R].data, *y = call->in[FIRE_BACK_Y].data, *h0 = GIVEN(FIRE_BACK_H0), *drop = GIVEN(FIRE_BACK_DROP), *dy = GIVEN(FIRE_BACK_DY);
    const uint8_t *mask = FROM(call, FIRE_BACK_MASK);
    REAL *dz = call->out[0].data, *dh = q->dh, *sums = q->sums, *db = call->out[2].data;
    int64_t u = s->u, state = s->n * u;
    const void *packed = T(pack_r)(s, r, drop, 0, 1, true, q->pack);
    T(copy)(dh, GIVEN(FIRE_BACK_DH), state);
    T(copy)(sums, NULL, u), T(copy)(db, NULL, u);
    for (int64_t step = s->t - 1; step >= 0; step--) {
        int64_t time = fire_time_of(s, step);
        REAL *z = dz + time * state;
        for (int64_t i = 0; i < s->n; i++) {
            REAL *d = dh + i * u, *zi = z + i * u;
            const REAL *dyi = ROW(dy, time * s->n + i, u), *yi = y + time * state + i * u;
            bool on = T(counts)(mask, s, i, time);
            EACH_VECTOR(j, m, u) {
                VEC v = LOAD(d) + LOAD(dyi), g = T(either)(on, v * T(slope)(s->act, LOAD(yi)), V(all)(0));
                STORE(zi, g);
                STORE(sums, LOAD(sums) + g);
                if (mask) STORE(d, T(either)(on, V(all)(0), v));
            }
        }
        T(take_sums)(db, sums, u);
        if (fire_cut_before(s, step)) T(copy)(dh, NULL, state);
        else if (step || h0) T(backward)(q, z, u, r, drop, packed, 0, 1, dh, mask != NULL);
    }
    T(weights)(q, y, h0, dz, u, drop, 0, 1, call->out[1].data);
    T(copy)(call->out[3].data, h0 ? dh : NULL, state);
}

/* ---- LSTM ---- */

INLINE void T(lstm_gates)(const fire_recurrent *s, fire_curve act, fire_curve gate, int64_t time, const uint8_t *mask, const REAL *b, const REAL *h, const REAL *c, REAL *z, REAL *y, REAL *kept) {
    int64_t u = s->u;
    for (int64_t row = 0; row < s->n; row++) {
        REAL *i = z + row * 4 * u, *f = i + u, *g = f + u, *o = g + u, *yi = y + row * u, *ci = kept + row * u;
        const REAL *bi = b, *bf = ROW(b, 1, u), *bg = ROW(b, 2, u), *bo = ROW(b, 3, u), *hi = ROW(h, row, u), *before = ROW(c, row, u);
        bool on = T(counts)(mask, s, row, time);
        EACH_VECTOR(j, m, u) {
            VEC vi = T(curve)(gate, LOAD(i) + LOAD(bi)), vf = T(curve)(gate, LOAD(f) + LOAD(bf)), vg = T(curve)(act, LOAD(g) + LOAD(bg)), vo = T(curve)(gate, LOAD(o) + LOAD(bo));
            STORE(i, vi), STORE(f, vf), STORE(g, vg), STORE(o, vo);
            VEC carry = vf * LOAD(before) + vi * vg;
            if (on) STORE(ci, carry), STORE(yi, vo * T(curve)(act, carry));
            else STORE(ci, LOAD(before)), STORE(yi, LOAD(hi));
        }
    }
}

static void T(lstm)(const fire_call *call, const room *q) {
    const fire_recurrent *s = &q->s;
    const REAL *xw = call->in[FIRE_SEQ_XW].data, *r = call->in[FIRE_SEQ_R].data, *b = GIVEN(FIRE_SEQ_B), *h = GIVEN(FIRE_SEQ_H0), *c = GIVEN(FIRE_SEQ_C0), *drop = GIVEN(FIRE_SEQ_DROP);
    const uint8_t *mask = FROM(call, FIRE_SEQ_MASK);
    REAL *gates = call->out[0].data, *y = call->out[1].data, *kept = call->out[2].data;
    int64_t u = s->u, state = s->n * u;
    const void *packed = T(pack_r)(s, r, drop, 0, 4, false, q->pack);
    for (int64_t step = 0; step < s->t; step++) {
        int64_t time = fire_time_of(s, step);
        REAL *z = gates + 4 * time * state;
        T(copy)(z, xw + 4 * time * state, 4 * state);
        if (h) T(forward)(q, h, r, drop, packed, 0, 4, z, 4 * u, NULL, true);
        if (s->act == FIRE_TANH && s->gate == FIRE_SIGMOID) T(lstm_gates)(s, FIRE_TANH, FIRE_SIGMOID, time, mask, b, h, c, z, y + time * state, kept + time * state);
        else T(lstm_gates)(s, s->act, s->gate, time, mask, b, h, c, z, y + time * state, kept + time * state);
        h = y + time * state, c = kept + time * state;
    }
    T(copy)(call->out[3].data, h, state);
    T(copy)(call->out[4].data, c, state);
}

INLINE void T(lstm_back)(const fire_recurrent *s, fire_curve act, fire_curve gate, int64_t time, const uint8_t *mask, const REAL *gates, const REAL *c, const REAL *before, const REAL *dy,
                         REAL *dh, REAL *dc, REAL *dz, REAL *sums) {
    int64_t u = s->u;
    for (int64_t row = 0; row < s->n; row++) {
        const REAL *i = gates + row * 4 * u, *f = i + u, *g = f + u, *o = g + u, *ci = c + row * u, *cb = ROW(before, row, u), *dyi = ROW(dy, row, u);
        REAL *d = dh + row * u, *dcr = dc + row * u, *zi = dz + row * 4 * u, *zf = zi + u, *zg = zf + u, *zo = zg + u, *si = sums, *sf = si + u, *sg = sf + u, *so = sg + u;
        bool on = T(counts)(mask, s, row, time);
        EACH_VECTOR(j, m, u) {
            VEC v = LOAD(d) + LOAD(dyi), vi = LOAD(i), vf = LOAD(f), vg = LOAD(g), vo = LOAD(o);
            if (!on) {
                VEC zero = V(all)(0);
                STORE(zi, zero), STORE(zf, zero), STORE(zg, zero), STORE(zo, zero), STORE(d, v);
                continue;
            }
            VEC a = T(curve)(act, LOAD(ci)), carry = LOAD(dcr) + v * vo * T(slope)(act, a);
            VEC di = carry * vg * T(slope)(gate, vi), df = carry * LOAD(cb) * T(slope)(gate, vf), dg = carry * vi * T(slope)(act, vg), d_o = v * a * T(slope)(gate, vo);
            STORE(dcr, carry * vf);
            STORE(zi, di), STORE(zf, df), STORE(zg, dg), STORE(zo, d_o);
            STORE(si, LOAD(si) + di), STORE(sf, LOAD(sf) + df), STORE(sg, LOAD(sg) + dg), STORE(so, LOAD(so) + d_o);
            if (mask) STORE(d, V(all)(0));
        }
    }
}

static void T(lstm_grad)(const fire_call *call, const room *q) {
    const fire_recurrent *s = &q->s;
    const REAL *gates = call->in[FIRE_BACK_GATES].data, *r = call->in[FIRE_BACK_R].data, *y = call->in[FIRE_BACK_Y].data, *kept = call->in[FIRE_BACK_KEPT].data, *h0 = GIVEN(FIRE_BACK_H0),
               *c0 = GIVEN(FIRE_BACK_C0), *drop = GIVEN(FIRE_BACK_DROP), *dy = GIVEN(FIRE_BACK_DY);
    const uint8_t *mask = FROM(call, FIRE_BACK_MASK);
    REAL *dz = call->out[0].data, *dh = q->dh, *dc = q->dc, *sums = q->sums, *db = call->out[2].data;
    int64_t u = s->u, state = s->n * u;
    const void *packed = T(pack_r)(s, r, drop, 0, 4, true, q->pack);
    T(copy)(dh, GIVEN(FIRE_BACK_DH), state), T(copy)(dc, GIVEN(FIRE_BACK_DC), state);
    T(copy)(sums, NULL, 4 * u), T(copy)(db, NULL, 4 * u);
    for (int64_t step = s->t - 1; step >= 0; step--) {
        int64_t time = fire_time_of(s, step), last = fire_time_before(s, step);
        REAL *z = dz + 4 * time * state;
        const REAL *before = step ? kept + last * state : c0, *dyt = ROW(dy, time, state);
        if (s->act == FIRE_TANH && s->gate == FIRE_SIGMOID)
            T(lstm_back)(s, FIRE_TANH, FIRE_SIGMOID, time, mask, gates + 4 * time * state, kept + time * state, before, dyt, dh, dc, z, sums);
        else T(lstm_back)(s, s->act, s->gate, time, mask, gates + 4 * time * state, kept + time * state, before, dyt, dh, dc, z, sums);
        T(take_sums)(db, sums, 4 * u);
        if (fire_cut_before(s, step)) T(copy)(dh, NULL, state), T(copy)(dc, NULL, state);
        else if (step || h0) T(backward)(q, z, 4 * u, r, drop, packed, 0, 4, dh, mask != NULL);
    }
    T(weights)(q, y, h0, dz, 4 * u, drop, 0, 4, call->out[1].data);
    T(copy)(call->out[3].data, h0 ? dh : NULL, state);
    T(copy)(call->out[4].data, c0 ? dc : NULL, state);
}

/* ---- GRU ---- */

static void T(gru)(const fire_call *call, const room *q) {
    const fire_recurrent *s = &q->s;
    const REAL *xw = call->in[FIRE_SEQ_XW].data, *r = call->in[FIRE_SEQ_R].data, *b = GIVEN(FIRE_SEQ_B), *h = GIVEN(FIRE_SEQ_H0), *drop = GIVEN(FIRE_SEQ_DROP);
    const uint8_t *mask = FROM(call, FIRE_SEQ_MASK);
    REAL *gates = call->out[0].data, *y = call->out[1].data, *kept = call->out[2].data;
    bool two = fire_kernel_number("GRUSequence", call->attrs, "reset_after") != 0;
    int64_t u = s->u, state = s->n * u, wide = 3 * u;
    const REAL *second = two ? ROW(b, 1, wide) : NULL;
    const void *packed = T(pack_r)(s, r, drop, 0, 2, false, q->pack), *packed_a = T(pack_r)(s, r, drop, 2, 1, false, q->pack2);
    for (int64_t step = 0; step < s->t; step++) {
        int64_t time = fire_time_of(s, step);
        REAL *z = gates + 3 * time * state, *k = kept + time * state;
        T(copy)(z, xw + 3 * time * state, 3 * state);
        if (h) T(forward)(q, h, r, drop, packed, 0, 2, z, wide, NULL, true);
        if (h && two) T(forward)(q, h, r, drop, packed_a, 2, 1, k, u, ROW(second, 2, u), false);
        for (int64_t row = 0; row < s->n; row++) {
            REAL *zi = z + row * wide, *ri = zi + u, *ki = k + row * u;
            const REAL *bz = b, *br = ROW(b, 1, u), *cz = second, *cr = ROW(second, 1, u), *ca = ROW(second, 2, u), *hi = ROW(h, row, u), *f = drop ? drop + (row * 3 + 2) * u : NULL;
            EACH_VECTOR(j, m, u) {
                VEC vr = T(curve)(s->gate, LOAD(ri) + LOAD(br) + LOAD(cr));
                STORE(zi, T(curve)(s->gate, LOAD(zi) + LOAD(bz) + LOAD(cz)));
                STORE(ri, vr);
                if (!two) STORE(ki, T(either)(f != NULL, vr * LOAD(hi) * LOAD(f), vr * LOAD(hi)));
                else if (!h) STORE(ki, LOAD(ca));
            }
        }
        if (!two) T(forward)(q, k, r, NULL, packed_a, 2, 1, z + 2 * u, wide, NULL, true);
        for (int64_t row = 0; row < s->n; row++) {
            REAL *zi = z + row * wide, *ri = zi + u, *ai = ri + u, *ki = k + row * u, *yi = y + time * state + row * u;
            const REAL *ba = ROW(b, 2, u), *hi = ROW(h, row, u);
            bool on = T(counts)(mask, s, row, time);
            EACH_VECTOR(j, m, u) {
                VEC x = LOAD(ai) + LOAD(ba), a = T(curve)(s->act, T(either)(two, x + LOAD(ri) * LOAD(ki), x)), vz = LOAD(zi);
                STORE(ai, a);
                STORE(yi, T(either)(on, vz * LOAD(hi) + (1 - vz) * a, LOAD(hi)));
            }
        }
        h = y + time * state;
    }
    T(copy)(call->out[3].data, h, state);
}

static void T(gru_grad)(const fire_call *call, const room *q) {
    const fire_recurrent *s = &q->s;
    const REAL *gates = call->in[FIRE_BACK_GATES].data, *r = call->in[FIRE_BACK_R].data, *y = call->in[FIRE_BACK_Y].data, *kept = call->in[FIRE_BACK_KEPT].data, *h0 = GIVEN(FIRE_BACK_H0),
               *drop = GIVEN(FIRE_BACK_DROP), *dy = GIVEN(FIRE_BACK_DY);
    const uint8_t *mask = FROM(call, FIRE_BACK_MASK);
    bool two = fire_kernel_number("GRUSequenceGrad", call->attrs, "reset_after") != 0;
    int64_t u = s->u, state = s->n * u, wide = 3 * u, biases = (two ? 2 : 1) * wide;
    REAL *dx = call->out[0].data, *dh = q->dh, *drh = q->dc, *sums = q->sums, *more = q->more, *db = call->out[2].data;
    const void *packed = T(pack_r)(s, r, drop, 0, 2, true, q->pack), *packed_a = T(pack_r)(s, r, two ? drop : NULL, 2, 1, true, q->pack2);
    T(copy)(dh, GIVEN(FIRE_BACK_DH), state);
    T(copy)(sums, NULL, 4 * u), T(copy)(db, NULL, biases);
    for (int64_t step = s->t - 1; step >= 0; step--) {
        int64_t time = fire_time_of(s, step), last = fire_time_before(s, step);
        const REAL *before = step ? y + last * state : h0;
        REAL *dxt = dx + time * s->n * wide, *dq = more + time * state;
        for (int64_t row = 0; row < s->n; row++) {
            const REAL *z = gates + (time * s->n + row) * wide, *rg = z + u, *a = rg + u, *hi = ROW(before, row, u), *ki = kept + time * state + row * u, *dyi = ROW(dy, time * s->n + row, u);
            REAL *d = dh + row * u, *xz = dxt + row * wide, *xr = xz + u, *xa = xr + u, *dqi = dq + row * u, *sz = sums, *sr = sz + u, *sa = sr + u, *sq = sa + u;
            bool on = T(counts)(mask, s, row, time);
            EACH_VECTOR(j, m, u) {
                VEC v = LOAD(d) + LOAD(dyi), vz = LOAD(z), va = LOAD(a), vr = LOAD(rg), none = V(all)(0);
                VEC ga = T(either)(on, v * (1 - vz) * T(slope)(s->act, va), none), gz = T(either)(on, v * (LOAD(hi) - va) * T(slope)(s->gate, vz), none);
                STORE(xz, gz), STORE(sz, LOAD(sz) + gz);
                STORE(d, T(either)(on, v * vz, v));
                if (two) { /* else xr waits for drh; the gate stays where it is until then */
                    VEC gr = ga * LOAD(ki) * T(slope)(s->gate, vr), gq = ga * vr;
                    STORE(xr, gr), STORE(dqi, gq);
                    STORE(sr, LOAD(sr) + gr), STORE(sq, LOAD(sq) + gq);
                } else STORE(dqi, vr);
                STORE(xa, ga), STORE(sa, LOAD(sa) + ga);
            }
        }
        bool goes_on = !fire_cut_before(s, step) && (step || h0);
        if (!two) {
            T(backward)(q, dxt + 2 * u, wide, r, NULL, packed_a, 2, 1, drh, false);
            for (int64_t row = 0; row < s->n; row++) {
                const REAL *hi = ROW(before, row, u), *f = drop ? drop + (row * 3 + 2) * u : NULL, *gi = drh + row * u, *vri = dq + row * u;
                REAL *d = dh + row * u, *xr = dxt + row * wide + u, *sr = sums + u;
                EACH_VECTOR(j, m, u) {
                    VEC v = T(either)(f != NULL, LOAD(gi) * LOAD(f), LOAD(gi)), vr = LOAD(vri), gr = v * LOAD(hi) * T(slope)(s->gate, vr);
                    STORE(xr, gr), STORE(sr, LOAD(sr) + gr);
                    STORE(d, LOAD(d) + v * vr);
                }
            }
        }
        /* b's two rows differ in the candidate's part alone. */
        EACH(j, wide) db[j] += sums[j];
        if (two) {
            EACH(j, 2 * u) db[wide + j] += sums[j];
            EACH(j, u) db[wide + 2 * u + j] += sums[wide + j];
        }
        T(copy)(sums, NULL, 4 * u);
        if (!goes_on) T(copy)(dh, NULL, state);
        else {
            T(backward)(q, dxt, wide, r, drop, packed, 0, 2, dh, true);
            if (two) T(backward)(q, dq, u, r, drop, packed_a, 2, 1, dh, true);
        }
    }
    REAL *dr = call->out[1].data;
    T(weights)(q, y, h0, dx, wide, drop, 0, 2, dr);
    if (two) T(weights)(q, y, h0, more, u, drop, 2, 1, dr);
    else {
        fire_product g = {.m = u, .n = u, .k = s->t * s->n, .a = kept, .a_row = 1, .a_col = u, .b = dx + 2 * u, .b_row = wide, .b_col = 1, .y = dr + 2 * u, .y_row = wide, .scratch = q->product};
        T(multiply)(&g);
    }
    T(copy)(call->out[3].data, h0 ? dh : NULL, state);
}
#undef LOAD
#undef STORE
#undef EACH_VECTOR
#undef ROW
#undef GIVEN
