/* onnx_tensor.c - the numbers of a TensorProto, and the hash of a model. */
#include "formats/tensorflow.h"
#include "sha256.h"
#include "small.h"
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "raw_data is little-endian, and is copied as it is");

fire_status fire_onnx_tensor_shape(const fire_onnx *m, const fire_onnx_tensor *t, const char *what, fire_tensor *out, fire_error *err) {
    long long at = (long long)(t->body.begin ? t->body.at - m->bytes : 0);
    *out = (fire_tensor){0};
    if (t->external) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "%s at byte %lld lies in another file", what, at);
    const bool text = t->type == FIRE_TEXT && !t->tensorflow && !t->has_raw;
    const int64_t size = text ? 1 : t->type > 1000 ? 0 : (int64_t)fire_type_size((fire_type)t->type);
    if (!size)
        return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "%s at byte %lld has element type %llu of %s, which this version does not read", what, at,
                         (unsigned long long)(t->tensorflow ? t->type - 2000 : t->type), t->tensorflow ? "TensorFlow" : "ONNX");
    if (t->rank > FIRE_MAX_RANK) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "%s at byte %lld has %d dimensions, expected at most %d", what, at, (int)t->rank, FIRE_MAX_RANK);
    out->type = (fire_type)t->type;
    out->shape.rank = t->rank;
    for (int i = 0; i < t->rank; i++) {
        if (t->dim[i] < 0) return fire_fail(err, FIRE_E_CORRUPT, "%s at byte %lld has a negative dimension", what, at);
        out->shape.dim[i] = t->dim[i];
    }
    int64_t bytes;
    if (!fire_mul(fire_count(&out->shape), size, &bytes))
        return fire_fail(err, FIRE_E_CORRUPT, "%s at byte %lld has an impossible shape", what, at);
    /* A tensor needs at least a byte for each element, so a small file cannot make us allocate a large one. */
    const fire_small *small = fire_small_find(out->type); /* packed: 8 / bits of them in a byte */
    if (small && small->bits < 8) bytes = small->bits == 6 ? bytes / 4 * 3 + bytes % 4 : bytes / (8 / small->bits) + (bytes % (8 / small->bits) != 0);
    if (t->has_raw && (uint64_t)bytes != t->raw.size)
        return fire_fail(err, FIRE_E_CORRUPT, "%s at byte %lld has %zu bytes, expected %lld for its shape", what, at, t->raw.size, (long long)bytes);
    if (!t->has_raw && !t->tensorflow && (uint64_t)(small ? bytes : fire_count(&out->shape)) > m->size)
        return fire_fail(err, FIRE_E_CORRUPT, "%s at byte %lld has fewer numbers than its shape", what, at);
    return FIRE_OK;
}

/* Take count packed numbers of `bits` bits from `bytes`, the lowest bits first, into a byte each. `to` may lie over `bytes`. */
static void unpack(const uint8_t *bytes, int bits, uint8_t *to, int64_t count) {
    for (int64_t i = count; i-- > 0;) { /* downwards: what is written lies behind what is still to be read */
        const int64_t at = i * bits / 8, shift = i * bits % 8;
        unsigned v = (unsigned)bytes[at] >> shift;
        if (shift + bits > 8) v |= (unsigned)bytes[at + 1] << (8 - shift);
        to[i] = (uint8_t)(v & ((1u << bits) - 1));
    }
}

/* Numbers of one field, packed or not, appended at to[*n] of `count`. false: too many, or broken. */
static bool add_numbers(const fire_wire_field *f, fire_type type, uint32_t kind, void *to, int64_t *n, int64_t count) {
    const uint8_t *p = f->bytes, *end = f->kind == 2 ? p + f->size : NULL;
    for (bool once = f->kind == kind; once || p < end; once = false) {
        uint64_t v = f->value;
        if (f->kind == 2) {
            v = 0;
            if (kind == 0) {
                int shift = 0;
                uint8_t byte = 0x80;
                for (; p < end && shift < 64 && byte & 0x80; shift += 7) v |= (uint64_t)((byte = *p++) & 0x7f) << shift;
                if (byte & 0x80) return false;
            } else {
                size_t size = kind == 1 ? 8 : 4;
                if ((size_t)(end - p) < size) return false;
                memcpy(&v, p, size);
                p += size;
            }
        }
        if (*n == count) return false;
        int64_t i = (*n)++;
        switch (fire_type_size(type)) { /* little-endian: the low bytes are the number; floats came as their bits */
        case 8: memcpy((char *)to + i * 8, &v, 8); break;
        case 4: memcpy((char *)to + i * 4, &v, 4); break;
        case 2: memcpy((char *)to + i * 2, &v, 2); break;
        default: ((uint8_t *)to)[i] = type == FIRE_BOOL ? v != 0 : (uint8_t)v;
        }
    }
    return f->kind == kind || f->kind == 2;
}

