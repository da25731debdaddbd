"""udf - models as functions of SQL."""
from __future__ import annotations

import dataclasses
import hashlib
import re
from typing import Any, Callable, Optional

import pyarrow
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, StructField, StructType

from ..executor import apply as applying
from ..executor import engine
from ..executor.apply import Program
from . import session
from .errors import fail
from .params import KINDS, bad
from .transform import network_finder, told_shortly
from .transformer import content_of, spark_type


def register_udf(spark: Any, name: str, model: Any, preprocessor: Optional[Callable[..., Any]] = None, outputMode: str = "auto", binaryType: str = "auto",
                 channelOrder: str = "RGB") -> Any:
    """Make a model a function of SQL: register_udf(spark, "price", model), then SELECT price(features) FROM t. Gives the function for DataFrames too.

    Arguments are numbers, arrays, vectors, structs, bytes or images: one argument for each input, in order; for a model with one input any number of
    arguments, joined; or one struct with fields named like the inputs, or like the columns that the model was trained on. A row with a null gives null.
    One output comes as a number or an array, nested by its shape, several as a struct of them; outputMode="array" makes numbers arrays of one.

    preprocessor is called on each batch with one numpy array [rows, ...] for each input (images as [rows, height, width, channels], or as a list of such where
    they differ in size) and gives one array for each; it travels to the workers with the function. `model` is what ModelTransformer takes.
    """
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise bad("name", name, "letters, digits and underscores, as SQL has them")
    if preprocessor is not None and not callable(preprocessor):
        raise bad("preprocessor", preprocessor, "a function of arrays")
    if outputMode not in ("auto", "array"):
        raise bad("outputMode", outputMode, "'auto' or 'array'; array_to_vector makes a vector of an array")
    if session.version(spark) < (4, 1):
        raise fail(1005, f"register_udf: Spark {spark.version} has no Arrow functions for SQL, 4.1 has; ModelTransformer works here")
    content = content_of(model)
    net = engine.load(content)
    gives = applying.ports(net, True)
    modes = tuple(outputMode for _ in gives)
    program = Program(None, modes, None, "null", KINDS["binarytype"]("binaryType", binaryType), KINDS["channels"]("channelOrder", channelOrder), name)
    names = [port.name for port in gives]
    kind: DataType = spark_type(gives[0], outputMode) if len(gives) == 1 else StructType([StructField(port.name, spark_type(port, outputMode)) for port in gives])
    find = network_finder(spark, hashlib.sha256(content).hexdigest(), content)
    function = getattr(F, "arrow_udf")(_function(find, dataclasses.asdict(program), names, preprocessor), kind)
    return spark.udf.register(name, function)


def _function(find: Callable[[], Any], fields: dict[str, Any], output_names: list[str], preprocessor: Optional[Callable[..., Any]]) -> Callable[..., Any]:
    """The function that tasks run on each batch of arguments; it travels by value."""

    def score(*arguments: Any) -> Any:
        net = find()
        import pyarrow
        from firesteel.executor.apply import Program, apply

        names = ["the argument"] if len(arguments) == 1 else [f"argument {k + 1}" for k in range(len(arguments))]
        made = apply(net, Program(**fields), names, arguments, preprocessor)
        if len(made) == 1:
            return made[0]
        return pyarrow.StructArray.from_arrays(made, names=output_names, mask=made[0].is_null() if made[0].null_count else None)

    run = told_shortly(score)
    run.__annotations__ = {"given": pyarrow.Array, "return": pyarrow.Array}
    return run
