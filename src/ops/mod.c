/* mod - the rest of a / b, with broadcasting: with the sign of b, as in Python, with that of a when fmod is 1. */
#include "op.h"
#include <math.h>

typedef struct { int64_t fmod; } mod_attrs;
static const fire_attr attrs_of_mod[] = {
    {"fmod", FIRE_ATTR_INT, offsetof(mod_attrs, fmod), 0, 0, 1, .help = "the rest has the sign of a; ONNX before opset 28 wants 1 for floats"},
    {0},
};

static fire_status mod_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    return fire_infer_broadcast(attrs, n_in, in, out, err);
}

/* Whole numbers of every type fit 64 bits; a rest by 0, which has no value, is 0. */
static int64_t rest(int64_t a, int64_t b, bool like_a) {
    if (b == 0 || b == -1) return 0;
    int64_t r = a % b;
    return r != 0 && !like_a && (r < 0) != (b < 0) ? r + b : r;
}
static int64_t whole_at(const fire_tensor *t, int64_t i) { return t->type == FIRE_I64 ? ((const int64_t *)t->data)[i] : (int64_t)fire_get(t, i); }

static void mod_run(const fire_call *call) {
    const fire_tensor *y = &call->out[0];
    bool like_a = ((const mod_attrs *)call->attrs)->fmod;
    fire_walk w = fire_walk_start(&y->shape, 2, call->in);
    for (int64_t e = 0, n = fire_count(&y->shape); e < n; e++, fire_walk_next(&w)) {
        if (y->type == FIRE_F32 || y->type == FIRE_F64) {
            double b = fire_get(&call->in[1], w.i[1]), r = fmod(fire_get(&call->in[0], w.i[0]), b);
            fire_put(y, e, !like_a && r != 0 && (r < 0) != (b < 0) ? r + b : r);
        } else {
            int64_t r = rest(whole_at(&call->in[0], w.i[0]), whole_at(&call->in[1], w.i[1]), like_a);
            if (y->type == FIRE_I64) ((int64_t *)y->data)[e] = r;
            else fire_put(y, e, (double)r);
        }
    }
}

/* a - b trunc(a / b): the slopes are 1 and -trunc(a / b) = -(a - y) / b. */
static void mod_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value a = n->in[0], b = n->in[1];
    dx[0] = fire_sum_like(g, dy[0], a);
    fire_value slope = fire_apply(g, "Div", 2, FIRE_IN(fire_apply(g, "Sub", 2, FIRE_IN(n->out[0], a), NULL), b), NULL);
    dx[1] = fire_sum_like(g, fire_apply(g, "Mul", 2, FIRE_IN(dy[0], slope), NULL), b);
}

const fire_op fire_op_mod = {
    .name = "Mod", .help = "rest of a / b",
    .min_in = 2, .max_in = 2, .n_out = 1, .attrs = attrs_of_mod, .attr_size = sizeof(mod_attrs),
    .infer = mod_infer, .run = mod_run, .grad = mod_grad,
    .examples = {"i64[9] i64[9]", "i32[4,3] i32[3]", "i64[5] i64[5] fmod=1", "[2,3] [2,3] fmod=1", "[3,1] [4] fmod=1"},
};
