/* pad - numbers added around a tensor: a constant, or what lies inside, mirrored, repeated at the edge or in circles. Negative padding cuts.
**
** Inputs: data, pads [2 k] (before each axis, then behind each), the constant (zero if left out) and the axes [k] (all, if left out).
*/
#include "op.h"

typedef struct { fire_attr_text mode; } pad_attrs;
static const fire_attr attrs_of_pad[] = {
    {"mode", FIRE_ATTR_TEXT, offsetof(pad_attrs, mode), .text = "constant", .choices = "constant|reflect|edge|wrap", .help = "where the new numbers come from"},
    {0},
};

typedef struct { int64_t low[FIRE_MAX_RANK], high[FIRE_MAX_RANK]; } padding;

static fire_status read_padding(const fire_tensor *pads, const fire_tensor *axes, int rank, padding *p, fire_error *err) {
    *p = (padding){0};
    int64_t n = fire_count(&pads->shape) / 2;
    fire_status s = fire_want_index(pads, "pads", err);
    if (!s && axes) s = fire_want_index(axes, "axes", err);
    if (s) return s;
    if (!pads->data || (axes && !axes->data)) return fire_fail(err, FIRE_E_UNSUPPORTED, "pads and axes must be constants");
    if (pads->shape.rank != 1 || fire_count(&pads->shape) % 2 || (axes ? axes->shape.rank != 1 || fire_count(&axes->shape) != n : n != rank))
        return fire_fail(err, FIRE_E_SHAPE, "%lld numbers in pads, expected two for each of %lld axes", (long long)fire_count(&pads->shape), (long long)(axes ? fire_count(&axes->shape) : rank));
    uint32_t seen = 0;
    for (int64_t i = 0; i < n; i++) {
        int axis;
        if ((s = fire_axis(axes ? fire_whole(fire_get(axes, i)) : i, rank, &axis, err))) return s;
        if (seen >> axis & 1) return fire_fail(err, FIRE_E_ATTRIBUTE, "axis %d is there twice", axis);
        seen |= 1u << axis;
        p->low[axis] = fire_whole(fire_get(pads, i)), p->high[axis] = fire_whole(fire_get(pads, n + i));
        if (p->low[axis] > (int64_t)1 << 40 || p->high[axis] > (int64_t)1 << 40 || p->low[axis] < -((int64_t)1 << 60) || p->high[axis] < -((int64_t)1 << 60))
            return fire_fail(err, FIRE_E_ATTRIBUTE, "pads of %lld and %lld are too large", (long long)p->low[axis], (long long)p->high[axis]);
    }
    return FIRE_OK;
}

static fire_status pad_shape(const pad_attrs *t, const fire_shape *x, const padding *p, fire_shape *y, fire_error *err) {
    *y = *x;
    for (int d = 0; d < x->rank; d++) {
        if (!p->low[d] && !p->high[d]) continue;
        if (x->dim[d] == -1) return fire_fail(err, FIRE_E_UNSUPPORTED, "the batch cannot be padded");
        y->dim[d] += p->low[d] + p->high[d]; /* each far below 2^62 */
        if (y->dim[d] < 0) return fire_fail(err, FIRE_E_SHAPE, "padding of %lld and %lld leaves nothing of %lld in dimension %d", (long long)p->low[d], (long long)p->high[d], (long long)x->dim[d], d);
        if (t->mode[0] != 'c' && x->dim[d] == 0) return fire_fail(err, FIRE_E_SHAPE, "there is nothing to repeat in dimension %d", d);
    }
    return FIRE_OK;
}

static fire_status pad_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    padding p;
    fire_status s = read_padding(&in[1], n_in > 3 && in[3].type ? &in[3] : NULL, in[0].shape.rank, &p, err);
    if (!s && n_in > 2 && in[2].type && (in[2].type != in[0].type || fire_count(&in[2].shape) != 1)) return fire_fail(err, FIRE_E_SHAPE, "the constant must be one number of the data's type");
    if (!s) s = pad_shape(attrs, &in[0].shape, &p, &out[0].shape, err);
    out[0].type = in[0].type;
    return s;
}

