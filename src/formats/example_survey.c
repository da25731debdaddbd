/* example_survey.c - what features the examples of files have, so that columns can be made of them. */
#include "formats/example.h"
#include "formats/tfrecord.h"
#include "json.h"
#include <string.h>

typedef struct summary { fire_feature_summary f; size_t name_size; } summary;

struct fire_feature_survey {
    fire_context *ctx;
    summary *feature;   /* sorted by list, then by name */
    int64_t n, capacity;
};

static int order(const summary *x, bool list, const char *name, size_t name_size) {
    if (x->f.list != list) return x->f.list - list;
    const size_t n = x->name_size < name_size ? x->name_size : name_size;
    const int d = n ? memcmp(x->f.name, name, n) : 0;
    return d ? d : (x->name_size > name_size) - (x->name_size < name_size);
}

/* The place of a feature, or where it would be; few are new, so that moving the others costs little. */
static fire_status place(fire_feature_survey *s, const char *name, size_t name_size, bool list, summary **out, fire_error *err) {
    int64_t low = 0, high = s->n;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        const int d = order(&s->feature[middle], list, name, name_size);
        if (!d) {
            *out = &s->feature[middle];
            return FIRE_OK;
        }
        if (d < 0) low = middle + 1;
        else high = middle;
    }
    if (memchr(name, 0, name_size)) return fire_fail(err, FIRE_E_CORRUPT, "a feature's name has a zero byte");
    fire_status st = fire_grow(s->ctx, &s->feature, &s->capacity, s->n + 1, sizeof *s->feature, err);
    char *copy = st ? NULL : fire_alloc(s->ctx, name_size + 1, 1, err);
    if (!copy) return FIRE_NOMEM;
    memcpy(copy, name, name_size);
    memmove(s->feature + low + 1, s->feature + low, (size_t)(s->n - low) * sizeof *s->feature);
    s->n++;
    s->feature[low] = (summary){.f = {.name = copy, .list = list, .least = INT64_MAX, .texts = true}, .name_size = name_size};
    *out = &s->feature[low];
    return FIRE_OK;
}

static fire_status look(fire_feature_survey *s, const fire_feature *f, fire_error *err) {
    summary *x = NULL;
    fire_status st = place(s, f->name, f->name_size, f->list, &x, err);
    if (st) return st;
    const int64_t n = f->list ? f->n_steps : f->n;
    x->f.kinds |= 1u << f->kind;
    x->f.records++;
    if (f->kind == FIRE_FEATURE_EMPTY && !f->list) return FIRE_OK; /* as if it were not there */
    if (n < x->f.least) x->f.least = n;
    if (n > x->f.most) x->f.most = n;
    for (int64_t i = 0; f->kind == FIRE_FEATURE_BYTES && i < f->n && x->f.texts; i++) {
        const fire_bytes *t = &((const fire_bytes *)f->values)[i];
        x->f.texts = fire_utf8_check(t->bytes, t->size);
    }
    return FIRE_OK;
}

fire_status fire_feature_survey_new(fire_context *ctx, fire_feature_survey **out, fire_error *err) {
    fire_feature_survey *s = fire_alloc(ctx, 1, sizeof *s, err);
    if (!s) return FIRE_NOMEM;
    s->ctx = ctx;
    *out = s;
    return FIRE_OK;
}

void fire_feature_survey_free(fire_feature_survey *s) {
    if (!s) return;
    for (int64_t i = 0; i < s->n; i++) fire_free(s->ctx, (void *)s->feature[i].f.name);
    fire_free(s->ctx, s->feature);
    fire_free(s->ctx, s);
}

fire_status fire_feature_survey_add(fire_feature_survey *s, fire_records *r, int64_t limit, int64_t *malformed, int64_t *seen, fire_error *err) {
    for (*seen = 0; *seen < limit; ++*seen) {
        const void *bytes;
        size_t size;
        fire_error why;
        fire_example *e = NULL;
        fire_status st = fire_records_next(r, &bytes, &size, &why);
        if (!st && !bytes) break;
        if (!st && (st = fire_example_read(s->ctx, bytes, size, &e, &why)) && why.code != FIRE_E_NOMEM) {
            const fire_error inside = why;
            st = fire_records_blame(r, inside.message, &why);
        }
        for (int64_t i = 0; e && i < e->n && !st; i++) st = look(s, &e->feature[i], &why);
        fire_example_free(s->ctx, e);
        if (st && malformed && why.code != FIRE_E_NOMEM && why.code != FIRE_E_FILE_IO) ++*malformed;
        else if (st) return fire_fail(err, why.code, "%s", why.message);
    }
    return FIRE_OK;
}

bool fire_feature_survey_get(const fire_feature_survey *s, int64_t i, fire_feature_summary *out) {
    if (i < 0 || i >= s->n) return false;
    *out = s->feature[i].f;
    return true;
}
