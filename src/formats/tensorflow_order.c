/* tensorflow_order.c - which nodes of a graph the outputs need, in which loop each of them stands, and in which order they run.
**
** TensorFlow 1 writes conditions and loops as nodes: Switch sends a value one of two ways and nothing ("dead") the other, Merge takes what comes,
** Enter and Exit lead into a frame and out of it, NextIteration leads back to a Merge. Here the edges that lead back are cut and every frame becomes
** one unit of the frame around it, so that units can be sorted; tensorflow_flow.c then runs them.
*/
#include "formats/tensorflow.h"
#include <string.h>

#define MAX_FRAMES 1024

typedef struct work { /* memory while the order is made */
    fire_onnx *m;
    int32_t *post; int64_t n_post; /* nodes that the outputs can reach, each after what it reads, edges that lead back aside */
    uint8_t *state;           /* 1: on the stack, 2: done, 4: in back */
    struct visit { int32_t node; int64_t next; } *stack;
    int32_t *back; int64_t n_back; /* NextIterations that were met */
} work;

static fire_status node_fail(const fire_onnx *m, int64_t i, const char *why, fire_error *err) {
    char text[80];
    return fire_fail(err, FIRE_E_CORRUPT, "node '%s' %s", fire_escape(text, sizeof text, (const char *)m->node[i].name.bytes, m->node[i].name.size), why);
}

static bool leads_back(const fire_tf *tf, int32_t from, int64_t to) { return tf->node[to].kind == FIRE_TF_MERGE && tf->node[from].kind == FIRE_TF_NEXT; }

/* Input k of a node, control inputs behind the others; -1: none in this graph. */
static int32_t source(const fire_onnx *m, int64_t i, int64_t k) {
    const fire_tf_node *t = &m->tf->node[i];
    return k < m->node[i].n_in ? t->from[k].node : t->control[k - m->node[i].n_in];
}
static int64_t sources(const fire_onnx *m, int64_t i) { return m->tf->node[i].fed ? 0 : m->node[i].n_in + m->tf->node[i].n_control; }

static fire_status visit_from(work *w, int32_t root, fire_error *err) {
    const fire_tf *tf = w->m->tf;
    int64_t depth = 0;
    if (root < 0 || w->state[root] & 3) return FIRE_OK;
    w->stack[depth++] = (struct visit){root, 0};
    w->state[root] |= 1;
    while (depth) {
        struct visit *at = &w->stack[depth - 1];
        if (at->next == sources(w->m, at->node)) {
            w->state[at->node] ^= 3;
            w->post[w->n_post++] = at->node;
            depth--;
            continue;
        }
        const int32_t from = source(w->m, at->node, at->next++);
        if (from < 0 || w->state[from] & 2) continue;
        if (leads_back(tf, from, at->node)) {
            if (!(w->state[from] & 4)) w->back[w->n_back++] = from;
            w->state[from] |= 4;
            continue;
        }
        if (w->state[from] & 1) return node_fail(w->m, at->node, "depends on itself", err);
        w->state[from] |= 1;
        w->stack[depth++] = (struct visit){from, 0};
    }
    return FIRE_OK;
}

/* The frame that an Enter leads into. */
static fire_status enter(fire_onnx *m, int64_t i, int32_t around, int32_t *frame, fire_error *err) {
    fire_tf *tf = m->tf;
    fire_wire in = m->node[i].body;
    fire_wire_field f;
    bool more;
    fire_span name = {0};
    fire_arena arena = {.ctx = m->ctx};
    fire_status s = FIRE_OK;
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
        fire_onnx_attr a;
        if (f.number != 5 || (s = fire_tensorflow_attr(&in, &f, &arena, &a, err))) continue;
        if (fire_span_is(a.name, "frame_name")) name = a.text;
        if (fire_span_is(a.name, "is_constant")) tf->node[i].constant = a.number != 0;
    }
    fire_arena_free(&arena);
    if (s) return s;
    for (int32_t k = 1; k < tf->n_frames; k++)
        if (tf->frame[k].around == around && !fire_span_compare(tf->frame[k].name, name)) { *frame = k; return FIRE_OK; }
    if (tf->n_frames == MAX_FRAMES) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "more than %d loops", MAX_FRAMES);
    const int32_t depth = tf->frame[around].depth + 1;
    if (depth > FIRE_IMPORT_DEPTH) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "more than %d loops inside each other", FIRE_IMPORT_DEPTH);
    tf->frame[*frame = tf->n_frames++] = (fire_tf_frame){.around = around, .depth = depth, .name = name};
    return FIRE_OK;
}

static bool is_around(const fire_tf *tf, int32_t outer, int32_t inner) {
    while (tf->frame[inner].depth > tf->frame[outer].depth) inner = tf->frame[inner].around;
    return inner == outer;
}

/* The frame in which what a node gives is seen. */
static int32_t seen_in(const fire_tf *tf, int32_t i) { return tf->node[i].kind == FIRE_TF_EXIT ? tf->frame[tf->node[i].frame].around : tf->node[i].frame; }

