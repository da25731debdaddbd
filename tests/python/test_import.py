"""What `import firesteel` costs: nothing heavy is loaded before it is needed."""
import json
import subprocess
import sys

import pytest

CODE = """
import json, sys, time, numpy
modules, cpu = set(sys.modules), time.process_time()
import firesteel
cpu = time.process_time() - cpu
new = set(sys.modules) - modules
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({"new": sorted(new), "cpu": cpu, "mb": int(status["VmHWM"].split()[0]) / 1024}))
"""


@pytest.mark.slow  # sanitizers weigh more
def test_import_is_light():
    runs = [json.loads(subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout) for _ in range(3)]
    new = set(runs[0]["new"])
    heavy = {"pyarrow", "pandas", "rich", "pyspark", "onnx", "onnxruntime", "IPython", "matplotlib", "firesteel.report", "firesteel.spark"}
    assert not new & heavy, new & heavy
    assert min(run["cpu"] for run in runs) < 0.25, "the budget is 0.05 on a quiet machine; bench/ measures it"
    assert min(run["mb"] for run in runs) < 90


@pytest.mark.slow  # needs the command beside the package
def test_the_command_is_found():
    done = subprocess.run([sys.executable, "-m", "firesteel", "explain", "FS2004"], capture_output=True, text=True)
    assert done.returncode == 0 and "NaN or infinity" in done.stdout, done.stderr
