"""end_to_end - seconds from fit() to a model on local[2], the Spark application being up: 3 epochs of 784-256-128-10, Adam, batch 128,
2 workers, 60,000 rows; firesteel's NNClassifier against pyspark's TorchDistributor."""
from peers import OURS, THEIRS, in_turn, install

install("numpy", "torch", "pyspark==4.3.0", "pandas", "pyarrow")
best = in_turn(3, {"firesteel": (OURS, "end_to_end_worker.py", ("firesteel",), {}),
                   "TorchDistributor": (THEIRS, "end_to_end_worker.py", ("torch",), {"PYSPARK_PYTHON": str(THEIRS), "PYTHONPATH": ""})}, "per_second")
for name, got in best.items():
    print(f"{name:17} {1 / got['per_second']:6.1f} s (best of 3)")
