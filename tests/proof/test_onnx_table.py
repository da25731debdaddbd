"""All of ONNX's backend cases, and what docs/onnx.md says of them."""
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("version", [(), ("--onnx", "1.17")])
def test_table(version):
    done = subprocess.run([sys.executable, ROOT / "tools" / "onnx_table", "--check", *version], text=True, capture_output=True, timeout=3000)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
