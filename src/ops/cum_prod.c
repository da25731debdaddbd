/* cum_prod - y[k] = x[0] ... x[k] along an axis: exclusive leaves x[k] out, reverse multiplies from the end. */
#include "op.h"

typedef struct { int64_t exclusive, reverse; } cum_prod_attrs;
static const fire_attr attrs_of_cum_prod[] = {
    {"exclusive", FIRE_ATTR_INT, offsetof(cum_prod_attrs, exclusive), 0, 0, 1, .help = "leave the element itself out"},
    {"reverse", FIRE_ATTR_INT, offsetof(cum_prod_attrs, reverse), 0, 0, 1, .help = "multiply from the end"},
    {0},
};

static fire_status axis_of(int n_in, const fire_tensor *in, int *axis, fire_error *err) {
    fire_status s = fire_want_index(&in[1], "axis", err);
    if (s) return s;
    if (!in[1].data || fire_count(&in[1].shape) != 1) return fire_fail(err, FIRE_E_SHAPE, "axis is not one constant number");
    return fire_axis((int64_t)fire_get(&in[1], 0), in[0].shape.rank, axis, err);
}

static fire_status cum_prod_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    int axis;
    fire_status s = fire_want_number(&in[0], "input", err);
    out[0].type = in[0].type;
    out[0].shape = in[0].shape;
    return s ? s : axis_of(n_in, in, &axis, err);
}

static void cum_prod_run(const fire_call *call) {
    const cum_prod_attrs *t = call->attrs;
    const fire_shape *s = &call->in[0].shape;
    int axis = 0;
    if (axis_of(call->n_in, call->in, &axis, NULL)) return;
    int64_t outer = 1, size = s->dim[axis], step = 1;
    for (int d = 0; d < axis; d++) outer *= s->dim[d];
    for (int d = axis + 1; d < s->rank; d++) step *= s->dim[d];
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < step; i++) {
            double product = 1;
            for (int64_t k = 0; k < size; k++) {
                int64_t at = (o * size + (t->reverse ? size - 1 - k : k)) * step + i;
                double x = fire_get(&call->in[0], at);
                fire_put(&call->out[0], at, t->exclusive ? product : product * x);
                product *= x;
            }
        }
}

/* x stands in every product from its place on: what dy * y adds up to from the other end, over x. Not a number where x is 0. */
static void cum_prod_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    const cum_prod_attrs *t = n->attrs;
    const char *text = t->exclusive ? (t->reverse ? "exclusive=1" : "exclusive=1 reverse=1") : t->reverse ? NULL : "reverse=1";
    fire_value x = n->in[0], axis = n->in[1], each = fire_apply(g, "Mul", 2, FIRE_IN(dy[0], n->out[0]), NULL);
    dx[0] = fire_apply(g, "Div", 2, FIRE_IN(fire_apply(g, "CumSum", 2, FIRE_IN(each, axis), text), x), NULL);
}

const fire_op fire_op_cum_prod = {
    .name = "CumProd", .values = 2, .help = "running product along an axis",
    .min_in = 2, .max_in = 2, .n_out = 1, .attrs = attrs_of_cum_prod, .attr_size = sizeof(cum_prod_attrs),
    .infer = cum_prod_infer, .run = cum_prod_run, .grad = cum_prod_grad,
    .examples = {"[5] i64[]{0}", "[2,3,4] i64[]{1}", "[2,3] i32[]{-1} reverse=1", "[2,3] i64[]{0} exclusive=1", "[4] i64[]{0} exclusive=1 reverse=1", "i64[2,3] i64[]{1}"},
};
