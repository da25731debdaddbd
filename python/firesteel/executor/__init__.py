"""firesteel.executor - what runs inside Spark's tasks.

Plain functions over an iterator of Arrow record batches, a frozen description of the work and, for training, a callable that
exchanges one text with the other ranks. Nothing here imports pyspark, so all of it runs and is tested with lists and threads.
"""
from .job import Job, Recipe
from .score import Outputs, score_arrays
from .train import SCHEMA, answered, train

__all__ = ["Job", "Outputs", "Recipe", "SCHEMA", "answered", "score_arrays", "train"]
