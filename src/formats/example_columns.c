/* example_columns.c - records of tf.train.Examples decoded into columns, many at a time, as Arrow lays them out.
**
** A record is walked once to find the features that are wanted, each by its name; then they are decoded column by column, straight into the column's buffer where the
** types are the same. A record that does not fit takes its beginnings back and becomes a row of nulls, is left out, or ends the reading. Buffers are kept from one
** batch to the next, so that reading a file allocates only while they grow.
*/
#include "formats/example.h"
#include "formats/tfrecord.h"
#include "json.h"
#include "sort.h"
#include <stdio.h>
#include <string.h>

typedef struct extent { int64_t nulls, lists, values, bytes; } extent; /* of a column: nulls, inner lists, leaf values, bytes of texts */

typedef struct column {
    char *name;
    size_t name_size;
    char type;
    int32_t lists, at;         /* at: the place that the caller gave it */
    extent n, before;          /* before: the record at hand */
    uint8_t *valid;            /* bit per row */
    int32_t *offsets[2];       /* [rows + 1], [n.lists + 1] */
    int32_t *texts;            /* [n.values + 1] */
    uint8_t *data;
    int64_t valid_capacity, offsets_capacity[2], texts_capacity, data_capacity;
    fire_wire body;            /* of the record at hand, when `there` */
    bool there;
} column;

struct fire_examples {
    fire_context *ctx;
    int32_t n, next;           /* next: where the feature after the last one may be, as records mostly have one order */
    column *column;            /* sorted by name */
    fire_malformed malformed;
    column *blame;
    int64_t rows;
    uint8_t *scratch;          /* values before their conversion */
    int64_t scratch_capacity;
};

_Static_assert(sizeof(column) <= FIRE_SORT_SIZE, "columns are sorted");

static bool is_text(const column *c) { return c->type == 'u' || c->type == 'z'; }
static int64_t width(char type) { return type == 'l' || type == 'g' ? 8 : type == 'i' || type == 'f' ? 4 : type == 's' ? 2 : 1; }

/* ---- columns that grow ---- */

static void set_bit(uint8_t *bits, int64_t at, bool value) {
    if (value) bits[at / 8] |= (uint8_t)(1u << at % 8);
    else bits[at / 8] &= (uint8_t)~(1u << at % 8);
}

static fire_status too_large(const column *c, fire_error *err) {
    char shown[80];
    return fire_fail(err, FIRE_E_DATA_FILE, "the feature '%s' has more than 2 GiB", fire_escape(shown, sizeof shown, c->name, c->name_size));
}

/* Room for `more` leaf values of a number column. */
static fire_status room(fire_examples *e, column *c, int64_t more, fire_error *err) {
    if (more > INT32_MAX - c->n.values) return too_large(c, err);
    const int64_t values = c->n.values + more;
    return fire_grow(e->ctx, &c->data, &c->data_capacity, c->type == 'b' ? values / 8 + 1 : values * width(c->type), 1, err);
}

static fire_status add_text(fire_examples *e, column *c, const void *bytes, size_t size, fire_error *err) {
    if (size > (size_t)(INT32_MAX - c->n.bytes) || c->n.values >= INT32_MAX - 1) return too_large(c, err);
    fire_status s = fire_grow(e->ctx, &c->texts, &c->texts_capacity, c->n.values + 2, sizeof *c->texts, err);
    if (!s) s = fire_grow(e->ctx, &c->data, &c->data_capacity, c->n.bytes + (int64_t)size, 1, err);
    if (s) return s;
    if (size) memcpy(c->data + c->n.bytes, bytes, size);
    c->n.bytes += (int64_t)size;
    c->texts[++c->n.values] = (int32_t)c->n.bytes;
    return FIRE_OK;
}

/* The end of list `level`, which has `inside` things in all. */
static fire_status end_list(fire_examples *e, column *c, int level, int64_t at, int64_t inside, fire_error *err) {
    if (at >= INT32_MAX - 1) return too_large(c, err);
    fire_status s = fire_grow(e->ctx, &c->offsets[level], &c->offsets_capacity[level], at + 2, sizeof *c->offsets[level], err);
    if (!s) c->offsets[level][at + 1] = (int32_t)inside;
    return s;
}

static fire_status end_row(fire_examples *e, column *c, bool there, fire_error *err) {
    fire_status s = fire_grow(e->ctx, &c->valid, &c->valid_capacity, e->rows / 8 + 1, 1, err);
    if (!s && c->lists) s = end_list(e, c, 0, e->rows, c->lists == 2 ? c->n.lists : c->n.values, err);
    if (s) return s;
    set_bit(c->valid, e->rows, there);
    c->n.nulls += !there;
    return FIRE_OK;
}

