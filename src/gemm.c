/* gemm.c - op(A) op(B) + C: shapes and reference. */
#include "gemm.h"

fire_status fire_gemm_fit(bool trans_a, bool trans_b, int n_in, const fire_tensor *in, fire_gemm_sizes *s, fire_tensor *out, fire_error *err) {
    const fire_shape *a = &in[0].shape, *b = &in[1].shape;
    char ta[FIRE_SHAPE_TEXT], tb[FIRE_SHAPE_TEXT];
    fire_status st = fire_want_number(&in[0], "input", err);
    if (!st) st = fire_want_same_type(n_in, in, err);
    if (st) return st;
    if (a->rank != 2 || b->rank != 2 || a->dim[!trans_a] != b->dim[trans_b])
        return fire_fail(err, FIRE_E_SHAPE, "%s%s times %s%s does not fit", fire_shape_text(a, ta), trans_a ? " transposed" : "",
                         fire_shape_text(b, tb), trans_b ? " transposed" : "");
    *s = (fire_gemm_sizes){.m = a->dim[trans_a], .k = a->dim[!trans_a], .n = b->dim[!trans_b]};
    out->type = in[0].type;
    out->shape = (fire_shape){2, {s->m, s->n}};
    if (n_in > 2 && in[2].type) {
        fire_shape y;
        if (fire_broadcast_shape(&in[2].shape, &out->shape, &y, NULL) || !fire_same_shape(&y, &out->shape))
            return fire_fail(err, FIRE_E_SHAPE, "C %s does not fit the product %s", fire_shape_text(&in[2].shape, ta), fire_shape_text(&out->shape, tb));
    }
    return FIRE_OK;
}

void fire_gemm_run(const fire_call *call, bool trans_a, bool trans_b, double alpha, double beta, double (*f)(double)) {
    const fire_tensor *a = &call->in[0], *b = &call->in[1], *c = call->n_in > 2 && call->in[2].type ? &call->in[2] : NULL, *y = &call->out[0];
    int64_t m = y->shape.dim[0], n = y->shape.dim[1], k = a->shape.dim[!trans_a];
    fire_walk w = fire_walk_start(&y->shape, c ? 1 : 0, c);
    for (int64_t i = 0; i < m && n; i++)
        for (int64_t j = 0; j < n; j++, fire_walk_next(&w)) {
            double sum = 0;
            for (int64_t p = 0; p < k; p++) sum += fire_get(a, trans_a ? p * m + i : i * k + p) * fire_get(b, trans_b ? j * k + p : p * n + j);
            sum *= alpha;
            if (c) sum += beta * fire_get(c, w.i[0]);
            fire_put(y, i * n + j, f ? f(sum) : sum);
        }
}

int64_t fire_gemm_flops(const fire_call *call, bool trans_a) { return FIRE_WORK(2, fire_count(&call->out[0].shape), call->in[0].shape.dim[!trans_a]); }
