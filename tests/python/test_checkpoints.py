"""checkpoints - a training of several ranks goes on where an attempt before it broke off, to the bit; without Spark, ranks are threads."""
import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from test_executor import Meeting, job, parts_of, recipe, run_ranks, table, weights

import firesteel as fire
from firesteel.executor import checkpoints, failure
from firesteel.executor.checkpoints import Checkpoints

NET = recipe("float32")


def settings(folder, **more):
    return dict(net=NET, optimizer="Adam learning_rate=0.01", epochs=6, checkpoint_dir=str(folder), run="a", **more)


def train(folder, workers=2, how="even", **more):
    x, y = table()
    return run_ranks(parts_of(x, y, workers, how), job(workers, **{**settings(folder), **more}))


def broken_off(folder, monkeypatch, epochs=3, steps=0, **more):
    """An attempt in which rank 0 fails once it has written the checkpoint after `epochs` epochs and `steps` steps."""
    save = Checkpoints.save

    def fails(self, net, epoch, step, history):
        save(self, net, epoch, step, history)
        if (epoch, step) == (epochs, steps):
            if self._sender is not None:
                self._sender.end()
            raise OSError("the disk is on fire")

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", fails)
        with pytest.raises(failure.TaskError, match="on fire"):
            train(folder, **more)


def kept(attempt):
    return sorted(p.name for p in attempt.glob("checkpoint-*"))


def manifest(attempt):
    return json.loads((attempt / kept(attempt)[-1] / "manifest.json").read_text())


def names(folder):
    return sorted(p.name for p in folder.glob("attempt-*"))


@pytest.fixture(scope="module")
def whole():
    x, y = table()
    result, model = run_ranks(parts_of(x, y, 2, "even"), job(2, net=NET, optimizer="Adam learning_rate=0.01", epochs=6))
    return result["history"], [w.tobytes() for w in weights(model)]


@pytest.mark.parametrize("how, at, more", [("even", (3, 0), {}), ("skew", (3, 0), {}), ("even", (3, 0), {"run": "b"}), ("even", (2, 0), {"checkpoint_epochs": 2}),
                                           ("even", (0, 4), {"checkpoint_steps": 4}), ("skew", (2, 6), {"checkpoint_steps": 4, "checkpoint_epochs": 9, "run": "b"})])
def test_it_goes_on_to_the_same_bits(tmp_path, monkeypatch, whole, how, at, more):
    broken_off(tmp_path, monkeypatch, *at, **more)
    result, model = train(tmp_path, how=how, **{**more, "run": "a"})
    assert (result["first_epoch"], result["first_step"]) == at
    assert result["report"]["epochs_run"] == 6
    assert result["history"] == whole[0] and [w.tobytes() for w in weights(model)] == whole[1]
    assert names(tmp_path) == ["attempt-000001", "attempt-000002"] and (tmp_path / "attempt-000002/finished").exists()
    assert manifest(tmp_path / "attempt-000002")["epoch"] == 6
    again, _ = train(tmp_path)  # that training is over: this is a new one
    assert (again["first_epoch"], again["first_step"]) == (0, 0)


def test_the_last_few_are_kept(tmp_path):
    train(tmp_path, checkpoint_steps=4, checkpoint_keep=3)
    assert kept(tmp_path / "attempt-000001") == ["checkpoint-000005-00000001", "checkpoint-000005-00000005", "checkpoint-000006-00000000"]
    train(tmp_path / "steps", checkpoint_steps=14, checkpoint_epochs=9, checkpoint_keep=9)  # each at the end of an epoch of 7 steps
    assert kept(tmp_path / "steps/attempt-000001") == [f"checkpoint-{epochs:06d}-00000000" for epochs in (2, 4, 6)]
    train(tmp_path, checkpoint_epochs=4)
    assert kept(tmp_path / "attempt-000002") == ["checkpoint-000006-00000000"]
    assert fire.load(tmp_path / "attempt-000001/checkpoint-000005-00000005").get_weights()


