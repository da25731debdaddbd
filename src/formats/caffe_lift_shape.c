/* caffe_lift_shape.c - layers of Caffe that compute number by number, join, part and move. */
#include "formats/caffe_help.h"

/* ---- number by number ---- */

void fire_caffe_one(fire_import *b, fire_lift *n) {
    static const struct { const char *caffe, *op; } same[] = {{"AbsVal", "Abs"}, {"BNLL", "Softplus"}, {"Sigmoid", "Sigmoid"}, {"TanH", "Tanh"}};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (!strcmp(n->op, same[i].caffe) && fire_caffe_has(b, n, 1, 0)) n->out[0] = fire_import_one(b, same[i].op, n->in[0]);
}

void fire_caffe_relu(fire_import *b, fire_lift *n) {
    const double slope = fire_caffe_number(fire_caffe_open(b, n, FIRE_CAFFE_RELU), 1, 0);
    if (!fire_caffe_has(b, n, 1, 0)) return;
    n->out[0] = slope == 0 ? fire_import_one(b, "Relu", n->in[0]) : fire_import_apply(b, "LeakyRelu", 1, n->in, "alpha=%.9g", slope);
}

void fire_caffe_prelu(fire_import *b, fire_lift *n) {
    if (fire_caffe_has(b, n, 1, 1)) n->out[0] = fire_import_two(b, "PRelu", n->in[0], fire_caffe_beside(b, fire_caffe_blob(b, n, 0), 1, n->in[0]));
}

void fire_caffe_elu(fire_import *b, fire_lift *n) {
    if (fire_caffe_has(b, n, 1, 0)) n->out[0] = fire_import_apply(b, "Elu", 1, n->in, "alpha=%.9g", fire_caffe_number(fire_caffe_open(b, n, FIRE_CAFFE_ELU), 1, 1));
}

void fire_caffe_power(fire_import *b, fire_lift *n) {
    const fire_wire p = fire_caffe_open(b, n, FIRE_CAFFE_POWER);
    const double power = fire_caffe_number(p, 1, 1);
    if (!fire_caffe_has(b, n, 1, 0)) return;
    const fire_value x = fire_caffe_plus(b, fire_caffe_times(b, n->in[0], fire_caffe_number(p, 2, 1)), fire_caffe_number(p, 3, 0));
    n->out[0] = power == 1 ? fire_import_one(b, "Identity", x) : fire_import_two(b, "Pow", x, fire_import_like(b, x, power));
}

/* base^(shift + scale x), and the logarithm to that base; base -1: e. */
void fire_caffe_exp(fire_import *b, fire_lift *n) {
    const fire_wire p = fire_caffe_open(b, n, FIRE_CAFFE_EXP);
    const double base = fire_caffe_number(p, 1, -1);
    if (!fire_caffe_has(b, n, 1, 0)) return;
    if (base != -1 && base <= 0) { fire_caffe_fail(b, "a base of %g", base); return; }
    fire_value x = fire_caffe_plus(b, fire_caffe_times(b, n->in[0], fire_caffe_number(p, 2, 1)), fire_caffe_number(p, 3, 0));
    n->out[0] = fire_import_one(b, "Exp", base == -1 ? x : fire_caffe_times(b, x, log(base)));
}

void fire_caffe_log(fire_import *b, fire_lift *n) {
    const fire_wire p = fire_caffe_open(b, n, FIRE_CAFFE_LOG);
    const double base = fire_caffe_number(p, 1, -1);
    if (!fire_caffe_has(b, n, 1, 0)) return;
    if (base != -1 && (base <= 0 || base == 1)) { fire_caffe_fail(b, "a base of %g", base); return; }
    fire_value x = fire_caffe_plus(b, fire_caffe_times(b, n->in[0], fire_caffe_number(p, 2, 1)), fire_caffe_number(p, 3, 0));
    x = fire_import_one(b, "Log", x);
    n->out[0] = base == -1 ? x : fire_caffe_times(b, x, 1 / log(base));
}

