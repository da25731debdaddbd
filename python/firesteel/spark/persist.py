"""persist - estimators and models on any file system that Spark writes to, on classic and on Connect.

    PATH/metadata/   one line of JSON in the layout of spark.ml's DefaultParamsWriter, written last
    PATH/model/      Parquet of (part int, bytes binary): the pieces of one file; a model's ONNX file or a net's weights
"""
from __future__ import annotations

import hashlib
import json
import time
from typing import Any, Optional

from pyspark.ml.linalg import Vector
from pyspark.ml.util import MLReader, MLWriter

from ..executor.job import Recipe
from . import session
from .errors import cause, fail, spark_text

FORMAT = 1
PIECE = 8 << 20  # bytes in one row of Parquet
SAYS = "firesteel: saving or loading "  # of every job here, in the Spark UI


def class_name(instance: Any) -> str:
    return f"firesteel.spark.{type(instance).__name__}"


def _exists(spark: Any, path: str) -> bool:
    try:
        with session.described(spark, SAYS + path):
            spark.read.text(f"{path}/metadata").first()
        return True
    except Exception as error:
        if _missing(error):
            return False
        raise fail(5001, f"{path}: {cause(error)}", spark_text(error)) from None


def _missing(error: Exception) -> bool:
    return "PATH_NOT_FOUND" in spark_text(error) or "Path does not exist" in spark_text(error)


def _attempt(spark: Any, path: str, work: Any) -> Any:
    try:
        with session.described(spark, SAYS + path):
            return work()
    except Exception as error:
        text = spark_text(error)
        raise fail(5001, f"{path}: {cause(error)}", text) from None


def load_any(path: str) -> Any:
    """What is saved at path, whichever of this package's classes it is."""
    import firesteel.spark as package

    spark = session_of(None)
    text = _attempt(spark, path, lambda: spark.read.text(f"{path}/metadata").first())
    name = str(json.loads(text[0]).get("class", "")) if text else ""
    kind = getattr(package, name.rsplit(".", 1)[-1], None) if name else None
    if kind is None or not hasattr(kind, "load"):
        raise fail(5002, f"{path} holds {name or 'nothing that names its class'}, expected a model of firesteel")
    return kind.load(path)


def session_of(io: Any) -> Any:
    """The session that a reader or writer was given, or the active one, classic or Connect."""
    from pyspark.sql import SparkSession

    chosen = getattr(io, "_sparkSession", None)
    if chosen is not None:
        return chosen
    active: Any = SparkSession.getActiveSession()
    if active is None:
        try:
            from pyspark.sql.connect.session import SparkSession as Remote

            active = Remote.getActiveSession()
        except ImportError:
            active = None
    return active if active is not None else SparkSession.builder.getOrCreate()


