/* onnx_lift_random.c - ONNX operators that draw. A file's operator draws when the graph is made for a run: the same numbers in every run.
**
** ONNX does not say which generator. Where its cases expect certain numbers they are those of the Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998)
** with 53 bits for each number, as NumPy's RandomState draws them; so are these.
*/
#include "formats/onnx_lift.h"

typedef struct { uint32_t key[624]; int at; } twister;

static void twister_seed(twister *t, uint32_t seed) {
    for (uint32_t i = 0; i < 624; i++) {
        t->key[i] = seed;
        seed = 1812433253u * (seed ^ seed >> 30) + i + 1;
    }
    t->at = 624;
}

static uint32_t twister_next(twister *t) {
    if (t->at == 624) {
        for (int i = 0; i < 624; i++) {
            uint32_t y = (t->key[i] & 0x80000000u) | (t->key[(i + 1) % 624] & 0x7fffffffu);
            t->key[i] = t->key[(i + 397) % 624] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
        }
        t->at = 0;
    }
    uint32_t y = t->key[t->at++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

static double twister_unit(twister *t) { /* in [0, 1) */
    uint32_t a = twister_next(t) >> 5, b = twister_next(t) >> 6;
    return (a * 67108864.0 + b) / 9007199254740992.0;
}

/* The seed is an attribute, a float in some operators; without one it is the node's place, so that two nodes differ, and two trips of a loop. */
static void seed_of(const fire_import *b, const fire_lift *n, twister *t) {
    const fire_onnx_attr *a = fire_lift_attr(n, "seed");
    twister_seed(t, !a ? (uint32_t)(b->depth ? b->nodes_left : b->scope->at) : a->type == FIRE_IS_INT ? (uint32_t)a->number : (uint32_t)fire_whole((double)a->value));
}

/* Without training it passes x on, and keeps all of it. While training it keeps x / (1 - ratio) where a draw is at least the ratio. */
void fire_lift_dropout(fire_import *b, fire_lift *n) {
    if (b->layers && !b->scope->outer && !b->scope->caller) { /* a layer of that name, which drops in training whatever the file says */
        const fire_tensor *share = fire_lift_in(n, 1) ? fire_import_numbers(b, n->in[1]) : NULL;
        const double rate = share && fire_count(&share->shape) == 1 ? fire_get(share, 0) : fire_lift_float(n, "ratio", 0.5);
        if (rate >= 0 && rate < 1 && b->layers->n_parts) b->layers->part[b->layers->n_parts - 1].dropout = rate;
        n->out[0] = fire_import_one(b, "Identity", n->in[0]);
        return;
    }
    double ratio = n->opset < 12 ? fire_lift_float(n, "ratio", 0.5) : 0.5;
    bool training = n->opset < 7 && !fire_lift_int(n, "is_test", 0);
    if (n->n_in > 2 && n->in[2]) {
        const fire_tensor *t = fire_import_numbers(b, n->in[2]);
        training = t && fire_count(&t->shape) == 1 && fire_get(t, 0) != 0;
    }
    if (training && fire_lift_in(n, 1)) {
        const fire_tensor *t = fire_import_numbers(b, n->in[1]);
        ratio = t && fire_count(&t->shape) == 1 ? fire_get(t, 0) : -1;
    }
    if (b->g->first.status) return;
    const bool mask = n->n_out > 1 && n->node->out[1].size;
    const fire_type kept = n->opset < 10 ? fire_type_of(b->g, n->in[0]) : FIRE_BOOL;
    if (!training || ratio == 0) {
        n->out[0] = fire_import_one(b, "Identity", n->in[0]);
        if (!mask || !fire_import_concrete(b, n->in[0])) return;
        fire_shape s = fire_shape_of(b->g, n->in[0]);
        n->out[1] = fire_import_two(b, "Expand", fire_graph_scalar(b->g, kept, 1), fire_import_ints(b, s.rank, s.dim));
        return;
    }
    if (!(ratio > 0 && ratio < 1)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "a ratio of %g, expected 0 to 1", ratio); return; }
    if (!fire_import_concrete(b, n->in[0])) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]);
    fire_tensor keep = fire_lift_room(b, FIRE_BOOL, s);
    if (!keep.data) return;
    twister t;
    seed_of(b, n, &t);
    if (!fire_lift_attr(n, "seed")) twister_seed(&t, 0);
    for (int64_t i = 0, count = fire_count(&s); i < count; i++) ((uint8_t *)keep.data)[i] = twister_unit(&t) >= ratio;
    fire_value on = fire_lift_made(b, &keep);
    fire_value x = fire_import_two(b, "Mul", n->in[0], fire_import_cast(b, on, fire_type_of(b->g, n->in[0])));
    n->out[0] = fire_import_two(b, "Mul", x, fire_import_like(b, x, 1 / (1 - ratio)));
    if (mask) n->out[1] = fire_import_cast(b, on, kept);
}

