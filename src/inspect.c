/* inspect.c - what a graph costs and how it would run. */
#include "network.h"
#include "step.h"

/* Shapes for one row are inferred anew: -1 may stand for a multiple of the batch. */
int64_t fire_graph_flops(const fire_graph *g, fire_error *err) {
    int64_t sum = 0;
    fire_tensor *value = fire_alloc(g->ctx, (size_t)g->n_values, sizeof *value, err);
    for (fire_value v = 1; value && v < g->n_values; v++) {
        value[v] = g->value[v].tensor;
        for (int d = 0; d < value[v].shape.rank; d++) if (value[v].shape.dim[d] < 0) value[v].shape.dim[d] = 1;
    }
    for (int64_t i = 0; value && i < g->n_nodes; i++) {
        const fire_node *n = &g->node[i];
        fire_call call = {.attrs = n->attrs, .n_in = n->n_in, .n_out = n->n_out};
        for (int k = 0; k < n->n_in; k++) if (n->in[k]) call.in[k] = value[n->in[k]];
        if (fire_op_infer(n->op, n->attrs, n->n_in, call.in, call.out, NULL)) continue; /* not for one row: said when a plan is made */
        for (int k = 0; k < n->n_out; k++) if (n->out[k]) value[n->out[k]] = call.out[k];
        int64_t f = n->op->pure_shape ? 0 : n->op->flops ? n->op->flops(&call) : fire_count(&call.out[0].shape);
        if (!fire_add(sum, f, &sum)) sum = INT64_MAX;
    }
    fire_free(g->ctx, value);
    return sum;
}

/* Plan what is needed for outputs[n] and tell. */
static fire_status explain(const fire_graph *g, int64_t batch, bool steady, int n, const fire_value *outputs, fire_write *write, void *user, fire_error *err) {
    fire_plan *plan = NULL;
    fire_status s = (steady ? fire_plan_new_steady : fire_plan_new)(g, batch, n, outputs, &plan, err);
    if (!s) fire_plan_explain(plan, write, user);
    fire_plan_free(plan);
    return s;
}

/* The step that fire_fit makes, over a dataset without rows: losses, predictions for the metrics, gradients of what is trained. */
static fire_status explain_step(fire_network *net, int64_t batch, fire_write *write, void *user, fire_error *err) {
    fire_dataset *none = NULL;
    fire_step step = {0};
    fire_status s = fire_dataset_new(net->ctx, &none, err);
    if (!s) s = fire_step_new(&step, net, none, &(fire_step_options){.training = true, .gradient = true, .sparse = true, .update = true, .slices = 1, .capacity = 1}, err);
    fire_value *outputs = s ? NULL : fire_alloc(net->ctx, fire_step_wants_most(&step), sizeof *outputs, err);
    if (outputs) s = explain(&step.g, batch, false, fire_step_wants(&step, outputs), outputs, write, user, err); else if (!s) s = FIRE_NOMEM;
    fire_free(net->ctx, outputs);
    fire_step_free(&step);
    fire_dataset_free(none);
    return s;
}

fire_status fire_explain_plan(fire_network *net, int64_t batch, bool training, fire_write *write, void *user, fire_error *err) {
    if (batch < 0) return fire_fail(err, FIRE_E_USAGE, "a batch of %lld rows, expected at least 1, or 0 for the usual one", (long long)batch);
    if (batch == 0) batch = training ? 32 : fire_block_rows(net);
    if (training) return explain_step(net, batch, write, user, err);
    if (net->onnx && !net->onnx_out) return fire_explain_run(net, batch, 0, NULL, write, user, err);
    if (net->onnx) return explain(net->onnx, batch, true, 1, &net->onnx_out, write, user, err);
    fire_graph g;
    fire_network_graph made;
    fire_graph_init(&g, net->ctx);
    fire_status s = fire_network_forward(net, &g, &(fire_forward){0}, &made, err);
    if (!s) s = explain(&g, batch, true, 1, &made.y, write, user, err);
    fire_graph_clear(&g);
    return s;
}
