/* init.c - initializers by their Keras names, one row each. Element i of a weight is drawn from (seed, place, i) alone, so
** threads, order and the sizes of other weights do not matter. */
#include "layer.h"
#include "op.h"
#include <assert.h>
#include <math.h>
#include <string.h>

/* One struct for all: a row uses what its table names. */
typedef struct {
    double value, minval, maxval, mean, stddev, scale, gain;
    fire_attr_text mode, distribution, bias_initializer;
} init_attrs;

#define AT(field) offsetof(init_attrs, field)
#define BIG 1e30
static const fire_attr constant_attrs[] = {{"value", FIRE_ATTR_FLOAT, AT(value), 0, -BIG, BIG, NULL, NULL, "of every element"}, {0}};
static const fire_attr uniform_attrs[] = {
    {"minval", FIRE_ATTR_FLOAT, AT(minval), -0.05, -BIG, BIG, NULL, NULL, "lower end"},
    {"maxval", FIRE_ATTR_FLOAT, AT(maxval), 0.05, -BIG, BIG, NULL, NULL, "upper end"}, {0}};
static const fire_attr normal_attrs[] = {
    {"mean", FIRE_ATTR_FLOAT, AT(mean), 0, -BIG, BIG, NULL, NULL, "of the distribution"},
    {"stddev", FIRE_ATTR_FLOAT, AT(stddev), 0.05, 0, BIG, NULL, NULL, "standard deviation"}, {0}};
static const fire_attr scaling_attrs[] = {
    {"scale", FIRE_ATTR_FLOAT, AT(scale), 1, 0, BIG, NULL, NULL, "variance times fan"},
    {"mode", FIRE_ATTR_TEXT, AT(mode), 0, 0, 0, "fan_in", "fan_in|fan_out|fan_avg", "which fan"},
    {"distribution", FIRE_ATTR_TEXT, AT(distribution), 0, 0, 0, "truncated_normal", "truncated_normal|untruncated_normal|uniform", "shape of the distribution"}, {0}};
static const fire_attr gain_attrs[] = {{"gain", FIRE_ATTR_FLOAT, AT(gain), 1, -BIG, BIG, NULL, NULL, "factor"}, {0}};
static const fire_attr forget_attrs[] = {
    {"bias_initializer", FIRE_ATTR_TEXT, AT(bias_initializer), 0, 0, 0, "zeros", NULL, "of the other three quarters"}, {0}};

typedef struct { fire_key key; uint32_t place; fire_tensor w; int64_t n; } fill;

/* ---- draws ---- */

/* 128 bits for element i, attempt k of it. */
static void draw(const fill *f, int64_t i, uint32_t attempt, double u[2]) {
    uint32_t counter[4] = {(uint32_t)i, (uint32_t)((uint64_t)i >> 32), f->place, attempt}, r[4];
    fire_philox(f->key, counter, r);
    u[0] = fire_uniform53((uint64_t)r[1] << 32 | r[0]);
    u[1] = fire_uniform53((uint64_t)r[3] << 32 | r[2]);
}

static double normal_at(const fill *f, int64_t i, double most) {
    const double two_pi = 6.283185307179586;
    double u[2], z;
    uint32_t attempt = 0;
    do { /* Box and Muller, 1958; 1 - u is never 0. Beyond `most` (4.6 % at 2): again. */
        draw(f, i, attempt++, u);
        z = sqrt(-2 * log(1 - u[0])) * cos(two_pi * u[1]);
    } while (fabs(z) > most && attempt < 1000);
    return z;
}

static void fill_constant(const fill *f, double v) { for (int64_t i = 0; i < f->n; i++) fire_put(&f->w, i, v); }
static void fill_uniform(const fill *f, double low, double high) {
    for (int64_t i = 0; i < f->n; i++) {
        double u[2];
        draw(f, i, 0, u);
        fire_put(&f->w, i, low + (high - low) * u[0]);
    }
}
static void fill_normal(const fill *f, double mean, double stddev, double most) {
    for (int64_t i = 0; i < f->n; i++) fire_put(&f->w, i, mean + stddev * normal_at(f, i, most));
}

