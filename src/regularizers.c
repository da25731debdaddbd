/* regularizers.c - L1, L2, both, and how far rows or columns are from orthogonal. */
#include "regularizers.h"
#include "loss.h"
#include "op.h"
#include <math.h>
#include <string.h>

/* ---- L1 and L2 ---- */

typedef struct { double l1, l2; } l_attrs;
static const fire_attr l1_table[] = {{"l1", FIRE_ATTR_FLOAT, offsetof(l_attrs, l1), 0.01, 0, 1e30, NULL, NULL, "factor of the sum of sizes"}, {0}};
static const fire_attr l2_table[] = {{"l2", FIRE_ATTR_FLOAT, offsetof(l_attrs, l2), 0.01, 0, 1e30, NULL, NULL, "factor of the sum of squares"}, {0}};
static const fire_attr l1l2_table[] = {
    {"l1", FIRE_ATTR_FLOAT, offsetof(l_attrs, l1), 0, 0, 1e30, NULL, NULL, "factor of the sum of sizes"},
    {"l2", FIRE_ATTR_FLOAT, offsetof(l_attrs, l2), 0, 0, 1e30, NULL, NULL, "factor of the sum of squares"},
    {0},
};

/* Four sums side by side: one alone would wait for each addition. */
#define L1L2(T)                                                                                        \
    static void l1l2_##T(const T *w, int64_t n, double l1, double l2, T *dw, double *size, double *square) { \
        double a[4] = {0}, b[4] = {0};                                                                 \
        for (int64_t i = 0; i < n; i++) {                                                              \
            double x = (double)w[i];                                                                   \
            a[i & 3] += fabs(x);                                                                       \
            b[i & 3] += x * x;                                                                         \
        }                                                                                              \
        *size = (a[0] + a[1]) + (a[2] + a[3]);                                                         \
        *square = (b[0] + b[1]) + (b[2] + b[3]);                                                       \
        if (dw) for (int64_t i = 0; i < n; i++) dw[i] += (T)(l1 * ((w[i] > 0) - (w[i] < 0)) + 2 * l2 * (double)w[i]); \
    }
L1L2(float)
L1L2(double)

static double l1l2_value(const void *attrs, const fire_tensor *w, double scale, const fire_tensor *dw, double *scratch) {
    const l_attrs *t = attrs;
    double size, square;
    int64_t n = fire_count(&w->shape);
    if (w->type == FIRE_F32) l1l2_float(w->data, n, t->l1 * scale, t->l2 * scale, dw->data, &size, &square);
    else l1l2_double(w->data, n, t->l1 * scale, t->l2 * scale, dw->data, &size, &square);
    return t->l1 * size + t->l2 * square;
}

static const fire_regularizer l1 = {"L1", "l1", "l1 times the sum of sizes", l1_table, sizeof(l_attrs), NULL, NULL, l1l2_value};
static const fire_regularizer l2 = {"L2", "l2", "l2 times the sum of squares", l2_table, sizeof(l_attrs), NULL, NULL, l1l2_value};
static const fire_regularizer l1l2 = {"L1L2", "l1_l2|l1l2", "both", l1l2_table, sizeof(l_attrs), NULL, NULL, l1l2_value};

/* ---- orthogonal ---- */

typedef struct { double factor; fire_attr_text mode; } orthogonal_attrs;
_Static_assert(sizeof(orthogonal_attrs) <= FIRE_REGULARIZER_SIZE, "FIRE_REGULARIZER_SIZE");
static const fire_attr orthogonal_table[] = {
    {"factor", FIRE_ATTR_FLOAT, offsetof(orthogonal_attrs, factor), 0.01, 0, 1e30, NULL, NULL, "of the mean size of the products of two directions"},
    {"mode", FIRE_ATTR_TEXT, offsetof(orthogonal_attrs, mode), 0, 0, 0, "rows", "rows|columns", "what shall be orthogonal"},
    {0},
};

static fire_status orthogonal_fits(const void *attrs, const fire_shape *shape, fire_error *err) {
    char text[FIRE_SHAPE_TEXT];
    if (shape->rank != 2) return fire_fail(err, FIRE_E_SHAPE, "OrthogonalRegularizer: the weight has shape %s, expected a matrix", fire_shape_text(shape, text));
    return FIRE_OK;
}

