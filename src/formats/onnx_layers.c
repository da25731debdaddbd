/* onnx_layers.c - a file of other software as a network of layers: what the importer does for them, and the inputs and outputs. */
#include "formats/onnx_file.h"
#include "formats/onnx_import.h"
#include "network.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *show(fire_span s, char *to, size_t capacity) { return fire_escape(to, capacity, (const char *)s.bytes, s.size); }

/* ---- for the importer ---- */

static const char *text_of(fire_graph *g, fire_span s) {
    if (s.size > 200) s.size = 200;
    char shown[1024];
    return fire_arena_text(&g->arena, show(s, shown, sizeof shown), &g->first);
}

/* "conv_3" for a node without a name. */
static const char *numbered(fire_graph *g, const char *op, int64_t i) {
    char text[256];
    snprintf(text, sizeof text, "%.200s_%lld", op, (long long)i);
    for (char *s = text; *s; s++)
        if (*s >= 'A' && *s <= 'Z') *s = (char)(*s + 32);
    return fire_arena_text(&g->arena, text, &g->first);
}

void fire_import_part(fire_import *b, fire_span name, fire_span op, int64_t number) {
    fire_import_layers *l = b->layers;
    fire_graph *g = b->g;
    if (!l || g->first.status) return;
    if (l->n_parts && l->part[l->n_parts - 1].first == g->n_nodes) l->n_parts--; /* the last one was no computing */
    if (fire_grow(b->ctx, &l->part, &l->part_capacity, l->n_parts + 1, sizeof *l->part, &g->first)) return;
    const char *kind = text_of(g, op), *own = name.size ? text_of(g, name) : kind ? numbered(g, kind, number) : NULL;
    if (own && kind) l->part[l->n_parts++] = (fire_graph_part){g->n_nodes, own, kind, -1};
}

/* The numbers may lie at any address in the file. */
static bool all_finite(const fire_tensor *t) {
    if (t->type == FIRE_F32 || t->type == FIRE_F64) {
        const int64_t step = t->type == FIRE_F32 ? 4 : 8, bytes = fire_count(&t->shape) * step;
        const unsigned char *p = t->data;
        bool finite = true;
        for (int64_t i = 0; i < bytes && step == 4; i += 4) {
            uint32_t v;
            memcpy(&v, p + i, 4);
            finite &= (v & 0x7f800000u) != 0x7f800000u;
        }
        for (int64_t i = 0; i < bytes && step == 8; i += 8) {
            uint64_t v;
            memcpy(&v, p + i, 8);
            finite &= (v & 0x7ff0000000000000u) != 0x7ff0000000000000u;
        }
        return finite;
    }
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
    l->weight[l->n_weights++] = (fire_graph_weight){w, g->value[w].name, t, true};
    return w;
}

/* What something is multiplied with, moved about before perhaps. A mask of infinities is no such thing, so nobody need look at it, and a file is
** opened without reading what most of it is. */
static bool is_factor(const fire_node *n, int k) {
    static const char *const products[] = {"Conv", "ConvTranspose", "Gemm", "MatMul", "Gather"};
    for (size_t i = 0; i < sizeof products / sizeof *products; i++)
        if (!strcmp(n->op->name, products[i])) return k < (products[i][0] == 'G' && products[i][1] == 'a' ? 1 : 2);
    return false;
}
static bool moves(const fire_node *n) {
    static const char *const movers[] = {"Transpose", "Reshape", "Slice", "Squeeze", "Unsqueeze"};
    for (size_t i = 0; i < sizeof movers / sizeof *movers; i++)
        if (!strcmp(n->op->name, movers[i])) return true;
    return false;
}

