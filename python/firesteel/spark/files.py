"""files - score_files: Parquet in, Parquet out, by tasks that read, score and write by themselves."""
from __future__ import annotations

import dataclasses
import hashlib
import os
import secrets
import urllib.parse
from typing import Any, Callable, Iterator, NamedTuple, Optional, Sequence

import pyarrow.fs
from pyspark.ml.linalg import VectorUDT
from pyspark.sql.types import StructField, StructType

from ..errors import FiresteelError
from ..executor.files import FileJob, Part, commit, open_uri
from . import schema, session
from .errors import fail, spark_text, translate
from .params import bad
from .transform import network_finder

CODECS = ("none", "snappy", "gzip", "brotli", "lz4", "zstd")
TASKS_PER_SLOT = 2  # so that slots are busy to the end


class Scores(NamedTuple):
    """A model, ready to score tables of one schema: its file, the columns that it reads, those that it makes, and the settings of how."""

    content: bytes
    features: list[str]
    fields: list[tuple[StructField, dict[str, Any]]]
    kind: str                  # "outputs": executor.score.Outputs, "program": executor.apply.Program
    settings: dict[str, Any]


def score_files(scores: Callable[[StructType], Scores], input: Any, output: str, columns: Optional[Sequence[str]] = None, mode: str = "error") -> Any:
    """Score Parquet files without a way through the JVM: Spark tasks read their row groups, score them and write Parquet. The numbers are those of
    transform, to the bit. Gives a DataFrame over the output.

    input    path of a file or folder, or a list of them, as for spark.read.parquet
    output   folder that is made; it appears when all has been written
    columns  those of the input that are written beside the scores; None: all
    mode     "error": the output must not be there; "overwrite": it is replaced
    """
    from .persist import session_of

    spark = session_of(None)
    paths: list[str] = [str(os.fspath(path)) for path in ([input] if isinstance(input, (str, os.PathLike)) else input)]
    if not paths:
        raise bad("input", input, "the path of Parquet files, or a list of them")
    if mode not in ("error", "overwrite"):
        raise bad("mode", mode, "'error' or 'overwrite'")
    try:
        with session.described(spark, f"firesteel: looking at {paths[0]}"):
            table = spark.read.parquet(*paths)
        fields, files = table.schema, sorted(table.inputFiles())
    except Exception as error:
        text = spark_text(error)
        missing = "PATH_NOT_FOUND" in text or "does not exist" in text
        raise fail(5001, f"{', '.join(paths)}: " + ("no such file or folder" if missing else text.strip().splitlines()[0][:300]), text) from None
    if not files:
        raise fail(2007, f"{', '.join(paths)} holds no Parquet file with rows")
    ready = scores(fields)
    keep = [f.name for f in fields.fields] if columns is None else [schema.field(fields, name, "columns").name for name in columns]
    kept = [f for f in fields.fields if f.name in keep]
    kept.sort(key=lambda f: keep.index(f.name))
    schema.free_outputs(StructType(kept), [("outputCols", f.name) for f, _ in ready.fields])
    made = [StructField(f.name, f.dataType, True, metadata or None) for f, metadata in ready.fields]
    codec = (session.setting(spark, "spark.sql.parquet.compression.codec", "snappy") or "snappy").lower()
    codec = {"uncompressed": "none", "lz4_raw": "lz4"}.get(codec, codec)
    job = FileJob(_parts(spark, files, fields), tuple(ready.features), tuple(keep), tuple(f.name for f in made),
                  tuple(f.name for f in made if isinstance(f.dataType, VectorUDT)), _uri(output, files[0]), secrets.token_hex(8), mode == "overwrite",
                  StructType([*kept, *made]).json(), codec if codec in CODECS else "snappy")
    _run(spark, job, ready)
    return spark.read.schema(StructType([*kept, *made])).parquet(output)  # given, so that no job looks for it


def _uri(output: str, like: str) -> str:
    """The output as a URI. A path without one lies where the input lies."""
    if not isinstance(output, (str, os.PathLike)) or not os.fspath(output).rstrip("/"):
        raise bad("output", output, "the path of a folder")
    text = os.fspath(output).rstrip("/")
    if "://" in text or text.startswith("file:"):
        return text
    if not text.startswith("/"):
        raise bad("output", output, "an absolute path or a URI")
    parts = urllib.parse.urlparse(like)
    return f"{parts.scheme}://{parts.netloc}{urllib.parse.quote(text)}" if parts.scheme else text


