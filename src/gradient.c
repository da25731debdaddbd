/* gradient.c - differentiate a graph by adding nodes to it.
**
** Reverse mode: nodes are walked last to first, each operator's own grad turns what came in for its outputs into what goes out
** to its inputs, and contributions to one value are added. Only nodes between some x and some y are asked, so branches that
** do not matter (and operators without a gradient beside the way) cost nothing.
*/
#include "op.h"
#include <assert.h>

static bool is_float(const fire_graph *g, fire_value v) {
    fire_type t = fire_type_of(g, v);
    return t == FIRE_F32 || t == FIRE_F64;
}

/* d[v] += dv */
static void add(fire_graph *g, fire_value *d, fire_value v, fire_value dv) {
    if (dv) d[v] = d[v] ? fire_apply(g, "Add", 2, FIRE_IN(d[v], dv), NULL) : dv;
}

fire_status fire_gradient(fire_graph *g, int n_y, const fire_value *y, const fire_value *dy, int n_x, const fire_value *x, fire_value *dx) {
    for (int i = 0; i < n_x; i++) dx[i] = 0;
    if (g->first.status) return g->first.status;
    int64_t n_values = g->n_values, n_nodes = g->n_nodes;
    for (int i = 0; i < n_y + n_x; i++) {
        fire_value v = i < n_y ? y[i] : x[i - n_y];
        if (v <= 0 || v >= n_values || (i < n_y && (dy[i] < 0 || dy[i] >= n_values))) {
            fire_graph_fail(g, FIRE_E_USAGE, "fire_gradient: value %d is not of this graph", (int)v);
            return g->first.status;
        }
    }
    fire_value *d = fire_alloc(g->ctx, (size_t)n_values, sizeof *d, &g->first);
    bool *varies = fire_alloc(g->ctx, (size_t)n_values, sizeof *varies, &g->first); /* depends on some x */
    if (!d || !varies) goto done;

    for (int i = 0; i < n_x; i++) varies[x[i]] = is_float(g, x[i]);
    for (int64_t k = 0; k < n_nodes; k++) {
        const fire_node *n = &g->node[k];
        bool any = false;
        for (int i = 0; i < n->n_in; i++) any = any || (n->in[i] && varies[n->in[i]]);
        if (any && n->op->grad)
            for (int i = 0; i < n->n_out; i++) varies[n->out[i]] = varies[n->out[i]] || is_float(g, n->out[i]);
    }
    for (int i = 0; i < n_y && !g->first.status; i++) {
        if (!varies[y[i]]) continue;
        fire_value ones = dy[i];
        if (!ones) ones = fire_apply(g, "ExpandLike", 2, FIRE_IN(fire_graph_scalar(g, fire_type_of(g, y[i]), 1), y[i]), NULL);
        else if (fire_type_of(g, ones) != fire_type_of(g, y[i])) {
            fire_graph_fail(g, FIRE_E_USAGE, "fire_gradient: the gradient is %s, its value %s", fire_type_text(fire_type_of(g, ones)),
                            fire_type_text(fire_type_of(g, y[i])));
        }
        add(g, d, y[i], ones);
    }
    for (int64_t k = n_nodes - 1; k >= 0 && !g->first.status; k--) {
        fire_node n = g->node[k]; /* a copy: adding nodes moves the array */
        fire_value in[FIRE_MAX_OUT] = {0}, out[FIRE_MAX_IN] = {0};
        bool any = false, wanted = false;
        for (int i = 0; i < n.n_out; i++)
            if (varies[n.out[i]] && d[n.out[i]]) in[i] = d[n.out[i]], any = true;
        for (int i = 0; i < n.n_in; i++) wanted = wanted || (n.in[i] && varies[n.in[i]]);
        if (!any || !wanted || !n.op->grad) continue;
        const char *layer = g->layer;
        g->layer = n.layer; /* backward nodes are told by the layer that they belong to */
        n.op->grad(g, &n, in, out);
        for (int i = 0; i < n.n_in; i++) {
            if (!n.in[i] || !varies[n.in[i]] || !out[i]) continue;
            assert(fire_type_of(g, out[i]) == fire_type_of(g, n.in[i]));
            add(g, d, n.in[i], out[i]);
        }
        g->layer = layer;
    }
    if (!g->first.status)
        for (int i = 0; i < n_x; i++) dx[i] = d[x[i]];
done:
    fire_free(g->ctx, d);
    fire_free(g->ctx, varies);
    return g->first.status;
}
