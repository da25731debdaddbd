"""records - TFRecord files as a source and sink of DataFrames: spark.read.format("tfrecord"), df.write.format("tfrecord").

Examples become rows and rows examples in C, a batch at a time (formats/tfrecord.py); files, pieces of them and commits are executor/records.py's. docs/tfrecord.md lists
the options.
"""
from __future__ import annotations

import json
import uuid
from typing import Any, Iterator, Optional, Sequence

from pyspark.sql.datasource import DataSource, DataSourceArrowWriter, DataSourceReader, InputPartition, WriterCommitMessage

from . import session
from .errors import fail, translate

MODES = ("permissive", "dropmalformed", "failfast")
CORRUPT = "_corrupt_record"


def source() -> type[DataSource]:
    """The class that Spark is given. It travels by value, so that executors need not have firesteel installed when addWheel ships it."""
    find_wheel = session.wheel_finder()
    modes, corrupt = MODES, CORRUPT

    def wrong(message: str, code: int = 1001) -> Exception:
        from firesteel.errors import make

        return make(code, f"tfrecord: {message}")

    def paths_of(options: Any) -> list[str]:
        if options.get("paths"):
            return [str(path) for path in json.loads(options["paths"])]
        if not options.get("path"):
            raise wrong("no path; load(path) or save(path) gives one")
        return [str(options["path"])]

    def choice(options: Any, name: str, allowed: Sequence[str], default: str) -> str:
        value = str(options.get(name, default)).lower()
        if value not in allowed:
            raise wrong(f"{name}={value!r}; expected {', '.join(allowed)}")
        return value

    def number(options: Any, name: str, default: int) -> int:
        try:
            value = int(options.get(name, default))
        except ValueError:
            value = 0
        if value <= 0:
            raise wrong(f"{name}={options[name]!r}; expected a whole number above 0")
        return value

    def arrow(schema: Any) -> Any:
        """The Arrow schema of Spark's, if examples can hold all of its columns."""
        from pyspark.sql.pandas.types import to_arrow_schema

        for field in schema.fields:
            kind = field.dataType.simpleString()
            inside = kind[6:-1] if kind.startswith("array<") else kind
            inside = inside[6:-1] if inside.startswith("array<") else inside
            if inside not in ("bigint", "int", "smallint", "tinyint", "boolean", "float", "double", "string", "binary"):
                hint = "; pyspark.ml.functions.vector_to_array makes an array of a vector" if "type:tinyint" in kind or kind == "vector" else ""
                raise wrong(f"the column '{field.name}' is {kind[:80]}; an example holds whole numbers, floats, doubles, booleans, strings, binaries and arrays (of arrays) of them{hint}", 2002)
        return to_arrow_schema(schema)

    class Reader(DataSourceReader):
        def __init__(self, options: dict[str, str], schema: Any):
            self.options, self.arrow = options, arrow(schema)
            self.mode = choice(options, "mode", modes, "permissive")
            name = options.get("columnnameofcorruptrecord", corrupt)
            self.blame = name if name in schema.names else None
            if self.blame is not None and schema[name].dataType.simpleString() not in ("string", "binary"):
                raise wrong(f"the column {name!r} for corrupt records is {schema[name].dataType.simpleString()}; expected string (why) or binary (the record)", 2002)
            self.rows = number(options, "batchrows", 10_000)

        def partitions(self) -> list[InputPartition]:
            from firesteel.executor import records

            found = records.files(paths_of(self.options), self.options.get("pathglobfilter"))
            return [InputPartition(part) for part in records.partitions(found, number(self.options, "maxpartitionbytes", records.PART_BYTES))]

        def read(self, partition: InputPartition) -> Iterator[Any]:
            find_wheel()
            from firesteel.executor import records

            return records.read(partition.value or [], self.arrow, self.mode, self.blame, self.rows)

    class Writer(DataSourceArrowWriter):
        def __init__(self, options: dict[str, str], schema: Any, overwrite: bool):
            from firesteel.executor import records

            arrow(schema)
            (self.folder,) = paths_of(options)
            self.overwrite, self.job = overwrite, uuid.uuid4().hex
            self.compression = records.COMPRESSION[choice(options, "compression", tuple(records.COMPRESSION), str(options.get("codec", "none")).lower())]
            self.sequence = choice(options, "recordtype", ("example", "sequenceexample"), "example") == "sequenceexample"
            self.skip = False
            when = choice(options, "savemode", ("append", "overwrite", "error", "errorifexists", "ignore"), "append")
            if when.startswith(("error", "ignore")) and records.exists(self.folder):
                if when != "ignore":
                    raise wrong(f"{self.folder} exists; mode 'append', 'overwrite' or 'ignore' says what to do", 5001)
                self.skip = True

        def write(self, iterator: Iterator[Any]) -> WriterCommitMessage:
            find_wheel()
            from pyspark import TaskContext

            from firesteel.executor import records

            message, context = WriterCommitMessage(), TaskContext.get()
            part = context.partitionId() if context is not None else 0
            message.files = [] if self.skip else records.write(iterator, self.folder, self.job, part, self.compression, self.sequence)  # type: ignore[attr-defined]
            return message

        def commit(self, messages: list[Optional[WriterCommitMessage]]) -> None:
            from firesteel.executor import records

            if not self.skip:
                records.commit(self.folder, self.job, [name for m in messages if m is not None for name in getattr(m, "files")], self.overwrite)

        def abort(self, messages: list[Optional[WriterCommitMessage]]) -> None:
            from firesteel.executor import records

            records.abort(self.folder, self.job)

    class TFRecordSource(DataSource):
        @classmethod
        def name(cls) -> str:
            return "tfrecord"

        def _lower(self) -> dict[str, str]:
            return {str(name).lower(): value for name, value in self.options.items()}

        def schema(self) -> Any:
            from pyspark.sql.pandas.types import from_arrow_schema
            from pyspark.sql.types import StringType
            from firesteel.executor import records

            options = self._lower()
            mode = choice(options, "mode", modes, "permissive")
            paths = paths_of(options)
            found = [item for item in records.files(paths, options.get("pathglobfilter")) if item[1] > 0]
            if not found:
                raise wrong(f"{', '.join(paths)} has no file with records, from which columns could be told; give a schema", 2007)
            seen, malformed = records.look(found, number(options, "inferrecords", 10_000), mode)
            schema = from_arrow_schema(seen)
            name = options.get("columnnameofcorruptrecord", corrupt)
            if malformed and mode == "permissive" and name not in schema.names:
                schema.add(name, StringType())
            return schema

        def reader(self, schema: Any) -> DataSourceReader:
            return Reader(self._lower(), schema)

        def writer(self, schema: Any, overwrite: bool) -> DataSourceArrowWriter:
            return Writer(self._lower(), schema, overwrite)

    return TFRecordSource


def register(spark: Any) -> None:
    """Make format("tfrecord") known to a session. Where firesteel is installed for Spark's own Python, Spark finds it by itself (pyspark_firesteel.py)."""
    spark.dataSource.register(source())


def write_tfrecord(df: Any, path: str, mode: str = "error", **options: Any) -> None:
    """df.write.format("tfrecord") with all of Spark's save modes: "error", "append", "overwrite", "ignore". (For sources written in Python Spark itself takes append and overwrite only.)"""
    if mode not in ("append", "overwrite", "error", "errorifexists", "ignore"):
        raise fail(1001, f"write_tfrecord: mode={mode!r}; expected 'append', 'overwrite', 'error' or 'ignore'")
    register(df.sparkSession)
    writer = df.write.format("tfrecord").mode("overwrite" if mode == "overwrite" else "append").option("saveMode", mode)
    try:
        writer.options(**options).save(path)
    except Exception as error:
        raise translate(error, (), "writing TFRecord files") from None
