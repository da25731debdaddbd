/* compose.c - operators for build functions, and products with named dimensions as one MatMul. */
#include "compose.h"
#include "op.h"
#include <stdio.h>

fire_value fire_two(fire_graph *g, const char *op, fire_value a, fire_value b) { return fire_apply(g, op, 2, FIRE_IN(a, b), NULL); }
fire_value fire_one(fire_graph *g, const char *op, fire_value a) { return fire_apply(g, op, 1, &a, NULL); }
fire_value fire_number(fire_graph *g, fire_value x, double v) { return g->first.status ? 0 : fire_graph_scalar(g, fire_type_of(g, x), v); }
fire_value fire_plus(fire_graph *g, fire_value x, double v) { return fire_two(g, "Add", x, fire_number(g, x, v)); }
fire_value fire_times(fire_graph *g, fire_value x, double v) { return fire_two(g, "Mul", x, fire_number(g, x, v)); }

fire_value fire_reshape(fire_graph *g, fire_value x, fire_shape to) {
    if (g->first.status) return 0;
    fire_shape from = fire_shape_of(g, x);
    if (fire_same_shape(&from, &to)) return x;
    return fire_two(g, "Reshape", x, fire_graph_const(g, FIRE_I64, (fire_shape){1, {to.rank}}, to.dim));
}

fire_value fire_permute(fire_graph *g, fire_value x, const int *perm) {
    if (g->first.status) return 0;
    int rank = fire_shape_of(g, x).rank, k = 0;
    char text[16 + 4 * FIRE_MAX_RANK];
    bool moves = false;
    k = snprintf(text, sizeof text, "perm=[");
    for (int d = 0; d < rank; d++) {
        k += snprintf(text + k, sizeof text - (size_t)k, "%s%d", d ? "," : "", perm[d]);
        moves = moves || perm[d] != d;
    }
    snprintf(text + k, sizeof text - (size_t)k, "]");
    return moves ? fire_apply(g, "Transpose", 1, &x, text) : x;
}

fire_value fire_over(fire_graph *g, const char *op, fire_value x, uint32_t axes, bool keep) {
    if (g->first.status) return 0;
    return fire_apply(g, op, 2, FIRE_IN(x, fire_axes_const(g, axes)), keep ? "keepdims=1" : "keepdims=0");
}

fire_value fire_unsqueeze(fire_graph *g, fire_value x, uint32_t axes) {
    return g->first.status ? 0 : axes ? fire_two(g, "Unsqueeze", x, fire_axes_const(g, axes)) : x;
}

fire_value fire_cast(fire_graph *g, fire_value x, fire_type type) {
    char text[16];
    if (g->first.status) return 0;
    snprintf(text, sizeof text, "to=%d", (int)type);
    return fire_type_of(g, x) == type ? x : fire_apply(g, "Cast", 1, &x, text);
}

fire_value fire_drop(fire_build *b, fire_value x, double rate) {
    char number[FIRE_NUMBER_TEXT], text[FIRE_NUMBER_TEXT + 48];
    if (!b->training || rate == 0 || b->g->first.status) return x;
    snprintf(text, sizeof text, "rate=%s layer=%lld", fire_number_text(rate, number), (long long)fire_draw_stream(b));
    return fire_apply(b->g, "RowDropout", 3, FIRE_IN(x, b->row_id, b->draw), text);
}

int fire_layer_axis(fire_graph *g, const char *layer, int64_t axis, fire_shape x) {
    int64_t a = axis < 0 ? axis + x.rank : axis;
    if (g->first.status || (a > 0 && a < x.rank)) return (int)a;
    char text[FIRE_SHAPE_TEXT];
    fire_graph_fail(g, FIRE_E_ATTRIBUTE, "%s '%s': axis %lld is not one of the input %s, or is the batch", layer, g->layer ? g->layer : "", (long long)axis, fire_shape_text(&x, text));
    return -1;
}

