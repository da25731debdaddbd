/* fuse.c - cut a graph down to what outputs need, fuse operators, fold constants.
**
** Order of the passes: copy; concrete shapes; drop what nobody needs (so that fusion counts only real readers); fuse; drop; sort; fold;
** drop. Shapes are inferred before anything is dropped, since operators such as SumLike look at the shape of values whose numbers
** nobody computes.
*/
#include "fuse.h"
#include <string.h>

/* Constants larger than this are computed at every run rather than kept: a plan should not grow by what a run can make. */
#define FOLD_BYTES ((int64_t)4 << 20)

static fire_status copy_graph(const fire_graph *g, fire_graph *to, fire_error *err) {
    fire_graph_init(to, g->ctx);
    if (g->first.status) return fire_graph_check(g, err);
    fire_status s = fire_grow(g->ctx, &to->node, &to->node_capacity, g->n_nodes, sizeof *to->node, err);
    if (!s) s = fire_grow(g->ctx, &to->value, &to->value_capacity, g->n_values, sizeof *to->value, err);
    if (s) return s;
    if (g->n_nodes) memcpy(to->node, g->node, (size_t)g->n_nodes * sizeof *g->node);
    if (g->n_values) memcpy(to->value, g->value, (size_t)g->n_values * sizeof *g->value);
    to->n_nodes = g->n_nodes;
    to->n_values = g->n_values;
    return FIRE_OK;
}

/* Mark the nodes that outputs depend on. shapes: also through inputs of which only the shape matters. */
static fire_status mark(const fire_graph *g, int n_outputs, const fire_value *outputs, bool shapes, bool **out, fire_error *err) {
    bool *needed = fire_alloc(g->ctx, (size_t)g->n_nodes, sizeof *needed, err);
    if (!needed) return FIRE_NOMEM;
    for (int i = 0; i < n_outputs; i++)
        if (g->value[outputs[i]].node >= 0) needed[g->value[outputs[i]].node] = true;
    for (int64_t k = g->n_nodes - 1; k >= 0; k--) {
        const fire_node *n = &g->node[k];
        for (int i = 0; needed[k] && i < n->n_in; i++)
            if ((shapes ? n->in[i] != 0 : fire_reads(n, i)) && g->value[n->in[i]].node >= 0) needed[g->value[n->in[i]].node] = true;
    }
    *out = needed;
    return FIRE_OK;
}

/* Concrete type and shape of node n's outputs. */
static fire_status infer(const fire_graph *g, const fire_node *n, fire_tensor *shape, fire_error *err) {
    fire_tensor in[FIRE_MAX_IN] = {0}, out[FIRE_MAX_OUT] = {0};
    fire_error why = {0};
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i]) in[i] = shape[n->in[i]];
    fire_status s = fire_op_infer(n->op, n->attrs, n->n_in, in, out, &why);
    if (s) return n->layer ? fire_fail(err, why.code, "%s (layer %s)", why.message, n->layer) : fire_fail(err, why.code, "%s", why.message);
    for (int i = 0; i < n->n_out; i++) {
        out[i].data = NULL;
        if (n->out[i]) shape[n->out[i]] = out[i];
    }
    return FIRE_OK;
}

static fire_status concrete_shapes(const fire_graph *g, int64_t batch, int n_outputs, const fire_value *outputs, fire_tensor *shape, fire_error *err) {
    bool *needed;
    fire_status s = mark(g, n_outputs, outputs, true, &needed, err);
    if (s) return s;
    for (int64_t v = 1; v < g->n_values; v++) {
        const fire_value_info *i = &g->value[v];
        if (i->source == FIRE_FROM_NODE) continue;
        shape[v] = i->tensor;
        for (int d = 0; d < shape[v].shape.rank; d++)
            if (shape[v].shape.dim[d] == -1) shape[v].shape.dim[d] = batch;
        s = fire_shape_check(i->name ? i->name : "constant", shape[v].type, &shape[v].shape, err);
        if (s) break;
    }
    for (int64_t k = 0; k < g->n_nodes && !s; k++)
        if (needed[k]) s = infer(g, &g->node[k], shape, err);
    fire_free(g->ctx, needed);
    return s;
}

/* Keep the nodes in order[0..n), in that order. */
static void reorder(fire_graph *g, const int32_t *order, int64_t n, fire_node *room) {
    for (int64_t v = 1; v < g->n_values; v++) g->value[v].node = -1;
    for (int64_t k = 0; k < n; k++) room[k] = g->node[order[k]];
    if (n) memcpy(g->node, room, (size_t)n * sizeof *room);
    g->n_nodes = n;
    for (int64_t k = 0; k < n; k++)
        for (int i = 0; i < g->node[k].n_out; i++)
            if (g->node[k].out[i]) g->value[g->node[k].out[i]].node = (int32_t)k;
}

