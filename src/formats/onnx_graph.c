/* onnx_graph.c - build a graph from an indexed ONNX model. */
#include "formats/onnx.h"
#include "op.h"
#include <stdio.h>
#include <string.h>

/* AttributeProto.AttributeType */
enum { IS_FLOAT = 1, IS_INT = 2, IS_TEXT = 3, IS_TENSOR = 4, IS_FLOATS = 6, IS_INTS = 7, IS_TEXTS = 8 };

typedef struct attribute {
    fire_span name, text;
    uint64_t type;
    int64_t number;
    float value;
    fire_onnx_tensor tensor;
    int32_t n_ints, n_floats, n_texts; /* may exceed what is kept */
    fire_span texts[FIRE_MAX_RANK];
    int64_t ints[FIRE_MAX_RANK * 2];
    float floats[FIRE_MAX_RANK * 2];
    bool reference;                    /* to an attribute of a function around it */
} attribute;

static const char *show(fire_span s, char *to, size_t capacity) { return fire_escape(to, capacity, (const char *)s.bytes, s.size); }

/* "node 3 'dense/Gemm' (Gemm, opset 18)" */
#define WHO_TEXT 240
static const char *who(const fire_onnx *m, const fire_onnx_node *n, char to[WHO_TEXT]) {
    char name[80], op[48];
    snprintf(to, WHO_TEXT, "node %lld '%s' (%s, opset %llu)", (long long)(n - m->node), show(n->name, name, sizeof name),
             show(n->op, op, sizeof op), (unsigned long long)m->opset);
    return to;
}

static bool packed_int(const uint8_t **p, const uint8_t *end, uint64_t *v) {
    uint8_t byte = 0x80;
    *v = 0;
    for (int shift = 0; *p < end && shift < 64 && byte & 0x80; shift += 7) *v |= (uint64_t)((byte = *(*p)++) & 0x7f) << shift;
    return !(byte & 0x80);
}

static fire_status read_attribute(const fire_wire *w, const fire_wire_field *at, attribute *a, fire_error *err) {
    fire_wire in;
    fire_wire_field f;
    bool more;
    *a = (attribute){0};
    fire_status s = fire_wire_enter(w, at, &in, err);
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
        static const struct { uint32_t number, kind; } kinds[] = {{1, 2}, {2, 5}, {3, 0}, {4, 2}, {5, 2}, {9, 2}, {20, 0}, {21, 2}};
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            if (kinds[i].number == f.number && kinds[i].kind != f.kind)
                return fire_fail(err, FIRE_E_CORRUPT, "field %u before byte %lld has wire type %u, expected %u", f.number, (long long)(in.at - in.begin), f.kind, kinds[i].kind);
        const uint32_t bits = (uint32_t)f.value;
        const uint8_t *p = f.bytes, *end = f.kind == 2 ? p + f.size : p;
        switch (f.number) {
        case 1: a->name = (fire_span){f.bytes, f.size}; break;
        case 2: memcpy(&a->value, &bits, 4); break;
        case 3: a->number = (int64_t)f.value; break;
        case 4: a->text = (fire_span){f.bytes, f.size}; break;
        case 5: s = fire_onnx_tensor_read(&in, &f, &a->tensor, err); break;
        case 7:
            for (bool once = f.kind == 5; once || end - p >= 4; once = false) {
                uint32_t v = bits;
                if (!once) memcpy(&v, p, 4), p += 4;
                if (a->n_floats < FIRE_MAX_RANK * 2) memcpy(&a->floats[a->n_floats], &v, 4);
                if (a->n_floats < INT32_MAX) a->n_floats++;
            }
            break;
        case 8:
            for (bool once = f.kind == 0; once || p < end; once = false) {
                uint64_t v = f.value;
                if (!once && !packed_int(&p, end, &v)) return fire_fail(err, FIRE_E_CORRUPT, "a broken number before byte %lld", (long long)(in.at - in.begin));
                if (a->n_ints < FIRE_MAX_RANK * 2) a->ints[a->n_ints] = (int64_t)v;
                if (a->n_ints < INT32_MAX) a->n_ints++;
            }
            break;
        case 9:
            if (a->n_texts < FIRE_MAX_RANK) a->texts[a->n_texts] = (fire_span){f.bytes, f.size};
            if (a->n_texts < INT32_MAX) a->n_texts++;
            break;
        case 20: a->type = f.value; break;
        case 21: a->reference = f.size > 0; break;
        default: break;
        }
    }
    return s;
}