static fire_status add_null(fire_examples *e, column *c, fire_error *err) {
    if (!c->lists) { /* a place is there all the same */
        fire_status s = is_text(c) ? add_text(e, c, NULL, 0, err) : room(e, c, 1, err);
        if (s) return s;
        if (c->type == 'b') set_bit(c->data, c->n.values++, false);
        else if (!is_text(c)) memset(c->data + c->n.values++ * width(c->type), 0, (size_t)width(c->type));
    }
    return end_row(e, c, false, err);
}

/* ---- values of one feature ---- */

static fire_status misfit(const column *c, fire_error *err, const char *what) {
    char shown[80];
    return fire_fail(err, FIRE_E_DATA_FILE, "the feature '%s' %s", fire_escape(shown, sizeof shown, c->name, c->name_size), what);
}

static fire_status wrong_kind(const column *c, fire_feature_kind kind, fire_error *err) {
    static const char *const found[] = {"nothing", "bytes", "floats", "whole numbers"};
    char what[100];
    snprintf(what, sizeof what, "holds %s, expected %s", found[kind], is_text(c) ? "bytes" : c->type == 'f' || c->type == 'g' ? "floats" : "whole numbers");
    return misfit(c, err, what);
}

static fire_status add_whole(column *c, const int64_t *v, int64_t n, fire_error *err) {
    static const char letters[] = "sci";
    static const int64_t most[] = {INT16_MAX, INT8_MAX, INT32_MAX};
    const char *letter = strchr(letters, c->type);
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = c->n.values++;
        if (letter && (v[i] > most[letter - letters] || v[i] < -most[letter - letters] - 1)) {
            char what[100];
            snprintf(what, sizeof what, "holds %lld, which does not fit into %lld bits", (long long)v[i], (long long)(8 * width(c->type)));
            return misfit(c, err, what);
        }
        switch (c->type) {
        case 'b': set_bit(c->data, at, v[i] != 0); break;
        case 'c': ((int8_t *)c->data)[at] = (int8_t)v[i]; break;
        case 's': ((int16_t *)c->data)[at] = (int16_t)v[i]; break;
        case 'i': ((int32_t *)c->data)[at] = (int32_t)v[i]; break;
        case 'f': ((float *)c->data)[at] = (float)v[i]; break;
        default: ((double *)c->data)[at] = (double)v[i];
        }
    }
    return FIRE_OK;
}

/* The values of one Feature; *n: how many. A feature of no kind has none. */
static fire_status add_feature(fire_examples *e, column *c, const fire_wire *body, bool one, int64_t *n, fire_error *err) {
    fire_feature_kind kind;
    *n = 0;
    fire_status s = fire_feature_read(body, &kind, NULL, n, err);
    if (s || !*n) return s;
    if (one && *n > 1) {
        char what[100];
        snprintf(what, sizeof what, "has %lld values, expected one", (long long)*n);
        return misfit(c, err, what);
    }
    if (is_text(c) != (kind == FIRE_FEATURE_BYTES) || (kind == FIRE_FEATURE_FLOAT && c->type != 'f' && c->type != 'g')) return wrong_kind(c, kind, err);
    const bool same = (c->type == 'l' && kind == FIRE_FEATURE_INT) || (c->type == 'f' && kind == FIRE_FEATURE_FLOAT);
    if (!is_text(c) && (s = room(e, c, *n, err))) return s;
    int64_t again = 0;
    if (same) {
        s = fire_feature_read(body, &kind, c->data + c->n.values * width(c->type), &again, err);
        c->n.values += *n;
        return s;
    }
    int64_t bytes;
    if (!fire_mul(*n, (int64_t)fire_feature_size(kind), &bytes)) return too_large(c, err);
    if ((s = fire_grow(e->ctx, &e->scratch, &e->scratch_capacity, bytes, 1, err)) || (s = fire_feature_read(body, &kind, e->scratch, &again, err))) return s;
    if (kind == FIRE_FEATURE_INT) return add_whole(c, (const int64_t *)e->scratch, *n, err);
    if (kind == FIRE_FEATURE_FLOAT) {
        for (int64_t i = 0; i < *n; i++) ((double *)c->data)[c->n.values++] = (double)((const float *)e->scratch)[i];
        return FIRE_OK;
    }
    const fire_bytes *text = (const fire_bytes *)e->scratch;
    for (int64_t i = 0; i < *n; i++) {
        if (c->type == 'u' && !fire_utf8_check(text[i].bytes, text[i].size)) return misfit(c, err, "holds bytes that are not UTF-8; read it as binary");
        if ((s = add_text(e, c, text[i].bytes, text[i].size, err))) return s;
    }
    return FIRE_OK;
}

