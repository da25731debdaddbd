"""test_hosts.py - ranks on different hosts: a cable that is cut, and one that is mended in time."""
import pathlib
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import hosts  # noqa: E402

ROOT = pathlib.Path(__file__).parents[2]
LIBRARY = ROOT / "build" / "libfiresteel.so"

reason = hosts.why_not()
if reason:
    print("test_hosts.py: skipped:", reason)
pytestmark = [pytest.mark.skipif(bool(reason), reason=str(reason))]


def begin(h, count, deadline, ipv6=False):
    command = [sys.executable, str(ROOT / "tests" / "comm_rank.py"), str(LIBRARY)]
    ranks = [h.start(i, command + [h.address(i, ipv6), str(i), str(deadline)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for i in range(count)]
    addresses = " ".join(r.stdout.readline().strip() for r in ranks)
    for r in ranks:
        r.stdin.write(addresses + "\n")
        r.stdin.flush()
    for r in ranks:
        assert r.stdout.readline().startswith("step 0")
    return ranks


def verdict(rank):
    for line in rank.stdout:
        if line.startswith("FAILED"):
            _, status, seconds, message = line.split(None, 3)
            return int(status), float(seconds), message
    raise AssertionError("the rank ended without a word")


@pytest.mark.parametrize("ipv6", [False, True])
def test_cut(ipv6):
    """Both ends of a cut cable fail within the deadline and name each other; the third rank blames one of them."""
    with hosts.Hosts(3) as h:
        ranks = begin(h, 3, 3, ipv6)
        time.sleep(0.5)
        h.cut(2)
        started = time.monotonic()
        for i, rank in enumerate(ranks):
            status, seconds, message = verdict(rank)
            assert status == 4
            assert ("rank 2" if i < 2 else "rank 0") in message or ("rank 1" in message and i == 2)
            assert f"{h.address(2 if i < 2 else 0, ipv6)}" in message or i == 2
            assert seconds < 5, message
        assert time.monotonic() - started < 6


def test_mended():
    """A cut shorter than the deadline costs time, nothing else."""
    with hosts.Hosts(2) as h:
        ranks = begin(h, 2, 20)
        h.cut(1)
        time.sleep(1)
        h.mend(1)
        after = time.monotonic()
        while time.monotonic() - after < 0.5:
            assert ranks[0].stdout.readline().startswith("step")


def test_never_reached():
    """A rank behind a cut cable from the start: the others say that it did not connect."""
    with hosts.Hosts(2) as h:
        h.cut(1)
        command = [sys.executable, str(ROOT / "tests" / "comm_rank.py"), str(LIBRARY)]
        ranks = [h.start(i, command + [h.address(i), str(i), "2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for i in range(2)]
        addresses = " ".join(r.stdout.readline().strip() for r in ranks)
        for r in ranks:
            r.stdin.write(addresses + "\n")
            r.stdin.flush()
        for i, rank in enumerate(ranks):
            status, seconds, message = verdict(rank)
            assert status == 4 and f"rank {1 - i}" in message and seconds < 4, message
