/* onnx_read.c - index an ONNX file in memory. Field numbers are those of onnx.proto (onnx 1.17, IR version 10). */
#include "formats/onnx_file.h"
#include "formats/tensorflow.h"
#include "sort.h"
#include <stdio.h>
#include <string.h>

/* Metadata entries that are kept; each costs a search later. */
#define MAX_PAIRS 4096

static int64_t offset_in(const fire_onnx *m, const uint8_t *at) { return at - m->bytes; }

bool fire_span_is(fire_span s, const char *text) { return s.size == strlen(text) && (!s.size || !memcmp(s.bytes, text, s.size)); }

int fire_span_compare(fire_span a, fire_span b) {
    size_t n = a.size < b.size ? a.size : b.size;
    int c = n ? memcmp(a.bytes, b.bytes, n) : 0;
    return c ? c : (a.size > b.size) - (a.size < b.size);
}

/* A field that must hold bytes: text or a message. */
static fire_status span_of(const fire_wire *w, const fire_wire_field *f, fire_span *out, fire_error *err) {
    if (f->kind != 2)
        return fire_fail(err, FIRE_E_CORRUPT, "field %u before byte %lld is no text", f->number, (long long)(w->at - w->begin));
    *out = (fire_span){f->bytes, f->size};
    return FIRE_OK;
}
static fire_status int_of(const fire_wire *w, const fire_wire_field *f, uint64_t *out, fire_error *err) {
    if (f->kind != 0)
        return fire_fail(err, FIRE_E_CORRUPT, "field %u before byte %lld is no whole number", f->number, (long long)(w->at - w->begin));
    *out = f->value;
    return FIRE_OK;
}

/* Add the dimension(s) in a field, packed or not. */
static fire_status read_dims(const fire_wire *w, const fire_wire_field *f, fire_onnx_tensor *t, fire_error *err) {
    if (f->kind == 0) {
        if (t->rank < FIRE_MAX_RANK) t->dim[t->rank] = (int64_t)f->value;
        if (t->rank < INT32_MAX) t->rank++;
        return FIRE_OK;
    }
    fire_wire in;
    fire_status s = fire_wire_enter(w, f, &in, err);
    while (!s && in.at < in.end) {
        uint64_t v = 0;
        int shift = 0;
        uint8_t byte = 0x80;
        for (; in.at < in.end && shift < 64 && byte & 0x80; shift += 7) v |= (uint64_t)((byte = *in.at++) & 0x7f) << shift;
        if (byte & 0x80) return fire_fail(err, FIRE_E_CORRUPT, "a broken number before byte %lld", (long long)(in.at - in.begin));
        if (t->rank < FIRE_MAX_RANK) t->dim[t->rank] = (int64_t)v;
        if (t->rank < INT32_MAX) t->rank++;
    }
    return s;
}

/* StringStringEntryProto */
static fire_status spans_of_pair(const fire_wire *w, const fire_wire_field *at, fire_span *key, fire_span *text, fire_error *err) {
    fire_wire in;
    fire_wire_field f;
    bool more;
    fire_status s = fire_wire_enter(w, at, &in, err);
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
        if (f.number == 1) s = span_of(&in, &f, key, err);
        else if (f.number == 2) s = span_of(&in, &f, text, err);
    }
    return s;
}

/* One of a tensor's external_data. Its checksum is not compared: that would read all of it. */
static fire_status read_entry(const fire_wire *w, const fire_wire_field *at, fire_onnx_tensor *t, fire_error *err) {
    fire_span key = {0}, text = {0};
    fire_status s = spans_of_pair(w, at, &key, &text, err);
    if (fire_span_is(key, "location")) t->location = text;
    else if (fire_span_is(key, "offset")) t->offset = text;
    else if (fire_span_is(key, "length")) t->length = text;
    return s;
}