/* Weights that hold infinity or NaN, as masks do, are not trained. */
static fire_status fix_masks(const fire_graph *g, const fire_graph_parts *p, fire_graph_weight *weight, fire_error *err) {
    bool *seen = fire_alloc(g->ctx, (size_t)g->n_values, sizeof *seen, err); /* its numbers count for themselves */
    if (!seen) return FIRE_NOMEM;
    for (int32_t k = 0; k < p->n_out; k++) seen[p->out[k].value] = true;
    for (int64_t i = g->n_nodes; i-- > 0;) {
        const fire_node *n = &g->node[i];
        for (int k = 0; k < n->n_in; k++)
            if (n->in[k] > 0) seen[n->in[k]] |= moves(n) ? seen[n->out[0]] : !is_factor(n, k);
    }
    for (int64_t i = 0; i < p->n_weights; i++)
        if (seen[weight[i].value] && weight[i].trainable) weight[i].trainable = all_finite(&weight[i].data);
    fire_free(g->ctx, seen);
    return FIRE_OK;
}

void fire_import_fix(fire_import *b, fire_value v) {
    for (int64_t i = 0; b->layers && i < b->layers->n_weights; i++)
        if (b->layers->weight[i].value == v) b->layers->weight[i].trainable = false;
}

fire_import_mark *fire_import_mark_of(fire_import *b, fire_value v) {
    fire_import_layers *l = b->layers;
    if (!l || v < 1 || b->g->first.status || fire_grow(b->ctx, &l->mark, &l->mark_capacity, b->g->n_values, sizeof *l->mark, &b->g->first)) return NULL;
    return &l->mark[v];
}

void *fire_import_twin(const fire_import *b, fire_value v) { return b->layers && v > 0 && v < b->layers->mark_capacity ? b->layers->mark[v].twin : NULL; }

/* In the new shape the batch is -1; what stands beside it, -1 in the file, is then computed here. */
fire_value fire_import_free_batch(fire_import *b, fire_value x, fire_value shape) {
    const int64_t *twin = fire_import_twin(b, shape), batch = twin ? FIRE_IMPORT_BATCH : b->layers->batch;
    if (!batch || b->g->first.status || b->g->value[shape].source != FIRE_FROM_CONST) return shape;
    const fire_tensor *t = &b->g->value[shape].tensor;
    if (t->type != FIRE_I64 || t->shape.rank != 1 || t->shape.dim[0] > FIRE_MAX_RANK) return shape;
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
        const bool here = twin ? to[d] != twin[d] : d == 0 && from.dim[0] < 0 && to[d] == batch;
        if (here && (at >= 0 || to[d] < batch || to[d] % batch || (twin && twin[d] != to[d] / batch * FIRE_IMPORT_OTHER))) return shape;
        if (here) { at = d; want *= to[d] / batch; }
        else if (to[d] == -1 && rest < 0) rest = d;
        else if (to[d] < 1 || !fire_mul(want, to[d], &want)) return shape;
    }
    /* -1 may stand for a multiple of the batch, in x as in the result: what is left to find is then not known. */
    if (at < 0 || !have || (rest < 0 ? have % want && want % have : have % want)) return shape;
    to[at] = -1;
    if (rest >= 0) to[rest] = have / want;
    return fire_import_ints(b, n, to);
}

bool fire_import_is_zero(const fire_import *b, fire_value v) {
    const fire_value_info *info = &b->g->value[v];
    if (info->source != FIRE_FROM_CONST) return b->layers && v < b->layers->mark_capacity && b->layers->mark[v].zero;
    for (int64_t i = 0, n = fire_count(&info->tensor.shape); i < n; i++)
        if (fire_get(&info->tensor, i) != 0) return false;
    return !fire_import_twin(b, v);
}

/* False for each row, [1, ..., n, ..., 1] with the batch at dimension d: what it is made of does not matter. */
static fire_value no_rows(fire_import *b, int rank, int d) {
    fire_value x = b->layers->rows;
    const int64_t zeros[FIRE_MAX_RANK] = {0};
    int64_t ones[FIRE_MAX_RANK], axes[FIRE_MAX_RANK];
    const int from = fire_shape_of(b->g, x).rank;
    fire_shape to = {.rank = rank};
    for (int i = 0; i < FIRE_MAX_RANK; i++) ones[i] = 1, axes[i] = i + 1, to.dim[i] = i == d ? -1 : 1;
    if (from > 1) x = fire_import_apply(b, "Slice", 4, FIRE_IN(x, fire_import_ints(b, from - 1, zeros), fire_import_ints(b, from - 1, ones), fire_import_ints(b, from - 1, axes)), " ");
    x = fire_import_two(b, "Greater", fire_import_reshape(b, x, to), fire_import_like(b, x, 0));
    return fire_import_two(b, "And", x, fire_import_one(b, "Not", x));
}