fire_status fire_onnx_tensor_copy(const fire_onnx *m, const fire_onnx_tensor *t, const char *what, const fire_tensor *as, void *to, size_t bytes, fire_error *err) {
    int64_t count = fire_count(&as->shape), n = 0;
    if (bytes != (size_t)count * fire_type_size(as->type)) return fire_fail(err, FIRE_E_USAGE, "%s: %zu bytes for %lld numbers", what, bytes, (long long)count);
    const fire_small *small = fire_small_find(as->type);
    const int bits = small ? small->bits : 8, each = bits == 6 ? 1 : 8 / bits; /* numbers in an element of int32_data */
    if (t->has_raw) {
        if (bytes && bits < 8) unpack(t->raw.bytes, bits, to, count);
        else if (bytes) memcpy(to, t->raw.bytes, bytes);
        if (as->type == FIRE_BOOL)
            for (size_t i = 0; i < bytes; i++) ((uint8_t *)to)[i] = ((uint8_t *)to)[i] != 0;
        return FIRE_OK;
    }
    if (t->tensorflow) return fire_tensorflow_numbers(m, t, what, as, to, err);
    uint32_t field = as->type == FIRE_F32 ? 4 : as->type == FIRE_F64 ? 10 : as->type == FIRE_I64 ? 7 : as->type == FIRE_U32 || as->type == FIRE_U64 ? 11 : 5;
    uint32_t kind = as->type == FIRE_F32 ? 5 : as->type == FIRE_F64 ? 1 : 0;
    fire_wire in = t->body;
    fire_wire_field f;
    bool more;
    fire_status s;
    const int64_t elements = count / each + (count % each != 0);
    while (!(s = fire_wire_next(&in, &f, &more, err)) && more)
        if (f.number == field && !add_numbers(&f, as->type, kind, to, &n, elements))
            return fire_fail(err, FIRE_E_CORRUPT, "%s: broken numbers before byte %lld", what, (long long)(in.at - m->bytes));
    if (!s && n != elements) return fire_fail(err, FIRE_E_CORRUPT, "%s at byte %lld has %lld numbers, expected %lld for its shape", what, (long long)(t->body.at - m->bytes), (long long)n, (long long)elements);
    if (!s && each > 1) unpack(to, bits, to, count);
    return s;
}

fire_status fire_onnx_tensor_texts(const fire_onnx *m, const fire_onnx_tensor *t, const char *what, int64_t n, fire_span *text, fire_error *err) {
    fire_wire in = t->body;
    fire_wire_field f;
    bool more;
    fire_status s;
    int64_t found = 0;
    while (!(s = fire_wire_next(&in, &f, &more, err)) && more) {
        if (f.number != 6 || f.kind != 2) continue;
        if (found < n) text[found] = (fire_span){f.bytes, f.size};
        found++;
    }
    if (!s && found != n) return fire_fail(err, FIRE_E_CORRUPT, "%s at byte %lld has %lld texts, expected %lld for its shape", what, (long long)(t->body.at - m->bytes), (long long)found, (long long)n);
    return s;
}

/* ---- hash ---- */

static void hash_int(fire_sha256 *h, uint64_t v) {
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(v >> (8 * i));
    fire_sha256_add(h, bytes, 8);
}
static void hash_bytes(fire_sha256 *h, const void *bytes, size_t size) { /* with its length, so that no two lists hash alike */
    hash_int(h, size);
    fire_sha256_add(h, bytes, size);
}