/* The record's row of one column. */
static fire_status add_row(fire_examples *e, column *c, fire_error *err) {
    fire_status s;
    int64_t n;
    bool more;
    if (!c->there) return add_null(e, c, err);
    if (c->lists < 2) {
        if ((s = add_feature(e, c, &c->body, !c->lists, &n, err))) return s;
        if (!n && c->lists) { /* an empty list of some kind, or a feature of none */
            fire_feature_kind kind;
            int64_t none = 0;
            if ((s = fire_feature_read(&c->body, &kind, NULL, &none, err))) return s;
            return end_row(e, c, kind != FIRE_FEATURE_EMPTY, err);
        }
        return n ? end_row(e, c, true, err) : add_null(e, c, err);
    }
    fire_wire in = c->body, body;
    while (!(s = fire_feature_list_next(&in, &body, &more, err)) && more) {
        if ((s = add_feature(e, c, &body, false, &n, err)) || (s = end_list(e, c, 1, c->n.lists, c->n.values, err))) return s;
        c->n.lists++;
    }
    return s ? s : end_row(e, c, true, err);
}

/* ---- records ---- */

static int compare_names(const char *a, size_t a_size, const char *b, size_t b_size) {
    const size_t n = a_size < b_size ? a_size : b_size;
    const int d = n ? memcmp(a, b, n) : 0;
    return d ? d : (a_size > b_size) - (a_size < b_size);
}
static int by_name(const void *a, const void *b) {
    const column *x = a, *y = b;
    return compare_names(x->name, x->name_size, y->name, y->name_size);
}

static column *find(fire_examples *e, const char *name, size_t name_size) {
    if (e->next < e->n && e->column[e->next].name_size == name_size && !memcmp(e->column[e->next].name, name, name_size)) return &e->column[e->next++];
    for (int32_t low = 0, high = e->n; low < high;) {
        const int32_t middle = low + (high - low) / 2;
        const int d = compare_names(name, name_size, e->column[middle].name, e->column[middle].name_size);
        if (!d) {
            e->next = middle + 1;
            return &e->column[middle];
        }
        if (d < 0) high = middle;
        else low = middle + 1;
    }
    return NULL;
}

static fire_status entry(void *user, const char *name, size_t name_size, bool list, const fire_wire *body, fire_error *err) {
    column *c = find(user, name, name_size);
    if (c && c != ((fire_examples *)user)->blame && list == (c->lists == 2)) {
        c->body = *body;
        c->there = true;
    }
    return FIRE_OK;
}

static fire_status add_record(fire_examples *e, const void *bytes, size_t size, fire_error *err) {
    bool sequence;
    for (int32_t i = 0; i < e->n; i++) e->column[i].there = false;
    e->next = 0;
    fire_status s = fire_example_walk(bytes, size, entry, e, &sequence, err);
    for (int32_t i = 0; i < e->n && !s; i++) s = add_row(e, &e->column[i], err);
    return s;
}

static fire_status add_nulls(fire_examples *e, const void *bytes, size_t size, const char *why, fire_error *err) {
    fire_status s = FIRE_OK;
    for (int32_t i = 0; i < e->n && !s; i++) {
        column *c = &e->column[i];
        if (c != e->blame) s = add_null(e, c, err);
        else if (!(s = c->type == 'u' ? add_text(e, c, why, strlen(why), err) : add_text(e, c, bytes, bytes ? size : 0, err))) s = end_row(e, c, true, err);
    }
    return s;
}

static bool is_malformed(int32_t code) { return code == FIRE_E_DATA_FILE || code == FIRE_E_CORRUPT || code == FIRE_E_TRUNCATED; }

static int64_t size_of(const fire_examples *e) {
    int64_t sum = 0;
    for (int32_t i = 0; i < e->n; i++) {
        const column *c = &e->column[i];
        sum += is_text(c) ? c->n.bytes + 4 * c->n.values : c->n.values * width(c->type);
    }
    return sum;
}

fire_status fire_examples_read(fire_examples *e, fire_records *r, int64_t rows, int64_t bytes, int64_t *n, fire_error *err) {
    fire_error why;
    fire_status s = FIRE_OK;
    *n = e->rows = 0;
    for (int32_t i = 0; i < e->n; i++) e->column[i].n = (extent){0};
    while (e->rows < rows && size_of(e) < bytes) {
        const void *record;
        size_t size;
        for (int32_t i = 0; i < e->n; i++) e->column[i].before = e->column[i].n;
        s = fire_records_next(r, &record, &size, &why);
        if (!s && !record) break;
        if (!s && (s = add_record(e, record, size, &why)) && is_malformed(why.code)) {
            const fire_error inside = why;
            s = fire_records_blame(r, inside.message, &why);
        }
        if (s && (e->malformed == FIRE_MALFORMED_FAIL || !is_malformed(why.code))) return fire_fail(err, why.code, "%s", why.message);
        if (s) {
            for (int32_t i = 0; i < e->n; i++) e->column[i].n = e->column[i].before;
            if (e->malformed == FIRE_MALFORMED_DROP) continue;
            if ((s = add_nulls(e, record, size, why.message, err))) return s;
        }
        e->rows++;
    }
    *n = e->rows;
    return FIRE_OK;
}

