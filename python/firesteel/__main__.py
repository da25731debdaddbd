"""__main__ - `firesteel` and `python -m firesteel`: run the command that lies beside this file."""
from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> int:
    """Replace this process by the bundled command."""
    here = Path(__file__).resolve().parent
    candidates = [here / "firesteel", here.parent.parent / "build" / "cli" / "firesteel"]  # installed; in the source tree
    for path in candidates:
        if path.is_file() and os.access(path, os.X_OK):
            os.execv(path, ["firesteel", *sys.argv[1:]])
    print("firesteel: the command is not in this installation; expected it at " + str(candidates[0]), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
