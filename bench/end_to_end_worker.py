"""end_to_end_worker PEER - time one fit after the Spark application is up and has run a job; prints 1 / seconds as JSON."""
import json
import sys
import time

import numpy as np
from pyspark.sql import SparkSession

spark = (SparkSession.builder.master("local[2]").config("spark.driver.memory", "4g").config("spark.ui.enabled", False)
         .config("spark.ui.showConsoleProgress", False).getOrCreate())
spark.sparkContext.setLogLevel("ERROR")
rows = 60_000
rng = np.random.default_rng(0)
x, y = rng.random((rows, 784), dtype=np.float32), rng.integers(0, 10, rows)
path = "/tmp/firesteel-bench-end-to-end"


def train_with_torch(path: str) -> dict[str, object]:
    """One of two processes under TorchDistributor; each reads its half of the rows from a file, since the distributor passes no data."""
    import os

    import numpy
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank, size = dist.get_rank(), dist.get_world_size()
    a, b = (torch.from_numpy(numpy.load(f"{path}-{part}.npy", mmap_mode="r")[rank::size].copy()) for part in "xy")
    net = torch.nn.Sequential(torch.nn.Linear(784, 256), torch.nn.ReLU(), torch.nn.Linear(256, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    parallel = torch.nn.parallel.DistributedDataParallel(net)
    optimizer, loss = torch.optim.Adam(net.parameters(), fused=True), torch.nn.CrossEntropyLoss()
    for _ in range(3):
        order = torch.randperm(len(a))
        for chosen in order.split(128 // size):
            optimizer.zero_grad(set_to_none=True)
            loss(parallel(a[chosen]), b[chosen]).backward()
            optimizer.step()
    dist.destroy_process_group()
    return net.state_dict()


if sys.argv[1] == "firesteel":
    import pyarrow as pa
    import pyarrow.parquet as pq

    import firesteel as fire
    from firesteel.spark import NNClassifier

    pixels = pa.FixedSizeListArray.from_arrays(pa.array(x.reshape(-1)), 784).cast(pa.list_(pa.float32()))
    pq.write_table(pa.table({"features": pixels, "label": pa.array(y.astype(np.int32))}), path + ".parquet", row_group_size=15000)
    table = spark.read.parquet(path + ".parquet")
    table.count()
    net = fire.Sequential([fire.layers.Dense(256, activation="relu"), fire.layers.Dense(128, activation="relu"), fire.layers.Dense(10, activation="softmax")])
    begun = time.monotonic()
    NNClassifier(net=net, optimizer="adam", batchSize=128, epochs=3, numWorkers=2, seed=1, verbose=0).fit(table)
else:
    from pyspark.ml.torch.distributor import TorchDistributor

    np.save(path + "-x.npy", x)
    np.save(path + "-y.npy", y)
    spark.range(10).count()
    begun = time.monotonic()
    TorchDistributor(num_processes=2, local_mode=True, use_gpu=False).run(train_with_torch, path)
print(json.dumps({"per_second": 1 / (time.monotonic() - begun)}))
spark.stop()
