/* example_arrow.c - rows of an Arrow record batch written as tf.train.Examples. */
#include "arrow.h"
#include "formats/example.h"
#include "formats/tfrecord.h"
#include "json.h"
#include "sort.h"
#include <string.h>

typedef struct level { char kind; const uint8_t *valid; const void *offsets; int64_t offset, size, length; } level; /* a list: l L w, as in fire_level */

typedef struct column {
    const char *name;
    int32_t lists;
    level list[2];
    char type;                 /* of the leaf: Arrow's letter */
    const uint8_t *valid;      /* of the leaf */
    const void *data, *text;   /* values, or offsets of texts; bytes of texts */
    int64_t offset, length;
    uint8_t *scratch;          /* converted values, or fire_bytes */
    int64_t scratch_capacity;
    int64_t *steps;
    int64_t steps_capacity;
} column;

_Static_assert(sizeof(column) <= FIRE_SORT_SIZE, "columns are sorted");

static bool bit(const uint8_t *bits, int64_t at) { return bits[at / 8] >> at % 8 & 1; }

static fire_status wrong(const column *c, int32_t code, const char *what, fire_error *err) {
    char shown[80];
    return fire_fail(err, code, "column '%s' %s", fire_escape(shown, sizeof shown, c->name, strlen(c->name)), what);
}

static fire_status open_column(column *c, const struct ArrowSchema *s, const struct ArrowArray *a, fire_error *err) {
    fire_status st;
    c->name = s && s->name ? s->name : "";
    while (s && s->format && s->format[0] == '+' && s->format[1] && strchr("lLw", s->format[1])) {
        if (c->lists == 2) return wrong(c, FIRE_E_COLUMN_TYPE, "has lists of lists of lists; an example has at most lists of lists", err);
        level *l = &c->list[c->lists++];
        const bool fixed = s->format[1] == 'w';
        if ((st = fire_arrow_check(s, a, fixed ? 1 : 2, 1, c->name, &l->valid, err))) return st;
        *l = (level){s->format[1], l->valid, fixed ? NULL : a->buffers[1], a->offset, 0, a->length};
        if (!fixed && !l->offsets && a->length) return wrong(c, FIRE_E_ARROW, "has lists without offsets", err);
        const char *p = s->format + 2;
        bool good = !fixed || (*p++ == ':' && *p);
        for (; fixed && good && *p; p++) {
            good = *p >= '0' && *p <= '9' && l->size <= INT32_MAX;
            l->size = l->size * 10 + (*p - '0');
        }
        if (!good) return wrong(c, FIRE_E_ARROW, "is a fixed-size list that does not tell its size", err);
        a = a->children[0];
        s = s->children[0];
    }
    if (!s || !s->format || !a) return wrong(c, FIRE_E_ARROW, "lacks a child or its format", err);
    if (strlen(s->format) != 1 || !strchr("cCsSiIlLfgbuUzZ", s->format[0])) {
        char shown[80], format[40];
        return fire_fail(err, FIRE_E_COLUMN_TYPE, "column '%s' has Arrow type '%s'; an example holds whole numbers, floats, booleans, texts, bytes and lists of them",
                         fire_escape(shown, sizeof shown, c->name, strlen(c->name)), fire_escape(format, sizeof format, s->format, strlen(s->format)));
    }
    c->type = s->format[0];
    const bool text = strchr("uUzZ", c->type) != NULL;
    if ((st = fire_arrow_check(s, a, text ? 3 : 2, 0, c->name, &c->valid, err))) return st;
    c->data = a->buffers[1];
    c->text = text ? a->buffers[2] : NULL;
    c->offset = a->offset;
    c->length = a->length;
    return c->data || !a->length ? FIRE_OK : wrong(c, FIRE_E_ARROW, "has rows but no data", err);
}

