/* tensorflow_bundle.c - checkpoints of TensorFlow. The index is a table of sorted blocks (the format of LevelDB: table_format.md), whose values are the
** messages of tensor_bundle.proto; the key "" holds the header. */
#include "formats/tensorflow_bundle.h"
#include "crc32c.h"
#include "formats/tensorflow.h"
#include <string.h>

#define FOOTER 48
#define TRAILER 5          /* behind a block: how it is compressed, and its checksum */
#define MAX_NAME 4096

static uint32_t u32(const uint8_t *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24; }

static bool varint(const uint8_t **p, const uint8_t *end, uint64_t *v) {
    uint8_t byte = 0x80;
    *v = 0;
    for (int shift = 0; *p < end && shift < 64 && byte & 0x80; shift += 7) *v |= (uint64_t)((byte = *(*p)++) & 0x7f) << shift;
    return !(byte & 0x80);
}

typedef struct block { const uint8_t *at, *end, *base; uint8_t *own; } block; /* its entries; base: places are counted from there: the file, or own: what was compressed in it */

/* Snappy (format_description.txt): a length, then bytes as they are and copies of what came before. */
static bool unpack(const uint8_t *p, const uint8_t *end, uint8_t *to, size_t size) {
    size_t n = 0;
    while (p < end) {
        const uint8_t tag = *p++;
        const int kind = tag & 3, more = kind ? (kind == 3 ? 4 : kind) : tag >> 2 >= 60 ? (tag >> 2) - 59 : 0; /* bytes of a number behind the tag */
        size_t length = (size_t)(tag >> 2) + 1, number = 0;
        if (end - p < more) return false;
        for (int i = 0; i < more; i++) number |= (size_t)*p++ << 8 * i;
        if (kind == 1) length = (size_t)(tag >> 2 & 7) + 4, number |= (size_t)(tag >> 5) << 8;
        if (!kind && more) length = number + 1;
        if (length > size - n) return false;
        if (!kind) {
            if (length > (size_t)(end - p)) return false;
            memcpy(to + n, p, length);
            p += length, n += length;
            continue;
        }
        if (!number || number > n) return false;
        for (; length; length--, n++) to[n] = to[n - number];
    }
    return n == size;
}

/* The block at offset and size; its trailer stands behind it. */
static fire_status open_block(fire_span f, uint64_t offset, uint64_t size, fire_context *ctx, block *b, fire_error *err) {
    *b = (block){.base = f.bytes};
    if (f.size < TRAILER || offset > f.size - TRAILER || size > f.size - TRAILER - offset || size < 4)
        return fire_fail(err, FIRE_E_TRUNCATED, "the index has a block of %llu bytes at byte %llu, but ends at byte %zu", (unsigned long long)size, (unsigned long long)offset, f.size);
    const uint8_t *p = f.bytes + offset;
    if (p[size] > 1) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "the block of the index at byte %llu is compressed in the unknown way %d", (unsigned long long)offset, p[size]);
    const uint32_t found = fire_crc32c(0, p, (size_t)size + 1), said = fire_crc32c_unmask(u32(p + size + 1));
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    if (found != said) return fire_fail(err, FIRE_E_CORRUPT, "the block of the index at byte %llu has checksum %08x, expected %08x", (unsigned long long)offset, found, said);
#endif
    (void)found, (void)said;
    if (p[size] == 1) {
        const uint8_t *from = p, *end = p + size;
        uint64_t whole;
        if (!varint(&from, end, &whole) || whole < 4 || whole / 22 > size || whole > ((uint64_t)16 << 20) + 4 * f.size) return fire_fail(err, FIRE_E_CORRUPT, "the compressed block of the index at byte %llu has no length", (unsigned long long)offset);
        if (!(b->own = fire_alloc(ctx, (size_t)whole, 1, err))) return FIRE_NOMEM;
        if (!unpack(from, end, b->own, (size_t)whole)) return fire_fail(err, FIRE_E_CORRUPT, "the compressed block of the index at byte %llu is broken", (unsigned long long)offset);
        b->base = p = b->own, size = whole;
    }
    const uint64_t restarts = u32(p + size - 4);
    if (restarts > (size - 4) / 4) return fire_fail(err, FIRE_E_CORRUPT, "the block of the index at byte %llu has %llu restarts", (unsigned long long)offset, (unsigned long long)restarts);
    b->at = p, b->end = p + size - 4 - 4 * restarts;
    return FIRE_OK;
}

