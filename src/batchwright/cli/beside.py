"""A dashboard beside a training: a process of its own, so that it takes no time of the training, and ends with it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from batchwright.cli.output import say

WAIT = 5.0
"""Seconds for which the process may take to end."""


@contextmanager
def dashboard_beside(folder: Path) -> Iterator[None]:
    """Inside, a dashboard of the folder is open; it prints its link on standard error.

    It reads a pipe, whose end tells it to end: so it never outlives this process, even if that is killed.
    """
    command = [sys.executable, "-m", "batchwright.cli.beside", str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=sys.stderr.fileno(), start_new_session=True)
    try:
        yield
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(WAIT)
        except subprocess.TimeoutExpired:
            process.kill()


def stay_open() -> None:
    """Wait until Ctrl-C, where a person is there to press it: who has opened a dashboard wants to see the end."""
    if not sys.stdin.isatty():
        return
    say("the dashboard stays open until Ctrl-C", err=True)
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)


def serve_until_the_end_of_input(folder: Path) -> None:
    """Serve the dashboard of a folder until standard input ends."""
    from batchwright.cli.dashboard import open_dashboard

    def wait() -> None:
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()
    open_dashboard(folder, opens=True)


if __name__ == "__main__":
    serve_until_the_end_of_input(Path(sys.argv[1]))
