/* onnx_write.c - a graph as an ONNX file: opset 18, standard operators only. Field numbers are those of onnx.proto. */
#include "formats/onnx.h"
#include "json.h"
#include "op.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define NAME_TEXT 400

typedef struct writer {
    fire_buffer *b;
    const fire_graph *g;
    const fire_onnx_ports *ports;
    const char **name;     /* [n_values] of weights, inputs and outputs; NULL for the others */
    bool *needed, *read;   /* [n_nodes] wanted by an output; [n_values] read by such a node, or an output itself */
    fire_value same_as;    /* the only output is no node's: an Identity makes it */
} writer;

/* Name of a value in the file. Nodes' outputs end in their number, constants have it alone: no two values share a name. */
static const char *name_of(const writer *w, fire_value v, char to[NAME_TEXT]) {
    const fire_value_info *info = fire_look(w->g, v);
    if (w->name[v]) return w->name[v];
    if (info->source == FIRE_FROM_CONST) snprintf(to, NAME_TEXT, "const.%d", (int)v);
    else if (info->source == FIRE_FROM_NODE) {
        const fire_node *n = &w->g->node[info->node];
        snprintf(to, NAME_TEXT, "%.300s%s%s.%d", n->layer ? n->layer : "", n->layer ? "/" : "", n->op->name, (int)v);
    } else return info->name ? info->name : "x";
    return to;
}

static void put_attr(fire_buffer *b, const fire_attr *a, const void *attrs) {
    const char *at = (const char *)attrs + a->offset;
    /* A default outside of the attribute's own range stands for "not given"; those inside are written, since some of ONNX's
    ** attributes have no default. */
    const bool in_range = a->value >= a->min && a->value <= a->max;
    int64_t number = 0;
    double value = 0;
    fire_ints ints = {0};
    fire_floats floats = {0};
    char text[FIRE_ATTR_TEXT_SIZE] = "";
    if (a->type == FIRE_ATTR_INT) memcpy(&number, at, sizeof number);
    else if (a->type == FIRE_ATTR_BOOL) { bool truth; memcpy(&truth, at, sizeof truth); number = truth; }
    else if (a->type == FIRE_ATTR_FLOAT) memcpy(&value, at, sizeof value);
    else if (a->type == FIRE_ATTR_INTS) memcpy(&ints, at, sizeof ints);
    else if (a->type == FIRE_ATTR_FLOATS) memcpy(&floats, at, sizeof floats);
    else memcpy(text, at, sizeof text);
    if (a->type == FIRE_ATTR_INT && !in_range && number == (int64_t)a->value) return;
    if (a->type == FIRE_ATTR_FLOAT && !in_range && value == a->value) return;
    if (a->type == FIRE_ATTR_INTS && !ints.n) return;
    if (a->type == FIRE_ATTR_FLOATS && !floats.n) return;
    if ((a->type == FIRE_ATTR_TEXT || a->type == FIRE_ATTR_TEXTS) && !text[0]) return;
    int64_t place = fire_wire_open(b, 5);
    fire_wire_put_text(b, 1, a->name);
    switch (a->type) {
    case FIRE_ATTR_FLOAT: fire_wire_put_float(b, 2, (float)value); fire_wire_put_int(b, 20, 1); break;
    case FIRE_ATTR_TEXT: fire_wire_put_text(b, 4, text); fire_wire_put_int(b, 20, 3); break;
    case FIRE_ATTR_INTS:
        for (int i = 0; i < ints.n; i++) fire_wire_put_int(b, 8, (uint64_t)ints.v[i]);
        fire_wire_put_int(b, 20, 7);
        break;
    case FIRE_ATTR_FLOATS:
        for (int i = 0; i < floats.n; i++) fire_wire_put_float(b, 7, (float)floats.v[i]);
        fire_wire_put_int(b, 20, 6);
        break;
    case FIRE_ATTR_TEXTS:
        for (char *word = text, *end; word; word = end) {
            if ((end = strchr(word, ','))) *end++ = 0;
            fire_wire_put_text(b, 9, word);
        }
        fire_wire_put_int(b, 20, 8);
        break;
    default: fire_wire_put_int(b, 3, (uint64_t)number); fire_wire_put_int(b, 20, 2); break;
    }
    fire_wire_close(b, place);
}

