/* lower.c - the same graph in ONNX's standard operators, for a model file: own operators are replaced by what their `lower` adds. */
#include "op.h"
#include <stdio.h>
#include <string.h>

fire_value fire_transpose(fire_graph *g, fire_value x, int n, const int64_t *perm) {
    const fire_node *p = fire_producer(g, x);
    bool same = true;
    char text[24 * FIRE_MAX_RANK], *to = text;
    if (g->first.status) return 0;
    if (p && !strcmp(p->op->name, "Transpose")) { /* two that undo each other are none */
        fire_ints before = {0};
        fire_value origin = p->in[0];
        for (const fire_attr *a = p->op->attrs; a->name; a++) if (!strcmp(a->name, "perm")) memcpy(&before, (const char *)p->attrs + a->offset, sizeof before);
        bool undone = before.n == n;
        for (int d = 0; d < n && undone; d++) undone = before.v[perm[d]] == d;
        if (undone) return origin;
    }
    to += sprintf(to, "perm=[");
    for (int d = 0; d < n; d++) {
        to += sprintf(to, "%s%d", d ? "," : "", (int)perm[d]);
        same &= perm[d] == d;
    }
    strcpy(to, "]");
    return same ? x : fire_apply(g, "Transpose", 1, &x, text);
}

/* A value that no node makes. */
static fire_value carry(fire_graph *to, const fire_value_info *v) {
    const fire_tensor *t = &v->tensor;
    if (v->source == FIRE_FROM_CONST) return fire_graph_const(to, t->type, t->shape, t->data);
    return v->source == FIRE_FROM_PARAM ? fire_graph_param(to, v->name, t->type, t->shape) : fire_graph_input(to, v->name, t->type, t->shape);
}

fire_status fire_graph_lower(const fire_graph *from, fire_graph *to, fire_value *map, fire_error *err) {
    char text[FIRE_ATTRS_TEXT];
    fire_graph_init(to, from->ctx);
    for (fire_value v = 1; v < from->n_values; v++)
        if (from->value[v].source != FIRE_FROM_NODE) map[v] = carry(to, &from->value[v]);
    for (int64_t i = 0; i < from->n_nodes && !to->first.status; i++) {
        const fire_node *n = &from->node[i];
        fire_value in[FIRE_MAX_IN] = {0}, out[FIRE_MAX_OUT] = {0};
        for (int k = 0; k < n->n_in; k++) in[k] = n->in[k] ? map[n->in[k]] : 0;
        to->layer = n->layer ? fire_arena_text(&to->arena, n->layer, &to->first) : NULL;
        if (n->op->lower) n->op->lower(to, n, in, out);
        else fire_apply_all(to, n->op->name, n->n_in, in, fire_node_attrs(n, text), out);
        for (int k = 0; k < n->n_out; k++) if (n->out[k]) map[n->out[k]] = out[k];
    }
    to->layer = NULL;
    fire_status s = fire_graph_check(to, err);
    if (s) fire_graph_clear(to);
    return s;
}