/* TensorProto */
fire_status fire_onnx_tensor_read(const fire_wire *w, const fire_wire_field *at, fire_onnx_tensor *t, fire_error *err) {
    *t = (fire_onnx_tensor){0};
    fire_wire in;
    fire_wire_field f;
    bool more;
    uint64_t location = 0;
    fire_span packed = {0};
    uint32_t packed_field = 0, n_packed = 0;
    fire_status s = fire_wire_enter(w, at, &in, err);
    t->body = in;
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
        if (f.number == 1) s = read_dims(&in, &f, t, err);
        else if (f.number == 2) s = int_of(&in, &f, &t->type, err);
        else if (f.number == 8) s = span_of(&in, &f, &t->name, err);
        else if (f.number == 9) { s = span_of(&in, &f, &t->raw, err); t->has_raw = true; }
        else if (f.number == 13) { t->external = true; s = read_entry(&in, &f, t, err); }
        else if (f.number == 14) { s = int_of(&in, &f, &location, err); t->external |= location != 0; }
        else if ((f.number == 4 || f.number == 10) && f.kind == 2) { packed = (fire_span){f.bytes, f.size}; packed_field = f.number; n_packed++; }
        else if (f.number == 4 || f.number == 10) n_packed = 2;
    }
    /* Floats that lie in one piece, as many as the shape wants, are what raw_data would be. */
    int64_t bytes = t->type == FIRE_F32 ? 4 : 8;
    for (int i = 0; i < t->rank && i < FIRE_MAX_RANK && bytes >= 0; i++) if (!fire_mul(bytes, t->dim[i], &bytes)) bytes = -1;
    if (!s && !t->has_raw && n_packed == 1 && t->type == (packed_field == 4 ? FIRE_F32 : FIRE_F64) && t->rank <= FIRE_MAX_RANK && bytes == (int64_t)packed.size) {
        t->raw = packed;
        t->has_raw = true;
    }
    return s;
}

fire_status fire_onnx_tensor_place(const fire_onnx *m, fire_onnx_tensor *t, fire_error *err) {
    char name[80], what[100];
    fire_error why = {0};
    fire_status s = fire_onnx_file_outside(m->file, t->location, t->offset, t->length, &t->raw, &why);
    if (!s) {
        fire_tensor as;
        t->has_raw = true;
        t->external = false;
        fire_escape(name, sizeof name, (const char *)t->name.bytes, t->name.size);
        snprintf(what, sizeof what, "weight '%s'", name);
        return t->type <= 1000 && fire_type_size((fire_type)t->type) ? fire_onnx_tensor_shape(m, t, what, &as, err) : FIRE_OK;
    }
    if (s == FIRE_NOMEM) { if (err) *err = why; return s; }
    return fire_fail(err, why.code, "weight '%s' at byte %lld: %s", fire_escape(name, sizeof name, (const char *)t->name.bytes, t->name.size),
                     (long long)(t->body.begin ? t->body.at - m->bytes : 0), why.message);
}

/* TypeProto.Tensor's shape: TensorShapeProto */
static fire_status read_shape(const fire_wire *w, const fire_wire_field *at, fire_onnx_value *v, fire_error *err) {
    fire_wire in, dim;
    fire_wire_field f, d;
    bool more, more_dim;
    v->has_shape = true;
    fire_status s = fire_wire_enter(w, at, &in, err);
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
        if (f.number != 1) continue;
        int64_t size = -1;
        fire_span param = {0};
        s = fire_wire_enter(&in, &f, &dim, err);
        while (!s && !(s = fire_wire_next(&dim, &d, &more_dim, err)) && more_dim) {
            uint64_t value = 0;
            if (d.number == 1) {
                s = int_of(&dim, &d, &value, err);
                size = (int64_t)value < 0 ? -1 : (int64_t)value;
            } else if (d.number == 2) s = span_of(&dim, &d, &param, err);
        }
        if (v->rank < FIRE_MAX_RANK) v->dim[v->rank] = size, v->param[v->rank] = param;
        if (v->rank < INT32_MAX) v->rank++;
    }
    return s;
}

/* TypeProto: a tensor, a sequence of them, or an optional one of either; whatever else leaves all marks false. */
static fire_status read_type(const fire_wire *w, const fire_wire_field *at, int depth, fire_onnx_value *v, fire_error *err) {
    fire_wire type, in;
    fire_wire_field f;
    bool more;
    fire_status s = fire_wire_enter(w, at, &type, err);
    while (!s && !(s = fire_wire_next(&type, &f, &more, err)) && more) {
        if (f.number != 1 && !(f.number == 4 && !v->is_list && depth < 2) && !(f.number == 9 && !depth)) continue;
        if (f.number == 1) v->is_tensor = true;
        else if (f.number == 4) v->is_list = true;
        else v->optional = true;
        s = fire_wire_enter(&type, &f, &in, err);
        const bool tensor = f.number == 1;
        while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
            if (f.number == 1) s = tensor ? int_of(&in, &f, &v->type, err) : read_type(&in, &f, depth + 1, v, err);
            else if (f.number == 2 && tensor) s = read_shape(&in, &f, v, err);
        }
    }
    return s;
}

