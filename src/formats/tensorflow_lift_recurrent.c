/* tensorflow_lift_recurrent.c - TensorFlow's recurrent cells and blocks, composed step by step. */
#include "formats/tensorflow_help.h"

#define ONE(op, x) fire_import_one(b, op, x)
#define TWO(op, x, y) fire_import_two(b, op, x, y)

typedef struct { fire_value w, wci, wcf, wco, bias; double forget, clip; bool peephole, ifco; } cell;
enum { I, CS, F, O, CI, CO, H, OUTPUTS };

/* One step of an LSTM: [x, h] w + bias are the gates in the order i, c, f, o, or i, f, c, o. */
static void step(fire_import *b, const cell *t, fire_value x, fire_value cs, fire_value h, fire_value out[OUTPUTS]) {
    fire_value gates = TWO("Add", fire_import_two(b, "MatMul", fire_tf_concat(b, 2, FIRE_IN(x, h), 1), t->w), t->bias), part[4];
    int64_t size = fire_tf_shape(b, cs).rank == 2 ? fire_tf_shape(b, cs).dim[1] : 0;
    for (int k = 0; k < 4; k++) part[k] = fire_import_slice(b, gates, 1, k * size, (k + 1) * size);
    fire_value i = part[0], c = part[t->ifco ? 2 : 1], f = fire_tf_plus(b, part[t->ifco ? 1 : 2], t->forget), o = part[3];
    if (t->peephole) i = TWO("Add", i, TWO("Mul", cs, t->wci)), f = TWO("Add", f, TWO("Mul", cs, t->wcf));
    out[I] = ONE("Sigmoid", i), out[F] = ONE("Sigmoid", f), out[CI] = ONE("Tanh", c);
    fire_value now = TWO("Add", TWO("Mul", out[CI], out[I]), TWO("Mul", cs, out[F]));
    if (t->clip > 0) now = TWO("Min", TWO("Max", now, fire_import_like(b, now, -t->clip)), fire_import_like(b, now, t->clip));
    out[CS] = now;
    if (t->peephole) o = TWO("Add", o, TWO("Mul", now, t->wco));
    out[O] = ONE("Sigmoid", o), out[CO] = ONE("Tanh", now);
    out[H] = TWO("Mul", out[CO], out[O]);
}

static cell read_cell(const fire_lift *n, int64_t at) { /* w, wci, wcf, wco, b from input `at` on */
    return (cell){n->in[at], n->in[at + 1], n->in[at + 2], n->in[at + 3], n->in[at + 4], fire_lift_float(n, "forget_bias", strstr(n->op, "V2") ? 0 : 1),
                  fire_lift_float(n, "cell_clip", !strcmp(n->op, "BlockLSTM") ? 3 : !strcmp(n->op, "BlockLSTMV2") ? 0 : 3), fire_lift_int(n, "use_peephole", 0), strstr(n->op, "V2") != NULL};
}

void fire_tf_lstm_cell(fire_import *b, fire_lift *n) { /* x, cs, h, w, wci, wcf, wco, b */
    fire_value out[OUTPUTS] = {0};
    if (!fire_tf_has(b, n, 8)) return;
    cell t = read_cell(n, 3);
    step(b, &t, n->in[0], n->in[1], n->in[2], out);
    for (int k = 0; k < OUTPUTS; k++) n->out[k] = out[k];
}

void fire_tf_block_lstm(fire_import *b, fire_lift *n) { /* steps, x [steps, rows, in], cs, h, w, wci, wcf, wco, b */
    int64_t steps;
    if (!fire_tf_has(b, n, 9) || !fire_tf_whole(b, n->in[0], &steps) || !fire_import_concrete(b, n->in[1])) return;
    fire_shape s = fire_shape_of(b->g, n->in[1]), state = fire_shape_of(b->g, n->in[2]);
    if (s.rank != 3 || state.rank != 2 || steps < 0 || s.dim[0] > 100000 || s.dim[0] < 1) { fire_tf_fail(b, "%lld steps of %lld", (long long)steps, (long long)s.dim[0]); return; }
    cell t = read_cell(n, 4);
    fire_value cs = n->in[2], h = n->in[3], *all = fire_arena_alloc(&b->arena, (size_t)s.dim[0] * OUTPUTS, sizeof *all, &b->g->first);
    for (int64_t k = 0; all && k < s.dim[0]; k++) {
        fire_value out[OUTPUTS] = {0};
        if (k < steps) {
            fire_value x = fire_import_reshape(b, fire_import_slice(b, n->in[1], 0, k, k + 1), (fire_shape){2, {s.dim[1], s.dim[2]}});
            step(b, &t, x, cs, h, out);
            cs = out[CS], h = out[H];
        } else /* steps behind the longest sequence are zeros */
            for (int o = 0; o < OUTPUTS; o++) out[o] = fire_tf_fill(b, fire_tf_type(b, n->in[1]), state, 0);
        for (int o = 0; o < OUTPUTS; o++) all[o * s.dim[0] + k] = fire_import_unsqueeze(b, out[o], 0);
        if (b->g->first.status) return;
    }
    for (int o = 0; all && o < OUTPUTS; o++) n->out[o] = fire_tf_concat(b, s.dim[0], all + o * s.dim[0], 0);
}

void fire_tf_gru_cell(fire_import *b, fire_lift *n) { /* x, h, w_ru, w_c, b_ru, b_c */
    if (!fire_tf_has(b, n, 6)) return;
    fire_value x = n->in[0], h = n->in[1];
    fire_shape s = fire_shape_of(b->g, h);
    if (s.rank != 2) { fire_tf_fail(b, "a state of %d dimensions", (int)s.rank); return; }
    fire_value ru = ONE("Sigmoid", TWO("Add", TWO("MatMul", fire_tf_concat(b, 2, FIRE_IN(x, h), 1), n->in[2]), n->in[4]));
    fire_value r = fire_import_slice(b, ru, 1, 0, s.dim[1]), u = fire_import_slice(b, ru, 1, s.dim[1], 2 * s.dim[1]);
    fire_value c = ONE("Tanh", TWO("Add", TWO("MatMul", fire_tf_concat(b, 2, FIRE_IN(x, TWO("Mul", r, h)), 1), n->in[3]), n->in[5]));
    n->out[0] = r, n->out[1] = u, n->out[2] = c;
    n->out[3] = TWO("Add", TWO("Mul", u, h), TWO("Mul", TWO("Sub", fire_import_like(b, u, 1), u), c));
}
