/* npy.c - headers of NumPy's array files, and arrays in other orders. See npy.h. */
#include "formats/npy.h"
#include <string.h>

#define MAGIC "\x93NUMPY"

static const struct { const char *text; fire_type type; } types[] = {
    {"f4", FIRE_F32}, {"f8", FIRE_F64}, {"f2", FIRE_F16}, {"u1", FIRE_U8}, {"i1", FIRE_I8}, {"u2", FIRE_U16}, {"i2", FIRE_I16}, {"u4", FIRE_U32}, {"i4", FIRE_I32},
    {"u8", FIRE_U64}, {"i8", FIRE_I64}, {"b1", FIRE_BOOL}, {"V2", FIRE_BF16}, {"V1", FIRE_NO_TYPE},
};

bool fire_npy_is(const void *bytes, size_t size) { return size >= 6 && !memcmp(bytes, MAGIC, 6); }

fire_status fire_npy_header(const uint8_t head[FIRE_NPY_HEAD], size_t *size, fire_error *err) {
    if (!fire_npy_is(head, FIRE_NPY_HEAD)) return fire_fail(err, FIRE_E_DATA_FILE, "not an NPY file: it does not begin with \\x93NUMPY");
    if (head[6] < 1 || head[6] > 3) return fire_fail(err, FIRE_E_DATA_FILE, "NPY of version %d, expected 1 to 3", head[6]);
    size_t n = 0;
    for (int i = head[6] == 1 ? 1 : 3; i >= 0; i--) n = n << 8 | head[8 + i];
    if (n < 2 || n >= FIRE_NPY_MOST_HEADER) return fire_fail(err, FIRE_E_DATA_FILE, "an NPY header of %zu bytes, expected 2 to 65535", n);
    *size = n + (head[6] == 1 ? 10 : 12);
    return FIRE_OK;
}

/* ---- the header: a Python dict as text ---- */

typedef struct dict { const char *at, *end; } dict;

static void blanks(dict *d) { while (d->at < d->end && (*d->at == ' ' || *d->at == '\t' || *d->at == '\n')) d->at++; }
static bool take(dict *d, const char *word) {
    blanks(d);
    const size_t n = strlen(word);
    if ((size_t)(d->end - d->at) < n || memcmp(d->at, word, n)) return false;
    d->at += n;
    return true;
}
static bool digit(const dict *d) { return d->at < d->end && *d->at >= '0' && *d->at <= '9'; }

/* A quoted text without escapes, terminated. */
static bool text_of(dict *d, char *to, size_t capacity) {
    blanks(d);
    if (d->at == d->end || (*d->at != '\'' && *d->at != '"')) return false;
    const char *start = d->at + 1, *stop = memchr(start, *d->at, (size_t)(d->end - start));
    if (!stop || (size_t)(stop - start) >= capacity) return false;
    memcpy(to, start, (size_t)(stop - start));
    to[stop - start] = 0;
    d->at = stop + 1;
    return true;
}

static bool shape_of(dict *d, fire_shape *shape) {
    if (!take(d, "(")) return false;
    shape->rank = 0;
    while (!take(d, ")")) {
        int64_t v = 0;
        blanks(d);
        if (!digit(d) || shape->rank == FIRE_MAX_RANK) return false;
        for (; digit(d); d->at++)
            if (!fire_mul(v, 10, &v) || !fire_add(v, *d->at - '0', &v)) return false;
        shape->dim[shape->rank++] = v;
        if (d->at < d->end && *d->at == 'L') d->at++; /* Python 2 */
        blanks(d);
        if (d->at < d->end && *d->at != ')' && !take(d, ",")) return false;
    }
    return true;
}

static fire_status type_of(dict *d, fire_npy *out, fire_error *err) {
    char text[40], shown[80];
    if (!text_of(d, text, sizeof text)) return fire_fail(err, FIRE_E_DATA_FILE, "the elements are no plain numbers; save an array of one number type");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (text[0] && strchr("<>=|", text[0]) && !strcmp(text + 1, types[i].text)) {
            out->type = types[i].type;
            out->element = (size_t)(text[2] - '0');
            out->swap = text[0] == '>' && out->element > 1;
            return FIRE_OK;
        }
    return fire_fail(err, FIRE_E_DATA_FILE, "elements of type '%s' are not read; use bool, float16, float32, float64 or an integer of up to 64 bits",
                     fire_escape(shown, sizeof shown, text, strlen(text)));
}

