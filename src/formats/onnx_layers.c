/* onnx_layers.c - an ONNX file of other software as a network of layers: what the importer does for them, and the inputs and outputs. */
#include "formats/onnx_import.h"
#include "network.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *show(fire_span s, char *to, size_t capacity) { return fire_escape(to, capacity, (const char *)s.bytes, s.size); }

/* ---- for the importer ---- */

static bool all_finite(const fire_tensor *t) {
    for (int64_t i = 0, n = fire_count(&t->shape); i < n; i++)
        if (!isfinite(fire_get(t, i))) return false;
    return true;
}

/* Single numbers stay constants: an epsilon or exponent is no weight, and files do not tell which is. */
fire_value fire_import_weight(fire_import *b, const char *name, fire_value v) {
    fire_graph *g = b->g;
    fire_import_layers *l = b->layers;
    if (!l || g->first.status) return v;
    const fire_tensor t = g->value[v].tensor;
    if (t.type != l->type || t.shape.rank < 1 || fire_count(&t.shape) < 1) return v;
    if (fire_grow(b->ctx, &l->weight, &l->capacity, l->n_weights + 1, sizeof *l->weight, &g->first)) return 0;
    fire_value w = fire_graph_param(g, name, t.type, t.shape);
    if (!w || fire_grow(b->ctx, &b->known, &b->known_capacity, g->n_values, sizeof *b->known, &g->first)) return 0;
    b->known[w] = v;
    l->weight[l->n_weights++] = (fire_graph_weight){w, g->value[w].name, t, all_finite(&t)};
    return w;
}

void fire_import_fix(fire_import *b, fire_value v) {
    for (int64_t i = 0; b->layers && i < b->layers->n_weights; i++)
        if (b->layers->weight[i].value == v) b->layers->weight[i].trainable = false;
}

void fire_import_mark(fire_import *b, fire_value v) {
    fire_import_layers *l = b->layers;
    if (!l || v < 1 || fire_grow(b->ctx, &l->marked, &l->marked_capacity, b->g->n_values, sizeof *l->marked, &b->g->first)) return;
    l->marked[v] = true;
}

bool fire_import_is_marked(const fire_import *b, fire_value v) { return b->layers && v > 0 && v < b->layers->marked_capacity && b->layers->marked[v]; }

/* In the new shape the batch is -1; what stands beside it, -1 in the file, is then computed here. */
fire_value fire_import_free_batch(fire_import *b, fire_value x, fire_value shape) {
    const int64_t batch = fire_import_is_marked(b, shape) ? FIRE_IMPORT_BATCH : b->layers->batch;
    const fire_tensor *t = batch ? fire_import_numbers(b, shape) : NULL;
    if (!t || t->type != FIRE_I64 || t->shape.rank != 1 || t->shape.dim[0] > FIRE_MAX_RANK) return shape;
    const fire_shape from = fire_shape_of(b->g, x);
    int64_t to[FIRE_MAX_RANK], n = t->shape.dim[0], have = 1, want = 1, at = -1, rest = -1;
    int batches = 0;
    for (int d = 0; d < from.rank; d++) {
        if (from.dim[d] < 0) batches++;
        else have *= from.dim[d];
    }
    if (batches != 1) return shape;
    for (int64_t d = 0; d < n; d++) {
        to[d] = ((const int64_t *)t->data)[d];
        if (to[d] == 0 && d < from.rank) to[d] = from.dim[d] < 0 ? batch : from.dim[d];
        const bool here = batch == FIRE_IMPORT_BATCH ? to[d] >= batch && to[d] % batch == 0 : d == 0 && from.dim[0] < 0 && to[d] == batch;
        if (here && at >= 0) return shape;
        if (here) { at = d; want *= to[d] / batch; }
        else if (to[d] == -1 && rest < 0) rest = d;
        else if (to[d] < 1 || !fire_mul(want, to[d], &want)) return shape;
    }
    if (at < 0 || have % want || (rest < 0 && have != want)) return shape;
    to[at] = -1;
    if (rest >= 0) to[rest] = have / want;
    return fire_import_ints(b, n, to);
}

/* ---- inputs ---- */

static bool is_half(uint64_t type) { return type == FIRE_F16 || type == FIRE_BF16; }

/* Rows: every input has the batch first, free or the same number in all of them. */
static fire_status check_inputs(const fire_onnx *m, fire_import_layers *l, fire_error *err) {
    char name[80], shown[FIRE_SHAPE_TEXT];
    l->type = FIRE_F32;
    if (m->n_inputs < 1 || m->n_inputs > FIRE_MAX_PARTS) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "%lld inputs, expected 1 to %d", (long long)m->n_inputs, FIRE_MAX_PARTS);
    for (int64_t i = 0; i < m->n_inputs; i++) {
        const fire_onnx_value *v = &m->input[i];
        show(v->name, name, sizeof name);
        if (!v->is_tensor || !(fire_type_size((fire_type)v->type))) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "input '%s' is no tensor of numbers", name);
        if (!v->has_shape || v->rank < 1 || v->rank >= FIRE_MAX_RANK) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "input '%s' needs a shape with the batch as its first dimension", name);
        fire_shape shape = {.rank = v->rank};
        memcpy(shape.dim, v->dim, sizeof shape.dim);
        for (int d = 1; d < v->rank; d++)
            if (v->dim[d] < 1) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "input '%s' has shape %s; layers want sizes that are known, but for the batch", name, fire_shape_text(&shape, shown));
        if (!v->dim[0] || (v->dim[0] > 0 && l->batch && v->dim[0] != l->batch)) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "input '%s' has shape %s; another input has %lld rows", name, fire_shape_text(&shape, shown), (long long)l->batch);
        if (v->dim[0] > 0) l->batch = v->dim[0];
        if (v->type == FIRE_F64) l->type = FIRE_F64;
    }
    return FIRE_OK;
}

