"""recommender [epochs] - who would say which word? A recommender of users and items on Spark, by two towers and neural matrix factorization.

There are no ratings among the example data, so the users are Shakespeare's characters (tinyshakespeare), the items words, and a pair counts as liked when the
character says the word. Every pair that was never said is disliked; as many of them are drawn as there are liked ones. A tenth of the pairs is held out. The
baseline knows how popular a word is, and nothing of the character.
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

FILE = Path(__file__).resolve().parent / "data" / "tinyshakespeare" / "input.txt.gz"
USERS, ITEMS = 64, 1024


def pairs(spark: Any) -> Any:
    """(user, item, liked), of characters who speak much and words that several of them use."""
    blocks = spark.read.text(str(FILE), lineSep="\n\n").select(F.split("value", ":\n", 2).alias("block")).where(F.size("block") == 2)
    said = blocks.select(F.col("block")[0].alias("user"), F.explode(F.split(F.lower(F.col("block")[1]), "[^a-z]+")).alias("item")).where(F.length("item") > 3)
    users = said.groupBy("user").count().orderBy(F.desc("count"), "user").limit(USERS - 2).select("user")
    liked = said.join(F.broadcast(users), "user").groupBy("user", "item").count()
    items = liked.groupBy("item").count().where("count >= 4").orderBy(F.desc("count"), "item").limit(ITEMS - 2).select("item")
    every = users.crossJoin(items).join(liked, ["user", "item"], "left").select("user", "item", F.col("count").isNotNull().cast("double").alias("liked"))
    draw = F.pmod(F.xxhash64("user", "item"), F.lit(1000))
    return every.withColumn("draw", draw).where("liked = 1 or draw < 250").withColumn("held", F.pmod(F.xxhash64("item", "user"), F.lit(10)) == 0).drop("draw").cache()


def networks() -> dict[str, fire.Model]:
    """The two contestants: rows of the same shape in, a probability out."""
    layers = fire.layers
    user, item = fire.Input((1,), name="user"), fire.Input((1,), name="item")
    towers = [layers.Dense(16)(layers.Dense(32, activation="relu")(layers.Flatten()(layers.Embedding(rows, 16)(one)))) for one, rows in ((user, USERS), (item, ITEMS))]
    biases = [layers.Flatten()(layers.Embedding(rows, 1, embeddings_initializer="zeros")(one)) for one, rows in ((user, USERS), (item, ITEMS))]
    two = layers.Activation("sigmoid")(layers.Add()([layers.Dot(axes=1)(towers), *biases]))
    product = layers.Multiply()([layers.Flatten()(layers.Embedding(rows, 8)(one)) for one, rows in ((user, USERS), (item, ITEMS))])
    joined = layers.Concatenate()([layers.Flatten()(layers.Embedding(rows, 16)(one)) for one, rows in ((user, USERS), (item, ITEMS))])
    deep = layers.Dense(16, activation="relu")(layers.Dense(32, activation="relu")(joined))
    return {"two towers": fire.Model([user, item], two),
            "neural matrix factorization": fire.Model([user, item], layers.Dense(1, activation="sigmoid")(layers.Concatenate()([product, deep])))}


def main(epochs: int, spark: Any = None) -> dict[str, float]:
    """Train both; areas under the ROC curve over the pairs held out, and that of the baseline."""
    own = spark is None
    spark = spark or SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", 4).getOrCreate()
    table = pairs(spark)
    train, test = table.where("not held"), table.where("held")
    popular = train.groupBy("item").agg(F.avg("liked").alias("rawPrediction"))
    judge = BinaryClassificationEvaluator(labelCol="liked")
    areas = {"popularity": float(judge.evaluate(test.join(F.broadcast(popular), "item")))}
    for name, net in networks().items():
        model = NNClassifier(net=net, labelCol="liked", inputCols={"user": "user", "item": "item"}, categoricalCols=["user", "item"], maxVocabulary=ITEMS,
                             loss="binary_crossentropy", optimizer=fire.optimizers.Adam(0.005), epochs=epochs, batchSize=256, numWorkers=2, seed=1, verbose=0).fit(train)
        areas[name] = float(judge.evaluate(model.transform(test)))
    for name, area in areas.items():
        print(f"{name:28} {area:.3f}")
    liked = model.transform(spark.createDataFrame([("ROMEO", w) for w in ("love", "night", "crown", "army", "light")], "user string, item string"))
    liked.select("user", "item", "probability").show(truncate=False)
    if own:
        spark.stop()
    return areas


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
