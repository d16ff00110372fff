"""Reports of runs, made by a process of its own when they are asked for: they need the model and the rows."""

import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

State: TypeAlias = Literal["none", "making", "ready", "failed"]
MOST_SECONDS = 1_800


class Busy(Exception):  # noqa: N818 - it becomes an answer
    """The report of another folder is being made."""


@dataclass
class Reports:
    """Makes one report at a time, in a folder of its own, so that nothing is written beside the run.

    Args:
        folder: where the pages lie until the server ends; None until one is made.
        failed: why a report could not be made, by id.
    """

    folder: Path | None = None
    failed: dict[str, str] = field(default_factory=dict)
    _making: dict[str, "subprocess.Popen[str]"] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def state(self, identifier: str) -> State:
        """How far the report of a run is."""
        if identifier in self._making:
            return "making"
        if self.page(identifier) is not None:
            return "ready"
        return "failed" if identifier in self.failed else "none"

    def page(self, identifier: str) -> Path | None:
        """The page, once it is made."""
        if self.folder is None or identifier in self._making:
            return None
        path = self.folder / f"{identifier}.html"
        return path if path.is_file() else None

    def begin(self, identifier: str, run: Path) -> State:
        """Begin to make a report, unless one is being made; a report from before is made anew.

        Raises:
            Busy: the report of another folder is being made.
        """
        with self._lock:
            self.folder = self.folder or Path(tempfile.mkdtemp(prefix="batchwright-"))  # only this user can read it
            if not self._making:
                path = self.folder / f"{identifier}.html"
                path.unlink(missing_ok=True)
                self.failed.pop(identifier, None)
                words = [sys.executable, "-m", "batchwright", "report", "--html", "--", str(run.resolve()), str(path)]
                process = subprocess.Popen(
                    words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
                )
                self._making[identifier] = process
                threading.Thread(target=self._wait, args=(identifier, process), daemon=True).start()
            elif identifier not in self._making:
                raise Busy
        return self.state(identifier)

    def _wait(self, identifier: str, process: "subprocess.Popen[str]") -> None:
        try:
            _, said = process.communicate(timeout=MOST_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            _, said = "", f"it took more than {MOST_SECONDS:,} s"
        if process.returncode:
            lines = [line for line in said.splitlines() if line.strip()]
            self.failed[identifier] = lines[-1][:1_000] if lines else "the process ended without a word"
        del self._making[identifier]

    def end(self) -> None:
        """End what is being made, and remove what was."""
        for process in list(self._making.values()):
            process.kill()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
