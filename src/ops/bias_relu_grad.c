/* bias_relu_grad - on the way back through relu(x w + b): dz = dy where y > 0, else 0, and db, the sum of dz over rows.
**
** y, dy and dz are [..., m], db [m]; the rows are all dimensions but the last. It is only made by fuse below: one pass over memory instead of two.
*/
#include "window.h"

extern const fire_op fire_op_bias_relu_grad;

static fire_status bias_relu_grad_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_infer_same_float(attrs, n_in, in, out, err);
    if (s) return s;
    if (in[0].shape.rank < 2) {
        char text[FIRE_SHAPE_TEXT];
        return fire_fail(err, FIRE_E_SHAPE, "%s, expected at least two dimensions", fire_shape_text(&in[0].shape, text));
    }
    out[1].type = in[0].type;
    out[1].shape = (fire_shape){1, {in[0].shape.dim[in[0].shape.rank - 1]}};
    return FIRE_OK;
}

static size_t bias_relu_grad_scratch(const fire_call *call) { return (size_t)fire_count(&call->out[1].shape) * sizeof(double); }

static void bias_relu_grad_run(const fire_call *call) {
    const fire_tensor *y = &call->in[0], *dy = &call->in[1];
    double *sum = call->scratch;
    int64_t m = y->shape.dim[y->shape.rank - 1], rows = m ? fire_count(&y->shape) / m : 0;
    for (int64_t j = 0; j < m; j++) sum[j] = 0;
    for (int64_t i = 0, e = 0; i < rows && m; i++)
        for (int64_t j = 0; j < m; j++, e++) {
            double d = fire_get(y, e) > 0 ? fire_get(dy, e) : 0;
            fire_put(&call->out[0], e, d);
            sum[j] += d;
        }
    for (int64_t j = 0; j < m; j++) fire_put(&call->out[1], j, sum[j]);
}

/* Node i is a ReluGrad whose output a SumLike further down reduces to a row: take over that one's output. */
static bool bias_relu_grad_fuse(fire_graph *g, int32_t i, const int32_t *uses) {
    fire_node *top = &g->node[i];
    if (strcmp(top->op->name, "ReluGrad")) return false;
    fire_value dz = top->out[0];
    fire_shape s = fire_shape_of(g, dz);
    const fire_node *pool = fire_producer(g, top->in[1]);
    if (pool && !strcmp(pool->op->name, "MaxPoolGrad") && pool->in[0] == top->in[0] && uses[top->in[1]] == 1) return false; /* it takes in ReluGrad itself */
    fire_value taken = s.rank > 2 ? fire_take_bias(g, i) : 0;
    if (taken) {
        *top = (fire_node){.op = &fire_op_bias_relu_grad, .n_in = 2, .n_out = 2, .in = {top->in[0], top->in[1]}, .out = {dz, taken}, .layer = top->layer};
        return true;
    }
    if (s.rank != 2) return false;
    for (int64_t k = i + 1; k < g->n_nodes; k++) {
        fire_node *n = &g->node[k];
        if (strcmp(n->op->name, "SumLike") || n->n_out == 0 || n->in[0] != dz) continue;
        fire_value db = n->out[0];
        fire_shape b = fire_shape_of(g, db);
        if (b.rank != 1 || b.dim[0] != s.dim[1] || uses[db] == 0) continue;
        *top = (fire_node){.op = &fire_op_bias_relu_grad, .n_in = 2, .n_out = 2, .in = {top->in[0], top->in[1]}, .out = {dz, db}, .layer = top->layer};
        n->n_out = 0; /* makes nothing any more: the planner drops it */
        g->value[db].node = i;
        return true;
    }
    return false;
}

const fire_op fire_op_bias_relu_grad = {
    .name = "BiasReluGrad", .domain = FIRE_DOMAIN, .help = "ReluGrad of a matrix and its sum over rows in one pass",
    .min_in = 2, .max_in = 2, .n_out = 2, .in_place = 3,
    .infer = bias_relu_grad_infer, .run = bias_relu_grad_run, .scratch = bias_relu_grad_scratch, .fuse = bias_relu_grad_fuse,
    .examples = {"[4,3] [4,3]", "[1,5] [1,5]", "[33,20] [33,20]", "[2,3,4,5] [2,3,4,5]"},
};