/* Drop what no output needs, and sort: each node after those that it reads, else in the order that they had. Depth first from each
** needed node; `next` is the input of a node on the stack that is to be looked at. */
static fire_status drop_and_sort(fire_graph *g, int n_outputs, const fire_value *outputs, fire_error *err) {
    enum { NEW, OPEN, DONE };
    size_t n = (size_t)g->n_nodes;
    bool *needed = NULL;
    int32_t *order = fire_alloc(g->ctx, n, sizeof *order, err), *stack = fire_alloc(g->ctx, n, sizeof *stack, err);
    uint8_t *state = fire_alloc(g->ctx, n, sizeof *state, err), *next = fire_alloc(g->ctx, n, sizeof *next, err);
    fire_node *room = fire_alloc(g->ctx, n, sizeof *room, err);
    fire_status s = order && stack && state && next && room ? FIRE_OK : FIRE_NOMEM;
    int64_t count = 0, depth = 0;
    for (int i = 0; i < n_outputs && !s; i++)
        if (g->value[outputs[i]].node >= 0) state[g->value[outputs[i]].node] = OPEN; /* wanted; walked below */
    if (!s) {
        /* What is wanted, through numbers that are read: fusion may have put a reader before its producer, so walk, not scan. */
        needed = fire_alloc(g->ctx, n, sizeof *needed, err);
        if (!needed) s = FIRE_NOMEM;
    }
    for (size_t k = 0; k < n && !s; k++) {
        if (state[k] != OPEN || needed[k]) continue;
        needed[k] = true;
        stack[depth++] = (int32_t)k;
        while (depth) {
            const fire_node *at = &g->node[stack[--depth]];
            for (int i = 0; i < at->n_in; i++) {
                int32_t from = fire_reads(at, i) ? g->value[at->in[i]].node : -1;
                if (from >= 0 && !needed[from]) needed[from] = true, stack[depth++] = from;
            }
        }
    }
    if (!s) memset(state, NEW, n);
    for (size_t k = 0; k < n && !s; k++) {
        if (!needed[k] || state[k] != NEW) continue;
        state[k] = OPEN, stack[depth++] = (int32_t)k;
        while (depth) {
            int32_t at = stack[depth - 1];
            const fire_node *node = &g->node[at];
            if (next[at] == node->n_in) {
                state[at] = DONE, order[count++] = at, depth--;
                continue;
            }
            int i = next[at]++;
            int32_t from = fire_reads(node, i) ? g->value[node->in[i]].node : -1;
            if (from >= 0 && state[from] == NEW) state[from] = OPEN, stack[depth++] = from;
        }
    }
    if (!s) reorder(g, order, count, room);
    fire_free(g->ctx, order);
    fire_free(g->ctx, stack);
    fire_free(g->ctx, state);
    fire_free(g->ctx, next);
    fire_free(g->ctx, needed);
    fire_free(g->ctx, room);
    return s;
}

static void count_uses(const fire_graph *g, int n_outputs, const fire_value *outputs, int32_t *uses) {
    memset(uses, 0, (size_t)g->n_values * sizeof *uses);
    for (int i = 0; i < n_outputs; i++) uses[outputs[i]]++;
    for (int64_t k = 0; k < g->n_nodes; k++)
        for (int i = 0; i < g->node[k].n_in; i++)
            if (fire_reads(&g->node[k], i)) uses[g->node[k].in[i]]++;
}

/* Every fused operator looks at every node, last first, so that it sees the end of a chain before its inside. */
static fire_status fuse(fire_graph *g, int n_outputs, const fire_value *outputs, fire_error *err) {
    for (const fire_op *const *op = fire_ops; *op; op++) {
        if (!(*op)->fuse) continue;
        int32_t *uses = fire_alloc(g->ctx, (size_t)g->n_values, sizeof *uses, err);
        if (!uses) return FIRE_NOMEM;
        count_uses(g, n_outputs, outputs, uses);
        bool any = false;
        for (int64_t k = g->n_nodes - 1; k >= 0; k--) {
            int64_t values = g->n_values;
            if (!(*op)->fuse(g, (int32_t)k, uses)) continue;
            any = true;
            for (int i = 0; i < g->node[k].n_out; i++)
                if (g->node[k].out[i]) g->value[g->node[k].out[i]].node = (int32_t)k;
            if (g->n_values != values) { /* it added values: the counts need room for them */
                fire_free(g->ctx, uses);
                if (!(uses = fire_alloc(g->ctx, (size_t)g->n_values, sizeof *uses, err))) return FIRE_NOMEM;
            }
            count_uses(g, n_outputs, outputs, uses);
        }
        fire_free(g->ctx, uses);
        fire_status s = fire_graph_check(g, err);
        if (!s && any) s = drop_and_sort(g, n_outputs, outputs, err);
        if (s) return s;
    }
    return FIRE_OK;
}

