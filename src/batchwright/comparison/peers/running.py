"""A peer in a process of its own, which may fail or take too long without harm to anything else."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from batchwright._extras import missing
from batchwright.comparison.peers.child import ANSWERS
from batchwright.comparison.peers.known import Peer
from batchwright.errors import InterruptedRunError

EVERY = 0.05
"""Seconds between looks at a peer that is trained."""
MOST_REASON = 300
"""Characters of the reason why a peer has failed."""


def run_peer(
    peer: Peer, folder: Path, time_limit: float, interrupted: Callable[[], bool]
) -> tuple[np.ndarray, float] | str:
    """The answers of a peer, trained in a process of its own, and the seconds of its fit; or why there are none.

    Raises:
        InterruptedRunError: it was interrupted.
    """
    if not peer.installed:
        return missing(peer.package, "batchwright[peers]", what="it")
    words = [sys.executable, "-m", "batchwright.comparison.peers.child", str(folder), peer.name]
    (folder / ANSWERS).unlink(missing_ok=True)
    with (folder / "said").open("w+") as said:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True)
        try:
            ended = _wait(process, time_limit, interrupted)
        finally:
            process.kill()
            process.wait()
        said.seek(0)
        lines = [line for line in said.read().splitlines() if line.strip()]
    if not ended:
        return f"it took more than {time_limit:,.4g} s"
    if process.returncode:
        return lines[-1][:MOST_REASON] if lines else f"its process ended with code {process.returncode}"
    with np.load(folder / ANSWERS) as found:
        answers, seconds = found["answers"], float(found["seconds"])
    return (answers, seconds) if np.isfinite(answers).all() else "some of its answers are not finite"


def _wait(process: "subprocess.Popen[bytes]", time_limit: float, interrupted: Callable[[], bool]) -> bool:
    """Whether the process has ended within the limit.

    Raises:
        InterruptedRunError: it was interrupted.
    """
    end = time.monotonic() + time_limit
    while process.poll() is None:
        if interrupted():
            raise InterruptedRunError("interrupted: nothing was written.")
        if time.monotonic() > end:
            return False
        time.sleep(EVERY)
    return True
