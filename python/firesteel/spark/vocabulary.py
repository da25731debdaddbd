"""vocabulary - which words the columns of categories hold, counted by one Spark aggregation."""
from __future__ import annotations

from typing import Any, Sequence

from pyspark.ml.functions import vector_to_array
from pyspark.sql import Window
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StructField

from .._lookups import FIRST, Lookup, Lookups
from . import schema
from .fit import collect, column


def count(df: Any, fields: Sequence[StructField], min_frequency: int, most: int) -> dict[str, list[Any]]:
    """The words of each column that are there at least min_frequency times, the most frequent first and of equally frequent ones the last in the
    alphabet first; as many as leave room for the missing and the unknown among `most` indices."""
    def words(i: int, f: StructField) -> Any:
        c = column(f.name)
        if isinstance(f.dataType, ArrayType):
            return F.coalesce(F.transform(c, lambda word: F.struct(F.lit(i).alias("place"), word.cast("string").alias("word"))),
                              F.array().cast("array<struct<place:int,word:string>>"))
        return F.array(F.struct(F.lit(i).alias("place"), c.cast("string").alias("word")))

    one = F.explode(F.concat(*[words(i, f) for i, f in enumerate(fields)])).alias("it")
    counted = df.select(one).select("it.place", "it.word").groupBy("place", "word").count().where((F.col("count") >= min_frequency) & (F.col("word") != ""))
    order = Window.partitionBy("place").orderBy(F.desc("count"), F.desc("word"))
    ranked = counted.withColumn("rank", F.row_number().over(order)).where(F.col("rank") <= most - FIRST).orderBy("place", "rank").select("place", "word")
    rows = collect(df, lambda: ranked.collect(), "counting the words of categoricalCols")
    found: dict[str, list[Any]] = {f.name: [] for f in fields}
    for row in rows:
        f = fields[row["place"]]
        found[f.name].append(int(row["word"]) if schema.holds_whole_numbers(f.dataType) else row["word"])
    return found


def lookups(words: dict[str, list[Any]], features: Sequence[str]) -> Lookups:
    """The vocabularies of those of the features that have one, each at all its places."""
    return Lookups([Lookup(name, [i for i, f in enumerate(features) if f == name], known) for name, known in words.items()])


def width(df: Any, fields: Sequence[StructField]) -> int:
    """Numbers per row of columns of numbers: as the schema tells, else by one small job."""
    known = schema.width(fields)
    if known is not None:
        return known
    sizes = []
    for f in fields:
        c = column(f.name)
        if schema.is_vector(f.dataType):
            c = vector_to_array(c)
        sizes.append(F.max(F.size(c)) if schema.is_vector(f.dataType) or schema.is_list(f.dataType) else F.max(F.lit(1)))
    row = collect(df, lambda: df.select(*[size.alias(f"size{i}") for i, size in enumerate(sizes)]).collect(), "looking at the features")[0]
    return sum(max(0, size or 0) for size in row)
