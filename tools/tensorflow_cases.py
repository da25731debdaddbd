"""tensorflow_cases - small TensorFlow graphs for every operator that firesteel lifts, with the outputs that TensorFlow itself computes.

A case is one raw operator: arrays become placeholders, those in K(...) constants. `cases()` yields (operator, name, bytes of the GraphDef, {placeholder: array}, [output names],
[arrays], relative tolerance)."""
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

raw = tf.raw_ops
rng = np.random.default_rng(7)


class K:
    """A constant."""

    def __init__(self, value, dtype=None):
        self.value = np.asarray(value, dtype)


def F(*shape, low=-2.0, high=2.0, dtype=np.float32):
    return rng.uniform(low, high, shape).astype(dtype)


def N(*shape, low=-9, high=10, dtype=np.int32):
    return rng.integers(low, high, shape).astype(dtype)


def B(*shape):
    return rng.integers(0, 2, shape).astype(bool)


def i32(*v):
    return K(np.array(v, np.int32))


def s32(v):
    return K(np.int32(v))


class Case:
    def __init__(self, op, args, tol=1e-5, name=None, pick=None, check=None, make=None):
        self.op, self.args, self.tol, self.name, self.pick, self.check, self.make = op, args, tol, name, pick, check, make


CASES = []


def case(op, *, tol=1e-5, pick=None, check=None, make=None, **args):
    CASES.append(Case(op, args, tol, None, pick, check, make))


def build(c):
    """(GraphDef bytes, feeds, output names, arrays)"""
    g, feeds = tf.Graph(), {}
    with g.as_default():
        def tensor(name, v):
            if isinstance(v, K):
                return tf.constant(v.value, name=name)
            feeds[name] = v
            return tf.compat.v1.placeholder(v.dtype, v.shape, name=name)
        args = {}
        for k, v in c.args.items():
            if isinstance(v, (np.ndarray, np.generic, K)):
                args[k] = tensor(f"in_{k}", v)
            elif isinstance(v, list) and v and isinstance(v[0], (np.ndarray, K)):
                args[k] = [tensor(f"in_{k}_{i}", x) for i, x in enumerate(v)]
            else:
                args[k] = v
        y = c.make(g, **args) if c.make else getattr(raw, c.op)(**args)
        ys = list(y) if isinstance(y, (list, tuple)) else [y]
        if c.pick is not None:
            ys = [ys[i] for i in c.pick]
        ys = [tf.bitcast(t, {1: tf.uint8, 2: tf.int16}[t.dtype.size] if t.dtype.size < 4 else tf.int32) if t.dtype.is_quantized else t for t in ys]
        names = [tf.identity(t, name=f"out{i}").op.name for i, t in enumerate(ys)]
        with tf.compat.v1.Session(graph=g) as s:
            want = s.run([n + ":0" for n in names], {k + ":0": v for k, v in feeds.items()})
    return g.as_graph_def().SerializeToString(), feeds, names, want


# ---- element by element ----
for op in """Abs Asinh Atan Ceil Cos Cosh Elu Erf Exp Floor Neg Relu Relu6 Rint Round Selu Sigmoid Sign Sin Sinh Softplus Softsign Square Tan Tanh Expm1 Erfc Digamma Lgamma ZerosLike OnesLike
        IsNan IsInf IsFinite StopGradient Reciprocal Inv Snapshot L2Loss""".split():
    case(op, **{"features" if op in "Elu Relu Relu6 Selu Softplus Softsign".split() else "input" if op in "StopGradient Snapshot".split() else "t" if op == "L2Loss" else "x": F(3, 4)}, tol=3e-5)
for op in "Abs Neg Sign Square ZerosLike OnesLike".split():
    case(op, x=N(5))
for op in "Acos Asin Atanh Erfinv".split():
    case(op, x=F(6, low=-0.9, high=0.9), tol=3e-5)
for op in "Acosh Log Rsqrt Sqrt Log1p Lgamma Digamma".split():
    case(op, x=F(2, 3, low=1.1, high=9), tol=3e-5)
    case(op, x=F(5, low=1.1, high=9, dtype=np.float64))
case("Ndtri", x=F(7, low=0.01, high=0.99), tol=3e-5)
case("Relu", features=N(6)); case("LeakyRelu", features=F(5), alpha=0.1); case("Abs", x=np.float32(-3.5))
case("IsNan", x=np.array([1, np.nan, np.inf, -np.inf], np.float32)); case("IsInf", x=np.array([1, np.nan, np.inf, -np.inf], np.float32)); case("IsFinite", x=np.array([1, np.nan, np.inf, -np.inf], np.float32))
case("Round", x=np.array([0.5, 1.5, 2.5, -0.5, -1.5], np.float32)); case("Rint", x=np.array([0.5, 1.5, 2.5, -0.5, -1.5], np.float32))
case("LogicalNot", x=B(5)); case("Invert", x=N(5)); case("Invert", x=N(5, low=0, high=99, dtype=np.uint8)); case("CheckNumerics", tensor=F(3), message="m"); case("PreventGradient", input=F(3))
case("PlaceholderWithDefault", input=K(F(3)), shape=[3]); case("Identity", input=F(2, 2)); case("IdentityN", input=[F(2), N(3)]); case("EnsureShape", input=F(2, 3), shape=[2, 3])
case("Exp", x=F(2, 0)); case("Log", x=F(4, low=0.1, dtype=np.float16, high=3), tol=2e-3)
for op in "Add AddV2 Sub Mul Maximum Minimum SquaredDifference Div RealDiv FloorDiv FloorMod DivNoNan MulNoNan Xdivy TruncateDiv".split():
    if op != "TruncateDiv": case(op, x=F(3, 4), y=F(3, 4, low=0.5)); case(op, x=F(3, 4), y=F(4, low=0.5)); case(op, x=F(2, 1, 3), y=F(4, 1, low=-2, high=-0.5)); case(op, x=np.float32(2.5), y=F(2, 2, low=0.5))
for op in "Add AddV2 Sub Mul Maximum Minimum SquaredDifference Div FloorDiv FloorMod TruncateDiv TruncateMod Mod".split():
    case(op, x=N(3, 4), y=N(4, low=1)); case(op, x=N(3, 4, dtype=np.int64), y=-N(3, 1, low=1, dtype=np.int64)) if op != "AddV2" else None
