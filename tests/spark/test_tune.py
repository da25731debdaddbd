"""local[2]: a search whose trials are tasks; trials end with the bits of a fit with one worker."""
import math


import firesteel as fire
from bed import flower_table
from firesteel.spark import NNClassifier, tune

SESSION = {"master": "local[2]"}


def test_trials(spark):
    df = flower_table(spark).coalesce(1)
    net = fire.Sequential([fire.layers.Dense(8, "relu"), fire.layers.Dense(3, "softmax")])
    estimator = NNClassifier(net=net, featuresCol=list("abcd"), epochs=4, batchSize=16, seed=5, verbose=0, numWorkers=1)
    found = tune.Tuner(estimator, {"learningRate": [0.0001, 0.05, -1.0]}, method="grid", refit=False, verbose=0).fit(df)
    assert found.avgMetrics[1] < found.avgMetrics[0] and math.isnan(found.avgMetrics[2]) and found.bestTrial == 1 and found.bestMetric == found.avgMetrics[1]
    failed = found._rows[2]
    assert failed[1] == "failed" and "learningRate=-1.0" in failed[-1] and found._rows[0][-1] is None
    halved = tune.Tuner(estimator, {"learningRate": [0.001, 0.01, 0.05]}, method="halving", trials=3, minEpochs=2, eta=2, metric="val_accuracy", refit=False, verbose=0).fit(df)
    assert sorted((row[1], row[5]) for row in halved._rows) == [("done", 4), ("done", 4), ("stopped", 2)]
    models = dict(tune.fit_multiple(estimator, df, [{estimator.learningRate: 0.01}, {estimator.learningRate: 0.05}]))
    alone = estimator.copy({estimator.learningRate: 0.05}).fit(df)
    assert [w.tobytes() for w in models[1].network.get_weights()] == [w.tobytes() for w in alone.network.get_weights()]