def test_in_a_store(monkeypatch, whole):
    """Anything that fsspec opens; here its file system in memory, which ranks that are threads share."""
    memory = pytest.importorskip("fsspec").filesystem("memory")
    broken_off("memory://some/where", monkeypatch, 1, 5, checkpoint_steps=4)
    first = [p for p in memory.find("/some/where") if "attempt-000001/checkpoint" in p]
    assert {p.rsplit("/", 1)[1] for p in first} == {"history.json", "model.onnx", "state.safetensors", "manifest.json"}
    result, model = train("memory://some/where", checkpoint_steps=4, checkpoint_keep=2)
    assert (result["first_epoch"], result["first_step"]) == (1, 5)
    assert result["history"] == whole[0] and [w.tobytes() for w in weights(model)] == whole[1]
    files = memory.find("/some/where/attempt-000002")
    assert any(p.endswith("/finished") for p in files) and sum(p.endswith("checkpoint-000006-00000000/manifest.json") for p in files) == 1
    assert checkpoints.last_model("memory://some/where", job(2, net=NET, run="a"))[2:] == (6, 0)
    memory.rm("/some", recursive=True)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.Store, "read", lambda self, *parts: 1 // 0)  # stores fail in words of their own
        with pytest.raises(failure.TaskError, match="FS5001.*checkpointDir='memory://some/where': .*division"):
            train("memory://some/where")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(failure.TaskError, match="FS1005.*needs the Python package fsspec"):
        train("memory://some/where")


def test_a_slow_store_does_not_hold_up_training(monkeypatch):
    """While one is copied, those in between are left out; the last arrives before the training says that it has finished."""
    memory = pytest.importorskip("fsspec").filesystem("memory")
    write, gate = checkpoints.Store.write, threading.Event()

    def slow(self, content, *parts):
        if parts[-1] == "model.onnx":
            gate.wait(20)
        write(self, content, *parts)

    monkeypatch.setattr(checkpoints.Store, "write", slow)
    end = Checkpoints.finish
    monkeypatch.setattr(Checkpoints, "finish", lambda self: (gate.set(), end(self)))
    result, _ = train("memory://slow", checkpoint_keep=9)
    files = [p for p in memory.find("/slow") if p.endswith("manifest.json")]
    assert result["report"]["epochs_run"] == 6 and len(files) <= 3 and "checkpoint-000006-00000000" in files[-1]
    memory.rm("/slow", recursive=True)


def test_an_older_attempt_writes_no_more(tmp_path, monkeypatch):
    """While attempt 1 trains, attempt 2 takes the folder over: 1 fails at its next checkpoint, and leaves everything as it is."""
    save, seen = Checkpoints.save, {}

    def taken_over(self, net, epoch, step, history):
        if self.job.attempt == 1 and epoch == 2:
            seen["second"] = Checkpoints(dataclasses.replace(self.job, attempt=2))
            seen["before"] = sorted(str(p) for p in tmp_path.rglob("*"))
        save(self, net, epoch, step, history)

    monkeypatch.setattr(Checkpoints, "save", taken_over)
    with pytest.raises(failure.TaskError, match="has taken this folder over"):
        train(tmp_path)
    assert sorted(str(p) for p in tmp_path.rglob("*")) == seen["before"]
    assert seen["second"].epoch == 1
    with pytest.raises(failure.TaskError, match="has taken this folder over"):  # nor may it begin late
        Checkpoints(job(2, net=NET, checkpoint_dir=str(tmp_path), run="a", attempt=1))
    assert train(tmp_path, attempt=3)[0]["first_epoch"] == 1