static fire_status hash_tensor(fire_sha256 *h, const fire_onnx *m, const fire_onnx_tensor *t, bool values, fire_error *err) {
    fire_tensor shape;
    hash_int(h, t->type);
    hash_int(h, (uint64_t)t->rank);
    for (int i = 0; i < t->rank && i < FIRE_MAX_RANK; i++) hash_int(h, (uint64_t)t->dim[i]);
    if (!values) return FIRE_OK;
    fire_status s = fire_onnx_tensor_shape(m, t, "a tensor", &shape, err);
    if (s) return s;
    if (t->has_raw) {
        hash_bytes(h, t->raw.bytes, t->raw.size);
        return FIRE_OK;
    }
    size_t bytes = (size_t)fire_count(&shape.shape) * fire_type_size(shape.type);
    void *copy = fire_alloc(m->ctx, bytes, 1, err);
    if (!copy) return FIRE_NOMEM;
    s = fire_onnx_tensor_copy(m, t, "a tensor", &shape, copy, bytes, err);
    if (!s) hash_bytes(h, copy, bytes);
    fire_free(m->ctx, copy);
    return s;
}

/* AttributeProto: its fields in the order of the file, the description left out. */
static fire_status hash_attribute(fire_sha256 *h, const fire_onnx *m, const fire_wire *w, const fire_wire_field *at, fire_error *err) {
    fire_wire in;
    fire_wire_field f;
    bool more;
    fire_status s = fire_wire_enter(w, at, &in, err);
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
        if (f.number == 13) continue;
        hash_int(h, f.number);
        if (f.number == 5) {
            fire_onnx_tensor t;
            if (!(s = fire_onnx_tensor_read(&in, &f, &t, err))) s = hash_tensor(h, m, &t, true, err);
        } else if (f.kind == 2) hash_bytes(h, f.bytes, f.size);
        else hash_int(h, f.value);
    }
    return s;
}

static void hash_values(fire_sha256 *h, const fire_onnx_value *v, int64_t n) {
    hash_int(h, (uint64_t)n);
    for (; n-- > 0; v++) {
        hash_bytes(h, v->name.bytes, v->name.size);
        hash_int(h, v->type);
        hash_int(h, (uint64_t)v->rank);
        for (int i = 0; i < v->rank && i < FIRE_MAX_RANK; i++) {
            hash_int(h, (uint64_t)v->dim[i]);
            hash_bytes(h, v->param[i].bytes, v->param[i].size);
        }
    }
}

fire_status fire_onnx_hash(const fire_onnx *m, int n, const char *const *texts, char out[65], fire_error *err) {
    fire_sha256 h;
    fire_status s = FIRE_OK;
    fire_sha256_init(&h);
    for (int i = 0; i < n; i++) hash_bytes(&h, texts[i], strlen(texts[i]));
    hash_int(&h, m->opset);
    hash_values(&h, m->input, m->n_inputs);
    hash_values(&h, m->output, m->n_outputs);
    hash_int(&h, (uint64_t)m->n_initializers);
    for (int64_t i = 0; i < m->n_initializers && !s; i++) {
        const fire_onnx_tensor *t = &m->initializer[i];
        hash_bytes(&h, t->name.bytes, t->name.size);
        /* Weights have a layer's name and a slash in theirs. */
        bool constant = t->name.size > 6 && !memcmp(t->name.bytes, "const.", 6) && !memchr(t->name.bytes, '/', t->name.size);
        s = hash_tensor(&h, m, t, constant, err);
    }
    hash_int(&h, (uint64_t)m->n_nodes);
    for (int64_t i = 0; i < m->n_nodes && !s; i++) {
        const fire_onnx_node *node = &m->node[i];
        hash_bytes(&h, node->op.bytes, node->op.size);
        hash_bytes(&h, node->domain.bytes, node->domain.size);
        hash_int(&h, (uint64_t)node->n_in);
        for (int64_t k = 0; k < node->n_in; k++) hash_bytes(&h, node->in[k].bytes, node->in[k].size);
        hash_int(&h, (uint64_t)node->n_out);
        for (int64_t k = 0; k < node->n_out; k++) hash_bytes(&h, node->out[k].bytes, node->out[k].size);
        fire_wire in = node->body;
        fire_wire_field f;
        bool more;
        while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more)
            if (f.number == 5) s = hash_attribute(&h, m, &in, &f, err);
    }
    if (s) return s;
    uint8_t digest[32];
    fire_sha256_end(&h, digest);
    for (int i = 0; i < 32; i++) {
        out[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    out[64] = 0;
    return FIRE_OK;
}