static void put_node(const writer *w, const fire_node *n, int32_t i) {
    char text[NAME_TEXT];
    int64_t place = fire_wire_open(w->b, 1);
    for (int k = 0; k < n->n_in; k++) fire_wire_put_text(w->b, 1, n->in[k] ? name_of(w, n->in[k], text) : "");
    int n_out = n->n_out;
    while (n_out > 1 && !w->read[n->out[n_out - 1]]) n_out--; /* outputs at the end that nobody reads are left out */
    for (int k = 0; k < n_out; k++) fire_wire_put_text(w->b, 2, name_of(w, n->out[k], text));
    snprintf(text, sizeof text, "%.300s%s%s_%d", n->layer ? n->layer : "", n->layer ? "/" : "", n->op->name, (int)i);
    fire_wire_put_text(w->b, 3, text);
    fire_wire_put_text(w->b, 4, n->op->name);
    for (const fire_attr *a = n->op->attrs; a && a->name; a++) put_attr(w->b, a, n->attrs);
    fire_wire_close(w->b, place);
}

/* TensorProto. A description of spaces before the numbers moves them to a multiple of 64 bytes, so that a file in memory can be read
** where it lies. */
static void put_tensor(fire_buffer *b, const char *name, const fire_tensor *t) {
    static const char spaces[64] = "                                                               ";
    int64_t place = fire_wire_open(b, 5);
    for (int i = 0; i < t->shape.rank; i++) fire_wire_put_int(b, 1, (uint64_t)t->shape.dim[i]);
    fire_wire_put_int(b, 2, t->type);
    fire_wire_put_text(b, 8, name);
    const int64_t heads = 2 + 6; /* tag and length of the description; tag and five-byte length of the numbers */
    fire_wire_put_bytes(b, 12, spaces, (size_t)((64 - (b->size + heads) % 64) % 64));
    int64_t numbers = fire_wire_open(b, 9);
    assert(b->first.status || b->size % 64 == 0);
    fire_buffer_add(b, t->data, (size_t)fire_count(&t->shape) * fire_type_size(t->type));
    fire_wire_close(b, numbers);
    fire_wire_close(b, place);
}

static void put_value(fire_buffer *b, uint32_t field, const char *name, const fire_tensor *t) {
    int64_t value = fire_wire_open(b, field);
    fire_wire_put_text(b, 1, name);
    int64_t type = fire_wire_open(b, 2), tensor = fire_wire_open(b, 1);
    fire_wire_put_int(b, 1, t->type);
    int64_t shape = fire_wire_open(b, 2);
    for (int i = 0; i < t->shape.rank; i++) {
        int64_t dim = fire_wire_open(b, 1);
        if (t->shape.dim[i] < 0) fire_wire_put_text(b, 2, "n");
        else fire_wire_put_int(b, 1, (uint64_t)t->shape.dim[i]);
        fire_wire_close(b, dim);
    }
    fire_wire_close(b, shape);
    fire_wire_close(b, tensor);
    fire_wire_close(b, type);
    fire_wire_close(b, value);
}

/* Which nodes y needs; whether the file can say what they do. */
static fire_status mark(writer *w, fire_error *err) {
    const fire_graph *g = w->g;
    for (int32_t k = 0; k < w->ports->n_out; k++) {
        fire_value y = w->ports->out[k].value;
        w->read[y] = true;
        if (g->value[y].node >= 0) w->needed[g->value[y].node] = true;
        else w->same_as = y;
    }
    assert(!w->same_as || w->ports->n_out == 1);
    for (int32_t k = 0; k < w->ports->n_in; k++) {
        const fire_onnx_port *p = &w->ports->in[k];
        if (p->name) w->name[p->value] = p->name;
    }
    for (int32_t k = 0; k < w->ports->n_out && !w->same_as; k++) {
        const fire_onnx_port *p = &w->ports->out[k];
        const char *own = g->value[p->value].name;
        w->name[p->value] = p->name ? p->name : own ? own : "y";
    }
    for (int64_t i = g->n_nodes; i-- > 0;) {
        const fire_node *n = &g->node[i];
        if (!w->needed[i]) continue;
        if (n->op->domain)
            return fire_fail(err, FIRE_E_UNSUPPORTED, "layer %s uses the operator %s, which ONNX does not have: it cannot be saved", n->layer ? n->layer : "?", n->op->name);
        for (int k = 0; k < n->n_in; k++)
            if (n->in[k]) {
                w->read[n->in[k]] = true;
                if (g->value[n->in[k]].node >= 0) w->needed[g->value[n->in[k]].node] = true;
            }
    }
    return FIRE_OK;
}

