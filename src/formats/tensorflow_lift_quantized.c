/* tensorflow_lift_quantized.c - numbers of TensorFlow's quantized types, which lie in graphs as integers, and back: the range of both ends is data. */
#include "formats/tensorflow_help.h"

/* The ends of the integers of a type, and of the range: numbers for all, or (axis) for each slice, shaped to broadcast. */
typedef struct range { double low, high; fire_tensor least, most; fire_shape shape; int64_t n; } range;

static bool read_range(fire_import *b, const fire_lift *n, fire_type type, const fire_shape *s, range *r) {
    const int64_t axis = fire_lift_int(n, "axis", -1);
    if (type == FIRE_U8 || type == FIRE_U16) r->low = 0, r->high = type == FIRE_U8 ? 255 : 65535;
    else if (type == FIRE_I8 || type == FIRE_I16 || type == FIRE_I32) r->high = type == FIRE_I8 ? 127 : type == FIRE_I16 ? 32767 : 2147483647, r->low = -r->high - 1;
    else { fire_tf_fail(b, "a type that is not quantized"); return false; }
    if (!fire_tf_numbers(b, n->in[1], &r->least) || !fire_tf_numbers(b, n->in[2], &r->most)) return false;
    r->n = fire_count(&r->least.shape);
    r->shape = (fire_shape){0};
    if (axis >= 0 && axis < s->rank) {
        r->shape.rank = s->rank;
        for (int d = 0; d < s->rank; d++) r->shape.dim[d] = d == axis ? s->dim[d] : 1;
    }
    if (r->n == fire_count(&r->most.shape) && r->n == fire_count(&r->shape)) return true;
    fire_tf_fail(b, "ranges of %lld numbers", (long long)r->n);
    return false;
}

/* Factor and summand for each range as constants: y = x factor + summand. */
static bool put_line(fire_import *b, const range *r, double *const line[2], fire_value out[2]) {
    for (int k = 0; k < 2; k++) {
        fire_tensor t;
        if (!fire_tf_new(b, FIRE_F64, r->shape, &t)) return false;
        memcpy(t.data, line[k], (size_t)r->n * sizeof(double));
        out[k] = fire_tf_keep(b, &t);
    }
    return true;
}
static bool room(fire_import *b, const range *r, double *line[2]) {
    for (int k = 0; k < 2; k++)
        if (!(line[k] = fire_arena_alloc(&b->arena, (size_t)r->n + 1, sizeof *line[k], &b->g->first))) return false;
    return true;
}

void fire_tf_dequantize(fire_import *b, fire_lift *n) { /* x, least, most */
    range r;
    double *line[2];
    fire_value of[2];
    if (!fire_tf_has(b, n, 3)) return;
    const fire_type type = fire_type_of(b->g, n->in[0]), to = (fire_type)fire_lift_int(n, "dtype", FIRE_F32);
    const fire_shape s = fire_shape_of(b->g, n->in[0]);
    const bool scaled = fire_lift_text(n, "mode", "SCALED"), first = fire_lift_text(n, "mode", "MIN_FIRST"), narrow = fire_lift_int(n, "narrow_range", 0);
    if (!read_range(b, n, type, &s, &r) || !room(b, &r, line)) return;
    for (int64_t i = 0; i < r.n; i++) {
        const double least = fire_get(&r.least, i), most = fire_get(&r.most, i), step = (most - least) / (r.high - r.low);
        if (scaled) {
            const double above = most / r.high, below = r.low < 0 ? least / (r.low + narrow) : 0;
            line[0][i] = above > below ? above : below, line[1][i] = 0;
        } else if (first) {
            const double by = (double)(float)step;
            line[0][i] = least == most ? 0 : step;
            line[1][i] = (least == most ? least : round(least / by) * by) - r.low * line[0][i];
        } else line[0][i] = step, line[1][i] = least + (r.low < 0 ? (r.high - r.low + 1) / 2 * step : 0);
    }
    if (!put_line(b, &r, line, of)) return;
    n->out[0] = fire_import_cast(b, fire_import_two(b, "Add", fire_import_two(b, "Mul", fire_import_cast(b, n->in[0], FIRE_F64), of[0]), of[1]), fire_tf_float(to) ? to : FIRE_F32);
}

static fire_value rounded(fire_import *b, fire_value x, bool even) {
    if (even) return fire_import_one(b, "Round", x);
    return fire_import_two(b, "Mul", fire_import_one(b, "Sign", x), fire_import_one(b, "Floor", fire_tf_plus(b, fire_import_one(b, "Abs", x), 0.5)));
}

void fire_tf_quantize(fire_import *b, fire_lift *n) { /* x, least, most: as integers, and the range that they have then */
    range r;
    double *line[2], *ends[2];
    fire_value of[2], y;
    if (!fire_tf_has(b, n, 3)) return;
    const fire_type type = (fire_type)fire_lift_int(n, "T", 0);
    const fire_shape s = fire_shape_of(b->g, n->in[0]);
    const bool scaled = fire_lift_text(n, "mode", "SCALED"), first = fire_lift_text(n, "mode", "MIN_FIRST"), narrow = fire_lift_int(n, "narrow_range", 0);
    const double apart = fire_lift_float(n, "ensure_minimum_range", 0.01);
    if (!read_range(b, n, type, &s, &r) || !room(b, &r, line) || !room(b, &r, ends)) return;
    for (int64_t i = 0; i < r.n; i++) {
        float least = (float)fire_get(&r.least, i), most = (float)fire_get(&r.most, i);
        const float wide = fmaxf(1, fmaxf(fabsf(least), fabsf(most))) * (float)apart;
        least = fminf(0, least);
        most = fmaxf(0, fmaxf(most, least + wide));
        if (scaled) {
            const double above = r.high / (double)most, below = r.low < 0 && least < 0 ? (r.low + narrow) / (double)least : INFINITY;
            line[0][i] = above < below ? above : below, line[1][i] = 0;
            ends[0][i] = (r.low + (r.low < 0 && narrow)) / line[0][i], ends[1][i] = r.high / line[0][i];
            continue;
        }
        const double by = (r.high - r.low) / ((double)most - (double)least);
        line[0][i] = by;
        line[1][i] = first ? -round((double)least * by) + r.low : -(double)least * by - (r.low < 0 ? (r.high - r.low + 1) / 2 : 0);
        ends[0][i] = least, ends[1][i] = most;
    }
    if (!put_line(b, &r, line, of)) return;
    y = fire_import_two(b, "Mul", fire_import_cast(b, n->in[0], FIRE_F64), of[0]);
    if (first) y = fire_import_two(b, "Add", rounded(b, y, false), of[1]);
    else y = rounded(b, fire_import_two(b, "Add", y, of[1]), scaled && fire_lift_text(n, "round_mode", "HALF_TO_EVEN"));
    y = fire_import_two(b, "Min", fire_import_two(b, "Max", y, fire_import_like(b, y, r.low + (scaled && narrow && r.low < 0))), fire_import_like(b, y, r.high));
    n->out[0] = fire_import_cast(b, y, type);
    for (int k = 0; k < 2; k++) {
        fire_tensor t;
        if (!fire_tf_new(b, FIRE_F32, r.shape.rank ? (fire_shape){1, {r.n}} : (fire_shape){0}, &t)) return;
        for (int64_t i = 0; i < r.n; i++) ((float *)t.data)[i] = (float)ends[k][i];
        n->out[1 + k] = fire_tf_keep(b, &t);
    }
}
