/* constraints.c - norms of a weight's columns held in a range, and numbers that stay positive. */
#include "constraints.h"
#include "loss.h"
#include "op.h"
#include <math.h>
#include <string.h>

typedef struct { double min, max, rate; fire_ints axis; } norm_attrs;
_Static_assert(sizeof(norm_attrs) <= FIRE_CONSTRAINT_SIZE, "FIRE_CONSTRAINT_SIZE");

#define AT(field) offsetof(norm_attrs, field)
#define AXIS {"axis", FIRE_ATTR_INTS, AT(axis), 0, -8, 7, "[0]", NULL, "dimensions over which a norm is taken: [0] for a Dense kernel, [0,1,2] for a Conv2D kernel"}
static const fire_attr max_table[] = {{"max_value", FIRE_ATTR_FLOAT, AT(max), 2, 0, 1e30, NULL, NULL, "the largest norm"}, AXIS, {0}};
static const fire_attr unit_table[] = {AXIS, {0}};
static const fire_attr range_table[] = {
    {"min_value", FIRE_ATTR_FLOAT, AT(min), 0, 0, 1e30, NULL, NULL, "the smallest norm"},
    {"max_value", FIRE_ATTR_FLOAT, AT(max), 1, 0, 1e30, NULL, NULL, "the largest norm"},
    {"rate", FIRE_ATTR_FLOAT, AT(rate), 1, 0, 1, NULL, NULL, "share of the way into the range that each update goes"},
    AXIS,
    {0},
};
static const fire_attr none_table[] = {{0}};

/* w times what `wanted` makes of the norm, over the norm; Keras adds its epsilon, 1e-7, to the divisor. */
static void by_norm(const norm_attrs *t, uint32_t axes, const fire_tensor *w, double *norm, double (*wanted)(const norm_attrs *t, double norm)) {
    fire_tensor kept = {.shape = w->shape};
    for (int d = 0; d < w->shape.rank; d++)
        if (axes >> d & 1) kept.shape.dim[d] = 1;
    int64_t n = fire_count(&w->shape), norms = fire_count(&kept.shape);
    for (int64_t i = 0; i < norms; i++) norm[i] = 0;
    fire_walk at = fire_walk_start(&w->shape, 1, &kept);
    for (int64_t i = 0; i < n; i++, fire_walk_next(&at)) norm[at.i[0]] += fire_get(w, i) * fire_get(w, i);
    for (int64_t i = 0; i < norms; i++) {
        double size = sqrt(norm[i]);
        norm[i] = wanted(t, size) / (1e-7 + size);
    }
    at = fire_walk_start(&w->shape, 1, &kept);
    for (int64_t i = 0; i < n; i++, fire_walk_next(&at)) fire_put(w, i, fire_get(w, i) * norm[at.i[0]]);
}

static double at_most(const norm_attrs *t, double norm) { return norm < t->max ? norm : t->max; }
static double one(const norm_attrs *t, double norm) { return 1; }
static double in_range(const norm_attrs *t, double norm) {
    double held = norm < t->min ? t->min : norm > t->max ? t->max : norm;
    return t->rate * held + (1 - t->rate) * norm;
}

static void max_apply(const void *attrs, uint32_t axes, const fire_tensor *w, double *scratch) { by_norm(attrs, axes, w, scratch, at_most); }
static void unit_apply(const void *attrs, uint32_t axes, const fire_tensor *w, double *scratch) { by_norm(attrs, axes, w, scratch, one); }
static void range_apply(const void *attrs, uint32_t axes, const fire_tensor *w, double *scratch) { by_norm(attrs, axes, w, scratch, in_range); }
static void positive_apply(const void *attrs, uint32_t axes, const fire_tensor *w, double *scratch) {
    for (int64_t i = 0, n = fire_count(&w->shape); i < n; i++)
        if (fire_get(w, i) < 0) fire_put(w, i, 0);
}

static const fire_constraint max_norm = {"MaxNorm", "max_norm", "norms of at most max_value", max_table, sizeof(norm_attrs), max_apply};
static const fire_constraint min_max_norm = {"MinMaxNorm", "min_max_norm", "norms from min_value to max_value", range_table, sizeof(norm_attrs), range_apply};
static const fire_constraint non_neg = {"NonNeg", "non_neg", "no number below 0", none_table, sizeof(norm_attrs), positive_apply};
static const fire_constraint unit_norm = {"UnitNorm", "unit_norm", "norms of 1", unit_table, sizeof(norm_attrs), unit_apply};
const fire_constraint *const fire_constraints[] = {&max_norm, &min_max_norm, &non_neg, &unit_norm, NULL};

fire_status fire_constraint_read(const char *text, const fire_constraint **out, void *mem, fire_error *err) {
    char name[64], shown[80], near[FIRE_NEAR_TEXT];
    *out = NULL;
    if (!text || !*text) return FIRE_OK;
    const char *rest = fire_name_read(text, name, sizeof name);
    const fire_constraint *const *p = fire_constraints;
    while (*p && !fire_same_word((*p)->name, name) && !fire_alias_has((*p)->alias, name)) p++;
    if (!*p) {
        fire_near best = {.name = name};
        for (p = fire_constraints; *p; p++) fire_near_try(&best, (*p)->name);
        return fire_fail(err, FIRE_E_UNKNOWN_NAME, "no constraint named '%s'%s", fire_escape(shown, sizeof shown, name, strlen(name)),
                         fire_near_text(&best, near)[0] ? near : "; `firesteel ops` lists all");
    }
    memset(mem, 0, FIRE_CONSTRAINT_SIZE);
    fire_status s = fire_attrs_read((*p)->name, (*p)->attrs, mem, rest, NULL, 0, err);
    const norm_attrs *t = mem;
    if (!s && *p == &min_max_norm && t->min > t->max) s = fire_fail(err, FIRE_E_ATTRIBUTE, "MinMaxNorm: min_value %g is above max_value %g", t->min, t->max);
    if (!s) *out = *p;
    return s;
}

fire_status fire_constraint_check(const char *text, fire_error *err) {
    _Alignas(16) unsigned char mem[FIRE_CONSTRAINT_SIZE];
    const fire_constraint *c;
    return fire_constraint_read(text, &c, mem, err);
}

fire_status fire_constraint_axes(const fire_constraint *c, const void *attrs, const fire_shape *shape, uint32_t *axes, fire_error *err) {
    const norm_attrs *t = attrs;
    *axes = 0;
    for (int i = 0; i < t->axis.n; i++) {
        int d;
        fire_error why = {0};
        if (fire_axis(t->axis.v[i], shape->rank, &d, &why)) return fire_fail(err, why.code, "%s: %s", c->name, why.message);
        *axes |= 1u << d;
    }
    return FIRE_OK;
}
