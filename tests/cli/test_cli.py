"""test_cli.py - help, version, catalog, explanations, exit codes, mistakes on the command line."""
import json
import re

import pytest
from tool import bad, good, run


def test_help_and_version():
    assert re.fullmatch(r"firesteel \d+\.\d+\.\d+\n", good("--version"))
    text = good("help")
    for command in "inspect", "score", "train", "ops", "explain", "explain-plan":
        assert command in text
        assert "usage: firesteel " + command in good("help", command)
        assert good("help", command) == good(command, "--help")
    assert "--epochs" in good("help", "train") and "example" in good("help", "train")


@pytest.mark.parametrize("args, says", [
    ([], "which command?"),
    (["scor"], "did you mean 'score'?"),
    (["help", "trian"], "did you mean 'train'?"),
    (["train", "--epoch", "3"], "did you mean '--epochs'?"),
    (["train", "--batchsize=3"], "did you mean '--batch-size'?"),
    (["train", "--epochs", "three"], "--epochs is 'three', expected a whole number"),
    (["train", "--epochs", "0"], "from 1 to"),
    (["train", "--epochs"], "--epochs needs a value"),
    (["train", "--quiet=1"], "--quiet takes no value"),
    (["train", "--validation-split", "1.5", "--net", "x"], "--validation-split is '1.5'"),
    (["train", "--invalid", "maybe"], "expected one of error|skip|keep"),
    (["train"], "--net or --from"),
    (["train", "--net", "Dense units=1"], "--csv and --label"),
    (["train", "--net", "Dense units=1", "--csv", "x.csv"], "needs --label"),
    (["train", "--net", "Dense units=1", "--images", "x"], "needs --labels"),
    (["score", "model.onnx"], "usage: firesteel score MODEL DATA"),
    (["score", "a", "b", "c"], "'c' is one argument too many"),
    (["score", "a", "b", "--separator", "xx"], "no such model"),
    (["explain", "FS9999"], "no error code 'FS9999'"),
    (["explain", "x\x1b[31m\n"], "no error code 'x\\x1B[31m\\x0A'"),
    (["ops", "Dens"], "did you mean 'Dense'?"),
    (["train", "--net", "Dense units=2 activation=rellu", "--csv", "x.csv", "--label", "y"], "tanh_shrink; did you mean 'relu'?"),
])
def test_mistakes(args, says):
    if says == "no such model":
        assert bad(5, *args).startswith("FS5001")
        return
    line = bad(1, *args)
    assert re.match(r"FS1\d\d\d: ", line) and says in line


def test_explain():
    for code in "FS2004", "2004", "fs2004":
        assert good("explain", code).startswith("FS2004: NaN or infinity in the data")
    listed = good("explain").splitlines()
    assert len(listed) > 25 and all(re.match(r"FS\d{4}  \S", line) for line in listed)


def test_ops():
    text = good("ops")
    for name in "Dense", "Adam", "SparseCategoricalCrossentropy", "GlorotUniform", "Gemm", "Softmax":
        assert re.search(rf"^  {name}\b", text, re.M), name
    entries = [json.loads(line) for line in good("ops", "--json").splitlines()]
    assert {"layer", "loss", "metric", "optimizer", "initializer", "operator"} <= {e["kind"] for e in entries}
    assert {e["kind"] for e in map(json.loads, good("ops", "--kind", "optimizer", "--json").splitlines())} == {"optimizer"}
    adam = good("ops", "adam")
    assert "learning_rate" in adam and "default 0.001" in adam
    assert "optimizer" not in good("ops", "mse")
    assert "|relu|" in good("ops", "Dense")  # the longest list of choices


def test_results_go_to_stdout_and_the_rest_to_stderr():
    code, out, err = run("train", "--net", "Dense")
    assert code == 1 and out == "" and err.count("\n") == 1
    code, out, err = run("ops")
    assert code == 0 and err == ""