/* ValueInfoProto */
static fire_status read_value(const fire_wire *w, const fire_wire_field *at, fire_onnx_value *v, fire_error *err) {
    fire_wire in;
    fire_wire_field f;
    bool more;
    fire_status s = fire_wire_enter(w, at, &in, err);
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
        if (f.number == 1) s = span_of(&in, &f, &v->name, err);
        if (f.number == 2) s = read_type(&in, &f, 0, v, err);
    }
    const bool tensor = v->is_tensor;
    if (v->is_list || v->optional) v->is_tensor = v->has_shape = false;
    v->is_list &= tensor;
    v->optional &= tensor;
    return s;
}

/* NodeProto. The lists of names are counted first, so that they take exactly the memory that they need. */
static fire_status read_node(fire_onnx *m, const fire_wire *w, const fire_wire_field *at, fire_onnx_node *n, fire_error *err) {
    fire_wire in;
    fire_wire_field f;
    bool more;
    fire_status s = fire_wire_enter(w, at, &in, err);
    n->body = in;
    for (int pass = 0; pass < 2 && !s; pass++) {
        in = n->body;
        if (pass) {
            n->in = fire_arena_alloc(&m->arena, (size_t)n->n_in, sizeof *n->in, err);
            n->out = n->in ? fire_arena_alloc(&m->arena, (size_t)n->n_out, sizeof *n->out, err) : NULL;
            if (!n->out) return FIRE_NOMEM;
            n->n_in = n->n_out = 0;
        }
        while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
            fire_span text = {0};
            if (f.number <= 4 || f.number == 7 || f.number == 8) s = span_of(&in, &f, &text, err);
            if (s) break;
            if (f.number == 1) { if (pass) n->in[n->n_in] = text; n->n_in++; }
            else if (f.number == 2) { if (pass) n->out[n->n_out] = text; n->n_out++; }
            else if (f.number == 3) n->name = text;
            else if (f.number == 4) n->op = text;
            else if (f.number == 7) n->domain = text;
            else if (f.number == 8) n->overload = text;
        }
    }
    return s;
}

static int by_name(const void *a, const void *b) {
    const fire_onnx_name *p = a, *q = b;
    int c = fire_span_compare(p->name, q->name);
    return c ? c : (int)p->from - (int)q->from;
}

fire_onnx_name *fire_onnx_find(const fire_onnx *m, fire_span name) {
    for (int64_t low = 0, high = m->n_names; low < high;) {
        int64_t mid = low + (high - low) / 2;
        int c = fire_span_compare(name, m->name[mid].name);
        if (!c) return &m->name[mid];
        if (c < 0) high = mid;
        else low = mid + 1;
    }
    return NULL;
}

/* One list of all names, sorted; each must be defined once. Before IR version 4 initializers were inputs as well: there the input counts
** as the initializer that it is. */
static fire_status list_names(fire_onnx *m, fire_error *err) {
    int64_t n = m->n_initializers + m->n_inputs;
    for (int64_t i = 0; i < m->n_nodes; i++) n += m->node[i].n_out;
    if (!(m->name = fire_arena_alloc(&m->arena, (size_t)n, sizeof *m->name, err))) return FIRE_NOMEM;
    n = 0;
    for (int64_t i = 0; i < m->n_initializers; i++) m->name[n++] = (fire_onnx_name){m->initializer[i].name, FIRE_ONNX_INITIALIZER, i, 0, 0};
    for (int64_t i = 0; i < m->n_inputs; i++) m->name[n++] = (fire_onnx_name){m->input[i].name, FIRE_ONNX_INPUT, i, 0, 0};
    for (int64_t i = 0; i < m->n_nodes; i++)
        for (int64_t k = 0; k < m->node[i].n_out; k++)
            if (m->node[i].out[k].size) m->name[n++] = (fire_onnx_name){m->node[i].out[k], FIRE_ONNX_NODE, i, (int32_t)(k < FIRE_MAX_OUT ? k : FIRE_MAX_OUT), 0};
    fire_sort(m->name, n, sizeof *m->name, by_name);
    for (int64_t i = 0; i < n; i++) {
        const fire_onnx_name *last = m->n_names ? &m->name[m->n_names - 1] : NULL;
        if (last && !fire_span_compare(last->name, m->name[i].name)) {
            if (last->from == FIRE_ONNX_INITIALIZER && m->name[i].from == FIRE_ONNX_INPUT) continue;
            char text[80];
            return fire_fail(err, FIRE_E_CORRUPT, "the name '%s' at byte %lld is defined twice", fire_escape(text, sizeof text, (const char *)last->name.bytes, last->name.size),
                             (long long)offset_in(m, m->name[i].name.bytes));
        }
        m->name[m->n_names++] = m->name[i];
    }
    int64_t inputs = 0;
    for (int64_t i = 0; i < m->n_inputs; i++) {
        fire_onnx_name *name = fire_onnx_find(m, m->input[i].name);
        if (name->from != FIRE_ONNX_INPUT) continue;
        m->input[inputs] = m->input[i];
        name->index = inputs++;
    }
    m->n_inputs = inputs;
    return FIRE_OK;
}

