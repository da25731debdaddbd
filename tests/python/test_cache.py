"""Rows on local disk: workers that hold a twentieth of their rows stay small, give the same model, and leave nothing behind."""
import os

import pytest

import firesteel as fire
from cached_worker import WIDTH, batches, run
from firesteel.executor import engine


def test_memory_is_flat_and_bits_are_the_same(tmp_path):
    rows = 51200
    share = rows // 2 * WIDTH * 4                     # of a worker: 80 MB, 20 times what it may hold
    disk = run(str(tmp_path), rows=rows, cache="disk", memory=share // 20)
    memory = run(str(tmp_path), rows=rows, cache="memory")
    assert disk[0]["model"] == memory[0]["model"] and disk[0]["loss"] == memory[0]["loss"]
    for d, m in zip(disk, memory):
        if "asan" in os.environ.get("LD_PRELOAD", ""):
            continue  # which keeps what was freed
        assert d["most"] < share * 0.5 < share < m["most"], (share, disk, memory)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "local_folder", lambda: str(tmp_path / "missing"))
    job = fire.executor.Job(version="", recipe=fire.executor.Recipe((("Dense", "units=1"),)).text, recipe_weights=None, features=("x",), labels=("y",), workers=1, secret=b"",
                            cache="disk", cache_memory=1 << 20)
    with pytest.raises(fire.FiresteelError) as caught:
        engine.read(batches(0, 1, 100), job)
    assert caught.value.code == "FS5001" and str(tmp_path / "missing") in str(caught.value) and "No such file or directory" in str(caught.value)


def test_where_rows_lie(tmp_path, monkeypatch):
    monkeypatch.setenv("SPARK_LOCAL_DIRS", f"/nowhere,{tmp_path}")
    assert engine.local_folder() == str(tmp_path)
    monkeypatch.delenv("SPARK_LOCAL_DIRS")
    assert os.path.isdir(engine.local_folder())
