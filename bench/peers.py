"""peers - an environment of their own for the systems that firesteel is measured against, and fair turns.

Speed is work per CPU-second: the machine may be busy with other things, and the process CPU clock does not see them. Each measurement is a
process of its own; peers take turns, and the best of several rounds counts.
"""
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS = ROOT / ".venv/bin/python"
THEIRS = ROOT / ".venv-bench/bin/python"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1",
              "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}


def install(*packages: str) -> None:
    """Make .venv-bench and install what is missing; several gigabytes for torch and TensorFlow."""
    if not THEIRS.exists():
        subprocess.run([sys.executable, "-m", "venv", THEIRS.parent.parent], check=True)
    have = subprocess.run([THEIRS, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"], check=True, text=True, stdout=subprocess.PIPE).stdout.lower()
    missing = [p for p in packages if f"\n{p.split('=')[0]}==" not in "\n" + have]
    if missing:
        print(f"installing {', '.join(missing)} into .venv-bench", flush=True)
        subprocess.run([THEIRS, "-m", "pip", "install", "-q", "--disable-pip-version-check", *missing], check=True)


def cpu_seconds(own: bool = True) -> float:
    """User and system time of this process (own) and of everything below it, ended children included: a JVM and its Python workers, for one."""
    parents, times = {}, {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents[int(entry)], times[int(entry)] = int(fields[1]), sum(int(fields[i]) for i in (11, 12, 13, 14))

    def below(pid: int) -> bool:
        while pid in parents and pid != os.getpid():
            pid = parents[pid]
        return pid == os.getpid()

    return sum(t for pid, t in times.items() if below(pid) and (own or pid != os.getpid())) / os.sysconf("SC_CLK_TCK")


def measure(python: Path, script: str, *arguments: object, **env: str) -> dict[str, float]:
    """Run one worker process; its last line is a JSON object of figures."""
    done = subprocess.run([python, ROOT / "bench" / script, *map(str, arguments)], env={**os.environ, **env}, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        raise SystemExit(f"{script} {arguments} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def in_turn(rounds: int, contestants: dict[str, tuple], key: str) -> dict[str, dict[str, float]]:
    """Measure every contestant `rounds` times in turn and keep each one's best by `key`. contestants: name -> (python, script, arguments, env)."""
    best: dict[str, dict[str, float]] = {}
    for _ in range(rounds):
        for name, (python, script, arguments, env) in contestants.items():
            got = measure(python, script, *arguments, **env)
            if name not in best or got[key] > best[name][key]:
                best[name] = got
    return best