/* GraphProto: count, allocate, fill. */
static fire_status read_graph(fire_onnx *m, const fire_wire *body, fire_error *err) {
    int64_t n_nodes = 0, n_initializers = 0, n_inputs = 0, n_outputs = 0;
    fire_wire in = *body;
    fire_wire_field f;
    bool more;
    fire_status s;
    while (!(s = fire_wire_next(&in, &f, &more, err)) && more) {
        n_nodes += f.number == 1;
        n_initializers += f.number == 5;
        n_inputs += f.number == 11;
        n_outputs += f.number == 12;
        if (f.number == 15)
            return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "sparse weights at byte %lld; this version reads dense ones", (long long)offset_in(m, f.bytes ? f.bytes : in.at));
    }
    if (s) return s;
    if (!(m->node = fire_arena_alloc(&m->arena, (size_t)n_nodes, sizeof *m->node, err))) return FIRE_NOMEM;
    if (!(m->initializer = fire_arena_alloc(&m->arena, (size_t)n_initializers, sizeof *m->initializer, err))) return FIRE_NOMEM;
    if (!(m->input = fire_arena_alloc(&m->arena, (size_t)n_inputs, sizeof *m->input, err))) return FIRE_NOMEM;
    if (!(m->output = fire_arena_alloc(&m->arena, (size_t)n_outputs, sizeof *m->output, err))) return FIRE_NOMEM;
    in = *body;
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
        if (f.number == 1) s = read_node(m, &in, &f, &m->node[m->n_nodes++], err);
        else if (f.number == 5) {
            fire_onnx_tensor *t = &m->initializer[m->n_initializers++];
            s = fire_onnx_tensor_read(&in, &f, t, err);
            if (!s && t->external && m->file) s = fire_onnx_tensor_place(m, t, err);
        }
        else if (f.number == 11) s = read_value(&in, &f, &m->input[m->n_inputs++], err);
        else if (f.number == 12) s = read_value(&in, &f, &m->output[m->n_outputs++], err);
    }
    return s ? s : list_names(m, err);
}

fire_status fire_onnx_read_inner(const fire_onnx *around, const fire_wire *body, fire_onnx *m, fire_error *err) {
    *m = (fire_onnx){.ctx = around->ctx, .arena = {.ctx = around->ctx}, .file = around->file, .functions = around->functions, .inner = true, .bytes = around->bytes, .size = around->size, .ir = around->ir, .opset = around->opset};
    return read_graph(m, body, err);
}

/* OperatorSetIdProto */
static fire_status read_opset(fire_onnx *m, const fire_wire *w, const fire_wire_field *at, fire_error *err) {
    fire_wire in;
    fire_wire_field f;
    bool more;
    fire_span domain = {0};
    uint64_t version = 0;
    fire_status s = fire_wire_enter(w, at, &in, err);
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
        if (f.number == 1) s = span_of(&in, &f, &domain, err);
        else if (f.number == 2) s = int_of(&in, &f, &version, err);
    }
    if (!s && (!domain.size || fire_span_is(domain, "ai.onnx"))) m->opset = version;
    else if (!s && !m->opset) m->opset = FIRE_ONNX_MAX_OPSET; /* a model of other operators alone */
    return s;
}

