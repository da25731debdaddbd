/* ctc_loss - connectionist temporal classification: minus the log-probability that classes drawn step by step from softmax(x) spell the labels,
** once repeats are merged and blanks dropped (Graves et al. 2006).
**
** x is [n, steps, classes], labels are [n, most], class numbers with blanks behind them. Out come the losses [n] and their gradients in x. Labels that
** do not fit into the steps have an infinite loss and no gradient; a label out of range gives NaN.
*/
#include "op.h"
#include <math.h>

typedef struct { int64_t blank; } ctc_attrs;
static const fire_attr attrs_of_ctc[] = {
    {"blank", FIRE_ATTR_INT, offsetof(ctc_attrs, blank), 0, 0, 1 << 24, .help = "class that stands for nothing; labels end before it"},
    {0},
};

static fire_status ctc_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    const fire_shape *x = &in[0].shape, *t = &in[1].shape;
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    fire_status s = fire_want_float(&in[0], "input", err);
    if (s) return s;
    if (in[1].type != FIRE_I64) return fire_fail(err, FIRE_E_SHAPE, "labels are %s, expected int64", fire_type_text(in[1].type));
    if (x->rank != 3 || t->rank != 2 || x->dim[0] != t->dim[0])
        return fire_fail(err, FIRE_E_SHAPE, "input %s and labels %s, expected [n, steps, classes] and [n, labels]", fire_shape_text(x, a), fire_shape_text(t, b));
    if (((const ctc_attrs *)attrs)->blank >= x->dim[2]) return fire_fail(err, FIRE_E_ATTRIBUTE, "blank is %lld, expected a class below %lld", (long long)((const ctc_attrs *)attrs)->blank, (long long)x->dim[2]);
    out[0].type = out[1].type = in[0].type;
    out[0].shape = (fire_shape){1, {x->dim[0]}};
    out[1].shape = *x;
    return FIRE_OK;
}

/* log p [steps, classes], and the forward and backward sums [steps, 2 labels + 1]. */
static size_t ctc_scratch(const fire_call *call) {
    const fire_shape *x = &call->in[0].shape;
    return (size_t)(x->dim[1] * (x->dim[2] + 2 * (2 * call->in[1].shape.dim[1] + 1))) * sizeof(double);
}

static double log_add(double a, double b) {
    double top = a > b ? a : b, low = a > b ? b : a;
    return low == -INFINITY ? top : top + log1p(exp(low - top));
}

static void ctc_run(const fire_call *call) {
    const fire_tensor *x = &call->in[0], *d = &call->out[1];
    const int64_t *label = call->in[1].data, blank = ((const ctc_attrs *)call->attrs)->blank;
    int64_t n = x->shape.dim[0], steps = x->shape.dim[1], classes = x->shape.dim[2], most = call->in[1].shape.dim[1], width = 2 * most + 1;
    double *p = call->scratch, *a = p + steps * classes, *b = a + steps * width;
    for (int64_t r = 0; r < n; r++, label += most) {
        int64_t first = r * steps * classes, length = 0;
        bool known = true;
        while (length < most && label[length] != blank) known &= label[length] >= 0 && label[length] < classes, length++;
        for (int64_t t = 0; t < steps; t++) {
            double top = -INFINITY, sum = 0;
            for (int64_t k = 0; k < classes; k++) top = fmax(top, fire_get(x, first + t * classes + k));
            for (int64_t k = 0; k < classes; k++) sum += exp(fire_get(x, first + t * classes + k) - top);
            for (int64_t k = 0; k < classes; k++) p[t * classes + k] = fire_get(x, first + t * classes + k) - top - log(sum);
        }
        /* Places: blank, label, blank, label ... blank. From one a step goes to itself, the next, or over a blank to another label. */
        int64_t places = 2 * length + 1;
        double total = steps ? -INFINITY : length ? -INFINITY : 0;
#define CLASS(s) ((s) % 2 ? label[(s) / 2] : blank)
        for (int64_t t = 0; known && t < steps; t++)
            for (int64_t s = 0; s < places; s++) {
                double v = t == 0 ? (s < 2 ? 0 : -INFINITY) : a[(t - 1) * width + s];
                if (t && s) v = log_add(v, a[(t - 1) * width + s - 1]);
                if (t && s > 1 && s % 2 && CLASS(s) != CLASS(s - 2)) v = log_add(v, a[(t - 1) * width + s - 2]);
                a[t * width + s] = v + p[t * classes + CLASS(s)];
            }
        for (int64_t t = steps - 1; known && t >= 0; t--) /* without the step's own probability */
            for (int64_t s = 0; s < places; s++) {
                double v = t == steps - 1 ? (s >= places - 2 ? 0 : -INFINITY) : b[(t + 1) * width + s] + p[(t + 1) * classes + CLASS(s)];
                if (t < steps - 1 && s + 1 < places) v = log_add(v, b[(t + 1) * width + s + 1] + p[(t + 1) * classes + CLASS(s + 1)]);
                if (t < steps - 1 && s + 2 < places && s % 2 && CLASS(s) != CLASS(s + 2)) v = log_add(v, b[(t + 1) * width + s + 2] + p[(t + 1) * classes + CLASS(s + 2)]);
                b[t * width + s] = v;
            }
        if (known && steps) {
            total = a[(steps - 1) * width + places - 1];
            if (places > 1) total = log_add(total, a[(steps - 1) * width + places - 2]);
        }
        fire_put(&call->out[0], r, known ? -total : NAN);
        for (int64_t i = 0; i < steps * classes; i++) p[i] = known ? (total == -INFINITY ? 0 : exp(p[i])) : NAN;
        for (int64_t t = 0; known && total != -INFINITY && t < steps; t++)
            for (int64_t s = 0; s < places; s++) p[t * classes + CLASS(s)] -= exp(a[t * width + s] + b[t * width + s] - total);
        for (int64_t i = 0; i < steps * classes; i++) fire_put(d, first + i, p[i]);
#undef CLASS
    }
}

static void ctc_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    if (!dy[0]) return;
    fire_value d = n->out[1], each = fire_apply(g, "Unsqueeze", 2, FIRE_IN(dy[0], fire_axes_const(g, 6)), NULL);
    dx[0] = fire_apply(g, "Mul", 2, FIRE_IN(d, each), NULL);
}

static int64_t ctc_flops(const fire_call *call) {
    const fire_shape *x = &call->in[0].shape;
    return FIRE_WORK(40, x->dim[0], x->dim[1], x->dim[2] / 10 + call->in[1].shape.dim[1] + 1);
}

const fire_op fire_op_ctc_loss = {
    .name = "CTCLoss", .domain = FIRE_DOMAIN, .help = "connectionist temporal classification of softmax(x) against labels, and its gradient",
    .min_in = 2, .max_in = 2, .n_out = 2, .saved = 2, .attrs = attrs_of_ctc, .attr_size = sizeof(ctc_attrs),
    .infer = ctc_infer, .run = ctc_run, .scratch = ctc_scratch, .grad = ctc_grad, .flops = ctc_flops,
    .examples = {"[2,5,4] i64[2,3]<4", "[3,4,3] i64[3,2]{1,2,2,2,1,0}", "[1,6,5] i64[1,4]{1,1,3,0}", "[2,3,4] i64[2,2]{3,1,2,3} blank=1"},
};
