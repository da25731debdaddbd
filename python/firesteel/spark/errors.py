"""errors - Spark's 90 lines become one cause with a code; the whole text stays under .details.

The order of search in a failed job's text: the line that our own task planted (executor/failure.py), then what Spark itself says
about slots, dynamic allocation, killed workers and lost executors, then the last line of the Python traceback.
"""
from __future__ import annotations

import re
import shutil
from typing import Any, Optional, Sequence

from ..executor.failure import find

LINES = 12  # at most, of what a user sees
WIDTH = 300  # of a line taken over from somebody else's text


def fail(code: int, message: str, details: str = "", **more: Any) -> Exception:
    """The exception of firesteel.errors that belongs to a code, ready to be raised."""
    from ..errors import make

    error = make(code, shorten(message), details)
    for name, value in more.items():
        setattr(error, name, value)
    return error


def shorten(message: str) -> str:
    lines = [line if len(line) <= 4 * WIDTH else line[:4 * WIDTH] + " ..." for line in message.strip().splitlines()]
    return "\n".join(lines if len(lines) <= LINES - 2 else lines[:LINES - 3] + ["..."])


def spark_text(error: BaseException) -> str:
    """All that Spark says: classic errors keep the Java text apart from the message."""
    texts = [str(error)]
    java = getattr(error, "java_exception", None)
    if java is not None and "\tat " not in texts[0]:
        try:
            texts.append(str(java.toString()))
        except Exception:  # the gateway may be gone
            pass
    for name in ("desc", "_message", "message"):  # captured and Connect exceptions
        value = getattr(error, name, None)
        if isinstance(value, str) and value not in texts[0]:
            texts.append(value)
    stack = getattr(error, "_stacktrace", None) or getattr(error, "stackTrace", None)
    if isinstance(stack, str) and stack not in texts[0]:
        texts.append(stack)
    return "\n".join(texts)


_RANK = re.compile(r"barrier task ResultTask\(\d+, (\d+)\) finished unsuccessfully")
_LOST_TASK = re.compile(r"Lost task (\d+)\.\d+ in stage [\d.]+ \(TID \d+\) \(([^\s()]+)")
_EXECUTOR = re.compile(r"ExecutorLostFailure \(executor (\S+) exited[^)]*\)(?: Reason: (.*))?")
_PYTHON = re.compile(r"^(?:[A-Za-z_][\w.]*\.)?([A-Za-z_]\w*(?:Error|Exception|Interrupt|Exit|Warning)): (.*)$", re.M)
_MODULE = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")


def translate(error: BaseException, hosts: Sequence[str] = (), what: str = "training") -> Exception:
    """The exception to raise for a failed Spark job. hosts: the host of each rank, as far as the driver has heard."""
    text = spark_text(error)
    record = find(text)
    return _spark_own(text, hosts, what) if record is None else of_record(record, hosts, text)


def of_record(record: dict[str, Any], hosts: Sequence[str] = (), text: str = "") -> Exception:
    """The exception for what a task told."""
    code = int(record["code"][2:]) if re.fullmatch(r"FS\d{4}", record["code"]) else 4008
    where = _place(record.get("rank", -1), record.get("host") or "", hosts)
    message = str(record["message"])
    if where and where not in message and f"rank {record.get('rank')}" not in message:
        message = f"{message} (worker {where})" if "\n" not in message else f"worker {where}: {message}"
    return fail(code, message, text, rank=record.get("rank", -1), host=record.get("host") or "")


_VERSION = re.compile(r"Python in worker has different version: (.+?) than that in driver: (.+?), PySpark")
_PYTHON_OF_WORKERS = "they take the python3 of the PATH unless told otherwise: activate the environment, or set PYSPARK_PYTHON to its python, before the session starts"


def _no_module(module: str) -> str:
    found = _local_python()
    if found is not None:
        return f"Spark's workers run {found}, which cannot import {module}; {_PYTHON_OF_WORKERS}"
    return (f"the executors cannot import {module}; set PYSPARK_PYTHON to a Python that has it, install firesteel's wheel on them, or ship it: "
            "firesteel.spark.addWheel(spark, wheel), see docs/spark.md")


