"""Triggers: what the training loop does when they fire, alone and with several workers."""
import threading

import numpy as np
import pytest

import firesteel as fire
from firesteel import _core, errors
from firesteel.spark.triggers import EveryEpoch, MaxEpoch, MaxIteration, MaxScore, MinLoss, SeveralIteration


def trained(n_ranks=1, metrics="accuracy", epochs=4, **options):
    """Events of rank 0 and what fit gives: 160 rows, 32 of them for validation, 8 steps an epoch."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(160, 3)).astype(np.float32)
    y = (x.sum(1) > 0).astype(np.float32)
    events, out, failed, nets = [], [None] * n_ranks, [], []
    comms = [None] * n_ranks
    if n_ranks > 1:
        listening = [_core.listen(_core.Context(threads=1), "127.0.0.1") for _ in range(n_ranks)]
        comms = [c for c, _ in listening]

    def rank(r):
        try:
            if comms[r] is not None:
                comms[r].open(r, [a for _, a in listening], b"0123456789abcdef", 20.0)
            context = _core.Context(threads=1)
            net = _core.Network(context, 1)
            net.add("Input", "shape=[3]")
            net.add("Dense", "units=1 activation=sigmoid")
            net.compile("SGD learning_rate=0.5", "binary_crossentropy", metrics)
            data = _core.Dataset(context)
            data.add(x[r::n_ranks].copy(), y[r::n_ranks].copy(), None)
            data.split(0.2, 0, True)
            nets.append(net)

            def progress(event, epoch, epochs, step, steps, *more):
                if event:
                    events.append((("step", "epoch", "checkpoint", "validation")[event], epoch, step, more[3] is not None))
                return False
            out[r] = net.fit(data, epochs=epochs, batch_size=16, seed=1, comm=comms[r], progress=progress if r == 0 else None, **options)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=rank, args=(r,)) for r in range(n_ranks)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
        assert not t.is_alive()
    if failed:
        raise failed[0]
    return events, out[0]


def test_texts():
    assert (MaxEpoch(20) | MinLoss(0.05) & SeveralIteration(10)).text == "max_epoch=20 min_loss=0.05 several_iteration=10 and or"
    assert EveryEpoch() == EveryEpoch() and repr(MaxScore(1)) == "Trigger('max_score=1.0')"
    for kind, value in ((MaxEpoch, 0), (MaxIteration, 1.5), (SeveralIteration, "x"), (MinLoss, float("nan"))):
        with pytest.raises(errors.FiresteelError, match=f"FS1004: {kind.__name__}"):
            kind(value)


@pytest.mark.parametrize("ranks", [1, 2])
def test_when_things_happen(ranks):
    events, out = trained(ranks, validation_trigger=SeveralIteration(3).text, checkpoint_trigger=(SeveralIteration(5) & MaxIteration(6) | MaxEpoch(3)).text,
                          checkpoint_epochs=1, end_trigger=MaxIteration(20).text)
    assert [e[1:3] for e in events if e[0] == "validation"] == [(0, 3), (0, 6), (1, 1), (1, 4), (1, 7), (2, 2)]
    assert all(e[3] for e in events if e[0] == "validation")
    assert [e[1:] for e in events if e[0] == "epoch"] == [(0, 8, False), (1, 8, False), (2, 8, False)]
    # Steps 10, 15 and 20 of the training, and its end in the middle of the third epoch.
    assert [e[1:3] for e in events if e[0] == "checkpoint"] == [(1, 2), (1, 7), (2, 4), (2, 8)]
    assert out[0] == 3 and out[2] and out[3] == 20 and out[4] == 2 * 128 + 64  # epochs, stopped early, steps, rows


def test_without_a_trigger_nothing_changes():
    plain, out = trained(checkpoint_epochs=2)
    same, also = trained(checkpoint_epochs=2, validation_trigger=EveryEpoch().text, checkpoint_trigger=(EveryEpoch() & (SeveralIteration(16))).text)
    assert plain == same and out[:5] == also[:5] and [e[0] for e in plain].count("epoch") == 4 and all(e[3] for e in plain if e[0] == "epoch")


def test_ends_by_loss_and_by_score():
    _, out = trained(end_trigger=MinLoss(0.5).text, epochs=100)
    assert out[2] and 0 < out[3] < 800
    _, out = trained(end_trigger=(MaxScore(0.8) | MaxEpoch(90)).text, epochs=100)
    assert out[2] and out[0] < 90
    _, out = trained(end_trigger=(MinLoss(-1) & MaxEpoch(1)).text, epochs=3)
    assert not out[2] and out[0] == 3


@pytest.mark.parametrize("text, said", [
    ("max_epoch", "FS1001"), ("max_epoch=0", "FS1001.*whole number"), ("max_epoch=1.5", "FS1001"), ("min_loss=x", "FS1001"), ("every_epoch=1", "FS1001"),
    ("every_epoch and", "FS1001.*too few"), ("and", "FS1001"), ("every_epoch every_epoch", "FS1001.*joins"), ("maxEpoch=1", "FS1003.*max_epoch"), ("every_epoch " * 40, "FS1001"),
    ("min_loss=" + "1" * 80, "FS1001"), ("max_epoch=nan", "FS1001"), ("max_epoch=1e300", "FS1001")])
def test_texts_that_are_none(text, said):
    for name in ("end_trigger", "validation_trigger", "checkpoint_trigger"):
        with pytest.raises(errors.FiresteelError, match=said):
            trained(**{name: text})


def test_a_score_needs_a_metric():
    with pytest.raises(errors.FiresteelError, match="FS1001.*no metric"):
        trained(metrics=None, end_trigger="max_score=1")