static int64_t orthogonal_scratch(const void *attrs, const fire_shape *shape) {
    int64_t n = 2 * fire_count(shape);
    return n + shape->dim[0] + shape->dim[1];
}

/* With u_i = w_i / |w_i|: the penalty is factor times the mean of |u_i . u_j| over pairs i < j, and d/dw_i = (d_i - (d_i . u_i) u_i) / |w_i|, d_i
** being the gradient by u_i. Keras divides by max(|w_i|, 1e-7). */
static double orthogonal_value(const void *attrs, const fire_tensor *w, double scale, const fire_tensor *dw, double *scratch) {
    const orthogonal_attrs *t = attrs;
    bool rows = t->mode[0] == 'r';
    int64_t n = w->shape.dim[!rows], k = w->shape.dim[rows], si = rows ? k : 1, sj = rows ? 1 : n; /* element j of direction i is w[i si + j sj] */
    double *u = scratch, *d = u + n * k, *norm = d + n * k, sum = 0, pairs = (double)n * (double)(n - 1) / 2;
    if (n < 2) return 0;
    for (int64_t i = 0; i < n; i++) {
        double square = 0;
        for (int64_t j = 0; j < k; j++) square += fire_get(w, i * si + j * sj) * fire_get(w, i * si + j * sj);
        norm[i] = fmax(sqrt(square), 1e-7);
        for (int64_t j = 0; j < k; j++) u[i * k + j] = fire_get(w, i * si + j * sj) / norm[i], d[i * k + j] = 0;
    }
    for (int64_t a = 0; a < n; a++)
        for (int64_t b = a + 1; b < n; b++) {
            double dot = 0;
            for (int64_t j = 0; j < k; j++) dot += u[a * k + j] * u[b * k + j];
            sum += fabs(dot);
            double sign = (dot > 0) - (dot < 0);
            for (int64_t j = 0; j < k && dw->data; j++) d[a * k + j] += sign * u[b * k + j], d[b * k + j] += sign * u[a * k + j];
        }
    double by = scale * t->factor / pairs;
    for (int64_t i = 0; i < n && dw->data; i++) {
        double along = 0;
        if (norm[i] > 1e-7) for (int64_t j = 0; j < k; j++) along += d[i * k + j] * u[i * k + j];
        for (int64_t j = 0; j < k; j++) fire_put(dw, i * si + j * sj, fire_get(dw, i * si + j * sj) + by * (d[i * k + j] - along * u[i * k + j]) / norm[i]);
    }
    return t->factor * sum / pairs;
}

static const fire_regularizer orthogonal = {"OrthogonalRegularizer", "orthogonal_regularizer|orthogonal", "factor times the mean size of the cosine between two rows or columns",
                                            orthogonal_table, sizeof(orthogonal_attrs), orthogonal_fits, orthogonal_scratch, orthogonal_value};

/* ---- by name ---- */

const fire_regularizer *const fire_regularizers[] = {&l1, &l1l2, &l2, &orthogonal, NULL};

fire_status fire_regularizer_read(const char *text, const fire_regularizer **out, void *mem, fire_error *err) {
    char name[64], shown[80], near[FIRE_NEAR_TEXT];
    *out = NULL;
    if (!text || !*text) return FIRE_OK;
    const char *rest = fire_name_read(text, name, sizeof name);
    const fire_regularizer *const *p = fire_regularizers;
    while (*p && !fire_same_word((*p)->name, name) && !fire_alias_has((*p)->alias, name)) p++;
    if (!*p) {
        fire_near best = {.name = name};
        for (p = fire_regularizers; *p; p++) fire_near_try(&best, (*p)->name);
        return fire_fail(err, FIRE_E_UNKNOWN_NAME, "no regularizer named '%s'%s", fire_escape(shown, sizeof shown, name, strlen(name)),
                         fire_near_text(&best, near)[0] ? near : "; `firesteel ops` lists all");
    }
    memset(mem, 0, FIRE_REGULARIZER_SIZE);
    fire_status s = fire_attrs_read((*p)->name, (*p)->attrs, mem, rest, NULL, 0, err);
    if (!s) *out = *p;
    return s;
}

fire_status fire_regularizer_check(const char *text, fire_error *err) {
    _Alignas(16) unsigned char mem[FIRE_REGULARIZER_SIZE];
    const fire_regularizer *r;
    return fire_regularizer_read(text, &r, mem, err);
}