/* x is repeated along all dimensions but the batch, and gets that by an addition of zeros that have it. */
fire_value fire_import_expand(fire_import *b, fire_value x, fire_value shape) {
    if (b->g->first.status) return 0;
    const fire_tensor t = b->g->value[shape].tensor;
    const int64_t *twin = fire_import_twin(b, shape);
    const fire_shape from = fire_shape_of(b->g, x);
    const fire_type type = fire_type_of(b->g, x);
    int64_t to[FIRE_MAX_RANK], n = t.shape.rank == 1 && t.type == FIRE_I64 ? t.shape.dim[0] : FIRE_MAX_RANK + 1, at = -1;
    for (int64_t d = 0; d < n && n <= FIRE_MAX_RANK; d++) {
        to[d] = ((const int64_t *)t.data)[d];
        if (to[d] == twin[d]) continue;
        if (to[d] != FIRE_IMPORT_BATCH || at >= 0) n = FIRE_MAX_RANK + 1; /* a multiple of it, or twice */
        else at = d, to[d] = 1;
    }
    if (at < 0 || from.rank > n || n > FIRE_MAX_RANK) { b->late = true; fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "expands to a shape that holds the number of rows"); return 0; }
    const int64_t own = at - (n - from.rank);
    const bool zero = fire_import_is_zero(b, x);
    fire_value y = fire_import_two(b, "Expand", x, fire_import_ints(b, n, to));
    if (own >= 0 && from.dim[own] == -1) return y;
    fire_value rows = no_rows(b, (int)n, (int)at);
    y = type == FIRE_BOOL ? fire_import_two(b, "Or", y, rows) : fire_import_two(b, "Add", y, fire_import_cast(b, rows, type));
    fire_import_mark *mark = zero ? fire_import_mark_of(b, y) : NULL;
    if (mark) mark->zero = true;
    return y;
}

/* ---- RNN, LSTM and GRU ---- */

/* Direction d of weights [directions, g u, k] as [g u, k]; LSTM's gates i o f c as i f c o. */
static fire_value rows_of(fire_import *b, fire_value w, int64_t d, int64_t directions, int gates, int64_t u, int64_t k) {
    if (directions > 1) w = fire_import_slice(b, w, 0, d, d + 1);
    if (gates == 4) {
        static const int64_t order[] = {0, 2, 3, 1};
        w = fire_import_apply(b, "Gather", 2, FIRE_IN(fire_import_reshape(b, w, (fire_shape){3, {4, u, k}}), fire_import_ints(b, 4, order)), "axis=0");
    }
    return fire_import_reshape(b, w, (fire_shape){2, {gates * u, k}});
}

static bool is_plain(const fire_lift *n, int64_t directions) {
    static const char *const usual[] = {"Sigmoid", "Tanh", "Tanh"};
    const fire_onnx_attr *names = fire_lift_attr(n, "activations");
    const int each = n->op[0] == 'L' ? 3 : n->op[0] == 'G' ? 2 : 1;
    if (fire_lift_in(n, 4) || fire_lift_in(n, 7) || fire_lift_attr(n, "clip") || fire_lift_int(n, "input_forget", 0)) return false;
    if (names && names->n_texts != each * directions) return false;
    for (int64_t i = 0; names && i < names->n_texts; i++)
        if (!fire_span_is(names->texts[i], each == 1 ? "Tanh" : usual[i % each])) return false;
    return true;
}