/* Where number i of a padded axis comes from; -1: it is the constant. */
static int64_t source(char mode, int64_t i, int64_t low, int64_t size) {
    i -= low;
    if (i >= 0 && i < size) return i;
    if (mode == 'c') return -1;
    if (mode == 'e') return i < 0 ? 0 : size - 1;
    int64_t period = mode == 'w' ? size : 2 * (size - 1); /* of a circle, or of there and back */
    if (period == 0) return 0;
    i = (i % period + period) % period;
    return i < size ? i : period - i;
}

/* Visit every number of the padded tensor: y's element e and the x that it comes from (-1: none). */
typedef struct { int rank; char mode; int64_t dim[FIRE_MAX_RANK], at[FIRE_MAX_RANK], stride[FIRE_MAX_RANK], size[FIRE_MAX_RANK]; padding p; } visit;
static visit visit_start(const pad_attrs *t, const fire_shape *x, const fire_shape *y, const padding *p) {
    visit v = {.rank = y->rank, .mode = t->mode[0], .p = *p};
    int64_t step = 1;
    for (int d = y->rank - 1; d >= 0; d--) v.dim[d] = y->dim[d], v.size[d] = x->dim[d], v.stride[d] = step, step *= x->dim[d];
    return v;
}
static int64_t visit_source(const visit *v) {
    int64_t from = 0;
    for (int d = 0; d < v->rank; d++) {
        int64_t i = source(v->mode, v->at[d], v->p.low[d], v->size[d]);
        if (i < 0) return -1;
        from += i * v->stride[d];
    }
    return from;
}
static void visit_next(visit *v) {
    for (int d = v->rank - 1; d >= 0; d--) {
        if (++v->at[d] < v->dim[d]) return;
        v->at[d] = 0;
    }
}

static void pad_run(const fire_call *call) {
    const pad_attrs *t = call->attrs;
    const fire_tensor *x = &call->in[0], *y = &call->out[0];
    padding p;
    uint64_t zero = 0;
    fire_tensor value = {x->type, {0}, &zero};
    if (call->n_in > 2 && call->in[2].type) value = call->in[2];
    if (read_padding(&call->in[1], call->n_in > 3 && call->in[3].type ? &call->in[3] : NULL, x->shape.rank, &p, NULL)) return;
    visit v = visit_start(t, &x->shape, &y->shape, &p);
    for (int64_t e = 0, n = fire_count(&y->shape); e < n; e++, visit_next(&v)) {
        int64_t from = visit_source(&v);
        if (from < 0) fire_move(y, e, &value, 0);
        else fire_move(y, e, x, from);
    }
}

/* Constants: the opposite padding, zeros where something was cut; the constant gets what x does not. Otherwise sums. */
static void pad_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    const pad_attrs *t = n->attrs;
    fire_value axes = n->n_in > 3 ? n->in[3] : 0, value = n->n_in > 2 ? n->in[2] : 0;
    char text[FIRE_ATTRS_TEXT];
    if (t->mode[0] == 'c') {
        int64_t numbers[2 * FIRE_MAX_RANK];
        const fire_tensor *pads = &fire_look(g, n->in[1])->tensor;
        int64_t count = fire_count(&pads->shape);
        for (int64_t i = 0; i < count; i++) numbers[i] = -fire_whole(fire_get(pads, i));
        fire_value back = fire_graph_const(g, FIRE_I64, (fire_shape){1, {count}}, numbers);
        dx[0] = fire_apply(g, "Pad", 4, FIRE_IN(dy[0], back, 0, axes), NULL);
        if (value) {
            fire_value rest = fire_apply(g, "Sub", 2, FIRE_IN(fire_apply(g, "ReduceSum", 1, dy, "keepdims=0"), fire_apply(g, "ReduceSum", 1, dx, "keepdims=0")), NULL);
            dx[2] = fire_apply(g, "ReshapeLike", 2, FIRE_IN(rest, value), NULL);
        }
        return;
    }
    dx[0] = fire_apply(g, "PadGrad", 4, FIRE_IN(dy[0], n->in[0], n->in[1], axes), fire_node_attrs(n, text));
}

