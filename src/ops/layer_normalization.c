/* layer_normalization - (x - mean) / sqrt(variance + epsilon) * scale + bias, the moments being those of each row of x's dimensions from
** `axis` on. Also gives the means and the inverse deviations, which the gradient reads.
*/
#include "op.h"
#include <math.h>

typedef struct { int64_t axis; double epsilon; int64_t stash; } norm_attrs;
#define AT(field) offsetof(norm_attrs, field)
static const fire_attr attrs_of_norm[] = {
    {"axis", FIRE_ATTR_INT, AT(axis), -1, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, .help = "first of the dimensions that are normalized together"},
    {"epsilon", FIRE_ATTR_FLOAT, AT(epsilon), 1e-5, 0, 1e9, .help = "added to the variance"},
    {"stash_type", FIRE_ATTR_INT, AT(stash), 1, 1, 11, .help = "type of the moments; they are of x's type whatever it says"},
    {0},
};

/* count rows of size numbers each. */
typedef struct { int64_t count, size; } rows;
static rows rows_of(const void *attrs, const fire_shape *x) {
    rows r = {1, 1};
    int axis = 0;
    (void)fire_axis(((const norm_attrs *)attrs)->axis, x->rank, &axis, NULL);
    for (int d = 0; d < x->rank; d++) *(d < axis ? &r.count : &r.size) *= x->dim[d];
    return r;
}

/* An input that goes with the normalized dimensions of x: their shape. */
static fire_status want_row(const fire_tensor *t, const fire_tensor *x, int axis, const char *what, fire_error *err) {
    fire_shape want = {.rank = x->shape.rank - axis};
    for (int d = 0; d < want.rank; d++) want.dim[d] = x->shape.dim[axis + d];
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    if (t->type == x->type && fire_same_shape(&t->shape, &want)) return FIRE_OK;
    return fire_fail(err, FIRE_E_SHAPE, "%s is %s %s, expected %s %s", what, fire_type_text(t->type), fire_shape_text(&t->shape, a), fire_type_text(x->type), fire_shape_text(&want, b));
}

static fire_status norm_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    int axis;
    fire_status s = fire_want_float(&in[0], "input", err);
    if (!s) s = fire_axis(((const norm_attrs *)attrs)->axis, in[0].shape.rank, &axis, err);
    if (!s) s = want_row(&in[1], &in[0], axis, "scale", err);
    if (!s && n_in > 2 && in[2].type) s = want_row(&in[2], &in[0], axis, "bias", err);
    if (s) return s;
    for (int k = 0; k < 3; k++) {
        out[k].type = in[0].type;
        out[k].shape = in[0].shape;
        for (int d = axis; k && d < in[0].shape.rank; d++) out[k].shape.dim[d] = 1;
    }
    return FIRE_OK;
}

static void norm_run(const fire_call *call) {
    const norm_attrs *t = call->attrs;
    const fire_tensor *x = &call->in[0];
    rows r = rows_of(t, &x->shape);
    bool bias = call->n_in > 2 && call->in[2].type;
    for (int64_t i = 0; i < r.count && r.size; i++) {
        double mean = 0, square = 0, inverse;
        for (int64_t k = 0; k < r.size; k++) mean += fire_get(x, i * r.size + k);
        mean /= (double)r.size;
        for (int64_t k = 0; k < r.size; k++) square += (fire_get(x, i * r.size + k) - mean) * (fire_get(x, i * r.size + k) - mean);
        inverse = 1 / sqrt(square / (double)r.size + t->epsilon);
        for (int64_t k = 0; k < r.size; k++)
            fire_put(&call->out[0], i * r.size + k, (fire_get(x, i * r.size + k) - mean) * inverse * fire_get(&call->in[1], k) + (bias ? fire_get(&call->in[2], k) : 0));
        fire_put(&call->out[1], i, mean);
        fire_put(&call->out[2], i, inverse);
    }
}

/* Through y alone by LayerNormalizationGrad. The moments are seldom asked for: then dx += (dmean - inverse^3 dinverse (x - mean)) / size. */
static void norm_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    char text[FIRE_ATTRS_TEXT];
    fire_value x = n->in[0], scale = n->in[1], bias = n->n_in > 2 ? n->in[2] : 0, mean = n->out[1], inverse = n->out[2], d[FIRE_MAX_OUT] = {0};
    if (dy[0]) {
        if (fire_apply_all(g, "LayerNormalizationGrad", 5, FIRE_IN(dy[0], x, scale, mean, inverse), fire_node_attrs(n, text), d)) return;
        dx[1] = d[1];
        if (bias) dx[2] = d[2];
    }
    fire_value size = dy[1] || dy[2] ? fire_apply(g, "CountLike", 2, FIRE_IN(x, mean), NULL) : 0;
    if (dy[1]) {
        fire_value part = fire_apply(g, "ExpandLike", 2, FIRE_IN(fire_apply(g, "Div", 2, FIRE_IN(dy[1], size), NULL), x), NULL);
        d[0] = d[0] ? fire_apply(g, "Add", 2, FIRE_IN(d[0], part), NULL) : part;
    }
    if (dy[2]) {
        fire_value cube = fire_apply(g, "Mul", 2, FIRE_IN(inverse, fire_apply(g, "Mul", 2, FIRE_IN(inverse, inverse), NULL)), NULL);
        fire_value slope = fire_apply(g, "Div", 2, FIRE_IN(fire_apply(g, "Mul", 2, FIRE_IN(cube, dy[2]), NULL), size), NULL);
        fire_value part = fire_apply(g, "Mul", 2, FIRE_IN(fire_apply(g, "Sub", 2, FIRE_IN(mean, x), NULL), slope), NULL);
        d[0] = d[0] ? fire_apply(g, "Add", 2, FIRE_IN(d[0], part), NULL) : part;
    }
    dx[0] = d[0];
}