/* Frames, and what may be dead. */
static fire_status place_nodes(work *w, fire_error *err) {
    fire_onnx *m = w->m;
    fire_tf *tf = m->tf;
    fire_status s = FIRE_OK;
    for (int64_t p = 0; p < w->n_post && !s; p++) {
        const int32_t i = w->post[p];
        fire_tf_node *t = &tf->node[i];
        int32_t frame = 0;
        bool all = true, any = false;
        for (int64_t k = 0, n = sources(m, i); k < n && !s; k++) {
            const int32_t from = source(m, i, k);
            if (from < 0 || leads_back(tf, from, i)) continue;
            const int32_t f = seen_in(tf, from);
            if (is_around(tf, frame, f)) frame = f;
            else if (!is_around(tf, f, frame)) s = node_fail(m, i, "reads from two loops", err);
            any |= tf->node[from].moot;
            all &= tf->node[from].moot;
        }
        if (!s && t->kind == FIRE_TF_ENTER) {
            const bool moot = any;
            s = enter(m, i, frame, &frame, err);
            if (!s) tf->frame[frame].moot |= moot;
        }
        if (!s && (t->kind == FIRE_TF_EXIT || t->kind == FIRE_TF_NEXT) && !frame) s = node_fail(m, i, "leaves or repeats a loop, but is in none", err);
        t->frame = frame;
        t->moot = t->kind == FIRE_TF_SWITCH || (t->kind == FIRE_TF_MERGE ? all && any : t->kind == FIRE_TF_EXIT ? tf->frame[frame].moot : any);
    }
    return s;
}

/* What the outputs need: numbers, or only whether a node runs. */
static void mark(work *w) {
    fire_onnx *m = w->m;
    fire_tf *tf = m->tf;
    int32_t *list = w->post; /* of what is to be looked at; each node comes twice at most */
    int64_t n = 0;
    for (int64_t k = 0; k < m->n_outputs; k++) {
        const int32_t i = m->output_from[k].node;
        if (i < 0 || tf->node[i].need) continue;
        tf->node[i].need = true;
        list[n++] = i;
    }
    while (n) {
        const int32_t i = list[--n];
        for (int64_t k = 0, all = sources(m, i); k < all; k++) {
            const int32_t from = source(m, i, k);
            if (from < 0) continue;
            fire_tf_node *f = &tf->node[from];
            bool need = (tf->node[i].need && k < m->node[i].n_in) || (tf->node[i].kind == FIRE_TF_SWITCH && k == 1) || f->kind == FIRE_TF_LOOP_COND;
            if (need ? f->need : f->need || f->alive || !f->moot) continue;
            if (need) f->need = true;
            else f->alive = true;
            list[n++] = from;
        }
    }
}

/* Node or frame (behind the nodes) that stands for a node in a frame around it. */
static int64_t unit_in(const fire_onnx *m, int32_t i, int32_t frame) {
    const fire_tf *tf = m->tf;
    if (tf->node[i].frame == frame) return i;
    int32_t f = tf->node[i].frame;
    while (tf->frame[f].around != frame) f = tf->frame[f].around;
    return m->n_nodes + f;
}
static int32_t common(const fire_tf *tf, int32_t a, int32_t b) {
    while (a != b) {
        if (tf->frame[a].depth >= tf->frame[b].depth) a = tf->frame[a].around;
        else b = tf->frame[b].around;
    }
    return a;
}
static bool runs(const fire_tf *tf, int64_t i) { return tf->node[i].need || tf->node[i].alive; }

