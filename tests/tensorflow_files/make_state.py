"""Makes the graphs state_*.pb that change variables while they run, ends_*.pb that end in nodes of several outputs, and state_*.npz, ends_*.npz with what TensorFlow computes."""
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import tensorflow as tf

raw = tf.raw_ops
v1 = tf.compat.v1
rng = np.random.default_rng(3)
X, Y = rng.normal(size=(4, 3)).astype("f"), rng.normal(size=(4, 3)).astype("f")


def refs():
    """Assigned, added to, scattered into, read on the way and at the end."""
    x, y = v1.placeholder(tf.float32, [4, 3], name="x"), v1.placeholder(tf.float32, [4, 3], name="y")
    v = raw.VariableV2(shape=[4, 3], dtype=tf.float32, name="v")
    one = raw.Assign(ref=v, value=x)
    with tf.control_dependencies([one]):
        early = tf.multiply(v, 2.0, name="early")
    with tf.control_dependencies([early]):
        two = raw.AssignAdd(ref=v, value=y)
    with tf.control_dependencies([two]):
        three = raw.ScatterUpdate(ref=v, indices=[1, 3], updates=[[5.0, 6, 7], [8, 9, 10]])
    four = raw.ScatterMul(ref=three, indices=[0], updates=[[2.0, 3, 4]])
    five = raw.ScatterNdSub(ref=four, indices=[[2, 1]], updates=[0.5])
    with tf.control_dependencies([tf.group(five)]):
        tf.add(v, 1.0, name="late")
    return ["early", "late"]


def handles():
    """The same by handles, with something that only a control edge leads to."""
    x, y = v1.placeholder(tf.float32, [4, 3], name="x"), v1.placeholder(tf.float32, [4, 3], name="y")
    h = raw.VarHandleOp(dtype=tf.float32, shape=[4, 3], shared_name="h")
    one = raw.AssignVariableOp(resource=h, value=x)
    with tf.control_dependencies([one]):
        first = raw.ReadVariableOp(resource=h, dtype=tf.float32)
        early = tf.multiply(first, 2.0, name="early")
    with tf.control_dependencies([early]):
        two = raw.AssignSubVariableOp(resource=h, value=y)
    with tf.control_dependencies([two]):
        three = raw.ResourceScatterAdd(resource=h, indices=[1, 1], updates=[[5.0, 6, 7], [8, 9, 10]])
    with tf.control_dependencies([tf.group(three)]):
        tf.add(raw.ReadVariableOp(resource=tf.identity(h), dtype=tf.float32), 1.0, name="late")
        raw.ResourceGather(resource=h, indices=[2, 0], dtype=tf.float32, name="rows")
    return ["early", "late", "rows"]


def open_order():
    """Refused: nothing says whether the variable is read before or after it changes."""
    x, y = v1.placeholder(tf.float32, [4, 3], name="x"), v1.placeholder(tf.float32, [4, 3], name="y")
    v = raw.VariableV2(shape=[4, 3], dtype=tf.float32, name="v")
    one = raw.Assign(ref=v, value=x)
    with tf.control_dependencies([one]):
        a, z = raw.AssignAdd(ref=v, value=y), tf.multiply(v, 2.0, name="z")
    tf.add(a, z, name="sum")
    return None


def several():
    """Nodes whose outputs nobody reads, one of them of a sum that fits four rows alone."""
    x, y = v1.placeholder(tf.float32, [None, 3], name="x"), v1.placeholder(tf.float32, [4, 3], name="y")
    both = raw.IdentityN(input=[x + tf.constant(Y * 2), tf.constant([1, 2]), y], name="both")
    raw.FusedBatchNormV3(x=tf.reshape(y, [1, 2, 2, 3]), scale=tf.ones(3), offset=tf.zeros(3), mean=tf.zeros(0), variance=tf.zeros(0), is_training=True, name="norm")
    raw.FusedBatchNormV3(x=tf.reshape(y, [1, 2, 2, 3]), scale=tf.ones(3), offset=tf.zeros(3), mean=tf.zeros(3), variance=tf.ones(3), is_training=False, name="fixed")
    del both
    return ["both", "both:1", "both:2", "norm", "norm:1", "norm:2", "fixed"]


def inner():
    """One output of a node is read, the other has to be asked for."""
    y = v1.placeholder(tf.float32, [4, 3], name="y")
    a, _ = raw.Split(axis=0, value=y, num_split=2, name="halves")
    tf.add(a, 1.0, name="out")
    return ["out", "halves", "halves:1"]


def trips():
    """A loop that takes a large part of the same constant in each of its trips."""
    y = v1.placeholder(tf.float32, [4, 3], name="y")
    w = tf.reshape(tf.range(65536.0), [256, 256])

    def body(i, a):
        return i + 1, a * 0.5 + tf.slice(w, [i % 2 * 128, 0], [128, 256])[1:5, 2:5]

    tf.identity(tf.while_loop(lambda i, a: i < 3000, body, [tf.constant(0), y])[1], name="z")
    return ["z"]


for name, make in [("state_trips", trips), ("state_refs", refs), ("state_handles", handles), ("state_open", open_order), ("ends_several", several), ("ends_inner", inner)]:
    with tf.Graph().as_default() as g:
        outputs = make()
        with open(f"{name}.pb", "wb") as f:
            f.write(g.as_graph_def().SerializeToString(deterministic=True))
        if not outputs:
            continue
        feeds = {n: a for n, a in [("x", X), ("y", Y)] if any(o.name == n for o in g.get_operations())}
        with v1.Session() as s:
            got = s.run([o if ":" in o else o + ":0" for o in outputs], {k + ":0": a for k, a in feeds.items()})
        np.savez(f"{name}.npz", **{"feed|" + k: a for k, a in feeds.items()}, **dict(zip(outputs, got)))
