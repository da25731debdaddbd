/* onnx_memo.c - constants that an import has computed already: trips of a loop take the same parts of the same weights, again and again.
**
** A table of fixed size, in which a later result takes the place of an earlier one. Small inputs are the same if their numbers are, large ones if they
** are the same numbers in memory.
*/
#include "formats/tensorflow.h"
#include <string.h>

#define SLOTS 1024
#define SMALL 256 /* bytes */
#define ATTRS 64

typedef struct entry { const fire_op *op; char attrs[ATTRS]; int n_in; fire_value in[FIRE_MAX_IN], out[FIRE_MAX_OUT]; } entry;
struct fire_import_memo { entry slot[SLOTS]; };

static size_t bytes_of(const fire_tensor *t) { return (size_t)fire_count(&t->shape) * fire_type_size(t->type); }

static uint64_t mix(uint64_t h, const void *p, size_t n) {
    for (const uint8_t *c = p; n; n--, c++) h = (h ^ *c) * 1099511628211u;
    return h;
}

static entry *slot_of(fire_import *b, const fire_op *op, int n_in, const fire_value *in, const char *attrs) {
    uint64_t h = mix(1469598103934665603u, &op, sizeof op);
    h = mix(h, attrs, strlen(attrs));
    for (int i = 0; i < n_in; i++) {
        if (!in[i]) continue;
        const fire_tensor *t = &b->g->value[in[i]].tensor;
        h = mix(h, t->shape.dim, (size_t)t->shape.rank * sizeof *t->shape.dim);
        h = bytes_of(t) <= SMALL ? mix(h, t->data, bytes_of(t)) : mix(h, &t->data, sizeof t->data);
    }
    h ^= h >> 29;
    return &b->memo->slot[h % SLOTS];
}

static bool same(const fire_graph *g, fire_value a, fire_value b) {
    if (a == b) return true;
    if (!a || !b) return false;
    const fire_tensor *x = &g->value[a].tensor, *y = &g->value[b].tensor;
    return x->type == y->type && fire_same_shape(&x->shape, &y->shape) && (x->data == y->data || (bytes_of(x) <= SMALL && !memcmp(x->data, y->data, bytes_of(x))));
}

/* Whether what an operator gives may be remembered: all that it reads is constant, in a graph of TensorFlow, inside of a loop. */
static bool applies(fire_import *b, int n_in, const fire_value *in, const char *attrs) {
    const fire_scope *s = b->scope;
    if (!s || !s->m->tf || b->layers || s->at >= s->m->n_nodes || !(b->loops || s->m->tf->node[s->at].frame) || strlen(attrs) >= ATTRS) return false;
    for (int i = 0; i < n_in; i++)
        if (in[i] && (b->g->value[in[i]].source != FIRE_FROM_CONST || !b->g->value[in[i]].tensor.data)) return false;
    return true;
}

bool fire_import_remembered(fire_import *b, const fire_op *op, int n_in, const fire_value *in, const char *attrs, fire_value *out) {
    if (!op || !b->memo || !applies(b, n_in, in, attrs)) return false;
    const entry *e = slot_of(b, op, n_in, in, attrs);
    bool found = e->op == op && e->n_in == n_in && !strcmp(e->attrs, attrs);
    for (int i = 0; i < n_in && found; i++) found = same(b->g, e->in[i], in[i]);
    if (found) memcpy(out, e->out, sizeof e->out);
    return found;
}

void fire_import_remember(fire_import *b, const fire_op *op, int n_in, const fire_value *in, const char *attrs, const fire_value *out) {
    if (!op || !applies(b, n_in, in, attrs)) return;
    for (int i = 0; i < FIRE_MAX_OUT; i++)
        if (out[i] && b->g->value[out[i]].source != FIRE_FROM_CONST) return;
    if (!b->memo && !(b->memo = fire_alloc(b->ctx, 1, sizeof *b->memo, &b->g->first))) return;
    entry *e = slot_of(b, op, n_in, in, attrs);
    e->op = op, e->n_in = n_in;
    memcpy(e->attrs, attrs, strlen(attrs) + 1);
    memcpy(e->in, in, (size_t)n_in * sizeof *in);
    memcpy(e->out, out, sizeof e->out);
}
