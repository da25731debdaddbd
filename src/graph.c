/* graph.c - build the graph of operators. */
#include "op.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void fire_graph_init(fire_graph *g, fire_context *ctx) {
    memset(g, 0, sizeof *g);
    g->ctx = ctx;
    g->arena.ctx = ctx;
}

void fire_graph_clear(fire_graph *g) {
    if (!g->ctx) return;
    fire_arena_free(&g->arena);
    fire_free(g->ctx, g->node);
    fire_free(g->ctx, g->value);
    fire_graph_init(g, g->ctx);
}

fire_status fire_graph_check(const fire_graph *g, fire_error *err) {
    if (err && g->first.status) *err = g->first;
    return g->first.status;
}

fire_value fire_graph_fail(fire_graph *g, int32_t code, const char *fmt, ...) {
    if (g->first.status) return 0;
    char text[sizeof g->first.message];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    fire_fail(&g->first, code, "%s", text);
    return 0;
}

const fire_node *fire_producer(const fire_graph *g, fire_value v) {
    return v > 0 && g->value[v].node >= 0 ? &g->node[g->value[v].node] : NULL;
}

/* Append a value; 0 on failure, which sticks. */
static fire_value add_value(fire_graph *g, fire_value_info info) {
    if (g->n_values == 0) g->n_values = 1; /* value 0 stands for none */
    if (g->n_values >= INT32_MAX) return fire_graph_fail(g, FIRE_E_UNSUPPORTED, "the graph has more than %d values", INT32_MAX - 1);
    if (fire_grow(g->ctx, &g->value, &g->value_capacity, g->n_values + 1, sizeof *g->value, &g->first)) return 0;
    g->value[g->n_values] = info;
    return (fire_value)g->n_values++;
}

/* A shape that comes from outside: its rank, its dimensions, and the size it would take. */
static bool check_shape(fire_graph *g, const char *what, fire_type type, const fire_shape *s, bool batch) {
    if (!fire_type_size(type) || type > FIRE_BF16) { /* what is smaller lies in graphs as its bits */ fire_graph_fail(g, FIRE_E_USAGE, "%s: type %d is unknown", what, (int)type); return false; }
    fire_error err = {0};
    if (fire_shape_check(what, type, s, &err)) { fire_graph_fail(g, err.code, "%s", err.message); return false; }
    for (int i = 0; i < s->rank; i++)
        if (!batch && s->dim[i] < 0) {
            char text[FIRE_SHAPE_TEXT];
            fire_graph_fail(g, FIRE_E_SHAPE, "%s: shape %s has no fixed size", what, fire_shape_text(s, text));
            return false;
        }
    return true;
}

static fire_value add_named(fire_graph *g, fire_source source, const char *what, const char *name, fire_type type, fire_shape shape) {
    if (g->first.status || !check_shape(g, what, type, &shape, source == FIRE_FROM_INPUT)) return 0;
    char *copy = fire_arena_text(&g->arena, name, &g->first);
    return copy ? add_value(g, (fire_value_info){source, {type, shape, NULL}, copy, -1}) : 0;
}
fire_value fire_graph_input(fire_graph *g, const char *name, fire_type type, fire_shape shape) {
    return add_named(g, FIRE_FROM_INPUT, "input", name, type, shape);
}
fire_value fire_graph_param(fire_graph *g, const char *name, fire_type type, fire_shape shape) {
    return add_named(g, FIRE_FROM_PARAM, "weight", name, type, shape);
}

fire_value fire_graph_const(fire_graph *g, fire_type type, fire_shape shape, const void *data) {
    if (g->first.status || !check_shape(g, "constant", type, &shape, false)) return 0;
    size_t n = (size_t)fire_count(&shape), size = fire_type_size(type);
    void *copy = fire_arena_alloc(&g->arena, n, size, &g->first);
    if (!copy) return 0;
    if (n) memcpy(copy, data, n * size);
    return add_value(g, (fire_value_info){FIRE_FROM_CONST, {type, shape, copy}, NULL, -1});
}

