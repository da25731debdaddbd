"""No estimator and no example brings rows of a table to the driver, and no Python runs for each row: read from the source. What does come back is listed,
with what it is."""
import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BRINGS = {"collect", "toPandas", "toLocalIterator", "toArrow", "take", "head", "tail", "first", "foreach", "foreachPartition", "iterrows", "itertuples"}
# (file, function) that may call one of BRINGS, and what comes back by it. Nothing else may, and none of these without need.
ALLOWED = {
    ("spark/fit.py", "look_at_labels"): "one row of counts", ("spark/fit.py", "label_width"): "one row: the least and the largest size",
    ("spark/fit.py", "_run_job"): "rank 0's model and report", ("spark/mllib.py", "_table"): "a confusion matrix",
    ("spark/mllib.py", "_peek"): "a saved model's metadata", ("spark/mllib.py", "_from_spark"): "the weights of a saved model",
    ("spark/mllib_regression.py", "_look"): "one row: count and variance", ("spark/mllib_regression.py", "_row"): "one row of sums",
    ("spark/persist.py", "_exists"): "a saved model's metadata", ("spark/persist.py", "load_any"): "a saved model's metadata",
    ("spark/persist.py", "_read_metadata"): "a saved model's metadata", ("spark/persist.py", "_read_content"): "a saved model's file",
    ("spark/session.py", "partitions"): "heads of lists of Spark's plan, in the JVM",
    ("examples/demo.py", "main"): "a confusion matrix",
}


def calls(path):
    """(function, name of what is called or handed on) for each attribute access in a file."""
    found = []

    def walk(node, function):
        for child in ast.iter_child_nodes(node):
            inside = child.name if isinstance(child, ast.FunctionDef) and not isinstance(node, ast.FunctionDef) else function
            if isinstance(child, ast.Attribute):
                found.append((inside, child.attr))
            walk(child, inside)

    walk(ast.parse(path.read_text()), "")
    return found


def sources():
    spark = {f"spark/{p.name}": p for p in (ROOT / "python/firesteel/spark").glob("*.py")}
    return {**spark, **{f"examples/{p.name}": p for p in (ROOT / "examples").glob("*.py") if "pyspark" in p.read_text()}}


def test_rows_stay_where_they_are():
    known = {(file, function) for file, path in sources().items() for function, name in calls(path) if name in BRINGS}
    mine = {key for key in known if key[0] in {file for file, _ in ALLOWED}}
    assert mine == set(ALLOWED), (mine - set(ALLOWED), set(ALLOWED) - mine)
    for file, path in sources().items():
        names = {name for _, name in calls(path)}
        assert not names & {"toPandas", "toLocalIterator", "iterrows", "itertuples"}, file
        assert "rdd" not in names or file == "spark/session.py", file


def test_no_python_for_each_row():
    """Spark calls Python once for a batch: no udf of rows."""
    for file, path in sources().items():
        used = {(function, name) for function, name in calls(path) if name in {"flatMap", "applyInPandas"}}
        assert not used and "F.udf(" not in path.read_text(), (file, used)
    for path in (ROOT / "python/firesteel/executor").glob("*.py"):
        assert not {"iterrows", "itertuples"} & {name for _, name in calls(path)}, path
