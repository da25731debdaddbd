/* cast - numbers of another type. Fractions are cut towards 0, NaN becomes 0, what does not fit is unspecified (as in ONNX). */
#include "op.h"

typedef struct { int64_t to; } cast_attrs;
static const fire_attr attrs_of_cast[] = {
    {"to", FIRE_ATTR_INT, offsetof(cast_attrs, to), FIRE_F32, 1, 16, .help = "type, numbered as in ONNX: 1 float32, 11 float64, 7 int64 ..."},
    {0},
};

static fire_status cast_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    const cast_attrs *a = attrs;
    if (!fire_type_size((fire_type)a->to)) return fire_fail(err, FIRE_E_UNSUPPORTED, "type %lld is not supported", (long long)a->to);
    out[0].type = (fire_type)a->to;
    out[0].shape = in[0].shape;
    return FIRE_OK;
}

static void cast_run(const fire_call *call) {
    const fire_tensor *x = &call->in[0], *y = &call->out[0];
    for (int64_t i = 0, n = fire_count(&y->shape); i < n; i++)
        if (x->type == y->type) fire_move(y, i, x, i);
        else fire_put(y, i, fire_get(x, i));
}

static void cast_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    dx[0] = fire_apply(g, "Cast", 1, dy, fire_type_of(g, n->in[0]) == FIRE_F64 ? "to=11" : "to=1");
}

const fire_op fire_op_cast = {
    .name = "Cast", .help = "numbers of another type",
    .min_in = 1, .max_in = 1, .n_out = 1, .attrs = attrs_of_cast, .attr_size = sizeof(cast_attrs),
    .infer = cast_infer, .run = cast_run, .grad = cast_grad,
    .examples = {"[2,3] to=11", "[7] to=7", "i32[5] to=1", "bool[4] to=11", "[4] to=9", "i64[5] to=3", "i64[3] to=7", "i8[9] to=1", "[9] to=2", "[7]{-1.5,3,100,-100,126.9,-127.5,0.5} to=3", "[7]{-1.5,3,300,-200,2e9,-2e9,0.5} to=6"},
};
