/* normalization - (x - mean) / max(sqrt(variance), 1e-7) with mean and variance learned from the data by fire_adapt. Keras'
** weights: mean and variance over all axes but `axis`, and count, the number of values behind each. None is trained. */
#include "layer.h"
#include <math.h>

typedef struct { fire_ints axis; } normalization_attrs;

static const fire_attr attrs[] = {
    {"axis", FIRE_ATTR_INTS, offsetof(normalization_attrs, axis), 0, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, "[-1]", NULL,
     "dimensions with a mean and variance for each index (the batch is 0); []: one for all numbers"},
    {0},
};

/* The kept axes of rows of this shape (without batch): bit d for dimension d of the row. False: an axis does not exist. */
static bool kept(const void *attrs_, const fire_shape *row, uint32_t *mask) {
    const normalization_attrs *t = attrs_;
    *mask = 0;
    for (int i = 0; i < t->axis.n; i++) {
        int64_t a = t->axis.v[i] < 0 ? t->axis.v[i] + row->rank + 1 : t->axis.v[i];
        if (a < 1 || a > row->rank) return false;
        *mask |= 1u << (a - 1);
    }
    return true;
}

/* Walks a row: place[k] of each of its numbers among the kept ones. Calls are cheap next to reading the numbers. */
static int64_t place(const fire_shape *row, uint32_t mask, int64_t i) {
    int64_t at = 0, stride = 1;
    for (int d = row->rank - 1; d >= 0; d--) {
        if (mask >> d & 1) { at += i % row->dim[d] * stride; stride *= row->dim[d]; }
        i /= row->dim[d];
    }
    return at;
}

static int64_t width(const fire_shape *row, uint32_t mask) {
    int64_t n = 1;
    for (int d = 0; d < row->rank; d++) if (mask >> d & 1) n *= row->dim[d];
    return n;
}

static fire_value normalization_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    fire_graph *g = b->g;
    fire_shape x = fire_shape_of(g, in[0]), row = {.rank = x.rank - 1}, kept_shape = {0}, spread = {.rank = x.rank};
    for (int d = 0; d < row.rank; d++) row.dim[d] = x.dim[d + 1];
    uint32_t mask;
    if (!kept(attrs_, &row, &mask)) {
        char text[FIRE_SHAPE_TEXT];
        return fire_graph_fail(g, FIRE_E_ATTRIBUTE, "Normalization '%s': an axis is not one of the input %s; the batch (0) is never kept", g->layer, fire_shape_text(&x, text));
    }
    bool last_only = true; /* then mean [k] fits the last dimension as it is */
    spread.dim[0] = 1;
    for (int d = 0; d < row.rank; d++) {
        bool keep = mask >> d & 1;
        if (keep) kept_shape.dim[kept_shape.rank++] = row.dim[d];
        spread.dim[d + 1] = keep ? row.dim[d] : 1;
        if (keep && d != row.rank - 1) last_only = false;
    }
    fire_value mean = fire_weight(b, "mean", kept_shape, (fire_how){"zeros"}, false);
    fire_value variance = fire_weight(b, "variance", kept_shape, (fire_how){"ones"}, false);
    fire_weight(b, "count", (fire_shape){0}, (fire_how){"zeros"}, false);
    if (!last_only) {
        int64_t dims[FIRE_MAX_RANK];
        for (int d = 0; d < spread.rank; d++) dims[d] = spread.dim[d];
        fire_value shape = fire_graph_const(g, FIRE_I64, (fire_shape){1, {spread.rank}}, dims);
        mean = fire_apply(g, "Reshape", 2, FIRE_IN(mean, shape), NULL);
        variance = fire_apply(g, "Reshape", 2, FIRE_IN(variance, shape), NULL);
    }
    fire_value deviation = fire_apply(g, "Max", 2, FIRE_IN(fire_apply(g, "Sqrt", 1, &variance, NULL), fire_graph_scalar(g, fire_type_of(g, in[0]), 1e-7)), NULL);
    return fire_apply(g, "Div", 2, FIRE_IN(fire_apply(g, "Sub", 2, FIRE_IN(in[0], mean), NULL), deviation), NULL);
}

/* sums: [0] number of rows, then for each kept place the sum of its numbers, then of their squares. */
static int64_t normalization_sums(const void *attrs_, const fire_shape *row) {
    uint32_t mask;
    return kept(attrs_, row, &mask) ? 1 + 2 * width(row, mask) : 1;
}

static void normalization_add(const void *attrs_, const fire_tensor *x, double *sums) {
    fire_shape row = {.rank = x->shape.rank - 1};
    for (int d = 0; d < row.rank; d++) row.dim[d] = x->shape.dim[d + 1];
    uint32_t mask;
    if (!kept(attrs_, &row, &mask)) return;
    int64_t n = fire_count(&row), k = width(&row, mask), rows = x->shape.dim[0];
    bool all = k == n, last = k == row.dim[row.rank - 1] && mask == 1u << (row.rank - 1);
    double *sum = sums + 1, *square = sums + 1 + k;
    sums[0] += (double)rows;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < n; i++) {
            double v = x->type == FIRE_F32 ? (double)((const float *)x->data)[r * n + i] : ((const double *)x->data)[r * n + i];
            int64_t p = all ? i : last ? i % k : place(&row, mask, i);
            sum[p] += v;
            square[p] += v * v;
        }
}

static void fill(const fire_tensor *w, int64_t i, double v) {
    if (w->type == FIRE_F32) ((float *)w->data)[i] = (float)v;
    else ((double *)w->data)[i] = v;
}

static void normalization_finish(const void *attrs_, const fire_shape *row, const double *sums, const fire_tensor *weight) {
    uint32_t mask;
    if (!kept(attrs_, row, &mask)) return;
    int64_t k = width(row, mask);
    double each = sums[0] * (double)(k ? fire_count(row) / k : 0);
    for (int64_t p = 0; p < k; p++) {
        double mean = each ? sums[1 + p] / each : 0, square = each ? sums[1 + k + p] / each - mean * mean : 1;
        fill(&weight[0], p, mean);
        fill(&weight[1], p, square > 0 ? square : 0); /* rounding can push a constant column below zero */
    }
    fill(&weight[2], 0, each);
}

const fire_layer fire_layer_normalization = {
    .name = "Normalization", .help = "shifts and scales features to mean 0 and variance 1, as learned from the data",
    .attrs = attrs, .attr_size = sizeof(normalization_attrs), .min_in = 1, .max_in = 1, .build = normalization_build,
    .adapt_sums = normalization_sums, .adapt_add = normalization_add, .adapt_finish = normalization_finish,
    .examples = {"[4]", "[3,4]", "[3,4] axis=[1]", "[2,3] axis=[1,2]", "[5] axis=[]"},
};