/* ---- rows of the table ---- */

static void zeros(const fill *f, const init_attrs *t) { fill_constant(f, 0); }
static void ones(const fill *f, const init_attrs *t) { fill_constant(f, 1); }
static void constant(const fill *f, const init_attrs *t) { fill_constant(f, t->value); }
static void random_uniform(const fill *f, const init_attrs *t) { fill_uniform(f, t->minval, t->maxval); }
static void random_normal(const fill *f, const init_attrs *t) { fill_normal(f, t->mean, t->stddev, INFINITY); }
static void truncated_normal(const fill *f, const init_attrs *t) { fill_normal(f, t->mean, t->stddev, 2); }

/* Keras' fans: [in, out] of a matrix; of a kernel [..., in, out] times the receptive field; of a vector its length twice. */
static void fans(const fire_shape *s, double *in, double *out) {
    double field = 1;
    for (int d = 0; d + 2 < s->rank; d++) field *= (double)s->dim[d];
    *in = s->rank == 0 ? 1 : s->rank == 1 ? (double)s->dim[0] : (double)s->dim[s->rank - 2] * field;
    *out = s->rank == 0 ? 1 : (double)s->dim[s->rank - 1] * field;
}

/* Glorot and Bengio, 2010; He et al., 2015. */
static void scaled(const fill *f, double scale, char mode, char distribution) {
    double in, out;
    fans(&f->w.shape, &in, &out);
    double fan = mode == 'i' ? in : mode == 'o' ? out : (in + out) / 2;
    scale /= fan > 1 ? fan : 1;
    if (distribution == 'u') fill_uniform(f, -sqrt(3 * scale), sqrt(3 * scale));
    /* .8796... is the standard deviation of a normal distribution cut at 2. */
    else if (distribution == 't') fill_normal(f, 0, sqrt(scale) / .87962566103423978, 2);
    else fill_normal(f, 0, sqrt(scale), INFINITY);
}
static void variance_scaling(const fill *f, const init_attrs *t) {
    char mode = !strcmp(t->mode, "fan_in") ? 'i' : !strcmp(t->mode, "fan_out") ? 'o' : 'a';
    scaled(f, t->scale, mode, !strcmp(t->distribution, "uniform") ? 'u' : *t->distribution == 't' ? 't' : 'n');
}
static void glorot_uniform(const fill *f, const init_attrs *t) { scaled(f, 1, 'a', 'u'); }
static void glorot_normal(const fill *f, const init_attrs *t) { scaled(f, 1, 'a', 't'); }
static void he_uniform(const fill *f, const init_attrs *t) { scaled(f, 2, 'i', 'u'); }
static void he_normal(const fill *f, const init_attrs *t) { scaled(f, 2, 'i', 't'); }
static void lecun_uniform(const fill *f, const init_attrs *t) { scaled(f, 1, 'i', 'u'); }
static void lecun_normal(const fill *f, const init_attrs *t) { scaled(f, 1, 'i', 't'); }

static void identity(const fill *f, const init_attrs *t) {
    int64_t columns = f->w.shape.rank == 2 ? f->w.shape.dim[1] : 1;
    fill_constant(f, 0);
    for (int64_t i = 0; i * columns + i < f->n && i < columns; i++) fire_put(&f->w, i * columns + i, t->gain);
}

