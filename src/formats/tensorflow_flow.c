/* tensorflow_flow.c - run the nodes of a TensorFlow graph as it is imported: conditions and loops of TensorFlow 1 by its rule of dead values, functions
** by lifting their bodies once for each call.
**
** While nodes are run, the value of a name is what was lifted, DEAD, or ALIVE where only that matters. A Switch needs its condition known, as If of ONNX
** does; each trip of a frame lifts its units once more, until no NextIteration has a value.
*/
#include "formats/tensorflow_help.h"
#include <string.h>

#define DEAD FIRE_TF_DEAD
#define ALIVE FIRE_TF_ALIVE

static const char *show(fire_span s, char *to, size_t capacity) { return fire_escape(to, capacity, (const char *)s.bytes, s.size); }

bool fire_tensorflow_knows(const fire_onnx *m, fire_span op) {
    static const char *const flow[] = {"Switch", "Merge", "Enter", "Exit", "NextIteration", "LoopCond", "RefSwitch", "RefMerge", "RefEnter", "RefExit", "RefNextIteration"};
    for (size_t i = 0; i < sizeof flow / sizeof *flow; i++)
        if (fire_span_is(op, flow[i])) return true;
    for (const fire_lift_entry *e = fire_tensorflow_lifts; e->op; e++)
        if (fire_span_is(op, e->op)) return true;
    return m->tf->library && fire_tensorflow_find(m->tf->library, op);
}

bool fire_tensorflow_keeps_halves(const char *op) {
    static const char *const keeps[] = {"Const", "Identity", "IdentityN", "Bitcast", "Cast", "If", "StatelessIf", "While", "StatelessWhile", "Case", "StatelessCase",
        "PartitionedCall", "StatefulPartitionedCall", "ResizeBilinear", "ResizeBicubic", "ResizeArea"}; /* the last three give float32, whatever they take */
    for (size_t i = 0; i < sizeof keeps / sizeof *keeps; i++)
        if (!strcmp(keeps[i], op)) return true;
    return !strncmp(op, "TensorArray", 11) || !strncmp(op, "TensorList", 10) || !strcmp(op, "EmptyTensorList");
}

bool fire_tensorflow_leaves_out(const fire_onnx *m, int64_t k) {
    if (!m->tf || !m->tf->guessed) return false;
    const fire_onnx_name *d = fire_onnx_find(m, m->output[k].name);
    return d && d->value == DEAD;
}

static fire_value seen(const fire_onnx *m, int64_t i, int64_t k) { /* what input k of a node has now */
    const fire_onnx_name *d = fire_onnx_find(m, m->node[i].in[k]);
    return d && d->value ? d->value : ALIVE; /* not run at all: it cannot be dead */
}
static void give(const fire_onnx *m, int64_t i, int64_t k, fire_value v) {
    if (k < m->node[i].n_out) fire_onnx_find(m, m->node[i].out[k])->value = v;
}

static bool is_dead(const fire_onnx *m, int64_t i) {
    const fire_tf_node *t = &m->tf->node[i];
    for (int32_t c = 0; c < t->n_control; c++) {
        const fire_tf_node *from = &m->tf->node[t->control[c]];
        if (from->moot && (from->need || from->alive) && from->dead) return true;
    }
    for (int64_t k = 0; k < m->node[i].n_in && t->kind != FIRE_TF_MERGE; k++)
        if (seen(m, i, k) == DEAD) return true;
    return false;
}

/* A condition: one bool or number, or whether there is anything. */
static bool truth(fire_import *b, fire_value v, bool *is) {
    const fire_tensor *t = fire_import_numbers(b, v);
    if (!t) return false;
    const int64_t n = fire_count(&t->shape);
    *is = t->shape.rank ? n > 0 : fire_get(t, 0) != 0;
    if (t->shape.rank && n == 1) *is = fire_get(t, 0) != 0;
    return true;
}

