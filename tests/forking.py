"""Processes that are forks of one that has imported all: to import takes longer than a short training.

`forking.py N`, a process of its own, forks for each line that it reads from the socket N: a JSON object of the program,
its words, its folder and its environment. With the line come three pipes: standard output, standard error, and one on
which it writes the exit status. It answers the line with the number of the fork, and ends with the socket.
"""

import atexit
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

COMMAND_LINE = "batchwright"
"""The program that is no script: the command line."""
LOADED = (
    *("batchwright.cli.main", "batchwright.cli.show.training", "batchwright.figures", "batchwright.serve"),
    *("batchwright.tracking", "batchwright.workflow.progress", "batchwright.workflow.training", "rich.live"),
)


class Fork:
    """A fork of the process that has imported all, asked as a `subprocess.Popen` is."""

    def __init__(self, command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
        (out, its_out), (err, its_err), (self._status, its_status) = os.pipe(), os.pipe(), os.pipe()
        program, *words = command
        asked = json.dumps({"program": program, "words": words, "cwd": str(cwd), "env": dict(env)})
        self.pid = _server().fork(asked.encode() + b"\n", (its_out, its_err, its_status))
        for pipe in (its_out, its_err, its_status):
            os.close(pipe)
        self.stdout, self.stderr = (os.fdopen(pipe, errors="replace") for pipe in (out, err))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status, None while it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        status = self._ended(timeout)
        assert status is not None, f"process {self.pid} hangs"
        return status

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], seconds)[0]:
            self.returncode = int(os.read(self._status, 16))
            os.close(self._status)
        return self.returncode


class _Server:
    """The process that forks, and the socket to it."""

    def __init__(self) -> None:
        self._socket, its = socket.socketpair()
        command = [sys.executable, __file__, str(its.fileno())]
        null = subprocess.DEVNULL
        self._process = subprocess.Popen(
            command, pass_fds=[its.fileno()], stdin=null, stdout=null, cwd=Path(__file__).parents[1]
        )
        its.close()
        atexit.register(self._end)

    def fork(self, asked: bytes, pipes: Sequence[int]) -> int:
        """The number of a new fork, which has these pipes."""
        sent = socket.send_fds(self._socket, [asked], pipes)
        self._socket.sendall(asked[sent:])
        return int(self._socket.recv(16))

    def _end(self) -> None:
        self._socket.close()
        self._process.wait()


@cache
def _server() -> _Server:
    return _Server()


def _serve(asking: socket.socket) -> None:
    """Fork for each line. In a fork, this is left only as its program is."""
    signalled, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([asking, signalled], [], [])
        if signalled in ready:
            os.read(signalled, 4096)
            _tell_ends(running)
        if asking in ready:
            line, pipes = _read(asking)
            if not line:
                return
            forked = os.fork()
            if forked == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for inherited in (asking.detach(), signalled, wake, pipes[2], *running.values()):
                    os.close(inherited)
                _become(json.loads(line), *pipes[:2])
                return
            running[forked] = pipes[2]
            for pipe in pipes[:2]:
                os.close(pipe)
            asking.sendall(b"%d" % forked)


def _read(asking: socket.socket) -> tuple[bytes, list[int]]:
    """A line and its pipes; nothing at the end."""
    line, pipes, _, _ = socket.recv_fds(asking, 1 << 16, 3)
    while line and not line.endswith(b"\n"):
        line += asking.recv(1 << 16)
    return line, pipes


def _tell_ends(running: dict[int, int]) -> None:
    """Write the exit status of each fork that has ended, and forget it."""
    for fork in list(running):
        ended, status = os.waitpid(fork, os.WNOHANG)
        if ended:
            pipe = running.pop(fork)
            os.write(pipe, b"%d" % os.waitstatus_to_exitcode(status))
            os.close(pipe)


def _become(asked: Mapping[str, Any], out: int, err: int) -> None:
    """Run the program as if this process had been started for it."""
    for pipe, place in ((out, 1), (err, 2)):
        os.dup2(pipe, place)
        os.close(pipe)
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    sys.argv = [asked["program"], *asked["words"]]
    if asked["program"] == COMMAND_LINE:
        runpy.run_module(COMMAND_LINE, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(asked["program"], run_name="__main__")


if __name__ == "__main__":
    for module in LOADED:
        __import__(module)
    gc.freeze()  # no fork need look at what was imported, which would copy it
    _serve(socket.socket(fileno=int(sys.argv[1])))