static fire_status unsupported(const fire_onnx *m, const fire_onnx_node *n, const attribute *a, const char *why, fire_error *err) {
    char node[WHO_TEXT], name[64];
    return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "%s: attribute '%s' %s", who(m, n, node), show(a->name, name, sizeof name), why);
}

/* Append " name=value" as attrs.h reads it. */
static fire_status put_attribute(const fire_onnx *m, const fire_onnx_node *n, const fire_op *op, const attribute *a, fire_buffer *b, fire_error *err) {
    const fire_attr *row = op->attrs;
    while (row && row->name && !fire_span_is(a->name, row->name)) row++;
    if (!row || !row->name) return unsupported(m, n, a, "is not supported", err);
    if (a->reference) return unsupported(m, n, a, "refers to a function", err);
    static const struct { uint64_t onnx; fire_attr_type ours; } fits[] = {
        {IS_FLOAT, FIRE_ATTR_FLOAT}, {IS_INT, FIRE_ATTR_INT}, {IS_INT, FIRE_ATTR_BOOL}, {IS_TEXT, FIRE_ATTR_TEXT}, {IS_INTS, FIRE_ATTR_INTS}, {IS_FLOATS, FIRE_ATTR_FLOATS},
        {IS_TEXTS, FIRE_ATTR_TEXTS}};
    bool fit = false;
    for (size_t i = 0; i < sizeof fits / sizeof *fits; i++) fit |= fits[i].onnx == a->type && fits[i].ours == row->type;
    if (!fit) return unsupported(m, n, a, "has an unexpected type", err);
    fire_buffer_text(b, " %s=", row->name);
    char number[FIRE_NUMBER_TEXT];
    if (a->type == IS_FLOAT) fire_buffer_text(b, "%s", fire_number_text((double)a->value, number));
    else if (a->type == IS_INT) fire_buffer_text(b, "%lld", (long long)a->number);
    else if (a->type == IS_INTS) {
        if (a->n_ints > FIRE_MAX_RANK * 2) return unsupported(m, n, a, "has too many numbers", err);
        fire_buffer_add(b, "[", 1);
        for (int i = 0; i < a->n_ints; i++) fire_buffer_text(b, i ? ",%lld" : "%lld", (long long)a->ints[i]);
        fire_buffer_add(b, "]", 1);
    } else if (a->type == IS_FLOATS) {
        if (a->n_floats > FIRE_MAX_RANK * 2) return unsupported(m, n, a, "has too many numbers", err);
        fire_buffer_add(b, "[", 1);
        for (int i = 0; i < a->n_floats; i++) fire_buffer_text(b, i ? ",%s" : "%s", fire_number_text((double)a->floats[i], number));
        fire_buffer_add(b, "]", 1);
    } else {
        const fire_span *texts = a->type == IS_TEXTS ? a->texts : &a->text;
        int count = a->type == IS_TEXTS ? a->n_texts : 1;
        if (count > FIRE_MAX_RANK) return unsupported(m, n, a, "has too many texts", err);
        fire_buffer_add(b, "\"", 1);
        for (int k = 0; k < count; k++)
            for (size_t i = 0; i < texts[k].size; i++) {
                char c = (char)texts[k].bytes[i];
                if ((uint8_t)c < ' ' || (c == ',' && a->type == IS_TEXTS)) return unsupported(m, n, a, "has a character that is not allowed there", err);
                if (k && !i) fire_buffer_add(b, ",", 1);
                if (c == '"' || c == '\\') fire_buffer_add(b, "\\", 1);
                fire_buffer_add(b, &c, 1);
            }
        fire_buffer_add(b, "\"", 1);
    }
    return FIRE_OK;
}

/* A tensor of the file as a constant. */
static fire_status add_const(const fire_onnx *m, fire_graph *g, const fire_onnx_tensor *t, const char *what, fire_value *out, fire_error *err) {
    fire_tensor as;
    fire_status s = fire_onnx_tensor_shape(m, t, what, &as, err);
    if (s) return s;
    size_t bytes = (size_t)fire_count(&as.shape) * fire_type_size(as.type);
    void *copy = fire_alloc(m->ctx, bytes, 1, err);
    if (!copy) return FIRE_NOMEM;
    if (!(s = fire_onnx_tensor_copy(m, t, what, &as, copy, bytes, err))) {
        *out = fire_graph_const(g, as.type, as.shape, copy);
        s = fire_graph_check(g, err);
    }
    fire_free(m->ctx, copy);
    return s;
}

