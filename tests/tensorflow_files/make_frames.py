"""Writes frames_*.pb, frozen graphs as TensorFrames' users have them; run by hand with TensorFlow: python tests/tensorflow_files/make_frames.py"""
from pathlib import Path

import tensorflow.compat.v1 as tf

tf.disable_eager_execution()


def write(name, *fetches):
    (Path(__file__).parent / f"frames_{name}.pb").write_bytes(fetches[0].graph.as_graph_def().SerializeToString(deterministic=True))
    tf.reset_default_graph()


x = tf.placeholder(tf.double, [None], name="x")
write("map", tf.add(x, 3.0, name="z"), tf.multiply(x, 2.0, name="w"))
y, z = tf.placeholder(tf.double, [None, 2], name="y_input"), tf.placeholder(tf.double, [None, 2], name="z_input")
write("reduce", tf.reduce_sum(y, [0], name="y"), tf.reduce_min(z, [0], name="z"))
a, b = tf.placeholder(tf.double, [], name="x_1"), tf.placeholder(tf.double, [], name="x_2")
write("rows", tf.add(a, b, name="x"))
