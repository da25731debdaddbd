/* tensorflow_lift_fused.c - operators that TensorFlow's rewriting of graphs leaves behind: a convolution or product with what followed it, parts of tensors
** that are written to.
*/
#include "formats/tensorflow_help.h"
#include <stdio.h>

static bool is_text(const fire_onnx_attr *a, int64_t i, const char *text) { return a && i < a->n_texts && fire_span_is(a->texts[i], text); }

/* What follows: fused_ops of x, with further inputs from `next` on. */
static void follow(fire_import *b, const fire_lift *n, int64_t next, fire_value x, fire_value *out) {
    const fire_onnx_attr *ops = fire_lift_attr(n, "fused_ops");
    const bool first = fire_lift_text(n, "data_format", "NCHW");
    for (int64_t i = 0; ops && i < ops->n_texts && !b->g->first.status; i++) {
        const int64_t takes = is_text(ops, i, "FusedBatchNorm") ? 4 : is_text(ops, i, "BiasAdd") || is_text(ops, i, "Add") ? 1 : 0;
        const fire_shape s = fire_tf_shape(b, x);
        fire_value in[4] = {0};
        if (!fire_tf_has(b, n, next + takes)) return;
        for (int64_t k = 0; k < takes; k++) {
            in[k] = n->in[next++];
            const fire_shape t = fire_tf_shape(b, in[k]);
            if (first && t.rank == 1 && s.rank == 4) in[k] = fire_import_reshape(b, in[k], (fire_shape){3, {t.dim[0], 1, 1}});
        }
        if (is_text(ops, i, "BiasAdd") || is_text(ops, i, "Add")) x = fire_import_two(b, "Add", x, in[0]);
        else if (is_text(ops, i, "FusedBatchNorm")) { /* scale, offset, mean, variance */
            fire_import_fix(b, in[2]);
            fire_import_fix(b, in[3]);
            const fire_value by = fire_import_two(b, "Div", in[0], fire_import_one(b, "Sqrt", fire_tf_plus(b, in[3], fire_lift_float(n, "epsilon", 1e-4))));
            x = fire_import_two(b, "Add", fire_import_two(b, "Mul", x, by), fire_import_two(b, "Sub", in[1], fire_import_two(b, "Mul", in[2], by)));
        } else if (is_text(ops, i, "Relu6")) x = fire_import_two(b, "Min", fire_import_one(b, "Relu", x), fire_import_like(b, x, 6));
        else if (is_text(ops, i, "LeakyRelu")) x = fire_import_apply(b, "LeakyRelu", 1, &x, "alpha=%.9g", fire_lift_float(n, "leakyrelu_alpha", 0.2));
        else if (is_text(ops, i, "GeluExact")) x = fire_import_apply(b, "Gelu", 1, &x, " ");
        else if (is_text(ops, i, "GeluApproximate")) x = fire_import_apply(b, "Gelu", 1, &x, "approximate=tanh");
        else if (is_text(ops, i, "Relu") || is_text(ops, i, "Elu") || is_text(ops, i, "Tanh") || is_text(ops, i, "Sigmoid")) {
            char op[16] = {0};
            memcpy(op, ops->texts[i].bytes, ops->texts[i].size);
            x = fire_import_one(b, op, x);
        } else { fire_tf_fail(b, "fused with an operator that is not known"); return; }
    }
    *out = x;
}

void fire_tf_fused(fire_import *b, fire_lift *n) { /* _FusedConv2D, _FusedDepthwiseConv2dNative, _FusedMatMul */
    fire_lift as = *n;
    const bool matmul = !strcmp(n->op, "_FusedMatMul");
    memmove(as.op, as.op + strlen("_Fused"), sizeof as.op - strlen("_Fused"));
    if (!fire_tf_has(b, n, 2)) return;
    as.n_in = 2;
    if (matmul) fire_tf_matmul(b, &as);
    else fire_tf_conv(b, &as);
    follow(b, n, 2, as.out[0], &n->out[0]);
}

void fire_tf_batch_norm_ex(fire_import *b, fire_lift *n) { /* FusedBatchNormV3, maybe a sum, maybe Relu */
    fire_tf_batch_norm(b, n);
    if (fire_lift_int(n, "num_side_inputs", 0) && fire_tf_has(b, n, 6)) n->out[0] = fire_import_two(b, "Add", n->out[0], n->in[5]);
    if (fire_lift_text(n, "activation_mode", "Relu")) n->out[0] = fire_import_one(b, "Relu", n->out[0]);
}

