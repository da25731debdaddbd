/* safetensors.c - reading and writing safetensors. */
#include "formats/safetensors.h"
#include "sort.h"
#include <string.h>

/* The limit of the format's own reader: larger headers are taken for an attack. */
#define MAX_HEADER 100000000

static const struct { const char *name; fire_type type; int64_t bits; } types[] = {
    {"F64", FIRE_F64, 64}, {"F32", FIRE_F32, 32}, {"F16", FIRE_F16, 16}, {"BF16", FIRE_BF16, 16}, {"I64", FIRE_I64, 64}, {"I32", FIRE_I32, 32}, {"I16", FIRE_I16, 16}, {"I8", FIRE_I8, 8},
    {"U64", FIRE_U64, 64}, {"U32", FIRE_U32, 32}, {"U16", FIRE_U16, 16}, {"U8", FIRE_U8, 8}, {"BOOL", FIRE_BOOL, 8}, {"C64", FIRE_NO_TYPE, 64}, {"F8_E4M3", FIRE_NO_TYPE, 8},
    {"F8_E5M2", FIRE_NO_TYPE, 8}, {"F8_E8M0", FIRE_NO_TYPE, 8}, {"F8_E4M3FNUZ", FIRE_NO_TYPE, 8}, {"F8_E5M2FNUZ", FIRE_NO_TYPE, 8}, {"F6_E2M3", FIRE_NO_TYPE, 6}, {"F6_E3M2", FIRE_NO_TYPE, 6},
    {"F4", FIRE_NO_TYPE, 4},
};

static int by_name(const void *a, const void *b) { return strcmp(((const fire_safetensor *)a)->name, ((const fire_safetensor *)b)->name); }
static int by_place(const void *a, const void *b) {
    const fire_safetensor *s = a, *t = b;
    const char *p = s->data, *q = t->data;
    return p != q ? (p > q) - (p < q) : (s->bytes > t->bytes) - (s->bytes < t->bytes);
}

static fire_status copy_text(fire_safetensors *s, fire_json *j, const fire_json_token *t, const char **out, fire_error *err) {
    char *text = fire_arena_alloc(&s->arena, t->size + 1, 1, err);
    if (!text) return FIRE_NOMEM;
    *out = text;
    return fire_json_copy(j, t, text, t->size + 1, NULL, err);
}

static fire_status read_pairs(fire_safetensors *s, fire_json *j, fire_error *err) {
    fire_json_token t;
    fire_status r = fire_json_expect(j, FIRE_JSON_OBJECT, "an object of texts", &t, err);
    while (!r && !(r = fire_json_next(j, &t, err)) && t.kind != FIRE_JSON_CLOSE) {
        if ((r = fire_grow(s->arena.ctx, &s->pair, &s->pair_capacity, s->n_pairs + 1, sizeof *s->pair, err))) break;
        fire_pair *p = &s->pair[s->n_pairs++];
        if ((r = copy_text(s, j, &t, &p->key, err))) break;
        if ((r = fire_json_expect(j, FIRE_JSON_TEXT, "a text", &t, err))) break;
        r = copy_text(s, j, &t, &p->text, err);
    }
    return r;
}

