/* reshape - the numbers of x in another shape, a constant: 0 keeps a dimension, -1 takes what is left. While the batch is unknown, -1 may
** take it with other dimensions, [n, 4, 3] as [4 n, 3]: it is -1 again. */
#include "op.h"
#include <stdio.h>

typedef struct { int64_t allow_zero; } reshape_attrs;
static const fire_attr attrs_of_reshape[] = {
    {"allowzero", FIRE_ATTR_INT, offsetof(reshape_attrs, allow_zero), 0, 0, 1, .help = "0 in the shape means a dimension of 0"},
    {0},
};

static fire_status misfit(const fire_shape *x, const fire_tensor *to, fire_error *err) {
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT] = "";
    size_t k = 0;
    for (int64_t i = 0; i < fire_count(&to->shape); i++)
        k += (size_t)snprintf(b + k, sizeof b - k, "%s%lld", i ? ", " : "", (long long)fire_whole(fire_get(to, i)));
    return fire_fail(err, FIRE_E_SHAPE, "%s does not fit into [%s]", fire_shape_text(x, a), b);
}

static fire_status reshape_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    const fire_shape *x = &in[0].shape;
    bool allow_zero = ((const reshape_attrs *)attrs)->allow_zero;
    fire_status s = fire_want_index(&in[1], "shape", err);
    if (s) return s;
    if (!in[1].data) return fire_fail(err, FIRE_E_UNSUPPORTED, "the shape must be a constant");
    int64_t rank = fire_count(&in[1].shape), have = 1, want = 1, batches = 0, at = -1;
    if (in[1].shape.rank != 1 || rank > FIRE_MAX_RANK)
        return fire_fail(err, FIRE_E_SHAPE, "the shape has %lld numbers in %d dimensions, expected at most %d in one", (long long)rank, (int)in[1].shape.rank, FIRE_MAX_RANK);
    for (int d = 0; d < x->rank; d++)
        if (x->dim[d] == -1) batches++;
        else have *= x->dim[d];
    /* have and want count elements without the batch; batches is how many batch factors x has more than the result so far. */
    fire_shape y = {.rank = (int32_t)rank};
    for (int d = 0; d < rank; d++) {
        int64_t v = in[1].type == FIRE_I64 ? ((const int64_t *)in[1].data)[d] : ((const int32_t *)in[1].data)[d];
        if (v == 0 && !allow_zero) {
            if (d >= x->rank) return misfit(x, &in[1], err);
            v = x->dim[d];
            if (v == -1) { y.dim[d] = -1; batches--; continue; }
        } else if (v == -1) {
            if (at >= 0) return misfit(x, &in[1], err);
            at = d;
            continue;
        }
        if (v < 0 || !fire_mul(want, v, &want)) return misfit(x, &in[1], err);
        y.dim[d] = v;
    }
    if (at >= 0 && batches == 1 && want > 0 && (have % want == 0 || (have > 0 && want % have == 0))) y.dim[at] = -1; /* the batch, or a multiple or part of it */
    else if (at >= 0 && batches == 0 && want > 0 && have % want == 0) y.dim[at] = have / want;
    else if (at >= 0 || batches != 0 || have != want) return misfit(x, &in[1], err);
    out[0].type = in[0].type;
    out[0].shape = y;
    return FIRE_OK;
}

static void reshape_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    dx[0] = fire_apply(g, "ReshapeLike", 2, FIRE_IN(dy[0], n->in[0]), NULL);
}

const fire_op fire_op_reshape = {
    .name = "Reshape", .values = 2, .help = "x in another shape",
    .min_in = 2, .max_in = 2, .n_out = 1, .pure_shape = true, .attrs = attrs_of_reshape, .attr_size = sizeof(reshape_attrs),
    .infer = reshape_infer, .run = fire_run_copy, .grad = reshape_grad,
    .examples = {"[4,6] i64[3]{0,2,3}", "[4,2,3] i64[2]{0,-1}", "[4,2,3] i64[2]{-1,6}", "[4,6] i64[3]{-1,3,2}", "[1] i64[0]{}", "[4] i64[2]{-1,1}",
                 "i64[4,6] i64[2]{0,6}", "[0,3] i64[2]{0,3} allowzero=1"},
};