class Writer(MLWriter):
    """write().overwrite().save(path). Unlike Spark's own writers for Python classes it needs neither a SparkContext nor a JVM."""

    def __init__(self, instance: Any, content: Optional[bytes], extra: dict[str, Any]):
        super().__init__()
        self._instance, self._content, self._extra = instance, content, extra

    def save(self, path: str) -> None:
        spark = session_of(self)
        if not self.shouldOverwrite and _exists(spark, path):
            raise fail(5001, f"{path} exists; write().overwrite().save(path) replaces it")
        metadata = self._metadata(spark)
        if self._content is not None:
            pieces = [(i, bytearray(self._content[at:at + PIECE])) for i, at in enumerate(range(0, len(self._content), PIECE))]
            frame = spark.createDataFrame(pieces, "part int, bytes binary").coalesce(1)
            _attempt(spark, path, lambda: frame.write.mode("overwrite").parquet(f"{path}/model"))
        text = spark.createDataFrame([(json.dumps(metadata, separators=(",", ":")),)], "value string").coalesce(1)
        _attempt(spark, path, lambda: text.write.mode("overwrite").text(f"{path}/metadata"))

    def _metadata(self, spark: Any) -> dict[str, Any]:
        me = self._instance

        def plain(values: dict[Any, Any]) -> dict[str, Any]:
            return {p.name: {"recipe": v.text} if isinstance(v, Recipe) else v.toArray().tolist() if isinstance(v, Vector) else v for p, v in values.items()
                    if not callable(v)}

        # Functions are not saved, for nothing from a file is run; their names are, so that who loads knows what to set again.
        functions = {**getattr(me, "_awaits", {}), **{p.name: f"{getattr(v, '__module__', '?')}.{getattr(v, '__qualname__', type(v).__name__)}" for p, v in me._paramMap.items() if callable(v)}}
        content = None if self._content is None else {
            "sha256": hashlib.sha256(self._content).hexdigest(), "bytes": len(self._content), "parts": -(-len(self._content) // PIECE)}
        return {"class": class_name(me), "timestamp": int(time.time() * 1000), "sparkVersion": spark.version, "uid": me.uid,
                "paramMap": plain(me._paramMap), "defaultParamMap": plain(me._defaultParamMap),
                "firesteel": {"format": FORMAT, "content": content, **({"functions": functions} if functions else {}), **self._extra}}


class Reader(MLReader):  # type: ignore[type-arg]
    """Class.load(path), and what Pipeline and CrossValidator call."""

    def __init__(self, cls: Any):
        super().__init__()
        self._cls = cls

    def load(self, path: str) -> Any:
        spark = session_of(self)
        metadata = self._read_metadata(spark, path)
        mine = metadata["firesteel"]
        content = self._read_content(spark, path, mine["content"]) if mine.get("content") else None
        instance = self._cls._from_saved(content, mine)
        instance._resetUid(metadata["uid"])
        known = {e.name for e in instance._entries()}
        instance._awaits = {str(name): str(was) for name, was in dict(mine.get("functions") or {}).items()}
        for section in ("defaultParamMap", "paramMap"):
            for name, value in metadata[section].items():
                if name not in known:
                    raise fail(5005, f"{path}: Param {name!r} is not known to this version of firesteel")
                if isinstance(value, dict) and "recipe" in value:
                    value = Recipe.parse(value["recipe"], content)
                if section == "paramMap":
                    instance._set(**{name: value})
                else:
                    instance._setDefault(**{name: value})
        return instance

    def _read_metadata(self, spark: Any, path: str) -> dict[str, Any]:
        try:
            with session.described(spark, SAYS + path):
                row = spark.read.text(f"{path}/metadata").first()
            metadata = json.loads(row[0])
        except Exception as error:
            if _missing(error):
                raise fail(5001, f"{path}: no saved model here, {path}/metadata does not exist") from None
            if isinstance(error, (ValueError, TypeError)):
                raise fail(5004, f"{path}/metadata is not the JSON of a saved model") from None
            raise fail(5001, f"{path}: {cause(error)}", spark_text(error)) from None
        if not isinstance(metadata, dict) or not {"class", "uid", "paramMap", "defaultParamMap"} <= set(metadata):
            raise fail(5004, f"{path}/metadata is not the JSON of a saved model")
        expected = f"firesteel.spark.{self._cls.__name__}"
        if metadata["class"] != expected:
            raise fail(5002, f"{path} holds a {metadata['class']}, expected {expected}")
        mine = metadata.get("firesteel")
        if not isinstance(mine, dict) or not isinstance(mine.get("format"), int):
            raise fail(5004, f"{path}/metadata lacks the part of firesteel")
        if mine["format"] > FORMAT:
            raise fail(5005, f"{path} was written in format {mine['format']}, this version reads up to {FORMAT}; update firesteel")
        return metadata

    def _read_content(self, spark: Any, path: str, expected: dict[str, Any]) -> bytes:
        try:
            with session.described(spark, SAYS + path):
                rows = spark.read.parquet(f"{path}/model").collect()
        except Exception as error:
            raise fail(5001, f"{path}/model cannot be read: {cause(error)}", spark_text(error)) from None
        pieces = sorted((int(r["part"]), bytes(r["bytes"])) for r in rows)
        content = b"".join(data for _, data in pieces)
        if len(pieces) != expected["parts"] or len(content) != expected["bytes"]:
            raise fail(5003, f"{path}/model holds {len(content)} bytes in {len(pieces)} parts, expected {expected['bytes']} in {expected['parts']}")
        if hashlib.sha256(content).hexdigest() != expected["sha256"]:
            raise fail(5004, f"{path}/model is not the file that was saved: its SHA-256 differs from the one in the metadata")
        return content