/* The next entry: name[*n], which holds the one before, and its value. */
static fire_status next_entry(block *b, uint8_t name[MAX_NAME], size_t *n, fire_span *value, fire_error *err) {
    uint64_t shared, own, size;
    const long long at = (long long)(b->at - b->base);
    if (!varint(&b->at, b->end, &shared) || !varint(&b->at, b->end, &own) || !varint(&b->at, b->end, &size) || shared > *n || own > MAX_NAME - shared
        || own > (uint64_t)(b->end - b->at) || size > (uint64_t)(b->end - b->at) - own)
        return fire_fail(err, FIRE_E_CORRUPT, "the index has a broken entry at byte %lld", at);
    memcpy(name + shared, b->at, own);
    *n = (size_t)(shared + own);
    *value = (fire_span){b->at + own, (size_t)size};
    b->at += own + size;
    return FIRE_OK;
}

static fire_status read_entry(const uint8_t *base, fire_span value, fire_tf_entry *e, fire_error *err) {
    fire_wire w = {base, value.bytes, value.bytes + value.size, 0};
    fire_wire_field d;
    bool more;
    fire_status s;
    while (!(s = fire_wire_next(&w, &d, &more, err)) && more) {
        if (d.number == 2) { if ((s = fire_tensorflow_shape(&w, &d, &e->rank, e->dim, err))) return s; continue; }
        if (d.number == 7) { e->sliced = true; continue; }
        if (d.number <= 6 && d.kind != (d.number == 6 ? 5 : 0)) return fire_fail(err, FIRE_E_CORRUPT, "field %u before byte %lld has wire type %u", d.number, (long long)(w.at - base), d.kind);
        if (d.number == 1) e->type = d.value;
        else if (d.number == 3) e->shard = d.value;
        else if (d.number == 4) e->offset = d.value;
        else if (d.number == 5) e->size = d.value;
        else if (d.number == 6) e->crc = (uint32_t)d.value;
    }
    return s;
}

static fire_status read_header(const uint8_t *base, fire_span value, fire_tf_bundle *to, fire_error *err) {
    fire_wire w = {base, value.bytes, value.bytes + value.size, 0};
    fire_wire_field d;
    bool more;
    fire_status s;
    while (!(s = fire_wire_next(&w, &d, &more, err)) && more) {
        if (d.number == 1 && d.kind == 0) to->shards = d.value;
        if (d.number == 2 && d.kind == 0 && d.value) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "the checkpoint is big-endian");
    }
    return s;
}

/* All entries of a data block. keys: how many bytes of names may still be made. */
static fire_status read_block(block b, fire_tf_bundle *to, int64_t *capacity, int64_t *keys, fire_error *err) {
    uint8_t name[MAX_NAME];
    size_t n = 0;
    fire_span value;
    fire_status s = FIRE_OK;
    while (!s && b.at < b.end && !(s = next_entry(&b, name, &n, &value, err))) {
        if (!n) { s = read_header(b.base, value, to, err); continue; }
        if ((*keys -= (int64_t)n) < 0) return fire_fail(err, FIRE_E_CORRUPT, "the names in the index are longer than it can hold");
        if ((s = fire_grow(to->ctx, &to->entry, capacity, to->n_entries + 1, sizeof *to->entry, err))) return s;
        uint8_t *own = fire_arena_alloc(&to->arena, n, 1, err);
        if (!own) return FIRE_NOMEM;
        memcpy(own, name, n);
        fire_tf_entry *e = &to->entry[to->n_entries];
        *e = (fire_tf_entry){.name = {own, n}};
        if (to->n_entries && fire_span_compare(e[-1].name, e->name) >= 0) return fire_fail(err, FIRE_E_CORRUPT, "the names in the index are not in order at byte %lld", (long long)(value.bytes - b.base));
        to->n_entries++;
        s = read_entry(b.base, value, e, err);
    }
    return s;
}

