/* tensorflow_flow.c - run the nodes of a TensorFlow graph, in their order, as nodes are imported. */
#include "formats/tensorflow.h"
#include <string.h>

bool fire_tensorflow_knows(const fire_onnx *m, const char *op) {
    for (const fire_lift_entry *e = fire_tensorflow_lifts; e->op; e++)
        if (!strcmp(e->op, op)) return true;
    return false;
}

bool fire_tensorflow_keeps_halves(const char *op) {
    static const char *const keeps[] = {"Const", "Identity", "IdentityN", "Bitcast", "Cast", "If", "StatelessIf", "While", "StatelessWhile", "Case", "StatelessCase",
        "PartitionedCall", "StatefulPartitionedCall"};
    for (size_t i = 0; i < sizeof keeps / sizeof *keeps; i++)
        if (!strcmp(keeps[i], op)) return true;
    return false;
}

void fire_tensorflow_nodes(fire_import *b, fire_scope *scope) {
    fire_scope *around = b->scope;
    fire_arena arena = b->arena; /* what the node around this scope has read stays until it is done */
    const fire_tf *tf = scope->m->tf;
    b->scope = scope;
    for (int64_t i = 0; i < tf->n_order && !b->g->first.status; i++) {
        scope->at = tf->order[i];
        if (tf->node[scope->at].fed) continue;
        b->arena = (fire_arena){.ctx = b->ctx};
        fire_import_node(b, &scope->m->node[scope->at]);
        fire_arena_free(&b->arena);
    }
    b->arena = arena;
    b->scope = around;
}
