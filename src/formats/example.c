/* example.c - tf.train.Example and SequenceExample, decoded and encoded.
**
** Messages (tensorflow/core/example/example.proto and feature.proto): Example { Features 1 }, SequenceExample { Features 1; FeatureLists 2 },
** Features { map<string, Feature> 1 }, FeatureLists { map<string, FeatureList> 1 }, FeatureList { repeated Feature 1 }, Feature { one of
** BytesList 1, FloatList 2, Int64List 3 }, each a list of values in field 1. Of entries with one key the last counts, as protobuf has it.
*/
#include "formats/example.h"
#include "json.h"
#include "sort.h"
#include <string.h>

typedef struct found { /* a feature being read */
    fire_feature f;
    int64_t at;        /* order in the record */
    fire_wire body;    /* Feature, or FeatureList */
} found;

typedef struct reader { fire_context *ctx; fire_arena arena; fire_error *err; found *entry; int64_t n, capacity; } reader;

typedef struct holder { fire_example example; fire_arena arena; } holder; /* what fire_example_free frees */

/* A varint inside packed numbers; false: broken. */
static bool varint(const uint8_t **p, const uint8_t *end, uint64_t *out) {
    uint64_t v = 0;
    for (int shift = 0; shift < 70 && *p < end; shift += 7) {
        const uint8_t byte = *(*p)++;
        if (shift == 63 && byte > 1) return false;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return *out = v, true;
    }
    return false;
}

static fire_status wrong(const fire_wire *w, const char *what, fire_error *err) {
    return fire_fail(err, FIRE_E_CORRUPT, "%s before byte %lld", what, (long long)(w->at - w->begin));
}

/* The values of one field of a list: counted, or put at to[*n]. */
static fire_status list_values(const fire_wire *w, const fire_wire_field *f, fire_feature_kind kind, void *to, int64_t *n, fire_error *err) {
    if (kind == FIRE_FEATURE_BYTES) {
        if (f->kind != 2) return wrong(w, "a text of the wrong wire type", err);
        if (to) ((fire_bytes *)to)[*n] = (fire_bytes){f->bytes, f->size};
        ++*n;
        return FIRE_OK;
    }
    if (kind == FIRE_FEATURE_FLOAT) {
        if (f->kind == 5) {
            uint32_t bits = (uint32_t)f->value;
            if (to) memcpy((float *)to + *n, &bits, 4);
            ++*n;
        } else if (f->kind == 2 && f->size % 4 == 0) {
            if (to && f->size) memcpy((float *)to + *n, f->bytes, f->size); /* little-endian on both sides, see onnx_tensor.c */
            *n += (int64_t)(f->size / 4);
        } else return wrong(w, "broken float numbers", err);
        return FIRE_OK;
    }
    if (f->kind == 0) {
        if (to) ((int64_t *)to)[*n] = (int64_t)f->value;
        ++*n;
        return FIRE_OK;
    }
    if (f->kind != 2) return wrong(w, "broken whole numbers", err);
    for (const uint8_t *p = f->bytes, *end = p + f->size; p < end;) {
        uint64_t v;
        if (!varint(&p, end, &v)) return wrong(w, "broken whole numbers", err);
        if (to) ((int64_t *)to)[*n] = (int64_t)v;
        ++*n;
    }
    return FIRE_OK;
}

fire_status fire_feature_read(const fire_wire *body, fire_feature_kind *kind, void *to, int64_t *n, fire_error *err) {
    fire_wire in = *body, list;
    fire_wire_field f, v;
    bool more, more_values;
    fire_status s = FIRE_OK;
    int64_t field = 0, from = 0;
    *kind = FIRE_FEATURE_EMPTY;
    for (; !(s = fire_wire_next(&in, &f, &more, err)) && more; field++) {
        if (f.number < 1 || f.number > 3) continue;
        if (*kind != (fire_feature_kind)f.number) from = field;
        *kind = (fire_feature_kind)f.number;
    }
    in = *body;
    for (field = 0; !s && !(s = fire_wire_next(&in, &f, &more, err)) && more; field++) {
        if (field < from || f.number < 1 || f.number > 3) continue;
        s = fire_wire_enter(&in, &f, &list, err);
        while (!s && !(s = fire_wire_next(&list, &v, &more_values, err)) && more_values)
            if (v.number == 1) s = list_values(&list, &v, *kind, to, n, err);
    }
    return s;
}