/* ---- draws: of a shape that is given, or like an input ---- */

/* Type and shape of what is drawn; false: failed. */
static bool drawn(fire_import *b, const fire_lift *n, fire_type *type, fire_shape *s) {
    const fire_onnx_attr *shape = fire_lift_attr(n, "shape");
    if (b->g->first.status) return false;
    *type = FIRE_F32;
    *s = (fire_shape){0};
    if (n->n_in > 0 && n->in[0]) {
        if (!fire_import_concrete(b, n->in[0])) return false;
        *s = fire_shape_of(b->g, n->in[0]);
        *type = fire_type_of(b->g, n->in[0]);
    } else {
        if (!shape || shape->n_ints > FIRE_MAX_RANK) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "has no shape of at most %d dimensions", FIRE_MAX_RANK); return false; }
        s->rank = (int32_t)shape->n_ints;
        for (int d = 0; d < s->rank; d++) s->dim[d] = shape->ints[d];
    }
    *type = (fire_type)fire_lift_int(n, "dtype", *type);
    return true;
}

/* RandomUniform, RandomNormal and the same with Like. */
void fire_lift_random(fire_import *b, fire_lift *n) {
    fire_type type;
    fire_shape s;
    if (!drawn(b, n, &type, &s)) return;
    const bool normal = !strncmp(n->op, "RandomNormal", 12);
    const double low = fire_lift_float(n, "low", 0), high = fire_lift_float(n, "high", 1), mean = fire_lift_float(n, "mean", 0), scale = fire_lift_float(n, "scale", 1);
    fire_tensor y = fire_lift_room(b, type, s);
    if (!y.data) return;
    twister t;
    seed_of(b, n, &t);
    for (int64_t i = 0, count = fire_count(&s); i < count; i++) {
        double u = twister_unit(&t);
        if (normal) u = mean + scale * sqrt(-2 * log(1 - u)) * cos(6.283185307179586 * twister_unit(&t)); /* Box and Muller */
        else u = low + u * (high - low);
        fire_put(&y, i, u);
    }
    n->out[0] = fire_lift_made(b, &y);
}

/* 1 where a draw is below the probability. */
void fire_lift_bernoulli(fire_import *b, fire_lift *n) {
    fire_type type;
    fire_shape s;
    if (!drawn(b, n, &type, &s)) return;
    fire_tensor u = fire_lift_room(b, FIRE_F64, s);
    if (!u.data) return;
    twister t;
    seed_of(b, n, &t);
    for (int64_t i = 0, count = fire_count(&s); i < count; i++) fire_put(&u, i, twister_unit(&t));
    n->out[0] = fire_import_cast(b, fire_import_two(b, "Less", fire_lift_made(b, &u), fire_import_cast(b, n->in[0], FIRE_F64)), type);
}

/* Classes drawn by logarithms of their probabilities x [rows, classes]: y [rows, samples]. */
void fire_lift_multinomial(fire_import *b, fire_lift *n) {
    if (n->n_in < 1 || !n->in[0] || !fire_import_concrete(b, n->in[0])) { fire_import_fail(b, FIRE_E_CORRUPT, "has no input"); return; }
    fire_shape s = fire_shape_of(b->g, n->in[0]), to = {2, {s.dim[0], fire_lift_int(n, "sample_size", 1)}};
    if (s.rank != 2 || s.dim[1] < 1 || to.dim[1] < 0) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "wants a matrix"); return; }
    fire_tensor u = fire_lift_room(b, FIRE_F64, (fire_shape){3, {to.dim[0], to.dim[1], 1}});
    if (!u.data) return;
    twister t;
    seed_of(b, n, &t);
    for (int64_t i = 0, count = to.dim[0] * to.dim[1]; i < count; i++) fire_put(&u, i, twister_unit(&t));
    int64_t axis = 1, last = s.dim[1] - 1;
    fire_value x = fire_import_cast(b, n->in[0], FIRE_F64), p = fire_import_apply(b, "Softmax", 1, &x, "axis=1"); /* u is past so many classes: those whose sum it reached */
    p = fire_import_two(b, "CumSum", p, fire_graph_const(b->g, FIRE_I64, (fire_shape){0}, &axis));
    p = fire_import_two(b, "GreaterOrEqual", fire_lift_made(b, &u), fire_import_unsqueeze(b, p, 1));
    p = fire_import_reduce(b, "ReduceSum", fire_import_cast(b, p, FIRE_I64), 4, false);
    p = fire_import_two(b, "Min", p, fire_graph_const(b->g, FIRE_I64, (fire_shape){0}, &last));
    n->out[0] = fire_import_cast(b, p, (fire_type)fire_lift_int(n, "dtype", FIRE_I32));
}
