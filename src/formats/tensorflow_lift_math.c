/* tensorflow_lift_math.c - TensorFlow's operators on numbers one by one, and reductions. */
#include "formats/tensorflow_help.h"

static fire_value number(fire_import *b, fire_value x, double v) { return fire_import_like(b, x, v); }
static fire_value is_zero(fire_import *b, fire_value x) { return fire_import_two(b, "Equal", x, number(b, x, 0)); }
#define ONE(op, x) fire_import_one(b, op, x)
#define TWO(op, x, y) fire_import_two(b, op, x, y)

/* What is composed of operators on one number. */
void fire_tf_unary(fire_import *b, fire_lift *n) {
    if (!fire_tf_has(b, n, 1)) return;
    fire_value x = n->in[0], *y = &n->out[0];
    const bool is_float = fire_tf_float(fire_type_of(b->g, x));
    const char *op = n->op;
    if (!strcmp(op, "Square")) *y = TWO("Mul", x, x);
    else if (!strcmp(op, "Rsqrt")) *y = ONE("Reciprocal", ONE("Sqrt", x));
    else if (!strcmp(op, "Relu6")) *y = TWO("Min", TWO("Max", x, number(b, x, 0)), number(b, x, 6));
    else if (!strcmp(op, "LeakyRelu")) *y = fire_import_apply(b, "LeakyRelu", 1, &x, "alpha=%.9g", fire_lift_float(n, "alpha", 0.2));
    else if (!strcmp(op, "IsFinite")) *y = ONE("Not", TWO("Or", ONE("IsNaN", x), ONE("IsInf", x)));
    else if (!strcmp(op, "Relu")) *y = is_float ? ONE("Relu", x) : TWO("Max", x, number(b, x, 0));
    else if (!strcmp(op, "Round")) *y = is_float ? ONE("Round", x) : x;
    else if (!strcmp(op, "ZerosLike") || !strcmp(op, "OnesLike")) {
        fire_shape s = fire_shape_of(b->g, x);
        if (b->layers && fire_count(&s) < 0) *y = fire_import_two(b, "Expand", number(b, x, op[0] == 'O'), fire_import_sizes(b, x, 0, s.rank));
        else if (fire_import_concrete(b, x)) *y = fire_tf_fill(b, fire_type_of(b->g, x), s, op[0] == 'O');
    } else if (!strcmp(op, "L2Loss")) *y = fire_tf_times(b, fire_import_apply(b, "ReduceSumSquare", 1, &x, "keepdims=0"), 0.5);
    else fire_tf_fail(b, "is not composed here");
}

/* Functions of two numbers, with broadcasting. */
void fire_tf_two(fire_import *b, fire_lift *n) {
    if (!fire_tf_has(b, n, 2)) return;
    fire_value x = n->in[0], y = n->in[1], *z = &n->out[0];
    const bool is_float = fire_tf_float(fire_type_of(b->g, x));
    const char *op = n->op;
    if (!strcmp(op, "FloorDiv"))
        *z = is_float ? ONE("Floor", TWO("Div", x, y)) : TWO("Div", TWO("Sub", x, fire_import_apply(b, "Mod", 2, n->in, "fmod=0")), y);
    else if (!strcmp(op, "FloorMod")) *z = fire_import_apply(b, "Mod", 2, n->in, "fmod=0");
    else if (!strcmp(op, "Mod") || !strcmp(op, "TruncateMod")) *z = fire_import_apply(b, "Mod", 2, n->in, "fmod=1");
    else if (!strcmp(op, "TruncateDiv")) *z = TWO("Div", x, y);
    else if (!strcmp(op, "SquaredDifference")) *z = TWO("Sub", x, y), *z = TWO("Mul", *z, *z);
    else if (!strcmp(op, "DivNoNan")) *z = fire_tf_where(b, is_zero(b, y), number(b, x, 0), TWO("Div", x, y));
    else if (!strcmp(op, "MulNoNan")) *z = fire_tf_where(b, is_zero(b, y), number(b, x, 0), TWO("Mul", x, y));
    else if (!strcmp(op, "Xlogy")) *z = fire_tf_where(b, is_zero(b, x), number(b, x, 0), TWO("Mul", x, ONE("Log", y)));
    else if (!strcmp(op, "Xlog1py")) *z = fire_tf_where(b, is_zero(b, x), number(b, x, 0), TWO("Mul", x, ONE("Log1p", y)));
    else if (!strcmp(op, "Xdivy")) *z = fire_tf_where(b, is_zero(b, x), number(b, x, 0), TWO("Div", x, y));
    else if (!strcmp(op, "NotEqual")) *z = ONE("Not", TWO("Equal", x, y));
    else if (!strcmp(op, "ApproximateEqual")) *z = TWO("Less", ONE("Abs", TWO("Sub", x, y)), number(b, x, fire_lift_float(n, "tolerance", 1e-5)));
    else if (!strcmp(op, "LeftShift")) *z = fire_import_apply(b, "BitShift", 2, n->in, "direction=LEFT");
    else if (!strcmp(op, "RightShift")) *z = fire_import_apply(b, "BitShift", 2, n->in, "direction=RIGHT");
    else fire_tf_fail(b, "is not composed here");
}