/* Make what decides known, and what a loop carries together with it, so that no trip is computed twice. */
static void know(fire_import *b, fire_value *decides, int64_t n, fire_value *carried[]) {
    fire_value all[61];
    if (*decides <= 0 || b->g->value[*decides].source == FIRE_FROM_CONST) return;
    if (n > 60) n = 0;
    all[0] = *decides;
    for (int64_t k = 0; k < n; k++) all[k + 1] = *carried[k] > 0 ? *carried[k] : 0;
    if (!fire_import_known(b, (int)n + 1, all)) return;
    *decides = all[0];
    for (int64_t k = 0; k < n; k++)
        if (all[k + 1]) *carried[k] = all[k + 1];
}

static void loop_cond(fire_import *b, const fire_onnx *m, int64_t i) {
    const fire_tf_frame *f = &m->tf->frame[m->tf->node[i].frame];
    fire_value *carried[61], v = seen(m, i, 0);
    int64_t n = 0;
    for (int64_t u = 0; u < f->n_units; u++)
        if (f->unit[u] < m->n_nodes && m->tf->node[f->unit[u]].kind == FIRE_TF_MERGE && n < 61) carried[n++] = &fire_onnx_find(m, m->node[f->unit[u]].out[0])->value;
    know(b, &v, n, carried);
    give(m, i, 0, v);
}

/* tf.nn.batch_normalization gives its nodes these names. What they read besides what was computed before are the moving variance and the moving mean. */
static void fix_moments(fire_import *b, const fire_onnx *m, const fire_onnx_node *n) {
    for (int64_t k = 0; k < n->n_in && b->layers && (fire_tf_ends(n->name, "/batchnorm/add") || fire_tf_ends(n->name, "/batchnorm/mul_2")); k++) {
        const fire_onnx_name *d = fire_onnx_find(m, n->in[k]);
        if (d && d->value > 0) fire_import_fix(b, d->value);
    }
}

static void run_node(fire_import *b, fire_onnx *m, int64_t i, int64_t trip) {
    fire_tf_node *t = &m->tf->node[i];
    const fire_onnx_node *n = &m->node[i];
    b->scope->at = i;
    if (t->fed) return;
    if (t->kind != FIRE_TF_PLAIN && n->n_in < (t->kind == FIRE_TF_SWITCH ? 2 : 1)) { fire_import_fail(b, FIRE_E_CORRUPT, "has %lld inputs, expected more", (long long)n->n_in); return; }
    t->dead = t->moot || t->frame ? is_dead(m, i) : false;
    if (t->kind == FIRE_TF_ENTER && trip && !t->constant) t->dead = true;
    if (t->kind == FIRE_TF_NEXT || t->kind == FIRE_TF_EXIT) { /* nothing behind them runs in this trip */
        const fire_value v = t->dead ? DEAD : seen(m, i, 0);
        if (t->kind == FIRE_TF_NEXT) t->next = v;
        else if (v != DEAD) t->value = v;
        return;
    }
    if (t->kind == FIRE_TF_MERGE && !t->dead) {
        fire_value v = DEAD;
        int32_t which = 0;
        for (int64_t k = 0; k < n->n_in && v == DEAD; k++) {
            const int32_t from = t->from[k].node;
            v = from >= 0 && m->tf->node[from].kind == FIRE_TF_NEXT ? m->tf->node[from].value : seen(m, i, k);
            which = (int32_t)k;
        }
        t->dead = v == DEAD;
        if (!t->dead) {
            give(m, i, 0, v);
            if (n->n_out > 1) give(m, i, 1, fire_graph_const(b->g, FIRE_I32, (fire_shape){0}, &which));
        }
    }
    if (t->dead) {
        for (int64_t k = 0; k < n->n_out; k++) give(m, i, k, DEAD);
        return;
    }
    switch (t->kind) {
    case FIRE_TF_MERGE: break;
    case FIRE_TF_ENTER: give(m, i, 0, seen(m, i, 0)); break;
    case FIRE_TF_LOOP_COND: loop_cond(b, m, i); break;
    case FIRE_TF_SWITCH: {
        bool yes;
        const fire_value v = seen(m, i, 0), condition = seen(m, i, 1);
        if (condition <= 0) { fire_import_fail(b, FIRE_E_CORRUPT, "has no condition"); return; }
        if (!truth(b, condition, &yes)) return;
        give(m, i, yes, v);
        give(m, i, !yes, DEAD);
        break;
    }
    default:
        if (!t->need) {
            for (int64_t k = 0; k < n->n_out; k++) give(m, i, k, ALIVE);
            return;
        }
        if (t->value > 0) { give(m, i, 0, t->value); return; } /* a constant of an earlier trip */
        b->arena = (fire_arena){.ctx = b->ctx};
        if (b->layers && !b->layers->loops) fire_import_part(b, n->name, n->op, i);
        fix_moments(b, m, n);
        fire_import_node(b, n);
        fire_arena_free(&b->arena);
        if (t->frame && fire_span_is(n->op, "Const") && !b->g->first.status) t->value = fire_onnx_find(m, n->out[0])->value;
    }
}

