/* onnx_lift_train.c - ONNX's domain ai.onnx.preview.training: steps of optimizers, and gradients. */
#include "formats/onnx_lift.h"

static fire_value times(fire_import *b, fire_value x, double v) { return fire_import_two(b, "Mul", x, fire_import_like(b, x, v)); }

/* Inputs: the rate, the number of the step, then `kinds` lists of `count` tensors each, of which the first are what is trained. */
typedef struct { fire_value rate, step; int64_t count; } optimizer;

static bool open_optimizer(fire_import *b, const fire_lift *n, int kinds, optimizer *o) {
    o->count = (n->n_in - 2) / kinds;
    if (n->n_in < 2 + kinds || (n->n_in - 2) % kinds || n->n_out != (kinds - 1) * o->count) {
        fire_import_fail(b, FIRE_E_CORRUPT, "%lld inputs and %lld outputs, expected 2 + %d k and %d k", (long long)n->n_in, (long long)n->n_out, kinds, kinds - 1);
        return false;
    }
    for (int64_t i = 0; i < n->n_in; i++)
        if (!n->in[i]) { fire_import_fail(b, FIRE_E_CORRUPT, "input %lld is missing", (long long)i); return false; }
    o->rate = fire_import_reshape(b, n->in[0], (fire_shape){0});
    o->step = b->g->first.status ? 0 : fire_import_cast(b, fire_import_reshape(b, n->in[1], (fire_shape){0}), fire_type_of(b->g, o->rate));
    return !b->g->first.status;
}
/* The i-th gradient with the norm's. */
static fire_value gradient(fire_import *b, const fire_lift *n, const optimizer *o, int64_t i) {
    double norm = fire_lift_float(n, "norm_coefficient", 0);
    fire_value x = n->in[2 + i], g = n->in[2 + o->count + i];
    return norm != 0 ? fire_import_two(b, "Add", times(b, x, norm), g) : g;
}
/* `yes` from the second step on. */
static fire_value later(fire_import *b, const optimizer *o, fire_value yes, fire_value first) {
    return fire_import_apply(b, "Where", 3, FIRE_IN(fire_import_two(b, "Greater", o->step, fire_import_like(b, o->step, 0)), yes, first), " ");
}
static fire_value power(fire_import *b, const optimizer *o, double base) { /* 1 - base^step */
    fire_value one = fire_import_like(b, o->step, 1);
    return fire_import_two(b, "Sub", one, fire_import_two(b, "Pow", fire_import_like(b, o->step, base), o->step));
}

void fire_lift_adagrad(fire_import *b, fire_lift *n) {
    optimizer o;
    if (!open_optimizer(b, n, 3, &o)) return;
    const double decay = fire_lift_float(n, "decay_factor", 0), epsilon = fire_lift_float(n, "epsilon", 1e-6);
    fire_value rate = fire_import_two(b, "Div", o.rate, fire_import_two(b, "Add", times(b, o.step, decay), fire_import_like(b, o.step, 1)));
    for (int64_t i = 0; i < o.count && !b->g->first.status; i++) {
        fire_value g = gradient(b, n, &o, i), h = fire_import_two(b, "Add", n->in[2 + 2 * o.count + i], fire_import_two(b, "Mul", g, g)), root = fire_import_one(b, "Sqrt", h);
        root = fire_import_two(b, "Add", root, fire_import_like(b, root, epsilon));
        n->out[i] = fire_import_two(b, "Sub", n->in[2 + i], fire_import_two(b, "Div", fire_import_two(b, "Mul", rate, g), root));
        n->out[o.count + i] = h;
    }
}

void fire_lift_adam(fire_import *b, fire_lift *n) {
    optimizer o;
    if (!open_optimizer(b, n, 4, &o)) return;
    const double alpha = fire_lift_float(n, "alpha", 0.9), beta = fire_lift_float(n, "beta", 0.999), epsilon = fire_lift_float(n, "epsilon", 1e-6), post = fire_lift_float(n, "norm_coefficient_post", 0);
    fire_value rate = fire_import_two(b, "Div", fire_import_two(b, "Mul", o.rate, fire_import_one(b, "Sqrt", power(b, &o, beta))), power(b, &o, alpha));
    rate = later(b, &o, rate, o.rate);
    for (int64_t i = 0; i < o.count && !b->g->first.status; i++) {
        fire_value g = gradient(b, n, &o, i), v = n->in[2 + 2 * o.count + i], h = n->in[2 + 3 * o.count + i];
        v = fire_import_two(b, "Add", times(b, v, alpha), times(b, g, 1 - alpha));
        h = fire_import_two(b, "Add", times(b, h, beta), times(b, fire_import_two(b, "Mul", g, g), 1 - beta));
        fire_value root = fire_import_one(b, "Sqrt", h), x;
        root = fire_import_two(b, "Add", root, fire_import_like(b, root, epsilon));
        x = fire_import_two(b, "Sub", n->in[2 + i], fire_import_two(b, "Div", fire_import_two(b, "Mul", rate, v), root));
        n->out[i] = post != 0 ? times(b, x, 1 - post) : x;
        n->out[o.count + i] = v;
        n->out[2 * o.count + i] = h;
    }
}

void fire_lift_momentum(fire_import *b, fire_lift *n) {
    optimizer o;
    if (!open_optimizer(b, n, 3, &o)) return;
    const double alpha = fire_lift_float(n, "alpha", 0), beta = fire_lift_float(n, "beta", 0);
    fire_value part = later(b, &o, fire_import_like(b, o.step, beta), fire_import_like(b, o.step, 1));
    for (int64_t i = 0; i < o.count && !b->g->first.status; i++) {
        fire_value g = gradient(b, n, &o, i), v = fire_import_two(b, "Add", times(b, n->in[2 + 2 * o.count + i], alpha), fire_import_two(b, "Mul", part, g));
        fire_value by = fire_lift_text(n, "mode", "nesterov") ? fire_import_two(b, "Add", g, times(b, v, alpha)) : v;
        n->out[i] = fire_import_two(b, "Sub", n->in[2 + i], fire_import_two(b, "Mul", o.rate, by));
        n->out[o.count + i] = v;
    }
}

/* dy / dx for the tensors named xs, which have to be the node's own inputs; those named zs stay as they are. */
void fire_lift_gradient(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *xs = fire_lift_attr(n, "xs"), *name = fire_lift_attr(n, "y");
    if (!xs || !name || xs->n_texts < 1 || xs->n_texts > n->n_in || n->n_out > xs->n_texts || b->g->first.status) { fire_import_fail(b, FIRE_E_CORRUPT, "names of xs and y do not fit its inputs and outputs"); return; }
    fire_value y = fire_import_find(b, name->text);
    for (int64_t i = 0; i < n->n_out && !b->g->first.status; i++)
        if (fire_import_find(b, xs->texts[i]) != n->in[i]) fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "input %lld is not the tensor of its name", (long long)i);
    fire_value *dx = fire_arena_alloc(&b->arena, (size_t)n->n_out, sizeof *dx, &b->g->first);
    if (b->g->first.status || !y || fire_gradient(b->g, 1, &y, FIRE_IN(0), (int)n->n_out, n->in, dx)) return;
    for (int64_t i = 0; i < n->n_out; i++) n->out[i] = dx[i] ? dx[i] : fire_import_two(b, "Sub", n->in[i], n->in[i]);
}
