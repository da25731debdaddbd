/* softmax_cross_entropy - the loss of each row of logits, softmax and logarithm in one: stable, and its gradient is p - t.
**
** Logits are [..., classes]; the target is a class index [...] or a distribution [..., classes]. Out come the losses [...] and the
** probabilities [..., classes]. A class out of range gives NaN: a run cannot fail, and labels are checked on the way in.
*/
#include "op.h"
#include <math.h>

static bool by_index(const fire_tensor *target) { return target->type == FIRE_I32 || target->type == FIRE_I64; }

/* Targets for logits of this shape. */
static fire_status check_target(const fire_tensor *x, const fire_tensor *t, fire_shape *rows, fire_error *err) {
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    fire_status s = fire_want_float(x, "input", err);
    if (s) return s;
    if (x->shape.rank < 1) return fire_fail(err, FIRE_E_SHAPE, "logits are a scalar, expected [..., classes]");
    *rows = x->shape;
    rows->rank--;
    if (!by_index(t) && t->type != x->type)
        return fire_fail(err, FIRE_E_SHAPE, "targets are %s, expected int32, int64 or %s", fire_type_text(t->type), fire_type_text(x->type));
    if (!fire_same_shape(&t->shape, by_index(t) ? rows : &x->shape))
        return fire_fail(err, FIRE_E_SHAPE, "logits %s and targets %s do not fit", fire_shape_text(&x->shape, a), fire_shape_text(&t->shape, b));
    return FIRE_OK;
}

static fire_status xent_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    out[0].type = out[1].type = in[0].type;
    out[1].shape = in[0].shape;
    return check_target(&in[0], &in[1], &out[0].shape, err);
}

/* Class of row i, or -1. */
static int64_t class_of(const fire_tensor *t, int64_t i, int64_t classes) {
    int64_t c = t->type == FIRE_I64 ? ((const int64_t *)t->data)[i] : ((const int32_t *)t->data)[i];
    return c >= 0 && c < classes ? c : -1;
}

static void xent_run(const fire_call *call) {
    const fire_tensor *x = &call->in[0], *t = &call->in[1], *p = &call->out[1];
    int64_t classes = x->shape.dim[x->shape.rank - 1], rows = fire_count(&call->out[0].shape);
    for (int64_t i = 0; i < rows; i++) {
        int64_t at = i * classes;
        double top = -INFINITY, sum = 0, loss = 0;
        for (int64_t k = 0; k < classes; k++) top = fmax(top, fire_get(x, at + k));
        for (int64_t k = 0; k < classes; k++) sum += exp(fire_get(x, at + k) - top);
        double z = top + log(sum); /* log of the sum of exponentials */
        if (by_index(t)) {
            int64_t c = class_of(t, i, classes);
            loss = c < 0 ? NAN : z - fire_get(x, at + c);
        } else
            for (int64_t k = 0; k < classes; k++)
                if (fire_get(t, at + k) != 0) loss += fire_get(t, at + k) * (z - fire_get(x, at + k)); /* 0 times infinity is 0 here */
        for (int64_t k = 0; k < classes; k++) fire_put(p, at + k, exp(fire_get(x, at + k) - z));
        fire_put(&call->out[0], i, loss);
    }
}

/* Through the loss: dy (p sum(t) - t), one operator; through the probabilities, should anything read them: as Softmax. The derivative in
** a distribution t is -log p. */
static void xent_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value t = n->in[1], p = n->out[1];
    if (dy[0]) {
        dx[0] = fire_apply(g, "SoftmaxCrossEntropyGrad", 3, FIRE_IN(p, t, dy[0]), NULL);
        fire_type type = fire_type_of(g, t);
        if (type == FIRE_F32 || type == FIRE_F64) {
            fire_value axis = fire_graph_const(g, FIRE_I64, (fire_shape){1, {1}}, (const int64_t[]){-1});
            fire_value each = fire_apply(g, "Unsqueeze", 2, FIRE_IN(dy[0], axis), NULL), log_p = fire_apply(g, "Log", 1, FIRE_IN(p), NULL);
            dx[1] = fire_apply(g, "Neg", 1, FIRE_IN(fire_apply(g, "Mul", 2, FIRE_IN(log_p, each), NULL)), NULL);
        }
    }
    if (dy[1]) {
        fire_value through = fire_apply(g, "SoftmaxGrad", 2, FIRE_IN(p, dy[1]), NULL);
        dx[0] = dx[0] ? fire_apply(g, "Add", 2, FIRE_IN(dx[0], through), NULL) : through;
    }
}

static int64_t xent_flops(const fire_call *call) { return FIRE_WORK(6, fire_count(&call->in[0].shape)); }

const fire_op fire_op_softmax_cross_entropy = {
    .name = "SoftmaxCrossEntropy", .domain = FIRE_DOMAIN, .help = "cross-entropy of softmax(logits) against classes or distributions, and the softmax",
    .min_in = 2, .max_in = 2, .n_out = 2,
    .infer = xent_infer, .run = xent_run, .grad = xent_grad, .flops = xent_flops,
    .examples = {"[4,10] i64[4]<10", "[4,10] i32[4]<10", "[4,3] [4,3]>0", "[2,3,5] i64[2,3]<5", "[5] i64[]<5", "[33,10] i32[33]<10"},
};

/* SoftmaxCrossEntropyGrad: dx = dy (p sum(t) - t), from the probabilities, the target and each row's dy. */
static fire_status xent_grad_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_shape rows;
    fire_status s = check_target(&in[0], &in[1], &rows, err);
    if (s) return s;
    if (in[2].type != in[0].type || !fire_same_shape(&in[2].shape, &rows)) {
        char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
        return fire_fail(err, FIRE_E_SHAPE, "probabilities %s and gradient %s do not fit", fire_shape_text(&in[0].shape, a), fire_shape_text(&in[2].shape, b));
    }
    out[0].type = in[0].type;
    out[0].shape = in[0].shape;
    return FIRE_OK;
}

static void xent_grad_run(const fire_call *call) {
    const fire_tensor *p = &call->in[0], *t = &call->in[1], *dy = &call->in[2];
    int64_t classes = p->shape.dim[p->shape.rank - 1], rows = fire_count(&dy->shape);
    for (int64_t i = 0; i < rows; i++) {
        int64_t at = i * classes, c = by_index(t) ? class_of(t, i, classes) : 0;
        double mass = 1, d = fire_get(dy, i);
        if (!by_index(t)) {
            mass = 0;
            for (int64_t k = 0; k < classes; k++) mass += fire_get(t, at + k);
        }
        for (int64_t k = 0; k < classes; k++) {
            double target = by_index(t) ? (c < 0 ? NAN : k == c) : fire_get(t, at + k);
            fire_put(&call->out[0], at + k, d * (mass * fire_get(p, at + k) - target));
        }
    }
}

const fire_op fire_op_softmax_cross_entropy_grad = {
    .name = "SoftmaxCrossEntropyGrad", .domain = FIRE_DOMAIN, .help = "gradient of SoftmaxCrossEntropy in the logits",
    .min_in = 3, .max_in = 3, .n_out = 1, .in_place = 1,
    .infer = xent_grad_infer, .run = xent_grad_run, .flops = xent_flops,
    .examples = {"[4,10]>0 i64[4]<10 [4]", "[4,10]>0 i32[4]<10 [4]", "[4,3]>0 [4,3]>0 [4]", "[2,3,5]>0 i64[2,3]<5 [2,3]", "[33,10]>0 i32[33]<10 [33]"},
};
