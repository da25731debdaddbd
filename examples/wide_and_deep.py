"""wide_and_deep [epochs] - a wide and deep network over columns of words and numbers, on Spark, as BigDL's examples had it.

Which of 7,000 collisions (Higgs) are of interest? Four of their measurements are cut into ranges, named by words, and two of them crossed. The wide part gives
each word a weight of its own (an Embedding of width 1) and learns by Ftrl; the deep part gives it a vector, joins those with all measurements and learns by
Adam. The words are the table's own: Spark counts them, and the model looks them up wherever it scores.
"""
import os
import sys
from pathlib import Path
from typing import Any

import firesteel as fire
from firesteel.spark import NNClassifier
from pyspark.ml.evaluation import BinaryClassificationEvaluator
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # workers run the same Python

FOLDER = Path(__file__).resolve().parent / "data" / "higgs"
CUT = ["_c1", "_c4", "_c6", "_c26"]  # whose ranges are words
WORDS, ROWS = [*(f"range{c}" for c in CUT), "crossed"], 64


def load(spark: SparkSession, part: str) -> Any:
    """The measurements, and the words made of them."""
    table = spark.read.csv(str(FOLDER / f"binary.{part}"), sep="\t", inferSchema=True)
    for c in CUT:
        low = F.floor(F.least(F.col(c), F.lit(3.0)) * 2) / 2
        table = table.withColumn(f"range{c}", F.when(F.col(c) != 0, F.concat(F.lit("from "), low.cast("string"))))
    return table.withColumn("crossed", F.concat_ws(" and ", "range_c4", "range_c26"))


def network() -> fire.Model:
    """One input for each column of words, and one for the numbers."""
    layers = fire.layers
    numbers = fire.Input((28,), name="numbers")
    words = [fire.Input((1,), name=name) for name in WORDS]
    wide = [layers.Flatten()(layers.Embedding(ROWS, 1, embeddings_initializer="zeros", name=f"wide_{name}")(word)) for name, word in zip(WORDS, words)]
    vectors = [layers.Flatten()(layers.Embedding(ROWS, 4)(word)) for word in words]
    deep = layers.Concatenate()([layers.Normalization()(numbers), *vectors])
    for units in (64, 32):
        deep = layers.Dense(units, activation="relu")(deep)
    return fire.Model([numbers, *words], layers.Activation("sigmoid", name="interest")(layers.Add()([*wide, layers.Dense(1)(deep)])))


def main(epochs: int, spark: Any = None) -> float:
    """Train on two workers; the area under the ROC curve over 500 others."""
    own = spark is None
    spark = spark or SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    train, test = load(spark, "train"), load(spark, "test")
    model = NNClassifier(net=network(), labelCol="_c0", inputCols={"numbers": train.columns[1:29], **{name: name for name in WORDS}}, categoricalCols=WORDS, minFrequency=10,
                         maxVocabulary=ROWS, loss="binary_crossentropy", optimizer={"": fire.optimizers.Adam(0.002), "wide_": fire.optimizers.Ftrl(0.1)},
                         epochs=epochs, batchSize=128, numWorkers=2, seed=1, verbose=0).fit(train)
    area = float(BinaryClassificationEvaluator(labelCol="_c0").evaluate(model.transform(test)))
    vocabulary = model.network.lookups["range_c26"].get_vocabulary()
    weights = model.network.get_layer("wide_range_c26").get_weights()[0][:len(vocabulary), 0]
    print("what the wide part thinks of the ranges of _c26:")
    for word, weight in zip(vocabulary, weights):
        print(f"  {word or 'missing':10} {weight:+.3f}")
    print(f"area under the curve over {test.count()} collisions that it never saw: {area:.3f}")
    if own:
        spark.stop()
    return area


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