/* {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]} in any order; `data` [size] is where the offsets count from. */
static fire_status read_tensor(fire_json *j, fire_safetensor *out, const char *data, size_t size, fire_error *err) {
    enum { TYPE = 1, SHAPE = 2, PLACE = 4 };
    fire_json_token t, key;
    int found = 0;
    int64_t from = 0, to = 0, bits, each = 0;
    fire_status r = fire_json_expect(j, FIRE_JSON_OBJECT, "an object", &t, err);
    if (r) return r;
    const fire_json_token place = t;
    for (;;) {
        if ((r = fire_json_next(j, &key, err))) return r;
        if (key.kind == FIRE_JSON_CLOSE) break;
        int field = fire_json_is(&key, "dtype") ? TYPE : fire_json_is(&key, "shape") ? SHAPE : fire_json_is(&key, "data_offsets") ? PLACE : 0;
        if (!field) return fire_json_fail(j, &key, "expected dtype, shape or data_offsets", err);
        if (found & field) return fire_json_fail(j, &key, "the key is there twice", err);
        found |= field;
        if (field == TYPE) {
            if ((r = fire_json_expect(j, FIRE_JSON_TEXT, "a type", &t, err))) return r;
            for (size_t i = 0; i < sizeof types / sizeof *types; i++)
                if (fire_json_is(&t, types[i].name)) out->type = types[i].type, out->dtype = types[i].name, each = types[i].bits;
            if (!each) return fire_json_fail(j, &t, "a type that this version does not read", err);
            continue;
        }
        if ((r = fire_json_expect(j, FIRE_JSON_ARRAY, "a list of whole numbers", &t, err))) return r;
        for (int n = 0;; n++) {
            if ((r = fire_json_next(j, &t, err))) return r;
            if (t.kind == FIRE_JSON_CLOSE && (field == SHAPE || n == 2)) break;
            if (t.kind != FIRE_JSON_INT || t.value < 0) return fire_json_fail(j, &t, "expected a whole number of at least 0", err);
            if (n == (field == SHAPE ? FIRE_MAX_RANK : 2)) return fire_json_fail(j, &t, "too many numbers", err);
            if (field == SHAPE) out->shape.dim[out->shape.rank++] = t.value;
            else *(n ? &to : &from) = t.value;
        }
    }
    if (found != (TYPE | SHAPE | PLACE)) return fire_json_fail(j, &place, "dtype, shape or data_offsets is missing", err);
    if (from > to) return fire_json_fail(j, &place, "data_offsets end before they begin", err);
    if ((uint64_t)to > size) return fire_fail(err, FIRE_E_TRUNCATED, "a tensor ends at byte %lld of the numbers, but there are %zu", (long long)to, size);
    if (!fire_mul(fire_count(&out->shape), each, &bits) || bits % 8 || bits / 8 != to - from)
        return fire_json_fail(j, &place, "the shape does not fit data_offsets", err);
    out->data = data + from;
    out->bytes = (size_t)(to - from);
    return FIRE_OK;
}

fire_status fire_safetensors_read(fire_context *ctx, const void *bytes, size_t size, fire_safetensors *s, fire_error *err) {
    *s = (fire_safetensors){.arena = {.ctx = ctx}};
    const uint8_t *p = bytes;
    uint64_t header = 0;
    if (size < 8) return fire_fail(err, FIRE_E_TRUNCATED, "%zu bytes, but a safetensors file begins with an 8-byte length", size);
    for (int i = 0; i < 8; i++) header |= (uint64_t)p[i] << (8 * i);
    if (header > MAX_HEADER) return fire_fail(err, FIRE_E_CORRUPT, "a header of %llu bytes, expected at most %d", (unsigned long long)header, MAX_HEADER);
    if (header > size - 8) return fire_fail(err, FIRE_E_TRUNCATED, "the header has %llu bytes, but only %zu are left", (unsigned long long)header, size - 8);
    const char *data = (const char *)p + 8 + header;
    const size_t left = size - 8 - (size_t)header;
    fire_json j;
    fire_json_token t;
    fire_json_open(&j, p + 8, (size_t)header);
    fire_status r = fire_json_expect(&j, FIRE_JSON_OBJECT, "an object", &t, err);
    if (r) return r;
    for (bool pairs = false;;) {
        if ((r = fire_json_next(&j, &t, err))) return r;
        if (t.kind == FIRE_JSON_CLOSE) break;
        if (fire_json_is(&t, "__metadata__")) {
            if (pairs) return fire_json_fail(&j, &t, "the key is there twice", err);
            pairs = true;
            if ((r = read_pairs(s, &j, err))) return r;
            continue;
        }
        if ((r = fire_grow(ctx, &s->tensor, &s->tensor_capacity, s->n_tensors + 1, sizeof *s->tensor, err))) return r;
        fire_safetensor *out = &s->tensor[s->n_tensors++];
        *out = (fire_safetensor){0};
        if ((r = copy_text(s, &j, &t, &out->name, err))) return r;
        if ((r = read_tensor(&j, out, data, left, err))) return r;
    }
    if ((r = fire_json_next(&j, &t, err))) return r; /* nothing but spaces may follow */

    /* Every byte of the numbers belongs to exactly one tensor. */
    const char *at = data;
    fire_sort(s->tensor, s->n_tensors, sizeof *s->tensor, by_place);
    for (int64_t i = 0; i < s->n_tensors; i++) {
        if ((const char *)s->tensor[i].data != at) {
            char name[80];
            return fire_fail(err, FIRE_E_CORRUPT, "tensor '%s' %s", fire_escape(name, sizeof name, s->tensor[i].name, strlen(s->tensor[i].name)),
                             (const char *)s->tensor[i].data < at ? "overlaps another" : "leaves a gap before it");
        }
        at += s->tensor[i].bytes;
    }
    if (at != data + left)
        return fire_fail(err, FIRE_E_CORRUPT, "%zu bytes at the end belong to no tensor", (size_t)(data + left - at));
    fire_sort(s->tensor, s->n_tensors, sizeof *s->tensor, by_name);
    for (int64_t i = 1; i < s->n_tensors; i++)
        if (!strcmp(s->tensor[i - 1].name, s->tensor[i].name)) {
            char name[80];
            return fire_fail(err, FIRE_E_CORRUPT, "tensor '%s' is there twice", fire_escape(name, sizeof name, s->tensor[i].name, strlen(s->tensor[i].name)));
        }
    return FIRE_OK;
}