def _local_python() -> Optional[str]:
    """In local mode the Python that workers run, and None elsewhere."""
    try:
        from pyspark import SparkContext

        context = SparkContext._active_spark_context
        return None if context is None or not str(context.master).startswith("local") else shutil.which(str(context.pythonExec)) or str(context.pythonExec)
    except Exception:  # pyspark's client for Connect has no contexts
        return None


def _place(rank: int, host: str, hosts: Sequence[str]) -> str:
    if not isinstance(rank, int) or rank < 0:
        return f"on {host}" if host else ""
    if not host and rank < len(hosts):
        host = hosts[rank]
    return f"{rank} on {host}" if host else f"{rank}"


def _spark_own(text: str, hosts: Sequence[str], what: str) -> Exception:
    if "SPARK-24942" in text or "BarrierJobRunWithDynamicAllocation" in text:
        return fail(4002, "Spark refuses training under dynamic allocation; set spark.dynamicAllocation.enabled=false when the application starts", text)
    if "SPARK-24819" in text or "BarrierJobSlotsNumberCheckFailed" in text or "BarrierStageWithRDDChainPattern" in text and "slots" in text:
        return fail(4001, "numWorkers is larger than the cluster's free task slots; lower numWorkers or add cores", text)
    module = _MODULE.search(text)
    if module and module.group(1).split(".")[0] in ("firesteel", "numpy", "pyarrow", "pyspark"):
        return fail(4009, _no_module(module.group(1)), text)
    version = _VERSION.search(text)
    if version:
        return fail(4009, f"the workers run Python {version.group(1)}, the driver {version.group(2)}; {_PYTHON_OF_WORKERS}", text)
    rank, host = -1, ""
    found = _RANK.search(text)
    if found:
        rank = int(found.group(1))
    lost = _LOST_TASK.search(text)
    if lost:
        rank, host = (int(lost.group(1)) if rank < 0 else rank), lost.group(2)
    where = _place(rank, host, hosts)
    who = f"worker {where}" if where else "a worker"
    executor = _EXECUTOR.search(text)
    if executor:
        reason = (executor.group(2) or "").strip()[:WIDTH]
        return fail(4003, f"{who} was lost during {what}: executor {executor.group(1)} ended{': ' + reason if reason else ''}; look at its log, an out-of-memory kill is the usual cause",
                    text, rank=rank, host=host)
    if "Python worker exited unexpectedly" in text or "Python worker killed" in text or "java.io.EOFException" in text:
        return fail(4003, f"{who} was lost during {what}: its Python process was killed or crashed; an out-of-memory kill is the usual cause", text, rank=rank, host=host)
    if "SparkContext was shut down" in text or "SparkContext has been shutdown" in text or "cancelled because SparkContext" in text:
        return fail(4008, f"the Spark application ended during {what}", text)
    if "OPERATION_CANCELED" in text or re.search(r"[Jj]ob \d+ cancelled|cancelled (?:part of|because|as part)", text):
        return fail(1009, f"{what} was cancelled", text)
    python = _PYTHON.findall(text)
    python = [(kind, said) for kind, said in python if kind not in ("PythonException", "SparkException", "Py4JJavaError")]
    if python:
        kind, said = python[-1]
        return fail(4008, f"{who} failed during {what}: {kind}: {said[:WIDTH]}", text, rank=rank, host=host)
    return fail(4008, f"Spark ended {what}: {_first_line(text)}", text, rank=rank, host=host)


_CAUSE = re.compile(r"^Caused by: (?:[\w.$]+: )?(.+)$", re.M)


def cause(error: BaseException) -> str:
    """One line on why Spark could not do something: the innermost cause that it names."""
    text = spark_text(error)
    named = _CAUSE.findall(text)
    return str(named[-1])[:WIDTH] if named else _first_line(text)


def _first_line(text: str) -> str:
    for line in text.splitlines():
        line = line.strip().lstrip(": ")
        if line and not line.startswith(("An error occurred while calling", "at ")):
            return line[:WIDTH]
    return "no reason given"
