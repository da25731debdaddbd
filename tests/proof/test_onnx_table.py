"""All of ONNX's backend cases, and what docs/onnx.md says of them."""
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_table():
    done = subprocess.run([sys.executable, ROOT / "tools" / "onnx_table", "--check"], text=True, capture_output=True, timeout=3000)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