fire_status fire_bundle_read(fire_context *ctx, fire_span f, fire_tf_bundle *to, fire_error *err) {
    static const uint8_t magic[8] = {0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb};
    *to = (fire_tf_bundle){.ctx = ctx, .arena = {.ctx = ctx}, .shards = 1};
    if (f.size < FOOTER || memcmp(f.bytes + f.size - 8, magic, 8)) return fire_fail(err, FIRE_E_CORRUPT, "the index does not end as an index of a checkpoint does");
    const uint8_t *p = f.bytes + f.size - FOOTER, *end = p + FOOTER - 8;
    uint64_t offset, size;
    if (!varint(&p, end, &offset) || !varint(&p, end, &size) || !varint(&p, end, &offset) || !varint(&p, end, &size)) return fire_fail(err, FIRE_E_CORRUPT, "the index has a broken footer");
    block outer, inner;
    uint8_t name[MAX_NAME];
    size_t n = 0;
    uint64_t left = f.size;
    fire_span handle;
    int64_t capacity = 0, keys = 16 * (int64_t)f.size + (1 << 20);
    fire_status s = open_block(f, offset, size, ctx, &outer, err);
    while (!s && outer.at < outer.end && !(s = next_entry(&outer, name, &n, &handle, err))) {
        p = handle.bytes, end = p + handle.size;
        if (!varint(&p, end, &offset) || !varint(&p, end, &size)) s = fire_fail(err, FIRE_E_CORRUPT, "the index has a broken entry before byte %lld", (long long)(end - outer.base));
        if (size > left) s = fire_fail(err, FIRE_E_CORRUPT, "the blocks of the index are larger than it");
        if (s) break;
        left -= size;
        s = open_block(f, offset, size, ctx, &inner, err);
        if (!s) s = read_block(inner, to, &capacity, &keys, err);
        fire_free(ctx, inner.own);
    }
    fire_free(ctx, outer.own);
    return s;
}

void fire_bundle_clear(fire_tf_bundle *b) {
    if (!b->ctx) return;
    fire_free(b->ctx, b->entry);
    fire_arena_free(&b->arena);
    *b = (fire_tf_bundle){0};
}

fire_tf_entry *fire_bundle_find(const fire_tf_bundle *b, fire_span name) {
    for (int64_t low = 0, high = b->n_entries; low < high;) {
        int64_t mid = low + (high - low) / 2;
        int c = fire_span_compare(name, b->entry[mid].name);
        if (!c) return &b->entry[mid];
        if (c < 0) high = mid;
        else low = mid + 1;
    }
    return NULL;
}

fire_status fire_bundle_tensor(fire_tf_entry *e, fire_span file, fire_tensor *out, fire_error *err) {
    char name[120];
    int64_t bytes;
    fire_escape(name, sizeof name, (const char *)e->name.bytes, e->name.size);
    *out = (fire_tensor){.type = fire_tensorflow_type(e->type), .shape = {.rank = e->rank}};
    if (!out->type) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "'%s' of the checkpoint has element type %llu of TensorFlow, which this version does not read", name, (unsigned long long)e->type);
    if (e->sliced) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "'%s' of the checkpoint is stored in slices", name);
    if (e->rank < 0 || e->rank > FIRE_MAX_RANK) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "'%s' of the checkpoint has %d dimensions, expected at most %d", name, (int)e->rank, FIRE_MAX_RANK);
    for (int d = 0; d < e->rank; d++)
        if ((out->shape.dim[d] = e->dim[d]) < 0) return fire_fail(err, FIRE_E_CORRUPT, "'%s' of the checkpoint has a negative dimension", name);
    if (!fire_mul(fire_count(&out->shape), (int64_t)fire_type_size(out->type), &bytes) || (uint64_t)bytes != e->size)
        return fire_fail(err, FIRE_E_CORRUPT, "'%s' of the checkpoint has %llu bytes, which its shape does not fit", name, (unsigned long long)e->size);
    if (e->offset > file.size || e->size > file.size - e->offset)
        return fire_fail(err, FIRE_E_TRUNCATED, "'%s' of the checkpoint lies at byte %llu, but its file ends at byte %zu", name, (unsigned long long)e->offset, file.size);
    out->data = (void *)(file.bytes + e->offset);
    if (e->checked) return FIRE_OK;
    const uint32_t found = fire_crc32c(0, out->data, (size_t)e->size), said = fire_crc32c_unmask(e->crc);
    e->checked = found == said;
    if (!e->checked) return fire_fail(err, FIRE_E_CORRUPT, "'%s' of the checkpoint has checksum %08x, expected %08x", name, found, said);
    return FIRE_OK;
}