/* Orthonormal columns (rows, when there are fewer): Gram and Schmidt on normal numbers, which is the Q of a QR whose R has a
** positive diagonal, and so evenly spread over the orthogonal matrices. Every vector is made orthogonal twice: that is as good as Householder's
** reflections (Giraud et al., 2005). Works in place, in the weight's own memory. */
static double dot(const fire_tensor *w, int64_t a, int64_t b, int64_t step, int64_t n) {
    double sum = 0;
    if (w->type == FIRE_F32) for (int64_t i = 0; i < n; i++) sum += (double)((const float *)w->data)[a + i * step] * ((const float *)w->data)[b + i * step];
    else for (int64_t i = 0; i < n; i++) sum += ((const double *)w->data)[a + i * step] * ((const double *)w->data)[b + i * step];
    return sum;
}
static void axpy(const fire_tensor *w, double c, int64_t x, int64_t y, int64_t step, int64_t n) { /* y += c x */
    if (w->type == FIRE_F32) for (int64_t i = 0; i < n; i++) ((float *)w->data)[y + i * step] += (float)(c * ((const float *)w->data)[x + i * step]);
    else for (int64_t i = 0; i < n; i++) ((double *)w->data)[y + i * step] += c * ((const double *)w->data)[x + i * step];
}
static void orthogonal(const fill *f, const init_attrs *t) {
    const fire_shape *s = &f->w.shape;
    int64_t columns = s->rank ? s->dim[s->rank - 1] : 1, rows = columns ? f->n / columns : 0;
    bool by_column = rows > columns;
    int64_t count = by_column ? columns : rows, length = by_column ? rows : columns;
    int64_t next = by_column ? 1 : columns, step = by_column ? columns : 1; /* from vector to vector, from element to element */
    fill_normal(f, 0, 1, INFINITY);
    for (int64_t j = 0; j < count; j++) {
        int64_t v = j * next;
        for (int twice = 0; twice < 2; twice++)
            for (int64_t k = 0; k < j; k++) axpy(&f->w, -dot(&f->w, k * next, v, step, length), k * next, v, step, length);
        double norm = sqrt(dot(&f->w, v, v, step, length));
        if (norm > 0) axpy(&f->w, 1 / norm - 1, v, v, step, length);
    }
    for (int64_t i = 0; t->gain != 1 && i < f->n; i++) fire_put(&f->w, i, t->gain * fire_get(&f->w, i));
}

static void unit_forget_bias(const fill *f, const init_attrs *t);

/* ranks: bit r: makes sense for weights of r dimensions. */
static const struct initializer {
    const char *name, *alias, *help;
    const fire_attr *attrs;
    void (*fill)(const fill *f, const init_attrs *t);
    uint32_t ranks;
} initializers[] = {
    {"Constant", "constant", "the same number everywhere", constant_attrs, constant, ~0u},
    {"GlorotNormal", "glorot_normal", "normal, cut at 2 sigma, variance 2 / (fan in + fan out)", NULL, glorot_normal, ~0u},
    {"GlorotUniform", "glorot_uniform", "uniform, variance 2 / (fan in + fan out)", NULL, glorot_uniform, ~0u},
    {"HeNormal", "he_normal", "normal, cut at 2 sigma, variance 2 / fan in", NULL, he_normal, ~0u},
    {"HeUniform", "he_uniform", "uniform, variance 2 / fan in", NULL, he_uniform, ~0u},
    {"Identity", "identity", "gain on the diagonal of a matrix, else 0", gain_attrs, identity, 1u << 2},
    {"LecunNormal", "lecun_normal", "normal, cut at 2 sigma, variance 1 / fan in", NULL, lecun_normal, ~0u},
    {"LecunUniform", "lecun_uniform", "uniform, variance 1 / fan in", NULL, lecun_uniform, ~0u},
    {"Ones", "ones", "1 everywhere", NULL, ones, ~0u},
    {"Orthogonal", "orthogonal", "gain times a random orthogonal matrix", gain_attrs, orthogonal, ~3u},
    {"RandomNormal", "random_normal", "normal", normal_attrs, random_normal, ~0u},
    {"RandomUniform", "random_uniform", "uniform between two numbers", uniform_attrs, random_uniform, ~0u},
    {"TruncatedNormal", "truncated_normal", "normal, cut at 2 sigma", normal_attrs, truncated_normal, ~0u},
    {"UnitForgetBias", "unit_forget_bias", "for the bias of an LSTM: 1 in its second quarter, the forget gate's", forget_attrs, unit_forget_bias, 1u << 1},
    {"VarianceScaling", "variance_scaling", "variance scale / fan", scaling_attrs, variance_scaling, ~0u},
    {"Zeros", "zeros", "0 everywhere", NULL, zeros, ~0u},
};
enum { N_INITIALIZERS = sizeof initializers / sizeof *initializers };