static void run_frame(fire_import *b, fire_onnx *m, int32_t f) {
    const fire_tf_frame *frame = &m->tf->frame[f];
    fire_tf_node *node = m->tf->node;
    bool more = true;
    if (f && b->layers) {
        static const char kind[] = "Loop";
        if (!b->layers->loops) fire_import_part(b, frame->name, (fire_span){(const uint8_t *)kind, sizeof kind - 1}, f);
        b->layers->loops++;
    }
    for (int64_t u = 0; u < frame->n_units; u++)
        if (frame->unit[u] < m->n_nodes && (node[frame->unit[u]].kind == FIRE_TF_NEXT || node[frame->unit[u]].kind == FIRE_TF_EXIT)) node[frame->unit[u]].value = DEAD;
    for (int64_t trip = 0; more && !b->g->first.status; trip++) {
        /* Looking at a node costs a quarter of computing one, so that a loop of control nodes alone ends in time too. */
        if (f && (b->nodes_left -= 1 + frame->n_units / 4) < 0) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "more than %d nodes are computed, trips of loops counted", FIRE_IMPORT_NODES); return; }
        for (int64_t u = 0; u < frame->n_units && !b->g->first.status; u++) {
            if (frame->unit[u] < m->n_nodes) run_node(b, m, frame->unit[u], trip);
            else run_frame(b, m, frame->unit[u] - (int32_t)m->n_nodes);
        }
        more = false;
        for (int64_t u = 0; u < frame->n_units; u++) {
            if (frame->unit[u] >= m->n_nodes) continue;
            fire_tf_node *t = &node[frame->unit[u]];
            if (t->kind == FIRE_TF_NEXT) {
                t->value = t->next;
                more |= t->value != DEAD;
            }
        }
    }
    for (int64_t u = 0; u < frame->n_units; u++) {
        const int32_t i = frame->unit[u];
        if (i >= m->n_nodes || node[i].kind != FIRE_TF_EXIT) continue;
        node[i].dead = node[i].value == DEAD;
        give(m, i, 0, node[i].value);
    }
    if (f && b->layers) b->layers->loops--;
}

void fire_tensorflow_nodes(fire_import *b, fire_scope *scope) {
    fire_scope *around = b->scope;
    fire_arena arena = b->arena; /* what the node around this scope has read stays until it is done */
    for (int64_t i = 0; i < scope->m->n_nodes; i++) scope->m->tf->node[i].value = 0;
    if (!b->depth) fire_tensorflow_forget(scope->m);
    b->scope = scope;
    run_frame(b, scope->m, 0);
    b->arena = arena;
    b->scope = around;
}

/* ---- functions ---- */

void fire_tensorflow_call(fire_import *b, fire_span name, int64_t n_in, const fire_value *in, int64_t n_out, fire_value *out) {
    char text[80];
    const fire_tf_library *l = b->scope->m->tf->library;
    fire_tf_function *f = l ? fire_tensorflow_find(l, name) : NULL;
    if (b->g->first.status) return;
    show(name, text, sizeof text);
    if (!f) { fire_import_fail(b, FIRE_E_CORRUPT, "calls the function '%s', which the file lacks", text); return; }
    if (f->running) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the function '%s' calls itself", text); return; }
    if (b->depth >= FIRE_TF_DEPTH) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "more than %d calls inside each other", FIRE_TF_DEPTH); return; }
    if (!f->m && fire_tensorflow_open(b->scope->m, f, &b->g->first)) return;
    fire_onnx *m = f->m;
    if (m->n_inputs != n_in || m->n_outputs < n_out) {
        fire_import_fail(b, FIRE_E_CORRUPT, "the function '%s' has %lld inputs and %lld outputs, expected %lld and %lld", text, (long long)m->n_inputs, (long long)m->n_outputs, (long long)n_in,
                         (long long)n_out);
        return;
    }
    fire_scope scope = {.m = m}, *around = b->scope;
    fire_onnx_forget(m);
    for (int64_t k = 0; k < n_in; k++) fire_onnx_find(m, m->input[k].name)->value = in[k];
    f->running = true;
    b->depth++;
    fire_tensorflow_nodes(b, &scope);
    b->scope = &scope;
    scope.at = m->n_nodes;
    for (int64_t k = 0; k < n_out && !b->g->first.status; k++) out[k] = fire_import_find(b, m->output[k].name);
    b->scope = around;
    b->depth--;
    f->running = false;
}

