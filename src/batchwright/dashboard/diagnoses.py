"""What seems to be wrong with runs, found by a process of its own: it takes JAX, which the server does not load."""

import json
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batchwright.dashboard.plain import safe

MOST_SECONDS = 120
MOST_KEPT = 200
"""Runs whose diagnosis is kept until the server ends."""


@dataclass
class Diagnoses:
    """Makes one diagnosis at a time, when a page of a run that has ended asks for it.

    Args:
        kept: what each run was like, and the answer, by id.
    """

    kept: dict[str, tuple[object, dict[str, Any]]] = field(default_factory=dict)
    _process: "subprocess.Popen[str] | None" = None
    _of: tuple[str, object] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, identifier: str, run: Path, mark: object) -> dict[str, Any]:
        """The diagnosis of a run, or how far it is: "making", "waiting" for that of another run, "failed" or "ready".

        Args:
            identifier: the run's id.
            run: its folder.
            mark: what changes when the run does: a diagnosis of what it was before is made anew.
        """
        with self._lock:
            known, found = self.kept.get(identifier, (None, {}))
            if known == mark:
                return found
            if self._of is not None:
                return {"state": "making" if self._of == (identifier, mark) else "waiting"}
            command = [sys.executable, "-m", "batchwright.dashboard.diagnosing", str(run.resolve())]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            self._of = (identifier, mark)
            threading.Thread(target=self._wait, args=(identifier, mark, self._process), daemon=True).start()
        return {"state": "making"}

    def _wait(self, identifier: str, mark: object, process: "subprocess.Popen[str]") -> None:
        try:
            told, said = process.communicate(timeout=MOST_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            told, said = "", f"it took more than {MOST_SECONDS} s"
        with self._lock:
            self.kept.pop(identifier, None)
            self.kept[identifier] = mark, _read(told, said)
            while len(self.kept) > MOST_KEPT:
                del self.kept[next(iter(self.kept))]
            self._process = self._of = None

    def end(self) -> None:
        """End what is being made."""
        process = self._process
        if process is not None:
            process.kill()


def _read(told: str, said: str) -> dict[str, Any]:
    """What the process has told; the last of what it said where it has told nothing."""
    try:
        return {"state": "ready", **safe(json.loads(told))}
    except ValueError:
        lines = [line for line in said.splitlines() if line.strip()]
        return {"state": "failed", "reason": lines[-1][:1_000] if lines else "the process ended without a word"}
