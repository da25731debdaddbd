/* global_pool - mean, largest number or p-norm over all spatial dimensions, which become 1: [n, c, d...] to [n, c, 1...]. */
#include "window.h"
#include <math.h>
#include <stdio.h>

static fire_status global_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    char text[FIRE_SHAPE_TEXT];
    fire_status s = fire_want_float(&in[0], "input", err);
    if (s) return s;
    if (in[0].shape.rank < 2) return fire_fail(err, FIRE_E_SHAPE, "the input is %s, expected [n, c, d...]", fire_shape_text(&in[0].shape, text));
    out[0].type = in[0].type;
    out[0].shape = in[0].shape;
    for (int d = 2; d < in[0].shape.rank; d++) {
        if (in[0].shape.dim[d] < 1) return fire_fail(err, FIRE_E_SHAPE, "the input is %s, expected at least 1 in every dimension", fire_shape_text(&in[0].shape, text));
        out[0].shape.dim[d] = 1;
    }
    return FIRE_OK;
}

static int64_t flops_of(const fire_call *call) { return fire_count(&call->in[0].shape); }

/* ---- mean ---- */

static void average_run(const fire_call *call) {
    int64_t rows = fire_count(&call->out[0].shape), size = rows ? fire_count(&call->in[0].shape) / rows : 0;
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0;
        for (int64_t i = 0; i < size; i++) sum += fire_get(&call->in[0], r * size + i);
        fire_put(&call->out[0], r, sum / (double)size);
    }
}
static void average_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_shape x = fire_shape_of(g, n->in[0]);
    double size = 1;
    for (int d = 2; d < x.rank; d++) size *= (double)x.dim[d];
    fire_value each = fire_apply(g, "Mul", 2, FIRE_IN(dy[0], fire_graph_scalar(g, fire_type_of(g, dy[0]), 1 / size)), NULL);
    dx[0] = fire_apply(g, "ExpandLike", 2, FIRE_IN(each, n->in[0]), NULL);
}
const fire_op fire_op_global_average_pool = {
    .name = "GlobalAveragePool", .help = "mean over all spatial dimensions",
    .min_in = 1, .max_in = 1, .n_out = 1, .infer = global_infer, .run = average_run, .grad = average_grad, .flops = flops_of,
    .examples = {"[2,3,4,5]", "[2,3,7]", "[2,3,2,3,4]", "[2,3,1]"},
};

/* ---- largest ---- */

static void max_run(const fire_call *call) {
    int64_t rows = fire_count(&call->out[0].shape), size = rows ? fire_count(&call->in[0].shape) / rows : 0;
    for (int64_t r = 0; r < rows; r++) {
        double top = fire_get(&call->in[0], r * size);
        for (int64_t i = 1; i < size; i++) {
            double v = fire_get(&call->in[0], r * size + i);
            if (v > top || v != v) top = v;
        }
        fire_put(&call->out[0], r, top);
    }
}
/* One window over all of it; more than three spatial dimensions become three. */
static void max_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_shape x = fire_shape_of(g, n->in[0]);
    char text[64];
    int64_t size = 1;
    for (int d = 2; d < x.rank; d++)
        if (!fire_mul(size, x.dim[d], &size)) size = INT64_MAX;
    fire_value line = fire_graph_const(g, FIRE_I64, (fire_shape){1, {3}}, (int64_t[]){0, 0, size}), one = fire_graph_const(g, FIRE_I64, (fire_shape){1, {3}}, (int64_t[]){0, 0, 1});
    snprintf(text, sizeof text, "kernel_shape=[%lld]", (long long)size);
    fire_value a = fire_apply(g, "Reshape", 2, FIRE_IN(n->in[0], line), NULL), b = fire_apply(g, "Reshape", 2, FIRE_IN(dy[0], one), NULL);
    dx[0] = fire_apply(g, "ReshapeLike", 2, FIRE_IN(fire_apply(g, "MaxPoolGrad", 2, FIRE_IN(a, b), text), n->in[0]), NULL);
}
const fire_op fire_op_global_max_pool = {
    .name = "GlobalMaxPool", .help = "largest number over all spatial dimensions",
    .min_in = 1, .max_in = 1, .n_out = 1, .infer = global_infer, .run = max_run, .grad = max_grad, .flops = flops_of,
    .examples = {"[2,3,4,5]", "[2,3,7]", "[2,3,2,3,4]", "[2,3,1]"},
};
