"""__main__ - `firesteel` and `python -m firesteel`: run the command that lies beside this file; Keras' files are converted here."""
from __future__ import annotations

import os
import sys
from pathlib import Path


def _convert(source: str, target: str) -> int:
    """convert A B where one of them is a file of Keras."""
    import firesteel as fire
    try:
        model = fire.load(source)
        if target.endswith(".safetensors"):
            model.save_weights(target)
        else:
            model.save(target)
    except fire.FiresteelError as problem:
        print(f"firesteel: {problem}", file=sys.stderr)
        return int(problem.code[2:3] or 1) if problem.code else 1
    return 0


def main() -> int:
    """Replace this process by the bundled command."""
    if sys.argv[1:2] == ["convert"] and len(sys.argv) == 4 and not sys.argv[2].startswith("-"):
        from .formats import kind_of
        if kind_of(sys.argv[2]) in ("keras", "json") or sys.argv[3].endswith(".keras"):
            return _convert(sys.argv[2], sys.argv[3])
    here = Path(__file__).resolve().parent
    candidates = [here / "firesteel", here.parent.parent / "build" / "cli" / "firesteel"]  # installed; in the source tree
    for path in candidates:
        if path.is_file() and os.access(path, os.X_OK):
            os.execv(path, ["firesteel", *sys.argv[1:]])
    print("firesteel: the command is not in this installation; expected it at " + str(candidates[0]), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
