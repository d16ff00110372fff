"""A command run to its end, with its time and its memory as the operating system counts them."""

import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class CommandError(Exception):
    """A command ended with another exit code than 0; the message says which, with the end of what it wrote."""


@dataclass(frozen=True)
class Process:
    """What a process wrote to stdout, seconds from its start to its end, and its peak resident memory (MiB).

    `processor` has the seconds of all cores together, its children's included. `anonymous_mb` is the peak
    of what no file backs, as seen every 20 ms; 0 where the system does not say.
    """

    stdout: str
    seconds: float
    peak_mb: float
    anonymous_mb: float
    processor: float


def run(command: Sequence[str], env: Mapping[str, str] | None = None) -> Process:
    """Run a command alone to its end; `env` is added to the environment.

    Raises:
        CommandError: its exit code is not 0.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err, env={**os.environ, **(env or {})})
        anonymous = _watched(process.pid)
        _, status, usage = os.wait4(process.pid, 0)  # the usage of this child alone, its own children included
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode != 0:
            tail = "\n".join(err.read().splitlines()[-15:])
            raise CommandError(f"exit code {process.returncode}: {shlex.join(command)}\n{tail}")
        return Process(out.read(), seconds, usage.ru_maxrss / 1024, anonymous, usage.ru_utime + usage.ru_stime)


def _watched(pid: int) -> float:
    """Wait for the end of a process, and give the peak of its anonymous memory (MiB) as seen every 20 ms."""
    status, peak = Path(f"/proc/{pid}/status"), 0.0
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        lines = status.read_text().splitlines() if status.exists() else []
        peak = max([peak, *(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))])
        time.sleep(0.02)
    return peak