void fire_caffe_softmax(fire_import *b, fire_lift *n) {
    int axis;
    if (!fire_caffe_has(b, n, 1, 0) || !fire_caffe_axis(b, fire_caffe_open(b, n, FIRE_CAFFE_SOFTMAX), 2, 1, fire_caffe_shape(b, n->in[0]).rank, &axis)) return;
    n->out[0] = fire_import_apply(b, "Softmax", 1, n->in, "axis=%d", axis);
}

void fire_caffe_threshold(fire_import *b, fire_lift *n) {
    const double t = fire_caffe_number(fire_caffe_open(b, n, FIRE_CAFFE_THRESHOLD), 1, 0);
    if (fire_caffe_has(b, n, 1, 0)) n->out[0] = fire_import_cast(b, fire_import_two(b, "Greater", n->in[0], fire_import_like(b, n->in[0], t)), fire_type_of(b->g, n->in[0]));
}

void fire_caffe_clip(fire_import *b, fire_lift *n) {
    const fire_wire p = fire_caffe_open(b, n, FIRE_CAFFE_CLIP);
    if (fire_caffe_has(b, n, 1, 0)) n->out[0] = fire_import_apply(b, "Clip", 3, FIRE_IN(n->in[0], fire_import_like(b, n->in[0], fire_caffe_number(p, 1, 0)), fire_import_like(b, n->in[0], fire_caffe_number(p, 2, 0))), " ");
}

void fire_caffe_relu6(fire_import *b, fire_lift *n) {
    if (fire_caffe_has(b, n, 1, 0)) n->out[0] = fire_import_apply(b, "Clip", 3, FIRE_IN(n->in[0], fire_import_like(b, n->in[0], 0), fire_import_like(b, n->in[0], 6)), " ");
}

void fire_caffe_swish(fire_import *b, fire_lift *n) {
    const double beta = fire_caffe_number(fire_caffe_open(b, n, FIRE_CAFFE_SWISH), 1, 1);
    if (fire_caffe_has(b, n, 1, 0)) n->out[0] = fire_import_two(b, "Mul", n->in[0], fire_import_one(b, "Sigmoid", fire_caffe_times(b, n->in[0], beta)));
}

void fire_caffe_dropout(fire_import *b, fire_lift *n) {
    const double share = fire_caffe_number(fire_caffe_open(b, n, FIRE_CAFFE_DROPOUT), 1, 0.5);
    if (!fire_caffe_has(b, n, 1, 0)) return;
    if (b->layers && b->layers->n_parts && share >= 0 && share < 1) b->layers->part[b->layers->n_parts - 1].dropout = share; /* drops when it is trained */
    n->out[0] = fire_import_one(b, "Identity", n->in[0]);
}

/* ---- several bottoms or tops ---- */

void fire_caffe_eltwise(fire_import *b, fire_lift *n) {
    const fire_wire p = fire_caffe_open(b, n, FIRE_CAFFE_ELTWISE);
    const int operation = (int)fire_caffe_number(p, 1, 1);
    double coeff[64];
    if (!fire_caffe_has(b, n, 2, 0)) return;
    const int64_t bottoms = fire_caffe_bottoms(b), coeffs = fire_caffe_list(p, 2, true, 64, coeff);
    static const char *const ops[] = {"Mul", "Add", "Max"};
    if (operation < 0 || operation > 2 || (coeffs && (coeffs != bottoms || coeffs > 64 || operation != 1))) { fire_caffe_fail(b, "operation %d with %lld coefficients for %lld bottoms", operation, (long long)coeffs, (long long)bottoms); return; }
    fire_value y = 0;
    for (int64_t i = 0; i < bottoms && !b->g->first.status; i++) {
        const fire_shape first = fire_shape_of(b->g, n->in[0]), own = fire_shape_of(b->g, n->in[i]);
        if (!fire_same_shape(&first, &own)) {
            char a[FIRE_SHAPE_TEXT], c[FIRE_SHAPE_TEXT];
            fire_caffe_fail(b, "bottoms %s and %s, expected one shape", fire_shape_text(&first, a), fire_shape_text(&own, c));
            return;
        }
        const fire_value x = coeffs ? fire_caffe_times(b, n->in[i], coeff[i]) : n->in[i];
        y = i ? fire_import_two(b, ops[operation], y, x) : x;
    }
    n->out[0] = y;
}