/* ONNX's Constant is no operator here: its value goes straight into the graph. */
static fire_status add_constant_node(const fire_onnx *m, fire_graph *g, const fire_onnx_node *n, fire_value *out, fire_error *err) {
    fire_wire in = n->body;
    fire_wire_field f;
    bool more;
    fire_status s;
    char node[WHO_TEXT];
    while (!(s = fire_wire_next(&in, &f, &more, err)) && more) {
        if (f.number != 5) continue;
        attribute a;
        if ((s = read_attribute(&in, &f, &a, err))) return s;
        if (fire_span_is(a.name, "value") && a.type == IS_TENSOR) return add_const(m, g, &a.tensor, who(m, n, node), out, err);
        else if (fire_span_is(a.name, "value_int") && a.type == IS_INT) *out = fire_graph_const(g, FIRE_I64, (fire_shape){0}, &a.number);
        else if (fire_span_is(a.name, "value_float") && a.type == IS_FLOAT) *out = fire_graph_const(g, FIRE_F32, (fire_shape){0}, &a.value);
        else if (fire_span_is(a.name, "value_ints") && a.type == IS_INTS && a.n_ints <= FIRE_MAX_RANK * 2)
            *out = fire_graph_const(g, FIRE_I64, (fire_shape){1, {a.n_ints}}, a.ints);
        else if (fire_span_is(a.name, "value_floats") && a.type == IS_FLOATS && a.n_floats <= FIRE_MAX_RANK * 2)
            *out = fire_graph_const(g, FIRE_F32, (fire_shape){1, {a.n_floats}}, a.floats);
        else return unsupported(m, n, &a, "is not supported", err);
        return fire_graph_check(g, err);
    }
    return s ? s : fire_fail(err, FIRE_E_CORRUPT, "%s has no value", who(m, n, node));
}

/* The value of a name that node i reads. */
static fire_status find_value(const fire_onnx *m, fire_graph *g, fire_span name, int64_t i, fire_value *out, fire_error *err) {
    char text[80], node[WHO_TEXT];
    *out = 0;
    if (!name.size) return FIRE_OK; /* left out */
    fire_onnx_name *d = fire_onnx_find(m, name);
    if (!d || (d->from == FIRE_ONNX_NODE && d->index >= i)) {
        if (i >= m->n_nodes) return fire_fail(err, FIRE_E_CORRUPT, "nothing makes the output '%s'", show(name, text, sizeof text));
        return fire_fail(err, FIRE_E_CORRUPT, "%s reads '%s', which nothing before it makes", who(m, &m->node[i], node), show(name, text, sizeof text));
    }
    if (!d->value && d->from == FIRE_ONNX_INITIALIZER) {
        char what[100];
        snprintf(what, sizeof what, "weight '%s'", show(name, text, sizeof text));
        fire_status s = add_const(m, g, &m->initializer[d->index], what, &d->value, err);
        if (s) return s;
    }
    *out = d->value;
    if (!*out) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "'%s' is an output that this version does not compute", show(name, text, sizeof text));
    return FIRE_OK;
}

static fire_status add_node(const fire_onnx *m, fire_graph *g, int64_t i, fire_buffer *text, fire_error *err) {
    const fire_onnx_node *n = &m->node[i];
    char node[WHO_TEXT], op_name[64], domain[64];
    fire_value in[FIRE_MAX_IN] = {0}, out[FIRE_MAX_OUT] = {0};
    fire_status s = FIRE_OK;
    bool standard = !n->domain.size || fire_span_is(n->domain, "ai.onnx");
    if (standard && fire_span_is(n->op, "Constant")) {
        if ((s = add_constant_node(m, g, n, &out[0], err))) return s;
    } else {
        const fire_op *op = NULL;
        if (n->op.size && n->op.size < sizeof op_name && n->domain.size < sizeof domain) {
            memcpy(op_name, n->op.bytes, n->op.size), op_name[n->op.size] = 0;
            if (n->domain.size) memcpy(domain, n->domain.bytes, n->domain.size);
            domain[n->domain.size] = 0;
            if (strlen(op_name) == n->op.size && strlen(domain) == n->domain.size) op = fire_op_find(standard ? NULL : domain, op_name);
        }
        if (!op) {
            char shown[64];
            return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "%s%s%s: this operator is not supported; `firesteel ops` lists those that are", who(m, n, node),
                             standard ? "" : " of domain ", standard ? "" : show(n->domain, shown, sizeof shown));
        }
        if (n->n_in > op->max_in || n->n_in > FIRE_MAX_IN)
            return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "%s has %lld inputs, expected at most %d", who(m, n, node), (long long)n->n_in, op->max_in);
        for (int64_t k = 0; k < n->n_in; k++)
            if ((s = find_value(m, g, n->in[k], i, &in[k], err))) return s;
        fire_wire w = n->body;
        fire_wire_field f;
        bool more;
        text->size = 0;
        fire_buffer_add(text, " ", 1);
        while (!(s = fire_wire_next(&w, &f, &more, err)) && more) {
            attribute a;
            if (f.number != 5) continue;
            if ((s = read_attribute(&w, &f, &a, err)) || (s = put_attribute(m, n, op, &a, text, err))) break;
        }
        if (s) return s;
        fire_buffer_add(text, "", 1);
        if (text->first.status) return fire_fail(err, text->first.code, "%s", text->first.message);
        char *layer = n->name.size && n->name.size < 256 ? fire_arena_alloc(&g->arena, n->name.size + 1, 1, err) : NULL;
        if (n->name.size && n->name.size < 256 && !layer) return FIRE_NOMEM;
        if (layer) fire_escape(layer, n->name.size + 1, (const char *)n->name.bytes, n->name.size);
        g->layer = layer;
        s = fire_apply_all(g, op_name, (int)n->n_in, in, (const char *)text->data, out);
        g->layer = NULL;
        if (s == FIRE_NOMEM) return fire_graph_check(g, err);
        if (s) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "%s: %s", who(m, n, node), g->first.message);
    }
    for (int64_t k = 0; k < n->n_out && k < FIRE_MAX_OUT; k++)
        if (n->out[k].size) fire_onnx_find(m, n->out[k])->value = out[k];
    return FIRE_OK;
}

