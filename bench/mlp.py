"""mlp - training 784-256-128-10, relu, Adam, one thread: firesteel against torch (default and fused Adam) and Keras on TensorFlow."""
import subprocess

from peers import ONE_THREAD, OURS, ROOT, THEIRS, in_turn, install

# Multiply and add count apart; three matmuls per layer (forward, two gradients) less the input gradient of the first.
FLOPS = 2 * (3 * (784 * 256 + 256 * 128 + 128 * 10) - 784 * 256)

install("numpy", "torch", "tensorflow-cpu", "keras")
peak = float(subprocess.run([ROOT / "build/bench/peak"], check=True, text=True, stdout=subprocess.PIPE).stdout.split()[0])
print(f"peak of one core, float32 fused multiply-add: {peak:.1f} GFLOP/s")
print(f"{'batch':>6} {'':14} {'samples/CPU-s':>14} {'% of peak':>10} {'firesteel is':>13}")
for batch in (32, 128, 1024):
    contestants = {"firesteel": (OURS, "mlp_worker.py", ("firesteel", batch, 3), ONE_THREAD)}
    contestants |= {name: (THEIRS, "mlp_worker.py", (name, batch, 3), ONE_THREAD) for name in ("torch-fused", "torch", "keras")}
    best = in_turn(3, contestants, "rate")
    for name, got in best.items():
        ratio = best["firesteel"]["rate"] / got["rate"]
        print(f"{batch:6d} {name:14} {got['rate']:14,.0f} {100 * got['rate'] * FLOPS / peak / 1e9:10.1f} {'' if name == 'firesteel' else f'{ratio:.2f} times':>13}", flush=True)
