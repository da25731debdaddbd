"""Graphs of single TensorFlow operators, kept with the outputs that TensorFlow computed (tools/tensorflow_table --keep makes them)."""
import collections
import pathlib

import numpy as np
import pytest

import firesteel as fire

FILE = pathlib.Path(__file__).resolve().parent.parent / "tensorflow_files" / "operators.npz"


def kept():
    cases = collections.defaultdict(lambda: {"in": {}, "out": {}})
    with np.load(FILE) as z:
        for key in z.files:
            name, kind, rest = key.split("|")
            if kind == "graph":
                cases[name].update(graph=z[key].tobytes(), tol=float(rest))
            else:
                cases[name][kind][rest] = z[key]
    return cases


CASES = kept()


@pytest.mark.parametrize("first", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
def test_operators(first, tmp_path):
    for name, case in CASES.items():
        if name.split()[1][0] != first:
            continue
        path = tmp_path / "graph.pb"
        path.write_bytes(case["graph"])
        got = fire.load(path).run(case["in"])
        for key, want in case["out"].items():
            assert got[key].dtype == want.dtype, name
            np.testing.assert_allclose(got[key], want, rtol=case["tol"], atol=case["tol"], err_msg=name)


def test_all_are_there():
    assert len({name.split()[1] for name in CASES}) > 280


def load_and_run(tmp_path, name, feeds=None):
    case = next(c for n, c in CASES.items() if n.split()[1] == name)
    path = tmp_path / "graph.pb"
    path.write_bytes(case["graph"])
    return fire.load(path).run({**case["in"], **(feeds or {})})


# Numbers that an operator cannot take are refused by name, whatever the lift computes with them.
BAD = [("ReverseSequence", "in_seq_lengths", np.array([2, 99, 0], np.int32), "ReverseSequence"),
       ("InvertPermutation", "in_x", np.array([2, 0, 7, 3], np.int32), "permutation"), ("DynamicStitch", "in_indices_0", np.array([0, -2], np.int32), "DynamicStitch"),
       ("CropAndResize", "in_box_ind", np.array([0, 5, 1], np.int32), "CropAndResize")]


@pytest.mark.parametrize(("name", "feed", "value", "says"), BAD, ids=[b[0] for b in BAD])
def test_numbers_that_do_not_fit(name, feed, value, says, tmp_path):
    with pytest.raises(Exception, match=says):
        load_and_run(tmp_path, name, {feed: value})
