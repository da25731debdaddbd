/* inspect.c - what a graph costs and how it would run. */
#include "network.h"
#include "plan.h"
#include <string.h>

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


/* The graph of a training step: losses of the rows, the predictions, and the gradient of each weight that is trained. */
static fire_status training_outputs(fire_network *net, fire_graph *g, fire_value *outputs, int *n_outputs, fire_error *err) {
    fire_network_graph made;
    fire_shape target;
    fire_status s = fire_network_check_compiled(net, &target, err);
    if (s) return s;
    fire_value *weight = fire_alloc(net->ctx, (size_t)net->n_weights * 2, sizeof *weight, err);
    if (!weight) return FIRE_NOMEM;
    fire_value *wanted = weight + net->n_weights;
    s = fire_network_forward(net, g, true, &made, weight, err);
    if (!s) {
        fire_shape rows = {.rank = target.rank + 1, .dim = {-1}};
        for (int d = 0; d < target.rank; d++) rows.dim[d + 1] = target.dim[d];
        fire_value y = made.y, y_true = fire_graph_input(g, "y_true", net->loss->target ? net->loss->target : net->type, rows);
        fire_value loss = net->loss->build(g, net->loss_attrs, y_true, &y);
        int n = 0;
        for (int64_t i = 0; i < net->n_weights; i++)
            if (net->weight[i].trainable && net->layer[net->weight[i].layer].trainable && weight[i]) wanted[n++] = weight[i];
        outputs[0] = loss, outputs[1] = y;
        fire_gradient(g, 1, &loss, NULL, n, wanted, outputs + 2);
        *n_outputs = 2;
        for (int i = 0; i < n; i++)
            if (outputs[2 + i]) outputs[(*n_outputs)++] = outputs[2 + i];
        s = fire_graph_check(g, err);
    }
    fire_free(net->ctx, weight);
    return s;
}

fire_status fire_explain_plan(fire_network *net, int64_t batch, bool training, fire_write *write, void *user, fire_error *err) {
    if (batch < 0) return fire_fail(err, FIRE_E_USAGE, "a batch of %lld rows, expected at least 1, or 0 for the scoring block", (long long)batch);
    if (batch == 0) batch = training ? 32 : fire_block_rows(net);
    fire_graph g;
    fire_graph_init(&g, net->ctx);
    fire_value *outputs = fire_alloc(net->ctx, (size_t)net->n_weights + 2, sizeof *outputs, err);
    fire_status s = outputs ? FIRE_OK : FIRE_NOMEM;
    int n = 0;
    if (!s && training) s = training_outputs(net, &g, outputs, &n, err);
    else if (!s && net->onnx) s = fire_graph_copy(net->onnx, &g, err), outputs[n++] = net->onnx_out;
    else if (!s) {
        fire_network_graph made;
        s = fire_network_forward(net, &g, false, &made, NULL, err);
        outputs[n++] = s ? 0 : made.y;
    }
    fire_plan *plan = NULL;
    if (!s) s = fire_plan_new(&g, batch, n, outputs, &plan, err);
    if (!s) fire_plan_explain(plan, write, user);
    fire_plan_free(plan);
    fire_graph_clear(&g);
    fire_free(net->ctx, outputs);
    return s;
}