case("TruncateMod", x=F(5), y=F(5, low=0.5)); case("Mod", x=F(5), y=F(5, low=0.5)); case("Pow", x=F(4, low=0.1), y=F(4)); case("Pow", x=N(4, low=1, high=5), y=N(4, low=0, high=4))
case("Atan2", y=F(3, 2), x=F(2)); case("Xlogy", x=np.array([0, 1, 2], np.float32), y=np.array([0, 2, 3], np.float32)); case("Xlog1py", x=np.array([0, 1, 2], np.float32), y=np.array([-1, 2, 3], np.float32))
case("Xdivy", x=np.array([0, 1], np.float32), y=np.array([0, 2], np.float32)); case("DivNoNan", x=np.array([0, 1], np.float32), y=np.array([0, 2], np.float32)); case("MulNoNan", x=np.array([np.inf, 1], np.float32), y=np.array([0, 2], np.float32))
for op in "Igamma Igammac".split(): case(op, a=F(6, low=0.2, high=9), x=F(6, low=0.1, high=9), tol=1e-4)
case("Zeta", x=F(5, low=1.2, high=5), q=F(5, low=0.3, high=5), tol=1e-4); case("Polygamma", a=np.array([0, 1, 2, 3], np.float32), x=F(4, low=0.4, high=4), tol=1e-4); case("Betainc", a=F(4, low=0.3, high=4), b=F(4, low=0.3, high=4), x=F(4, low=0.1, high=0.9), tol=1e-4)
for op in "Greater GreaterEqual Less LessEqual".split(): case(op, x=F(3, 4), y=F(4)); case(op, x=N(9, low=0, high=3), y=N(9, low=0, high=3)); case(op, x=N(9, low=0, high=3, dtype=np.int64), y=np.int64(1))
for op in "Equal NotEqual".split(): case(op, x=N(9, low=0, high=3), y=N(9, low=0, high=3)); case(op, x=B(5), y=B(5)); case(op, x=F(2, 3), y=np.float32(0.5))
for op in "LogicalAnd LogicalOr".split(): case(op, x=B(3, 4), y=B(4))
for op in "BitwiseAnd BitwiseOr BitwiseXor".split(): case(op, x=N(3, 4), y=N(4)); case(op, x=N(5, low=0, high=200, dtype=np.uint8), y=N(5, low=0, high=200, dtype=np.uint8))
for op in "LeftShift RightShift".split(): case(op, x=N(6), y=N(6, low=0, high=5)); case(op, x=N(6, low=0, high=99, dtype=np.uint8), y=N(6, low=0, high=5, dtype=np.uint8))
case("ApproximateEqual", x=F(5), y=F(5), tolerance=1.0); case("AddN", inputs=[F(2, 3), F(2, 3), F(2, 3)]); case("AddN", inputs=[N(3)]); case("AccumulateNV2", inputs=[F(2), F(2)], shape=[2])
case("ClipByValue", t=F(3, 4), clip_value_min=np.float32(-1), clip_value_max=np.float32(1)); case("Select", condition=B(3), x=F(3, 2), y=F(3, 2)); case("Select", condition=np.bool_(True), x=F(3, 2), y=F(3, 2))
case("Select", condition=B(3, 2), x=F(3, 2), y=F(3, 2)); case("SelectV2", condition=B(3, 1), t=F(2), e=np.float32(1))
for t in (tf.int32, tf.int64, tf.float64, tf.bool, tf.uint8, tf.half, tf.int8, tf.int16): case("Cast", x=F(5, low=0, high=99), DstT=t)
for d in (np.int32, np.int64, np.uint8, bool, np.float64): case("Cast", x=N(5, low=0, high=9).astype(d), DstT=tf.float32)
case("Cast", x=F(4), DstT=tf.bfloat16, check="cast"); case("Bitcast", input=F(3), type=tf.int32); case("Bitcast", input=F(3), type=tf.uint8); case("Bitcast", input=N(3, 4, low=0, high=99, dtype=np.uint8), type=tf.float32); case("Bitcast", input=F(3, 2), type=tf.float64)
case("Bucketize", input=F(3, 4), boundaries=[-1.0, 0.0, 1.5])
case("BiasAdd", value=F(2, 3, 4), bias=F(4)); case("BiasAddV1", value=F(2, 4), bias=F(4)); case("BiasAdd", value=F(2, 3, 4, 5), bias=F(3), data_format="NCHW"); case("BiasAddGrad", out_backprop=F(2, 3, 4))
for op, a, b in [("ReluGrad", "gradients", "features"), ("Relu6Grad", "gradients", "features"), ("SoftplusGrad", "gradients", "features"), ("SoftsignGrad", "gradients", "features"), ("EluGrad", "gradients", "outputs"),
                 ("SeluGrad", "gradients", "outputs"), ("TanhGrad", "y", "dy"), ("SigmoidGrad", "y", "dy"), ("SqrtGrad", "y", "dy"), ("RsqrtGrad", "y", "dy"), ("LeakyReluGrad", "gradients", "features"), ("ReciprocalGrad", "y", "dy")]:
    case(op, **{a: F(7), b: F(7, low=-0.9)})

# ---- reductions ----
for op in "Sum Mean Prod Max Min EuclideanNorm".split():
    for axis, keep in [([0], False), ([1], True), ([-1], False), ([0, 2], False), ([], False), ([0, 1, 2], True)]:
        case(op, input=F(2, 3, 4), axis=K(np.array(axis, np.int32)), keep_dims=keep)
    case(op, input=F(3, 4), axis=s32(1)); case(op, input=np.float32(3), axis=K(np.array([], np.int32)))
    if op != "EuclideanNorm": case(op, input=N(3, 4), axis=i32(0)); case(op, input=N(3, 4, dtype=np.int64), axis=i32(1)); case(op, input=F(0, 4), axis=i32(0)) if op != "Mean" else None
for op in "All Any".split():
    case(op, input=B(3, 4), axis=i32(0)); case(op, input=B(3, 4), axis=i32(0, 1), keep_dims=True); case(op, input=B(0, 4), axis=i32(0))
for op in "ArgMax ArgMin".split():
    case(op, input=F(3, 4), dimension=s32(0)); case(op, input=N(3, 4, low=0, high=3), dimension=s32(-1), output_type=tf.int32); case(op, input=F(5), dimension=s32(0))
for op in "Cumsum Cumprod".split():
    for e in (False, True):
        for r in (False, True): case(op, x=F(3, 4), axis=s32(1), exclusive=e, reverse=r)
    case(op, x=N(5, low=1, high=4), axis=s32(-1)); case(op, x=F(2, 3, 2), axis=s32(0))
case("CumulativeLogsumexp", x=F(3, 4), axis=s32(1))