bool fire_axes_last(fire_graph *g, const char *layer, const fire_ints *axes, fire_shape x, int *perm, int *back, fire_shape *width) {
    uint32_t moved = 0;
    int n = 0;
    *width = (fire_shape){.rank = 0};
    if (axes->n >= x.rank) {
        char text[FIRE_SHAPE_TEXT];
        fire_graph_fail(g, FIRE_E_ATTRIBUTE, "%s '%s': axis lists %d dimensions, expected at most the %d that the input %s has besides the batch", layer,
                        g->layer ? g->layer : "", axes->n, x.rank - 1, fire_shape_text(&x, text));
        return false;
    }
    for (int i = 0; i < axes->n; i++) {
        int a = fire_layer_axis(g, layer, axes->v[i], x);
        if (a < 0) return false;
        if (moved >> a & 1) {
            fire_graph_fail(g, FIRE_E_ATTRIBUTE, "%s '%s': axis %d is listed twice", layer, g->layer ? g->layer : "", a);
            return false;
        }
        moved |= 1u << a;
        width->dim[width->rank++] = x.dim[a];
        perm[x.rank - axes->n + i] = a;
    }
    for (int d = 0; d < x.rank; d++)
        if (!(moved >> d & 1)) perm[n++] = d;
    for (int d = 0; d < x.rank; d++) back[perm[d]] = d;
    return true;
}

bool fire_place_shape(fire_graph *g, const char *layer, fire_value x, const fire_ints *shared_axes, fire_shape *shape) {
    if (g->first.status) return false;
    fire_shape rows = fire_shape_of(g, x);
    *shape = (fire_shape){.rank = rows.rank - 1};
    for (int d = 0; d < shape->rank; d++) shape->dim[d] = rows.dim[d + 1];
    for (int i = 0; i < shared_axes->n; i++) {
        if (shared_axes->v[i] > shape->rank) {
            char text[FIRE_SHAPE_TEXT];
            fire_graph_fail(g, FIRE_E_ATTRIBUTE, "%s '%s': shared_axes has %lld, expected 1 to %d for an input of shape %s", layer, g->layer,
                            (long long)shared_axes->v[i], (int)shape->rank, fire_shape_text(&rows, text));
            return false;
        }
        shape->dim[shared_axes->v[i] - 1] = 1;
    }
    return true;
}

fire_value fire_filled(fire_graph *g, fire_type type, fire_shape shape, double v) {
    if (g->first.status) return 0;
    return fire_two(g, "Expand", fire_graph_scalar(g, type, v), fire_graph_const(g, FIRE_I64, (fire_shape){1, {shape.rank}}, shape.dim));
}

/* ---- einsum ---- */

/* The labels of an operand in a new order, with their dimensions. */
typedef struct { char label[FIRE_MAX_RANK]; int64_t dim[FIRE_MAX_RANK]; int n; } labels;

static int place(const labels *l, char c) {
    for (int i = 0; i < l->n; i++)
        if (l->label[i] == c) return i;
    return -1;
}

/* The next part of the equation, up to one of ",->"; false: too long, or a label stands twice. */
static bool read_labels(const char **text, labels *l) {
    *l = (labels){.n = 0};
    for (; **text && !strchr(",->", **text); ++*text) {
        if (l->n == FIRE_MAX_RANK || place(l, **text) >= 0) return false;
        l->label[l->n++] = **text;
    }
    return true;
}

/* x, labelled `now`, with its dimensions in the order of `then` (the same ones). */
static fire_value order(fire_graph *g, fire_value x, const labels *now, const labels *then) {
    int perm[FIRE_MAX_RANK];
    for (int i = 0; i < then->n; i++) perm[i] = place(now, then->label[i]);
    return fire_permute(g, x, perm);
}

/* Append the labels of `from` that are or are not in p and in q. */
static void take(labels *to, const labels *from, const labels *p, bool in_p, const labels *q, bool in_q) {
    for (int i = 0; i < from->n; i++)
        if ((place(p, from->label[i]) >= 0) == in_p && (place(q, from->label[i]) >= 0) == in_q) to->label[to->n] = from->label[i], to->dim[to->n++] = from->dim[i];
}

/* The dimensions of l from `from` to `to` as one. */
static int64_t product(const labels *l, int from, int to) {
    int64_t n = 1;
    for (int i = from; i < to; i++)
        if (l->dim[i] == -1 || n == -1) n = -1;
        else if (!fire_mul(n, l->dim[i], &n)) n = INT64_MAX;
    return n;
}