/* Field 2 or 1 for Concat, 3 or 1 for Slice: by the newer name or the older one. */
static bool joined_axis(fire_import *b, fire_wire p, uint32_t newer, int rank, int *axis) {
    return fire_caffe_axis(b, p, fire_caffe_number(p, newer, 1000) == 1000 ? 1 : newer, 1, rank, axis);
}

void fire_caffe_concat(fire_import *b, fire_lift *n) {
    const fire_wire p = fire_caffe_open(b, n, FIRE_CAFFE_CONCAT);
    int axis;
    if (!fire_caffe_has(b, n, 1, 0)) return;
    if (!joined_axis(b, p, 2, fire_caffe_shape(b, n->in[0]).rank, &axis)) return;
    n->out[0] = fire_import_concat(b, n->in, fire_caffe_bottoms(b), axis);
    if (fire_caffe_bottoms(b) == 1) n->out[0] = fire_import_one(b, "Identity", n->out[0]);
}

void fire_caffe_slice(fire_import *b, fire_lift *n) {
    const fire_wire p = fire_caffe_open(b, n, FIRE_CAFFE_SLICE);
    int axis;
    if (!fire_caffe_has(b, n, 1, 0)) return;
    const fire_shape s = fire_caffe_shape(b, n->in[0]);
    double point[256];
    const int64_t points = fire_caffe_list(p, 2, false, 256, point);
    if (!joined_axis(b, p, 3, s.rank, &axis)) return;
    const int64_t size = s.dim[axis];
    if (size < 0) { (void)fire_import_concrete(b, n->in[0]); return; }
    if ((points && points != n->n_out - 1) || points > 256 || (!points && size % n->n_out)) { fire_caffe_fail(b, "%lld tops of %lld numbers at %lld points", (long long)n->n_out, (long long)size, (long long)points); return; }
    for (int64_t k = 0, from = 0, to; k < n->n_out; k++, from = to) {
        to = k + 1 == n->n_out ? size : points ? (int64_t)point[k] : (k + 1) * (size / n->n_out);
        if (to <= from || to > size) { fire_caffe_fail(b, "a piece from %lld to %lld of %lld", (long long)from, (long long)to, (long long)size); return; }
        n->out[k] = fire_import_slice(b, n->in[0], axis, from, to);
    }
}

void fire_caffe_split(fire_import *b, fire_lift *n) {
    if (!fire_caffe_has(b, n, 1, 0)) return;
    for (int64_t k = 0; k < n->n_out; k++) n->out[k] = n->in[0];
}

/* a x + y, with a for each channel. */
void fire_caffe_axpy(fire_import *b, fire_lift *n) {
    if (!fire_caffe_has(b, n, 3, 0)) return;
    const fire_shape a = fire_caffe_shape(b, n->in[0]), x = fire_caffe_shape(b, n->in[1]);
    const fire_value by = a.rank == 2 && x.rank == 4 ? fire_import_reshape(b, n->in[0], (fire_shape){4, {a.dim[0], a.dim[1], 1, 1}}) : n->in[0];
    n->out[0] = fire_import_two(b, "Add", fire_import_two(b, "Mul", n->in[1], by), n->in[2]);
}

/* ---- shapes ---- */