/* FunctionProto: its inputs and outputs are names alone. */
fire_status fire_onnx_read_function(const fire_onnx *around, const fire_wire *body, fire_onnx *m, fire_error *err) {
    fire_wire in = *body;
    fire_wire_field f;
    bool more;
    fire_status s;
    *m = (fire_onnx){.ctx = around->ctx, .arena = {.ctx = around->ctx}, .file = around->file, .functions = around->functions, .inner = true, .bytes = around->bytes, .size = around->size, .ir = around->ir};
    for (int pass = 0; pass < 2; pass++) {
        in = *body;
        if (pass) {
            m->node = fire_arena_alloc(&m->arena, (size_t)m->n_nodes, sizeof *m->node, err);
            m->input = m->node ? fire_arena_alloc(&m->arena, (size_t)m->n_inputs, sizeof *m->input, err) : NULL;
            m->output = m->input ? fire_arena_alloc(&m->arena, (size_t)m->n_outputs, sizeof *m->output, err) : NULL;
            if (!m->output) return FIRE_NOMEM;
        }
        m->n_nodes = m->n_inputs = m->n_outputs = 0;
        s = FIRE_OK;
        while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
            if (f.number == 7) { if (pass) s = read_node(m, &in, &f, &m->node[m->n_nodes], err); m->n_nodes++; }
            else if (f.number == 4) { if (pass) s = span_of(&in, &f, &m->input[m->n_inputs].name, err); m->n_inputs++; }
            else if (f.number == 5) { if (pass) s = span_of(&in, &f, &m->output[m->n_outputs].name, err); m->n_outputs++; }
            else if (f.number == 9 && !pass) s = read_opset(m, &in, &f, err);
        }
        if (s) return s;
    }
    if (!m->opset) m->opset = around->opset;
    if (m->opset > FIRE_ONNX_MAX_OPSET) return fire_fail(err, FIRE_E_FILE_VERSION, "a function of opset %llu; this version reads %d to %d", (unsigned long long)m->opset, FIRE_ONNX_MIN_OPSET, FIRE_ONNX_MAX_OPSET);
    return list_names(m, err);
}

static fire_status copy_span(fire_onnx *m, fire_span s, char **out, fire_error *err) {
    if (s.size && memchr(s.bytes, 0, s.size)) return fire_fail(err, FIRE_E_CORRUPT, "a zero character in the metadata at byte %lld", (long long)offset_in(m, s.bytes));
    if (!(*out = fire_arena_alloc(&m->arena, s.size + 1, 1, err))) return FIRE_NOMEM;
    if (s.size) memcpy(*out, s.bytes, s.size);
    return FIRE_OK;
}

static fire_status read_pair(fire_onnx *m, const fire_wire *w, const fire_wire_field *at, fire_onnx_pair *p, fire_error *err) {
    fire_span key = {0}, text = {0};
    fire_status s = spans_of_pair(w, at, &key, &text, err);
    if (!s) s = copy_span(m, key, &p->key, err);
    return s ? s : copy_span(m, text, &p->text, err);
}