# ---- shapes ----
case("Shape", input=F(2, 3)); case("Shape", input=F(2, 3), out_type=tf.int64); case("ShapeN", input=[F(2), F(3, 1)]); case("Size", input=F(2, 3)); case("Rank", input=F(2, 3)); case("Rank", input=np.float32(1))
for shape in ([6], [3, -1], [-1], [1, 2, 3], [2, 3, 1, 1]): case("Reshape", tensor=F(2, 3), shape=K(np.array(shape, np.int32)))
case("Reshape", tensor=F(1), shape=K(np.array([], np.int32))); case("Reshape", tensor=F(0, 3), shape=i32(3, 0)); case("Reshape", tensor=F(2, 3), shape=np.array([3, 2], np.int32)); case("Reshape", tensor=F(0, 3), shape=i32(3, -1))
for d in (0, 1, -1, 2): case("ExpandDims", input=F(2, 3), axis=s32(d))
case("Squeeze", input=F(1, 3, 1)); case("Squeeze", input=F(1, 3, 1), axis=[0]); case("Squeeze", input=F(1, 3, 1), axis=[-1])
case("Transpose", x=F(2, 3, 4), perm=i32(2, 0, 1)); case("Transpose", x=N(2, 3), perm=i32(1, 0)); case("ConjugateTranspose", x=F(2, 3), perm=i32(1, 0))
case("Fill", dims=i32(2, 3), value=np.float32(4)); case("Fill", dims=K(np.array([], np.int32)), value=N()); case("BroadcastTo", input=F(3, 1), shape=i32(2, 3, 4)); case("BroadcastArgs", s0=i32(2, 1, 3), s1=i32(4, 1))
case("Empty", shape=i32(2, 3), dtype=tf.float32, init=True); case("Range", start=s32(2), limit=s32(11), delta=s32(3)); case("Range", start=K(np.float32(0)), limit=K(np.float32(1)), delta=K(np.float32(0.25))); case("Range", start=np.int32(5), limit=np.int32(0), delta=np.int32(-2))
case("LinSpace", start=np.float32(1), stop=np.float32(5), num=s32(7)); case("LinSpace", start=K(np.float64(1)), stop=K(np.float64(5)), num=s32(1))
case("Concat", concat_dim=s32(1), values=[F(2, 3), F(2, 1)]); case("ConcatV2", values=[F(2, 3), F(1, 3), F(2, 3)], axis=s32(0)); case("ConcatV2", values=[N(2, 3), N(2, 1)], axis=s32(-1)); case("ConcatV2", values=[F(2) for _ in range(40)], axis=s32(0)); case("ConcatV2", values=[F(0, 2), F(2, 2)], axis=s32(0))
case("ConcatOffset", concat_dim=s32(1), shape=[i32(2, 3), i32(2, 5), i32(2, 1)]); case("Pack", values=[F(2, 3), F(2, 3)], axis=0); case("Pack", values=[F(2, 3), F(2, 3)], axis=-1); case("Pack", values=[np.array(1, np.int32), K(np.int32(4))]); case("Unpack", value=F(3, 2), num=3); case("Unpack", value=F(3, 2), num=2, axis=-1)
case("Split", axis=s32(1), value=F(2, 6), num_split=3); case("Split", axis=s32(-1), value=N(2, 6), num_split=2); case("SplitV", value=F(7, 2), size_splits=i32(2, 4, 1), axis=s32(0), num_split=3); case("SplitV", value=F(2, 7), size_splits=i32(2, -1), axis=s32(1), num_split=2)
case("Tile", input=F(2, 3), multiples=i32(2, 3)); case("Tile", input=N(3), multiples=i32(4)); case("Tile", input=F(2, 3), multiples=np.array([1, 2], np.int32))
case("Slice", input=F(4, 5), begin=i32(1, 0), size=i32(2, -1)); case("Slice", input=N(6), begin=np.array([2], np.int32), size=np.array([3], np.int32))
def ss(x, b, e, s, **m): case("StridedSlice", input=x, begin=K(np.array(b, np.int32)), end=K(np.array(e, np.int32)), strides=K(np.array(s, np.int32)), **m)
ss(F(5, 6), [1, 0], [4, 6], [1, 2]); ss(F(5, 6), [-2, -1], [-5, -7], [-1, -2]); ss(F(5, 6), [0, 0], [0, 0], [1, 1], begin_mask=3, end_mask=3); ss(F(5, 6), [2], [3], [1], shrink_axis_mask=1); ss(F(5, 6), [-1], [0], [1], shrink_axis_mask=1)
ss(F(2, 3, 4), [0, 1], [0, 3], [1, 1], ellipsis_mask=1); ss(F(2, 3, 4), [1, 0, 2], [2, 0, 3], [1, 1, 1], ellipsis_mask=2, shrink_axis_mask=5); ss(F(2, 3), [0, 0, 0], [0, 2, 3], [1, 1, 1], new_axis_mask=1); ss(F(2, 3), [0, 0, 0], [2, 0, 3], [1, 1, 1], new_axis_mask=2, begin_mask=1)
ss(F(5), [0], [0], [-1], begin_mask=1, end_mask=1); ss(F(5), [3], [1], [1]); ss(F(5), [-100], [100], [1]); ss(N(2, 3), [0, 0], [0, 0], [1, 1], begin_mask=2, end_mask=2, shrink_axis_mask=1); ss(F(4), [3], [-9], [-1])
for v in (dict(), dict(constant_values=np.float32(7))):
    case("PadV2" if v else "Pad", input=F(2, 3), paddings=K(np.array([[1, 2], [0, 1]], np.int32)), **v)
for mode in ("REFLECT", "SYMMETRIC"): case("MirrorPad", input=F(3, 4), paddings=K(np.array([[2, 1], [0, 3]], np.int32)), mode=mode)
case("Pad", input=N(3), paddings=K(np.array([[1, 1]], np.int64)))
case("ReverseV2", tensor=F(2, 3), axis=i32(0)); case("ReverseV2", tensor=N(2, 3), axis=i32(-1, 0)); case("Reverse", tensor=F(2, 3), dims=K([False, True])); case("ReverseSequence", input=F(3, 4, 2), seq_lengths=np.array([2, 4, 0], np.int32), seq_dim=1); case("ReverseSequence", input=F(4, 3), seq_lengths=np.array([2, 4, 1], np.int64), seq_dim=0, batch_dim=1)
case("Roll", input=F(5), shift=s32(2), axis=s32(0)); case("Roll", input=F(3, 4), shift=i32(-1, 5), axis=i32(0, 1)); case("InvertPermutation", x=np.array([2, 0, 1, 3], np.int32))
case("SpaceToBatchND", input=F(2, 4, 6, 3), block_shape=i32(2, 3), paddings=K(np.array([[0, 0], [0, 0]], np.int32))); case("SpaceToBatchND", input=F(1, 3, 5), block_shape=i32(2), paddings=K(np.array([[0, 1]], np.int32))); case("BatchToSpaceND", input=F(12, 2, 2, 1), block_shape=i32(2, 3), crops=K(np.array([[1, 0], [0, 2]], np.int32)))
case("SpaceToBatch", input=F(1, 3, 4, 2), paddings=K(np.array([[1, 0], [0, 0]], np.int32)), block_size=2); case("BatchToSpace", input=F(8, 2, 2, 2), crops=K(np.array([[0, 0], [1, 1]], np.int32)), block_size=2); case("SpaceToDepth", input=F(2, 4, 6, 3), block_size=2); case("DepthToSpace", input=F(2, 2, 3, 8), block_size=2)

# ---- products ----
for ta in (False, True):
    for tb in (False, True):
        case("MatMul", a=F(*((4, 3) if ta else (3, 4))), b=F(*((5, 4) if tb else (4, 5))), transpose_a=ta, transpose_b=tb); case("BatchMatMul", x=F(2, *((4, 3) if ta else (3, 4))), y=F(2, *((5, 4) if tb else (4, 5))), adj_x=ta, adj_y=tb)
case("MatMul", a=N(3, 4), b=N(4, 2)); case("BatchMatMulV2", x=F(2, 1, 3, 4), y=F(5, 4, 2)); case("BatchMatMulV3", x=F(2, 3, 4), y=F(2, 4, 5), Tout=tf.float32); case("MatMul", a=F(3, 4, dtype=np.float64), b=F(4, 5, dtype=np.float64))
for eq, sh in [("ij,jk->ik", ((2, 3), (3, 4))), ("bij,bjk->bik", ((2, 3, 4), (2, 4, 2))), ("ij->ji", ((2, 3),)), ("ij->", ((2, 3),)), ("...ij,...jk->...ik", ((2, 3, 4), (2, 4, 2))), ("i,j->ij", ((3,), (4,)))]: case("Einsum", inputs=[F(*s) for s in sh], equation=eq)