/* Channels of each group side by side become channels of the groups in turn. */
void fire_caffe_shuffle(fire_import *b, fire_lift *n) {
    const double group = fire_caffe_number(fire_caffe_open(b, n, FIRE_CAFFE_SHUFFLE), 1, 0);
    if (!fire_caffe_has(b, n, 1, 0)) return;
    const fire_shape s = fire_caffe_shape(b, n->in[0]);
    static const int turn[5] = {0, 2, 1, 3, 4};
    if (s.rank != 4 || s.dim[2] < 0 || s.dim[3] < 0 || group < 1 || group > (double)s.dim[1] || s.dim[1] % (int64_t)group) { fire_caffe_fail(b, "%g groups of the channels", group); return; }
    const fire_value x = fire_import_reshape(b, n->in[0], (fire_shape){5, {s.dim[0], (int64_t)group, s.dim[1] / (int64_t)group, s.dim[2], s.dim[3]}});
    n->out[0] = fire_import_reshape(b, fire_import_permute(b, x, turn), s);
}

void fire_caffe_flatten(fire_import *b, fire_lift *n) {
    const fire_wire p = fire_caffe_open(b, n, FIRE_CAFFE_FLATTEN);
    int axis, end;
    if (!fire_caffe_has(b, n, 1, 0)) return;
    const fire_shape s = fire_caffe_shape(b, n->in[0]);
    if (!fire_caffe_axis(b, p, 1, 1, s.rank, &axis) || !fire_caffe_axis(b, p, 2, -1, s.rank, &end)) return;
    fire_shape to = {.rank = 0};
    int64_t inner = 1;
    for (int d = 0; d < s.rank; d++) {
        if (d < axis || d > end) { to.dim[to.rank++] = s.dim[d]; continue; }
        if (inner < 0 || s.dim[d] < 0) inner = -1;
        else if (!fire_mul(inner, s.dim[d], &inner)) { fire_caffe_fail(b, "the shape is too large"); return; }
        if (d == end) to.dim[to.rank++] = inner;
    }
    n->out[0] = fire_import_reshape(b, n->in[0], to);
}

/* 0 copies a dimension, -1 is what is left; only num_axes dimensions from `axis` on are new. A batch that the file fixes stays free in layers. */
void fire_caffe_reshape(fire_import *b, fire_lift *n) {
    const fire_wire p = fire_caffe_open(b, n, FIRE_CAFFE_RESHAPE);
    double dim[FIRE_MAX_RANK];
    if (!fire_caffe_has(b, n, 1, 0)) return;
    const fire_shape s = fire_caffe_shape(b, n->in[0]);
    const int64_t news = fire_caffe_list(fire_caffe_param(&p, false, 1, 1), 1, false, FIRE_MAX_RANK, dim), batch = b->scope->m->caffe->batch;
    double at = fire_caffe_number(p, 2, 0), count = fire_caffe_number(p, 3, -1);
    if (at < 0) at += s.rank + 1;
    const int axis = at >= 0 && at <= s.rank ? (int)at : -1, end = axis < 0 ? -1 : count == -1 ? s.rank : count >= 0 && axis + count <= s.rank ? axis + (int)count : -1;
    fire_shape to = {.rank = 0};
    int64_t have = 1, want = 1;
    int rest = -1, free = 0, taken = 0;
    if (end < 0 || news < 0 || news > FIRE_MAX_RANK || axis + news + (s.rank - end) > FIRE_MAX_RANK) { fire_caffe_fail(b, "a shape of %lld dimensions does not fit", (long long)news); return; }
    for (int d = 0; d < s.rank; d++) {
        if (d < axis || d >= end) continue;
        if (s.dim[d] < 0) free++;
        else if (!fire_mul(have, s.dim[d], &have)) { fire_caffe_fail(b, "the shape is too large"); return; }
    }
    for (int d = 0; d < axis; d++) to.dim[to.rank++] = s.dim[d];
    for (int64_t k = 0; k < news; k++) {
        int64_t v = (int64_t)dim[k];
        if (dim[k] < -1 || dim[k] > INT32_MAX || (v == 0 && axis + k >= s.rank) || (v == -1 && rest >= 0)) { fire_caffe_fail(b, "dimension %lld of the shape is %lld", (long long)k, (long long)v); return; }
        const bool rows = !axis && !k && s.rank && s.dim[0] < 0 && (v == 0 || (b->layers && v == batch && v > 0));
        if (v == -1) rest = to.rank;
        else if (rows) v = -1, taken++;
        else if (v == 0) v = s.dim[axis + k];
        if (v >= 0 && !fire_mul(want, v, &want)) { fire_caffe_fail(b, "the shape is too large"); return; }
        to.dim[to.rank++] = v;
    }
    for (int d = end; d < s.rank; d++) to.dim[to.rank++] = s.dim[d];
    if (rest >= 0 && free == taken) { /* what is left is known */
        if (want < 1 || have % want) { fire_caffe_fail(b, "%lld numbers do not fit the shape", (long long)have); return; }
        to.dim[rest] = have / want;
    }
    n->out[0] = fire_import_reshape(b, n->in[0], to);
}