/* The inputs of all steps are projected at once, and the recurrence is an operator of its own, as in the layers LSTM, GRU and SimpleRNN. */
bool fire_import_recurrent(fire_import *b, fire_lift *n) {
    const int gates = n->op[0] == 'L' ? 4 : n->op[0] == 'G' ? 3 : 1;
    const bool reset_after = gates == 3 && fire_lift_int(n, "linear_before_reset", 0), backwards = fire_lift_text(n, "direction", "reverse");
    if (n->n_in < 3 || b->g->first.status) { fire_import_fail(b, FIRE_E_CORRUPT, "%lld inputs, expected 3", (long long)n->n_in); return true; }
    const fire_shape x = fire_shape_of(b->g, n->in[0]), w = fire_shape_of(b->g, n->in[1]), r = fire_shape_of(b->g, n->in[2]);
    const int64_t directions = fire_lift_text(n, "direction", "bidirectional") ? 2 : 1, u = r.dim[2];
    const bool known = !fire_lift_attr(n, "direction") || directions == 2 || backwards || fire_lift_text(n, "direction", "forward");
    if (x.rank != 3 || x.dim[0] < 1 || !x.dim[1] || x.dim[2] < 1 || !known || fire_lift_int(n, "hidden_size", u) != u || w.rank != 3 || r.rank != 3 || w.dim[0] != directions || r.dim[0] != directions || u < 1 || u > INT32_MAX || w.dim[1] != gates * u ||
        r.dim[1] != gates * u || w.dim[2] != x.dim[2] || !is_plain(n, directions)) {
        if (!b->layers) return false;
        b->late = true;
        fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "lengths, peepholes, clip and other activations have no gradient here");
        return true;
    }
    fire_value flat = fire_import_reshape(b, n->in[0], (fire_shape){2, {-1, x.dim[2]}}), y[2], last[2][2];
    for (int64_t d = 0; d < directions; d++) {
        fire_value in[7] = {0}, out[FIRE_MAX_OUT];
        static const int over[2] = {1, 0};
        in[0] = fire_import_two(b, "Gemm", flat, fire_import_permute(b, rows_of(b, n->in[1], d, directions, gates, u, x.dim[2]), over));
        in[0] = fire_import_reshape(b, in[0], (fire_shape){3, {x.dim[0], -1, gates * u}});
        in[1] = fire_import_permute(b, rows_of(b, n->in[2], d, directions, gates, u, u), over);
        if (fire_lift_in(n, 3)) { /* [directions, 2 g u]: of the inputs, then of the state */
            fire_value bias = directions > 1 ? fire_import_slice(b, n->in[3], 0, d, d + 1) : n->in[3];
            bias = fire_import_reshape(b, bias, (fire_shape){2, {2, gates * u}});
            if (!reset_after) {
                bias = fire_import_reduce(b, "ReduceSum", bias, 1, true);
                bias = fire_import_reshape(b, rows_of(b, bias, 0, 1, gates, u, 1), (fire_shape){1, {gates * u}});
            }
            in[2] = bias;
        }
        for (int k = 0; k < (gates == 4 ? 2 : 1); k++) {
            fire_value first = fire_lift_in(n, 5 + k);
            if (!first || b->g->first.status || fire_import_is_zero(b, first)) continue;
            if (directions > 1) first = fire_import_slice(b, first, 0, d, d + 1);
            in[k ? 6 : 3] = fire_import_reshape(b, first, (fire_shape){2, {-1, u}});
        }
        const char *const ops[] = {"SimpleRNNSequence", "GRUSequence", "LSTMSequence"};
        char text[64];
        snprintf(text, sizeof text, "reverse=%d%s", backwards || d == 1, gates == 3 ? reset_after ? " reset_after=1" : " reset_after=0" : "");
        if (fire_import_all(b, ops[gates / 2], 7, in, text, out)) return true;
        y[d] = fire_import_unsqueeze(b, out[gates > 1], 1);
        last[0][d] = fire_import_unsqueeze(b, out[gates > 1 ? 3 : 1], 0);
        last[1][d] = gates == 4 ? fire_import_unsqueeze(b, out[4], 0) : 0;
    }
    n->out[0] = directions == 1 ? y[0] : fire_import_apply(b, "Concat", 2, y, "axis=1");
    for (int k = 0; k < (gates == 4 ? 2 : 1); k++) n->out[1 + k] = directions == 1 ? last[k][0] : fire_import_apply(b, "Concat", 2, last[k], "axis=0");
    return true;
}

/* ---- inputs ---- */

