"""lstm - training one LSTM or GRU and a softmax, Adam, one thread: firesteel against Keras on TensorFlow and torch."""
import subprocess
import sys

from peers import ONE_THREAD, OURS, ROOT, THEIRS, in_turn, install

seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3
install("numpy", "torch", "tensorflow-cpu", "keras")
peak = float(subprocess.run([ROOT / "build/bench/peak"], check=True, text=True, stdout=subprocess.PIPE).stdout.split()[0])
print(f"peak of one core, float32 fused multiply-add: {peak:.1f} GFLOP/s")
print(f"{'steps x features -> units (batch)':36} {'':12} {'samples/CPU-s':>14} {'% of peak':>10} {'firesteel is':>13}")
for layer, steps, features, units, batch in (("LSTM", 28, 28, 128, 128), ("GRU", 28, 28, 128, 128), ("LSTM", 64, 128, 128, 64)):
    gates = {"LSTM": 4, "GRU": 3}[layer]
    # Multiply and add count apart; forward and two gradients, less the gradient of the input.
    flops = 2 * steps * gates * units * (3 * (features + units) - features) + 2 * 3 * units * 10
    arguments = (layer, steps, features, units, batch, seconds)
    contestants = {"firesteel": (OURS, "lstm_worker.py", ("firesteel", *arguments), ONE_THREAD)}
    contestants |= {name: (THEIRS, "lstm_worker.py", (name, *arguments), ONE_THREAD) for name in ("keras", "torch")}
    best = in_turn(3, contestants, "rate")
    for name, got in best.items():
        ratio = best["firesteel"]["rate"] / got["rate"]
        what = f"{layer} {steps} x {features} -> {units} ({batch})" if name == "firesteel" else ""
        print(f"{what:36} {name:12} {got['rate']:14,.0f} {100 * got['rate'] * flops / peak / 1e9:10.1f} {'' if name == 'firesteel' else f'{ratio:.2f} times':>13}", flush=True)
