/* inspect.c - what a graph costs and how it would run. */
#include "network.h"
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
