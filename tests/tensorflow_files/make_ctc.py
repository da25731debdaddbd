"""make_ctc - v2_ctc.pb and .npz beside this file: TensorFlow's loss of label sequences, whose loops call their functions as operators with outputs by name, and a picture in
half precision made larger, which is float32. Run with TensorFlow."""
from pathlib import Path

import numpy as np
import tensorflow as tf

HERE = Path(__file__).resolve().parent
tf.compat.v1.enable_control_flow_v2()
draw = np.random.default_rng(4)
x, x1 = draw.normal(size=(7, 2, 5)).astype("f4"), draw.normal(size=(1, 3, 4, 2)).astype("f2")
with tf.Graph().as_default() as graph:
    p, p1 = tf.compat.v1.placeholder("float32", x.shape, "x"), tf.compat.v1.placeholder("float16", x1.shape, "x1")
    loss = tf.nn.ctc_loss(tf.constant([[1, 2, 0], [3, 3, 1]]), p, tf.constant([2, 3]), tf.constant([7, 6]), blank_index=4)
    y = [tf.identity(loss, "loss"), tf.identity(tf.image.resize(p1, [5, 7]), "larger")]
    with tf.compat.v1.Session() as session:
        loss, larger = session.run(y, {p: x, p1: x1})
    names = [t.op.name for t in y]
    (HERE / "v2_ctc.pb").write_bytes(tf.compat.v1.graph_util.extract_sub_graph(graph.as_graph_def(), names).SerializeToString())
np.savez_compressed(HERE / "v2_ctc.npz", x=x, x1=x1, loss=loss, larger=larger)
