/* onnx_attr.c - attributes of ONNX nodes. Field numbers are those of AttributeProto. */
#include "formats/onnx_import.h"
#include <string.h>

static bool packed_int(const uint8_t **p, const uint8_t *end, uint64_t *v) {
    uint8_t byte = 0x80;
    *v = 0;
    for (int shift = 0; *p < end && shift < 64 && byte & 0x80; shift += 7) *v |= (uint64_t)((byte = *(*p)++) & 0x7f) << shift;
    return !(byte & 0x80);
}

/* One field into *a; store: lists have their room, else they are only counted. */
static fire_status read_field(const fire_wire *in, const fire_wire_field *f, bool store, fire_onnx_attr *a, fire_error *err) {
    static const struct { uint32_t number, kind; } kinds[] = {{1, 2}, {2, 5}, {3, 0}, {4, 2}, {5, 2}, {6, 2}, {9, 2}, {20, 0}, {21, 2}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].number == f->number && kinds[i].kind != f->kind)
            return fire_fail(err, FIRE_E_CORRUPT, "field %u before byte %lld has wire type %u, expected %u", f->number, (long long)(in->at - in->begin), f->kind, kinds[i].kind);
    const uint32_t bits = (uint32_t)f->value;
    const uint8_t *p = f->bytes, *end = f->kind == 2 ? p + f->size : p;
    switch (f->number) {
    case 1: a->name = (fire_span){f->bytes, f->size}; break;
    case 2: memcpy(&a->value, &bits, 4); break;
    case 3: a->number = (int64_t)f->value; break;
    case 4: a->text = (fire_span){f->bytes, f->size}; break;
    case 5: return store ? fire_onnx_tensor_read(in, f, &a->tensor, err) : FIRE_OK;
    case 6: return fire_wire_enter(in, f, &a->graph, err);
    case 7:
        for (bool once = f->kind == 5; once || end - p >= 4; once = false) {
            uint32_t v = bits;
            if (!once) memcpy(&v, p, 4), p += 4;
            if (store) memcpy(&a->floats[a->n_floats], &v, 4);
            a->n_floats++;
        }
        break;
    case 8:
        for (bool once = f->kind == 0; once || p < end; once = false) {
            uint64_t v = f->value;
            if (!once && !packed_int(&p, end, &v)) return fire_fail(err, FIRE_E_CORRUPT, "a broken number before byte %lld", (long long)(in->at - in->begin));
            if (store) a->ints[a->n_ints] = (int64_t)v;
            a->n_ints++;
        }
        break;
    case 9:
        if (store) a->texts[a->n_texts] = (fire_span){f->bytes, f->size};
        a->n_texts++;
        break;
    case 20: a->type = f->value; break;
    case 21: a->reference = f->size > 0; a->refers_to = (fire_span){f->bytes, f->size}; break;
    default: break;
    }
    return FIRE_OK;
}

fire_status fire_onnx_attr_room(fire_arena *arena, fire_onnx_attr *a, fire_error *err) {
    a->ints = fire_arena_alloc(arena, (size_t)a->n_ints, sizeof *a->ints, err);
    a->floats = a->ints ? fire_arena_alloc(arena, (size_t)a->n_floats, sizeof *a->floats, err) : NULL;
    a->texts = a->floats ? fire_arena_alloc(arena, (size_t)a->n_texts, sizeof *a->texts, err) : NULL;
    return a->texts ? FIRE_OK : FIRE_NOMEM;
}

fire_status fire_onnx_attr_read(const fire_wire *w, const fire_wire_field *at, fire_arena *arena, fire_onnx_attr *a, fire_error *err) {
    fire_wire in;
    fire_wire_field f;
    bool more;
    *a = (fire_onnx_attr){0};
    fire_status s = FIRE_OK;
    for (int pass = 0; pass < 2 && !s; pass++) {
        if (pass) {
            if ((s = fire_onnx_attr_room(arena, a, err))) return s;
            a->n_ints = a->n_floats = a->n_texts = 0;
        }
        s = fire_wire_enter(w, at, &in, err);
        while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) s = read_field(&in, &f, pass == 1, a, err);
    }
    if (!s && !a->type) { /* files of IR version 1 and 2 do not say */
        a->type = a->graph.begin ? FIRE_IS_GRAPH : a->n_ints ? FIRE_IS_INTS : a->n_floats ? FIRE_IS_FLOATS : a->n_texts ? FIRE_IS_TEXTS : a->tensor.body.begin ? FIRE_IS_TENSOR
                : a->text.bytes ? FIRE_IS_TEXT : a->number ? FIRE_IS_INT : FIRE_IS_FLOAT;
    }
    return s;
}

const fire_onnx_attr *fire_lift_attr(const fire_lift *n, const char *name) {
    for (int64_t i = 0; i < n->n_attrs; i++)
        if (fire_span_is(n->attr[i].name, name)) return &n->attr[i];
    return NULL;
}
int64_t fire_lift_int(const fire_lift *n, const char *name, int64_t otherwise) {
    const fire_onnx_attr *a = fire_lift_attr(n, name);
    return a && a->type == FIRE_IS_INT ? a->number : otherwise;
}
double fire_lift_float(const fire_lift *n, const char *name, double otherwise) {
    const fire_onnx_attr *a = fire_lift_attr(n, name);
    return a && a->type == FIRE_IS_FLOAT ? (double)a->value : otherwise;
}
bool fire_lift_text(const fire_lift *n, const char *name, const char *is) {
    const fire_onnx_attr *a = fire_lift_attr(n, name);
    return a && a->type == FIRE_IS_TEXT && fire_span_is(a->text, is);
}