fire_status fire_onnx_graph(const fire_onnx *m, fire_graph *g, fire_value *x, fire_value *y, fire_error *err) {
    char text[80];
    if (m->opset < FIRE_ONNX_MIN_OPSET)
        return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "opset %llu; this version reads %d to %d", (unsigned long long)m->opset, FIRE_ONNX_MIN_OPSET, FIRE_ONNX_MAX_OPSET);
    if (m->n_inputs != 1 || m->n_outputs != 1)
        return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "the model has %lld inputs and %lld outputs; this version runs models with one of each", (long long)m->n_inputs, (long long)m->n_outputs);
    const fire_onnx_value *v = m->input;
    const char *name = show(v->name, text, sizeof text);
    if (!v->is_tensor || (v->type != FIRE_F32 && v->type != FIRE_F64))
        return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "input '%s' is no tensor of float32 or float64", name);
    fire_shape shape = {.rank = v->rank};
    if (!v->has_shape || v->rank < 1 || v->rank > FIRE_MAX_RANK)
        return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "input '%s' needs a shape of 1 to %d dimensions, the first of them the batch", name, FIRE_MAX_RANK);
    for (int i = 0; i < v->rank; i++) {
        shape.dim[i] = v->dim[i];
        if (i ? v->dim[i] < 0 : v->dim[i] >= 0) {
            char shown[FIRE_SHAPE_TEXT];
            shape.rank = v->rank;
            memcpy(shape.dim, v->dim, sizeof shape.dim);
            return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "input '%s' has shape %s; expected a free first dimension, the batch, and fixed others", name, fire_shape_text(&shape, shown));
        }
    }
    *x = fire_graph_input(g, name, (fire_type)v->type, shape);
    fire_status s = fire_graph_check(g, err);
    if (s) return s;
    fire_onnx_find(m, v->name)->value = *x;
    fire_buffer buffer = {.ctx = m->ctx};
    for (int64_t i = 0; i < m->n_nodes && !s; i++) s = add_node(m, g, i, &buffer, err);
    fire_buffer_free(&buffer);
    if (s || (s = find_value(m, g, m->output->name, m->n_nodes, y, err))) return s;
    if (fire_type_of(g, *y) != (fire_type)v->type)
        return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "output '%s' is %s, but the input is %s; this version expects one type", show(m->output->name, text, sizeof text),
                         fire_type_text(fire_type_of(g, *y)), fire_type_text((fire_type)v->type));
    shape = fire_shape_of(g, *y);
    if (shape.rank < 1 || shape.dim[0] != -1) {
        char shown[FIRE_SHAPE_TEXT];
        return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "output '%s' has shape %s; expected the batch as its first dimension", show(m->output->name, text, sizeof text), fire_shape_text(&shape, shown));
    }
    name = fire_arena_text(&g->arena, show(m->output->name, text, sizeof text), err);
    if (!name) return FIRE_NOMEM;
    if (!g->value[*y].name) g->value[*y].name = name; /* an output keeps its name when the graph is saved again */
    return FIRE_OK;
}