/* Gradients that graphs of training hold. */
void fire_tf_gradient(fire_import *b, fire_lift *n) {
    if (!fire_tf_has(b, n, 2)) return;
    fire_value x = n->in[0], y = n->in[1], *z = &n->out[0], zero = number(b, x, 0), one = number(b, x, 1);
    const char *op = n->op;
    if (!strcmp(op, "ReluGrad")) *z = fire_tf_where(b, TWO("Greater", y, zero), x, zero);
    else if (!strcmp(op, "Relu6Grad")) *z = fire_tf_where(b, TWO("And", TWO("Greater", y, zero), TWO("Less", y, number(b, y, 6))), x, zero);
    else if (!strcmp(op, "LeakyReluGrad")) *z = fire_tf_where(b, TWO("Greater", y, zero), x, fire_tf_times(b, x, fire_lift_float(n, "alpha", 0.2)));
    else if (!strcmp(op, "TanhGrad")) *z = TWO("Mul", y, TWO("Sub", one, TWO("Mul", x, x)));
    else if (!strcmp(op, "SigmoidGrad")) *z = TWO("Mul", y, TWO("Mul", x, TWO("Sub", one, x)));
    else if (!strcmp(op, "SqrtGrad")) *z = TWO("Div", fire_tf_times(b, y, 0.5), x);
    else if (!strcmp(op, "RsqrtGrad")) *z = TWO("Mul", fire_tf_times(b, y, -0.5), TWO("Mul", x, TWO("Mul", x, x)));
    else if (!strcmp(op, "InvGrad") || !strcmp(op, "ReciprocalGrad")) *z = ONE("Neg", TWO("Mul", y, TWO("Mul", x, x)));
    else if (!strcmp(op, "SoftplusGrad")) *z = TWO("Mul", x, ONE("Sigmoid", y));
    else if (!strcmp(op, "SoftsignGrad")) *z = fire_tf_plus(b, ONE("Abs", y), 1), *z = TWO("Div", x, TWO("Mul", *z, *z));
    else if (!strcmp(op, "EluGrad")) *z = fire_tf_where(b, TWO("Less", y, zero), TWO("Mul", x, TWO("Add", y, one)), x);
    else if (!strcmp(op, "SeluGrad"))
        *z = fire_tf_where(b, TWO("Less", y, zero), TWO("Mul", x, fire_tf_plus(b, y, 1.7580993408473768599)), fire_tf_times(b, x, 1.0507009873554804934));
    else fire_tf_fail(b, "is not composed here");
}

void fire_tf_add_n(fire_import *b, fire_lift *n) {
    if (!fire_tf_has(b, n, n->n_in > 0 ? n->n_in : 1)) return;
    fire_value y = n->in[0];
    for (int64_t i = 1; i < n->n_in; i++) y = TWO("Add", y, n->in[i]);
    n->out[0] = y;
}

void fire_tf_clip(fire_import *b, fire_lift *n) {
    if (fire_tf_has(b, n, 3)) n->out[0] = TWO("Min", TWO("Max", n->in[0], n->in[1]), n->in[2]);
}

/* A condition of one dimension picks rows (Select); SelectV2 broadcasts. */
void fire_tf_select(fire_import *b, fire_lift *n) {
    if (!fire_tf_has(b, n, 3)) return;
    fire_value c = n->in[0];
    fire_shape s = fire_shape_of(b->g, c), x = fire_shape_of(b->g, n->in[1]);
    if (!strcmp(n->op, "Select") && s.rank == 1 && x.rank > 1) {
        fire_shape to = {.rank = x.rank};
        for (int d = 0; d < x.rank; d++) to.dim[d] = d ? 1 : s.dim[0];
        c = fire_import_reshape(b, c, to);
    }
    n->out[0] = fire_tf_where(b, c, n->in[1], n->in[2]);
}