/* What row r of a list holds: [*from, *to) of what is inside, which has `inside` entries. */
static fire_status range(const column *c, const level *l, int64_t r, int64_t inside, int64_t *from, int64_t *to, fire_error *err) {
    if (r >= l->length) return wrong(c, FIRE_E_ARROW, "is shorter than its lists say", err);
    r += l->offset;
    if (l->kind == 'w') {
        if (!fire_mul(r, l->size, from) || !fire_add(*from, l->size, to)) *from = -1;
    } else if (l->kind == 'l') {
        *from = ((const int32_t *)l->offsets)[r];
        *to = ((const int32_t *)l->offsets)[r + 1];
    } else {
        *from = ((const int64_t *)l->offsets)[r];
        *to = ((const int64_t *)l->offsets)[r + 1];
    }
    return *from >= 0 && *from <= *to && *to <= inside ? FIRE_OK : wrong(c, FIRE_E_ARROW, "has an offset outside of its values", err);
}

static fire_feature_kind kind_of(char type) { return strchr("uUzZ", type) ? FIRE_FEATURE_BYTES : type == 'f' || type == 'g' ? FIRE_FEATURE_FLOAT : FIRE_FEATURE_INT; }

static fire_status whole(const column *c, int64_t i, int64_t *v, fire_error *err) {
    switch (c->type) {
    case 'b': *v = bit(c->data, i); break;
    case 'c': *v = ((const int8_t *)c->data)[i]; break;
    case 'C': *v = ((const uint8_t *)c->data)[i]; break;
    case 's': *v = ((const int16_t *)c->data)[i]; break;
    case 'S': *v = ((const uint16_t *)c->data)[i]; break;
    case 'i': *v = ((const int32_t *)c->data)[i]; break;
    case 'I': *v = ((const uint32_t *)c->data)[i]; break;
    case 'l': *v = ((const int64_t *)c->data)[i]; break;
    default:
        if (((const uint64_t *)c->data)[i] > INT64_MAX) return wrong(c, FIRE_E_DATA_FILE, "holds a whole number of 64 bits that int64 has not", err);
        *v = (int64_t)((const uint64_t *)c->data)[i];
    }
    return FIRE_OK;
}

static fire_status text(const column *c, int64_t i, fire_bytes *v, fire_error *err) {
    int64_t from, to;
    if (c->type == 'u' || c->type == 'z') from = ((const int32_t *)c->data)[i], to = ((const int32_t *)c->data)[i + 1];
    else from = ((const int64_t *)c->data)[i], to = ((const int64_t *)c->data)[i + 1];
    if (from < 0 || from > to || (to > from && !c->text)) return wrong(c, FIRE_E_ARROW, "has a text with impossible offsets", err);
    *v = (fire_bytes){to > from ? (const char *)c->text + from : "", (size_t)(to - from)};
    return FIRE_OK;
}

/* Leaf values [from, to) become those of a feature; a whole run in the right type is pointed at. */
static fire_status leaves(column *c, fire_context *ctx, int64_t from, int64_t to, fire_feature *f, fire_error *err) {
    fire_status s = FIRE_OK;
    int64_t bytes;
    f->n = to - from;
    if (to > c->length) return wrong(c, FIRE_E_ARROW, "is shorter than its lists say", err);
    for (int64_t i = from; c->valid && i < to; i++)
        if (!bit(c->valid, c->offset + i)) return wrong(c, FIRE_E_NULL_VALUE, "has a null inside a list; an example has no place for it", err);
    from += c->offset;
    if (c->type == 'l' || c->type == 'f') {
        f->values = c->data ? (const char *)c->data + from * (c->type == 'l' ? 8 : 4) : NULL;
        return FIRE_OK;
    }
    if (!fire_mul(f->n, (int64_t)fire_feature_size(f->kind), &bytes)) return wrong(c, FIRE_E_ARROW, "is too large", err);
    if ((s = fire_grow(ctx, &c->scratch, &c->scratch_capacity, bytes, 1, err))) return s;
    for (int64_t i = 0; i < f->n && !s; i++) {
        if (f->kind == FIRE_FEATURE_BYTES) s = text(c, from + i, (fire_bytes *)c->scratch + i, err);
        else if (f->kind == FIRE_FEATURE_INT) s = whole(c, from + i, (int64_t *)c->scratch + i, err);
        else ((float *)c->scratch)[i] = (float)((const double *)c->data)[from + i];
    }
    f->values = c->scratch;
    return s;
}