def _parts(spark: Any, files: list[str], table: StructType) -> tuple[Any, ...]:
    """Shares of files, enough to keep every slot busy."""
    shares = max(1, -(-TASKS_PER_SLOT * session.slots(spark) // len(files)))
    types = {f.name: f.dataType.simpleString() for f in table.fields}
    parts: list[tuple[Any, ...]] = []
    for file in files:
        folders = []
        for step in urllib.parse.urlparse(file).path.split("/")[:-1]:
            name, equals, value = step.partition("=")
            name, value = urllib.parse.unquote(name), urllib.parse.unquote(value)
            if equals and name in types:
                folders.append((name, None if value == "__HIVE_DEFAULT_PARTITION__" else value, types[name]))
        parts += [dataclasses.astuple(Part(file, share, shares, tuple(folders))) for share in range(shares)]
    return tuple(parts)


def _run(spark: Any, job: FileJob, ready: Scores) -> None:
    fields = {f.name: getattr(job, f.name) for f in dataclasses.fields(job)}
    find = network_finder(spark, hashlib.sha256(ready.content).hexdigest(), ready.content)
    task = _task(find, session.wheel_finder(), fields, ready.kind, ready.settings)
    with session.described(spark, f"firesteel: scoring files into {job.output}"):
        _run_jobs(spark, job, fields, task)


def _run_jobs(spark: Any, job: FileJob, fields: dict[str, Any], task: Callable[[Iterator[Any]], Iterator[Any]]) -> None:
    try:
        rows = spark.range(0, len(job.parts), 1, len(job.parts)).mapInArrow(task, "part long, name string, rows long").collect()
        names = {int(row["part"]): str(row["name"]) for row in rows}
        made = [names[k] for k in sorted(names) if names[k]]
        if not _committed_here(job, made):
            spark.range(0, 1, 1, 1).mapInArrow(_end(session.wheel_finder(), fields, made), "done boolean").collect()
    except BaseException as error:
        try:
            spark.range(0, 1, 1, 1).mapInArrow(_end(session.wheel_finder(), fields, None), "done boolean").collect()
        except Exception:
            pass  # the cluster may be gone; what is left is hidden from readers
        raise translate(error, (), "scoring files") from None if isinstance(error, Exception) else error


def _committed_here(job: FileJob, names: list[str]) -> bool:
    """Whether this process could name the output itself, which saves a job: it sees the files on its own disk, or on one that it shares with the executors."""
    system, staging = open_uri(job.staging)
    if not isinstance(system, pyarrow.fs.LocalFileSystem) or not names or not all(os.path.exists(f"{staging}/{name}") for name in names):
        return False
    try:
        commit(job, names)
    except (OSError, FiresteelError):
        return False  # another user's, or an output that somebody made meanwhile: the task tells
    return True


def _task(find: Callable[[], Any], find_wheel: Callable[[], None], fields: dict[str, Any], kind: str, settings: dict[str, Any]) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """What tasks run; it travels by value."""

    def run(batches: Iterator[Any]) -> Iterator[Any]:
        find_wheel()
        import pyarrow
        from firesteel.executor.files import FileJob, score_part

        job, net = FileJob(**fields), find()

        def score(arrays: Any) -> Any:
            if kind == "outputs":
                from firesteel.executor.score import Outputs, score_arrays

                return score_arrays(net, job.features, arrays, Outputs.of(settings), job.outputs)
            from firesteel.executor.apply import Program, apply_struct

            return apply_struct(net, Program(**settings), job.features, arrays, job.outputs)

        for batch in batches:
            for part in batch.column(0).to_pylist():
                name, rows = score_part(job, part, score)
                yield pyarrow.RecordBatch.from_arrays([pyarrow.array([part], pyarrow.int64()), pyarrow.array([name]), pyarrow.array([rows], pyarrow.int64())], names=["part", "name", "rows"])

    return run


def _end(find_wheel: Callable[[], None], fields: dict[str, Any], names: Optional[list[str]]) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """The last task: names the output, or, without names, removes what was written."""

    def run(batches: Iterator[Any]) -> Iterator[Any]:
        find_wheel()
        import pyarrow
        from firesteel.executor.files import FileJob, abandon, commit

        for batch in batches:
            if batch.num_rows:
                abandon(FileJob(**fields)) if names is None else commit(FileJob(**fields), names)
                yield pyarrow.RecordBatch.from_arrays([pyarrow.array([True])], names=["done"])

    return run