/* Run node n now, by its reference kernel, when all that it reads is constant. */
static fire_status fold(fire_graph *g, const fire_node *n, fire_tensor *shape, fire_error *err) {
    fire_call call = {.attrs = n->attrs, .n_in = n->n_in, .n_out = n->n_out};
    int64_t bytes = 0;
    if (n->op->joins) return FIRE_OK; /* other slices have other constants */
    for (int i = 0; i < n->n_in; i++) {
        if (!n->in[i]) continue;
        if (fire_reads(n, i) && !shape[n->in[i]].data) return FIRE_OK;
        call.in[i] = shape[n->in[i]];
    }
    for (int i = 0; i < n->n_out; i++) {
        if (!n->out[i]) return FIRE_OK;
        call.out[i] = shape[n->out[i]];
        bytes += fire_count(&call.out[i].shape) * (int64_t)fire_type_size(call.out[i].type); /* each at most 2^60 */
    }
    if (bytes > FOLD_BYTES) return FIRE_OK;
    for (int i = 0; i < n->n_out; i++) {
        size_t size = fire_type_size(call.out[i].type), count = (size_t)fire_count(&call.out[i].shape);
        if (!(call.out[i].data = fire_arena_alloc(&g->arena, count, size, err))) return FIRE_NOMEM;
    }
    size_t need = n->op->scratch ? n->op->scratch(&call) : 0;
    if (!(call.scratch = fire_alloc(g->ctx, need, 1, err))) return FIRE_NOMEM;
    n->op->run(&call);
    fire_free(g->ctx, call.scratch);
    for (int i = 0; i < n->n_out; i++) {
        shape[n->out[i]].data = call.out[i].data;
        g->value[n->out[i]] = (fire_value_info){.source = FIRE_FROM_CONST, .tensor = call.out[i], .node = -1};
    }
    return FIRE_OK;
}

/* An output is computed at every run even where it is constant: the caller may say where it goes. */
static fire_status fold_all(fire_graph *g, int n_outputs, const fire_value *outputs, fire_tensor *shape, fire_error *err) {
    bool *kept = fire_alloc(g->ctx, (size_t)g->n_values, sizeof *kept, err);
    if (!kept) return FIRE_NOMEM;
    for (int i = 0; i < n_outputs; i++) kept[outputs[i]] = true;
    fire_status s = FIRE_OK;
    for (int64_t k = 0; k < g->n_nodes && !s; k++) {
        bool output = false;
        for (int i = 0; i < g->node[k].n_out; i++) output = output || kept[g->node[k].out[i]];
        if (!output) s = fold(g, &g->node[k], shape, err);
    }
    fire_free(g->ctx, kept);
    return s ? s : drop_and_sort(g, n_outputs, outputs, err);
}

fire_status fire_fuse(const fire_graph *g, int64_t batch, int n_outputs, const fire_value *outputs, fire_graph *to, fire_tensor **shapes, fire_error *err) {
    *shapes = NULL;
    fire_status s = copy_graph(g, to, err);
    if (s) return s;
    for (int i = 0; i < n_outputs; i++)
        if (outputs[i] <= 0 || outputs[i] >= g->n_values) return fire_fail(err, FIRE_E_USAGE, "output %d is not a value of this graph", i);
    if (batch < 0) return fire_fail(err, FIRE_E_USAGE, "batch size %lld, expected at least 0", (long long)batch);
    fire_tensor *shape = *shapes = fire_alloc(g->ctx, (size_t)g->n_values, sizeof *shape, err);
    if (!shape) return FIRE_NOMEM;
    s = concrete_shapes(to, batch, n_outputs, outputs, shape, err);
    if (!s) s = drop_and_sort(to, n_outputs, outputs, err);
    if (!s) s = fuse(to, n_outputs, outputs, err);
    if (s) return s;
    if (to->n_values > g->n_values) { /* fusion made values: they need shapes too */
        shape = fire_alloc(g->ctx, (size_t)to->n_values, sizeof *shape, err);
        if (!shape) return FIRE_NOMEM;
        memcpy(shape, *shapes, (size_t)g->n_values * sizeof *shape);
        fire_free(g->ctx, *shapes);
        *shapes = shape;
        for (int64_t v = g->n_values; v < to->n_values; v++)
            if (to->value[v].source == FIRE_FROM_CONST) shape[v] = to->value[v].tensor;
        for (int64_t k = 0; k < to->n_nodes && !s; k++) s = infer(to, &to->node[k], shape, err);
        if (s) return s;
    }
    return fold_all(to, n_outputs, outputs, shape, err);
}