static fire_status find(const char *text, const struct initializer **found, init_attrs *t, fire_error *err) {
    char name[64], shown[80], near[FIRE_NEAR_TEXT];
    const char *rest = fire_name_read(text, name, sizeof name);
    fire_near best = {.name = name};
    const char *full = !strcmp(name, "uniform") ? "RandomUniform" : !strcmp(name, "normal") ? "RandomNormal" : name; /* Keras' short names */
    for (int i = 0; i < N_INITIALIZERS; i++) {
        const struct initializer *k = &initializers[i];
        if (!strcmp(k->name, full) || !strcmp(k->alias, name)) {
            memset(t, 0, sizeof *t);
            *found = k;
            return fire_attrs_read(k->name, k->attrs, t, rest, NULL, 0, err);
        }
        fire_near_try(&best, k->name);
        fire_near_try(&best, k->alias);
    }
    return fire_fail(err, FIRE_E_UNKNOWN_NAME, "no initializer named '%s'%s", fire_escape(shown, sizeof shown, name, strlen(name)),
                     fire_near_text(&best, near)[0] ? near : "; `firesteel ops` lists all");
}

/* The initializer inside UnitForgetBias. */
static fire_status find_other(const init_attrs *outer, const struct initializer **k, init_attrs *t, fire_error *err) {
    fire_attr_text text;
    memcpy(text, outer->bias_initializer, sizeof text); /* t may be outer */
    fire_status s = find(text, k, t, err);
    if (s || ((*k)->fill != unit_forget_bias && (*k)->ranks >> 1 & 1)) return s;
    return fire_fail(err, FIRE_E_ATTRIBUTE, "UnitForgetBias: %s does not fit a bias", (*k)->name);
}

/* Another initializer, and then 1 in the second of four parts (Jozefowicz et al., 2015). */
static void unit_forget_bias(const fill *f, const init_attrs *t) {
    const struct initializer *k;
    init_attrs other;
    if (!find_other(t, &k, &other, NULL)) k->fill(f, &other);
    for (int64_t i = f->n / 4; i < f->n / 2; i++) fire_put(&f->w, i, 1);
}

fire_status fire_init_check(const char *text, fire_error *err) {
    const struct initializer *k;
    init_attrs t;
    fire_status s = find(text, &k, &t, err);
    return s || k->fill != unit_forget_bias ? s : find_other(&t, &k, &t, err);
}

fire_status fire_init_fill(const char *text, uint64_t seed, int64_t place, const fire_tensor *w, fire_error *err) {
    const struct initializer *k;
    init_attrs t;
    fire_status s = fire_init_check(text, err);
    if (!s) s = find(text, &k, &t, err);
    if (s) return s;
    char shape[FIRE_SHAPE_TEXT];
    if (!(k->ranks >> w->shape.rank & 1))
        return fire_fail(err, FIRE_E_SHAPE, "%s: does not fit a weight of shape %s", k->name, fire_shape_text(&w->shape, shape));
    fill f = {fire_key_make(seed, FIRE_STREAM_INIT), (uint32_t)place, *w, fire_count(&w->shape)};
    assert(f.n >= 0);
    k->fill(&f, &t);
    return FIRE_OK;
}

bool fire_init_look(int i, const char **name, const char **help, const fire_attr **attrs) {
    if (i < 0 || i >= N_INITIALIZERS) return false;
    *name = initializers[i].name;
    *help = initializers[i].help;
    *attrs = initializers[i].attrs;
    return true;
}