/* FusedPadConv2D(x, paddings, weights), FusedResizeAndPadConv2D(x, size, paddings, weights). */
void fire_tf_pad_conv(fire_import *b, fire_lift *n) {
    const bool resize = !strcmp(n->op, "FusedResizeAndPadConv2D");
    fire_value x, step[FIRE_MAX_OUT] = {0};
    if (!fire_tf_has(b, n, resize ? 4 : 3)) return;
    fire_lift as = *n;
    as.out = step;
    x = n->in[0];
    if (resize) {
        fire_onnx_attr *own = fire_arena_alloc(&b->arena, (size_t)n->n_attrs + 1, sizeof *own, &b->g->first);
        if (!own) return;
        for (int64_t i = 0; i < n->n_attrs; i++) { /* resize_align_corners is align_corners */
            own[i] = n->attr[i];
            if (fire_span_is(own[i].name, "resize_align_corners")) own[i].name = (fire_span){own[i].name.bytes + strlen("resize_"), own[i].name.size - strlen("resize_")};
        }
        as.attr = own;
        snprintf(as.op, sizeof as.op, "ResizeBilinear");
        fire_tf_resize(b, &as);
        x = step[0];
        as.attr = n->attr;
    }
    as.in = (fire_value[16]){x, n->in[resize ? 2 : 1]};
    as.n_in = 2;
    snprintf(as.op, sizeof as.op, "MirrorPad");
    fire_tf_mirror_pad(b, &as);
    as.in[0] = step[0], as.in[1] = n->in[resize ? 3 : 2];
    snprintf(as.op, sizeof as.op, "Conv2D");
    fire_tf_conv(b, &as);
    n->out[0] = step[0];
}

/* TensorStridedSliceUpdate(x, begin, end, strides, value) and StridedSliceAssign: the slice of the places says where the values go. */
void fire_tf_slice_update(fire_import *b, fire_lift *n) {
    fire_tensor at;
    fire_value step[FIRE_MAX_OUT] = {0};
    if (!fire_tf_has(b, n, 5) || !fire_import_concrete(b, n->in[0])) return;
    const fire_shape s = fire_shape_of(b->g, n->in[0]);
    const int64_t all = fire_count(&s);
    if (!fire_tf_new(b, FIRE_I64, s, &at)) return;
    for (int64_t i = 0; i < all; i++) ((int64_t *)at.data)[i] = i;
    fire_lift as = *n;
    as.in = (fire_value[16]){fire_tf_keep(b, &at), n->in[1], n->in[2], n->in[3]};
    as.n_in = 4;
    as.out = step;
    snprintf(as.op, sizeof as.op, "StridedSlice");
    fire_tf_strided_slice(b, &as);
    if (b->g->first.status || !step[0]) return;
    const fire_shape t = fire_shape_of(b->g, step[0]);
    const fire_value flat = fire_import_reshape(b, n->in[0], (fire_shape){1, {all}}), values = fire_import_reshape(b, fire_tf_expand(b, n->in[4], t), (fire_shape){1, {fire_count(&t)}});
    n->out[0] = fire_import_reshape(b, fire_import_apply(b, "ScatterND", 3, FIRE_IN(flat, fire_import_reshape(b, step[0], (fire_shape){2, {fire_count(&t), 1}}), values), "reduction=none"), s);
}

void fire_tf_unravel(fire_import *b, fire_lift *n) { /* indices, sizes: rows of places, one for each size */
    int64_t size[FIRE_MAX_RANK], count;
    if (!fire_tf_has(b, n, 2) || !fire_tf_list(b, n->in[1], FIRE_MAX_RANK, size, &count)) return;
    fire_value rest = fire_import_cast(b, n->in[0], FIRE_I64), part[FIRE_MAX_RANK];
    for (int64_t d = count - 1; d >= 0; d--) {
        if (size[d] < 1 || count < 1) { fire_tf_fail(b, "a size of %lld", (long long)size[d]); return; }
        const fire_value by = fire_import_like(b, rest, (double)size[d]);
        part[d] = fire_import_unsqueeze(b, fire_import_apply(b, "Mod", 2, FIRE_IN(rest, by), "fmod=0"), 0);
        rest = fire_import_two(b, "Div", rest, by);
    }
    if (count < 1) { fire_tf_fail(b, "no sizes"); return; }
    n->out[0] = fire_import_cast(b, fire_tf_concat(b, count, part, 0), fire_tf_type(b, n->in[0]));
}

void fire_tf_approximate_top_k(fire_import *b, fire_lift *n) { /* exact, which is as near as can be */
    const int64_t k = fire_lift_int(n, "k", 1);
    fire_value out[FIRE_MAX_OUT];
    if (!fire_tf_has(b, n, 1)) return;
    if (!fire_lift_int(n, "aggregate_to_topk", 1)) { fire_tf_fail(b, "only the largest themselves are given"); return; }
    char text[64];
    snprintf(text, sizeof text, "axis=%lld largest=%d", (long long)fire_lift_int(n, "reduction_dimension", -1), fire_lift_int(n, "is_max_k", 1) != 0);
    if (fire_import_all(b, "TopK", 2, FIRE_IN(n->in[0], fire_import_ints(b, 1, &k)), text, out)) return;
    n->out[0] = out[0];
    n->out[1] = fire_import_cast(b, out[1], FIRE_I32);
}

void fire_tf_initialized(fire_import *b, fire_lift *n) { /* a variable that has a value has one */
    if (n->n_in > 0) n->out[0] = fire_graph_const(b->g, FIRE_BOOL, (fire_shape){0}, &(char){1});
}
