/* tensorflow_order.c - which nodes of a graph the outputs need, and in which order they run. */
#include "formats/tensorflow.h"
#include <string.h>

fire_status fire_tensorflow_order(fire_onnx *m, fire_error *err) {
    fire_tf *tf = m->tf;
    const int64_t n = m->n_nodes;
    typedef struct { int32_t node; int64_t next; } visit;
    visit *stack = fire_alloc(m->ctx, (size_t)n + 1, sizeof *stack, err);
    uint8_t *state = stack ? fire_alloc(m->ctx, (size_t)n, 1, err) : NULL; /* 1: on the stack, 2: done */
    tf->order = state ? fire_arena_alloc(&m->arena, (size_t)n, sizeof *tf->order, err) : NULL;
    fire_status s = tf->order ? FIRE_OK : FIRE_NOMEM;
    char text[80];
    for (int64_t k = 0; k < m->n_outputs && !s; k++) {
        int64_t depth = 0;
        if (m->output_from[k].node < 0 || state[m->output_from[k].node]) continue;
        stack[depth++] = (visit){m->output_from[k].node, 0};
        state[m->output_from[k].node] = 1;
        while (depth && !s) {
            visit *at = &stack[depth - 1];
            const fire_onnx_node *node = &m->node[at->node];
            if (at->next < node->n_in && !tf->node[at->node].fed) {
                const int32_t from = tf->node[at->node].from[at->next++].node;
                if (from < 0 || state[from] == 2) continue;
                if (state[from] == 1) {
                    s = fire_fail(err, FIRE_E_CORRUPT, "node '%s' depends on itself", fire_escape(text, sizeof text, (const char *)node->name.bytes, node->name.size));
                    continue;
                }
                state[from] = 1;
                stack[depth++] = (visit){from, 0};
            } else {
                state[at->node] = 2;
                tf->node[at->node].need = true;
                tf->order[tf->n_order++] = at->node;
                depth--;
            }
        }
    }
    fire_free(m->ctx, state);
    fire_free(m->ctx, stack);
    return s;
}