void fire_tf_cast(fire_import *b, fire_lift *n) {
    fire_type to = (fire_type)fire_lift_int(n, "DstT", 0);
    if (!fire_tf_has(b, n, 1)) return;
    if (!fire_type_size(to)) { fire_tf_fail(b, "the type that it casts to is not supported"); return; }
    if (b->layers && (to == FIRE_F16 || to == FIRE_BF16)) to = FIRE_F32;
    n->out[0] = fire_import_cast(b, n->in[0], to);
}

/* The same bytes as another type; sizes that differ take or give a last dimension. */
void fire_tf_bitcast(fire_import *b, fire_lift *n) {
    fire_type to = (fire_type)fire_lift_int(n, "type", 0);
    if (!fire_tf_has(b, n, 1)) return;
    const fire_type from = fire_type_of(b->g, n->in[0]);
    int64_t have = (int64_t)fire_type_size(from), want = (int64_t)fire_type_size(to);
    if (!want || from == FIRE_BOOL || to == FIRE_BOOL) { fire_tf_fail(b, "the type is not supported"); return; }
    if (from == to) { n->out[0] = n->in[0]; return; }
    fire_tensor x, y;
    if (!fire_tf_numbers(b, n->in[0], &x)) return;
    fire_shape s = x.shape;
    if (want < have) {
        if (s.rank == FIRE_MAX_RANK) { fire_tf_fail(b, "too many dimensions"); return; }
        s.dim[s.rank++] = have / want;
    } else if (want > have) {
        if (s.rank < 1 || s.dim[s.rank - 1] != want / have) { fire_tf_fail(b, "the last dimension does not hold one number"); return; }
        s.rank--;
    }
    if (!fire_tf_new(b, to, s, &y)) return;
    memcpy(y.data, x.data, (size_t)(fire_count(&s) * want));
    n->out[0] = fire_tf_keep(b, &y);
}

/* How many boundaries are not above each number. */
void fire_tf_bucketize(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *a = fire_lift_attr(n, "boundaries");
    if (!fire_tf_has(b, n, 1)) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]);
    int64_t count = a ? a->n_floats : 0;
    if (!count) { n->out[0] = fire_import_concrete(b, n->in[0]) ? fire_tf_fill(b, FIRE_I32, s, 0) : 0; return; }
    fire_value limits = fire_import_cast(b, fire_graph_const(b->g, FIRE_F32, (fire_shape){1, {count}}, a->floats), FIRE_F64);
    fire_value x = fire_import_unsqueeze(b, fire_import_cast(b, n->in[0], FIRE_F64), s.rank);
    n->out[0] = fire_import_reduce(b, "ReduceSum", fire_import_cast(b, TWO("GreaterOrEqual", x, limits), FIRE_I32), 1u << s.rank, false);
}

/* Eight comparisons make a byte, the first its highest bit. */
void fire_tf_bitpack(fire_import *b, fire_lift *n) {
    if (!fire_tf_has(b, n, 2) || !fire_import_concrete(b, n->in[0])) return;
    fire_value x = n->in[0];
    fire_shape s = fire_shape_of(b->g, x);
    static const int32_t bits[8] = {128, 64, 32, 16, 8, 4, 2, 1};
    if (s.rank < 1 || s.rank == FIRE_MAX_RANK || s.dim[s.rank - 1] % 8) { fire_tf_fail(b, "the last dimension is no multiple of 8"); return; }
    if (fire_type_of(b->g, x) != FIRE_BOOL) x = TWO("Greater", x, n->in[1]);
    s.dim[s.rank - 1] /= 8;
    s.dim[s.rank++] = 8;
    x = fire_import_reshape(b, fire_import_cast(b, x, FIRE_I32), s);
    x = TWO("Mul", x, fire_graph_const(b->g, FIRE_I32, (fire_shape){1, {8}}, bits));
    n->out[0] = fire_import_cast(b, fire_import_reduce(b, "ReduceSum", x, 1u << (s.rank - 1), false), FIRE_U8);
}

/* ---- reductions ---- */

/* The largest or smallest of nothing. */
static double extreme(fire_type t, bool max) {
    switch (t) {
    case FIRE_U8: return max ? 0 : 255;
    case FIRE_I8: return max ? -128 : 127;
    case FIRE_U16: return max ? 0 : 65535;
    case FIRE_I16: return max ? -32768 : 32767;
    case FIRE_I32: return max ? INT32_MIN : INT32_MAX;
    case FIRE_U32: return max ? 0 : UINT32_MAX;
    case FIRE_I64: return max ? -0x1p63 : 0x1p63;
    case FIRE_U64: return max ? 0 : 0x1p64;
    default: return max ? -INFINITY : INFINITY;
    }
}

