"""A run looked at for a page: by a process of its own, as the run is trained again, which may take long."""

import json
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batchwright.errors import UsageError, unknown

DIRECTIONS = ("path", "random")
FIGURES = ("surface", "loss", "sharpness", "gradients", "time")
MOST_SECONDS = 7_200


@dataclass
class RunLooks:
    """What is known of one run; each plane is made once, when it is first asked for. As a context, it ends the rest.

    Args:
        run: the run's folder.
        folder: where figures lie until the end; None until one is made.
    """

    run: Path
    folder: Path | None = None
    _found: dict[str, dict[str, Any]] = field(default_factory=dict)
    _making: dict[str, "subprocess.Popen[str]"] = field(default_factory=dict)
    _waiting: dict[str, threading.Thread] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, directions: str) -> dict[str, Any]:
        """How far it is: `state` is making, ready or failed; with what was found, or the reason.

        Raises:
            UsageError: there are no such directions.
        """
        if directions not in DIRECTIONS:
            raise UsageError(unknown("directions", directions[:60], DIRECTIONS))
        with self._lock:
            if directions not in self._found and directions not in self._making:
                self._begin(directions)
        found = self._found.get(directions, {"state": "making"})
        return {**found, "run": self.run.name, **self._copies(directions)}

    def wait(self, directions: str) -> dict[str, Any]:
        """What `ask` gives when it is ready, or has failed."""
        self.ask(directions)
        self._waiting[directions].join()
        return self.ask(directions)

    def figure(self, directions: str, name: str) -> str | None:
        """A figure as SVG; None where there is none, or none yet."""
        if self.folder is None or directions not in DIRECTIONS or name not in FIGURES:
            return None
        if name not in self._found.get(directions, {}).get("figures", ()):
            return None
        return (self.folder / directions / f"{name}.svg").read_text(encoding="utf-8")

    def _begin(self, directions: str) -> None:
        self.folder = self.folder or Path(tempfile.mkdtemp(prefix="batchwright-"))  # only this user can read it
        words = [sys.executable, "-m", "batchwright", "lab", "run", str(self.run.resolve()), "--json"]
        words += ["--directions", directions, "--figures", str(self.folder / directions)]
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._making[directions] = process
        self._waiting[directions] = threading.Thread(target=self._wait, args=(directions, process), daemon=True)
        self._waiting[directions].start()

    def _wait(self, directions: str, process: "subprocess.Popen[str]") -> None:
        try:
            told, said = process.communicate(timeout=MOST_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            told, said = "", f"it took more than {MOST_SECONDS:,} s"
        if process.returncode:
            lines = [line for line in said.splitlines() if line.strip()]
            reason = lines[-1][:1_000] if lines else "the process ended without a word"
            self._found[directions] = {"state": "failed", "reason": reason}
        else:
            plain = json.loads(told)
            self._found[directions] = {
                "state": "ready",
                "sentences": plain["sentences"],
                "figures": self._written(directions),
            }
        del self._making[directions]

    def _written(self, directions: str) -> list[str]:
        """The figures that there are: not all runs have all of them."""
        assert self.folder is not None
        return [name for name in FIGURES if (self.folder / directions / f"{name}.svg").is_file()]

    def _copies(self, directions: str) -> dict[str, str]:
        chosen = [] if directions == "path" else ["--directions", directions]
        more = "" if directions == "path" else f", directions={directions!r}"
        python = f"import batchwright as bw\n\nseen = bw.lab.look_at_run({str(self.run)!r}{more})\nseen.figure()"
        return {"command": shlex.join(["batchwright", "lab", "run", str(self.run), *chosen]), "python": python}

    def __enter__(self) -> "RunLooks":
        return self

    def __exit__(self, *_: object) -> None:
        """End what is being made, and remove what was."""
        for process in list(self._making.values()):
            process.kill()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