const fire_op fire_op_pad = {
    .name = "Pad", .values = 0xa, .help = "numbers added around a tensor, or cut off it",
    .min_in = 2, .max_in = 4, .n_out = 1, .attrs = attrs_of_pad, .attr_size = sizeof(pad_attrs), .infer = pad_infer, .run = pad_run, .grad = pad_grad,
    .examples = {"[2,3,4] i64[6]{0,1,2,0,0,1}", "[2,3,4] i64[4]{1,2,0,1} []{0.5} i64[2]{1,2}", "[3,4] i64[4]{0,-1,1,2} []{-1}", "[3,5] i64[4]{0,2,0,1} mode=reflect", "[3,4] i64[4]{0,2,0,3} mode=edge",
                 "[3,4] i64[2]{5,6} - i64[1]{-1} mode=wrap", "[2,6,5,3] i64[4]{1,1,1,1} - i64[2]{1,2}", "i64[4] i64[2]{1,1}", "[3,4] i64[4]{0,-1,0,-2}", "[3,3] i64[2]{2,1} - i64[1]{1} mode=reflect"},
};

/* ---- PadGrad: each dy to where its number came from; inputs are dy, x (its shape), pads and axes ---- */

static fire_status pad_grad_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    padding p;
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    fire_shape y;
    fire_status s = fire_want_float(&in[0], "dy", err);
    if (!s) s = read_padding(&in[2], n_in > 3 && in[3].type ? &in[3] : NULL, in[1].shape.rank, &p, err);
    if (!s) s = pad_shape(attrs, &in[1].shape, &p, &y, err);
    if (!s && !fire_same_shape(&y, &in[0].shape)) return fire_fail(err, FIRE_E_SHAPE, "dy is %s, expected %s", fire_shape_text(&in[0].shape, a), fire_shape_text(&y, b));
    out[0].type = in[0].type;
    out[0].shape = in[1].shape;
    return s;
}

static size_t pad_grad_scratch(const fire_call *call) { return (size_t)fire_count(&call->out[0].shape) * sizeof(double); }
static void pad_grad_run(const fire_call *call) {
    const fire_tensor *dy = &call->in[0], *dx = &call->out[0];
    padding p;
    double *sum = call->scratch;
    if (read_padding(&call->in[2], call->n_in > 3 && call->in[3].type ? &call->in[3] : NULL, dx->shape.rank, &p, NULL)) return;
    for (int64_t i = 0, n = fire_count(&dx->shape); i < n; i++) sum[i] = 0;
    visit v = visit_start(call->attrs, &dx->shape, &dy->shape, &p);
    for (int64_t e = 0, n = fire_count(&dy->shape); e < n; e++, visit_next(&v)) {
        int64_t from = visit_source(&v);
        if (from >= 0) sum[from] += fire_get(dy, e);
    }
    for (int64_t i = 0, n = fire_count(&dx->shape); i < n; i++) fire_put(dx, i, sum[i]);
}

const fire_op fire_op_pad_grad = {
    .name = "PadGrad", .domain = FIRE_DOMAIN, .help = "gradient of Pad, from dy, the shape of its input, pads and axes",
    .min_in = 3, .max_in = 4, .n_out = 1, .shape_only = 2, .attrs = attrs_of_pad, .attr_size = sizeof(pad_attrs), .infer = pad_grad_infer, .run = pad_grad_run, .scratch = pad_grad_scratch,
    .examples = {"[3,8] [3,5] i64[4]{0,2,0,1} mode=reflect", "[3,9] [3,4] i64[2]{2,3} i64[1]{1} mode=edge", "[3,6] [3,3] i64[2]{1,2} i64[1]{1} mode=wrap"},
};
