"""The folder of a comparison: what was compared, and what came of it."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from batchwright._files import Lock, write_file
from batchwright.errors import RunError
from batchwright.runs.folder import claim
from batchwright.runs.kinds import how_to_open
from batchwright.runs.manifest import COMPARISON, LOCK, Setting
from batchwright.runs.reading import parse, read_bytes, to_plain
from batchwright.runs.sealed import seal, unseal

FORMAT = 1
"""Increased when a comparison is written that older versions of batchwright would misread."""

SPACE = "space.yaml"
MOST_BYTES = 1 << 28


@dataclass(frozen=True)
class ComparisonPlan:
    """What was compared, on which rows, and with what.

    - source, fingerprint, rows: the name of the rows, the hash of them as arrays, and how many each part has
    - vary: the key that differs, perhaps with its values; None compares update rules
    - trials, seeds: how many learning rates were tried for each seed, and how many seeds there were
    - settings: the settings that are the same for all, with who chose each; reasons: why, of those that were measured
    - own_parts: whether a part is the user's own code
    - created, versions, machine: when, with what and on what
    - notes: sentences about what was left out
    """

    source: str
    fingerprint: str
    rows: dict[str, int]
    vary: str | None
    trials: int
    seeds: int
    settings: dict[str, Setting]
    reasons: dict[str, str] = field(default_factory=dict)
    own_parts: bool = False
    created: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    machine: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class ComparisonFolder:
    """A comparison's folder, locked against a second writer until it is closed; without a result it is removed."""

    def __init__(self, path: Path, plan: ComparisonPlan, lock: Lock, *, made: bool) -> None:
        self.path = path
        self.plan = plan
        self._lock = lock
        self._made = made
        self._written = False

    def write_result(self, plain: Mapping[str, Any], space: str) -> None:
        """Write what was compared and what came of it; `space` is YAML."""
        write_file(self.path / SPACE, space)
        plan = {**vars(self.plan), "settings": {key: vars(one) for key, one in self.plan.settings.items()}}
        write_file(self.path / COMPARISON, seal({"format": FORMAT, "plan": to_plain(plan), "result": dict(plain)}))
        self._written = True

    def __enter__(self) -> "ComparisonFolder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._written:
            with suppress(OSError):  # the error itself matters more than what it left behind
                (self.path / LOCK).unlink()
                (self.path / SPACE).unlink(missing_ok=True)
                if self._made:
                    self.path.rmdir()
        self._lock.release()


def create_comparison(path: Path, plan: ComparisonPlan) -> ComparisonFolder:
    """A new folder for a comparison.

    Raises:
        RunError: it exists, and is not an empty folder.
        UsageError: it cannot be written.
    """
    made = not path.exists()
    return ComparisonFolder(path, plan, claim(path, plan.source)[1], made=made)


def is_comparison(path: Path) -> bool:
    """Whether a folder is the folder of a comparison."""
    return (path / COMPARISON).is_file()


def read_comparison(path: Path) -> tuple[ComparisonPlan, dict[str, Any]]:
    """What was compared, and as plain data what came of it.

    Raises:
        RunError: it is not the folder of a comparison, or the file is not as it was written.
    """
    if not is_comparison(path):
        raise RunError(f"{path} is not the folder of a comparison: it has no {COMPARISON}.{how_to_open(path)}")
    where = path / COMPARISON
    plain = unseal(read_bytes(path, COMPARISON, at_most=MOST_BYTES), where, FORMAT)
    result = plain.get("result")
    if not isinstance(result, dict):
        raise RunError(f"{where} does not say what came of the comparison.")
    return parse(ComparisonPlan, plain.get("plan"), where), result
