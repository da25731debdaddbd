/* reduce.c - fold a tensor along some of its dimensions. */
#include "reduce.h"
#include <string.h>

const fire_attr fire_reduce_table[] = {
    {"keepdims", FIRE_ATTR_INT, offsetof(fire_reduce_attrs, keep), 1, 0, 1, .help = "keep reduced dimensions as 1"},
    {"noop_with_empty_axes", FIRE_ATTR_INT, offsetof(fire_reduce_attrs, noop), 0, 0, 1, .help = "without axes reduce nothing instead of everything"},
    {0},
};

fire_status fire_reduce_mask(const fire_reduce_attrs *a, int n_in, const fire_tensor *in, uint32_t *mask, fire_error *err) {
    int rank = in[0].shape.rank;
    *mask = 0;
    if (n_in > 1 && in[1].type) {
        fire_status s = fire_axes(&in[1], rank, mask, err);
        if (s) return s;
    }
    if (!*mask && !a->noop) *mask = (1u << rank) - 1;
    return FIRE_OK;
}

fire_status fire_reduce_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    const fire_reduce_attrs *a = attrs;
    uint32_t mask;
    fire_status s = fire_want_number(&in[0], "input", err);
    if (!s) s = fire_reduce_mask(a, n_in, in, &mask, err);
    if (s) return s;
    out[0].type = in[0].type;
    for (int d = 0; d < in[0].shape.rank; d++)
        if (!(mask >> d & 1)) out[0].shape.dim[out[0].shape.rank++] = in[0].shape.dim[d];
        else if (a->keep) out[0].shape.dim[out[0].shape.rank++] = 1;
    return FIRE_OK;
}

size_t fire_reduce_scratch(const fire_call *call) { return (size_t)fire_count(&call->out[0].shape) * sizeof(double); }

/* How many elements each accumulator holds. *kept: the output's shape with reduced dimensions as 1. */
static int64_t accumulators(const fire_call *call, fire_tensor *kept) {
    uint32_t mask;
    *kept = (fire_tensor){.shape = call->in[0].shape};
    if (fire_reduce_mask(call->attrs, call->n_in, call->in, &mask, NULL)) return 0;
    int64_t each = 1;
    for (int d = 0; d < kept->shape.rank; d++)
        if (mask >> d & 1) each *= kept->shape.dim[d], kept->shape.dim[d] = 1;
    return each;
}

int64_t fire_reduce_run(const fire_call *call, double start, double (*fold)(double, double)) {
    const fire_tensor *x = &call->in[0];
    fire_tensor kept;
    const int64_t each = accumulators(call, &kept), n = fire_count(&call->out[0].shape);
    double *sum = call->scratch;
    for (int64_t i = 0; i < n; i++) sum[i] = start;
    fire_walk w = fire_walk_start(&x->shape, 1, &kept);
    for (int64_t e = 0, count = fire_count(&x->shape); e < count; e++, fire_walk_next(&w)) sum[w.i[0]] = fold(sum[w.i[0]], fire_get(x, e));
    return each;
}

bool fire_reduce_whole(const fire_call *call, int64_t start, int64_t (*fold)(int64_t, int64_t)) {
    const fire_tensor *x = &call->in[0];
    if (x->type != FIRE_I64) return false;
    fire_tensor kept;
    (void)accumulators(call, &kept);
    int64_t *sum = call->scratch; /* not the output, which may lie where the input does */
    const int64_t n = fire_count(&call->out[0].shape);
    for (int64_t i = 0; i < n; i++) sum[i] = start;
    fire_walk w = fire_walk_start(&x->shape, 1, &kept);
    for (int64_t e = 0, count = fire_count(&x->shape); e < count; e++, fire_walk_next(&w)) sum[w.i[0]] = fold(sum[w.i[0]], fire_whole_at(x, e));
    if (n) memcpy(call->out[0].data, sum, (size_t)n * sizeof *sum);
    return true;
}

fire_value fire_reduce_kept(fire_graph *g, const fire_node *n, fire_value v) {
    const fire_reduce_attrs *a = n->attrs;
    fire_tensor in[2] = {0};
    uint32_t mask;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i]) in[i] = fire_look(g, n->in[i])->tensor;
    if (a->keep || fire_reduce_mask(a, n->n_in, in, &mask, NULL) || !mask) return v;
    return fire_apply(g, "Unsqueeze", 2, FIRE_IN(v, fire_axes_const(g, mask)), NULL);
}

int64_t fire_reduce_flops(const fire_call *call) { return fire_count(&call->in[0].shape); }

fire_status fire_reduce_extreme_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    uint32_t mask;
    fire_status s = fire_reduce_infer(attrs, n_in, in, out, err);
    if (!s) s = fire_reduce_mask(attrs, n_in, in, &mask, err);
    if (s) return s;
    for (int d = 0; d < in[0].shape.rank; d++)
        if ((mask >> d & 1) && in[0].shape.dim[d] == 0) {
            char text[FIRE_SHAPE_TEXT];
            return fire_fail(err, FIRE_E_SHAPE, "%s has nothing along axis %d", fire_shape_text(&in[0].shape, text), d);
        }
    return FIRE_OK;
}

void fire_reduce_extreme_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value x = n->in[0], y = fire_reduce_kept(g, n, n->out[0]), d = fire_reduce_kept(g, n, dy[0]);
    const char *to = fire_type_of(g, x) == FIRE_F64 ? "to=11" : "to=1";
    fire_value chosen = fire_apply(g, "Cast", 1, FIRE_IN(fire_apply(g, "Equal", 2, FIRE_IN(x, y), NULL)), to);
    fire_value share = fire_apply(g, "Div", 2, FIRE_IN(d, fire_sum_like(g, chosen, d)), NULL);
    dx[0] = fire_apply(g, "Mul", 2, FIRE_IN(chosen, share), NULL);
}