void fire_caffe_permute(fire_import *b, fire_lift *n) {
    const fire_wire p = fire_caffe_open(b, n, FIRE_CAFFE_PERMUTE);
    double order[FIRE_MAX_RANK];
    int perm[FIRE_MAX_RANK], made = 0;
    if (!fire_caffe_has(b, n, 1, 0)) return;
    const int rank = fire_caffe_shape(b, n->in[0]).rank;
    const int64_t given = fire_caffe_list(p, 1, false, FIRE_MAX_RANK, order);
    uint32_t used = 0;
    for (int64_t k = 0; k < given; k++) {
        if (given > rank || order[k] < 0 || order[k] >= rank || used >> (int)order[k] & 1) { fire_caffe_fail(b, "the order does not fit data of %d dimensions", rank); return; }
        used |= 1u << (perm[made++] = (int)order[k]);
    }
    for (int d = 0; d < rank; d++)
        if (!(used >> d & 1)) perm[made++] = d;
    n->out[0] = fire_import_permute(b, n->in[0], perm);
}

/* The first bottom in the size of the second one, from `axis` on. */
void fire_caffe_crop(fire_import *b, fire_lift *n) {
    const fire_wire p = fire_caffe_open(b, n, FIRE_CAFFE_CROP);
    double offset[FIRE_MAX_RANK];
    int axis;
    if (!fire_caffe_has(b, n, 2, 0)) return;
    const fire_shape s = fire_caffe_shape(b, n->in[0]), like = fire_caffe_shape(b, n->in[1]);
    const int64_t given = fire_caffe_list(p, 2, false, FIRE_MAX_RANK, offset);
    if (!fire_caffe_axis(b, p, 1, 2, s.rank, &axis)) return;
    fire_value x = n->in[0];
    if (like.rank != s.rank || given < 0 || (given > 1 && given != s.rank - axis)) { fire_caffe_fail(b, "%lld offsets for data of %d dimensions, and %d in the second bottom", (long long)given, (int)s.rank, (int)like.rank); return; }
    for (int d = axis; d < s.rank; d++) {
        const double from = given ? offset[given == 1 ? 0 : d - axis] : 0;
        if (s.dim[d] < 0 && like.dim[d] < 0 && from == 0) continue;
        if (s.dim[d] < 0 || like.dim[d] < 0) { (void)fire_import_concrete(b, n->in[s.dim[d] < 0 ? 0 : 1]); return; }
        if (from < 0 || from + (double)like.dim[d] > (double)s.dim[d]) { fire_caffe_fail(b, "a piece from %lld of %lld of dimension %d, which has %lld", (long long)from, (long long)like.dim[d], d, (long long)s.dim[d]); return; }
        if (like.dim[d] != s.dim[d]) x = fire_import_slice(b, x, d, (int64_t)from, (int64_t)from + like.dim[d]);
    }
    n->out[0] = x == n->in[0] ? fire_import_one(b, "Identity", x) : x;
}

