"""convnet - training convolutional networks on one thread: firesteel against Keras on TensorFlow and torch."""
import subprocess
import sys

from peers import ONE_THREAD, OURS, ROOT, THEIRS, in_turn, install

# Floating point operations of a sample, multiply and add counted apart; three convolutions per layer less the input gradient of the first.
MNIST = 2 * (2 * 26 * 26 * 32 * 9 + 3 * 11 * 11 * 64 * 288 + 3 * 1600 * 10)
RESNET18 = 2 * (3 * 555_422_720 - 32 * 32 * 64 * 27)
NETS = {"mnist": (MNIST, ("keras", "torch-last", "torch")), "resnet18": (RESNET18, ("torch-last", "keras"))}

install("numpy", "torch", "tensorflow-cpu", "keras")
peak = float(subprocess.run([ROOT / "build/bench/peak"], check=True, text=True, stdout=subprocess.PIPE).stdout.split()[0])
print(f"peak of one core, float32 fused multiply-add: {peak:.1f} GFLOP/s")
print(f"{'network':>10} {'':12} {'samples/CPU-s':>14} {'% of peak':>10} {'firesteel is':>13}")
for net in sys.argv[1:] or NETS:
    flops, peers = NETS[net]
    contestants = {"firesteel": (OURS, "convnet_worker.py", (net, "firesteel", 4), ONE_THREAD)}
    contestants |= {name: (THEIRS, "convnet_worker.py", (net, name, 4), ONE_THREAD) for name in peers}
    best = in_turn(3, contestants, "rate")
    for name, got in best.items():
        ratio = best["firesteel"]["rate"] / got["rate"]
        print(f"{net:>10} {name:12} {got['rate']:14,.1f} {100 * got['rate'] * flops / peak / 1e9:10.1f} {'' if name == 'firesteel' else f'{ratio:.2f} times':>13}", flush=True)