/* Sort the units of every frame by what they read. */
static fire_status sort_units(work *w, fire_error *err) {
    fire_onnx *m = w->m;
    fire_tf *tf = m->tf;
    const int64_t n = m->n_nodes, units = n + tf->n_frames;
    int64_t edges = 0, total = 0, tail = 0;
    for (int64_t i = 0; i < n; i++) edges += runs(tf, i) ? sources(m, i) : 0;
    int64_t *first = fire_alloc(m->ctx, (size_t)units + 2, sizeof *first, err), *waits = first ? fire_alloc(m->ctx, (size_t)units, sizeof *waits, err) : NULL;
    int64_t *queue = waits ? fire_alloc(m->ctx, (size_t)units, sizeof *queue, err) : NULL, *to = queue ? fire_alloc(m->ctx, (size_t)edges, sizeof *to, err) : NULL;
    fire_status s = to ? FIRE_OK : FIRE_NOMEM;
    bool *used = to ? fire_alloc(m->ctx, (size_t)tf->n_frames, 1, err) : NULL;
    if (!used) s = FIRE_NOMEM;
    for (int pass = 0; pass < 2 && !s; pass++) { /* count the edges that leave each unit, then list them */
        for (int64_t i = 0; i < n; i++) {
            if (!runs(tf, i)) continue;
            for (int64_t k = 0, all = sources(m, i); k < all; k++) {
                const int32_t from = source(m, i, k);
                if (from < 0 || !runs(tf, from) || leads_back(tf, from, i)) continue;
                const int32_t frame = common(tf, tf->node[from].frame, tf->node[i].frame);
                const int64_t a = unit_in(m, from, frame), z = unit_in(m, (int32_t)i, frame);
                if (a == z) { s = node_fail(m, i, "depends on itself", err); break; }
                if (!pass) first[a + 2]++, waits[z]++;
                else to[first[a + 1]++] = z;
            }
        }
        for (int64_t u = 0; !pass && u < units; u++) first[u + 2] += first[u + 1];
    }
    for (int64_t i = 0; i < n && !s; i++) {
        if (!runs(tf, i)) continue;
        for (int32_t f = tf->node[i].frame; f && !used[f]; f = tf->frame[f].around) used[f] = true;
        tf->frame[tf->node[i].frame].n_units++;
        total++;
    }
    for (int32_t f = 1; f < tf->n_frames && !s; f++)
        if (used[f]) tf->frame[tf->frame[f].around].n_units++, total++;
    for (int32_t f = 0; f < tf->n_frames && !s; f++) {
        if (!(tf->frame[f].unit = fire_arena_alloc(&m->arena, (size_t)tf->frame[f].n_units, sizeof *tf->frame[f].unit, err))) s = FIRE_NOMEM;
        tf->frame[f].n_units = 0;
    }
    for (int64_t u = 0; u < units && !s; u++)
        if (!waits[u] && (u < n ? runs(tf, u) : u > n && used[u - n])) queue[tail++] = u;
    for (int64_t at = 0; at < tail && !s; at++) {
        const int64_t u = queue[at];
        fire_tf_frame *f = &tf->frame[u < n ? tf->node[u].frame : tf->frame[u - n].around];
        f->unit[f->n_units++] = (int32_t)u;
        for (int64_t e = first[u]; e < first[u + 1]; e++)
            if (!--waits[to[e]]) queue[tail++] = to[e];
    }
    if (!s && tail < total) s = fire_fail(err, FIRE_E_CORRUPT, "nodes of the graph depend on each other in a circle");
    fire_free(m->ctx, used);
    fire_free(m->ctx, to);
    fire_free(m->ctx, queue);
    fire_free(m->ctx, waits);
    fire_free(m->ctx, first);
    return s;
}

fire_status fire_tensorflow_order(fire_onnx *m, fire_error *err) {
    fire_tf *tf = m->tf;
    const size_t n = (size_t)m->n_nodes;
    int64_t merges = 0;
    for (int64_t i = 0; i < m->n_nodes; i++) merges += tf->node[i].kind == FIRE_TF_MERGE ? m->node[i].n_in : 0;
    work w = {.m = m, .post = fire_alloc(m->ctx, 2 * n, sizeof *w.post, err)};
    w.state = w.post ? fire_alloc(m->ctx, n, 1, err) : NULL;
    w.stack = w.state ? fire_alloc(m->ctx, n, sizeof *w.stack, err) : NULL;
    w.back = w.stack ? fire_alloc(m->ctx, (size_t)merges, sizeof *w.back, err) : NULL;
    fire_status s = w.back ? FIRE_OK : FIRE_NOMEM;
    for (int64_t k = 0; k < m->n_outputs && !s; k++) s = visit_from(&w, m->output_from[k].node, err);
    for (int64_t k = 0; k < w.n_back && !s; k++) s = visit_from(&w, w.back[k], err);
    int64_t enters = 1;
    for (int64_t i = 0; i < m->n_nodes; i++) enters += tf->node[i].kind == FIRE_TF_ENTER;
    if (!s && !(tf->frame = fire_arena_alloc(&m->arena, (size_t)(enters < MAX_FRAMES ? enters : MAX_FRAMES), sizeof *tf->frame, err))) s = FIRE_NOMEM;
    tf->n_frames = 1;
    if (!s) s = place_nodes(&w, err);
    int32_t *post = NULL;
    if (!s && tf->n_frames == 1) { /* no loops: the order in which they were met will do */
        post = fire_arena_alloc(&m->arena, (size_t)w.n_post, sizeof *post, err);
        if (!post) s = FIRE_NOMEM;
        else if (w.n_post) memcpy(post, w.post, (size_t)w.n_post * sizeof *post);
    }
    const int64_t n_post = w.n_post;
    if (!s) s = fire_tensorflow_state(m, w.post, w.n_post, err);
    if (!s) mark(&w);
    if (!s && post) {
        tf->frame[0].unit = post;
        for (int64_t p = 0; p < n_post; p++)
            if (runs(tf, post[p])) post[tf->frame[0].n_units++] = post[p];
    } else if (!s) s = sort_units(&w, err);
    fire_free(m->ctx, w.back);
    fire_free(m->ctx, w.stack);
    fire_free(m->ctx, w.state);
    fire_free(m->ctx, w.post);
    return s;
}