fire_status fire_feature_list_next(fire_wire *list, fire_wire *body, bool *more, fire_error *err) {
    fire_wire_field f;
    fire_status s;
    while (!(s = fire_wire_next(list, &f, more, err)) && *more)
        if (f.number == 1) return fire_wire_enter(list, &f, body, err);
    return s;
}

static fire_status name_fail(const found *e, const char *what, fire_error *err) {
    char shown[80];
    return fire_fail(err, FIRE_E_CORRUPT, "the feature '%s' before byte %lld %s", fire_escape(shown, sizeof shown, e->f.name, e->f.name_size), (long long)(e->body.at - e->body.begin), what);
}

/* The values of one entry, counted first so that they take what they need. */
static fire_status values(reader *r, found *e) {
    fire_wire in = e->body, body;
    bool more = true;
    fire_status s = FIRE_OK;
    fire_feature *x = &e->f;
    fire_feature_kind kind;
    if (!x->list) {
        if ((s = fire_feature_read(&in, &x->kind, NULL, &x->n, r->err)) || x->kind == FIRE_FEATURE_EMPTY) return s;
    } else {
        while (!(s = fire_feature_list_next(&in, &body, &more, r->err)) && more) {
            if ((s = fire_feature_read(&body, &kind, NULL, &x->n, r->err))) break;
            x->n_steps++;
            if (kind != FIRE_FEATURE_EMPTY && x->kind != FIRE_FEATURE_EMPTY && kind != x->kind) return name_fail(e, "has steps of different kinds", r->err);
            if (kind != FIRE_FEATURE_EMPTY) x->kind = kind;
        }
        if (s) return s;
        if (!(x->steps = fire_arena_alloc(&r->arena, (size_t)x->n_steps, sizeof *x->steps, r->err))) return FIRE_NOMEM;
    }
    void *to = fire_arena_alloc(&r->arena, (size_t)x->n, fire_feature_size(x->kind), r->err);
    if (!to) return FIRE_NOMEM;
    x->values = to;
    int64_t n = 0, step = 0;
    in = e->body;
    if (!x->list) return fire_feature_read(&in, &kind, to, &n, r->err);
    while (!(s = fire_feature_list_next(&in, &body, &more, r->err)) && more) {
        const int64_t before = n;
        if ((s = fire_feature_read(&body, &kind, to, &n, r->err))) break;
        ((int64_t *)x->steps)[step++] = n - before;
    }
    return s;
}

/* Features or FeatureLists: the entries of the map. */
static fire_status walk_map(const fire_wire *w, const fire_wire_field *at, bool list, fire_example_entry *give, void *user, fire_error *err) {
    fire_wire in, entry;
    fire_wire_field f, part;
    bool more, more_parts;
    fire_status s = fire_wire_enter(w, at, &in, err);
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
        if (f.number != 1) continue;
        if ((s = fire_wire_enter(&in, &f, &entry, err))) break;
        const char *name = "";
        size_t name_size = 0;
        fire_wire body = {entry.begin, entry.end, entry.end, entry.depth};
        while (!(s = fire_wire_next(&entry, &part, &more_parts, err)) && more_parts) {
            if (part.number == 1 && part.kind == 2) name = (const char *)part.bytes, name_size = part.size;
            else if (part.number == 2 && (s = fire_wire_enter(&entry, &part, &body, err))) break;
        }
        if (!s) s = give(user, name, name_size, list, &body, err);
    }
    return s;
}

fire_status fire_example_walk(const void *bytes, size_t size, fire_example_entry *entry, void *user, bool *sequence, fire_error *err) {
    fire_wire in = {bytes, bytes, (const uint8_t *)bytes + size, 0};
    fire_wire_field f;
    bool more;
    fire_status s = FIRE_OK;
    *sequence = false;
    while (size && !s && !(s = fire_wire_next(&in, &f, &more, err)) && more) { /* an empty message is an example without features */
        if (f.number != 1 && f.number != 2) s = fire_fail(err, FIRE_E_CORRUPT, "field %u before byte %lld: this is no tf.train.Example", f.number, (long long)(in.at - in.begin));
        else s = walk_map(&in, &f, f.number == 2, entry, user, err);
        *sequence |= f.number == 2;
    }
    return s;
}