static void put_graph(writer *w, int64_t n_weights, const fire_onnx_weight *weight) {
    const fire_graph *g = w->g;
    fire_buffer *b = w->b;
    char text[NAME_TEXT];
    int64_t place = fire_wire_open(b, 7);
    for (int64_t i = 0; i < g->n_nodes; i++)
        if (w->needed[i]) put_node(w, &g->node[i], (int32_t)i);
    if (w->same_as) {
        int64_t node = fire_wire_open(b, 1);
        fire_wire_put_text(b, 1, name_of(w, w->same_as, text));
        fire_wire_put_text(b, 2, "y");
        fire_wire_put_text(b, 4, "Identity");
        fire_wire_close(b, node);
    }
    fire_wire_put_text(b, 2, "firesteel");
    for (int64_t i = 0; i < n_weights; i++) put_tensor(b, weight[i].name, &weight[i].tensor);
    for (fire_value v = 1; v < g->n_values; v++)
        if (g->value[v].source == FIRE_FROM_CONST && w->read[v]) put_tensor(b, name_of(w, v, text), &g->value[v].tensor);
    for (int32_t k = 0; k < w->ports->n_in; k++) put_value(b, 11, name_of(w, w->ports->in[k].value, text), &g->value[w->ports->in[k].value].tensor);
    for (int32_t k = 0; k < w->ports->n_out; k++)
        put_value(b, 12, w->same_as ? "y" : name_of(w, w->ports->out[k].value, text), &g->value[w->ports->out[k].value].tensor);
    fire_wire_close(b, place);
}

fire_status fire_onnx_write(fire_buffer *b, const fire_graph *g, const fire_onnx_ports *ports, int64_t n_weights, const fire_onnx_weight *weight,
                            int64_t n_meta, const fire_onnx_meta *meta, fire_error *err) {
    assert(b->size == 0);
    fire_context *ctx = g->ctx;
    writer w = {.b = b, .g = g, .ports = ports};
    fire_status s = FIRE_NOMEM;
    w.name = fire_alloc(ctx, (size_t)g->n_values, sizeof *w.name, err);
    w.needed = w.name ? fire_alloc(ctx, (size_t)g->n_nodes, sizeof *w.needed, err) : NULL;
    w.read = w.needed ? fire_alloc(ctx, (size_t)g->n_values, sizeof *w.read, err) : NULL;
    if (!w.read) goto done;
    int64_t total = 65536; /* one allocation for the weights, instead of one after each doubling */
    for (int64_t i = 0; i < n_weights; i++) total += fire_count(&weight[i].tensor.shape) * (int64_t)fire_type_size(weight[i].tensor.type) + 512;
    if (fire_grow(ctx, &b->data, &b->capacity, total, 1, err)) goto done;
    for (int64_t i = 0; i < n_weights; i++)
        if (weight[i].value) w.name[weight[i].value] = weight[i].name;
    if ((s = mark(&w, err))) goto done;
    fire_wire_put_int(b, 1, FIRE_ONNX_IR);
    fire_wire_put_text(b, 2, "firesteel");
    fire_wire_put_text(b, 3, FIRE_VERSION);
    int64_t place = fire_wire_open(b, 8);
    fire_wire_put_text(b, 1, "");
    fire_wire_put_int(b, 2, FIRE_ONNX_OPSET);
    fire_wire_close(b, place);
    for (int64_t i = 0; i < n_meta; i++) {
        place = fire_wire_open(b, 14);
        fire_wire_put_text(b, 1, meta[i].key);
        fire_wire_put_text(b, 2, meta[i].text);
        fire_wire_close(b, place);
    }
    put_graph(&w, n_weights, weight);
    s = b->first.status ? fire_fail(err, b->first.code, "%s", b->first.message) : FIRE_OK;
done:
    fire_free(ctx, w.name);
    fire_free(ctx, w.needed);
    fire_free(ctx, w.read);
    return s;
}
