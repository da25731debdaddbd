"""make.py - write the small TFRecord and event files of this folder with TensorFlow. They were made by TensorFlow 2.21."""
import pathlib

import tensorflow as tf

FOLDER = pathlib.Path(__file__).resolve().parent
train = tf.train


def example(i):
    feature = {
        "id": train.Feature(int64_list=train.Int64List(value=[i])),
        "numbers": train.Feature(float_list=train.FloatList(value=[i + 0.5, -1e30, 3e-45][:i])),
        "whole": train.Feature(int64_list=train.Int64List(value=[-2**63, 2**63 - 1, -1, 0, 300])),
        "texts": train.Feature(bytes_list=train.BytesList(value=[b"", b"\x00\xff\n", "größe".encode()])),
        "nothing": train.Feature(),
        "größe": train.Feature(float_list=train.FloatList(value=[1.0])),
    }
    return train.Example(features=train.Features(feature=feature))


def sequence(i):
    steps = [train.Feature(int64_list=train.Int64List(value=list(range(k)))) for k in range(i)]
    words = [train.Feature(bytes_list=train.BytesList(value=[b"a" * k])) for k in range(2)]
    return train.SequenceExample(context=train.Features(feature={"id": train.Feature(int64_list=train.Int64List(value=[i]))}),
                                 feature_lists=train.FeatureLists(feature_list={"steps": train.FeatureList(feature=steps), "words": train.FeatureList(feature=words)}))


for name, packing in (("plain", ""), ("gzip", "GZIP"), ("zlib", "ZLIB")):
    with tf.io.TFRecordWriter(str(FOLDER / f"{name}.tfrecord"), tf.io.TFRecordOptions(compression_type=packing)) as w:
        for i in range(4):
            w.write(example(i).SerializeToString(deterministic=True))
with tf.io.TFRecordWriter(str(FOLDER / "sequence.tfrecord")) as w:
    for i in range(4):
        w.write(sequence(i).SerializeToString(deterministic=True))
with tf.io.TFRecordWriter(str(FOLDER / "strings.tfrecord")) as w:
    for text in (b"", b"first", bytes(range(256)) * 5):
        w.write(text)