void fire_examples_column(const fire_examples *e, int32_t i, fire_example_buffers *out) {
    *out = (fire_example_buffers){0};
    for (int32_t k = 0; k < e->n; k++) {
        const column *c = &e->column[k];
        if (c->at != i) continue;
        *out = (fire_example_buffers){.nulls = c->n.nulls, .valid = c->valid, .n_lists = {c->lists ? e->rows : 0, c->n.lists}, .offsets = {c->offsets[0], c->offsets[1]},
            .n_values = c->n.values, .texts = c->texts, .data = c->data,
            .data_bytes = is_text(c) ? c->n.bytes : c->type == 'b' ? (c->n.values + 7) / 8 : c->n.values * width(c->type)};
    }
}

/* ---- making ---- */

fire_status fire_examples_new(fire_context *ctx, int32_t n, const fire_example_column *column_of, fire_malformed malformed, int32_t blame, fire_examples **out, fire_error *err) {
    if (n < 0 || blame < -1 || blame >= n || malformed < FIRE_MALFORMED_FAIL || malformed > FIRE_MALFORMED_DROP)
        return fire_fail(err, FIRE_E_USAGE, "fire_examples_new: %d columns, blame %d, malformed %d", n, blame, (int)malformed);
    fire_examples *e = fire_alloc(ctx, 1, sizeof *e, err);
    if (!e) return FIRE_NOMEM;
    *e = (fire_examples){.ctx = ctx, .malformed = malformed};
    fire_status s = FIRE_OK;
    if (!(e->column = fire_alloc(ctx, (size_t)n, sizeof *e->column, err))) s = FIRE_NOMEM;
    for (int32_t i = 0; i < n && !s; i++) {
        const fire_example_column *from = &column_of[i];
        column *c = &e->column[i];
        char shown[80];
        if (!from->name || !from->type || !strchr("liscbfguz", from->type) || from->lists < 0 || from->lists > 2 || (i == blame && (from->lists || !strchr("uz", from->type)))) {
            s = fire_fail(err, FIRE_E_USAGE, "fire_examples_new: column %d '%s' has a type or a number of lists that it cannot have", i,
                          fire_escape(shown, sizeof shown, from->name ? from->name : "", from->name ? strlen(from->name) : 0));
            break;
        }
        if (!(c->name = fire_copy_text(ctx, from->name, err))) s = FIRE_NOMEM;
        c->name_size = strlen(from->name);
        c->type = from->type;
        c->lists = from->lists;
        c->at = i;
        e->n++;
        for (int level = 0; level < c->lists && !s; level++) s = fire_grow(ctx, &c->offsets[level], &c->offsets_capacity[level], 1, sizeof *c->offsets[level], err);
        if (!s && is_text(c)) s = fire_grow(ctx, &c->texts, &c->texts_capacity, 1, sizeof *c->texts, err);
    }
    if (!s) fire_sort(e->column, e->n, sizeof *e->column, by_name);
    for (int32_t i = 0; i < e->n && !s; i++) {
        char shown[80];
        if (e->column[i].at == blame) e->blame = &e->column[i];
        if (i && !by_name(&e->column[i - 1], &e->column[i]))
            s = fire_fail(err, FIRE_E_USAGE, "fire_examples_new: two columns are named '%s'", fire_escape(shown, sizeof shown, e->column[i].name, e->column[i].name_size));
    }
    if (s) fire_examples_free(e);
    else *out = e;
    return s;
}

void fire_examples_free(fire_examples *e) {
    if (!e) return;
    for (int32_t i = 0; i < e->n; i++) {
        column *c = &e->column[i];
        fire_free(e->ctx, c->name);
        fire_free(e->ctx, c->valid);
        fire_free(e->ctx, c->offsets[0]);
        fire_free(e->ctx, c->offsets[1]);
        fire_free(e->ctx, c->texts);
        fire_free(e->ctx, c->data);
    }
    fire_free(e->ctx, e->column);
    fire_free(e->ctx, e->scratch);
    fire_free(e->ctx, e);
}