static fire_status take_entry(void *user, const char *name, size_t name_size, bool list, const fire_wire *body, fire_error *err) {
    reader *r = user;
    fire_status s = fire_grow(r->ctx, &r->entry, &r->capacity, r->n + 1, sizeof *r->entry, err);
    if (s) return s;
    found *e = &r->entry[r->n];
    *e = (found){.f = {.name = name, .name_size = name_size, .list = list}, .at = r->n, .body = *body};
    r->n++;
    return fire_utf8_check(name, name_size) ? FIRE_OK : name_fail(e, "has a name that is not UTF-8", err);
}

static int by_name(const void *a, const void *b) {
    const found *x = a, *y = b;
    if (x->f.list != y->f.list) return x->f.list - y->f.list;
    const size_t n = x->f.name_size < y->f.name_size ? x->f.name_size : y->f.name_size;
    int c = n ? memcmp(x->f.name, y->f.name, n) : 0;
    if (c) return c;
    if (x->f.name_size != y->f.name_size) return x->f.name_size < y->f.name_size ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static bool same_name(const found *x, const found *y) {
    return x->f.list == y->f.list && x->f.name_size == y->f.name_size && (!x->f.name_size || !memcmp(x->f.name, y->f.name, x->f.name_size));
}

fire_status fire_example_read(fire_context *ctx, const void *bytes, size_t size, fire_example **out, fire_error *err) {
    reader r = {.ctx = ctx, .arena = {.ctx = ctx}, .err = err};
    bool sequence;
    fire_feature *to = NULL;
    holder *h = NULL;
    fire_status s = fire_example_walk(bytes, size, take_entry, &r, &sequence, err);
    if (!s) {
        fire_sort(r.entry, r.n, sizeof *r.entry, by_name);
        h = fire_alloc(ctx, 1, sizeof *h, err);
        to = h ? fire_arena_alloc(&r.arena, (size_t)r.n, sizeof *to, err) : NULL;
        if (!to) s = FIRE_NOMEM;
    }
    int64_t n = 0;
    for (int64_t i = 0; i < r.n && !s; i++) {
        if (i + 1 < r.n && same_name(&r.entry[i], &r.entry[i + 1])) continue;
        if (!(s = values(&r, &r.entry[i]))) to[n++] = r.entry[i].f;
    }
    fire_free(ctx, r.entry);
    if (s) {
        fire_arena_free(&r.arena);
        fire_free(ctx, h);
        return s;
    }
    h->example = (fire_example){sequence, n, to};
    h->arena = r.arena;
    *out = &h->example;
    return FIRE_OK;
}

void fire_example_free(fire_context *ctx, fire_example *example) {
    if (!example) return;
    holder *h = (holder *)example; /* its first member */
    fire_arena_free(&h->arena);
    fire_free(ctx, h);
}

/* ---- writing: sizes first, so that every length is as short as can be ---- */

static int64_t varint_size(uint64_t v) {
    int64_t n = 1;
    while (v >>= 7) n++;
    return n;
}
static int64_t inside(int64_t size) { return 1 + varint_size((uint64_t)size) + size; } /* a field of kind 2 below 16 */

static void put_head(fire_buffer *b, uint32_t number, int64_t size) {
    fire_wire_put_varint(b, number << 3 | 2);
    fire_wire_put_varint(b, (uint64_t)size);
}

typedef struct run { fire_feature_kind kind; const void *values; int64_t n; } run; /* the values of a Feature */

static int64_t packed_size(const run *v) {
    if (v->kind == FIRE_FEATURE_FLOAT) return 4 * v->n;
    int64_t sum = 0;
    for (int64_t i = 0; i < v->n; i++) sum += varint_size((uint64_t)((const int64_t *)v->values)[i]);
    return sum;
}
static int64_t list_size(const run *v) {
    if (v->kind != FIRE_FEATURE_BYTES) return v->n ? inside(packed_size(v)) : 0;
    int64_t sum = 0;
    for (int64_t i = 0; i < v->n; i++) sum += inside((int64_t)((const fire_bytes *)v->values)[i].size);
    return sum;
}
static int64_t feature_size(const run *v) { return v->kind == FIRE_FEATURE_EMPTY ? 0 : inside(list_size(v)); }

static void put_feature(fire_buffer *b, const run *v) {
    if (v->kind == FIRE_FEATURE_EMPTY) return;
    put_head(b, (uint32_t)v->kind, list_size(v));
    if (v->kind == FIRE_FEATURE_BYTES) {
        for (int64_t i = 0; i < v->n; i++) {
            const fire_bytes *t = &((const fire_bytes *)v->values)[i];
            put_head(b, 1, (int64_t)t->size);
            fire_buffer_add(b, t->bytes, t->size);
        }
        return;
    }
    if (!v->n) return;
    put_head(b, 1, packed_size(v));
    if (v->kind == FIRE_FEATURE_FLOAT) fire_buffer_add(b, v->values, (size_t)v->n * 4);
    else for (int64_t i = 0; i < v->n; i++) fire_wire_put_varint(b, (uint64_t)((const int64_t *)v->values)[i]);
}

static run step_of(const fire_feature *f, int64_t step, int64_t at) {
    return (run){f->kind, f->values ? (const char *)f->values + (size_t)at * fire_feature_size(f->kind) : NULL, f->steps[step]};
}

/* Feature or FeatureList */
static int64_t body_size(const fire_feature *f) {
    if (!f->list) return feature_size(&(run){f->kind, f->values, f->n});
    int64_t sum = 0, at = 0;
    for (int64_t i = 0; i < f->n_steps; at += f->steps[i++]) {
        const run v = step_of(f, i, at);
        sum += inside(feature_size(&v));
    }
    return sum;
}
static int64_t entry_size(const fire_feature *f) { return inside((int64_t)f->name_size) + inside(body_size(f)); }

static void put_entry(fire_buffer *b, const fire_feature *f) {
    put_head(b, 1, entry_size(f));
    put_head(b, 1, (int64_t)f->name_size);
    fire_buffer_add(b, f->name, f->name_size);
    put_head(b, 2, body_size(f));
    if (!f->list) {
        put_feature(b, &(run){f->kind, f->values, f->n});
        return;
    }
    for (int64_t i = 0, at = 0; i < f->n_steps; at += f->steps[i++]) {
        const run v = step_of(f, i, at);
        put_head(b, 1, feature_size(&v));
        put_feature(b, &v);
    }
}

void fire_example_put(fire_buffer *b, const fire_example *e) {
    int64_t part[2] = {0, 0};
    for (int64_t i = 0; i < e->n; i++) part[e->feature[i].list] += inside(entry_size(&e->feature[i]));
    for (int list = 0; list <= e->sequence; list++) {
        put_head(b, list ? 2 : 1, part[list]);
        for (int64_t i = 0; i < e->n; i++)
            if (e->feature[i].list == list) put_entry(b, &e->feature[i]);
    }
}

/* Kinds, counts and names are such as can be written. */
static fire_status check(const fire_example *e, fire_error *err) {
    for (int64_t i = 0; i < e->n; i++) {
        const fire_feature *f = &e->feature[i];
        char shown[80];
        int64_t sum = 0;
        bool good = f->kind >= FIRE_FEATURE_EMPTY && f->kind <= FIRE_FEATURE_INT && f->n >= 0 && (!f->n || (f->values && f->kind != FIRE_FEATURE_EMPTY)) && (!f->list || e->sequence);
        for (int64_t k = 0; good && f->list && k < f->n_steps; k++) good = fire_add(sum, f->steps[k], &sum);
        if (good && f->list) good = sum == f->n;
        if (!good) return fire_fail(err, FIRE_E_USAGE, "fire_example_write: the feature '%s' has an unknown kind, lacks values, or its steps do not add up to %lld", fire_escape(shown, sizeof shown, f->name, f->name_size), (long long)f->n);
        if (!fire_utf8_check(f->name, f->name_size))
            return fire_fail(err, FIRE_E_USAGE, "fire_example_write: the name '%s' is not UTF-8", fire_escape(shown, sizeof shown, f->name, f->name_size));
    }
    return FIRE_OK;
}

fire_status fire_example_write(fire_context *ctx, const fire_example *e, void **bytes, size_t *size, fire_error *err) {
    fire_status s = check(e, err);
    if (s) return s;
    fire_buffer b = {.ctx = ctx};
    fire_example_put(&b, e);
    if (b.first.status) s = fire_fail(err, b.first.code, "%s", b.first.message);
    return fire_buffer_give(&b, s, bytes, size);
}
