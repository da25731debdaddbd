/* arrow.c - views of Arrow columns; the format is arrow.apache.org/docs/format/CDataInterface.html. */
#include "arrow.h"
#include <math.h>
#include <string.h>

#define NAME_TEXT 96

/* ---- reading numbers ---- */

static float half_to_float(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 1023, bits;
    if (exponent == 31) bits = sign | 0x7f800000 | fraction << 13;
    else if (exponent) bits = sign | (exponent + 112) << 23 | fraction << 13;
    else { /* subnormal: fraction * 2^-24, exact in float */
        float f = (float)fraction * 0x1p-24f;
        return sign ? -f : f;
    }
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

/* Conversion to whole numbers must be defined for every double. */
static int64_t whole(double v) { return v >= -0x1p63 && v < 0x1p63 ? (int64_t)v : INT64_MIN; }
static int32_t whole32(double v) { return v >= -0x1p31 && v < 0x1p31 ? (int32_t)v : INT32_MIN; }

/* Elements are loaded by memcpy: nobody promises that buffers are aligned. It compiles to plain, vectorized loads. */
#define LOOP(T, C, EXPR)                                        \
    for (int64_t i = 0; i < n; i++) {                           \
        C v;                                                    \
        memcpy(&v, (const char *)data + (size_t)i * sizeof v, sizeof v); \
        ((T *)to)[i] = (T)(EXPR);                               \
    }
#define INTEGER(C)                                              \
    switch (type) {                                             \
    case FIRE_F32: LOOP(float, C, v) return;                    \
    case FIRE_F64: LOOP(double, C, v) return;                   \
    case FIRE_I32: LOOP(int32_t, C, v) return;                  \
    default: LOOP(int64_t, C, v) return;                        \
    }
#define FLOATING(C, VALUE)                                      \
    switch (type) {                                             \
    case FIRE_F32: LOOP(float, C, VALUE) return;                \
    case FIRE_F64: LOOP(double, C, VALUE) return;               \
    case FIRE_I32: LOOP(int32_t, C, whole32(VALUE)) return;     \
    default: LOOP(int64_t, C, whole(VALUE)) return;             \
    }

static size_t leaf_size(char type) {
    switch (type) {
    case 'c': case 'C': case 'B': return 1;
    case 's': case 'S': case 'e': return 2;
    case 'i': case 'I': case 'f': return 4;
    case 'l': case 'L': case 'g': return 8;
    default: return 0; /* bits */
    }
}

static bool bit(const uint8_t *bits, int64_t i) { return bits[i >> 3] >> (i & 7) & 1; }

/* Elements from .. from + n - 1 (physical positions) of a leaf, nulls not looked at. */
static void leaf_read(const fire_leaf *leaf, int64_t from, int64_t n, fire_type type, void *to) {
    if (leaf->type == 'b') {
        for (int64_t i = 0; i < n; i++) {
            int v = bit(leaf->data, from + i);
            switch (type) {
            case FIRE_F32: ((float *)to)[i] = (float)v; break;
            case FIRE_F64: ((double *)to)[i] = v; break;
            case FIRE_I32: ((int32_t *)to)[i] = v; break;
            default: ((int64_t *)to)[i] = v; break;
            }
        }
        return;
    }
    const char *data = (const char *)leaf->data + (size_t)from * leaf_size(leaf->type);
    if ((leaf->type == 'f' && type == FIRE_F32) || (leaf->type == 'g' && type == FIRE_F64)) {
        memcpy(to, data, (size_t)n * leaf_size(leaf->type));
        return;
    }
    switch (leaf->type) {
    case 'c': INTEGER(int8_t)
    case 'C': INTEGER(uint8_t)
    case 's': INTEGER(int16_t)
    case 'S': INTEGER(uint16_t)
    case 'i': INTEGER(int32_t)
    case 'I': INTEGER(uint32_t)
    case 'l': INTEGER(int64_t)
    case 'L': FLOATING(uint64_t, (double)v)
    case 'e': FLOATING(uint16_t, half_to_float(v))
    case 'f': FLOATING(float, v)
    case 'g': FLOATING(double, v)
    case 'B':
        switch (type) {
        case FIRE_F32: LOOP(float, uint8_t, v != 0) return;
        case FIRE_F64: LOOP(double, uint8_t, v != 0) return;
        case FIRE_I32: LOOP(int32_t, uint8_t, v != 0) return;
        default: LOOP(int64_t, uint8_t, v != 0) return;
        }
    default: return;
    }
}

static int64_t leaf_whole(const fire_leaf *leaf, int64_t at) {
    int64_t v = 0;
    leaf_read(leaf, at, 1, FIRE_I64, &v);
    return v;
}

static int64_t list_offset(const fire_level *l, int64_t i) {
    if (l->kind == 'L') {
        int64_t v;
        memcpy(&v, (const char *)l->offsets + (size_t)i * 8, 8);
        return v;
    }
    int32_t v;
    memcpy(&v, (const char *)l->offsets + (size_t)i * 4, 4);
    return v;
}

/* From positions [*lo, *hi) of level l to those of its child; false when one of them is null. */
static bool descend(const fire_level *l, int64_t *lo, int64_t *hi) {
    int64_t a = *lo + l->offset, b = *hi + l->offset;
    bool whole_range = true;
    if (l->valid)
        for (int64_t i = a; i < b; i++) whole_range &= bit(l->valid, i);
    if (l->kind == 'w') a *= l->size, b *= l->size;
    else if (l->kind != 's') {
        /* An empty range may end a list of length 0 that has no offsets at all. */
        if (a == b) a = b = 0;
        else { int64_t first = list_offset(l, a); b = list_offset(l, b); a = first; }
    }
    *lo = a;
    *hi = b;
    return whole_range;
}

static void fill(fire_type type, void *to, int64_t n, double v) {
    for (int64_t i = 0; i < n; i++) switch (type) {
        case FIRE_F32: ((float *)to)[i] = (float)v; break;
        case FIRE_F64: ((double *)to)[i] = v; break;
        case FIRE_I32: ((int32_t *)to)[i] = whole32(v); break;
        default: ((int64_t *)to)[i] = whole(v); break;
        }
}

static void fill_nan(fire_type type, void *to, int64_t n) { fill(type, to, n, NAN); }

static size_t out_size(fire_type type) { return type == FIRE_F64 || type == FIRE_I64 ? 8 : 4; }

/* Physical elements from .. from + n - 1 of a leaf, nulls as NaN. */
static void leaf_read_nulls(const fire_leaf *leaf, int64_t from, int64_t n, fire_type type, void *to) {
    leaf_read(leaf, from, n, type, to);
    if (leaf->valid)
        for (int64_t i = 0; i < n; i++)
            if (!bit(leaf->valid, from + i)) fill_nan(type, (char *)to + (size_t)i * out_size(type), 1);
}

/* n numbers from `from` on (physical), cut or padded to the width of a row. Both are whole steps. */
static void read_padded(const fire_view *v, int64_t from, int64_t n, fire_type type, void *to) {
    if (n >= v->width) { leaf_read_nulls(&v->leaf, v->pad.cut_after ? from : from + n - v->width, v->width, type, to); return; }
    char *rest = (char *)to + (size_t)(v->pad.after ? n : 0) * out_size(type), *own = (char *)to + (size_t)(v->pad.after ? 0 : v->width - n) * out_size(type);
    leaf_read_nulls(&v->leaf, from, n, type, own);
    fill(type, rest, v->width - n, v->pad.value);
}

void fire_view_read(const fire_view *v, int64_t row, fire_type type, void *to) {
    if (v->uniform) { leaf_read(&v->leaf, v->start + row * v->width, v->width, type, to); return; }
    int64_t lo = row, hi = row + 1;
    for (int i = 0; i < v->n_levels; i++)
        if (!descend(&v->level[i], &lo, &hi)) { fill_nan(type, to, v->width); return; }
    if (v->pad.row.rank) { read_padded(v, lo + v->leaf.offset, hi - lo, type, to); return; }
    if (!v->vector) { leaf_read_nulls(&v->leaf, lo + v->leaf.offset, hi - lo, type, to); return; }

    int64_t from = lo, end = hi;
    descend(&v->value_list, &from, &end);
    from += v->leaf.offset, end += v->leaf.offset;
    if (leaf_whole(&v->kind, lo + v->kind.offset)) { leaf_read_nulls(&v->leaf, from, end - from, type, to); return; }
    size_t step = out_size(type);
    memset(to, 0, (size_t)v->width * step); /* all bits zero is 0 in every type */
    int64_t at = lo, at_end = hi;
    descend(&v->index_list, &at, &at_end);
    for (int64_t i = from; i < end; i++, at++)
        leaf_read_nulls(&v->leaf, i, 1, type, (char *)to + (size_t)leaf_whole(&v->index, at + v->index.offset) * step);
}

/* n elements of a column, each to the same place of its row. */
#define STRIDED(to_type, from_type) \
    { \
        const from_type *from = (const from_type *)data; \
        for (int64_t i = 0; i < n; i++, at += stride) *(to_type *)(void *)at = (to_type)from[i]; \
        return; \
    }

void fire_view_read_rows(const fire_view *v, int64_t row, int64_t n, fire_type type, void *to, size_t stride) {
    char *at = to;
    if (v->uniform && v->width == 1 && (v->leaf.type == 'f' || v->leaf.type == 'g') && (type == FIRE_F32 || type == FIRE_F64)) {
        const char *data = (const char *)v->leaf.data + (size_t)(v->start + row) * leaf_size(v->leaf.type);
        if ((uintptr_t)data % leaf_size(v->leaf.type) == 0) {
            if (v->leaf.type == 'f' && type == FIRE_F32) STRIDED(float, float)
            if (v->leaf.type == 'f') STRIDED(double, float)
            if (type == FIRE_F32) STRIDED(float, double)
            STRIDED(double, double)
        }
    }
    for (int64_t i = 0; i < n; i++, at += stride) fire_view_read(v, row + i, type, at);
}

static char letter_of(fire_type type) {
    switch (type) {
    case FIRE_F32: return 'f';
    case FIRE_F64: return 'g';
    case FIRE_I8: return 'c';
    case FIRE_U8: return 'C';
    case FIRE_I16: return 's';
    case FIRE_U16: return 'S';
    case FIRE_I32: return 'i';
    case FIRE_I64: return 'l';
    case FIRE_BOOL: return 'B';
    default: return 0;
    }
}

const void *fire_view_direct(const fire_view *v, int64_t row, fire_type type) {
    if (!v->uniform || v->leaf.type != letter_of(type)) return NULL;
    size_t size = leaf_size(v->leaf.type);
    const char *p = (const char *)v->leaf.data + (size_t)(v->start + row * v->width) * size;
    return (uintptr_t)p % size ? NULL : p;
}

void fire_view_array(fire_view *v, fire_type type, const void *data, int64_t rows, int64_t width) {
    *v = (fire_view){.width = width, .uniform = true, .leaf = {.type = letter_of(type), .data = data, .length = rows * width}};
}

void fire_view_array_pad(fire_view *v, fire_type type, const void *data, int64_t rows, int64_t width, const fire_padding *pad) {
    fire_view_array(v, type, data, rows, fire_count(&pad->row));
    v->uniform = false;
    v->pad = *pad;
    v->n_levels = 2;
    v->level[0] = (fire_level){.kind = 's', .length = rows};
    v->level[1] = (fire_level){.kind = 'w', .length = rows, .size = width};
    v->leaf.length = rows * width;
}

/* ---- opening a column ---- */

static const char *quote(char buf[NAME_TEXT], const char *name) { return fire_escape(buf, NAME_TEXT, name, strlen(name)); }

static fire_status broken(fire_error *err, const char *name, const char *what) {
    char n[NAME_TEXT];
    return fire_fail(err, FIRE_E_ARROW, "column '%s': %s; the batch does not follow the Arrow C Data Interface", quote(n, name), what);
}

/* What Arrow's formats that no network reads stand for; "" of others. */
static const char *format_words(const char *format) {
    static const char *const words[][2] = {{"u", " (text)"}, {"U", " (text)"}, {"vu", " (text)"}, {"z", " (bytes)"}, {"Z", " (bytes)"}, {"vz", " (bytes)"}, {"w:", " (bytes)"},
                                           {"d:", " (decimal)"}, {"td", " (date)"}, {"tt", " (time)"}, {"ts", " (timestamp)"}, {"tD", " (duration)"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strncmp(format, words[i][0], strlen(words[i][0]))) return words[i][1];
    return "";
}

static fire_status wrong_type(fire_error *err, const char *name, const char *format, const char *what) {
    char n[NAME_TEXT], f[NAME_TEXT];
    return fire_fail(err, FIRE_E_COLUMN_TYPE, "column '%s' has Arrow type '%s'%s%s, expected numbers, booleans, arrays of numbers or ML vectors",
                     quote(n, name), quote(f, format), format_words(format), what);
}

fire_status fire_arrow_check(const struct ArrowSchema *s, const struct ArrowArray *a, int buffers, int64_t children, const char *name,
                             const uint8_t **valid, fire_error *err) {
    int64_t end;
    if (!s || !a || !s->format) return broken(err, name, "a child or its format is missing");
    if (a->length < 0 || a->offset < 0 || !fire_add(a->length, a->offset, &end) || end > INT64_MAX / 16)
        return broken(err, name, "a length or offset is negative or too large");
    if (a->n_buffers != buffers || (buffers && !a->buffers)) return broken(err, name, "the number of buffers is not that of its type");
    if (s->n_children != children || a->n_children != children || (children && (!s->children || !a->children)))
        return broken(err, name, "the number of children is not that of its type");
    if (s->dictionary || a->dictionary) {
        char n[NAME_TEXT];
        return fire_fail(err, FIRE_E_COLUMN_TYPE, "column '%s' is dictionary-encoded, expected plain values; decode it first", quote(n, name));
    }
    *valid = a->null_count ? a->buffers[0] : NULL;
    if (a->null_count > 0 && !a->buffers[0] && a->length) return broken(err, name, "it counts nulls but has no bitmap of them");
    return FIRE_OK;
}

static fire_status open_leaf(fire_leaf *leaf, const struct ArrowSchema *s, const struct ArrowArray *a, const char *name, fire_error *err) {
    if (!s || !s->format) return broken(err, name, "a child or its format is missing");
    if (strlen(s->format) != 1 || !strchr("cCsSiIlLefgb", s->format[0])) {
        if (s->dictionary) return wrong_type(err, name, s->format, " with a dictionary");
        return wrong_type(err, name, s->format, "");
    }
    fire_status st = fire_arrow_check(s, a, 2, 0, name, &leaf->valid, err);
    if (st) return st;
    if (!a->buffers[1] && a->length) return broken(err, name, "it has rows but no data buffer");
    leaf->type = s->format[0];
    leaf->data = a->buffers[1];
    leaf->offset = a->offset;
    leaf->length = a->length;
    return FIRE_OK;
}

/* A list of any kind; its child is s->children[0]. */
static fire_status open_list(fire_level *l, const struct ArrowSchema *s, const struct ArrowArray *a, const char *name, fire_error *err) {
    bool fixed = s->format[1] == 'w';
    fire_status st = fire_arrow_check(s, a, fixed ? 1 : 2, 1, name, &l->valid, err);
    if (st) return st;
    l->kind = s->format[1];
    l->offset = a->offset;
    l->length = a->length;
    if (!fixed) {
        l->offsets = a->buffers[1];
        if (!l->offsets && a->length) return broken(err, name, "a list has no offsets");
        return FIRE_OK;
    }
    l->size = 0;
    const char *p = s->format + 3;
    if (s->format[2] != ':' || !*p) return broken(err, name, "a fixed-size list does not tell its size");
    for (; *p; p++) {
        if (*p < '0' || *p > '9' || l->size > INT32_MAX) return broken(err, name, "a fixed-size list does not tell its size");
        l->size = l->size * 10 + (*p - '0');
    }
    int64_t need;
    if (!fire_mul(a->length + a->offset, l->size, &need)) return broken(err, name, "a fixed-size list is too large");
    return FIRE_OK;
}

static bool is_list(const struct ArrowSchema *s) {
    return s && s->format && s->format[0] == '+' && (s->format[1] == 'l' || s->format[1] == 'L' || s->format[1] == 'w');
}

static bool named(const struct ArrowSchema *s, const char *name) { return s && s->name && strcmp(s->name, name) == 0; }

/* Spark's ML vector, as VectorUDT passes through Arrow. */
static fire_status open_vector(fire_view *v, const struct ArrowSchema *s, const struct ArrowArray *a, const char *name, fire_error *err) {
    fire_status st;
    static const char *const part[4] = {"type", "size", "indices", "values"};
    bool ok = s->n_children == 4 && s->children;
    for (int i = 0; ok && i < 4; i++) ok = named(s->children[i], part[i]) && s->children[i]->format;
    if (!ok) return wrong_type(err, name, s->format, " (a struct)");
    fire_level *l = &v->level[v->n_levels++];
    if ((st = fire_arrow_check(s, a, 1, 4, name, &l->valid, err))) return st;
    l->kind = 's';
    l->offset = a->offset;
    l->length = a->length;
    for (int i = 0; i < 4; i++)
        if (!a->children[i]) return broken(err, name, "a child or its format is missing");
    struct ArrowSchema **cs = s->children;
    struct ArrowArray **ca = a->children;
    if (strcmp(cs[0]->format, "c") || strcmp(cs[1]->format, "i") || !is_list(cs[2]) || !is_list(cs[3]) || cs[2]->format[1] == 'w' || cs[3]->format[1] == 'w')
        return wrong_type(err, name, s->format, " (a struct, but not struct<type: int8, size: int32, indices: list<int32>, values: list<double>>)");
    if ((st = open_leaf(&v->kind, cs[0], ca[0], name, err))) return st;
    if ((st = open_leaf(&v->size, cs[1], ca[1], name, err))) return st;
    if ((st = open_list(&v->index_list, cs[2], ca[2], name, err))) return st;
    if ((st = open_list(&v->value_list, cs[3], ca[3], name, err))) return st;
    if ((st = open_leaf(&v->index, cs[2]->children[0], ca[2]->children[0], name, err))) return st;
    if ((st = open_leaf(&v->leaf, cs[3]->children[0], ca[3]->children[0], name, err))) return st;
    if (v->index.type != 'i') return wrong_type(err, name, cs[2]->children[0]->format, " as indices of a vector");
    int64_t end = a->length + a->offset;
    for (int i = 0; i < 4; i++)
        if (ca[i]->length < end) return broken(err, name, "a field of the vector is shorter than the column");
    v->vector = true;
    return FIRE_OK;
}

fire_status fire_view_open(fire_view *v, const struct ArrowSchema *schema, const struct ArrowArray *batch, const char *name, fire_error *err) {
    char n[NAME_TEXT];
    if (!schema || !batch || !schema->format || strcmp(schema->format, "+s"))
        return fire_fail(err, FIRE_E_ARROW, "the batch is not a struct of columns; pass a record batch");
    *v = (fire_view){.width = -1};
    fire_level *top = &v->level[v->n_levels++];
    fire_status st = fire_arrow_check(schema, batch, 1, schema->n_children, name, &top->valid, err);
    if (st) return st;
    top->kind = 's';
    top->offset = batch->offset;
    top->length = batch->length;

    int64_t at = -1;
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (!named(schema->children[i], name)) continue;
        if (at >= 0)
            return fire_fail(err, FIRE_E_COLUMN_TYPE, "column '%s' is in the table twice; rename one", quote(n, name));
        at = i;
    }
    if (at < 0) {
        char list[400] = "", one[NAME_TEXT];
        size_t used = 0;
        for (int64_t i = 0; i < schema->n_children && i < 20 && used < 300; i++)
            if (schema->children[i] && schema->children[i]->name) {
                const char *q = quote(one, schema->children[i]->name);
                size_t k = strlen(q);
                if (used) memcpy(list + used, ", ", 2), used += 2;
                memcpy(list + used, q, k + 1);
                used += k;
            }
        return fire_fail(err, FIRE_E_COLUMN_MISSING, "column '%s' is not in the table; it has %s", quote(n, name), used ? list : "no columns");
    }
    const struct ArrowSchema *s = schema->children[at];
    const struct ArrowArray *a = batch->children[at];
    if (!a || !s->format) return broken(err, name, "a child or its format is missing");
    if (a->length < batch->length + batch->offset) return broken(err, name, "the column is shorter than the batch");

    while (is_list(s)) {
        if (v->n_levels > FIRE_MAX_RANK) return wrong_type(err, name, s->format, " (lists nested too deep)");
        if ((st = open_list(&v->level[v->n_levels++], s, a, name, err))) return st;
        s = s->children[0];
        a = a->children[0];
        if (!s || !a || !s->format) return broken(err, name, "a child or its format is missing");
    }
    if (strcmp(s->format, "+s") == 0 && v->n_levels == 1) return open_vector(v, s, a, name, err);
    if ((st = open_leaf(&v->leaf, s, a, name, err))) return st;

    /* The width is known at once where no list of free length is on the way. */
    int64_t width = 1;
    for (int i = 1; i < v->n_levels; i++)
        if (v->level[i].kind != 'w') width = -1;
        else if (width >= 0 && !fire_mul(width, v->level[i].size, &width)) return broken(err, name, "a fixed-size list is too large");
    v->width = width;
    return FIRE_OK;
}

fire_status fire_view_pad(fire_view *v, const fire_padding *pad, const char *name, fire_error *err) {
    char n[NAME_TEXT], text[FIRE_SHAPE_TEXT];
    if (!pad->row.rank || v->vector || v->n_levels < 2) return FIRE_OK;
    bool fits = v->n_levels == 2 || v->n_levels - 1 == pad->row.rank;
    for (int i = 2; i < v->n_levels && fits; i++) fits = v->level[i].kind != 'w' || v->level[i].size == pad->row.dim[i - 1];
    if (!fits)
        return fire_fail(err, FIRE_E_RAGGED, "column '%s' holds lists %d deep whose steps do not fit rows of shape %s, which the network's input pads to", quote(n, name),
                         v->n_levels - 1, fire_shape_text(&pad->row, text));
    v->pad = *pad;
    v->width = fire_count(&pad->row);
    return FIRE_OK;
}

/* ---- checking the rows ---- */

typedef struct check {
    fire_view *v;
    const char *name;
    int64_t rows, first;
    fire_invalid invalid;
    uint8_t *bad;
    fire_error *err;
} check;

/* A null, NaN or infinity in `row`: what the caller wants done about it. element -1: the row as a whole. */
static fire_status invalid_row(const check *c, int64_t row, int64_t element, const char *what) {
    if (c->invalid == FIRE_INVALID_KEEP) return FIRE_OK;
    if (c->invalid == FIRE_INVALID_SKIP) { c->bad[row] = 1; return FIRE_OK; }
    char n[NAME_TEXT], place[40] = "";
    if (element >= 0 && c->v->width != 1) {
        /* " at element 12" without printf, which only fire_fail may use on outside data */
        int64_t e = element;
        char digits[24];
        int k = 0;
        do digits[k++] = (char)('0' + e % 10); while (e /= 10);
        memcpy(place, " at element ", 12);
        for (int i = 0; i < k; i++) place[12 + i] = digits[k - 1 - i];
    }
    bool null = strcmp(what, "a null") == 0;
    return fire_fail(c->err, null ? FIRE_E_NULL_VALUE : FIRE_E_NOT_FINITE,
                     "column '%s', row %lld holds %s%s; fill or drop such rows, or handle invalid ones by 'skip' (leave them out) or 'keep' (%s; features only)",
                     quote(n, c->name), (long long)(c->first + row), what, place, null ? "read nulls as NaN" : "pass them on");
}

static fire_status row_width(const check *c, int64_t row, int64_t width) {
    if (c->v->width < 0) c->v->width = width;
    if (c->v->width == width) return FIRE_OK;
    char n[NAME_TEXT];
    return fire_fail(c->err, FIRE_E_RAGGED, "column '%s', row %lld has %lld elements, expected %lld as in the rows before; pad or drop such rows",
                     quote(n, c->name), (long long)(c->first + row), (long long)width, (long long)c->v->width);
}

/* A row that will be padded holds whole steps: n numbers in all, and inner lists as long as the row's shape says. */
static fire_status row_steps(const check *c, int64_t row, int64_t n) {
    const fire_view *v = c->v;
    const fire_shape *s = &v->pad.row;
    char name[NAME_TEXT], text[FIRE_SHAPE_TEXT];
    int64_t lo = row, hi = row + 1, each = 1;
    for (int d = 1; d < s->rank; d++) each *= s->dim[d];
    bool whole_steps = n % each == 0;
    for (int i = 0; i < v->n_levels && whole_steps; i++) {
        const fire_level *l = &v->level[i];
        for (int64_t k = lo + l->offset; i > 1 && l->kind != 'w' && k < hi + l->offset && whole_steps; k++) whole_steps = list_offset(l, k + 1) - list_offset(l, k) == s->dim[i - 1];
        descend(l, &lo, &hi);
    }
    if (whole_steps) return FIRE_OK;
    return fire_fail(c->err, FIRE_E_RAGGED, "column '%s', row %lld has %lld elements, which are not whole steps of rows %s; every step needs the same number of them",
                     quote(name, c->name), (long long)(c->first + row), (long long)n, fire_shape_text(s, text));
}

/* The used offsets of a list rise and stay inside its child. Moves [*lo, *hi) on to the child. */
static fire_status check_list(const check *c, const fire_level *l, int64_t child_length, int64_t *lo, int64_t *hi) {
    if (*hi > l->length) return broken(c->err, c->name, "a list is shorter than what points into it");
    if (l->kind == 'w') {
        if ((*hi + l->offset) * l->size > child_length) return broken(c->err, c->name, "a fixed-size list is longer than its numbers");
    } else if (*hi > *lo) {
        int64_t last = list_offset(l, *lo + l->offset);
        if (last < 0) return broken(c->err, c->name, "a list offset is negative");
        for (int64_t i = *lo + 1; i <= *hi; i++) {
            int64_t next = list_offset(l, i + l->offset);
            if (next < last) return broken(c->err, c->name, "list offsets fall");
            last = next;
        }
        if (last > child_length) return broken(c->err, c->name, "a list offset points past its numbers");
    }
    descend(l, lo, hi);
    return FIRE_OK;
}

static bool is_float(char type) { return type == 'e' || type == 'f' || type == 'g'; }

/* Whether any of n numbers has an exponent of ones, which NaN and infinities have. Blocks have a fixed length, which makes vectors of the loop. */
#define EXPONENTS(name, T, ONES)                                     \
    static bool name(const char *data, int64_t n) {                  \
        T v[512], found = 0;                                         \
        for (; n >= 512; n -= 512, data += sizeof v) {               \
            memcpy(v, data, sizeof v);                               \
            for (int i = 0; i < 512; i++) found |= (T)((v[i] & ONES) == ONES); \
            if (found) return true;                                  \
        }                                                            \
        memcpy(v, data, (size_t)n * sizeof *v);                      \
        for (int64_t i = 0; i < n; i++) found |= (T)((v[i] & ONES) == ONES); \
        return found != 0;                                           \
    }
EXPONENTS(any_16, uint16_t, 0x7c00)
EXPONENTS(any_32, uint32_t, 0x7f800000u)
EXPONENTS(any_64, uint64_t, 0x7ff0000000000000u)

/* Whether n numbers of a floating type are finite, all of them. */
static bool all_finite(const fire_leaf *leaf, int64_t from, int64_t n) {
    if (n == 0) return true; /* there may be no data at all */
    const char *data = (const char *)leaf->data + (size_t)from * leaf_size(leaf->type);
    return !(leaf->type == 'f' ? any_32(data, n) : leaf->type == 'g' ? any_64(data, n) : any_16(data, n));
}

/* Numbers from .. from + n - 1 (physical) of the leaf belong to `row`. *clean becomes false at a null. */
static fire_status check_numbers(const check *c, int64_t row, int64_t from, int64_t n, bool *clean) {
    const fire_leaf *leaf = &c->v->leaf;
    if (leaf->valid)
        for (int64_t i = 0; i < n; i++)
            if (!bit(leaf->valid, from + i)) {
                *clean = false;
                fire_status st = invalid_row(c, row, i, "a null");
                if (st) return st;
            }
    if (!is_float(leaf->type) || all_finite(leaf, from, n)) return FIRE_OK;
    for (int64_t i = 0; i < n; i++) {
        double x;
        if (leaf->valid && !bit(leaf->valid, from + i)) continue; /* what lies below a null may be anything */
        leaf_read(leaf, from + i, 1, FIRE_F64, &x);
        if (!isfinite(x)) {
            fire_status st = invalid_row(c, row, i, isnan(x) ? "NaN" : x > 0 ? "infinity" : "minus infinity");
            if (st) return st;
        }
    }
    return FIRE_OK;
}

static fire_status check_vector_row(const check *c, int64_t row, int64_t at, bool *dense, int64_t *from) {
    fire_view *v = c->v;
    fire_status st;
    int64_t k = at + v->kind.offset;
    if (v->kind.valid && !bit(v->kind.valid, k)) return broken(c->err, c->name, "a vector has no type");
    int64_t kind = leaf_whole(&v->kind, k), lo = at, hi = at + 1;
    if (kind != 0 && kind != 1) return broken(c->err, c->name, "a vector is neither sparse (0) nor dense (1)");
    if (v->value_list.valid && !bit(v->value_list.valid, at + v->value_list.offset)) return broken(c->err, c->name, "a vector has no values");
    descend(&v->value_list, &lo, &hi);
    *dense = kind == 1;
    *from = lo + v->leaf.offset;
    if (*dense) {
        if ((st = row_width(c, row, hi - lo))) return st;
        bool clean = true;
        st = check_numbers(c, row, lo + v->leaf.offset, hi - lo, &clean);
        *dense = clean;
        return st;
    }
    k = at + v->size.offset;
    if (v->size.valid && !bit(v->size.valid, k)) return broken(c->err, c->name, "a sparse vector has no size");
    int64_t size = leaf_whole(&v->size, k), ilo = at, ihi = at + 1;
    if (size < 0) return broken(c->err, c->name, "a sparse vector has a negative size");
    if ((st = row_width(c, row, size))) return st;
    if (v->index_list.valid && !bit(v->index_list.valid, at + v->index_list.offset)) return broken(c->err, c->name, "a sparse vector has no indices");
    descend(&v->index_list, &ilo, &ihi);
    if (ihi - ilo != hi - lo) return broken(c->err, c->name, "a sparse vector has not as many indices as values");
    for (int64_t i = ilo; i < ihi; i++) {
        int64_t p = i + v->index.offset;
        if (v->index.valid && !bit(v->index.valid, p)) return broken(c->err, c->name, "a sparse vector has a null index");
        int64_t x = leaf_whole(&v->index, p);
        if (x < 0 || x >= size) return broken(c->err, c->name, "an index of a sparse vector is outside of its size");
    }
    bool clean = true;
    return check_numbers(c, row, lo + v->leaf.offset, hi - lo, &clean);
}

/* The usual case, told without looking at rows one by one: no bitmaps, and lists of free length at most around the rows themselves and all of one
** length. `numbers` is how many all rows have together. Sets the width. */
static bool all_plain(fire_view *v, int64_t rows, int64_t numbers) {
    if (v->vector || v->leaf.valid || rows == 0) return false;
    for (int i = 0; i < v->n_levels; i++)
        if (v->level[i].valid || (i > 1 && v->level[i].kind != 'w')) return false;
    int64_t width = numbers / rows;
    if (v->width >= 0 ? v->width != width : width * rows != numbers) return false;
    if (v->n_levels > 1 && v->level[1].kind != 'w') {
        const fire_level *l = &v->level[1];
        int64_t at = v->level[0].offset + l->offset, each = (list_offset(l, at + rows) - list_offset(l, at)) / rows;
        for (int64_t i = 0; i < rows; i++)
            if (list_offset(l, at + i + 1) - list_offset(l, at + i) != each) return false;
    }
    v->width = width;
    return true;
}

fire_status fire_view_check(fire_view *v, const char *name, int64_t rows, int64_t first, fire_invalid invalid, uint8_t *bad, fire_error *err) {
    check c = {v, name, rows, first, invalid, bad, err};
    fire_status st;

    /* Structure first: after this, every position that a row leads to exists. */
    int64_t lo = 0, hi = rows;
    for (int i = 0; i < v->n_levels; i++) {
        const fire_level *l = &v->level[i];
        if (l->kind == 's') {
            if (hi > l->length) return broken(err, name, "a struct is shorter than what points into it");
            lo += l->offset, hi += l->offset;
        } else {
            int64_t below = i + 1 < v->n_levels ? v->level[i + 1].length : v->leaf.length;
            if ((st = check_list(&c, l, below, &lo, &hi))) return st;
        }
    }
    if (v->vector) {
        int64_t a = lo, b = hi;
        if (hi > v->kind.length || hi > v->size.length) return broken(err, name, "a field of the vector is shorter than the column");
        if ((st = check_list(&c, &v->value_list, v->leaf.length, &a, &b))) return st;
        a = lo, b = hi;
        if ((st = check_list(&c, &v->index_list, v->index.length, &a, &b))) return st;
    } else if (hi > v->leaf.length) return broken(err, name, "there are fewer numbers than rows");

    if (all_plain(v, rows, hi - lo) && (!is_float(v->leaf.type) || all_finite(&v->leaf, lo + v->leaf.offset, hi - lo))) {
        v->uniform = true;
        v->start = lo + v->leaf.offset;
        return FIRE_OK;
    }
    bool uniform = true;
    int64_t start = -1;
    for (int64_t row = 0; row < rows; row++) {
        int64_t a = row, b = row + 1;
        int depth = 0;
        for (; depth < v->n_levels; depth++)
            if (!descend(&v->level[depth], &a, &b)) break;
        if (depth < v->n_levels) {
            /* A null list inside of a row has no width that NaN could fill. */
            bool inside = depth > 1;
            if (inside && invalid == FIRE_INVALID_KEEP) {
                char n[NAME_TEXT];
                return fire_fail(err, FIRE_E_NULL_VALUE, "column '%s', row %lld holds a null list inside of a list, which 'keep' cannot fill; handle invalid rows by 'skip'",
                                 quote(n, name), (long long)(first + row));
            }
            uniform = false;
            if ((st = invalid_row(&c, row, -1, "a null"))) return st;
            continue;
        }
        int64_t from = 0;
        if (v->vector) {
            bool dense = false;
            if ((st = check_vector_row(&c, row, a, &dense, &from))) return st;
            uniform &= dense;
        } else {
            bool clean = true;
            if ((st = v->pad.row.rank ? row_steps(&c, row, b - a) : row_width(&c, row, b - a))) return st;
            from = a + v->leaf.offset;
            if ((st = check_numbers(&c, row, from, b - a, &clean))) return st;
            uniform &= clean && b - a == v->width;
        }
        if (row == 0) start = from;
        uniform &= from == start + row * v->width;
    }
    v->uniform = uniform && rows > 0;
    v->start = start;
    return FIRE_OK;
}

fire_status fire_view_bools(const fire_view *v, const char *name, int64_t rows, int64_t first, uint8_t *to, fire_error *err) {
    char n[NAME_TEXT];
    const fire_level *top = &v->level[0];
    if (v->vector || v->n_levels != 1 || v->leaf.type != 'b')
        return fire_fail(err, FIRE_E_COLUMN_TYPE, "column '%s' is the validation indicator and must be boolean, true for rows to validate on; cast it", quote(n, name));
    if (rows > top->length || rows + top->offset > v->leaf.length) return broken(err, name, "there are fewer numbers than rows");
    for (int64_t i = 0; i < rows; i++) {
        int64_t p = i + top->offset + v->leaf.offset;
        if ((top->valid && !bit(top->valid, i + top->offset)) || (v->leaf.valid && !bit(v->leaf.valid, p)))
            return fire_fail(err, FIRE_E_NULL_VALUE, "column '%s', row %lld is null, expected true or false; fill it", quote(n, name), (long long)(first + i));
        to[i] = bit(v->leaf.data, p);
    }
    return FIRE_OK;
}
