"""Run a command of batchwright, and write when it came how far: `marked_start.py FILE STARTED train TABLE ...`.

STARTED is `time.monotonic()` just before this process was started. The marks are seconds since then, and seconds of the
processor.
"""

import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FILE, STARTED = Path(sys.argv[1]), float(sys.argv[2])
MARKS = dict[str, tuple[float, float]]()


def mark(name: str) -> None:
    """It came as far as this, for the first time."""
    MARKS.setdefault(name, (time.monotonic() - STARTED, time.process_time()))


def marked(owner: Any, attribute: str, name: str) -> None:
    """Mark the end of the first call of a function."""
    function: Callable[..., Any] = getattr(owner, attribute)

    def call(*given: Any, **named: Any) -> Any:
        found = function(*given, **named)
        if name == "update":
            import jax

            jax.block_until_ready(found)
        mark(name)
        return found

    setattr(owner, attribute, call)


def main() -> None:
    """Run it."""
    mark("python")
    from batchwright.cli import main as main_module
    from batchwright.cli.main import app

    gc.set_threshold(getattr(main_module, "COLLECT_AFTER", 700), *gc.get_threshold()[1:])
    mark("command")
    from batchwright.training import fit, segment
    from batchwright.workflow import training

    mark("imports")
    marked(training, "prepare_to_train", "prepared")
    marked(fit, "compile_segment", "compiled")
    marked(segment.CompiledSegment, "__call__", "update")
    app(sys.argv[3:], standalone_mode=False)
    mark("end")
    FILE.write_text(json.dumps(MARKS))


if __name__ == "__main__":
    main()