/* Row r of a column as a feature; *there false: null. */
static fire_status feature_of(column *c, fire_context *ctx, int64_t r, fire_feature *f, bool *there, fire_error *err) {
    fire_status s;
    int64_t from = r, to = r + 1;
    const uint8_t *valid = c->lists ? c->list[0].valid : c->valid;
    *f = (fire_feature){.name = c->name, .name_size = strlen(c->name), .kind = kind_of(c->type), .list = c->lists == 2};
    *there = !valid || bit(valid, (c->lists ? c->list[0].offset : c->offset) + r);
    if (!*there) return FIRE_OK;
    if (c->lists && (s = range(c, &c->list[0], r, c->lists == 2 ? c->list[1].length : c->length, &from, &to, err))) return s;
    if (c->lists == 2) {
        int64_t first = -1, last = 0, begin, end;
        if ((s = fire_grow(ctx, &c->steps, &c->steps_capacity, to - from, sizeof *c->steps, err))) return s;
        for (int64_t i = from; i < to; i++) {
            if (c->list[1].valid && !bit(c->list[1].valid, c->list[1].offset + i)) return wrong(c, FIRE_E_NULL_VALUE, "has a null inside a list; an example has no place for it", err);
            if ((s = range(c, &c->list[1], i, c->length, &begin, &end, err))) return s;
            if (first < 0) first = begin;
            else if (begin != last) return wrong(c, FIRE_E_ARROW, "has inner lists that do not follow one another", err);
            last = end;
            c->steps[i - from] = end - begin;
        }
        f->n_steps = to - from;
        f->steps = c->steps;
        from = first < 0 ? 0 : first;
        to = last;
    }
    return leaves(c, ctx, from, to, f, err);
}

static int by_name(const void *a, const void *b) { return strcmp(((const column *)a)->name, ((const column *)b)->name); }

fire_status fire_record_writer_add_arrow(fire_record_writer *w, const struct ArrowSchema *schema, const struct ArrowArray *batch, bool sequence, fire_error *err) {
    fire_context *ctx = fire_record_writer_context(w);
    if (!schema || !batch || !schema->format || strcmp(schema->format, "+s") || schema->n_children < 0 || schema->n_children != batch->n_children
        || (schema->n_children && (!schema->children || !batch->children)) || batch->length < 0 || batch->offset < 0)
        return fire_fail(err, FIRE_E_ARROW, "the batch is not a struct of columns; pass a record batch");
    const int64_t n = schema->n_children;
    column *c = fire_alloc(ctx, (size_t)n, sizeof *c, err);
    fire_feature *f = c ? fire_alloc(ctx, (size_t)n, sizeof *f, err) : NULL;
    fire_status s = f ? FIRE_OK : FIRE_NOMEM;
    fire_buffer b = {.ctx = ctx};
    for (int64_t i = 0; i < n && !s; i++) {
        s = open_column(&c[i], schema->children[i], batch->children[i], err);
        if (!s && !fire_utf8_check(c[i].name, strlen(c[i].name))) s = wrong(&c[i], FIRE_E_ARROW, "has a name that is not UTF-8", err);
        if (!s && (c[i].lists ? c[i].list[0].length : c[i].length) < batch->offset + batch->length) s = wrong(&c[i], FIRE_E_ARROW, "is shorter than the batch", err);
        sequence |= c[i].lists == 2;
    }
    if (!s) fire_sort(c, n, sizeof *c, by_name);
    for (int64_t r = batch->offset; r < batch->offset + batch->length && !s; r++) { /* a sliced struct's offset applies to its columns as well */
        int64_t k = 0;
        for (int64_t i = 0; i < n && !s; i++) {
            bool there;
            s = feature_of(&c[i], ctx, r, &f[k], &there, err);
            k += !s && there;
        }
        if (s) break;
        b.size = 0;
        fire_example_put(&b, &(fire_example){sequence, k, f});
        s = b.first.status ? fire_fail(err, b.first.code, "%s", b.first.message) : fire_record_writer_add(w, b.data, (size_t)b.size, err);
    }
    for (int64_t i = 0; c && i < n; i++) {
        fire_free(ctx, c[i].scratch);
        fire_free(ctx, c[i].steps);
    }
    fire_buffer_free(&b);
    fire_free(ctx, c);
    fire_free(ctx, f);
    return s;
}
