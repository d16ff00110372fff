"""A dashboard beside a training: a process of its own, so that it takes no time of the training, and ends with it."""

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from batchwright.cli.dashboard import DEFAULT, open_dashboard
from batchwright.cli.output import say
from batchwright.dashboard.ending import Ending

WAIT = 5.0
"""Seconds for which the process may take to end."""


@contextmanager
def dashboard_beside(folder: Path) -> Iterator[None]:
    """Inside, a dashboard of the folder is open; it prints its link on standard error, and the folder may come later.

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
        say(f"the dashboard has ended with the training; `{command_for(folder)}` shows it again", err=True)


def folder_above(run_dir: Path | None) -> Path:
    """The folder whose dashboard shows a run that is about to begin; None is a run without a folder of its own."""
    if run_dir is None:
        return DEFAULT
    return run_dir.parent if run_dir.name not in ("", "..") else run_dir.resolve().parent


def command_for(folder: Path) -> str:
    """The command that shows the dashboard of a folder, from anywhere."""
    return f"batchwright dashboard {shlex.quote(str(folder.absolute()))}"


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
    ending = Ending(command_for(folder))

    def wait() -> None:
        sys.stdin.buffer.read()
        ending.begin()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()
    open_dashboard(folder, opens=True, ending=ending)


if __name__ == "__main__":
    serve_until_the_end_of_input(Path(sys.argv[1]))