def late_task(rank, given, before="lambda text: [text]"):
    """A process that is one task of an attempt, and prints how it ended."""
    return subprocess.Popen([sys.executable, "-c", f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_checkpoints import NET
from test_executor import batches, failure, job, table, train
try:
    for _ in train(batches(*table()), job(**{given!r}, net=NET), {before}, rank={rank}, host="127.0.0.1"):
        pass
    print("it trained on")
except failure.TaskError as error:
    print(error)
"""], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_task_that_was_stopped_and_wakes_up_late_writes_no_more(tmp_path):
    """SIGSTOP of a process that trains, another attempt that goes on from its checkpoint and ends, SIGCONT."""
    given = {k: v for k, v in settings(tmp_path, workers=1).items() if k != "net"}
    with late_task(0, {**given, "epochs": 10_000_000}) as late:
        while not any(tmp_path.glob("attempt-000001/checkpoint-*/manifest.json")):
            assert late.poll() is None
            time.sleep(0.01)
        late.send_signal(signal.SIGSTOP)
        os.waitpid(late.pid, os.WUNTRACED)
        reached = checkpoints.checkpoints_of(checkpoints.place(str(tmp_path)), "attempt-000001")[-1].epoch
        result, _ = train(tmp_path, workers=1, attempt=2, epochs=reached + 3)
        assert 0 < result["first_epoch"] <= reached and result["report"]["epochs_run"] == reached + 3
        mine = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file() and "attempt-000001" not in p.parts}
        late.send_signal(signal.SIGCONT)
        assert "has taken this folder over" in late.stdout.read()
    assert mine == {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file() and "attempt-000001" not in p.parts}


def test_a_task_that_was_stopped_and_wakes_up_late_meets_nobody(whole):
    """SIGSTOP before the ranks meet; when it goes on, it finds a later attempt behind the addresses."""
    given = dict(workers=2, optimizer="Adam learning_rate=0.01", epochs=6)
    with late_task(1, given, "lambda text: (os.kill(os.getpid(), signal.SIGSTOP), sys.stdin.readline().split())[1]") as late:
        os.waitpid(late.pid, os.WUNTRACED)  # it has stopped itself
        said = []

        class First(Meeting):
            """Rank 0 has gone on to wait for rank 1 when the late one knocks."""

            def of(self, rank):
                def all_gather(text):
                    addresses = Meeting.of(self, rank)(text)
                    if rank == 1:
                        late.send_signal(signal.SIGCONT)
                        said.append(late.communicate(f"{addresses[0]} 127.0.0.1:1\n", 60)[0])
                    return addresses
                return all_gather

        x, y = table()
        result, model = run_ranks(parts_of(x, y, 2, "even"), job(**given, net=NET, secret=bytes(16), attempt=2), First(2))
    assert "FS4" in said[0] and "127.0.0.1" in said[0]
    assert result["history"] == whole[0] and [w.tobytes() for w in weights(model)] == whole[1]


def test_several_attempts_and_workers(tmp_path, monkeypatch):
    for epochs in (1, 2, 3, 4, 5):
        broken_off(tmp_path, monkeypatch, epochs=epochs)
    result, _ = train(tmp_path, workers=3)
    assert result["first_epoch"] == 5 and len(result["history"]["loss"]) == 6
    assert names(tmp_path) == [f"attempt-00000{k}" for k in (4, 5, 6)]


@pytest.mark.parametrize("file", ["model.onnx", "state.safetensors", "manifest.json"])
def test_a_broken_checkpoint_is_passed_over_and_told(tmp_path, monkeypatch, file):
    broken_off(tmp_path, monkeypatch, epochs=4, checkpoint_keep=2)
    path = tmp_path / "attempt-000001/checkpoint-000004-00000000" / file
    path.write_bytes(path.read_bytes()[:-7])
    result, _ = train(tmp_path)
    assert result["first_epoch"] == 3 and len(result["history"]["loss"]) == 6
    assert len(result["passed_over"]) == 1 and result["passed_over"][0].startswith(f"attempt-000001/checkpoint-000004-00000000: {file}")


def test_a_disk_that_is_full(tmp_path, monkeypatch):
    """A file system that ends while the third checkpoint is written: the error says so, nothing half-written stays, and the second is there to go on from."""
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(tmp_path)], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    save, folder = Checkpoints.save, tmp_path / "c"

    def filled(self, net, epoch, step, history):
        if epoch == 3:
            with open(tmp_path / "filler", "wb", 0) as f, contextlib.suppress(OSError):
                for _ in range(1000):
                    f.write(bytes(4096))
            os.truncate(tmp_path / "filler", (tmp_path / "filler").stat().st_size - 8192)  # room for the beginning of one
        save(self, net, epoch, step, history)

    try:
        with monkeypatch.context() as patch:
            patch.setattr(Checkpoints, "save", filled)
            with pytest.raises(failure.TaskError, match="FS5001.*No space left on device; make room"):
                train(folder)
        assert kept(folder / "attempt-000001") == ["checkpoint-000002-00000000"] and manifest(folder / "attempt-000001")["epoch"] == 2
        os.unlink(tmp_path / "filler")
        assert train(folder)[0]["first_epoch"] == 2
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)])


def test_another_training_is_not_gone_on_with(tmp_path, monkeypatch):
    broken_off(tmp_path, monkeypatch)
    with pytest.raises(failure.TaskError, match="holds another training"):
        train(tmp_path, run="b", seed=8)
    assert train(tmp_path, run="b", seed=8, resume="never")[0]["first_epoch"] == 0
    broken_off(tmp_path / "own", monkeypatch, resume="never")
    assert train(tmp_path / "own", resume="never")[0]["first_epoch"] == 3  # its own attempts count
    assert train(tmp_path / "longer", epochs=2)[0]["first_epoch"] == 0


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(failure.TaskError, match="FS5001.*checkpointDir"):
        train(tmp_path / "file" / "below")
