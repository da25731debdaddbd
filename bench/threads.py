"""threads - two threads against one, by the wall clock, on a quiet machine and beside two busy loops: scaling, and no collapse."""
import subprocess
import sys

from peers import ONE_THREAD, OURS, measure


def rate(threads: int) -> float:
    return measure(OURS, "threads_worker.py", threads, 4, **ONE_THREAD)["rate"]


for busy in (0, 2):
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
    try:
        one = two = 0.0
        for _ in range(4):
            one, two = max(one, rate(1)), max(two, rate(2))
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
    print(f"{busy} busy loops beside it: 1 thread {one:,.0f}, 2 threads {two:,.0f} samples/s by the wall clock, {two / one:.2f} times")