/* What a file that is no model may be, by its first bytes; NULL: nothing that we know. */
static const char *other_format(const uint8_t *p, size_t n) {
    static const struct { const char *magic; size_t size; const char *name; } known[] = {
        {"\x89HDF\r\n\x1a\n", 8, "an HDF5 (Keras) file"}, {"PK\x03\x04", 4, "a zip archive"}, {"\x80\x02", 2, "a Python pickle"}, {"\x80\x03", 2, "a Python pickle"},
        {"\x80\x04", 2, "a Python pickle"}, {"\x80\x05", 2, "a Python pickle"}, {"\x1f\x8b", 2, "a gzip file"}, {"PAR1", 4, "a Parquet file"},
        {"\x93NUMPY", 6, "a NumPy array"}, {"{", 1, "a JSON text"}, {"#", 1, "a script"}, {"GGUF", 4, "a GGUF file"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (n >= known[i].size && !memcmp(p, known[i].magic, known[i].size)) return known[i].name;
    if (n > 9 && p[8] == '{' && !p[5] && !p[6] && !p[7]) return "a safetensors file";
    size_t i = 0; /* a model begins with the byte 8, or another that no text has */
    while (i < n && i < 64 && (p[i] >= ' ' ? p[i] < 127 : i && (p[i] == '\n' || p[i] == '\r' || p[i] == '\t'))) i++;
    return i == n || i == 64 ? "a text" : NULL;
}

/* Whether the first field could be one of ModelProto's. */
static bool begins_like_a_model(const fire_wire_field *f) {
    switch (f->number) {
    case 1: case 5: return f->kind == 0;
    case 2: case 3: case 4: case 6: case 7: case 8: case 14: case 20: case 25: return f->kind == 2;
    default: return false;
    }
}

static fire_status read_model(fire_context *ctx, fire_onnx_file *file, const void *bytes, size_t size, fire_onnx *m, fire_error *err) {
    *m = (fire_onnx){.ctx = ctx, .arena = {.ctx = ctx}, .file = file, .bytes = bytes, .size = size};
    if (!size) return fire_fail(err, FIRE_E_NOT_A_MODEL, "the file is empty");
    const char *other = other_format(bytes, size);
    if (other) return fire_fail(err, FIRE_E_NOT_A_MODEL, "this is %s, not an ONNX model", other);
    fire_wire in = {bytes, bytes, (const uint8_t *)bytes + size, 0}, graph = {0};
    fire_wire_field f;
    bool more;
    fire_error why = {0};
    int64_t fields = 0, pairs = 0;
    fire_status s;
    while (!(s = fire_wire_next(&in, &f, &more, &why)) && more) {
        if (!fields++ && !begins_like_a_model(&f)) return fire_fail(err, FIRE_E_NOT_A_MODEL, "this is not an ONNX model: it begins with field %u of wire type %u", f.number, f.kind);
        pairs += f.number == 14;
        if (f.number == 1 && (s = int_of(&in, &f, &m->ir, err))) return s;
        if (f.number == 7 && (s = fire_wire_enter(&in, &f, &graph, err))) return s;
        if (f.number == 8 && (s = read_opset(m, &in, &f, err))) return s;
    }
    if (s && !fields) return fire_fail(err, FIRE_E_NOT_A_MODEL, "this is not an ONNX model: %s", why.message);
    if (s) return fire_fail(err, why.code, "%s", why.message);
    if (!graph.begin) {
        if (m->ir || m->opset) return fire_fail(err, FIRE_E_TRUNCATED, "the file ends at byte %zu, before its graph", size);
        return fire_fail(err, FIRE_E_NOT_A_MODEL, "this is not an ONNX model: it has no graph");
    }
    if (m->ir < 3 || m->ir > 1000) return fire_fail(err, FIRE_E_CORRUPT, "IR version %llu, expected 3 to %d", (unsigned long long)m->ir, FIRE_ONNX_MAX_IR);
    if (m->ir > FIRE_ONNX_MAX_IR) return fire_fail(err, FIRE_E_FILE_VERSION, "IR version %llu; this version reads up to %d", (unsigned long long)m->ir, FIRE_ONNX_MAX_IR);
    if (!m->opset || m->opset > 1000) return fire_fail(err, FIRE_E_CORRUPT, "opset %llu, expected %d to %d", (unsigned long long)m->opset, FIRE_ONNX_MIN_OPSET, FIRE_ONNX_MAX_OPSET);
    if (m->opset > FIRE_ONNX_MAX_OPSET) return fire_fail(err, FIRE_E_FILE_VERSION, "opset %llu; this version reads %d to %d", (unsigned long long)m->opset, FIRE_ONNX_MIN_OPSET, FIRE_ONNX_MAX_OPSET);
    if (pairs > MAX_PAIRS) return fire_fail(err, FIRE_E_CORRUPT, "%lld metadata entries, expected at most %d", (long long)pairs, MAX_PAIRS);
    if (!(m->pair = fire_arena_alloc(&m->arena, (size_t)pairs, sizeof *m->pair, err))) return FIRE_NOMEM;
    in = (fire_wire){bytes, bytes, (const uint8_t *)bytes + size, 0};
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more)
        if (f.number == 14) s = read_pair(m, &in, &f, &m->pair[m->n_pairs++], err);
    in = (fire_wire){bytes, bytes, (const uint8_t *)bytes + size, 0};
    if (!s) s = fire_onnx_functions(m, &in, err);
    return s ? s : read_graph(m, &graph, err);
}

fire_status fire_onnx_read(fire_context *ctx, const void *bytes, size_t size, fire_onnx *m, fire_error *err) { return read_model(ctx, NULL, bytes, size, m, err); }
fire_status fire_onnx_read_file(fire_onnx_file *file, fire_onnx *m, fire_error *err) {
    const fire_contents *b = fire_onnx_file_bytes(file);
    return read_model(fire_onnx_file_context(file), file, b->data, b->size, m, err);
}

void fire_onnx_clear(fire_onnx *m) {
    if (m->tf) fire_tensorflow_clear(m);
    if (m->ctx && !m->inner) fire_onnx_functions_clear(m);
    if (m->ctx) fire_arena_free(&m->arena);
    *m = (fire_onnx){0};
}

const char *fire_onnx_text(const fire_onnx *m, const char *key) {
    for (int64_t i = 0; i < m->n_pairs; i++)
        if (!strcmp(m->pair[i].key, key)) return m->pair[i].text;
    return NULL;
}
