/* tensorflow_attr.c - attributes and tensors of TensorFlow nodes. Field numbers are those of attr_value.proto, tensor.proto and tensor_shape.proto. */
#include "formats/tensorflow.h"
#include <string.h>

fire_type fire_tensorflow_type(uint64_t type) {
    static const uint8_t ours[] = {[1] = FIRE_F32, [2] = FIRE_F64, [3] = FIRE_I32, [4] = FIRE_U8, [5] = FIRE_I16, [6] = FIRE_I8, [9] = FIRE_I64,
        [10] = FIRE_BOOL, [11] = FIRE_I8, [12] = FIRE_U8, [13] = FIRE_I32, [15] = FIRE_I16, [16] = FIRE_U16, /* quantized ones are their integers */
        [14] = FIRE_BF16, [17] = FIRE_U16, [19] = FIRE_F16, [22] = FIRE_U32, [23] = FIRE_U64};
    if (type > 100) type -= 100;
    return type < sizeof ours ? (fire_type)ours[type] : 0;
}

static long long before(const fire_wire *w) { return (long long)(w->at - w->begin); }

static fire_status whole(const fire_wire *w, const fire_wire_field *f, uint64_t *out, fire_error *err) {
    *out = f->value;
    return f->kind == 0 ? FIRE_OK : fire_fail(err, FIRE_E_CORRUPT, "field %u before byte %lld is no whole number", f->number, before(w));
}
static fire_status text(const fire_wire *w, const fire_wire_field *f, fire_span *out, fire_error *err) {
    *out = (fire_span){f->bytes, f->size};
    return f->kind == 2 ? FIRE_OK : fire_fail(err, FIRE_E_CORRUPT, "field %u before byte %lld is no text", f->number, before(w));
}

fire_status fire_tensorflow_shape(const fire_wire *w, const fire_wire_field *at, int32_t *rank, int64_t dim[FIRE_MAX_RANK], fire_error *err) {
    fire_wire in, inner;
    fire_wire_field f, d;
    bool more, more_dim;
    uint64_t v;
    int32_t n = 0;
    bool unknown = false;
    fire_status s = fire_wire_enter(w, at, &in, err);
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
        if (f.number == 3 && !(s = whole(&in, &f, &v, err))) unknown = v != 0;
        if (f.number != 2) continue;
        int64_t size = 0;
        s = fire_wire_enter(&in, &f, &inner, err);
        while (!s && !(s = fire_wire_next(&inner, &d, &more_dim, err)) && more_dim)
            if (d.number == 1 && !(s = whole(&inner, &d, &v, err))) size = (int64_t)v < 0 ? -1 : (int64_t)v;
        if (n < FIRE_MAX_RANK) dim[n] = size;
        if (n < INT32_MAX) n++;
    }
    *rank = unknown ? -1 : n;
    return s;
}

/* TensorProto */
fire_status fire_tensorflow_tensor(const fire_wire *w, const fire_wire_field *at, fire_onnx_tensor *t, fire_error *err) {
    fire_wire in;
    fire_wire_field f;
    bool more;
    *t = (fire_onnx_tensor){.tensorflow = true};
    fire_status s = fire_wire_enter(w, at, &in, err);
    t->body = in;
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
        if (f.number == 1) {
            uint64_t type;
            s = whole(&in, &f, &type, err);
            t->type = fire_tensorflow_type(type) ? (uint64_t)fire_tensorflow_type(type) : 2000 + type % 1000;
        } else if (f.number == 2) s = fire_tensorflow_shape(&in, &f, &t->rank, t->dim, err);
        else if (f.number == 4 && !(s = text(&in, &f, &t->raw, err))) t->has_raw = t->raw.size > 0;
    }
    if (!s && t->rank < 0) return fire_fail(err, FIRE_E_CORRUPT, "the tensor before byte %lld has no shape", before(&in));
    return s;
}

/* Where each type's values are: field, wire type of one value. */
static void place_of(fire_type type, uint32_t *field, uint32_t *kind) {
    *kind = type == FIRE_F32 ? 5 : type == FIRE_F64 ? 1 : 0;
    *field = type == FIRE_F32 ? 5 : type == FIRE_F64 ? 6 : type == FIRE_I64 ? 10 : type == FIRE_BOOL ? 11 : type == FIRE_U32 ? 16 : type == FIRE_U64 ? 17
           : type == FIRE_F16 || type == FIRE_BF16 ? 13 : 7;
}