/* Sum x over the labels that neither the other operand nor the result has. */
static fire_value sum_alone(fire_graph *g, fire_value x, labels *l, const labels *other, const labels *result) {
    labels kept = {.n = 0};
    uint32_t axes = 0;
    for (int i = 0; i < l->n; i++)
        if (place(other, l->label[i]) < 0 && place(result, l->label[i]) < 0) axes |= 1u << i;
        else kept.label[kept.n] = l->label[i], kept.dim[kept.n++] = l->dim[i];
    *l = kept;
    return axes ? fire_over(g, "ReduceSum", x, axes, false) : x;
}

fire_value fire_einsum(fire_graph *g, const char *equation, fire_value a, fire_value b) {
    if (g->first.status) return 0;
    const char *p = equation;
    labels la, lb, ly, na = {.n = 0}, nb = {.n = 0}, ny = {.n = 0};
    fire_shape sa = fire_shape_of(g, a), sb = fire_shape_of(g, b);
    bool fits = read_labels(&p, &la) && *p++ == ',' && read_labels(&p, &lb) && *p++ == '-' && *p++ == '>' && read_labels(&p, &ly) && !*p && la.n == sa.rank && lb.n == sb.rank;
    for (int i = 0; fits && i < la.n; i++) la.dim[i] = sa.dim[i];
    for (int i = 0; fits && i < lb.n; i++) {
        int k = place(&la, lb.label[i]);
        lb.dim[i] = sb.dim[i];
        fits = k < 0 || la.dim[k] == lb.dim[i];
    }
    for (int i = 0; fits && i < ly.n; i++) fits = place(&la, ly.label[i]) >= 0 || place(&lb, ly.label[i]) >= 0;
    if (!fits) {
        char s[FIRE_SHAPE_TEXT], t[FIRE_SHAPE_TEXT], shown[80];
        return fire_graph_fail(g, FIRE_E_SHAPE, "'%s': the equation '%s' does not fit %s and %s", g->layer ? g->layer : "", fire_escape(shown, sizeof shown, equation, strlen(equation)),
                               fire_shape_text(&sa, s), fire_shape_text(&sb, t));
    }
    a = sum_alone(g, a, &la, &lb, &ly);
    b = sum_alone(g, b, &lb, &la, &ly);
    take(&na, &la, &lb, true, &ly, true); /* a stack of matrices for these */
    int stack = na.n;
    take(&nb, &na, &la, true, &la, true);
    take(&ny, &na, &la, true, &la, true);
    take(&na, &la, &lb, false, &ly, true);
    int rows = na.n;
    take(&na, &la, &lb, true, &ly, false); /* summed */
    take(&nb, &la, &lb, true, &ly, false);
    int summed = nb.n;
    take(&nb, &lb, &la, false, &ly, true);
    take(&ny, &la, &lb, false, &ly, true);
    take(&ny, &lb, &la, false, &ly, true);
    if (stack + 2 > FIRE_MAX_RANK || ny.n != ly.n) return fire_graph_fail(g, FIRE_E_UNSUPPORTED, "'%s': too many dimensions for the equation", g->layer ? g->layer : "");
    a = order(g, a, &la, &na);
    b = order(g, b, &lb, &nb);
    fire_shape ma = {.rank = stack + 2}, mb = ma, end = {.rank = ny.n};
    for (int i = 0; i < stack; i++) ma.dim[i] = mb.dim[i] = na.dim[i];
    ma.dim[stack] = product(&na, stack, rows), ma.dim[stack + 1] = product(&na, rows, na.n);
    mb.dim[stack] = product(&nb, stack, summed), mb.dim[stack + 1] = product(&nb, summed, nb.n);
    for (int i = 0; i < ny.n; i++) end.dim[i] = ny.dim[i];
    fire_value y = fire_two(g, "MatMul", fire_reshape(g, a, ma), fire_reshape(g, b, mb));
    return order(g, fire_reshape(g, y, end), &ny, &ly);
}