static bool is_half(uint64_t type) { return type == FIRE_F16 || type == FIRE_BF16; }

/* Rows: every input has the batch first, free or the same number in all of them. */
static fire_status check_inputs(const fire_onnx *m, fire_import_layers *l, fire_error *err) {
    char name[80], shown[FIRE_SHAPE_TEXT];
    bool floats = false;
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
        floats |= v->type == FIRE_F32 || v->type == FIRE_F64 || is_half(v->type);
    }
    for (int64_t i = 0; i < m->n_initializers && !floats; i++) /* where whole numbers go in the weights decide */
        if (m->initializer[i].rank > 0 && m->initializer[i].type == FIRE_F64) l->type = FIRE_F64;
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

/* Lift the file; ports and parts lie in the graph's arena. Failures are the graph's. */
static void lift(fire_import *b, fire_onnx *m, fire_graph_parts *p) {
    fire_graph *g = b->g;
    fire_import_layers *l = b->layers;
    fire_graph_port *in = fire_arena_alloc(&g->arena, (size_t)m->n_inputs, sizeof *in, &g->first);
    fire_graph_port *out = in ? fire_arena_alloc(&g->arena, (size_t)m->n_outputs, sizeof *out, &g->first) : NULL;
    if (!out) return;
    *p = (fire_graph_parts){.g = g, .type = l->type, .n_in = (int32_t)m->n_inputs, .n_out = (int32_t)m->n_outputs, .in = in, .out = out};
    fire_onnx_forget(m);
    for (int64_t i = 0; i < m->n_inputs && !g->first.status; i++) {
        const fire_onnx_value *v = &m->input[i];
        fire_shape shape = {.rank = v->rank};
        memcpy(shape.dim, v->dim, sizeof shape.dim);
        shape.dim[0] = -1;
        const char *name = text_of(g, fire_onnx_label(v));
        if (!name) return;
        in[i] = (fire_graph_port){fire_graph_input(g, name, l->type, shape), name};
        if (!i) l->rows = in[i].value;
    }
    for (int64_t i = 0; i < m->n_inputs && !g->first.status; i++) { /* whole numbers come as the network's type */
        const fire_type type = is_half(m->input[i].type) ? l->type : (fire_type)m->input[i].type;
        fire_value x = in[i].value;
        if (type != l->type) {
            char name[256];
            snprintf(name, sizeof name, "%.200s_cast", in[i].name);
            static const char cast[] = "Cast";
            fire_import_part(b, (fire_span){(const uint8_t *)name, strlen(name)}, (fire_span){(const uint8_t *)cast, sizeof cast - 1}, 0);
            x = fire_import_cast(b, x, type);
        }
        fire_onnx_find(m, m->input[i].name)->value = x;
    }
    fire_scope scope = {.m = m};
    b->scope = &scope;
    fire_import_nodes(b, &scope);
    b->scope = &scope;
    scope.at = m->n_nodes;
    for (int64_t k = 0; k < m->n_outputs && !g->first.status; k++) {
        const char *name = text_of(g, fire_onnx_label(&m->output[k]));
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
    if (!s && !m->tf) s = check_nodes(m, err);
    if (s) return s;
    fire_graph_init(&g, m->ctx);
    if (m->file) g.align.get = fire_onnx_file_align, g.align.user = m->file;
    fire_import b = {.ctx = m->ctx, .g = &g, .arena = {.ctx = m->ctx}, .symbolic = true, .layers = &l};
    fire_import_begin(&b, 2 * (int64_t)m->size + FIRE_IMPORT_SYMBOLIC);
    lift(&b, m, &p);
    fire_import_end(&b);
    p.part = l.part;
    p.n_parts = l.n_parts;
    p.weight = l.weight;
    p.n_weights = l.n_weights;
    p.home = m->file;
    s = fire_graph_check(&g, err);
    if (!s) s = fix_masks(&g, &p, l.weight, err);
    if (!s) s = fire_network_from_graph(m->ctx, &p, out, err);
    fire_free(m->ctx, l.part);
    fire_free(m->ctx, l.weight);
    fire_free(m->ctx, l.mark);
    fire_graph_clear(&g);
    return s;
}
