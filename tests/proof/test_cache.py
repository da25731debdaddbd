"""A table 20 times what a worker may hold: flat memory, the same bits, and at least 70 % of the rate in memory, for a small network in small steps and a larger one."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
from cached_worker import WIDTH, run  # noqa: E402


@pytest.mark.parametrize("hidden, batch", [("128", 32), ("256,128", 128)])
def test_twenty_times_the_memory(tmp_path, hidden, batch):
    limit = 16 << 20
    rows = 2 * 20 * limit // (WIDTH * 4)  # of two workers, 320 MiB each
    found = {}
    for cache in ("memory", "disk"):
        found[cache] = both = run(str(tmp_path), rows=rows, cache=cache, memory=limit, epochs=2, hidden=hidden, batch=batch)
        print(f"{hidden}: {cache}: {sum(w['cpu'] for w in both):.2f} CPU s, at most {max(w['most'] for w in both) >> 20} MiB more resident, {max(w['anonymous'] for w in both) >> 20} of them not of files")
    rate = sum(w["cpu"] for w in found["memory"]) / sum(w["cpu"] for w in found["disk"])
    print(f"{hidden}: rate: {100 * rate:.0f} % of that in memory")
    assert found["disk"][0]["model"] == found["memory"][0]["model"]
    assert max(w["most"] for w in found["disk"]) < 4 * limit
    assert rate >= 0.7
