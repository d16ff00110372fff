"""What processes that train together say when they meet: who each is, what has to be the same, why one cannot train."""

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version

PROCESSES, PACKAGES = "processes", ("batchwright", "jax", "jaxlib", "numpy")
"""Facts that are told: how many processes there are, and the versions of packages."""
MOST_BYTES = 1 << 16
"""Of a line."""


@dataclass(frozen=True)
class Arrival:
    """What a process says when it comes.

    Args:
        index: which of the processes it is; None where that is not known, as one that has failed may not know it.
        who: its machine and its number there.
        facts: what has to be the same at all processes.
        failure: why it cannot train; empty if it can.
    """

    index: int | None
    who: str
    facts: Mapping[str, str] = field(default_factory=dict)
    failure: str = ""

    @property
    def name(self) -> str:
        """Which process it is, for people."""
        count = self.facts.get(PROCESSES, "")
        number = "a process" if self.index is None else f"process {self.index}{f' of {count}' if count else ''}"
        return f"{number} ({self.who})"


def arrival(index: int | None, count: int | None, failure: str = "") -> Arrival:
    """What this process says."""
    versions = {name: version(name) for name in PACKAGES}
    facts = versions if count is None else {PROCESSES: str(count), **versions}
    return Arrival(index, f"{socket.gethostname()}, process {os.getpid()}", facts, failure)


def difference(first: Mapping[str, str], other: Mapping[str, str], index: int) -> str:
    """In what process `index` differs from the first, as a sentence; empty if in nothing."""
    names = [name for name in {**first, **other} if first.get(name) != other.get(name)]
    if not names:
        return ""
    shown = "; ".join(f"{name}: {first.get(name)!s:.80} and {other.get(name)!s:.80}" for name in names)
    return f"processes 0 and {index} cannot train together, as they differ in {shown}. Make them alike."


def read_arrival(line: bytes) -> Arrival:
    """What a process has said.

    Raises:
        ValueError: this is none that trains.
    """
    match json.loads(line):
        case {"index": int() | None as index, "who": str(who), "facts": dict(facts), "failure": str(failure)}:
            return Arrival(index, who, {str(name): str(value) for name, value in facts.items()}, failure)
    raise ValueError(line)


def read_line(connection: socket.socket) -> bytes:
    """The first line that is not empty.

    Raises:
        OSError: there is none.
    """
    with connection.makefile("rb") as lines:
        while line := lines.readline(MOST_BYTES):
            if line.strip():
                return line
    raise ConnectionError("it has closed the connection")