fire_value fire_graph_borrow(fire_graph *g, fire_type type, fire_shape shape, void *data) {
    if (g->first.status || !check_shape(g, "constant", type, &shape, false)) return 0;
    return add_value(g, (fire_value_info){FIRE_FROM_CONST, {type, shape, data}, NULL, -1});
}

fire_status fire_graph_align(const fire_graph *g, fire_value v, fire_error *err) {
    fire_tensor *t = &g->value[v].tensor;
    if (!g->align.get || g->value[v].source != FIRE_FROM_CONST || !((uintptr_t)t->data % 16)) return FIRE_OK;
    return g->align.get(g->align.user, &t->data, (size_t)fire_count(&t->shape) * fire_type_size(t->type), err);
}

fire_value fire_graph_scalar(fire_graph *g, fire_type type, double v) {
    uint64_t bits = 0;
    fire_tensor t = {type, {0}, &bits};
    fire_put(&t, 0, v);
    return fire_graph_const(g, type, t.shape, &bits);
}

fire_status fire_apply_all(fire_graph *g, const char *name, int n_in, const fire_value *in, const char *attrs, fire_value *out) {
    memset(out, 0, FIRE_MAX_OUT * sizeof *out);
    if (g->first.status) return g->first.status;
    const fire_op *op = fire_op_named(name);
    if (!op) {
        char shown[80], near[FIRE_NEAR_TEXT];
        fire_near n = {.name = name};
        for (const fire_op *const *p = fire_ops; *p; p++) fire_near_try(&n, (*p)->name);
        fire_graph_fail(g, FIRE_E_UNKNOWN_NAME, "no operator named '%s'%s", fire_escape(shown, sizeof shown, name, strlen(name)), fire_near_text(&n, near));
        return g->first.status;
    }
    fire_node n = {.op = op, .n_in = n_in, .n_out = op->n_out, .layer = g->layer};
    fire_tensor x[FIRE_MAX_IN] = {0}, y[FIRE_MAX_OUT] = {0};
    fire_error err = {0};
    while (n.n_in > op->min_in && !in[n.n_in - 1]) n.n_in--; /* inputs left out at the end */
    for (int i = 0; i < n.n_in && i < FIRE_MAX_IN; i++) {
        if (in[i] < 0 || in[i] >= g->n_values) {
            fire_graph_fail(g, FIRE_E_USAGE, "%s: input %d is not a value of this graph", name, i);
            return g->first.status;
        }
        n.in[i] = in[i];
        if (in[i]) x[i] = g->value[in[i]].tensor;
    }
    /* Attributes live in the arena with the node; a failure leaves them there until the graph goes. */
    if (op->attr_size && !(n.attrs = fire_arena_alloc(&g->arena, 1, op->attr_size, &g->first))) return g->first.status;
    fire_status s = fire_attrs_read(name, op->attrs, n.attrs, attrs, NULL, 0, &err);
    if (!s) s = fire_op_infer(op, n.attrs, n.n_in, x, y, &err);
    if (s) {
        if (g->layer) fire_graph_fail(g, err.code, "%s (layer %s)", err.message, g->layer);
        else g->first = err;
        return s;
    }
    if (g->n_nodes >= INT32_MAX) {
        fire_graph_fail(g, FIRE_E_UNSUPPORTED, "the graph has more than %d nodes", INT32_MAX - 1);
        return g->first.status;
    }
    if (fire_grow(g->ctx, &g->node, &g->node_capacity, g->n_nodes + 1, sizeof *g->node, &g->first)) return g->first.status;
    for (int i = 0; i < op->n_out; i++) {
        y[i].data = NULL;
        n.out[i] = add_value(g, (fire_value_info){FIRE_FROM_NODE, y[i], NULL, (int32_t)g->n_nodes});
        if (!n.out[i]) return g->first.status;
    }
    g->node[g->n_nodes++] = n;
    memcpy(out, n.out, sizeof n.out);
    return FIRE_OK;
}

fire_value fire_apply(fire_graph *g, const char *op, int n_in, const fire_value *in, const char *attrs) {
    fire_value out[FIRE_MAX_OUT];
    return fire_apply_all(g, op, n_in, in, attrs, out) ? 0 : out[0];
}