static fire_span function_of(fire_import *b, const fire_lift *n, const char *attr) {
    const fire_onnx_attr *a = fire_lift_attr(n, attr);
    if (!a || a->type != FIRE_IS_TEXT) { fire_import_fail(b, FIRE_E_CORRUPT, "has no function '%s'", attr); return (fire_span){0}; }
    return a->text;
}

void fire_tf_call(fire_import *b, fire_lift *n) {
    const bool by_name = fire_lift_attr(n, "f") != NULL; /* else the operator is the function's name */
    fire_tensorflow_call(b, by_name ? function_of(b, n, "f") : n->node->op, n->n_in, n->in, n->n_out, n->out);
}

void fire_tf_if(fire_import *b, fire_lift *n) {
    bool yes;
    if (n->n_in < 1) { fire_import_fail(b, FIRE_E_CORRUPT, "has no condition"); return; }
    if (truth(b, n->in[0], &yes)) fire_tensorflow_call(b, function_of(b, n, yes ? "then_branch" : "else_branch"), n->n_in - 1, n->in + 1, n->n_out, n->out);
}

void fire_tf_case(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *a = fire_lift_attr(n, "branches");
    const fire_tensor *t = n->n_in > 0 ? fire_import_numbers(b, n->in[0]) : NULL;
    if (b->g->first.status) return;
    if (!t || fire_count(&t->shape) != 1 || !a || a->n_texts < 1) { fire_import_fail(b, FIRE_E_CORRUPT, "has no branches, or no index of one"); return; }
    int64_t which = fire_whole(fire_get(t, 0));
    if (which < 0 || which >= a->n_texts) which = a->n_texts - 1;
    fire_tensorflow_call(b, a->texts[which], n->n_in - 1, n->in + 1, n->n_out, n->out);
}

void fire_tf_while(fire_import *b, fire_lift *n) {
    const fire_span condition = function_of(b, n, "cond"), body = function_of(b, n, "body");
    const int64_t count = n->n_in;
    if (b->g->first.status) return;
    fire_value *now = fire_alloc(b->ctx, (size_t)count + 1, sizeof *now, &b->g->first), *then = now ? fire_alloc(b->ctx, (size_t)count + 1, sizeof *then, &b->g->first) : NULL;
    fire_value *carried[60];
    bool on = true;
    for (int64_t k = 0; then && k < count; k++) now[k] = n->in[k];
    if (b->layers) b->layers->loops++;
    b->loops++;
    while (then && on && !b->g->first.status) {
        fire_value decides = 0;
        if (b->nodes_left-- <= 0) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "more than %d nodes are computed, trips of loops counted", FIRE_IMPORT_NODES); break; }
        fire_tensorflow_call(b, condition, count, now, 1, &decides);
        if (b->g->first.status) break;
        for (int64_t k = 0; k < count && k < 60; k++) carried[k] = &now[k];
        know(b, &decides, count < 60 ? count : 0, carried);
        if (!truth(b, decides, &on) || !on) break;
        fire_tensorflow_call(b, body, count, now, count, then);
        fire_value *spare = now;
        now = then, then = spare;
    }
    if (b->layers) b->layers->loops--;
    b->loops--;
    for (int64_t k = 0; then && k < count && k < n->n_out && !b->g->first.status; k++) n->out[k] = now[k];
    fire_free(b->ctx, then);
    fire_free(b->ctx, now);
}