static int64_t norm_flops(const fire_call *call) { return FIRE_WORK(8, fire_count(&call->in[0].shape)); }

const fire_op fire_op_layer_normalization = {
    .name = "LayerNormalization", .help = "rows shifted and scaled to mean 0 and variance 1, then scale and bias",
    .min_in = 2, .max_in = 3, .n_out = 3, .in_place = 1, .attrs = attrs_of_norm, .attr_size = sizeof(norm_attrs),
    .infer = norm_infer, .run = norm_run, .grad = norm_grad, .flops = norm_flops,
    .examples = {"[4,6] [6] [6]", "[2,3,5] [5]", "[2,3,4] [3,4] [3,4] axis=1", "[3,8] [8] [8] epsilon=0.1", "[33,20] [20] [20]", "[4,1] [1] [1]"},
};

/* ---- LayerNormalizationGrad: dy, x, scale, mean, inverse -> dx, dscale, dbias. With z = (x - mean) inverse and s = dy scale:
**      dx = inverse (s - mean of s - z mean of s z), dscale = sum of dy z, dbias = sum of dy ---- */

static fire_status norm_grad_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_tensor want[3] = {0};
    fire_status s = norm_infer(attrs, 2, in + 1, want, err);
    if (s) return s;
    for (int k = 0; k < 3; k++) {
        const fire_tensor *t = k ? &in[2 + k] : &in[0];
        char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
        if (t->type != want[k].type || !fire_same_shape(&t->shape, &want[k].shape))
            return fire_fail(err, FIRE_E_SHAPE, "%s, expected %s", fire_shape_text(&t->shape, a), fire_shape_text(&want[k].shape, b));
        out[k].type = in[0].type;
        out[k].shape = k ? in[2].shape : in[0].shape;
    }
    return FIRE_OK;
}

static size_t norm_grad_scratch(const fire_call *call) { return 2 * (size_t)fire_count(&call->out[1].shape) * sizeof(double); }

static void norm_grad_run(const fire_call *call) {
    rows r = rows_of(call->attrs, &call->in[0].shape);
    double *scale = call->scratch, *bias = scale + r.size;
    for (int64_t k = 0; k < r.size; k++) scale[k] = bias[k] = 0;
    for (int64_t i = 0; i < r.count && r.size; i++) {
        double mean = fire_get(&call->in[3], i), inverse = fire_get(&call->in[4], i), s = 0, sz = 0;
        for (int64_t k = 0, e = i * r.size; k < r.size; k++, e++) {
            double dy = fire_get(&call->in[0], e), z = (fire_get(&call->in[1], e) - mean) * inverse, w = fire_get(&call->in[2], k);
            s += dy * w, sz += dy * w * z;
            scale[k] += dy * z, bias[k] += dy;
        }
        for (int64_t k = 0, e = i * r.size; k < r.size; k++, e++) {
            double dy = fire_get(&call->in[0], e), z = (fire_get(&call->in[1], e) - mean) * inverse, w = fire_get(&call->in[2], k);
            fire_put(&call->out[0], e, inverse * (dy * w - (s + z * sz) / (double)r.size));
        }
    }
    for (int64_t k = 0; k < r.size; k++) {
        fire_put(&call->out[1], k, scale[k]);
        fire_put(&call->out[2], k, bias[k]);
    }
}

static int64_t norm_grad_flops(const fire_call *call) { return FIRE_WORK(16, fire_count(&call->in[0].shape)); }

const fire_op fire_op_layer_normalization_grad = {
    .name = "LayerNormalizationGrad", .domain = FIRE_DOMAIN, .help = "gradient of LayerNormalization from dy, x, scale, the means and the inverse deviations",
    .min_in = 5, .max_in = 5, .n_out = 3, .in_place = 3, .attrs = attrs_of_norm, .attr_size = sizeof(norm_attrs),
    .infer = norm_grad_infer, .run = norm_grad_run, .scratch = norm_grad_scratch, .flops = norm_grad_flops,
    .examples = {"[4,6] [4,6] [6] [4,1] [4,1]", "[2,3,4] [2,3,4] [3,4] [2,1,1] [2,1,1] axis=1", "[33,20] [33,20] [20] [33,1] [33,1]"},
};
