/* inspect.c - what a graph costs and how it would run. */
#include "network.h"
#include "step.h"

/* Each node for one row. */
int64_t fire_graph_flops(const fire_graph *g) {
    int64_t sum = 0;
    for (int64_t i = 0; i < g->n_nodes; i++) {
        const fire_node *n = &g->node[i];
        fire_call call = {.attrs = n->attrs, .n_in = n->n_in, .n_out = n->n_out};
        for (int k = 0; k < n->n_in; k++) if (n->in[k]) call.in[k] = fire_look(g, n->in[k])->tensor;
        for (int k = 0; k < n->n_out; k++) call.out[k] = fire_look(g, n->out[k])->tensor;
        for (int k = 0; k < FIRE_MAX_IN; k++)
            for (int d = 0; d < call.in[k].shape.rank; d++) if (call.in[k].shape.dim[d] < 0) call.in[k].shape.dim[d] = 1;
        for (int k = 0; k < FIRE_MAX_OUT; k++)
            for (int d = 0; d < call.out[k].shape.rank; d++) if (call.out[k].shape.dim[d] < 0) call.out[k].shape.dim[d] = 1;
        int64_t f = n->op->pure_shape ? 0 : n->op->flops ? n->op->flops(&call) : fire_count(&call.out[0].shape);
        if (!fire_add(sum, f, &sum)) return INT64_MAX;
    }
    return sum;
}


/* Plan what is needed for outputs[n] and tell. */
static fire_status explain(const fire_graph *g, int64_t batch, int n, const fire_value *outputs, fire_write *write, void *user, fire_error *err) {
    fire_plan *plan = NULL;
    fire_status s = fire_plan_new(g, batch, n, outputs, &plan, err);
    if (!s) fire_plan_explain(plan, write, user);
    fire_plan_free(plan);
    return s;
}

/* The step that fire_fit makes, over a dataset without rows: losses, predictions for the metrics, gradients of what is trained. */
static fire_status explain_step(fire_network *net, int64_t batch, fire_write *write, void *user, fire_error *err) {
    fire_dataset *none = NULL;
    fire_step step = {0};
    fire_status s = fire_dataset_new(net->ctx, &none, err);
    if (!s) s = fire_step_new(&step, net, none, &(fire_step_options){.training = true, .gradient = true, .slices = 1, .capacity = 1}, err);
    fire_value *outputs = s ? NULL : fire_alloc(net->ctx, (size_t)net->n_weights + 4 * FIRE_MAX_PARTS + 3, sizeof *outputs, err);
    if (outputs) s = explain(&step.g, batch, fire_step_wants(&step, outputs), outputs, write, user, err); else if (!s) s = FIRE_NOMEM;
    fire_free(net->ctx, outputs);
    fire_step_free(&step);
    fire_dataset_free(none);
    return s;
}

fire_status fire_explain_plan(fire_network *net, int64_t batch, bool training, fire_write *write, void *user, fire_error *err) {
    if (batch < 0) return fire_fail(err, FIRE_E_USAGE, "a batch of %lld rows, expected at least 1, or 0 for the usual one", (long long)batch);
    if (batch == 0) batch = training ? 32 : fire_block_rows(net);
    if (training) return explain_step(net, batch, write, user, err);
    if (net->onnx) return explain(net->onnx, batch, 1, &net->onnx_out, write, user, err);
    fire_graph g;
    fire_network_graph made;
    fire_graph_init(&g, net->ctx);
    fire_status s = fire_network_forward(net, &g, &(fire_forward){0}, &made, err);
    if (!s) s = explain(&g, batch, 1, &made.y, write, user, err);
    fire_graph_clear(&g);
    return s;
}
