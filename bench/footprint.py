"""footprint - what importing firesteel costs beyond numpy (CPU seconds, resident memory), and the size of the wheel."""
import json
import subprocess

from peers import OURS, ROOT

CODE = """
import json, resource, time
import numpy
t, m = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
{}
print(json.dumps([time.process_time() - t, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - m) / 1024]))
"""
best = [float("inf"), float("inf")]
for _ in range(7):
    got = json.loads(subprocess.run([OURS, "-c", CODE.format("import firesteel")], check=True, text=True, stdout=subprocess.PIPE).stdout)
    best = [min(a, b) for a, b in zip(best, got)]
print(f"import firesteel after numpy: {best[0]:.3f} CPU-s, {best[1]:.1f} MB more resident memory (best of 7)")
for wheel in sorted((ROOT / "dist").glob("*.whl")):
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB")
