"""Processes that tests start: what they say is read as it comes, and each of them ends with its test.

A pipe that nobody reads fills up, and then the process that writes into it waits for ever. Nothing here waits for a
time in which a machine has to be done: `LIMIT` only keeps a test that hangs from hanging for ever.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Self

import pytest
from tests.forking import COMMAND_LINE, Fork

LIMIT = 1800.0
"""Seconds after which a test counts as hanging."""


def spawn(command: list[str], cwd: Path, env: Mapping[str, str]) -> "subprocess.Popen[str]":
    """Start a program whose output is read as text."""
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )


class Child:
    """A process, and all that it has said so far."""

    def __init__(self, process: "subprocess.Popen[str] | Fork") -> None:
        self.process = process
        self.pid = self.process.pid
        self._said: dict[str, list[str]] = {"out": [], "err": []}
        pipes = (("out", self.process.stdout), ("err", self.process.stderr))
        self._readers = [threading.Thread(target=self._read, args=pipe, daemon=True) for pipe in pipes]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str, pipe: IO[str]) -> None:
        with pipe:
            for line in pipe:
                self._said[name].append(line)

    @property
    def out(self) -> str:
        """Standard output so far."""
        return "".join(self._said["out"])

    @property
    def err(self) -> str:
        """Standard error so far."""
        return "".join(self._said["err"])

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, while the process lives; that it ends before is a failure."""
        began = time.monotonic()
        while not holds():
            if not self.alive:
                if holds():
                    return
                raise AssertionError(f"the process has ended with {self.ended()} before that\n{self.out}\n{self.err}")
            assert time.monotonic() - began < LIMIT, f"hangs\n{self.out}\n{self.err}"
            time.sleep(0.002)

    def ended(self) -> int:
        """Wait for its end, and give its exit status; all that it has said has been read then."""
        status = self.process.wait(LIMIT)
        for reader in self._readers:
            reader.join(LIMIT)
        return status

    def send(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def kill(self) -> int:
        """End it at once, if it lives, and give its exit status."""
        self.process.kill()
        return self.ended()


class Children:
    """Starts processes, and ends all of them."""

    def __init__(self) -> None:
        self._started: list[Child] = []

    def start(self, *command: object, cwd: Path, env: Mapping[str, str] | None = None) -> Child:
        """Start a program of this Python with these words."""
        return self._keep(spawn([sys.executable, *map(str, command)], cwd, {**os.environ, **(env or {})}))

    def fork(self, program: object, *words: object, cwd: Path, env: Mapping[str, str] | None = None) -> Child:
        """Start a script, or `COMMAND_LINE`, in a process that need import little: a fork of one that has."""
        if not sys.platform.startswith("linux"):
            return self.start(*(("-m",) if program == COMMAND_LINE else ()), program, *words, cwd=cwd, env=env)
        return self._keep(Fork([str(program), *map(str, words)], cwd, {**os.environ, **(env or {})}))

    def batchwright(self, *words: object, cwd: Path, cache: Path) -> Child:
        """Start the command line; `cache` is where it keeps compiled programs, apart from the process of the tests."""
        return self.fork(COMMAND_LINE, *words, cwd=cwd, env={"BATCHWRIGHT_CACHE": str(cache)})

    def _keep(self, process: "subprocess.Popen[str] | Fork") -> Child:
        child = Child(process)
        self._started.append(child)
        return child

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End all that still live."""
        for child in self._started:
            child.kill()


@pytest.fixture
def children() -> Iterator[Children]:
    """Processes of a test."""
    with Children() as started:
        yield started
