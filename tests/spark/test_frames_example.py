"""examples/clusters.py on the Higgs data."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))


def test_clusters(capsys):
    import clusters

    errors = clusters.main(2)
    assert errors[1] < errors[0] and "cluster" in capsys.readouterr().out
