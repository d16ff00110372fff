"""The command line in a process that kills itself at a chosen call to the file system: `child.py N WORDS...`.

N counts, from 1, the calls that change something in a folder named `run`, or flush it to the disk; 0 never kills.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

CALLS = ("mkdir", "fsync", "link", "rename", "replace", "unlink")


def main() -> None:
    fatal, made = int(sys.argv[1]), 0
    sys.argv = ["batchwright", *sys.argv[2:]]

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*arguments: Any, **named: Any) -> Any:
            nonlocal made
            if isinstance(arguments[0], int) or "run" in Path(arguments[0]).parts:
                made += 1
                if made == fatal:
                    os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **named)

        return counting

    from batchwright.cli.main import main as batchwright

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))
    batchwright()


if __name__ == "__main__":
    main()
