/* softmax - y = e^x / sum of e^x along an axis. */
#include "op.h"
#include <math.h>

typedef struct { int64_t axis; } softmax_attrs;
static const fire_attr attrs_of_softmax[] = {
    {"axis", FIRE_ATTR_INT, offsetof(softmax_attrs, axis), -1, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, .help = "dimension that sums to 1"},
    {0},
};

static fire_status softmax_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    int axis;
    fire_status s = fire_axis(((const softmax_attrs *)attrs)->axis, in[0].shape.rank, &axis, err);
    return s ? s : fire_infer_same_float(attrs, n_in, in, out, err);
}

/* Element k of line l lies at base(l) + k * step: `count` lines of `size` elements along the axis. */
typedef struct { int64_t count, size, step; } lines;
static lines lines_of(const fire_call *call) {
    const fire_shape *s = &call->in[0].shape;
    lines l = {1, 1, 1};
    int axis = 0;
    (void)fire_axis(((const softmax_attrs *)call->attrs)->axis, s->rank, &axis, NULL);
    for (int d = 0; d < s->rank; d++)
        if (d != axis) l.count *= s->dim[d];
    l.size = s->dim[axis];
    for (int d = axis + 1; d < s->rank; d++) l.step *= s->dim[d];
    return l;
}
static int64_t base(const lines *l, int64_t i) { return i / l->step * l->step * l->size + i % l->step; }

static void softmax_run(const fire_call *call) {
    const fire_tensor *x = &call->in[0], *y = &call->out[0];
    lines l = lines_of(call);
    for (int64_t i = 0; i < l.count && l.size; i++) { /* an empty axis can have any number of lines */
        int64_t at = base(&l, i);
        double top = -INFINITY, sum = 0; /* the largest is taken off first, so that nothing overflows */
        for (int64_t k = 0; k < l.size; k++) top = fmax(top, fire_get(x, at + k * l.step));
        for (int64_t k = 0; k < l.size; k++) sum += exp(fire_get(x, at + k * l.step) - top);
        for (int64_t k = 0; k < l.size; k++) fire_put(y, at + k * l.step, exp(fire_get(x, at + k * l.step) - top) / sum);
    }
}

static void softmax_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    char text[FIRE_ATTRS_TEXT];
    dx[0] = fire_apply(g, "SoftmaxGrad", 2, FIRE_IN(n->out[0], dy[0]), fire_node_attrs(n, text));
}

static int64_t softmax_flops(const fire_call *call) { return FIRE_WORK(5, fire_count(&call->out[0].shape)); }

const fire_op fire_op_softmax = {
    .name = "Softmax", .help = "exp(x) / sum of exp(x) along an axis",
    .min_in = 1, .max_in = 1, .n_out = 1, .in_place = 1, .attrs = attrs_of_softmax, .attr_size = sizeof(softmax_attrs),
    .infer = softmax_infer, .run = softmax_run, .grad = softmax_grad, .flops = softmax_flops,
    .examples = {"[4,10]", "[7]", "[2,3,4]", "[2,3,4] axis=1", "[3,4] axis=0", "[4,1]"},
};

/* SoftmaxGrad: dx = y (dy - sum of y dy along the axis). */
static void softmax_grad_run(const fire_call *call) {
    const fire_tensor *y = &call->in[0], *dy = &call->in[1];
    lines l = lines_of(call);
    for (int64_t i = 0; i < l.count && l.size; i++) {
        int64_t at = base(&l, i);
        double sum = 0;
        for (int64_t k = at, e = at + l.size * l.step; k < e; k += l.step) sum += fire_get(y, k) * fire_get(dy, k);
        for (int64_t k = at, e = at + l.size * l.step; k < e; k += l.step) fire_put(&call->out[0], k, fire_get(y, k) * (fire_get(dy, k) - sum));
    }
}

const fire_op fire_op_softmax_grad = {
    .name = "SoftmaxGrad", .domain = FIRE_DOMAIN, .help = "gradient of Softmax, from its output y and dy",
    .min_in = 2, .max_in = 2, .n_out = 1, .in_place = 3, .attrs = attrs_of_softmax, .attr_size = sizeof(softmax_attrs),
    .infer = softmax_infer, .run = softmax_grad_run, .flops = softmax_flops,
    .examples = {"[4,10] [4,10]", "[7] [7]", "[2,3,4] [2,3,4] axis=1", "[4,1] [4,1]"},
};
