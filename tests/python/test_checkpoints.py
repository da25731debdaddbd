"""checkpoints - a training of several ranks goes on where an attempt before it broke off, to the bit; without Spark, ranks are threads."""
import json

import pytest
from test_executor import job, parts_of, recipe, run_ranks, table, weights

from firesteel.executor import failure
from firesteel.executor.checkpoints import Checkpoints

NET = recipe("float32")


def settings(folder, **more):
    return dict(net=NET, optimizer="Adam learning_rate=0.01", epochs=6, checkpoint_dir=str(folder), run="a", **more)


def train(folder, workers=2, how="even", **more):
    x, y = table()
    return run_ranks(parts_of(x, y, workers, how), job(workers, **{**settings(folder), **more}))


def broken_off(folder, monkeypatch, epochs=3, **more):
    """An attempt in which rank 0 fails as epoch `epochs` ends."""
    kept = Checkpoints.epoch_ended

    def fails(self, history):
        kept(self, history)
        if len(history["loss"]) == epochs:
            raise OSError("the disk is on fire")

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "epoch_ended", fails)
        with pytest.raises(failure.TaskError, match="on fire"):
            train(folder, **more)


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


@pytest.fixture(scope="module")
def whole():
    x, y = table()
    result, model = run_ranks(parts_of(x, y, 2, "even"), job(2, net=NET, optimizer="Adam learning_rate=0.01", epochs=6))
    return result["history"], [w.tobytes() for w in weights(model)]


@pytest.mark.parametrize("how, more", [("even", {}), ("skew", {}), ("even", {"run": "b"}), ("even", {"checkpoint_epochs": 2})])
def test_it_goes_on_to_the_same_bits(tmp_path, monkeypatch, whole, how, more):
    broken_off(tmp_path, monkeypatch, **more)
    result, model = train(tmp_path, how=how, **{**more, "run": "a"})
    assert result["first_epoch"] == (2 if "checkpoint_epochs" in more else 3)
    assert result["report"]["epochs_run"] == 6
    assert result["history"] == whole[0] and [w.tobytes() for w in weights(model)] == whole[1]
    attempts = sorted(tmp_path.iterdir())
    assert [a.name for a in attempts] == ["attempt-000001", "attempt-000002"] and (attempts[1] / "finished").exists()
    assert manifest(attempts[1])["epoch"] == 6
    again, _ = train(tmp_path)  # that training is over: this is a new one
    assert again["first_epoch"] == 0


def test_several_attempts_and_workers(tmp_path, monkeypatch):
    for epochs in (1, 2, 3, 4, 5):
        broken_off(tmp_path, monkeypatch, epochs=epochs)
    result, _ = train(tmp_path, workers=3)
    assert result["first_epoch"] == 5 and len(result["history"]["loss"]) == 6
    assert [a.name for a in sorted(tmp_path.iterdir())] == [f"attempt-00000{k}" for k in (4, 5, 6)]


def test_a_broken_checkpoint_is_passed_over(tmp_path, monkeypatch):
    broken_off(tmp_path, monkeypatch, epochs=2)
    broken_off(tmp_path, monkeypatch, epochs=4)
    (tmp_path / "attempt-000002" / "state.safetensors").write_bytes(b"rubbish")
    result, _ = train(tmp_path)
    assert result["first_epoch"] == 2 and len(result["history"]["loss"]) == 6


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