# ---- indices ----
case("Gather", params=F(5, 3), indices=N(2, 2, low=0, high=5)); case("GatherV2", params=F(5, 3), indices=N(4, low=0, high=3), axis=s32(1)); case("GatherV2", params=N(5), indices=np.int32(2), axis=s32(0)); case("GatherV2", params=F(2, 5, 3), indices=N(2, 2, low=0, high=5), axis=s32(1), batch_dims=1); case("GatherV2", params=F(2, 4, 5), indices=N(2, 3, low=0, high=5), axis=s32(2), batch_dims=1)
case("GatherV2", params=F(2, 5), indices=N(2, 2, low=0, high=5), axis=s32(-1), batch_dims=1); case("GatherNd", params=F(3, 4), indices=N(5, 2, low=0, high=3)); case("GatherNd", params=F(3, 4, 2), indices=N(2, 2, 1, low=0, high=3)); case("ScatterNd", indices=np.array([[1], [3], [1]], np.int32), updates=F(3, 2), shape=i32(5, 2)); case("ScatterNd", indices=np.array([[0, 1], [2, 2]], np.int32), updates=N(2), shape=i32(3, 4))
for op in "TensorScatterUpdate TensorScatterAdd TensorScatterSub TensorScatterMax TensorScatterMin".split(): case(op, tensor=F(5, 2), indices=np.array([[1], [3]], np.int32), updates=F(2, 2)); case(op, tensor=N(3, 4), indices=np.array([[0, 1], [2, 2]], np.int32), updates=N(2))
case("ScatterNdNonAliasingAdd", input=F(5), indices=np.array([[1], [3], [1]], np.int32), updates=F(3)); case("SparseToDense", sparse_indices=np.array([[0, 1], [2, 0]], np.int32), output_shape=i32(3, 3), sparse_values=F(2), default_value=np.float32(-1)); case("SparseToDense", sparse_indices=np.array([1, 3], np.int32), output_shape=i32(5), sparse_values=np.int32(4), default_value=np.int32(0))
case("OneHot", indices=N(2, 3, low=-1, high=4), depth=s32(4), on_value=np.float32(2), off_value=np.float32(-1)); case("OneHot", indices=N(3, low=0, high=4), depth=s32(4), on_value=K(np.int32(1)), off_value=K(np.int32(0)), axis=0); case("OneHot", indices=N(2, 3, low=0, high=4), depth=s32(5), on_value=K(np.float32(1)), off_value=K(np.float32(0)), axis=1)
case("Where", condition=B(3, 4)); case("Where", condition=B(7)); case("Where", condition=N(5, low=0, high=2)); case("TopKV2", input=F(7), k=s32(4)); case("TopKV2", input=N(3, 7), k=s32(2)); case("NthElement", input=F(3, 7), n=s32(2)); case("NthElement", input=F(7), n=s32(2), reverse=True)
case("InTopK", predictions=F(4, 5), targets=N(4, low=0, high=5), k=2); case("InTopKV2", predictions=F(4, 5), targets=N(4, low=0, high=5, dtype=np.int64), k=K(np.int64(3)))
ids = np.array([0, 0, 1, 3, 3, 3], np.int32)
for op in "Sum Mean Prod Max Min".split():
    case("Segment" + op, data=F(6, 2), segment_ids=ids); case("Segment" + op, data=N(6), segment_ids=K(ids))
    if op != "Mean": case("UnsortedSegment" + op, data=F(6, 2), segment_ids=np.array([2, 0, -1, 3, 2, 3], np.int32), num_segments=s32(5)); case("UnsortedSegment" + op, data=N(2, 3), segment_ids=np.array([[0, 1, 1], [2, 0, 0]], np.int32), num_segments=s32(3))
for op in "Sum Mean SqrtN".split(): case("SparseSegment" + op, data=F(5, 2), indices=np.array([0, 4, 4, 2], np.int32), segment_ids=np.array([0, 0, 2, 2], np.int32)); case(f"SparseSegment{op}WithNumSegments", data=F(5, 2), indices=np.array([0, 4, 4, 2], np.int32), segment_ids=np.array([0, 0, 2, 2], np.int32), num_segments=s32(4))
case("Bincount", arr=N(9, low=0, high=6), size=s32(5), weights=K(np.array([], np.float32))); case("Bincount", arr=N(2, 3, low=0, high=4), size=s32(4), weights=F(2, 3)); case("DenseBincount", input=N(2, 5, low=0, high=4), size=s32(4), weights=K(np.array([], np.float32))); case("DenseBincount", input=N(5, low=0, high=4), size=s32(4), weights=K(np.array([], np.int32)), binary_output=True)
case("HistogramFixedWidth", values=F(20), value_range=K(np.array([-1, 1], np.float32)), nbins=s32(5)); case("LowerBound", sorted_inputs=np.sort(F(2, 5)), values=F(2, 3)); case("UpperBound", sorted_inputs=np.sort(N(2, 5)), values=N(2, 3))
case("DynamicPartition", data=F(5, 2), partitions=N(5, low=0, high=3), num_partitions=3); case("DynamicPartition", data=N(2, 3), partitions=N(2, 3, low=0, high=2), num_partitions=2)
case("DynamicStitch", indices=[np.array([0, 2], np.int32), np.array([1, 3, 0], np.int32)], data=[F(2, 3), F(3, 3)]); case("DynamicStitch", indices=[np.array(1, np.int32), np.array([[0, 2]], np.int32)], data=[F(2), F(1, 2, 2)]); case("ParallelDynamicStitch", indices=[np.array([0, 2], np.int32), np.array([1], np.int32)], data=[F(2, 3), F(1, 3)])
case("Unique", x=N(9, low=0, high=4)); case("UniqueWithCounts", x=N(9, low=0, high=4)); case("Unique", x=F(4), out_idx=tf.int64); case("UniqueV2", x=N(5, 2, low=0, high=2), axis=K(np.array([0], np.int32))); case("UniqueV2", x=N(6, low=0, high=3), axis=K(np.array([], np.int32))); case("UniqueWithCountsV2", x=N(2, 6, low=0, high=2), axis=K(np.array([1], np.int32)))
case("ListDiff", x=N(9, low=0, high=9), y=N(4, low=0, high=9)); case("ListDiff", x=F(3), y=F(2), out_idx=tf.int64)