/* Places of the top_k largest along `axis`, or in each row: then [n, 1 or 2, top_k], with the values in the second. */
void fire_caffe_arg_max(fire_import *b, fire_lift *n) {
    const fire_wire p = fire_caffe_open(b, n, FIRE_CAFFE_ARGMAX);
    const bool values = fire_caffe_number(p, 1, 0) != 0, whole = fire_caffe_number(p, 3, 1000) == 1000;
    const double top = fire_caffe_number(p, 2, 1);
    int axis = 1;
    if (!fire_caffe_has(b, n, 1, 0)) return;
    fire_value x = n->in[0], out[FIRE_MAX_OUT];
    fire_shape s = fire_caffe_shape(b, x);
    if (whole) {
        int64_t inner = 1;
        for (int d = 1; d < s.rank; d++)
            if (s.dim[d] < 0 || !fire_mul(inner, s.dim[d], &inner)) { (void)fire_import_concrete(b, x); return; }
        s = (fire_shape){2, {s.rank ? s.dim[0] : 1, inner}};
        x = fire_import_reshape(b, x, s);
    } else if (!fire_caffe_axis(b, p, 3, 1, s.rank, &axis)) return;
    if (axis >= s.rank || top < 1 || (double)s.dim[axis] < top) { fire_caffe_fail(b, "the %g largest along dimension %d", top, axis); return; }
    char text[64] = "axis=1";
    text[5] = (char)('0' + axis);
    if (fire_import_all(b, "TopK", 2, FIRE_IN(x, fire_import_ints(b, 1, &(int64_t){(int64_t)top})), text, out)) return;
    const fire_value at = fire_import_cast(b, out[1], fire_type_of(b->g, x));
    if (!whole) { n->out[0] = values ? out[0] : at; return; }
    const fire_shape three = {3, {s.dim[0], 1, (int64_t)top}};
    const fire_value places = fire_import_reshape(b, at, three);
    n->out[0] = values ? fire_import_apply(b, "Concat", 2, FIRE_IN(places, fire_import_reshape(b, out[0], three)), "axis=1") : places;
}

void fire_caffe_reduction(fire_import *b, fire_lift *n) {
    static const char *const ops[] = {"", "ReduceSum", "ReduceL1", "ReduceSumSquare", "ReduceMean"};
    const fire_wire p = fire_caffe_open(b, n, FIRE_CAFFE_REDUCTION);
    const int operation = (int)fire_caffe_number(p, 1, 1);
    int axis;
    if (!fire_caffe_has(b, n, 1, 0)) return;
    const int rank = fire_caffe_shape(b, n->in[0]).rank;
    if (operation < 1 || operation > 4) { fire_caffe_fail(b, "operation %d is not known", operation); return; }
    if (!fire_caffe_axis(b, p, 2, 0, rank, &axis)) return;
    n->out[0] = fire_caffe_times(b, fire_import_reduce(b, ops[operation], n->in[0], ((1u << rank) - 1) & ~((1u << axis) - 1), false), fire_caffe_number(p, 3, 1));
}

void fire_caffe_tile(fire_import *b, fire_lift *n) {
    const fire_wire p = fire_caffe_open(b, n, FIRE_CAFFE_TILE);
    const double tiles = fire_caffe_number(p, 2, 1);
    int axis;
    if (!fire_caffe_has(b, n, 1, 0)) return;
    const int rank = fire_caffe_shape(b, n->in[0]).rank;
    if (!fire_caffe_axis(b, p, 1, 1, rank, &axis)) return;
    if (tiles < 1 || tiles > 1 << 16) { fire_caffe_fail(b, "%g tiles", tiles); return; }
    fire_value *piece = fire_arena_alloc(&b->arena, (size_t)tiles, sizeof *piece, &b->g->first);
    for (int k = 0; piece && k < (int)tiles; k++) piece[k] = n->in[0];
    if (piece) n->out[0] = tiles == 1 ? fire_import_one(b, "Identity", piece[0]) : fire_import_concat(b, piece, (int64_t)tiles, axis);
}