static void put(const fire_tensor *as, void *to, int64_t i, uint64_t v) { /* little-endian: the low bytes are the number; floats came as their bits */
    size_t size = fire_type_size(as->type);
    if (as->type == FIRE_BOOL) v = v != 0;
    memcpy((char *)to + (size_t)i * size, &v, size);
}

fire_status fire_tensorflow_numbers(const fire_onnx *m, const fire_onnx_tensor *t, const char *what, const fire_tensor *as, void *to, fire_error *err) {
    const int64_t count = fire_count(&as->shape);
    const size_t size = fire_type_size(as->type);
    fire_wire in = t->body;
    fire_wire_field f;
    bool more;
    uint32_t field, kind;
    int64_t n = 0;
    fire_status s;
    place_of(as->type, &field, &kind);
    while (!(s = fire_wire_next(&in, &f, &more, err)) && more) {
        if (f.number != field) continue;
        const bool packed = f.kind == 2;
        fire_wire list = packed ? (fire_wire){f.bytes, f.bytes, f.bytes + f.size, 0} : (fire_wire){0};
        if (!packed && f.kind != kind) return fire_fail(err, FIRE_E_CORRUPT, "%s: field %u before byte %lld has wire type %u", what, field, (long long)(in.at - m->bytes), f.kind);
        for (bool once = !packed; once || (packed && list.at < list.end); once = false) {
            uint64_t v = f.value;
            if (packed && kind) {
                size_t each = kind == 1 ? 8 : 4;
                v = 0;
                if ((size_t)(list.end - list.at) < each) return fire_fail(err, FIRE_E_CORRUPT, "%s: broken numbers before byte %lld", what, (long long)(in.at - m->bytes));
                memcpy(&v, list.at, each);
                list.at += each;
            } else if (packed) {
                uint8_t byte = 0x80;
                int shift = 0;
                for (v = 0; list.at < list.end && shift < 64 && byte & 0x80; shift += 7) v |= (uint64_t)((byte = *list.at++) & 0x7f) << shift;
                if (byte & 0x80) return fire_fail(err, FIRE_E_CORRUPT, "%s: broken numbers before byte %lld", what, (long long)(in.at - m->bytes));
            }
            if (n < count) put(as, to, n, v); /* more numbers than the shape has room for are not looked at, as by TensorFlow */
            n++;
        }
    }
    if (s) return s;
    if (n > count) return fire_fail(err, FIRE_E_CORRUPT, "%s at byte %lld has %lld numbers, expected %lld for its shape", what, (long long)(t->body.at - m->bytes), (long long)n, (long long)count);
    if (!n) memset(to, 0, (size_t)count * size);
    else for (; n < count; n++) memcpy((char *)to + (size_t)n * size, (char *)to + (size_t)(n - 1) * size, size);
    return FIRE_OK;
}

/* NameAttrList: the name. */
static fire_status function_name(const fire_wire *w, const fire_wire_field *at, fire_span *name, fire_error *err) {
    fire_wire in;
    fire_wire_field f;
    bool more;
    fire_status s = fire_wire_enter(w, at, &in, err);
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more)
        if (f.number == 1) s = text(&in, &f, name, err);
    return s;
}

static bool packed_int(const uint8_t **p, const uint8_t *end, uint64_t *v) {
    uint8_t byte = 0x80;
    *v = 0;
    for (int shift = 0; *p < end && shift < 64 && byte & 0x80; shift += 7) *v |= (uint64_t)((byte = *(*p)++) & 0x7f) << shift;
    return !(byte & 0x80);
}

