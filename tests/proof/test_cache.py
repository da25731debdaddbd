"""A table 20 times what a worker may hold: flat memory, and at least 70 % of the rate in memory, for the network of hiddenLayers=[256, 128] on rows of 784 numbers."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
from cached_worker import WIDTH, run  # noqa: E402


def test_twenty_times_the_memory(tmp_path):
    limit = 32 << 20
    rows = 2 * 20 * limit // (WIDTH * 4)  # of two workers, 640 MiB each
    spent = {}
    for cache in ("memory", "disk"):
        both = [run(str(tmp_path), rows=rows, cache=cache, memory=limit, epochs=e, hidden=256) for e in (1, 3)]
        spent[cache] = (sum(w["cpu"] for w in both[1]) - sum(w["cpu"] for w in both[0])) / 2  # of an epoch, CPU seconds of both workers
        print(f"{cache}: {spent[cache]:.2f} CPU s an epoch, at most {max(w['most'] for w in both[1]) >> 20} MiB more resident, {max(w['anonymous'] for w in both[1]) >> 20} of them not of files")
        if cache == "disk":
            assert max(w["most"] for w in both[0] + both[1]) < 4 * limit
            assert both[1][0]["model"] == model
        model = both[1][0]["model"]
    print(f"rate: {100 * spent['memory'] / spent['disk']:.0f} % of that in memory")
    assert spent["memory"] / spent["disk"] >= 0.7