/* A model whose numbers are bytes on purpose is not for training. */
static fire_status check_nodes(const fire_onnx *m, fire_error *err) {
    static const char *const quantized[] = {"QuantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"};
    char name[80];
    for (int64_t i = 0; i < m->n_nodes; i++)
        for (size_t k = 0; k < sizeof quantized / sizeof *quantized; k++)
            if (fire_span_is(m->node[i].op, quantized[k])) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "node %lld '%s' (%s) quantizes: it cannot be trained", (long long)i, show(m->node[i].name, name, sizeof name), quantized[k]);
    return m->n_nodes <= FIRE_PARTS ? FIRE_OK : fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "%lld nodes, layers are made of at most %d", (long long)m->n_nodes, FIRE_PARTS);
}

static const char *text_of(fire_graph *g, fire_span s) {
    if (s.size > 200) s.size = 200;
    char shown[1024];
    return fire_arena_text(&g->arena, show(s, shown, sizeof shown), &g->first);
}

/* Lift the file; ports and parts lie in the graph's arena. Failures are the graph's. */
static void lift(fire_import *b, fire_onnx *m, fire_graph_parts *p) {
    fire_graph *g = b->g;
    fire_import_layers *l = b->layers;
    fire_graph_port *in = fire_arena_alloc(&g->arena, (size_t)m->n_inputs, sizeof *in, &g->first);
    fire_graph_port *out = in ? fire_arena_alloc(&g->arena, (size_t)m->n_outputs, sizeof *out, &g->first) : NULL;
    fire_graph_part *part = out ? fire_arena_alloc(&g->arena, (size_t)(m->n_nodes + m->n_inputs), sizeof *part, &g->first) : NULL;
    if (!part) return;
    *p = (fire_graph_parts){.g = g, .type = l->type, .n_in = (int32_t)m->n_inputs, .n_out = (int32_t)m->n_outputs, .part = part, .in = in, .out = out};
    fire_onnx_forget(m);
    for (int64_t i = 0; i < m->n_inputs && !g->first.status; i++) {
        const fire_onnx_value *v = &m->input[i];
        fire_shape shape = {.rank = v->rank};
        memcpy(shape.dim, v->dim, sizeof shape.dim);
        shape.dim[0] = -1;
        const char *name = text_of(g, v->name);
        if (!name) return;
        in[i] = (fire_graph_port){fire_graph_input(g, name, l->type, shape), name};
    }
    for (int64_t i = 0; i < m->n_inputs && !g->first.status; i++) { /* whole numbers come as the network's type */
        const fire_type type = is_half(m->input[i].type) ? l->type : (fire_type)m->input[i].type;
        fire_value x = in[i].value;
        if (type != l->type) {
            part[p->n_parts++] = (fire_graph_part){g->n_nodes, "", "Cast", -1};
            x = fire_import_cast(b, x, type);
        }
        fire_onnx_find(m, m->input[i].name)->value = x;
    }
    fire_scope scope = {.m = m};
    b->scope = &scope;
    fire_import_nodes(b, &scope);
    b->scope = &scope;
    for (int64_t i = 0; i < m->n_nodes && !g->first.status; i++) {
        const char *name = text_of(g, m->node[i].name), *op = text_of(g, m->node[i].op);
        if (name && op) part[p->n_parts++] = (fire_graph_part){l->first[i], name, op, l->dropout[i]};
    }
    scope.at = m->n_nodes;
    for (int64_t k = 0; k < m->n_outputs && !g->first.status; k++) {
        const char *name = text_of(g, m->output[k].name);
        out[k] = (fire_graph_port){fire_import_find(b, m->output[k].name), name};
        if (!g->first.status && out[k].value < 1) { b->late = true; fire_graph_fail(g, FIRE_E_MODEL_UNSUPPORTED, "the output '%s' is no tensor", name); }
    }
    b->scope = NULL;
}

fire_status fire_onnx_layers(fire_onnx *m, fire_network **out, fire_error *err) {
    fire_graph g;
    fire_graph_parts p = {0};
    fire_import_layers l = {0};
    fire_status s = check_inputs(m, &l, err);
    if (!s) s = check_nodes(m, err);
    if (s) return s;
    fire_graph_init(&g, m->ctx);
    l.first = fire_arena_alloc(&g.arena, (size_t)m->n_nodes, sizeof *l.first, err);
    l.dropout = l.first ? fire_arena_alloc(&g.arena, (size_t)m->n_nodes, sizeof *l.dropout, err) : NULL;
    if (!l.dropout) s = FIRE_NOMEM;
    for (int64_t i = 0; i < m->n_nodes && !s; i++) l.dropout[i] = -1;
    if (!s) {
        fire_import b = {.ctx = m->ctx, .g = &g, .arena = {.ctx = m->ctx}, .symbolic = true, .layers = &l};
        fire_import_begin(&b, 2 * (int64_t)m->size + ((int64_t)32 << 20));
        lift(&b, m, &p);
        fire_import_end(&b);
        p.weight = l.weight;
        p.n_weights = l.n_weights;
        s = fire_graph_check(&g, err);
    }
    if (!s) s = fire_network_from_graph(m->ctx, &p, out, err);
    fire_free(m->ctx, l.weight);
    fire_free(m->ctx, l.marked);
    fire_graph_clear(&g);
    return s;
}