void fire_safetensors_clear(fire_safetensors *s) {
    if (!s->arena.ctx) return;
    fire_free(s->arena.ctx, s->tensor);
    fire_free(s->arena.ctx, s->pair);
    fire_arena_free(&s->arena);
    *s = (fire_safetensors){0};
}

const fire_safetensor *fire_safetensors_find(const fire_safetensors *s, const char *name) {
    for (int64_t low = 0, high = s->n_tensors; low < high;) {
        int64_t mid = low + (high - low) / 2;
        int c = strcmp(name, s->tensor[mid].name);
        if (!c) return &s->tensor[mid];
        if (c < 0) high = mid;
        else low = mid + 1;
    }
    return NULL;
}

const char *fire_safetensors_text(const fire_safetensors *s, const char *key) {
    for (int64_t i = 0; i < s->n_pairs; i++)
        if (!strcmp(s->pair[i].key, key)) return s->pair[i].text;
    return NULL;
}

bool fire_safetensors_writes(fire_type type) {
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (type && types[i].type == type) return true;
    return false;
}

void fire_safetensors_write(fire_buffer *b, int64_t n_tensors, const fire_safetensor *tensor, int n_pairs, const fire_pair *pair) {
    const int64_t start = b->size;
    int64_t from = 0;
    fire_buffer_add(b, (uint8_t[8]){0}, 8);
    fire_buffer_add(b, "{", 1);
    if (n_pairs) {
        fire_buffer_text(b, "\"__metadata__\":{");
        for (int i = 0; i < n_pairs; i++) {
            if (i) fire_buffer_add(b, ",", 1);
            fire_json_put_text(b, pair[i].key);
            fire_buffer_add(b, ":", 1);
            fire_json_put_text(b, pair[i].text);
        }
        fire_buffer_text(b, n_tensors ? "}," : "}");
    }
    for (int64_t i = 0; i < n_tensors; i++) {
        const fire_safetensor *t = &tensor[i];
        const char *type = "?";
        for (size_t k = 0; k < sizeof types / sizeof *types; k++)
            if (t->type ? types[k].type == t->type : t->dtype && !strcmp(types[k].name, t->dtype)) type = types[k].name;
        if (i) fire_buffer_add(b, ",", 1);
        fire_json_put_text(b, t->name);
        fire_buffer_text(b, ":{\"dtype\":\"%s\",\"shape\":[", type);
        for (int k = 0; k < t->shape.rank; k++) fire_buffer_text(b, k ? ",%lld" : "%lld", (long long)t->shape.dim[k]);
        fire_buffer_text(b, "],\"data_offsets\":[%lld,%lld]}", (long long)from, (long long)from + (long long)t->bytes);
        from += (int64_t)t->bytes;
    }
    fire_buffer_add(b, "}", 1);
    while (!b->first.status && (b->size - start) % 64) fire_buffer_add(b, " ", 1);
    if (b->first.status) return;
    for (int i = 0; i < 8; i++) b->data[start + i] = (uint8_t)((uint64_t)(b->size - start - 8) >> (8 * i));
    for (int64_t i = 0; i < n_tensors; i++) fire_buffer_add(b, tensor[i].data, tensor[i].bytes);
}

fire_status fire_safetensors_index(fire_context *ctx, const void *bytes, size_t size, fire_each_tensor *each, void *user, fire_error *err) {
    fire_safetensors t;
    fire_status s = fire_safetensors_read(ctx, bytes, size, &t, err);
    int stop = 0;
    for (int64_t i = 0; !s && !stop && i < t.n_tensors; i++)
        stop = each(user, &(fire_tensor_entry){t.tensor[i].name, NULL, t.tensor[i].dtype, t.tensor[i].shape, t.tensor[i].data, t.tensor[i].bytes});
    for (int64_t i = 0; !s && !stop && i < t.n_pairs; i++) stop = each(user, &(fire_tensor_entry){.name = t.pair[i].key, .text = t.pair[i].text});
    fire_safetensors_clear(&t);
    return s;
}
