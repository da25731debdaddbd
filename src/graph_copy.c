/* graph_copy.c - a second graph with the same values and nodes, sharing nothing. */
#include "op.h"
#include <string.h>

fire_status fire_graph_copy(const fire_graph *from, fire_graph *to, fire_error *err) {
    fire_graph_init(to, from->ctx);
    to->block_limit = from->block_limit;
    fire_status s = fire_graph_check(from, err);
    if (!s) s = fire_grow(from->ctx, &to->value, &to->value_capacity, from->n_values, sizeof *to->value, err);
    if (!s) s = fire_grow(from->ctx, &to->node, &to->node_capacity, from->n_nodes, sizeof *to->node, err);
    for (int64_t i = 0; i < from->n_values && !s; i++) {
        fire_value_info v = from->value[i];
        if (v.name && !(v.name = fire_arena_text(&to->arena, v.name, err))) s = FIRE_NOMEM;
        if (!s && v.source == FIRE_FROM_CONST && v.tensor.data) {
            size_t n = (size_t)fire_count(&v.tensor.shape), size = fire_type_size(v.tensor.type);
            void *data = fire_arena_alloc(&to->arena, n, size, err);
            if (!data) s = FIRE_NOMEM;
            else v.tensor.data = memcpy(data, v.tensor.data, n * size);
        }
        if (!s) to->value[to->n_values++] = v;
    }
    for (int64_t i = 0; i < from->n_nodes && !s; i++) {
        fire_node n = from->node[i];
        if (n.layer && !(n.layer = fire_arena_text(&to->arena, n.layer, err))) s = FIRE_NOMEM;
        if (!s && n.attrs) { /* attributes hold no pointers */
            void *attrs = fire_arena_alloc(&to->arena, 1, n.op->attr_size, err);
            if (!attrs) s = FIRE_NOMEM;
            else n.attrs = memcpy(attrs, n.attrs, n.op->attr_size);
        }
        if (!s) to->node[to->n_nodes++] = n;
    }
    if (s) fire_graph_clear(to);
    return s;
}