void fire_tf_reduce(fire_import *b, fire_lift *n) {
    if (!fire_tf_has(b, n, 2)) return;
    fire_value x = n->in[0];
    int64_t list[2 * FIRE_MAX_RANK], count;
    uint32_t mask = 0;
    fire_shape s = fire_shape_of(b->g, x);
    const fire_type type = fire_type_of(b->g, x);
    const bool keep = fire_lift_int(n, "keep_dims", 0);
    if (!fire_tf_list(b, n->in[1], 2 * FIRE_MAX_RANK, list, &count)) return;
    for (int64_t i = 0; i < count; i++) {
        int axis;
        if (s.rank == 0 && (list[i] == 0 || list[i] == -1)) continue;
        if (fire_axis(list[i], s.rank, &axis, &b->g->first)) return;
        mask |= 1u << axis;
    }
    const char *op = n->op;
    if (!strcmp(op, "Max") || !strcmp(op, "Min")) {
        if (fire_count(&s) == 0) {
            fire_shape to = {0};
            for (int d = 0; d < s.rank; d++)
                if (!(mask >> d & 1)) to.dim[to.rank++] = s.dim[d];
                else if (keep) to.dim[to.rank++] = 1;
            n->out[0] = fire_tf_fill(b, type, to, extreme(type, op[1] == 'a'));
        } else n->out[0] = fire_import_reduce(b, op[1] == 'a' ? "ReduceMax" : "ReduceMin", x, mask, keep);
    } else if (!strcmp(op, "All")) n->out[0] = fire_import_cast(b, fire_import_reduce(b, "ReduceProd", fire_import_cast(b, x, FIRE_I32), mask, keep), FIRE_BOOL);
    else if (!strcmp(op, "Any")) n->out[0] = fire_import_cast(b, fire_import_reduce(b, "ReduceSum", fire_import_cast(b, x, FIRE_I32), mask, keep), FIRE_BOOL);
    else if (!strcmp(op, "Mean"))
        n->out[0] = fire_import_cast(b, fire_import_reduce(b, "ReduceMean", fire_tf_float(type) ? x : fire_import_cast(b, x, FIRE_F64), mask, keep), type);
    else if (!strcmp(op, "EuclideanNorm")) n->out[0] = mask ? fire_import_reduce(b, "ReduceL2", x, mask, keep) : ONE("Abs", x);
    else n->out[0] = fire_import_reduce(b, !strcmp(op, "Prod") ? "ReduceProd" : "ReduceSum", x, mask, keep);
}

void fire_tf_arg(fire_import *b, fire_lift *n) {
    int axis = 0;
    if (!fire_tf_has(b, n, 1)) return;
    fire_value x = n->in[0];
    if (fire_type_of(b->g, x) == FIRE_BOOL) x = fire_import_cast(b, x, FIRE_I32);
    if (n->n_in > 1 && !fire_tf_axis(b, n->in[1], fire_tf_shape(b, x).rank, &axis)) return;
    fire_value y = fire_import_apply(b, n->op, 1, &x, "axis=%d keepdims=0", axis);
    n->out[0] = fire_import_cast(b, y, (fire_type)fire_lift_int(n, "output_type", FIRE_I64));
}

void fire_tf_cumulate(fire_import *b, fire_lift *n) {
    int axis;
    if (!fire_tf_has(b, n, 2) || !fire_tf_axis(b, n->in[1], fire_shape_of(b->g, n->in[0]).rank, &axis)) return;
    fire_value x = n->in[0], at = fire_import_ints(b, 1, &(int64_t){axis}), top = 0;
    const bool log = !strcmp(n->op, "CumulativeLogsumexp");
    at = fire_import_reshape(b, at, (fire_shape){0});
    if (log) {
        top = fire_import_reduce(b, "ReduceMax", x, 1u << axis, true);
        x = ONE("Exp", TWO("Sub", x, top));
    }
    x = fire_import_apply(b, !strcmp(n->op, "Cumprod") ? "CumProd" : "CumSum", 2, FIRE_IN(x, at), "exclusive=%d reverse=%d", (int)fire_lift_int(n, "exclusive", 0),
                          (int)fire_lift_int(n, "reverse", 0));
    n->out[0] = log ? TWO("Add", ONE("Log", x), top) : x;
}

/* What passes its first input on: it prints, checks or stops a gradient. */
void fire_tf_pass(fire_import *b, fire_lift *n) {
    if (fire_tf_has(b, n, 1)) n->out[0] = n->in[0];
}