# ---- layers ----
for pad in ("SAME", "VALID"):
    for st in (1, 2):
        case("Conv2D", input=F(2, 7, 6, 3), filter=F(3, 2, 3, 4), strides=[1, st, st, 1], padding=pad); case("Conv3D", input=F(1, 4, 5, 6, 2), filter=K(F(2, 3, 2, 2, 3)), strides=[1, st, st, st, 1], padding=pad); case("DepthwiseConv2dNative", input=F(2, 6, 7, 3), filter=F(3, 2, 3, 2), strides=[1, st, st, 1], padding=pad)
        case("MaxPool", input=F(2, 7, 6, 3), ksize=[1, 3, 2, 1], strides=[1, st, st, 1], padding=pad); case("AvgPool", value=F(2, 7, 6, 3), ksize=[1, 3, 2, 1], strides=[1, st, st, 1], padding=pad); case("MaxPool3D", input=F(1, 5, 6, 4, 2), ksize=[1, 2, 3, 2, 1], strides=[1, st, st, st, 1], padding=pad); case("AvgPool3D", input=F(1, 5, 6, 4, 2), ksize=[1, 2, 3, 2, 1], strides=[1, st, st, st, 1], padding=pad)
        case("MaxPoolWithArgmax", input=F(2, 6, 7, 3), ksize=[1, 2, 3, 1], strides=[1, st, st, 1], padding=pad)
        case("Conv2DBackpropInput", input_sizes=i32(2, 7, 6, 3), filter=F(3, 2, 3, 4), out_backprop=F(2, *((-(-7 // st), -(-6 // st)) if pad == "SAME" else ((7 - 3) // st + 1, (6 - 2) // st + 1)), 4), strides=[1, st, st, 1], padding=pad)
        case("Conv3DBackpropInputV2", input_sizes=i32(1, 5, 4, 6, 2), filter=F(2, 3, 2, 2, 3), out_backprop=F(1, *((-(-5 // st), -(-4 // st), -(-6 // st)) if pad == "SAME" else ((5 - 2) // st + 1, (4 - 3) // st + 1, (6 - 2) // st + 1)), 3), strides=[1, st, st, st, 1], padding=pad)
        case("DepthwiseConv2dNativeBackpropInput", input_sizes=i32(2, 7, 6, 3), filter=F(3, 2, 3, 2), out_backprop=F(2, *((-(-7 // st), -(-6 // st)) if pad == "SAME" else ((7 - 3) // st + 1, (6 - 2) // st + 1)), 6), strides=[1, st, st, 1], padding=pad)
case("Conv2D", input=F(1, 9, 8, 2), filter=F(3, 3, 2, 4), strides=[1, 1, 1, 1], padding="SAME", dilations=[1, 2, 2, 1]); case("Conv2D", input=F(1, 9, 8, 2), filter=F(3, 3, 2, 4), strides=[1, 2, 1, 1], padding="EXPLICIT", explicit_paddings=[0, 0, 1, 2, 0, 1, 0, 0]); case("Conv2D", input=F(1, 5, 5, 4), filter=F(2, 2, 2, 6), strides=[1, 1, 1, 1], padding="SAME"); case("MaxPoolV2", input=F(1, 6, 6, 2), ksize=i32(1, 2, 2, 1), strides=i32(1, 2, 2, 1), padding="VALID")
case("DepthwiseConv2dNative", input=F(1, 9, 9, 2), filter=F(3, 3, 2, 1), strides=[1, 1, 1, 1], padding="VALID"); case("MaxPool", input=F(1, 4, 4, 6), ksize=[1, 1, 1, 2], strides=[1, 1, 1, 2], padding="VALID"); case("MaxPoolWithArgmax", input=F(2, 4, 4, 2), ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID", include_batch_in_index=True, Targmax=tf.int32)
for v in ("", "V2", "V3"):
    for train in (False, True): case("FusedBatchNorm" + v, x=F(2, 3, 4, 5), scale=F(5), offset=F(5), mean=F(0 if train else 5), variance=F(0 if train else 5, low=0.5), is_training=train, epsilon=0.001, pick=[0, 1, 2], tol=1e-4)
case("LRN", input=F(2, 3, 3, 8), depth_radius=2, bias=1.5, alpha=0.3, beta=0.6); case("LRN", input=F(1, 2, 2, 4))
case("Softmax", logits=F(3, 5)); case("Softmax", logits=F(2, 3, 5)); case("LogSoftmax", logits=F(3, 5)); case("SoftmaxCrossEntropyWithLogits", features=F(4, 5), labels=F(4, 5, low=0)); case("SparseSoftmaxCrossEntropyWithLogits", features=F(4, 5), labels=N(4, low=0, high=5))


# ---- matrices ----
def spd(*shape):
    a = F(*shape, dtype=np.float64)
    return (a @ np.swapaxes(a, -1, -2) + 2 * np.eye(shape[-1])).astype(np.float32)


case("MatrixBandPart", input=F(2, 4, 5), num_lower=K(np.int64(1)), num_upper=K(np.int64(-1))); case("MatrixBandPart", input=N(4, 3), num_lower=s32(0), num_upper=s32(1))
case("MatrixDiag", diagonal=F(2, 3)); case("MatrixDiagPart", input=F(2, 3, 4)); case("MatrixSetDiag", input=F(2, 3, 4), diagonal=F(2, 3))
for v in ("V2", "V3"):
    m = dict(align="RIGHT_LEFT") if v == "V3" else {}
    case("MatrixDiagPart" + v, input=F(2, 4, 5), k=i32(-1, 2), padding_value=np.float32(9), **m); case("MatrixDiagPart" + v, input=F(4, 5), k=s32(1), padding_value=K(np.float32(0)), **m)
    case("MatrixDiag" + v, diagonal=F(2, 3, 3), k=i32(-1, 1), num_rows=s32(-1), num_cols=s32(-1), padding_value=K(np.float32(7)), **m); case("MatrixDiag" + v, diagonal=F(3), k=s32(1), num_rows=s32(3), num_cols=s32(5), padding_value=np.float32(0), **m); case("MatrixDiag" + v, diagonal=F(2, 3), k=s32(-2), num_rows=s32(-1), num_cols=s32(-1), padding_value=K(np.float32(0)), **m)
    case("MatrixSetDiag" + v, input=F(2, 4, 5), diagonal=F(2, 3, 4), k=i32(-1, 1), **m); case("MatrixSetDiag" + v, input=F(4, 5), diagonal=F(4), k=s32(1), **m)
for al in ("LEFT_LEFT", "LEFT_RIGHT", "RIGHT_RIGHT"): case("MatrixDiagPartV3", input=F(4, 5), k=i32(-2, 3), padding_value=np.float32(9), align=al); case("MatrixDiagV3", diagonal=F(3, 3), k=i32(-1, 1), num_rows=s32(3), num_cols=s32(3), padding_value=np.float32(0), align=al)
case("Diag", diagonal=F(3)); case("Diag", diagonal=N(2, 2)); case("DiagPart", input=F(3, 3)); case("DiagPart", input=F(2, 3, 2, 3)); case("Cross", a=F(4, 3), b=F(4, 3)); case("Cross", a=N(3), b=N(3))
case("MatrixInverse", input=spd(2, 3, 3), tol=1e-4); case("MatrixInverse", input=F(4, 4, dtype=np.float64), adjoint=True, tol=1e-6); case("MatrixDeterminant", input=F(2, 3, 3), tol=1e-4); case("LogMatrixDeterminant", input=F(2, 4, 4), tol=1e-4); case("Cholesky", input=spd(2, 4, 4), tol=1e-4)
case("Lu", input=F(2, 4, 4), tol=1e-4); case("Lu", input=F(3, 3, dtype=np.float64), output_idx_type=tf.int64); case("Qr", input=F(2, 4, 3), tol=1e-4); case("Qr", input=F(3, 4), tol=1e-4); case("Qr", input=F(4, 2), full_matrices=True, tol=1e-4)
case("MatrixSolve", matrix=spd(2, 3, 3), rhs=F(2, 3, 2), tol=1e-4); case("MatrixSolve", matrix=spd(3, 3), rhs=F(3, 1), adjoint=True, tol=1e-4); case("MatrixSolveLs", matrix=F(5, 3), rhs=F(5, 2), l2_regularizer=K(np.float64(0)), tol=1e-3); case("MatrixSolveLs", matrix=F(2, 4), rhs=F(2, 2), l2_regularizer=K(np.float64(0.5)), tol=1e-3)
for lower in (True, False):
    for adj in (True, False): case("MatrixTriangularSolve", matrix=spd(2, 3, 3), rhs=F(2, 3, 2), lower=lower, adjoint=adj, tol=1e-4)
case("MatrixTriangularSolve", matrix=spd(3, 3), rhs=F(2, 3, 2), tol=1e-4)


def same_matrices(got, want, rebuild):
    """Signs of vectors are free: what they make together counts."""
    if any(g.shape != np.asarray(w).shape for g, w in zip(got, want)):
        return "shapes differ"
    if not np.allclose(got[0], want[0], rtol=1e-4, atol=1e-4):
        return "values differ"
    return None if np.allclose(rebuild(*got), rebuild(*want), rtol=1e-3, atol=1e-3) else "the product of the factors differs"


def svd_check(feeds, got, want):
    return same_matrices(got, want, lambda s, u, v: (u[..., : s.shape[-1]] * s[..., None, :]) @ np.swapaxes(v[..., : s.shape[-1]], -1, -2))


def eig_check(feeds, got, want):
    return same_matrices(got, want, lambda e, v: (v * e[..., None, :]) @ np.swapaxes(v, -1, -2))


case("Svd", input=F(2, 4, 3), check=svd_check); case("Svd", input=F(3, 5), check=svd_check); case("Svd", input=F(4, 2), full_matrices=True, check=svd_check); case("Svd", input=F(3, 3), compute_uv=False, pick=[0], tol=1e-4); case("SelfAdjointEigV2", input=spd(2, 4, 4), check=eig_check); case("SelfAdjointEigV2", input=spd(3, 3), compute_v=False, pick=[0], tol=1e-4)

# ---- recurrent ----
for peep in (False, True): case("LSTMBlockCell", x=F(2, 3), cs_prev=F(2, 4), h_prev=F(2, 4), w=F(7, 16), wci=F(4), wcf=F(4), wco=F(4), b=F(16), use_peephole=peep, cell_clip=-1.0 if peep else 3.0)
case("BlockLSTM", seq_len_max=K(np.int64(3)), x=F(4, 2, 3), cs_prev=F(2, 4), h_prev=F(2, 4), w=F(7, 16), wci=F(4), wcf=F(4), wco=F(4), b=F(16), use_peephole=True, pick=[1, 6]); case("BlockLSTMV2", seq_len_max=K(np.int64(4)), x=F(4, 2, 3), cs_prev=F(2, 4), h_prev=F(2, 4), w=F(7, 16), wci=F(4), wcf=F(4), wco=F(4), b=F(16))
case("GRUBlockCell", x=F(2, 3), h_prev=F(2, 4), w_ru=F(7, 8), w_c=F(7, 4), b_ru=F(8), b_c=F(4))


# ---- images ----
for op in "ResizeBilinear ResizeNearestNeighbor ResizeBicubic".split():
    for kw in (dict(), dict(align_corners=True), dict(half_pixel_centers=True)):
        case(op, images=F(2, 5, 4, 3), size=i32(7, 9), tol=1e-4, **kw); case(op, images=F(1, 8, 9, 2), size=i32(3, 4), tol=1e-4, **kw)
case("ResizeArea", images=F(2, 5, 4, 3), size=i32(7, 3), tol=1e-4); case("ResizeArea", images=F(1, 8, 8, 1), size=i32(4, 4), tol=1e-4); case("ResizeArea", images=F(1, 7, 8, 2), size=i32(3, 5), align_corners=True, tol=1e-4); case("ResizeBilinear", images=N(1, 4, 4, 1, low=0, high=200, dtype=np.uint8), size=i32(6, 6), tol=1e-4); case("ResizeNearestNeighbor", images=N(1, 4, 4, 1), size=np.array([8, 2], np.int32))
boxes = np.array([[0, 0, 1, 1], [0.1, 0.2, 0.8, 0.7], [-0.3, 0.5, 1.2, 0.2]], np.float32)
for method in ("bilinear", "nearest"): case("CropAndResize", image=F(2, 6, 7, 3), boxes=boxes, box_ind=np.array([0, 1, 1], np.int32), crop_size=i32(4, 5), method=method, extrapolation_value=0.5, tol=1e-4)
case("CropAndResize", image=F(1, 6, 7, 3), boxes=boxes[:2], box_ind=np.array([0, 0], np.int32), crop_size=i32(1, 1))
for pad in ("SAME", "VALID"): case("ExtractImagePatches", images=F(2, 7, 6, 3), ksizes=[1, 3, 2, 1], strides=[1, 2, 1, 1], rates=[1, 1, 2, 1], padding=pad)
case("RGBToHSV", images=F(2, 3, 4, 3, low=0, high=1)); case("HSVToRGB", images=F(2, 3, 4, 3, low=0, high=1)); case("AdjustHue", images=F(2, 3, 4, 3, low=0, high=1), delta=np.float32(0.3), tol=1e-4); case("AdjustHue", images=F(3, 4, 3, low=0, high=1), delta=np.float32(-0.6), tol=1e-4); case("AdjustSaturation", images=F(2, 3, 4, 3, low=0, high=1), scale=np.float32(1.4), tol=1e-4)
case("AdjustContrastv2", images=F(2, 3, 4, 3), contrast_factor=np.float32(1.7)); case("AdjustContrastv2", images=F(3, 4, 3), contrast_factor=np.float32(0.5))
near = np.sort(F(12, 2, 2, low=0, high=1), axis=1).reshape(12, 4)
sc = F(12, low=0, high=1)
case("NonMaxSuppression", boxes=near, scores=sc, max_output_size=s32(5)); case("NonMaxSuppressionV2", boxes=near, scores=sc, max_output_size=s32(8), iou_threshold=K(np.float32(0.2))); case("NonMaxSuppressionV3", boxes=near, scores=sc, max_output_size=s32(8), iou_threshold=K(np.float32(0.3)), score_threshold=K(np.float32(0.4)))
case("NonMaxSuppressionV4", boxes=near, scores=sc, max_output_size=s32(9), iou_threshold=K(np.float32(0.3)), score_threshold=K(np.float32(0.2)), pad_to_max_output_size=True); case("NonMaxSuppressionV5", boxes=near, scores=sc, max_output_size=s32(9), iou_threshold=K(np.float32(0.5)), score_threshold=K(np.float32(0.1)), soft_nms_sigma=K(np.float32(0.5)))
case("NonMaxSuppressionWithOverlaps", overlaps=F(6, 6, low=0, high=1), scores=F(6), max_output_size=s32(4), overlap_threshold=K(np.float32(0.5)), score_threshold=K(np.float32(-1)))
case("FakeQuantWithMinMaxArgs", inputs=F(3, 4, low=-8, high=8)); case("FakeQuantWithMinMaxVars", inputs=F(3, 4), min=K(np.float32(-1)), max=K(np.float32(1.5)), num_bits=4, narrow_range=True); case("FakeQuantWithMinMaxVarsPerChannel", inputs=F(3, 4), min=K(F(4, low=-2, high=-0.5)), max=K(F(4, low=0.5, high=2)))


# ---- random: with a seed TensorFlow's own bits where they are simple, else the shape ----
def shapes_only(feeds, got, want):
    return next((f"{g.dtype} {g.shape}, expected {np.asarray(w).dtype} {np.asarray(w).shape}" for g, w in zip(got, want) if (g.shape, g.dtype) != (np.asarray(w).shape, np.asarray(w).dtype)), None)


for op in "RandomUniform RandomStandardNormal TruncatedNormal".split(): case(op, shape=i32(3, 5), dtype=tf.float32, seed=12, seed2=34, tol=2e-5); case(op, shape=i32(7), dtype=tf.float64, seed=0, seed2=5, tol=2e-5); case(op, shape=np.array([2, 3], np.int32), dtype=tf.float32, check=shapes_only)
case("RandomUniform", shape=i32(5), dtype=tf.half, seed=3, seed2=1); case("RandomUniformInt", shape=i32(9), minval=s32(-5), maxval=s32(17), seed=7, seed2=8); case("RandomUniformInt", shape=i32(5), minval=K(np.int64(0)), maxval=K(np.int64(10**6)), seed=7, seed2=8); case("RandomShuffle", value=F(7), seed=3, seed2=4); case("RandomShuffle", value=F(6, 2), seed=3, seed2=4)
case("Multinomial", logits=F(2, 5), num_samples=s32(7), seed=1, seed2=2, check=shapes_only); case("RandomGamma", shape=i32(4), alpha=F(3, low=0.2), seed=1, check=shapes_only); case("RandomPoissonV2", shape=i32(4), rate=F(2, 3, low=0.2, high=90), seed=1, check=shapes_only)
for op in "StatelessRandomUniform StatelessRandomNormal StatelessTruncatedNormal".split(): case(op, shape=i32(3, 5), seed=K(np.array([12, 34], np.int32)), dtype=tf.float32, tol=2e-5)
case("StatelessRandomUniformInt", shape=i32(6), seed=i32(1, 2), minval=s32(0), maxval=s32(50)); case("StatelessMultinomial", logits=F(2, 5), num_samples=s32(7), seed=i32(1, 2), check=shapes_only)

# ---- rarer ones ----
for pad in ("SAME", "VALID"):
    case("Dilation2D", input=F(2, 6, 7, 3), filter=F(3, 2, 3), strides=[1, 2, 1, 1], rates=[1, 1, 2, 1], padding=pad); case("ExtractVolumePatches", input=F(1, 4, 5, 6, 2), ksizes=[1, 2, 3, 2, 1], strides=[1, 1, 2, 2, 1], padding=pad)
    case("Conv2DBackpropFilter", input=F(2, 7, 6, 3), filter_sizes=i32(3, 2, 3, 4), out_backprop=F(2, *((4, 3) if pad == "SAME" else (3, 3)), 4), strides=[1, 2, 2, 1], padding=pad)
case("CTCLoss", inputs=F(6, 2, 5), labels_indices=K(np.array([[0, 0], [0, 1], [1, 0]], np.int64)), labels_values=K(np.array([1, 2, 3], np.int32)), sequence_length=K(np.array([6, 4], np.int32)), tol=1e-4)
case("SparseTensorDenseMatMul", a_indices=K(np.array([[0, 1], [2, 0]], np.int64)), a_values=F(2), a_shape=K(np.array([3, 4], np.int64)), b=F(4, 2)); case("QuantizeAndDequantizeV2", input=F(3, 4), input_min=K(np.float32(-1)), input_max=K(np.float32(1.5)), range_given=True); case("QuantizeAndDequantizeV3", input=F(3, 4), input_min=K(np.float32(0)), input_max=K(np.float32(0)), num_bits=s32(6), range_given=False); case("QuantizeAndDequantizeV4", input=F(9), input_min=K(np.float32(0)), input_max=K(np.float32(2)), signed_input=False, range_given=True, round_mode="HALF_UP")
case("RaggedRange", starts=i32(0, 3, 2), limits=i32(4, 3, 9), deltas=i32(1, 1, 3))

# ---- sparse tensors, boxes, sound ----
sp = dict(at=K(np.array([[0, 1, 0], [0, 2, 2], [2, 0, 1], [2, 2, 2]], np.int64)), shape=K(np.array([4, 3, 3], np.int64)))
case("SparseTensorDenseAdd", a_indices=sp["at"], a_values=F(4), a_shape=sp["shape"], b=F(4, 3, 3)); case("SparseTensorDenseAdd", a_indices=K(np.array([[1, 1], [0, 1], [1, 1]], np.int32)), a_values=N(3), a_shape=i32(2, 2), b=N(2, 2))
case("SparseReorder", input_indices=K(np.array([[2, 1], [0, 3], [0, 1], [1, 0]], np.int64)), input_values=F(4), input_shape=K(np.array([3, 4], np.int64)))
case("SparseReshape", input_indices=sp["at"], input_shape=sp["shape"], new_shape=K(np.array([6, -1], np.int64))); case("SparseReshape", input_indices=np.array([[0, 5], [3, 1]], np.int64), input_shape=np.array([4, 6], np.int64), new_shape=np.array([2, 3, 4], np.int64))
case("SparseSlice", indices=sp["at"], values=F(4), shape=sp["shape"], start=K(np.array([0, 1, 1], np.int64)), size=K(np.array([9, 2, 2], np.int64)))
case("SparseFillEmptyRows", indices=sp["at"], values=F(4), dense_shape=sp["shape"], default_value=np.float32(-7)); case("SparseFillEmptyRows", indices=K(np.array([[3, 0], [0, 2]], np.int64)), values=N(2), dense_shape=K(np.array([5, 4], np.int64)), default_value=np.int32(9))
for d in (0, -1): case("SparseConcat", indices=[sp["at"], K(np.array([[1, 0, 2], [3, 1, 1]], np.int64))], values=[F(4), F(2)], shapes=[sp["shape"], sp["shape"]], concat_dim=d)
for a in ([0], [1, -1], []): case("SparseReduceSum", input_indices=sp["at"], input_values=F(4), input_shape=sp["shape"], reduction_axes=K(np.array(a, np.int32)))
case("SparseReduceSum", input_indices=sp["at"], input_values=N(4), input_shape=sp["shape"], reduction_axes=i32(2), keep_dims=True)
for op in "SparseDenseCwiseMul SparseDenseCwiseDiv SparseDenseCwiseAdd".split(): case(op, sp_indices=sp["at"], sp_values=F(4), sp_shape=sp["shape"], dense=F(4, 3, 3, low=0.5)); case(op, sp_indices=sp["at"], sp_values=F(4), sp_shape=sp["shape"], dense=F(3, 1, low=0.5))
many = np.sort(rng.uniform(-0.1, 1.1, (2, 12, 1, 2, 2)).astype(np.float32), axis=3).reshape(2, 12, 1, 4)
for q, pad, clip in [(1, False, True), (3, True, False), (1, True, True)]:
    case("CombinedNonMaxSuppression", boxes=np.repeat(many, q, 2) + rng.uniform(0, 0.05, (2, 12, q, 1)).astype(np.float32), scores=F(2, 12, 3, low=0, high=1), max_output_size_per_class=s32(4), max_total_size=s32(9 if q == 1 else 20), iou_threshold=K(np.float32(0.3)),
         score_threshold=K(np.float32(0.25)), pad_per_class=pad, clip_boxes=clip)
drawn = np.array([[[0.1, 0.2, 0.7, 0.9], [-0.3, 0.5, 0.5, 1.4]], [[0.5, 0.5, 0.4, 0.6], [0, 0, 1, 1]]], np.float32)
for c in (1, 3, 4): case("DrawBoundingBoxes", images=F(2, 9, 8, c), boxes=drawn)
case("DrawBoundingBoxesV2", images=F(2, 9, 8, 3), boxes=drawn, colors=F(1, 3)); case("DrawBoundingBoxesV2", images=F(2, 9, 8, 3), boxes=drawn, colors=F(3, 4))
for m in (False, True): case("CTCGreedyDecoder", inputs=F(7, 3, 4), sequence_length=K(np.array([7, 3, 0], np.int32)), merge_repeated=m)
case("CTCGreedyDecoder", inputs=F(9, 2, 3), sequence_length=K(np.array([9, 8], np.int32)), merge_repeated=True, blank_index=0)
turn = np.array([[0.9, -0.3, 1.2, 0.3, 0.8, -0.7, 0.01, -0.005], [1.3, 0.2, -2.5, -0.1, 1.1, 3.3, 0, 0]], np.float32)
for how in ("BILINEAR", "NEAREST"):
    for mode in ("CONSTANT", "REFLECT", "WRAP", "NEAREST"): case("ImageProjectiveTransformV3", images=F(2, 7, 6, 3), transforms=turn, output_shape=i32(9, 11), fill_value=np.float32(0.5), interpolation=how, fill_mode=mode, tol=1e-4)
case("ImageProjectiveTransformV2", images=F(2, 5, 6, 1), transforms=turn[1:], output_shape=i32(5, 6), interpolation="BILINEAR", tol=1e-4); case("ImageProjectiveTransformV2", images=N(1, 5, 6, 1, low=0, high=255, dtype=np.uint8), transforms=turn[1:], output_shape=i32(5, 6), interpolation="NEAREST")
for sq in (False, True): case("AudioSpectrogram", input=F(100, 2, low=-1, high=1), window_size=24, stride=10, magnitude_squared=sq, tol=1e-4)
case("Mfcc", spectrogram=F(2, 5, 129, low=0.01, high=9), sample_rate=s32(16000), tol=1e-4); case("Mfcc", spectrogram=F(1, 2, 257, low=0.01, high=9), sample_rate=s32(44100), upper_frequency_limit=7600, lower_frequency_limit=300, filterbank_channel_count=20, dct_coefficient_count=20, tol=1e-4)

# ---- what rewritten graphs hold ----
def fused(op, ops, **attrs):
    """An operator that only the rewriter of graphs makes."""
    def make(g, x, w, args):
        kinds = {"T": x.dtype, "num_args": len(args), "TArgs": [a.dtype for a in args], "fused_ops": ops, "epsilon": 0.01, "leakyrelu_alpha": 0.3, **attrs}
        node = tf.compat.v1.NodeDef(name="fused", op=op, input=[t.name for t in (x, w, *args)])
        for k, v in kinds.items():
            if isinstance(v, bool): node.attr[k].b = v
            elif isinstance(v, int): node.attr[k].i = v
            elif isinstance(v, float): node.attr[k].f = v
            elif isinstance(v, str): node.attr[k].s = v.encode()
            elif isinstance(v, tf.DType): node.attr[k].type = v.as_datatype_enum
            elif k == "fused_ops": node.attr[k].list.s.extend(o.encode() for o in v)
            elif k == "TArgs": node.attr[k].list.type.extend(t.as_datatype_enum for t in v)
            else: node.attr[k].list.i.extend(v)
        graph = tf.compat.v1.GraphDef(node=[node])
        ins = {t.name: t for t in (x, w, *args)}
        node.input[:] = [f"i{i}" for i in range(len(node.input))]
        for i, t in enumerate((x, w, *args)): graph.node.append(tf.compat.v1.NodeDef(name=f"i{i}", op="Placeholder", attr={"dtype": tf.compat.v1.AttrValue(type=t.dtype.as_datatype_enum)}))
        graph.node[0].CopyFrom(node)
        return tf.import_graph_def(graph, {f"i{i}": t for i, t in enumerate((x, w, *args))}, ["fused:0"], name="")[0]
    return make


for ops in (["BiasAdd"], ["BiasAdd", "Relu"], ["BiasAdd", "Relu6"], ["BiasAdd", "Elu"], ["BiasAdd", "LeakyRelu"]):
    case("_FusedConv2D", x=F(2, 6, 7, 3), w=F(3, 2, 3, 4), args=[F(4)], make=fused("_FusedConv2D", ops, strides=[1, 2, 1, 1], padding="SAME"), tol=1e-4)
    case("_FusedMatMul", x=F(3, 5), w=F(5, 4), args=[F(4)], make=fused("_FusedMatMul", ops, transpose_a=False, transpose_b=False), tol=1e-4)
case("_FusedConv2D", x=F(2, 6, 7, 3), w=F(3, 2, 3, 4), args=[F(4), F(4), F(4), F(4, low=0.2)], make=fused("_FusedConv2D", ["FusedBatchNorm", "Relu"], strides=[1, 1, 1, 1], padding="VALID"), tol=1e-4)
case("_FusedMatMul", x=F(5, 3), w=F(4, 5), args=[F(4)], make=fused("_FusedMatMul", ["BiasAdd", "Tanh"], transpose_a=True, transpose_b=True), tol=1e-4)
for mode in ("REFLECT", "SYMMETRIC"):
    case("FusedPadConv2D", input=F(1, 5, 6, 2), paddings=i32([0, 0], [1, 2], [2, 1], [0, 0]), filter=F(3, 2, 2, 3), mode=mode, strides=[1, 2, 1, 1], padding="VALID", tol=1e-4)
    case("FusedResizeAndPadConv2D", input=F(1, 5, 6, 2), size=i32(8, 9), paddings=i32([0, 0], [1, 2], [2, 1], [0, 0]), filter=F(3, 2, 2, 3), mode=mode, strides=[1, 1, 1, 1], padding="VALID", resize_align_corners=mode == "REFLECT", tol=1e-4)
case("TensorStridedSliceUpdate", input=F(4, 5), begin=i32(1, -1), end=i32(4, 0), strides=i32(2, -2), value=F(2, 2)); case("TensorStridedSliceUpdate", input=N(4, 5), begin=i32(2), end=i32(3), strides=i32(1), value=N(5), shrink_axis_mask=1)
case("UnravelIndex", indices=np.array([0, 7, 23, 11], np.int64), dims=K(np.array([2, 3, 4], np.int64))); case("UnravelIndex", indices=N(3, low=0, high=6), dims=i32(2, 3))
case("ApproxTopK", input=F(3, 9), k=4)
for op in "InplaceUpdate InplaceAdd InplaceSub".split(): case(op, x=F(5, 3), i=i32(3, 0), v=F(2, 3), make=lambda g, x, i, v, op=op: getattr(raw, op)(x=x * 1, i=i, v=v))  # else TensorFlow writes into what it is fed
for mode in ("MIN_COMBINED", "MIN_FIRST", "SCALED"):
    for kind, bits in ((tf.quint8, np.uint8), (tf.qint8, np.int8)):
        case("QuantizeV2", input=F(3, 7), min_range=np.float32(-1.5), max_range=np.float32(1.9), T=kind, mode=mode)
        case("Dequantize", x=np.arange(0 if bits is np.uint8 else -128, 256 if bits is np.uint8 else 128, 3).astype(bits), min_range=np.float32(-1.3), max_range=np.float32(2.6),
             make=lambda g, x, min_range, max_range, kind=kind, mode=mode: raw.Dequantize(input=tf.bitcast(x, kind), min_range=min_range, max_range=max_range, mode=mode))
case("QuantizeV2", input=F(3, 4), min_range=F(4, low=-2, high=-1), max_range=F(4, low=1, high=2), T=tf.qint8, mode="SCALED", axis=1, round_mode="HALF_TO_EVEN", narrow_range=True)


def cases():
    yield from CASES