fire_status fire_npy_read(const uint8_t *header, size_t size, fire_npy *out, fire_error *err) {
    *out = (fire_npy){.header = size};
    size_t whole;
    if (size < FIRE_NPY_HEAD) return fire_fail(err, FIRE_E_DATA_FILE, "cut short inside the NPY header");
    fire_status s = fire_npy_header(header, &whole, err);
    if (s) return s;
    if (whole != size) return fire_fail(err, FIRE_E_DATA_FILE, "an NPY header of %zu bytes, expected %zu", size, whole);
    dict d = {(const char *)header + (header[6] == 1 ? 10 : 12), (const char *)header + size};
    enum { DESCR = 1, ORDER = 2, SHAPE = 4 };
    int found = 0;
    bool good = take(&d, "{");
    while (good && !take(&d, "}")) {
        char key[40];
        if (!(good = text_of(&d, key, sizeof key) && take(&d, ":"))) break;
        if (!strcmp(key, "descr")) {
            if ((s = type_of(&d, out, err))) return s;
            found |= DESCR;
        } else if (!strcmp(key, "fortran_order")) {
            out->fortran = take(&d, "True");
            good = out->fortran || take(&d, "False");
            found |= ORDER;
        } else if (!strcmp(key, "shape")) {
            good = shape_of(&d, &out->shape);
            found |= SHAPE;
        } else good = false;
        blanks(&d);
        if (good && (d.at == d.end || *d.at != '}')) good = take(&d, ",");
    }
    if (!good || found != (DESCR | ORDER | SHAPE))
        return fire_fail(err, FIRE_E_DATA_FILE, "the NPY header cannot be read at byte %zu; expected descr, fortran_order and a shape of at most %d dimensions", (size_t)(d.at - (const char *)header), FIRE_MAX_RANK);
    if (!fire_mul(fire_count(&out->shape), (int64_t)out->element, &out->bytes)) {
        char text[FIRE_SHAPE_TEXT];
        return fire_fail(err, FIRE_E_DATA_FILE, "the impossible shape %s", fire_shape_text(&out->shape, text));
    }
    return FIRE_OK;
}

void fire_swap_bytes(void *data, int64_t n, size_t element) {
    uint8_t *p = data;
    for (int64_t i = 0; i < n; i++, p += element)
        for (size_t a = 0, b = element - 1; a < b; a++, b--) {
            const uint8_t v = p[a];
            p[a] = p[b];
            p[b] = v;
        }
}

void fire_npy_copy(const fire_npy *f, const void *from, void *to) {
    const int64_t n = f->bytes / (int64_t)f->element;
    if (!f->bytes) return;
    if (!f->fortran || f->shape.rank < 2) memcpy(to, from, (size_t)f->bytes);
    else { /* walk the result in order; `at` is where its element lies */
        int64_t step[FIRE_MAX_RANK], index[FIRE_MAX_RANK] = {0}, at = 0;
        for (int d = 0; d < f->shape.rank; d++) step[d] = d ? step[d - 1] * f->shape.dim[d - 1] : 1;
        for (int64_t i = 0; i < n; i++) {
            memcpy((char *)to + i * (int64_t)f->element, (const char *)from + at * (int64_t)f->element, f->element);
            for (int d = f->shape.rank - 1; d >= 0; d--) {
                at += step[d];
                if (++index[d] < f->shape.dim[d]) break;
                at -= step[d] * index[d];
                index[d] = 0;
            }
        }
    }
    if (f->swap) fire_swap_bytes(to, n, f->element);
    if (f->type == FIRE_BOOL)
        for (int64_t i = 0; i < n; i++) ((uint8_t *)to)[i] = ((uint8_t *)to)[i] != 0;
}

void fire_npy_write(fire_buffer *b, fire_type type, const fire_shape *shape) {
    const int64_t start = b->size;
    const char *text = "V1"; /* what NumPy has no type for */
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].type == type) text = types[i].text;
    fire_buffer_add(b, MAGIC "\x01\x00\x00\x00", 10);
    fire_buffer_text(b, "{'descr': '%c%s', 'fortran_order': False, 'shape': (", text[1] == '1' ? '|' : '<', text);
    for (int i = 0; i < shape->rank; i++) fire_buffer_text(b, i ? ", %lld" : "%lld", (long long)shape->dim[i]);
    fire_buffer_text(b, shape->rank == 1 ? ",), }" : "), }");
    while (!b->first.status && (b->size - start + 1) % 64) fire_buffer_add(b, " ", 1);
    fire_buffer_add(b, "\n", 1);
    if (b->first.status) return;
    const int64_t n = b->size - start - 10; /* at most some 300: eight numbers of 20 digits */
    b->data[start + 8] = (uint8_t)n;
    b->data[start + 9] = (uint8_t)(n >> 8);
}
