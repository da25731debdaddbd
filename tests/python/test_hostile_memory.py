"""What hostile, cut and bent files of every format take: resident memory of at most four times the file plus 64 MiB, a minute of computing, and never a signal."""
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import test_hostile_onnx
import test_hostile_tensorflow
from test_hostile_tensorflow import bent

import firesteel as fire

HERE = Path(__file__).resolve().parent
pytestmark = pytest.mark.slow  # sanitizers weigh more


def judge(folder):
    sizes = {f.name: sum(g.stat().st_size for g in f.rglob("*") if g.is_file()) if f.is_dir() else f.stat().st_size for f in folder.iterdir()}
    assert len(sizes) > 5
    done = subprocess.run([sys.executable, "-W", "ignore", str(HERE / "hostile_child.py"), str(folder)], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(Path(fire.__file__).resolve().parents[1])])}, check=False)
    assert done.returncode == 0, done.stderr[-1000:]
    lines = [line.rsplit(" ", 2) for line in done.stdout.splitlines()]
    assert len(lines) == 2 * len(sizes)
    wrong = [f"{name}: {int(kibibytes)} KiB for {sizes[name]} bytes, status {status}" for name, kibibytes, status in lines
             if int(status) or int(kibibytes) * 1024 > 4 * sizes[name] + (64 << 20)]
    assert not wrong, "\n".join(wrong) + done.stderr[-1000:]


def spread(folder, name, content, count):
    for i, changed in enumerate(bent(content, count, 11)):
        (folder / f"{i:03d}{name}").write_bytes(changed)


def test_onnx(tmp_path):
    for i, (_, content, _) in enumerate(test_hostile_onnx.ALL):
        (tmp_path / f"{i:03d}.onnx").write_bytes(content)
    fire.Sequential([fire.Input((4,)), fire.layers.Dense(2000), fire.layers.Dense(300)]).save(tmp_path / "large.onnx")  # mapped
    spread(tmp_path, "large.onnx", (tmp_path / "large.onnx").read_bytes(), 6)
    judge(tmp_path)


def test_tensorflow(tmp_path):
    for i, (_, content, _) in enumerate(test_hostile_tensorflow.ALL):
        (tmp_path / f"{i:03d}.pb").write_bytes(content)
    files = test_hostile_tensorflow.FILES
    spread(tmp_path, "nest.pb", (files / "v2_nest.pb").read_bytes(), 8)
    for part in ("saved_model.pb", "variables/variables.index"):
        for i, changed in enumerate(bent((files / "layers_module" / part).read_bytes(), 6, 12)):
            shutil.copytree(files / "layers_module", tmp_path / f"{Path(part).stem}{i}")
            (tmp_path / f"{Path(part).stem}{i}" / part).write_bytes(changed)
    judge(tmp_path)


def test_keras(tmp_path):
    net = fire.Sequential([fire.Input((4, 3)), fire.layers.Conv1D(8, 2), fire.layers.GRU(5), fire.layers.Dense(2)])
    net.save(tmp_path / "m.keras")
    spread(tmp_path, ".keras", (tmp_path / "m.keras").read_bytes(), 10)
    config = '{"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "InputLayer", "config": {"batch_shape": [null, 9]}}, {"class_name": "Dense", "config": {"units": UNITS}}]}}'
    for i, units in enumerate(("1e18", "4611686018427387904", "-1", "[" * 5000, '"x"')):
        (tmp_path / f"{i}.json").write_text(config.replace("UNITS", units))
    judge(tmp_path)


def test_weights_and_records(tmp_path):
    net = fire.Sequential([fire.Input((4,)), fire.layers.Dense(3)])
    net.save_weights(tmp_path / "w.safetensors")
    spread(tmp_path, "w.safetensors", (tmp_path / "w.safetensors").read_bytes(), 10)
    for i, header in enumerate((b'{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,16]}}', b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,4611686018427387904]}}',
                                b"[" * 100000, b'{"a":' * 50000, b" " * 1000000)):
        (tmp_path / f"{i}.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))
    (tmp_path / "length.safetensors").write_bytes(struct.pack("<Q", 1 << 62) + b"{}")
    plain = HERE.parent / "tfrecord_files"
    for name in ("plain", "gzip", "zlib"):
        spread(tmp_path, f"{name}.tfrecord", (plain / f"{name}.tfrecord").read_bytes(), 6)
    (tmp_path / "length.tfrecord").write_bytes(struct.pack("<Q", 1 << 62) + bytes(20))
    judge(tmp_path)


def test_the_measure_measures():
    code = "import os, numpy as np\np = os.fork()\nif not p:\n    np.ones(20_000_000)\n    os._exit(0)\nprint(os.wait4(p, 0)[2].ru_maxrss)"
    done = subprocess.run([sys.executable, "-c", code], text=True, stdout=subprocess.PIPE, check=True)
    assert int(done.stdout) * 1024 > 160_000_000
