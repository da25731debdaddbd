"""inference - scoring one picture at a time with ResNet-50 and SqueezeNet 1.1 on one thread: firesteel against onnxruntime."""
import subprocess
import sys
import tempfile

from peers import ONE_THREAD, OURS, ROOT, THEIRS, in_turn, install

install("numpy", "onnx", "onnxruntime")
peak = float(subprocess.run([ROOT / "build/bench/peak"], check=True, text=True, stdout=subprocess.PIPE).stdout.split()[0])
print(f"peak of one core, float32 fused multiply-add: {peak:.1f} GFLOP/s")
print(f"{'network':>10} {'':12} {'pictures/CPU-s':>14} {'% of peak':>10} {'firesteel is':>13} {'apart by':>9}")
for net in sys.argv[1:] or ("resnet50", "squeezenet"):
    with tempfile.TemporaryDirectory() as folder:
        contestants = {"firesteel": (OURS, "inference_worker.py", (net, "firesteel", 4, folder), ONE_THREAD),
                       "onnxruntime": (THEIRS, "inference_worker.py", (net, "onnxruntime", 4, folder), ONE_THREAD)}
        best = in_turn(3, contestants, "rate")
    ours = best["firesteel"]
    for name, got in best.items():
        behind = "" if name == "firesteel" else f"{ours['rate'] / got['rate']:.2f} times"
        away = f"{got['away']:.1g}" if "away" in got else ""
        print(f"{net:>10} {name:12} {got['rate']:14,.2f} {100 * got['rate'] * ours['flops'] / peak / 1e9:10.1f} {behind:>13} {away:>9}", flush=True)