/* One field of AttrValue.ListValue; store: the lists have their room, else they are only counted. Shapes are left out. */
static fire_status list_field(const fire_wire *in, const fire_wire_field *f, bool store, fire_onnx_attr *a, fire_error *err) {
    const uint8_t *p = f->bytes, *end = f->kind == 2 ? p + f->size : p;
    fire_span name = {0};
    fire_status s = FIRE_OK;
    switch (f->number) {
    case 2: case 9:
        if ((s = f->number == 2 ? text(in, f, &name, err) : function_name(in, f, &name, err))) return s;
        if (store) a->texts[a->n_texts] = name;
        a->n_texts++;
        a->type = FIRE_IS_TEXTS;
        break;
    case 3: case 5: case 6:
        for (bool once = f->kind == 0; once || p < end; once = false) {
            uint64_t v = f->value;
            if (!once && !packed_int(&p, end, &v)) return fire_fail(err, FIRE_E_CORRUPT, "a broken number before byte %lld", before(in));
            if (store) a->ints[a->n_ints] = f->number == 6 ? (int64_t)fire_tensorflow_type(v) : (int64_t)v;
            a->n_ints++;
        }
        a->type = FIRE_IS_INTS;
        break;
    case 4:
        for (bool once = f->kind == 5; once || end - p >= 4; once = false) {
            uint32_t v = (uint32_t)f->value;
            if (!once) memcpy(&v, p, 4), p += 4;
            if (store) memcpy(&a->floats[a->n_floats], &v, 4);
            a->n_floats++;
        }
        a->type = FIRE_IS_FLOATS;
        break;
    default: break;
    }
    return s;
}

static fire_status read_list(const fire_wire *w, const fire_wire_field *at, fire_arena *arena, fire_onnx_attr *a, fire_error *err) {
    fire_wire in;
    fire_wire_field f;
    bool more;
    fire_status s = FIRE_OK;
    a->type = FIRE_IS_INTS; /* an empty list does not say of what it is */
    for (int pass = 0; pass < 2 && !s; pass++) {
        if (pass && (s = fire_onnx_attr_room(arena, a, err))) return s;
        a->n_ints = a->n_floats = a->n_texts = 0;
        s = fire_wire_enter(w, at, &in, err);
        while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) s = list_field(&in, &f, pass == 1, a, err);
    }
    return s;
}

/* AttrValue */
static fire_status read_value(const fire_wire *w, const fire_wire_field *at, fire_arena *arena, fire_onnx_attr *a, fire_error *err) {
    fire_wire in;
    fire_wire_field f;
    bool more;
    uint64_t v = 0;
    fire_status s = fire_wire_enter(w, at, &in, err);
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
        const uint32_t bits = (uint32_t)f.value;
        switch (f.number) {
        case 1: s = read_list(&in, &f, arena, a, err); break;
        case 2: s = text(&in, &f, &a->text, err); a->type = FIRE_IS_TEXT; break;
        case 3: case 5: case 6:
            s = whole(&in, &f, &v, err);
            a->number = f.number == 6 ? (int64_t)fire_tensorflow_type(v) : (int64_t)v;
            a->type = FIRE_IS_INT;
            break;
        case 4:
            if (f.kind != 5) return fire_fail(err, FIRE_E_CORRUPT, "field 4 before byte %lld is no float", before(&in));
            memcpy(&a->value, &bits, 4);
            a->type = FIRE_IS_FLOAT;
            break;
        case 7: {
            int64_t dim[FIRE_MAX_RANK];
            int32_t rank;
            if ((s = fire_tensorflow_shape(&in, &f, &rank, dim, err))) return s;
            a->type = FIRE_IS_INTS;
            a->number = rank;
            a->n_ints = rank < 0 ? 0 : rank < FIRE_MAX_RANK ? rank : FIRE_MAX_RANK;
            if (!(a->ints = fire_arena_alloc(arena, (size_t)a->n_ints, sizeof *a->ints, err))) return FIRE_NOMEM;
            if (a->n_ints) memcpy(a->ints, dim, (size_t)a->n_ints * sizeof *a->ints);
            break;
        }
        case 8: s = fire_tensorflow_tensor(&in, &f, &a->tensor, err); a->type = FIRE_IS_TENSOR; break;
        case 9: a->reference = true; break;
        case 10: s = function_name(&in, &f, &a->text, err); a->type = FIRE_IS_TEXT; break;
        default: break;
        }
    }
    return s;
}

fire_status fire_tensorflow_attr(const fire_wire *w, const fire_wire_field *at, fire_arena *arena, fire_onnx_attr *a, fire_error *err) {
    fire_wire in, value;
    fire_wire_field f, held = {0};
    bool more;
    *a = (fire_onnx_attr){0};
    fire_status s = fire_wire_enter(w, at, &in, err);
    value = in;
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
        if (f.number == 1) s = text(&in, &f, &a->name, err);
        if (f.number == 2) held = f, value = in;
    }
    if (s || !held.number) return s;
    if (a->name.size && a->name.bytes[0] == '_') { a->name = (fire_span){0}; return FIRE_OK; } /* notes of TensorFlow's own, of any size */
    return read_value(&value, &held, arena, a, err);
}
