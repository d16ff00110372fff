"""A side of `quick.py`: a version in its environment, with a process that measures in itself, and a server."""

import http.client
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from statistics import median

import numpy as np

CHILD = Path(__file__).with_name("quick_child.py")
ROWS, COLUMNS = 60_000, 9
REQUESTS = 100
"""Requests that are timed together."""
ROW = {"sepal length (cm)": 5.1, "sepal width (cm)": 3.5, "petal length (cm)": 1.4, "petal width (cm)": 0.2}
BODY = json.dumps([ROW])


class FailedError(Exception):
    """A side cannot do what is measured; the message says which side, and why."""


class Side:
    """A version: its `name` in print, the `python` of its environment, a `folder` of its own, and what both read."""

    def __init__(self, name: str, python: Path, folder: Path, table: Path) -> None:
        self.name, self._python, self._folder = name, python, folder
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "BATCHWRIGHT_"))}
        self._env = kept | {"BATCHWRIGHT_CACHE": str(folder / "programs")}
        self._runs = (path for number in count() if not (path := folder / f"run-{number}").exists())
        self._programs = self._run = Path()
        self._child = self._start("-P", str(CHILD), str(folder), str(table))
        self._server: subprocess.Popen[str] | None = None
        self._connection: http.client.HTTPConnection | None = None

    def run(self, *words: str, programs: Path | None = None) -> float:
        """Seconds of a new Python process; `programs` is its cache of compiled programs."""
        env = self._env if programs is None else self._env | {"BATCHWRIGHT_CACHE": str(programs)}
        began = time.perf_counter()
        done = subprocess.run([self._python, "-P", *words], cwd=self._folder, env=env, capture_output=True, text=True)
        seconds = time.perf_counter() - began
        if done.returncode:
            raise FailedError(f"{self.name} ends with exit code {done.returncode}: {done.stderr[-300:].strip()}")
        return seconds

    def first_run(self) -> float:
        """Seconds of a training where no program has been compiled before."""
        self._programs = next(path for number in count() if not (path := self._folder / f"first-{number}").exists())
        return self.later_run()

    def later_run(self) -> float:
        """Seconds of the same training, after the first."""
        if not self._programs.name:
            self.first_run()
        self._run = next(self._runs)
        words = ("-m", "batchwright", "train", "iris", "--run-dir", str(self._run))
        return self.run(*words, programs=self._programs)

    def ask(self, key: str) -> float:
        """Seconds that the process of this side measures."""
        assert self._child.stdin is not None and self._child.stdout is not None
        try:
            self._child.stdin.write(f"{key}\n")
            self._child.stdin.flush()
            answer = json.loads(self._child.stdout.readline())
        except (OSError, ValueError) as error:
            raise FailedError(f"the process of {self.name} has ended") from error
        if "error" in answer:
            raise FailedError(f"{self.name} says {answer['error']}")
        return float(answer["seconds"])

    def request(self) -> float:
        """Seconds in which the server of this side answers a row."""
        if self._connection is None:
            self._connection = self._connect()
        taken = []
        for _ in range(REQUESTS):
            began = time.perf_counter()
            self._connection.request("POST", "/predict", BODY, {"content-type": "application/json"})
            answer = self._connection.getresponse()
            said = answer.read()
            taken.append(time.perf_counter() - began)
            if answer.status != 200:
                raise FailedError(f"the server of {self.name} answers {answer.status}: {said[:200]!r}")
        return median(taken)

    def close(self) -> None:
        """End all processes of this side."""
        for process in filter(None, (self._child, self._server)):
            process.terminate()
            process.communicate()

    def _connect(self) -> http.client.HTTPConnection:
        """Start the server of a run, and connect to it."""
        if not self._run.name:
            self.later_run()
        self._server = self._start("-m", "batchwright", "serve", str(self._run), "--port", "0")
        assert self._server.stdout is not None
        port = self._server.stdout.readline().partition("http://127.0.0.1:")[2].partition("/")[0]
        if not port.isdecimal():
            raise FailedError(f"the server of {self.name} does not say where it is")
        return http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)

    def _start(self, *words: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        command = [str(self._python), *words]
        return subprocess.Popen(
            command, cwd=self._folder, env=self._env, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
        )


@contextmanager
def side_of(name: str, python: Path, folder: Path, table: Path) -> Iterator[Side]:
    """A side, until the end of the block."""
    side = Side(name, python, folder, table)
    try:
        yield side
    finally:
        side.close()


def write_rows(path: Path) -> Path:
    """A CSV file of about 5 MB: numbers, words, dates and a class."""
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(ROWS, COLUMNS))
    words = np.array(["north", "south", "east", "west"])[rng.integers(0, 4, ROWS)]
    days = np.datetime64("2020-01-01") + rng.integers(0, 1500, ROWS)
    classes = np.where(numbers[:, 0] + rng.normal(size=ROWS) > 0, "yes", "no")
    lines = [
        ",".join([*(f"{number:.4f}" for number in row), word, str(day), label])
        for row, word, day, label in zip(numbers, words, days, classes, strict=True)
    ]
    head = ",".join([*(f"n{number}" for number in range(COLUMNS)), "place", "day", "class"])
    path.write_text("\n".join([head, *lines, ""]), encoding="utf-8")
    return path
