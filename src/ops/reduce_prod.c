/* reduce_prod - the product along some axes. */
#include "reduce.h"

static double fold(double product, double x) { return product * x; }
static void reduce_prod_run(const fire_call *call) {
    const double *product = call->scratch;
    if (fire_reduce_whole(call, 1, fire_whole_mul)) return;
    fire_reduce_run(call, 1, fold);
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++) fire_put(&call->out[0], i, product[i]);
}

static void reduce_prod_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    dx[0] = fire_apply(g, "ReduceProdGrad", 2, FIRE_IN(n->in[0], fire_reduce_kept(g, n, dy[0])), NULL);
}

const fire_op fire_op_reduce_prod = {
    .name = "ReduceProd", .values = 2, .help = "product along axes",
    .min_in = 1, .max_in = 2, .n_out = 1, .attrs = fire_reduce_table, .attr_size = sizeof(fire_reduce_attrs),
    .infer = fire_reduce_infer, .run = reduce_prod_run, .scratch = fire_reduce_scratch, .grad = reduce_prod_grad, .flops = fire_reduce_flops,
    .examples = {"[2,3,4] i64[1]{1}", "[2,3,4] i64[1]{0} keepdims=0", "[2,3] keepdims=0", "[2,3,4] i64[2]{-1,0}", "[4,3] - noop_with_empty_axes=1", "i64[2,3] i64[1]{1}", "[2,3]{1,0,2,0,3,0} i64[1]{1}", "[]"},
};

/* ReduceProdGrad: dx = dy times the product of the others, from x and dy with reduced dimensions as 1. The product of the numbers that are
** not 0, and how many are, make it exact where some are. */
static fire_status prod_grad_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_infer_broadcast(attrs, n_in, in, out, err);
    if (!s) s = fire_want_float(&in[0], "input", err);
    if (!s && !fire_same_shape(&out[0].shape, &in[0].shape)) {
        char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
        s = fire_fail(err, FIRE_E_SHAPE, "gradient %s does not fit the input %s", fire_shape_text(&in[1].shape, a), fire_shape_text(&in[0].shape, b));
    }
    return s;
}

static size_t prod_grad_scratch(const fire_call *call) { return 2 * (size_t)fire_count(&call->in[1].shape) * sizeof(double); }

static void prod_grad_run(const fire_call *call) {
    const fire_tensor *x = &call->in[0], *dy = &call->in[1];
    int64_t cells = fire_count(&dy->shape), n = fire_count(&x->shape);
    double *product = call->scratch, *zeros = product + cells;
    for (int64_t i = 0; i < cells; i++) product[i] = 1, zeros[i] = 0;
    fire_walk w = fire_walk_start(&x->shape, 1, dy);
    for (int64_t e = 0; e < n; e++, fire_walk_next(&w)) {
        double v = fire_get(x, e);
        if (v == 0) zeros[w.i[0]]++;
        else product[w.i[0]] *= v;
    }
    w = fire_walk_start(&x->shape, 1, dy);
    for (int64_t e = 0; e < n; e++, fire_walk_next(&w)) {
        int64_t c = w.i[0];
        double v = fire_get(x, e), others = v == 0 ? (zeros[c] == 1 ? product[c] : 0) : zeros[c] > 0 ? 0 : product[c] / v;
        fire_put(&call->out[0], e, fire_get(dy, c) * others);
    }
}

const fire_op fire_op_reduce_prod_grad = {
    .name = "ReduceProdGrad", .values = 2, .domain = FIRE_DOMAIN, .help = "gradient of ReduceProd, from x and dy",
    .min_in = 2, .max_in = 2, .n_out = 1,
    .infer = prod_grad_infer, .run = prod_grad_run, .scratch = prod_grad_scratch,
    .examples = {"[2,3,4] [2,1,4]", "[2,3] [1,1]", "[2,3]{1,0,2,0,3,0} [2,1]"},
};
